"""Rolling origins: what the models would have said, and how it turned out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .models.base import Problem
from .models.pool import fit_pool
from .scores import block_bootstrap_skill, crps, interval_coverage

#: The baseline that skill is stated against in the main job.
REFERENCE = "conflictology_12"


@dataclass(frozen=True)
class HorizonRecord:
    """Scores of every member at one horizon.

    Attributes
    ----------
    horizon : int
    origins : tuple of pandas.Period
    crps, pit : mapping of str to numpy.ndarray
        By member, shape (origins, regions); NaN where the outcome was not observed.
    """

    horizon: int
    origins: tuple[pd.Period, ...]
    crps: Mapping[str, np.ndarray]
    pit: Mapping[str, np.ndarray]


def recent_origins(problem: Problem, last: pd.Period, horizon: int, count: int) -> tuple[pd.Period, ...]:
    """The last ``count`` origins whose outcome ``horizon`` months on is known at ``last``."""
    stop = problem.row(last) - horizon
    return tuple(problem.panel.months[max(stop - count + 1, 0) : stop + 1])


def score_horizon(
    problem: Problem,
    horizon: int,
    origins: Sequence[pd.Period],
    rng: np.random.Generator,
    draws: int = 1000,
    refit_every: int = 12,
) -> HorizonRecord:
    """Forecast from each origin with what was known there, and score what came.

    Parameters
    ----------
    problem : Problem
        Counts and features; only months up to each origin are used for its forecast.
    origins : sequence of pandas.Period
        In order.
    rng : numpy.random.Generator
        Randomises the PIT of counts.
    refit_every : int
        Months between refits; in between, the fitted members see the newer months but keep their parameters.
    """
    scores: dict[str, list[np.ndarray]] = {}
    pits: dict[str, list[np.ndarray]] = {}
    pool = None
    for i, origin in enumerate(origins):
        if pool is None or i % refit_every == 0:
            pool = fit_pool(problem, origin, horizon)
        at = problem.row(origin) + horizon
        seen, observed = problem.observed[at], problem.counts[at].astype(np.int64)
        uniform = rng.random(len(observed))
        for name, margins in pool.margins(problem, origin).items():
            score = crps(observed, margins.stratified(draws))
            scores.setdefault(name, []).append(np.where(seen, score, np.nan))
            pits.setdefault(name, []).append(np.where(seen, margins.pit(observed, uniform), np.nan))
    return HorizonRecord(
        horizon,
        tuple(origins),
        {k: np.stack(v) for k, v in scores.items()},
        {k: np.stack(v) for k, v in pits.items()},
    )


def leaderboard(record: HorizonRecord, target: str, rng: np.random.Generator) -> pd.DataFrame:
    """One row per member: CRPS, skill against conflictology with its interval, coverage by randomised PIT."""
    rows = []
    scored = np.isfinite(record.crps[REFERENCE]).any(axis=1)
    reference = np.nanmean(record.crps[REFERENCE][scored], axis=1)
    for name, values in record.crps.items():
        skill, low, high = block_bootstrap_skill(np.nanmean(values[scored], axis=1), reference, rng)
        pit = record.pit[name]
        covered = interval_coverage(pit[np.isfinite(pit)])
        rows.append(
            {
                "target": target,
                "member": name,
                "horizon": record.horizon,
                "cases": int(np.isfinite(values).sum()),
                "crps": float(np.nanmean(values)),
                "skill_vs_conflictology": skill,
                "skill_low": low,
                "skill_high": high,
                **{f"coverage_{int(level * 100)}": share for level, share in covered.items()},
            }
        )
    return pd.DataFrame(rows)
