"""A hazard by month ahead: a complementary log-log regression with a ridge, and the rows it is learned from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np

Array = np.ndarray[Any, Any]
#: Months ahead that are forecast.
AHEAD = 6
#: A ridge that leaves slopes where they are.
_FIXED = 1e6
#: Hazards outside these are not believed, whatever the numbers: log scale.
LOWEST, HIGHEST = -14.0, 1.0


@dataclass(frozen=True)
class Hazard:
    """``log hazard = coefficients . (1, columns)``; ``P(event) = 1 - exp(-hazard)``.

    Attributes
    ----------
    names : tuple of str
        Columns after the constant.
    coefficients : tuple of float
        The constant first; on the columns as they are, not standardised.
    rows, events : int
        What it was learned from.
    """

    names: tuple[str, ...]
    coefficients: tuple[float, ...]
    rows: int
    events: int

    @classmethod
    def fit(
        cls,
        names: Sequence[str],
        columns: Array,
        happened: Array,
        ridge: float = 1e-3,
        usual: Sequence[float] | None = None,
    ) -> Self:
        """Maximise the penalised likelihood by Newton steps; a column without variation keeps its usual slope.

        Parameters
        ----------
        names : sequence of str
        columns : numpy.ndarray
            (rows, columns).
        happened : numpy.ndarray
            bool, (rows,).
        ridge : float
            Of standardised coefficients, by row; without end where slopes are not learned.
        usual : sequence of float, optional
            Slopes that the ridge pulls to; to none where absent, or where nothing happened.

        Notes
        -----
        statsmodels' binomial GLM with a log-log link has the same optimum (a test compares them); its ridge stops at a
        tolerance that another BLAS kernel would show in the last digits, and takes ten times as long.
        """
        happened = np.asarray(happened, dtype=float)
        n, k = columns.shape
        if not happened.any():
            return cls(tuple(names), (float(np.log(0.5 / max(n, 1))), *[0.0] * k), n, 0)
        middle, spread = columns.mean(axis=0), columns.std(axis=0)
        spread = np.where(spread > 1e-9, spread, np.inf)
        design = np.column_stack([np.ones(n), (columns - middle) / spread])
        penalty = np.r_[0.0, np.full(k, min(ridge, _FIXED) * n)]
        start = np.zeros(k) if usual is None else np.array(usual, dtype=float)
        found = _newton(design, happened, penalty, (columns - middle) @ start)
        slopes = start + (0.0 if np.isinf(ridge) else found[1:] / spread)
        return cls(
            tuple(names), (float(found[0] - slopes @ middle), *slopes.tolist()), n, int(happened.sum())
        )

    def log_hazard(self, columns: Array) -> Array:
        """(rows,) of (rows, columns)."""
        constant, *slopes = self.coefficients
        clipped: Array = np.clip(constant + columns @ np.array(slopes), LOWEST, HIGHEST)
        return clipped

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, from which :meth:`from_json` gives the same again."""
        return {
            "names": list(self.names),
            "coefficients": list(self.coefficients),
            "rows": self.rows,
            "events": self.events,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`to_json`."""
        numbers = tuple(float(c) for c in stored["coefficients"])
        return cls(tuple(stored["names"]), numbers, int(stored["rows"]), int(stored["events"]))


def _newton(design: Array, happened: Array, penalty: Array, offset: Array) -> Array:
    """Coefficients at which the penalised likelihood is flat."""

    def value(b: Array) -> tuple[float, Array, Array]:
        """The penalised likelihood, the rate and the chance of each row."""
        rate = np.exp(np.clip(design @ b + offset, -30, 5))
        chance = np.maximum(-np.expm1(-rate), 1e-300)
        fit = np.where(happened > 0, np.log(chance), -rate).sum()
        return float(fit - 0.5 * (penalty * b**2).sum()), rate, chance

    b = np.zeros(design.shape[1])
    b[0] = np.log(-np.log1p(-min(happened.mean(), 0.99)))
    best, rate, chance = value(b)
    for _ in range(100):
        none = np.exp(-rate)
        score = np.where(happened > 0, rate * none / chance, -rate)
        weight = rate**2 * none / chance
        gradient = design.T @ score - penalty * b
        step = np.linalg.solve(design.T @ (design * weight[:, None]) + np.diag(penalty + 1e-9), gradient)
        size = 1.0
        while (new := value(b + size * step))[0] < best and size > 1e-6:
            size /= 2
        if new[0] < best:
            break
        b, (best, rate, chance) = b + size * step, new
        if np.abs(step).max() < 1e-10:
            break
    return b


class Landmarks(NamedTuple):
    """Rows of a hazard: seen at month ``row``, outcome ``ahead`` months later, nothing before.

    ``row, ahead, region`` are int64, ``happened`` bool, (rows,) each.
    """

    row: Array
    ahead: Array
    region: Array
    happened: Array


def landmarks(at_risk: Array, events: Array, observed: Array, first: int, last: int) -> Landmarks:
    """Rows at risk from ``first`` on whose outcome lies no later than ``last``, up to :data:`AHEAD` months ahead.

    Parameters
    ----------
    at_risk : numpy.ndarray
        bool, (months, regions).
    events : numpy.ndarray
        What ends the risk, (months, regions).
    observed : numpy.ndarray
        bool, (months, regions); a row ends before a month that was not observed.

    Examples
    --------
    >>> events = np.array([[0], [0], [1], [0]])
    >>> found = landmarks(events == 0, events, np.ones((4, 1), bool), 0, 3)
    >>> list(zip(found.row.tolist(), found.ahead.tolist(), found.happened.tolist()))
    [(0, 1, False), (1, 1, True), (0, 2, True)]
    """
    alive = at_risk[first : last + 1].copy()
    parts = []
    for ahead in range(1, AHEAD + 1):
        n = last + 1 - first - ahead
        if n <= 0:
            break
        here = alive[:n] & observed[first + ahead : last + 1]
        row, region = np.nonzero(here)
        happened = events[first + ahead + row, region] > 0
        parts.append((row + first, np.full(len(row), ahead), region, happened))
        alive = alive[:n] & observed[first + ahead : last + 1] & (events[first + ahead : last + 1] == 0)
    if not parts:
        none = np.zeros(0, dtype=np.int64)
        return Landmarks(none, none, none, none.astype(bool))
    return Landmarks(*(np.concatenate([p[i] for p in parts]) for i in range(4)))


def cumulative(log_hazard: Callable[[int], Array], lag: int = 0) -> Array:
    """``P(event within 1..6 months)``, (6, regions), from the log hazard of a month ahead.

    Parameters
    ----------
    log_hazard : callable
        Months after the last month seen, to (regions,).
    lag : int
        Months that are over and not published: they are passed over.
    """
    rates = np.stack([np.exp(log_hazard(min(ahead + lag, AHEAD))) for ahead in range(1, AHEAD + 1)])
    return np.asarray(-np.expm1(-np.cumsum(rates, axis=0)))
