"""How well probabilities are ranked and calibrated: pooled rankings, coverage, reliability, PIT."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from ..models.catalogue import BASELINES
from .case_scores import CaseScores
from .comparison import BAND, ENOUGH_MONTHS, month_blocks
from .scores import average_precision, interval_coverage, pit_histogram, reliability

#: Bins of the predicted mean in which coverage is looked at, and the cases that a bin needs.
MEAN_EDGES = (0.0, 0.5, 2.0, 5.0, np.inf)
MEAN_NAMES = ("<0.5", "0.5-2", "2-5", "5+")
ENOUGH_CASES = 100
#: Target months at the end that are an evaluation set of their own.
RECENT = 12
#: How far coverage may be from nominal within a bin of the predicted mean.
BAND_IN_BIN = 0.05


def covered(pit: np.ndarray) -> dict[str, float]:
    """Coverage of the central intervals as ``coverage_50`` and so on.

    Examples
    --------
    >>> covered(np.array([0.5, 0.5, 0.5, 0.99]))
    {'coverage_50': 0.75, 'coverage_80': 0.75, 'coverage_90': 0.75}
    """
    return {f"coverage_{int(100 * level)}": share for level, share in interval_coverage(pit).items()}


def pooled_rankings(scored: Sequence[CaseScores], rng: np.random.Generator) -> pd.DataFrame:
    """How well onsets and escalations are ranked, pooled over horizons, against the best baseline.

    Returns
    -------
    pandas.DataFrame
        ``target, question, member, cases, happened, average_precision, best_baseline, ratio, difference, low, high,
        clear``; the interval of the difference is a 95 % block bootstrap over target months.
    """
    if not scored:
        return pd.DataFrame()
    members = [m for m in scored[0].members if all(m in s.members for s in scored)]
    months = sorted({month for s in scored for month in s.months})
    blocks = month_blocks(len(months), rng, samples=500)
    tables = []
    for question in ("onset", "escalation"):
        pooled = {m: _pool(scored, m, question, months) for m in members}
        point = {m: float(average_precision(hit, p)[0]) for m, (hit, p, _) in pooled.items()}
        drawn = {m: average_precision(hit, p, blocks, at) for m, (hit, p, at) in pooled.items()}
        there = [m for m in BASELINES if m in members and np.isfinite(point[m])]
        best = max(there, key=lambda m: point[m]) if there else None
        for member in members:
            asked = pooled[member]
            base, other = float("nan"), np.full(1, np.nan)
            if best:
                base, other = point[best], drawn[best]
                if len(asked[0]) < len(pooled[best][0]):
                    # A member that lacks some origins is compared on those it has.
                    hit, p, at = _pool(scored, best, question, months, also=member)
                    base, other = float(average_precision(hit, p)[0]), average_precision(hit, p, blocks, at)
            gain = drawn[member] - other
            gain = gain[np.isfinite(gain)]
            low, high = np.quantile(gain, [0.025, 0.975]) if len(gain) else (np.nan, np.nan)
            tables.append(
                {
                    "target": scored[0].target,
                    "question": question,
                    "member": member,
                    "cases": len(asked[0]),
                    "happened": int(asked[0].sum()),
                    "average_precision": point[member],
                    "best_baseline": best,
                    "ratio": point[member] / base if base > 0 else np.nan,
                    "difference": point[member] - base,
                    "low": float(low),
                    "high": float(high),
                    "clear": len(months) >= ENOUGH_MONTHS and bool(low > 0 or high < 0),
                }
            )
    return pd.DataFrame(tables)


def _pool(
    scored: Sequence[CaseScores],
    member: str,
    question: str,
    months: Sequence[pd.Period],
    also: str | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One question over all horizons: what happened, the chance, the target month's number; cases of ``also``."""
    number = {month: i for i, month in enumerate(months)}
    found = []
    for s in scored:
        at = np.broadcast_to(np.array([number[m] for m in s.months])[:, None], s.observed.shape)
        for name, asked, happened, p in s.questions(member):
            if name == question:
                asked = asked & s.seen_of(also)
                found.append((happened[asked], p[asked], at[asked]))
    hit, p, at = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return hit, p, at


