"""The gate in front of the champion: a challenger has to be better on the same origins, not only seem so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from ..evaluation.comparison import BAND, ENOUGH_MONTHS, diebold_mariano, month_blocks, skill_from_blocks

#: What is published, and what has to be better.
POOL = "pool"
#: Least gain in CRPS over all horizons together; less is not worth a change.
MARGIN = 0.005
#: Most that any horizon of any target may lose.
LARGEST_LOSS = 0.02
#: Central intervals whose coverage is held to its band.
LEVELS = (0.5, 0.8, 0.9)
#: Watch lists that are compared, what they are called, and the months ahead that count.
LISTS, LIST_MONTHS = {"onset": "onsets", "entry": "entries"}, 3
#: What one row of a scored record is about.
KEYS = ["target", "horizon", "origin"]
COLUMNS = (*KEYS, "member", "cases", "observed", "crps", *(f"inside_{int(100 * level)}" for level in LEVELS))


@dataclass(frozen=True)
class Verdict:
    """Whether a challenger may become champion, and why.

    Attributes
    ----------
    ok : bool
        It passes every rule.
    reasons : tuple of str
        Every rule that it breaks, in words; what it gained where it breaks none.
    figures : mapping of str to float
        ``skill, low, high, p, months`` of the leading target, ``skill_h1`` and so on, and coverage.
    """

    ok: bool
    reasons: tuple[str, ...]
    figures: Mapping[str, float] = field(default_factory=dict)


def origin_scores(cases: pd.DataFrame, members: Sequence[str] | None = None) -> pd.DataFrame:
    """The scored record of a back-test, month by month: what a gate compares.

    Parameters
    ----------
    cases : pandas.DataFrame
        One row per ``target, member, horizon, origin`` and region, with ``observed, crps, pit``.
    members : sequence of str, optional
        Whose record is kept; the pool's and the baselines' where None.

    Returns
    -------
    pandas.DataFrame
        ``target, horizon, origin, member, cases, observed, crps`` (sums over regions), ``inside_50, inside_80,
        inside_90`` (cases whose transform lies in the central interval).

    Examples
    --------
    >>> case = {"target": "events", "member": "pool", "horizon": 1, "origin": "2022-01", "region_id": "a"}
    >>> origin_scores(pd.DataFrame([{**case, "observed": 2, "crps": 0.5, "pit": 0.5}]))["crps"].tolist()
    [0.5]
    """
    from ..models import BASELINES

    kept = cases[cases["member"].astype(str).isin(members or (POOL, *BASELINES))]
    inside = {
        f"inside_{int(100 * level)}": ((kept["pit"] - 0.5).abs() <= level / 2).astype(np.int64)
        for level in LEVELS
    }
    counted = kept.assign(cases=1, **inside).astype(dict.fromkeys(["target", "member", "origin"], str))
    counted = counted.astype({"horizon": np.int64, "observed": np.int64, "crps": float})
    sums = counted.groupby([*KEYS, "member"], as_index=False)[
        [c for c in COLUMNS if c not in (*KEYS, "member")]
    ]
    return sums.sum()[list(COLUMNS)]


def best_baselines(record: pd.DataFrame) -> pd.DataFrame:
    """Of each target and horizon the baseline with the lowest CRPS: the rival of a first champion."""
    from ..models import BASELINES

    baselines = record[record["member"].isin(BASELINES)]
    total = baselines.groupby(["target", "horizon", "member"], as_index=False)["crps"].sum()
    best = total.loc[total.groupby(["target", "horizon"])["crps"].idxmin(), ["target", "horizon", "member"]]
    return baselines.merge(best, on=["target", "horizon", "member"])


def decide(
    champion: pd.DataFrame,
    challenger: pd.DataFrame,
    rng: np.random.Generator,
    leading: str = "events",
    better: bool = True,
) -> Verdict:
    """Whether the challenger is better than the champion on the origins that both were scored on.

    Parameters
    ----------
    champion, challenger : pandas.DataFrame
        One row per target, horizon and origin, as :func:`origin_scores` gives them for one member. Rows count where
        both were scored on as many cases with the same outcomes: revised data are not the same origins.
    rng : numpy.random.Generator
        Draws the blocks of months.
    leading : str
        The target that has to be better; the others must not be worse. The first of all where it is absent.
    better : bool
        Whether a gain is asked for. The same recipe fitted on newer months cannot be better on the same origins: it
        only has to be no worse: not by more than 0.5 % with the whole interval below zero.

    Returns
    -------
    Verdict
        Refused for any of: a target or horizon of the champion that the challenger has no record of, or fewer than 24
        common origins of it; a gain under 0.5 %, or whose 95 % interval (block bootstrap
        over months) does not lie above zero, with or without the horizon that gains most; a horizon that loses more
        than 2 %; coverage of the central 50, 80 or 90 % that is surely further than 2 points from nominal.
    """
    both = common_origins(champion, challenger)
    if both.empty:
        return Verdict(False, ("no origin is common to both on the same outcomes",))
    if leading not in set(both["target"]):
        leading = sorted(both["target"])[0]
    reasons = list(_not_compared(champion, challenger, both, leading))
    figures: dict[str, float] = {}
    for target, rows in both.groupby("target"):
        table = _Months.of(rows)
        blocks = month_blocks(len(table.origins), rng)
        if target == leading:
            figures |= _gain(table, blocks)
            reasons += _not_better(table, blocks, figures) if better else _worse(figures)
        reasons += [f"{target}: {reason}" for reason in _worse_horizons(table)]
        reasons += [f"{target}: {reason}" for reason in _out_of_band(table, blocks, figures, str(target))]
    if reasons:
        return Verdict(False, tuple(reasons), figures)
    gained = f"CRPS of {leading} {figures['skill']:+.1%}, 95 % interval {figures['low']:+.1%} to {figures['high']:+.1%}"
    return Verdict(True, (f"{gained}, {figures['months']:.0f} origins",), figures)


def with_lists(
    verdict: Verdict, champion: pd.DataFrame | None, challenger: pd.DataFrame | None, rng: np.random.Generator
) -> Verdict:
    """The verdict once watch lists have been compared too: they must not be clearly worse.

    Parameters
    ----------
    verdict : Verdict
        Of the counts.
    champion, challenger : pandas.DataFrame or None
        ``of, months, origin, cases, happened, log_score`` (sums over places at risk); None of a model without lists,
        empty of one that was trained before lists were scored. Months count where cases and outcomes are the same.
    rng : numpy.random.Generator
        Draws the blocks of months.

    Returns
    -------
    Verdict
        Refused where the challenger has no lists and the champion has, and where the log score of onsets or of entries
        within three months is more than 2 % worse on at least 24 common months with its whole 95 % interval below
        zero. What was not compared is said with a verdict that passes.
    """
    if champion is None:
        return verdict
    if challenger is None:
        return _refused(verdict, ["the challenger does not forecast onsets"])
    worse, notes, figures = [], [], dict(verdict.figures)
    for of, name in LISTS.items():
        theirs, mine = (t[(t["of"] == of) & (t["months"] == LIST_MONTHS)] for t in (champion, challenger))
        if theirs.empty:
            notes += [f"{name} are not compared: the champion has no record of them"]
            continue
        if mine.empty:
            worse += [f"the challenger has no record of {name}"]
            continue
        both = mine.merge(theirs, on=["origin", "cases", "happened"], suffixes=("", "_champion"))
        both = both.sort_values("origin")
        if len(both) < ENOUGH_MONTHS:
            notes += [f"{name} are not compared: {_few(len(both))}"]
            continue
        blocks = month_blocks(len(both), rng)
        own, other = both["log_score"].to_numpy(float), both["log_score_champion"].to_numpy(float)
        skill, low, high = skill_from_blocks(own, other, blocks)
        figures |= {f"{name}_skill": skill, f"{name}_low": low, f"{name}_high": high}
        if skill < -LARGEST_LOSS and high < 0:
            within = f"within {LIST_MONTHS} months"
            worse += [f"the log score of {name} {within} is {-skill:.1%} worse, at least {-high:.1%}"]
    return _with_reasons(replace(verdict, figures=figures), worse, notes)


def with_parts(
    verdict: Verdict, champion: pd.DataFrame | None, challenger: pd.DataFrame, rng: np.random.Generator
) -> Verdict:
    """The verdict once parts have been compared too, all horizons together: none may be clearly worse.

    Parameters
    ----------
    verdict : Verdict
        Of what came before.
    champion, challenger : pandas.DataFrame
        ``target, horizon, origin, cases, observed, crps, crps_conflictology`` (sums over places), empty of a
        model whose parts were not scored; without a champion the rival is conflictology of the part itself.
    rng : numpy.random.Generator
        Draws the blocks of months.

    Returns
    -------
    Verdict
        Refused where the challenger has no record of a part of the champion's, or the CRPS of a part is more than 2 %
        worse on at least 24 common months with its whole interval below zero. The intervals are 95 % ones for all parts
        together (each ``1 - .05 / parts``): of fifteen groups one loses by chance. What was not compared is said with a
        verdict that passes.
    """
    own = challenger.assign(crps=challenger.get("crps_conflictology"))
    rival = own if champion is None else champion
    if rival.empty:
        note = "parts are not compared: the champion has no record of them"
        return _with_reasons(verdict, [], [note] if len(challenger) else [])
    worse, notes, figures = [], [], dict(verdict.figures)
    both = common_origins(rival, challenger if len(challenger) else rival.iloc[:0])
    parts = list(dict.fromkeys(rival["target"]))
    for part in parts:
        months = both[both["target"] == part].groupby("origin")[["crps", "crps_champion"]].sum()
        if part not in set(challenger["target"]):
            worse += [f"the challenger has no record of {part}"]
        elif len(months) < ENOUGH_MONTHS:
            notes += [f"{part} is not compared: {_few(len(months))}"]
        else:
            blocks = month_blocks(len(months), rng)
            mine, theirs = months.to_numpy(float).T
            skill, low, high = skill_from_blocks(mine, theirs, blocks, level=1 - 0.05 / len(parts))
            figures |= {f"skill_{part}": skill, f"low_{part}": low, f"high_{part}": high}
            if skill < -LARGEST_LOSS and high < 0:
                worse += [f"CRPS of {part} is {-skill:.1%} worse, at least {-high:.1%}"]
    return _with_reasons(replace(verdict, figures=figures), worse, notes)


def _with_reasons(verdict: Verdict, worse: Sequence[str], notes: Sequence[str]) -> Verdict:
    """The verdict with more reasons to refuse, or with what was not compared where it passes."""
    if worse:
        return _refused(verdict, worse)
    return replace(verdict, reasons=(*verdict.reasons, *notes)) if verdict.ok else verdict


def _refused(verdict: Verdict, reasons: Sequence[str]) -> Verdict:
    """The verdict with more reasons to refuse; what was gained is none."""
    return replace(verdict, ok=False, reasons=(*(() if verdict.ok else verdict.reasons), *reasons))


def _not_compared(
    champion: pd.DataFrame, challenger: pd.DataFrame, both: pd.DataFrame, leading: str
) -> Iterator[str]:
    """What the champion forecasts and the challenger was not held against, by target and horizon."""
    origins = both.groupby(["target", "horizon"])["origin"].nunique()
    scored = set(zip(challenger["target"], challenger["horizon"], strict=True))
    for target, rows in champion.groupby("target"):
        horizons = sorted(set(rows["horizon"]))
        if not any(known == target for known, _ in scored):
            yield f"{target}: the challenger does not forecast it"
            continue
        together = both.loc[both["target"] == target, "origin"].nunique()
        if together < ENOUGH_MONTHS:
            if target != leading:
                yield f"{target}: {_few(together)}"
            horizons = [h for h in horizons if (target, h) not in scored]
        for horizon in horizons:
            if (target, horizon) not in scored:
                yield f"{target}: the challenger does not forecast horizon {horizon}"
            elif (found := int(origins.get((target, horizon), 0))) < ENOUGH_MONTHS:
                yield f"{target}: horizon {horizon} has {_few(found)}"


def common_origins(champion: pd.DataFrame, challenger: pd.DataFrame) -> pd.DataFrame:
    """Rows of both on the same cases and outcomes; ``crps`` is the challenger's, ``crps_champion`` the other's."""
    same = [*KEYS, "cases", "observed"]
    rival = champion[[*same, "crps"]].rename(columns={"crps": "crps_champion"})
    return challenger.merge(rival, on=same).sort_values(KEYS, ignore_index=True)


@dataclass(frozen=True)
class _Months:
    """Sums of one target, by origin and horizon: (origins, horizons), zero where there is none."""

    origins: tuple[str, ...]
    horizons: tuple[int, ...]
    mine: np.ndarray
    theirs: np.ndarray
    cases: np.ndarray
    inside: Mapping[float, np.ndarray]

    @classmethod
    def of(cls, rows: pd.DataFrame) -> _Months:
        """From common rows of one target."""

        def table(column: str) -> np.ndarray:
            wide = rows.pivot_table(index="origin", columns="horizon", values=column, aggfunc="sum")
            return np.asarray(wide.sort_index().fillna(0.0).to_numpy(float))

        return cls(
            tuple(sorted(set(rows["origin"]))),
            tuple(sorted(set(rows["horizon"]))),
            table("crps"),
            table("crps_champion"),
            table("cases"),
            {level: table(f"inside_{int(100 * level)}") for level in LEVELS},
        )

    def skill(self, blocks: np.ndarray, without: int | None = None) -> tuple[float, float, float]:
        """Gain over all horizons (but one) with its interval."""
        keep = [i for i in range(len(self.horizons)) if i != without]
        return skill_from_blocks(self.mine[:, keep].sum(axis=1), self.theirs[:, keep].sum(axis=1), blocks)

    def by_horizon(self) -> np.ndarray:
        """Gain at each horizon, (horizons,)."""
        theirs = self.theirs.sum(axis=0)
        lost = np.divide(self.mine.sum(axis=0), theirs, out=np.ones(len(theirs)), where=theirs > 0)
        return np.asarray(1 - lost)


def _gain(table: _Months, blocks: np.ndarray) -> dict[str, float]:
    skill, low, high = table.skill(blocks)
    cases = np.maximum(table.cases.sum(axis=1), 1)
    p = diebold_mariano((table.mine - table.theirs).sum(axis=1) / cases, max(table.horizons))
    by_horizon = {f"skill_h{h}": float(s) for h, s in zip(table.horizons, table.by_horizon(), strict=True)}
    return {
        "skill": skill,
        "low": low,
        "high": high,
        "p": p,
        "months": float(len(table.origins)),
        **by_horizon,
    }


def _not_better(table: _Months, blocks: np.ndarray, figures: Mapping[str, float]) -> Iterator[str]:
    """Why the gain of the leading target is none."""
    yield from _too_few(figures)
    if not figures["skill"] >= MARGIN:
        yield f"CRPS gains {figures['skill']:+.1%}: at least {MARGIN:+.1%} is needed"
    if not figures["low"] > 0:
        yield f"the gain may be luck: its 95 % interval begins at {figures['low']:+.1%}"
    if len(table.horizons) > 1:
        best = int(np.argmax(table.by_horizon()))
        skill, low, _ = table.skill(blocks, without=best)
        if not low > 0:
            yield (
                f"the gain rests on horizon {table.horizons[best]} alone: without it {skill:+.1%}, "
                f"interval from {low:+.1%}"
            )


def _worse(figures: Mapping[str, float]) -> Iterator[str]:
    """Why the leading target is worse where no gain is asked for."""
    yield from _too_few(figures)
    if figures["skill"] < -MARGIN and figures["high"] < 0:
        yield f"CRPS is {-figures['skill']:.1%} worse, at least {-figures['high']:.1%}"


def _too_few(figures: Mapping[str, float]) -> Iterator[str]:
    if figures["months"] < ENOUGH_MONTHS:
        yield _few(int(figures["months"]))


def _few(origins: int) -> str:
    return f"only {origins} common origins: {ENOUGH_MONTHS} are needed"


def _worse_horizons(table: _Months) -> Iterator[str]:
    for horizon, skill in zip(table.horizons, table.by_horizon(), strict=True):
        if skill < -LARGEST_LOSS:
            yield f"horizon {horizon} loses {-skill:.1%}: at most {LARGEST_LOSS:.0%} is allowed"


def _out_of_band(table: _Months, blocks: np.ndarray, figures: dict[str, float], target: str) -> Iterator[str]:
    """Coverage whose whole 95 % interval lies outside the band around nominal."""
    cases = table.cases.sum(axis=1)
    for level in LEVELS:
        inside = table.inside[level].sum(axis=1)
        share = float(inside.sum() / cases.sum())
        low, high = np.quantile((blocks @ inside) / np.maximum(blocks @ cases, 1), [0.025, 0.975])
        figures[f"coverage_{int(100 * level)}_{target}"] = share
        if low > level + BAND or high < level - BAND:
            yield f"the {level:.0%} interval covers {share:.1%}: out of its band of {BAND * 100:.0f} points"
