"""The pool: a linear mixture of members, horizon by horizon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ..distribution import Margins, mix
from .base import Member, Problem
from .catalogue import fit_members, pooled_members


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


def fit_pool(problem: Problem, origin: pd.Period, horizon: int) -> FittedPool:
    """Fit what the pool is made of; equal weights, until a back-test has learned better ones."""
    return FittedPool(horizon, fit_members(problem, origin, horizon, pooled_members(problem.target)))
