"""What every member of the pool has in common."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from ...data.errors import ModelError, OriginError
from ...data.panel import Panel
from ..distribution import Margins

if TYPE_CHECKING:
    from ...features.cube import FeatureCube


@dataclass(frozen=True)
class Problem:
    """One forecasting problem: what is to be forecast, and what may be used for it.

    Attributes
    ----------
    panel : Panel
        Counts by month and region.
    cube : FeatureCube
        Features of the same months and regions; row t uses months up to t only.
    target : str
        ``events`` or ``deaths``.
    """

    panel: Panel
    cube: FeatureCube
    target: str = "events"

    @cached_property
    def counts(self) -> np.ndarray:
        """Target counts, float64 (months, regions); zero where not observed, so mind :attr:`observed`."""
        return np.nan_to_num(self.panel.target(self.target).astype(float))

    @property
    def observed(self) -> np.ndarray:
        """bool, (months, regions)."""
        return self.panel.observed

    def row(self, month: pd.Period) -> int:
        """Row of a month."""
        return self.panel.position(month)

    def training_rows(self, origin: pd.Period, horizon: int, burn_in: int) -> tuple[np.ndarray, np.ndarray]:
        """Month rows and regions of every pair of features and outcome known at ``origin``.

        An outcome ``horizon`` months after row t is used only where t + horizon <= origin.
        """
        last = self.row(origin)
        first = min(burn_in, max((last - horizon) // 2, 0))
        if last - horizon < first:
            raise OriginError(
                f"{last + 1} months of history are too few for a horizon of {horizon}.",
                remedy="Choose a shorter horizon, a later origin, or bring a longer history.",
            )
        known = self.observed[first : last - horizon + 1] & self.observed[first + horizon : last + 1]
        rows, regions = np.nonzero(known)
        if not len(rows):
            raise ModelError(
                f"no region is observed both at a month and {horizon} months later.",
                remedy="Check the coverage of the panel.",
            )
        return rows + first, regions


class Member(BaseEstimator):  # type: ignore[misc]
    """One model of the pool: fitted for one horizon, directly on the value that many months ahead."""

    name: ClassVar[str] = "member"

    def fit(self, problem: Problem, origin: pd.Period, horizon: int) -> Self:
        """Learn from everything known at ``origin``."""
        self.horizon_ = horizon
        return self

    def margins(self, problem: Problem, origin: pd.Period) -> Margins:
        """Distributions of the counts ``horizon`` months after ``origin``, shape (regions,)."""
        raise NotImplementedError


def recency(rows: np.ndarray, last: int, half_life: float | None) -> np.ndarray:
    """Weights of training rows that halve every ``half_life`` months before the last one."""
    if half_life is None:
        return np.ones(len(rows))
    return np.asarray(0.5 ** ((last - rows) / half_life))
