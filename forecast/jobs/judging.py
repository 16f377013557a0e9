"""A challenger before the gate: the champion, both on the same origins and data, and the verdict.

Where the record that the champion was stored with lacks an origin, or outcomes have been revised, it is scored again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...data.errors import ModelError, OriginError
from ...training.evaluation import escalation_level, measure, outcomes
from ...training.registry import (
    POOL,
    Verdict,
    best_baselines,
    common_origins,
    decide,
    origin_scores,
    with_lists,
    with_parts,
)

if TYPE_CHECKING:
    from ...data.panel import Panel
    from ...training.models.base import Problem
    from ...training.registry.versions import LoadedModel
    from ...training.trained_model import TrainedModel
    from ..settings import Settings

#: What one row of a scored record is about.
KEYS = ["target", "horizon", "origin"]


@dataclass(frozen=True)
class Judged:
    """A verdict of the gate.

    ``rival`` is whom the challenger faced, in words; ``against`` the version's number, empty where there is no champion
    (``first``); ``rival_scores`` the champion's scores on the same origins; ``origins`` those that were compared.
    """

    verdict: Verdict
    rival: str
    against: str = ""
    first: bool = False
    rival_scores: pd.DataFrame | None = None
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
    challenger: pd.DataFrame, trained: TrainedModel, panel: Panel, settings: Settings, better: bool = True
) -> Judged:
    """What the gate says of a model that was trained just now on ``panel``.

    A champion that is damaged costs the new model its verdict, never its version.
    """
    try:
        champion = champion_of(settings)
        theirs = None
        if champion is not None:
            theirs = champion_scores(champion, challenger, trained, panel, settings.seed)
        verdict, rival = judge_challenger(challenger, trained, champion, settings.seed, better, theirs)
    except ModelError as reason:
        place = f"{reason.where}: " if reason.where else ""
        why = f"the champion cannot be read: {place}{reason.what.rstrip('.')}"
        return Judged(Verdict(False, (why,)), "the champion")
    mine = challenger[challenger["member"] == POOL]
    both = mine if theirs is None else common_origins(theirs, mine)
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
    theirs: pd.DataFrame | None = None,
) -> tuple[Verdict, str]:
    """What the gate says of a challenger, and whom it faced: the champion, or the best baselines.

    ``challenger`` holds its scores, ``trained`` is its model, whose watch lists and parts are compared with the
    champion's; ``seed`` draws the blocks of months, ``better`` asks for a gain; ``theirs`` are the champion's scores
    where they are not those it was stored with. See :func:`harmattan.training.registry.gate.decide`, ``with_lists``
    and ``with_parts`` there.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 4]))
    mine = challenger[challenger["member"] == POOL]
    if champion is None:
        verdict = with_parts(decide(best_baselines(challenger), mine, rng), None, trained.past_parts, rng)
        return verdict, "the best baselines"
    theirs = champion.scores if theirs is None else theirs
    verdict = decide(theirs[theirs["member"] == POOL], mine, rng, better=better)
    verdict = with_lists(verdict, champion.trained.past_lists, trained.past_lists, rng)
    verdict = with_parts(verdict, champion.trained.past_parts, trained.past_parts, rng)
    return verdict, f"version {champion.version}"


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


def champion_scores(
    champion: LoadedModel, challenger: pd.DataFrame, trained: TrainedModel, panel: Panel, seed: int
) -> pd.DataFrame:
    """The champion's pool on the challenger's origins: as stored where the data are the same, else scored again.

    From the month that it was trained to on, the stored model itself forecasts. Before that month it knows the
    outcomes, so its recipe counts: where members and features are the challenger's, that is the challenger's own
    back-test. What neither gives is left as it was stored.

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

    Returns
    -------
    pandas.DataFrame
        As the challenger's record, of the pool alone, with ``scored``: ``stored``, ``again`` or ``recipe``.

    Raises
    ------
    ModelError
        The champion's record is missing or has changed since it was registered.
    """
    stored = champion.scores[champion.scores["member"] == POOL].assign(scored="stored")
    asked = challenger[challenger["member"] == POOL]
    same = [*KEYS, "cases", "observed"]
    known = asked.merge(stored[same], on=same)[KEYS].apply(tuple, axis=1)
    lacking = asked[~asked[KEYS].apply(tuple, axis=1).isin(set(known))]
    old = champion.trained
    later = lacking["origin"] >= str(old.origin)
    found = [_forecast_again(old, lacking[later], panel, seed).assign(scored="again")] if later.any() else []
    if (~later).any() and _same_recipe(old, trained):
        found.append(lacking[~later].assign(scored="recipe"))
    if not found:
        return stored
    again = pd.concat(found, ignore_index=True)
    replaced = stored[KEYS].apply(tuple, axis=1).isin(set(again[KEYS].apply(tuple, axis=1)))
    return pd.concat([stored[~replaced], again], ignore_index=True)


def _same_recipe(old: TrainedModel, new: TrainedModel) -> bool:
    """Whether a back-test of the one is that of the other: features and members are the same."""
    return old.recipe.to_json() == new.recipe.to_json() and old.member_names == new.member_names


def _forecast_again(old: TrainedModel, rows: pd.DataFrame, panel: Panel, seed: int) -> pd.DataFrame:
    """Scores of a stored model at origins that it was not fitted after; none where it cannot serve the panel."""
    from ...training.problems import build_problems

    targets = tuple(t for t in old.targets if t in set(rows["target"]))
    horizons = tuple(h for h in old.horizons if h in set(rows["horizon"]))
    try:
        old.check_serves(panel, panel.last_month, horizons, targets)
    except (ModelError, OriginError):
        return rows.iloc[:0]
    problems = build_problems(panel, targets, (), old.recipe)
    rng = np.random.default_rng(np.random.SeedSequence([seed, 5]))
    cases = [
        _cases(old, problems[target], target, int(horizon), origin, rng)
        for target, horizon, origin in zip(*(rows[key].tolist() for key in KEYS), strict=True)
        if target in targets and horizon in horizons
    ]
    return origin_scores(pd.concat(cases, ignore_index=True)) if cases else rows.iloc[:0]


def _cases(
    old: TrainedModel, problem: Problem, target: str, horizon: int, origin: str, rng: np.random.Generator
) -> pd.DataFrame:
    """One origin's forecast against what came, a row per region that was observed."""
    month = pd.Period(origin, freq="M")
    every = np.arange(len(problem.panel.region_ids))
    came = outcomes(problem, np.array([problem.row(month) + horizon]), every)[0]
    past = outcomes(problem, np.maximum(problem.row(month) + np.arange(-11, 1), 0), every)
    pool = old.pools[target, horizon].margins(problem, month)["pool"]
    values = measure(pool, came, escalation_level(past))
    seen = np.isfinite(came)
    low, high = values["pit_low"][seen], values["pit_high"][seen]
    return pd.DataFrame(
        {
            "target": target,
            "member": POOL,
            "horizon": horizon,
            "origin": origin,
            "observed": came[seen].astype(np.int64),
            "crps": values["crps"][seen],
            "pit": low + rng.random(len(low)) * (high - low),
        }
    )
