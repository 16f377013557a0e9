"""How well sums over countries are covered, by the template that the joint draws take their order from.

    python benchmarks/country_totals.py

House benchmark, ``events``: share of country totals inside the central 50, 80 and 90 % intervals, by horizon pooled,
and the same for sums over six months. Every template sees only outcomes known at its origin. Run by hand, two minutes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from harmattan.data.snapshot import load_snapshot
from harmattan.training.distribution import independent_ranks, joint_draws
from harmattan.training.evaluation import backtest
from harmattan.training.evaluation.backtest import WARM_UP
from harmattan.training.evaluation.protocol import HOUSE, LAST_OPEN, scored_regions
from harmattan.training.margins import Margins, stack
from harmattan.training.models.base import Problem
from harmattan.training.pool.dependence import Template, fit_template
from harmattan.training.problems import build_problems
from harmattan.training.record import PastErrors, Record

#: By horizon, then by origin.
Pools = list[list[Margins]]
DRAWS, SEEDS, LEVELS = 1000, 3, (0.5, 0.8, 0.9)
#: Name, horizons that errors are taken from, and of how many origins; None for all before.
TEMPLATES: dict[str, tuple[tuple[int, ...], int | None]] = {
    "past errors, all origins and horizons before": (HOUSE.horizons, None),
    "past errors, 24 origins, horizons 1, 3 and 6": ((1, 3, 6), 24),
    "past errors, 12 origins, horizons 1, 3 and 6": ((1, 3, 6), 12),
}


def with_pools(
    problem: Problem, origins: Sequence[pd.Period], regions: Sequence[str]
) -> tuple[list[Record], Pools]:
    """The records of all horizons, and the pool's margins by horizon and origin, which no record keeps."""
    pools: Pools = []
    taken = backtest.normal_scores

    def keeping(pool: Margins, came: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pools[-1].append(pool)
        return taken(pool, came, seen)

    records: list[Record] = []
    backtest.normal_scores = keeping
    try:
        for horizon in HOUSE.horizons:
            pools.append([])
            records += backtest.run_backtest(problem, origins, (horizon,), regions, warm_up=0, workers=1)
    finally:
        backtest.normal_scores = taken
    return records, pools


def past(
    records: Sequence[Record],
    at: int,
    horizons: Sequence[int],
    count: int | None,
) -> dict[int, PastErrors]:
    """Errors of the pool whose outcome was known at an origin."""
    found = {}
    for record in records:
        if record.horizon in horizons:
            stop = at - record.horizon + 1
            rows = slice(0 if count is None else max(stop - count, 0), stop)
            errors = record.errors
            found[record.horizon] = PastErrors(record.origins[rows], errors.score[rows], errors.spread[rows])
    return found


def inside(totals: np.ndarray, came: np.ndarray) -> np.ndarray:
    """Share of each outcome's step that lies in each central interval, (levels, cases); totals are (draws, cases)."""
    lower, upper = (totals < came).mean(axis=0), (totals <= came).mean(axis=0)
    out = []
    for level in LEVELS:
        a, b = 0.5 - level / 2, 0.5 + level / 2
        overlap = np.clip(np.minimum(upper, b) - np.maximum(lower, a), 0, None)
        whole = (lower >= a) & (lower <= b)
        out.append(np.where(upper > lower, overlap / np.maximum(upper - lower, 1e-12), whole))
    return np.stack(out)


def main() -> None:
    snapshot = load_snapshot()
    panel = snapshot.panel.until(LAST_OPEN)
    problem = build_problems(panel, ["events"], [snapshot.training])["events"]
    origins = tuple(pd.period_range(HOUSE.first - WARM_UP, HOUSE.last, freq="M"))
    records, pools = with_pools(problem, origins, scored_regions(panel, HOUSE))
    countries = records[0].countries
    names = sorted(set(countries))
    groups = np.array([[c == n for n in names] for c in countries], dtype=np.int64)
    print(f"{'order of the draws':48}", "50 / 80 / 90 %      sums over six months")
    for name in ("independence", *TEMPLATES):
        single, summed = [], []
        for at in range(WARM_UP, len(origins)):
            margins = stack([pool[at] for pool in pools])
            came = np.stack([r.observed[at] for r in records]).astype(np.int64) @ groups
            template: Template | None = None
            if name in TEMPLATES:
                template = fit_template(past(records, at, *TEMPLATES[name]), countries, HOUSE.horizons)
            for seed in range(SEEDS):
                rng = np.random.default_rng([seed, at])
                shape = (len(HOUSE.horizons), len(countries))
                ranks = (
                    template.ranks(DRAWS, countries, rng)
                    if template
                    else independent_ranks(DRAWS, shape, rng)
                )
                totals = joint_draws(margins, ranks).astype(np.int64) @ groups
                single.append(inside(totals.reshape(DRAWS, -1), came.ravel()))
                summed.append(inside(totals.sum(axis=1), came.sum(axis=0)))
        said = [
            " / ".join(f"{100 * v:.1f}" for v in np.concatenate(each, axis=1).mean(axis=1))
            for each in (single, summed)
        ]
        print(f"{name:48}", "      ".join(said), flush=True)


if __name__ == "__main__":
    main()
