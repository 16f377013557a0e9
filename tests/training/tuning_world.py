"""A small problem for the search of parameters: eight regions, eight years, two features."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd

from harmattan.data.panel import Panel
from harmattan.features import Ewm, Lag, Recipe
from harmattan.training.models.base import Problem
from harmattan.training.tuning import Search

REGIONS = tuple(f"AAA-{i}" for i in range(8))


@cache
def months() -> pd.PeriodIndex:
    return pd.period_range("2012-01", periods=108, freq="M")


def world(change: Callable[[np.ndarray], np.ndarray] = lambda counts: counts) -> Problem:
    """Counts with persistence; ``change`` may alter them."""
    rng = np.random.default_rng(11)
    level = np.exp(0.3 * np.cumsum(rng.normal(size=(108, 8)), axis=0).clip(-4, 5))
    counts = change(rng.poisson(level.clip(0.1, 8.0)))
    panel = Panel(
        months(),
        REGIONS,
        REGIONS,
        ("AAA",) * 8,
        {"events": counts.astype(np.float32)},
        np.ones(counts.shape, dtype=bool),
    )
    return Problem(panel, Recipe([Lag(0), Ewm(3.0)]).build(panel))


def plan_of(first: pd.Period | None = None, years: int = 2) -> Search:
    """A search over some years of origins, two horizons."""
    start = months()[60] if first is None else first
    origins = tuple(pd.period_range(start, periods=12 * years if first is None else 12, freq="M"))
    return Search("smoothed_conflictology", "events", (1, 2), origins, REGIONS, 12, 7, "a" * 64)
