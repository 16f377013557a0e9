"""From scored forecasts to tables: who is better, by how much, how surely, where, and how well calibrated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...data.errors import UsageError, nearest
from ..figures import draw_table
from ..models.catalogue import BASELINES, RIVAL
from .case_scores import CRPS_PARTS, REFERENCE, SCORES, CaseScores, score_record
from .comparison import ENOUGH_MONTHS, compare_members, diebold_mariano, month_blocks, skill_from_blocks
from .diagnostics import binned_reliability, coverage, covered, pit_table, pooled_rankings, score_sets
from .joint import joint_tables
from .leave_one_out import leave_one_out
from .quiet_places import quiet_by_year, quiet_table
from .scores import average_precision, brier

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...data.panel import Panel
    from ..record import Record

#: Columns of the leaderboard that a notebook shows.
SHOWN = ("horizon", "member", "crps", "skill_vs_best", "best_low", "best_high", "weight", "verdict")


@dataclass(frozen=True)
class Evaluation:
    """Every table of one back-test.

    Attributes
    ----------
    leaderboard : pandas.DataFrame
        One row per member and horizon: scores, skill with intervals, the verdict in words, and the mean weight in the
        pool, which those have that are in it.
    splits : pandas.DataFrame
        CRPS and skill by country, border or interior, months with or without events, and year.
    onsets : pandas.DataFrame
        Ranking of onsets and escalations, pooled over horizons.
    coverage : pandas.DataFrame
        Randomised-PIT coverage overall and by bins of the predicted mean.
    reliability, pit : pandas.DataFrame
        Probabilities said against frequencies; histogram of the PIT.
    weights : pandas.DataFrame
        Weights of the pool: ``horizon, origin, member, weight``.
    cases : pandas.DataFrame
        One row per member, horizon, origin and region.
    quiet : pandas.DataFrame
        Chances where it was quiet against what was observed, by year.
    quiet_years : pandas.DataFrame
        The same of the pool, horizons together, on both windows of the benchmark.
    joint, totals, serial : pandas.DataFrame or None
        Scores of joint draws, coverage of country totals, and correlations of errors across months
        (:func:`harmattan.training.evaluation.joint.joint_tables`), where records keep draws.
    leave_one_out : pandas.DataFrame or None
        What each member is worth to the pool, where that was asked for.
    windows : pandas.DataFrame or None
        Skill on each window of the benchmark, and the mean of the two.
    """

    leaderboard: pd.DataFrame
    splits: pd.DataFrame
    onsets: pd.DataFrame
    coverage: pd.DataFrame
    reliability: pd.DataFrame
    pit: pd.DataFrame
    weights: pd.DataFrame
    cases: pd.DataFrame
    quiet: pd.DataFrame
    quiet_years: pd.DataFrame | None = None
    joint: pd.DataFrame | None = None
    totals: pd.DataFrame | None = None
    serial: pd.DataFrame | None = None
    leave_one_out: pd.DataFrame | None = None
    windows: pd.DataFrame | None = None

    def __repr__(self) -> str:
        """What was scored, in one line."""
        members = list(dict.fromkeys(self.leaderboard["member"]))
        return f"Evaluation({len(self.cases)} cases of {len(members)} members: {', '.join(members)})"

    def compare(
        self, first: str | None = None, second: str | None = None, measure: str = "crps"
    ) -> pd.DataFrame:
        """Whether one member is better than another, or every pair; see :func:`compare_members`.

        Parameters
        ----------
        first, second : str, optional
            Two members; every pair where none is named.
        measure : str
            ``crps``, ``crps_log``, ``ignorance`` or ``interval_90``.

        Returns
        -------
        pandas.DataFrame
            By horizon: scores of both, ``skill, low, high`` (95 %), ``p`` (Diebold-Mariano) and a verdict in words.

        Examples
        --------
        >>> harmattan.backtest().compare("boosted", "conflictology_12")  # doctest: +SKIP
        """
        return compare_members(self.cases, first, second, measure)

    def plot(self, kind: str = "skill") -> Figure:
        """A picture: ``skill``, ``coverage``, ``reliability``, ``pit`` or ``weights``.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        UsageError
            There is no such picture, or nothing to draw.
        """
        target = str(self.leaderboard["target"].iloc[0])
        drawn = {
            "skill": ("skill_by_horizon", self.leaderboard),
            "coverage": ("coverage_by_horizon", self.leaderboard),
            "reliability": ("reliability", self.reliability),
            "pit": ("pit", self.pit),
            "weights": ("pool_weights", self.weights.assign(target=target)),
        }
        if kind not in drawn:
            raise UsageError(f"there is no picture '{kind}'.", "plot", nearest(kind, drawn))
        return draw_table(*drawn[kind])

    def scores(self) -> pd.DataFrame:
        """Scores by evaluation set, on the natural and the log scale; see :func:`score_sets`."""
        return score_sets(self.cases)

    def _repr_html_(self) -> str:
        """What a notebook shows: the leaderboard, the best member of each horizon first."""
        from ...data.show import card

        board = self.leaderboard
        facts = {
            "horizons": ", ".join(map(str, sorted(set(board["horizon"])))),
            "members": ", ".join(sorted(set(board["member"]))),
            "cases": len(self.cases),
        }
        shown = board[[c for c in SHOWN if c in board]].sort_values(["horizon", "crps"], kind="stable")
        return card("Evaluation of a back-test", facts, shown, rows=20)

    def tables(self) -> dict[str, pd.DataFrame]:
        """By name, in the order of the attributes; what was not asked for is left out."""
        every = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: table for name, table in every.items() if table is not None}


def evaluate(
    records: Sequence[Record],
    rng: np.random.Generator,
    border: Mapping[str, bool] | None = None,
    *,
    leave_out: bool = False,
) -> Evaluation:
    """Score the records of a back-test and make every table.

    Parameters
    ----------
    records : sequence of Record
        One per horizon, of one target.
    rng : numpy.random.Generator
        Randomises the PIT and draws the bootstrap samples.
    border : mapping of str to bool, optional
        Whether a region touches another country of the panel; without it that split is left out.
    leave_out : bool
        Whether to try the pool without each member as well.
    """
    scored, quiet = [score_record(record, rng) for record in records], quiet_table(records)
    weights = pd.concat(
        [record.weights.assign(horizon=record.horizon) for record in records], ignore_index=True
    )
    mean = weights.groupby(["horizon", "member"], as_index=False)["weight"].mean()
    tables = Evaluation(
        leaderboard=leaderboard(scored, rng).merge(mean, how="left", on=["horizon", "member"]),
        splits=splits(scored, rng, border),
        onsets=pooled_rankings(scored, rng),
        coverage=coverage(scored),
        reliability=binned_reliability(scored),
        pit=pit_table(scored),
        weights=weights,
        cases=_cases(scored),
        quiet=quiet,
        quiet_years=quiet_by_year([quiet]),
        leave_one_out=leave_one_out(records, rng) if leave_out else None,
    )
    if all(record.pool is None for record in records):
        return tables
    return replace(tables, **joint_tables(records, rng)._asdict())


def _cases(scored: list[CaseScores]) -> pd.DataFrame:
    """The cases of all horizons, each of which is let go of as soon as its rows are made.

    Names are categories in the order of texts, which would take twice the memory of all numbers; origins are texts.
    """
    every = {"target": {s.target for s in scored}, "member": {m for s in scored for m in s.members}}
    kinds = {
        n: sorted(v) for n, v in (every | {"region_id": {r for s in scored for r in s.region_ids}}).items()
    }
    frames = []
    while scored:
        frame = scored.pop(0).to_frame()
        alike = {n: frame[n].cat.set_categories(kinds[n]) for n in kinds}
        frames.append(frame.assign(origin=frame["origin"].astype("str"), **alike))
    return pd.concat(frames, ignore_index=True)


def best_baseline(scored: CaseScores, measure: str = "crps", also: Sequence[str] = ()) -> str | None:
    """The baseline with the lowest mean of a measure; None where the back-test has none of them."""
    there = [m for m in (*BASELINES, *also) if m in scored.members]
    mean = {m: scored.mean(m, measure) for m in there}
    return min(mean, key=lambda m: mean[m]) if mean else None


def leaderboard(scored: Sequence[CaseScores], rng: np.random.Generator) -> pd.DataFrame:
    """One row per member and horizon.

    Parameters
    ----------
    scored : sequence of CaseScores
        One per horizon.
    rng : numpy.random.Generator
        Draws the bootstrap samples, the same for every member of a horizon.

    Returns
    -------
    pandas.DataFrame
        ``target, member, horizon, cases, months``; mean ``crps, crps_log, ignorance, interval_90``, and
        ``crps_dispersion, crps_over, crps_under``, which sum to ``crps``; ``brier_1, brier_5, brier_10, ap_1, ap_5,
        ap_10`` and the same for ``onset`` and ``escalation``; ``coverage_50`` to ``coverage_90``;
        ``skill_vs_conflictology, skill_low, skill_high``; ``best_baseline, skill_vs_best, best_low, best_high, dm_p,
        clear, verdict`` on CRPS; ``ignorance_rival, ignorance_skill, ignorance_low, ignorance_high,
        ignorance_clear``. Skill is a fraction, intervals are 95 %.
    """
    rows = []
    for s in scored:
        blocks = month_blocks(len(s.origins), rng)
        best = best_baseline(s)
        rival = best_baseline(s, "ignorance", also=(RIVAL,))
        for member in s.members:
            skill = _skill(s, member, REFERENCE, "crps", blocks)
            against = _skill(s, member, best, "crps", blocks)
            sharp = _skill(s, member, rival, "ignorance", blocks)
            seen = s.seen_of(member)
            months = int(seen.any(axis=1).sum())
            rows.append(
                {
                    "target": s.target,
                    "member": member,
                    "horizon": s.horizon,
                    "cases": int(seen.sum()),
                    "months": months,
                    **_means(s, member),
                    **_binary(s, member),
                    **covered(s.of(member, "pit")[seen]),
                    **dict(zip(("skill_vs_conflictology", "skill_low", "skill_high"), skill, strict=True)),
                    "best_baseline": best,
                    **dict(zip(("skill_vs_best", "best_low", "best_high"), against, strict=True)),
                    "dm_p": diebold_mariano(_monthly_difference(s, member, best), s.horizon),
                    "clear": _clear(against, months),
                    "verdict": _verdict(member, best, against, months),
                    "ignorance_rival": rival,
                    **dict(zip(("ignorance_skill", "ignorance_low", "ignorance_high"), sharp, strict=True)),
                    "ignorance_clear": _clear(sharp, months),
                }
            )
    return pd.DataFrame(rows)


def _means(scored: CaseScores, member: str) -> dict[str, float]:
    return {name: scored.mean(member, name) for name in (*SCORES, *CRPS_PARTS)}


def _skill(
    scored: CaseScores,
    member: str,
    against: str | None,
    measure: str,
    blocks: np.ndarray,
    inside: np.ndarray | None = None,
) -> tuple[float, float, float]:
    """Skill and interval, over some of the cases; sums per month, so that a month counts by its cases."""
    if against not in scored.members:
        return float("nan"), float("nan"), float("nan")
    keep = scored.seen_of(member, against)
    keep = keep if inside is None else keep & inside
    sums = [np.where(keep, scored.of(m, measure), 0.0).sum(axis=1) for m in (member, against)]
    return skill_from_blocks(sums[0], sums[1], blocks)


def _monthly_difference(scored: CaseScores, member: str, against: str | None) -> np.ndarray:
    """Mean CRPS of the member less that of the other, by month; NaN where nothing was observed."""
    if against is None:
        return np.full(len(scored.origins), np.nan)
    seen = scored.seen_of(member, against)
    difference = np.where(seen, scored.of(member, "crps") - scored.of(against, "crps"), 0.0)
    cases = seen.sum(axis=1)
    mean = np.divide(difference.sum(axis=1), cases, out=np.full(len(cases), np.nan), where=cases > 0)
    return np.asarray(mean)


def _clear(skill: tuple[float, float, float], months: int) -> bool:
    """Whether the interval leaves zero out, and comes from enough months."""
    return months >= ENOUGH_MONTHS and bool(skill[1] > 0 or skill[2] < 0)


def _verdict(member: str, best: str | None, skill: tuple[float, float, float], months: int) -> str:
    """The comparison in words."""
    if best is None or not np.isfinite(skill).all():
        return "cannot be compared: there is no baseline with a score above zero"
    if member == best:
        return "the best baseline at this horizon"
    if months < ENOUGH_MONTHS:
        return f"too few months to compare with {best}: {months}, and {ENOUGH_MONTHS} are needed"
    if not _clear(skill, months):
        return f"no clear difference from {best}: the interval covers zero"
    return f"{'better' if skill[1] > 0 else 'worse'} than {best}"


def _binary(scored: CaseScores, member: str) -> dict[str, float]:
    """Brier score and average precision of each question; NaN where it is never asked, or never happened."""
    found = {}
    for name, asked, happened, p in scored.questions(member):
        found[f"brier_{name}"] = float(brier(happened[asked], p[asked]).mean()) if asked.any() else np.nan
        found[f"ap_{name}"] = float(average_precision(happened[asked], p[asked])[0])
    return found


def splits(
    scored: Sequence[CaseScores], rng: np.random.Generator, border: Mapping[str, bool] | None = None
) -> pd.DataFrame:
    """CRPS and skill of every member within parts of the cases.

    Returns
    -------
    pandas.DataFrame
        ``target, member, horizon, split, part, cases, crps, skill_vs_conflictology, skill_low, skill_high,
        best_baseline, skill_vs_best, best_low, best_high, clear, verdict``. The best baseline is that of the whole
        horizon. Parts chosen by what happened (``outcome``) show where errors lie and rank nobody: a forecaster who
        always cries wolf wins the months with events.
    """
    rows = []
    for s in scored:
        blocks = month_blocks(len(s.origins), rng)
        best = best_baseline(s)
        for split, part, inside in _parts(s, border):
            for member in s.members:
                seen = inside & s.seen_of(member)
                if not seen.any():
                    continue
                months = int(seen.any(axis=1).sum())
                skill = _skill(s, member, REFERENCE, "crps", blocks, inside)
                against = _skill(s, member, best, "crps", blocks, inside)
                rows.append(
                    {
                        "target": s.target,
                        "member": member,
                        "horizon": s.horizon,
                        "split": split,
                        "part": part,
                        "cases": int(seen.sum()),
                        "crps": float(s.of(member, "crps")[seen].mean()),
                        **dict(
                            zip(("skill_vs_conflictology", "skill_low", "skill_high"), skill, strict=True)
                        ),
                        "best_baseline": best,
                        **dict(zip(("skill_vs_best", "best_low", "best_high"), against, strict=True)),
                        "clear": _clear(against, months),
                        "verdict": _verdict(member, best, against, months),
                    }
                )
    return pd.DataFrame(rows)


def _parts(scored: CaseScores, border: Mapping[str, bool] | None) -> Iterator[tuple[str, str, np.ndarray]]:
    """Each part of the cases: how it is split, its name, and bool (origins, regions)."""
    shape = scored.observed.shape
    country = np.array(scored.countries)
    for code in sorted(set(scored.countries)):
        yield "country", code, np.broadcast_to(country == code, shape)
    if border is not None:
        at = np.array([border.get(r, False) for r in scored.region_ids])
        yield "place", "border", np.broadcast_to(at, shape)
        yield "place", "interior", np.broadcast_to(~at, shape)
    yield "outcome", "events", scored.observed > 0
    yield "outcome", "no events", scored.observed == 0
    years = np.array([month.year for month in scored.months])
    for year in sorted(set(years.tolist())):
        yield "year", str(year), np.broadcast_to((years == year)[:, None], shape)


def border_regions(panel: Panel) -> dict[str, bool] | None:
    """Whether each region touches another country of the panel; None for a panel without links."""
    if panel.links is None:
        return None
    crossing = panel.links[panel.links["crosses_border"].astype(bool)]
    at = {*crossing["region_a"], *crossing["region_b"]}
    return {region: region in at for region in panel.region_ids}
