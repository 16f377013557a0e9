"""A challenger before the gate: the champion, both on the same origins and data, and the verdict.

Where the record that the champion was stored with lacks an origin, or outcomes have been revised, it is scored again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...data.errors import ModelError, OriginError
from ...training.registry import (
    AGAINST,
    POOL,
    RIVAL,
    RIVAL_LISTS,
    RIVAL_PARTS,
    Verdict,
    best_baselines,
    common_origins,
    decide,
    origin_scores,
    with_lists,
    with_parts,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...data.panel import Panel
    from ...training.margins import Margins
    from ...training.models.base import Problem
    from ...training.registry.versions import LoadedModel
    from ...training.trained_model import TrainedModel
    from ..settings import Settings

#: What one row of a scored record is about, of the pool and of parts, and of watch lists.
KEYS = ["target", "horizon", "origin"]
LIST_KEYS = ["of", "months", "origin"]


@dataclass(frozen=True)
class Rival:
    """A champion's record on a challenger's origins and data: of the pool, of watch lists (or None), of parts."""

    scores: pd.DataFrame
    lists: pd.DataFrame | None
    parts: pd.DataFrame

    @classmethod
    def stored(cls, champion: LoadedModel, challenger: LoadedModel | None = None) -> Rival:
        """As the champion was stored, or where a challenger was judged against it, as it was scored then."""
        old = champion.trained
        if challenger is None or challenger.tags.get(AGAINST) != champion.version:
            return cls(champion.scores, old.past_lists, old.past_parts)
        lists, parts = challenger.read_scores(RIVAL_LISTS), challenger.read_scores(RIVAL_PARTS)
        return cls(
            _given(challenger.read_scores(RIVAL), champion.scores),
            None if old.past_lists is None else _given(lists, old.past_lists),
            _given(parts, old.past_parts),
        )

    def tables(self) -> dict[str, pd.DataFrame]:
        """What is stored with the challenger, by the name of its file."""
        found = {RIVAL: self.scores, RIVAL_PARTS: self.parts, RIVAL_LISTS: self.lists}
        return {name: table for name, table in found.items() if table is not None and len(table)}


def _given(table: pd.DataFrame | None, otherwise: pd.DataFrame) -> pd.DataFrame:
    return otherwise if table is None else table


@dataclass(frozen=True)
class Judged:
    """A verdict of the gate.

    ``rival`` is whom the challenger faced, in words; ``against`` the version's number, empty where there is no champion
    (``first``); ``theirs`` the champion's record on the same origins; ``origins`` those that were compared.
    """

    verdict: Verdict
    rival: str
    against: str = ""
    first: bool = False
    theirs: Rival | None = None
    origins: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        passes = "passes" if self.verdict.ok else "does not pass"
        span = (
            f" on {len(self.origins)} origins, {self.origins[0]} to {self.origins[-1]}"
            if self.origins
            else ""
        )
        return f"**Gate.** It {passes} against {self.rival}{span}: {'; '.join(self.verdict.reasons)}."

    def tags(self) -> dict[str, str]:
        """The verdict as tags of a run and of a version."""
        span = {"judged_origins": str(len(self.origins))}
        if self.origins:
            span |= {"judged_from": self.origins[0], "judged_to": self.origins[-1]}
        return {
            "gate": "passes" if self.verdict.ok else "refuses",
            "gate_reasons": "; ".join(self.verdict.reasons)[:5000],
            "gate_rival": self.rival,
            **({"judged_against": self.against} if self.against else {}),
            **span,
        }


def judged(
    challenger: pd.DataFrame,
    trained: TrainedModel,
    panel: Panel,
    settings: Settings,
    better: bool = True,
    others: Sequence[Panel] = (),
) -> Judged:
    """What the gate says of a model that was trained just now on ``panel``, and on ``others`` that it learned from.

    A champion that is damaged costs the new model its verdict, never its version.
    """
    try:
        champion = champion_of(settings)
        theirs = None
        if champion is not None:
            theirs = champion_record(champion, challenger, trained, panel, settings.seed, others)
        verdict, rival = judge_challenger(challenger, trained, champion, settings.seed, better, theirs)
    except ModelError as reason:
        place = f"{reason.where}: " if reason.where else ""
        why = f"the champion cannot be read: {place}{reason.what.rstrip('.')}"
        return Judged(Verdict(False, (why,)), "the champion")
    mine = challenger[challenger["member"] == POOL]
    both = mine if theirs is None else common_origins(theirs.scores, mine)
    origins = tuple(sorted(set(both["origin"])))
    if champion is None:
        return Judged(verdict, rival, "", True, None, origins)
    differs = [] if better else differences(trained, champion.trained)
    if differs:
        verdict = Verdict(False, (f"it is no refit: it differs in {differs[0]}",), verdict.figures)
    return Judged(verdict, rival, champion.version, False, theirs, origins)


def judge_challenger(
    challenger: pd.DataFrame,
    trained: TrainedModel,
    champion: LoadedModel | None,
    seed: int,
    better: bool = True,
    theirs: Rival | None = None,
) -> tuple[Verdict, str]:
    """What the gate says of a challenger, and whom it faced: the champion, or the best baselines.

    ``challenger`` holds its scores, ``trained`` is its model, whose watch lists and parts are compared with the
    champion's; ``seed`` draws the blocks of months, ``better`` asks for a gain; ``theirs`` is the champion's record
    where it is not the one it was stored with. See :func:`harmattan.training.registry.gate.decide`, ``with_lists``
    and ``with_parts`` there.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 4]))
    mine = challenger[challenger["member"] == POOL]
    if champion is None:
        verdict = with_parts(decide(best_baselines(challenger), mine, rng), None, trained.past_parts, rng)
        return verdict, "the best baselines"
    theirs = theirs or Rival.stored(champion)
    scores = theirs.scores
    verdict = decide(scores[scores["member"] == POOL], mine, rng, better=better)
    verdict = with_lists(verdict, theirs.lists, trained.past_lists, rng)
    verdict = with_parts(verdict, theirs.parts, trained.past_parts, rng)
    return verdict, f"version {champion.version}"


