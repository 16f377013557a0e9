"""The pool: a linear mixture of members, horizon by horizon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ..distribution import Margins, mix
from .base import Member, Problem
from .baselines import Conflictology
from .boosting import BoostedEndemicEpidemic
from .endemic_epidemic import EndemicEpidemic
from .smoothing import ExponentialNB

#: What the published forecast is made of, in the order in which the parts are fitted.
POOLED = (Conflictology.name, ExponentialNB.name, EndemicEpidemic.name, BoostedEndemicEpidemic.name)


@dataclass(frozen=True)
class FittedPool:
    """All members fitted at one origin for one horizon.

    Attributes
    ----------
    horizon : int
        Months ahead.
    members : mapping of str to Member
        By name.
    weights : mapping of str to float
        >= 0, summing to 1.
    """

    horizon: int
    members: Mapping[str, Member]
    weights: Mapping[str, float] = field(default_factory=dict)

    def margins(self, problem: Problem, origin: pd.Period) -> dict[str, Margins]:
        """Margins of every member and of the pool, (regions,) each."""
        each = {name: m.margins(problem, origin) for name, m in self.members.items()}
        weights = self.weights or dict.fromkeys(each, 1 / len(each))
        return {**each, "pool": mix([each[n] for n in weights], np.array(list(weights.values())))}


def fit_pool(problem: Problem, origin: pd.Period, horizon: int, seed: int = 7) -> FittedPool:
    """Fit conflictology, the smoother, the endemic-epidemic model and the trees on its offset; equal weights."""
    base = EndemicEpidemic().fit(problem, origin, horizon)
    fitted: Sequence[Member] = (
        Conflictology(12).fit(problem, origin, horizon),
        ExponentialNB().fit(problem, origin, horizon),
        base,
        BoostedEndemicEpidemic(base=base, seed=seed).fit(problem, origin, horizon),
    )
    return FittedPool(horizon, {m.name: m for m in fitted})
