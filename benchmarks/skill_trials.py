"""What single choices in the members are worth, on the house benchmark's origins and regions.

    python benchmarks/skill_trials.py [NAME ...]

Prints the exact CRPS of each variant against conflictology over 12 months at 1, 3 and 6 months ahead, yearly refits,
targets up to 2022-12. One variant takes half a minute on one core.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from harmattan.data.embedded import load_snapshot
from harmattan.training.models import dispersion
from harmattan.training.models.base import Member, Problem
from harmattan.training.models.baselines import Conflictology, NeighbourConflictology
from harmattan.training.models.boosting import BoostedEndemicEpidemic
from harmattan.training.models.endemic_epidemic import EndemicEpidemic
from harmattan.training.models.glm import LogLinearNB
from harmattan.training.models.leaves import LeafCalibrated
from harmattan.training.models.smoothed import SmoothedConflictology
from harmattan.training.models.smoothing import ExponentialNB
from harmattan.training.problems import build_problems
from harmattan.training.protocol import HOUSE, scored_regions

#: Name, whether it learns from the training country, pull of the size law (None: as shipped), member.
VARIANTS: dict[str, tuple[bool, float | None, Callable[[], Member]]] = {
    "endemic-epidemic": (True, None, EndemicEpidemic),
    "  endemic-epidemic without the training country": (False, None, EndemicEpidemic),
    "  size law not pulled": (True, 1e-4, EndemicEpidemic),
    "  rows all alike, no recency": (True, None, lambda: EndemicEpidemic(recency_half_life=None)),
    "boosted": (True, None, BoostedEndemicEpidemic),
    "  boosted without the training country": (False, None, BoostedEndemicEpidemic),
    "  from the endemic-epidemic mean alone": (True, None, lambda: BoostedEndemicEpidemic(blend=0.0)),
    "  twice the trees": (True, None, lambda: BoostedEndemicEpidemic(trees=120)),
    "  small leaves": (True, None, lambda: BoostedEndemicEpidemic(min_leaf=150)),
    "leaf-calibrated": (True, None, LeafCalibrated),
    "smoothed conflictology": (True, None, SmoothedConflictology),
    "neighbour conflictology": (True, None, NeighbourConflictology),
    "exponential NB": (True, None, ExponentialNB),
    "log-linear NB": (True, None, LogLinearNB),
}
HORIZONS = (1, 3, 6)


@contextmanager
def pull(strength: float | None) -> Iterator[None]:
    """Another strength of the size law's pull, for one variant."""
    usual = dispersion.PULL
    dispersion.PULL = usual if strength is None else strength
    yield
    dispersion.PULL = usual


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
    for name, (learns, strength, make) in VARIANTS.items():
        if sys.argv[1:] and not any(word in name for word in sys.argv[1:]):
            continue
        with pull(strength):
            skill = [1 - score(problems[learns], make, h, keep) / base[h] for h in HORIZONS]
        print(f"{name:50}", *(f"{100 * s:+7.2f} %" for s in skill), flush=True)


if __name__ == "__main__":
    main()