def promotion_tags(how: str, verdict: Verdict, rival: str, reason: str = "") -> dict[str, str]:
    """Why a version became champion, for the registry."""
    tags = {
        "promoted_how": how,
        "promoted_against": rival,
        "promoted_because": reason.strip() or "; ".join(verdict.reasons),
        "gate": "passes" if verdict.ok else "refuses",
        "gate_reasons": "; ".join(verdict.reasons),
    }
    return tags | {f"gate_{name}": f"{value:.4f}" for name, value in verdict.figures.items()}


def champion_of(settings: Settings) -> LoadedModel | None:
    """The champion; None where there is none yet. A champion that cannot be read is an error, not an absence."""
    from ...training import registry

    doing, place = "the model registry cannot be used", (settings.mlruns, settings.tracking_uri)
    with registry.connected(*place, doing=doing, remedy=registry.REMEDY) as client:
        there = any(registry.CHAMPION in version.aliases for version in registry.list_versions(client))
    if not there:
        return None
    return registry.load_model(registry.CHAMPION, settings.mlruns, settings.tracking_uri)


def differences(new: TrainedModel, old: TrainedModel) -> list[str]:
    """Why one model is not the other's recipe fitted on newer months; empty where it is."""
    differs = {
        "the recipe of the features": new.recipe.to_json() != old.recipe.to_json(),
        "the package": new.package_version != old.package_version,
        "the members of a pool": new.member_names != old.member_names,
        "the months, which are not newer": new.origin <= old.origin,
    }
    return [what for what, differ in differs.items() if differ]


