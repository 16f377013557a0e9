"""Cross-validation as forecasts are made: fitted on what was published, tested on the months after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..data.errors import UsageError
from .series import Array


@dataclass(frozen=True)
class RollingOrigin:
    """A scikit-learn splitter for the rows of ``FeatureCube.design``: expanding window, no target seen early.

    Test origins are the last ``n_splits * step`` of the table, ``step`` to a split. A row belongs to the training part
    of a split if its target month was published at the split's first test origin: its origin is at least
    ``horizon + data_lag`` months before.

    Attributes
    ----------
    n_splits : int
        Number of splits, >= 1.
    horizon : int
        The horizon the design was made for, >= 1.
    step : int
        Test origins per split, >= 1.
    data_lag : int
        Months until a month is published, >= 0.

    Examples
    --------
    >>> import pandas as pd
    >>> origins = pd.period_range("2020-01", periods=6, freq="M")
    >>> index = pd.MultiIndex.from_product([origins, ["MLI-gao"]], names=["origin", "region_id"])
    >>> X = pd.DataFrame({"x": range(6)}, index=index)
    >>> [(train.tolist(), test.tolist()) for train, test in RollingOrigin(2, horizon=2).split(X)]
    [([0, 1, 2], [4]), ([0, 1, 2, 3], [5])]
    """

    n_splits: int = 5
    horizon: int = 1
    step: int = 1
    data_lag: int = 0

    def __post_init__(self) -> None:
        if min(self.n_splits, self.horizon, self.step) < 1 or self.data_lag < 0:
            raise UsageError(
                f"{self} cannot split.",
                remedy="Give splits, horizon and step of 1 or more and a lag of 0 or more.",
            )

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Number of splits, as scikit-learn asks for it."""
        return self.n_splits

    def split(self, X: pd.DataFrame, y: Any = None, groups: Any = None) -> Iterator[tuple[Array, Array]]:
        """Positions of the training and of the test rows.

        Raises
        ------
        UsageError
            If ``X`` carries no origins, or too few of them.
        """
        origin = origins_of(X)
        known = np.unique(origin)
        tests = known[-self.n_splits * self.step :]
        if len(tests) < self.n_splits * self.step or tests[0] - self.horizon - self.data_lag < known[0]:
            raise UsageError(
                f"{len(known)} origins are too few for {self.n_splits} splits of {self.step} "
                f"at horizon {self.horizon}.",
                remedy="Ask for fewer splits, or design more origins.",
            )
        for k in range(self.n_splits):
            now = tests[k * self.step : (k + 1) * self.step]
            train = np.flatnonzero(origin <= now[0] - self.horizon - self.data_lag)
            yield train, np.flatnonzero(np.isin(origin, now))


def origins_of(X: pd.DataFrame) -> Array:
    """The origin of every row as a month number."""
    index = getattr(X, "index", None)
    if index is None or "origin" not in (index.names or ()):
        raise UsageError(
            "these rows carry no origin.", remedy="Pass X as FeatureCube.design returns it, with its index."
        )
    return np.asarray(pd.PeriodIndex(index.get_level_values("origin"), freq="M").astype("int64"))
