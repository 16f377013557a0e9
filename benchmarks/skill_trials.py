"""What single choices in the members are worth, on the house benchmark's origins and regions.

    python benchmarks/skill_trials.py [NAME ...]

Prints the exact CRPS of each variant against conflictology over 12 months at 1, 3 and 6 months ahead, yearly refits,
targets up to 2022-12. One variant takes half a minute on one core.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from harmattan.data.snapshot import load_snapshot
from harmattan.training.evaluation.protocol import HOUSE, scored_regions
from harmattan.training.models import dispersion, season
from harmattan.training.models.base import Member, Problem
from harmattan.training.models.baselines import Conflictology, NeighbourConflictology
from harmattan.training.models.boosted import BoostedEndemicEpidemic
from harmattan.training.models.endemic_epidemic import EndemicEpidemic
from harmattan.training.models.exponential_nb import ExponentialNB
from harmattan.training.models.leaf_calibrated import LeafCalibrated
from harmattan.training.models.log_linear_nb import LogLinearNB
from harmattan.training.models.smoothed_conflictology import SmoothedConflictology
from harmattan.training.problems import build_problems


@dataclass(frozen=True)
class Variant:
    """A member, and what is changed around it; None and True leave things as they are shipped."""

    make: Callable[[], Member]
    learns: bool = True
    pull: float | None = None
    season: bool = True


VARIANTS: dict[str, Variant] = {
    "endemic-epidemic": Variant(EndemicEpidemic),
    "  without the season": Variant(EndemicEpidemic, season=False),
    "  without the training country": Variant(EndemicEpidemic, learns=False),
    "  size law not pulled": Variant(EndemicEpidemic, pull=1e-4),
    "  rows all alike, no recency": Variant(lambda: EndemicEpidemic(recency_half_life=None)),
    "boosted": Variant(BoostedEndemicEpidemic),
    "  boosted without the season": Variant(BoostedEndemicEpidemic, season=False),
    "  boosted without the training country": Variant(BoostedEndemicEpidemic, learns=False),
    "  from the endemic-epidemic mean alone": Variant(lambda: BoostedEndemicEpidemic(blend=0.0)),
    "  three times the trees": Variant(lambda: BoostedEndemicEpidemic(trees=60)),
    "  small leaves": Variant(lambda: BoostedEndemicEpidemic(min_leaf=150)),
    "leaf-calibrated": Variant(LeafCalibrated),
    "smoothed conflictology": Variant(SmoothedConflictology),
    "  smoothed without the season": Variant(SmoothedConflictology, season=False),
    "neighbour conflictology": Variant(NeighbourConflictology),
    "exponential NB": Variant(ExponentialNB),
    "  exponential without the season": Variant(ExponentialNB, season=False),
    "log-linear NB": Variant(LogLinearNB),
}
HORIZONS = (1, 3, 6)


@contextmanager
def changed(variant: Variant) -> Iterator[None]:
    """Another strength of the size law's pull, or no season, for one variant."""
    pulls, precision = dict(dispersion.SHRINKAGE), season.PRECISION
    if variant.pull is not None:
        dispersion.SHRINKAGE["events"] = replace(pulls["events"], strength=variant.pull)
    season.PRECISION = precision if variant.season else 1e12
    yield
    dispersion.SHRINKAGE.update(pulls)
    season.PRECISION = precision


def score(problem: Problem, make: Callable[[], Member], horizon: int, keep: np.ndarray) -> float:
    """Mean CRPS over origins and scored regions."""
    total, member = [], make()
    for i, origin in enumerate(HOUSE.origins(horizon)):
        if i % 12 == 0:
            member = make().fit(problem, origin, horizon)
        observed = problem.counts[problem.row(origin) + horizon].astype(np.int64)
        total.append(member.margins(problem, origin).crps(observed)[keep].mean())
    return float(np.mean(total))


def main() -> None:
    snapshot = load_snapshot()
    scored = set(scored_regions(snapshot.panel, HOUSE))
    keep = np.array([r in scored for r in snapshot.panel.region_ids])
    problems = {
        learns: build_problems(snapshot.panel, ["events"], [snapshot.training] if learns else [])["events"]
        for learns in (True, False)
    }
    base = {h: score(problems[False], Conflictology, h, keep) for h in HORIZONS}
    print(f"{'conflictology over 12 months, CRPS':50}", *(f"{base[h]:8.4f}" for h in HORIZONS))
    for name, variant in VARIANTS.items():
        if sys.argv[1:] and not any(word in name for word in sys.argv[1:]):
            continue
        with changed(variant):
            skill = [1 - score(problems[variant.learns], variant.make, h, keep) / base[h] for h in HORIZONS]
        print(f"{name:50}", *(f"{100 * s:+7.2f} %" for s in skill), flush=True)


if __name__ == "__main__":
    # As in a back-test: with several threads sums are added in another order, and fits end elsewhere.
    with threadpool_limits(1):
        main()