def champion_record(
    champion: LoadedModel,
    challenger: pd.DataFrame,
    trained: TrainedModel,
    panel: Panel,
    seed: int,
    others: Sequence[Panel] = (),
) -> Rival:
    """The champion on the challenger's origins: as stored where the data are the same, else scored again.

    From the month that it was trained to on, the stored model itself forecasts. Before that month it knows the
    outcomes, so its recipe counts: where members and features are the challenger's, that is the challenger's own
    back-test. What neither gives is left as it was stored. Watch lists and parts go the same way.

    Parameters
    ----------
    champion : LoadedModel
    challenger : pandas.DataFrame
        Its record, as :func:`harmattan.training.registry.gate.origin_scores` gives it.
    trained : TrainedModel
        The challenger.
    panel : Panel
        What the challenger was trained on, up to its origin.
    seed : int
        Randomises the transform.
    others : sequence of Panel
        Regions that the challenger learned from only.

    Returns
    -------
    Rival
        Tables as the challenger's, ``scores`` of the pool alone, with ``scored``: ``stored``, ``again`` or ``recipe``.

    Raises
    ------
    ModelError
        The champion's record is missing or has changed since it was registered.
    """
    old = champion.trained
    stored, asked = (t[t["member"] == POOL] for t in (champion.scores, challenger))
    recipe = old.recipe.to_json() == trained.recipe.to_json() and old.member_names == trained.member_names
    known, parts = old.past_parts, trained.past_parts
    # A part that only one of them has a record of is for the gate to name, not to be scored again.
    parts = parts[parts["target"].isin(set(known["target"]))]
    lacking = _lacking(known, parts, KEYS)
    totals = lacking.assign(target=[_whole(part) for part in lacking["target"]])
    rows = pd.concat([_lacking(stored, asked, KEYS), totals], ignore_index=True)[KEYS].drop_duplicates()
    rows = rows[rows["origin"] >= str(old.origin)]
    scores, split = _forecast_again(old, rows, panel, seed, len(lacking) > 0, others)
    if len(known):
        split = split[split["target"].isin(set(known["target"]))] if len(split) else split
        known = _completed(known, parts, split, KEYS, old, recipe)
    lists, mine = old.past_lists, trained.past_lists
    if lists is not None and mine is not None and len(lists):
        lists = _lists_again(old, trained, lists, mine, panel, others)
    return Rival(
        _completed(stored, asked, scores, KEYS, old, recipe),
        lists,
        known,
    )


def _whole(part: str) -> str:
    """The target that a part is a part of."""
    return "deaths" if part.startswith("deaths") else "events"