def coverage(scored: Sequence[CaseScores]) -> pd.DataFrame:
    """Randomised-PIT coverage by member and horizon, overall and by bins of the predicted mean.

    Returns
    -------
    pandas.DataFrame
        ``target, member, horizon, predicted_mean, cases, enough, coverage_50, coverage_80, coverage_90, in_band,
        note``. Horizon 0 pools all of them. In band: within 2 points overall, 5 in a bin; a bin under 100 cases
        says so and is not judged.
    """
    rows = []
    for horizon, part in _by_horizon_and_pooled(scored):
        for member in part[0].members:
            pit, mean = (
                np.concatenate([s.of(member, name)[s.seen_of(member)] for s in part])
                for name in ("pit", "mean")
            )
            at = np.searchsorted(np.array(MEAN_EDGES[1:]), mean, side="right")
            for number, name in enumerate(("all", *MEAN_NAMES)):
                chosen = pit if name == "all" else pit[at == number - 1]
                found = interval_coverage(chosen)
                enough = len(chosen) >= ENOUGH_CASES
                off = max(abs(share - level) for level, share in found.items())
                rows.append(
                    {
                        "target": part[0].target,
                        "member": member,
                        "horizon": horizon,
                        "predicted_mean": name,
                        "cases": len(chosen),
                        "enough": enough,
                        **covered(chosen),
                        "in_band": (off <= (BAND if name == "all" else BAND_IN_BIN)) if enough else None,
                        "note": "" if enough else f"fewer than {ENOUGH_CASES} cases: not judged",
                    }
                )
    return pd.DataFrame(rows).astype({"in_band": "boolean"})


def _by_horizon_and_pooled(scored: Sequence[CaseScores]) -> Iterator[tuple[int, Sequence[CaseScores]]]:
    for s in scored:
        yield s.horizon, [s]
    if len(scored) > 1:
        yield 0, scored


def binned_reliability(scored: Sequence[CaseScores]) -> pd.DataFrame:
    """What was said against what came, pooled over horizons, by member, question and bin of probability.

    Returns
    -------
    pandas.DataFrame
        ``target, member, question, low, high, cases, forecast, frequency``; questions ``1, 5, 10, onset,
        escalation``.
    """
    tables = []
    for member in scored[0].members:
        asked = [list(s.questions(member)) for s in scored]
        for parts in zip(*asked, strict=True):
            hit, p = (np.concatenate([part[i][part[1]] for part in parts]) for i in (2, 3))
            table = pd.DataFrame(reliability(hit, p))
            table.insert(0, "question", parts[0][0])
            table.insert(0, "member", member)
            table.insert(0, "target", scored[0].target)
            tables.append(table[table["cases"] > 0])
    return pd.concat(tables, ignore_index=True)


def pit_table(scored: Sequence[CaseScores], bins: int = 10) -> pd.DataFrame:
    """Histogram of the randomised PIT: ``target, member, horizon, low, high, height`` (1 where calibrated)."""
    edges = np.linspace(0, 1, bins + 1)
    tables = []
    for horizon, part in _by_horizon_and_pooled(scored):
        for member in part[0].members:
            pit = np.concatenate([s.of(member, "pit")[s.seen_of(member)] for s in part])
            tables.append(
                pd.DataFrame(
                    {
                        "target": part[0].target,
                        "member": member,
                        "horizon": horizon,
                        "low": edges[:-1],
                        "high": edges[1:],
                        "height": pit_histogram(pit, bins),
                    }
                )
            )
    return pd.concat(tables, ignore_index=True)


def score_sets(cases: pd.DataFrame, reference: str = "conflictology_12") -> pd.DataFrame:
    """Scores as dashboards of forecast hubs read them: by evaluation set, on the natural and the log scale.

    Parameters
    ----------
    cases : pandas.DataFrame
        Of an evaluation.
    reference : str
        Whose scores the relative ones are divided by, on the same cases.

    Returns
    -------
    pandas.DataFrame
        ``model_id, target, evaluation_set`` (all target months, the last 12, each year), ``scale, horizon, n, crps,
        relative_crps, interval_coverage_50, interval_coverage_80, interval_coverage_90``.
    """
    month = pd.PeriodIndex(cases["origin"].astype(str), freq="M") + cases["horizon"].to_numpy().astype(int)
    named = cases.assign(month=month, year=month.year)
    sets = {"all": named, f"last {RECENT} months": named[named["month"] > named["month"].max() - RECENT]}
    sets |= {str(year): part for year, part in named.groupby("year")}
    rows = []
    for label, part in sets.items():
        for (target, horizon), each in part.groupby(["target", "horizon"], observed=True):
            keys = ["origin", "region_id"]
            base = each[each["member"] == reference].set_index(keys)[["crps", "crps_log"]].astype(float)
            for member, mine in each.groupby("member", observed=True):
                own = mine.set_index(keys)[["crps", "crps_log"]].astype(float)
                both = own.join(base.add_suffix("_base"), how="inner").mean()
                shares = interval_coverage(mine["pit"].to_numpy(float))
                for scale, name in (("natural", "crps"), ("log", "crps_log")):
                    divisor = float(both[f"{name}_base"])
                    rows.append(
                        {
                            "model_id": str(member),
                            "target": str(target),
                            "evaluation_set": label,
                            "scale": scale,
                            "horizon": int(horizon),
                            "n": len(own),
                            "crps": float(own[name].mean()),
                            "relative_crps": float(both[name]) / divisor if divisor > 0 else np.nan,
                            **{f"interval_coverage_{int(100 * k)}": v for k, v in shares.items()},
                        }
                    )
    return pd.DataFrame(rows)
