"""Records of a back-test in a small world whose truth is known: who is perfect, who is biased, who is a baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harmattan.training.distribution import Margins, empirical, negative_binomial

REGIONS = ("AAA-north", "AAA-south", "BBB-east", "BBB-west")
COUNTRIES = ("AAA", "AAA", "BBB", "BBB")
SIZE = 0.8


@dataclass(frozen=True)
class StandIn:
    """The attributes of a back-test's record that an evaluation reads."""

    target: str
    horizon: int
    origins: tuple[pd.Period, ...]
    region_ids: tuple[str, ...]
    countries: tuple[str, ...]
    observed: np.ndarray
    history: np.ndarray
    margins: Mapping[str, Sequence[Margins]]
    weights: pd.DataFrame


def make_record(
    horizon: int = 1, months: int = 60, seed: int = 5, regions: int = 4, missing: bool = False
) -> StandIn:
    """One record: ``pool`` knows the true distribution, ``twice`` doubles its mean, two baselines look back."""
    rng = np.random.default_rng([seed, horizon])
    rate = np.exp(np.cumsum(rng.normal(0, 0.25, (months + 12, regions)), axis=0) - 0.5).clip(0.02, 20)
    counts = rng.negative_binomial(SIZE, SIZE / (SIZE + rate)).astype(float)
    history = np.stack([counts[t : t + 12] for t in range(months)])
    truth, observed = rate[12:], counts[12:].copy()
    if missing:
        observed[::7, 1] = np.nan
    origins = tuple(pd.period_range("2018-01", periods=months, freq="M"))
    margins = {
        "zero": [Margins(np.ones((regions, 2)), np.zeros(regions))] * months,
        "conflictology_12": [empirical(past) for past in history],
        "twice": [negative_binomial(2 * mean, np.array(SIZE)) for mean in truth],
        "pool": [negative_binomial(mean, np.array(SIZE)) for mean in truth],
    }
    repeat = -(-regions // 4)
    ids = tuple(f"{r}{i // 4 or ''}" for i, r in enumerate(REGIONS * repeat))[:regions]
    return StandIn(
        "events",
        horizon,
        origins,
        ids,
        (COUNTRIES * repeat)[:regions],
        observed,
        history,
        margins,
        pd.DataFrame({"origin": [str(origins[0])], "member": ["twice"], "weight": [1.0]}),
    )