def _lacking(stored: pd.DataFrame, asked: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Rows that are asked for, and that a record does not hold with the same cases and outcomes."""
    if stored.empty or asked.empty:
        return asked
    same = [*keys, "cases", "happened" if "happened" in asked else "observed"]
    return asked[~asked[same].apply(tuple, axis=1).isin(set(stored[same].apply(tuple, axis=1)))]


def _completed(
    stored: pd.DataFrame,
    asked: pd.DataFrame,
    again: pd.DataFrame,
    keys: list[str],
    old: TrainedModel,
    recipe: bool,
) -> pd.DataFrame:
    """A stored record with what it lacked: from the model itself, and before its origin from the same recipe."""
    lacking = _lacking(stored, asked, keys)
    found = [again.assign(scored="again")] if len(again) else []
    earlier = lacking[lacking["origin"] < str(old.origin)]
    if recipe and len(earlier):
        found.append(earlier.assign(scored="recipe"))
    stored = stored.assign(scored="stored")
    if not found:
        return stored
    fresh = pd.concat(found, ignore_index=True)
    replaced = stored[keys].apply(tuple, axis=1).isin(set(fresh[keys].apply(tuple, axis=1)))
    return pd.concat([stored[~replaced], fresh], ignore_index=True)


def _lists_again(
    old: TrainedModel,
    trained: TrainedModel,
    stored: pd.DataFrame,
    asked: pd.DataFrame,
    panel: Panel,
    others: Sequence[Panel],
) -> pd.DataFrame:
    """The champion's watch lists at the challenger's months; these models have no recipe but their package."""
    from ...training.problems import build_problems
    from ..watch import score_stored

    lacking = _lacking(stored, asked, LIST_KEYS)
    again = stored.iloc[:0]
    if old.onset is not None and (lacking["origin"] >= str(old.origin)).any():
        problem = build_problems(panel, ("events",), others)["events"]
        again = score_stored(old.onset, problem, [other.panel for other in problem.also], old.origin)
    return _completed(stored, asked, again, LIST_KEYS, old, old.package_version == trained.package_version)


def _forecast_again(
    old: TrainedModel,
    rows: pd.DataFrame,
    panel: Panel,
    seed: int,
    parts: bool,
    others: Sequence[Panel],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores of what a stored model publishes, and of its parts, at origins that it was not fitted after.

    Both are empty where it cannot serve the panel.
    """
    from ...training.evaluation import PartJudge, Publication, events_first, part_scores
    from ...training.onset import OnsetFits
    from ...training.pool import onset_chances
    from ...training.problems import build_problems

    horizons = tuple(h for h in old.horizons if h in set(rows["horizon"]))
    nothing = (pd.DataFrame(), pd.DataFrame())
    try:
        old.check_serves(panel, panel.last_month, horizons, old.targets)
    except (ModelError, OriginError):
        return nothing
    if not horizons:
        return nothing
    problems = events_first(build_problems(panel, old.targets, others, old.recipe).values())
    every, rng = np.arange(len(panel.region_ids)), np.random.default_rng(np.random.SeedSequence([seed, 5]))
    judge = PartJudge.of(panel, every) if parts else None
    months = [pd.Period(origin, freq="M") for origin in sorted(set(rows["origin"]))]
    quiet = {}
    if old.onset is not None and "events" in old.targets:
        quiet = onset_chances(OnsetFits.of(problems[0]), months, old.onset)
    deaths = "deaths" in old.targets
    cases, split = [], []
    for horizon in horizons:
        publish = Publication(quiet, horizon, every, (lambda problem, origin: problem) if deaths else None)
        asked = set(rows.loc[rows["horizon"] == horizon, "origin"])
        # Deaths, and those of civilians, follow the events of the same origin, which come before them.
        for month, problem in ((m, p) for m in months if str(m) in asked for p in problems):
            pool = old.pools[problem.target, horizon].margins(problem, month)["pool"]
            pool = publish.of(problem, month, month, pool)
            cases.append(_cases(pool, problem, problem.target, horizon, month, rng))
            if judge is not None:
                found = judge.scores(problem.target, pool, problem.row(month), horizon)
                split.append(part_scores(found, horizon, month))
    return (
        origin_scores(pd.concat(cases, ignore_index=True)),
        pd.concat(split, ignore_index=True) if split else nothing[1],
    )


def _cases(
    pool: Margins, problem: Problem, target: str, horizon: int, month: pd.Period, rng: np.random.Generator
) -> pd.DataFrame:
    """One origin's forecast against what came, a row per region that was observed."""
    from ...training.evaluation import escalation_level, measure, outcomes

    every = np.arange(len(problem.panel.region_ids))
    came = outcomes(problem, np.array([problem.row(month) + horizon]), every)[0]
    past = outcomes(problem, np.maximum(problem.row(month) + np.arange(-11, 1), 0), every)
    values = measure(pool, came, escalation_level(past))
    seen = np.isfinite(came)
    low, high = values["pit_low"][seen], values["pit_high"][seen]
    return pd.DataFrame(
        {
            "target": target,
            "member": POOL,
            "horizon": horizon,
            "origin": str(month),
            "observed": came[seen].astype(np.int64),
            "crps": values["crps"][seen],
            "pit": low + rng.random(len(low)) * (high - low),
        }
    )
