"""The endemic-epidemic member's chance of an event, always from a fit that ended before: what model A starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ...data.errors import HarmattanError
from ..models.base import Problem
from ..models.endemic_epidemic import EndemicEpidemic
from .hazard import AHEAD

Array = np.ndarray[Any, Any]
#: Months ahead that a member is fitted for; those between are interpolated.
FITTED = (1, 3, 6)
#: Months of history before the first fit.
SHORTEST = 36


def refits(months: pd.PeriodIndex, last: pd.Period, years: int) -> list[pd.Period]:
    """The Decembers at which everything is fitted anew, up to ``last``, oldest first.

    >>> months = pd.period_range("2000-01", "2005-06", freq="M")
    >>> [str(m) for m in refits(months, months[-1], 2)]
    ['2003-12', '2004-12']
    """
    first = months[0] + SHORTEST - 1
    ends = [m for m in months if m.month == 12 and first <= m <= last]
    if not ends and last >= first:
        ends = [last]
    return ends[-years:]


@dataclass
class Chances:
    """Chances of an event 1 to 6 months after each month, from the last fit at or before it.

    Fits are kept, so that many origins of one problem share them.

    Attributes
    ----------
    problem : Problem
        Of events, over all months.
    """

    problem: Problem
    fits: dict[pd.Period, list[EndemicEpidemic] | None] = field(default_factory=dict)

    def fitted(self, end: pd.Period) -> list[EndemicEpidemic] | None:
        """The members fitted at ``end``, by :data:`FITTED`; None where they cannot be."""
        if end not in self.fits:
            members: list[EndemicEpidemic] = []
            try:
                for h in FITTED:
                    near = members[-1] if members else None
                    members.append(EndemicEpidemic().fit(self.problem, end, h, near))
                self.fits[end] = members
            except HarmattanError:
                self.fits[end] = None
        return self.fits[end]

    def between(self, ends: Sequence[pd.Period], last: int) -> Array:
        """``cloglog`` of the chances of every month from the first of ``ends`` to row ``last``.

        Returns
        -------
        numpy.ndarray
            float64, (6, months of the problem, regions); NaN before the first fit.
        """
        shape = (AHEAD, len(self.problem.months), len(self.problem.panel.region_ids))
        out = np.full(shape, np.nan)
        starts = [self.problem.row(e) for e in ends]
        for end, start, stop in zip(ends, starts, [*starts[1:], last + 1], strict=True):
            members = self.fitted(end)
            if members is not None and stop > start:
                out[:, start:stop] = link_of(members, self.problem, np.arange(start, stop))
        return out


def link_of(members: Sequence[EndemicEpidemic], problem: Problem, rows: Array) -> Array:
    """``cloglog`` of the chance of an event 1 to 6 months after some rows, (6, rows, regions)."""
    known = []
    for member in members:
        mean, size = member.mean_size(problem, rows)
        known.append(
            np.log(np.maximum(size * np.log1p(mean / size), 1e-9))
        )  # -log P(0) of a negative binomial
    at = np.log(FITTED)
    out = np.empty((AHEAD, *known[0].shape))
    for ahead in range(1, AHEAD + 1):
        right = int(np.searchsorted(FITTED, ahead))
        left = max(right - 1, 0) if FITTED[right] != ahead else right
        share = 0.0 if left == right else (np.log(ahead) - at[left]) / (at[right] - at[left])
        out[ahead - 1] = known[left] + share * (known[right] - known[left])
    return out
