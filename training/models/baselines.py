"""The models that every table shows and skill is measured against. Frozen: a change re-runs every earlier figure."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
from scipy import special

from ..margins import Margins, certain_zero, empirical, negative_binomial
from .base import Member, Problem
from .excitation import border_shares


def _window(problem: Problem, origin: pd.Period, months: int) -> tuple[np.ndarray, np.ndarray]:
    """The last ``months`` observed counts of each region up to the origin, and which of them exist at all.

    Shapes (months, regions), int and bool; a month that was not observed is no quiet month. Shares of events that span
    months are rounded.
    """
    stop = problem.row(origin) + 1
    seen = problem.observed[:stop]
    # A stable sort puts the observed months last, in their own order.
    latest = np.argsort(seen, axis=0, kind="stable")[-months:]
    counts = np.take_along_axis(problem.counts[:stop], latest, axis=0)
    return np.rint(counts).astype(np.int64), np.take_along_axis(seen, latest, axis=0)


class Zero(Member):
    """No events anywhere."""

    name: ClassVar[str] = "zero"

    def margins(self, problem: Problem, origin: pd.Period) -> Margins:
        """All probability on zero."""
        regions = problem.panel.shape[1]
        return certain_zero(regions)


class LastValue(Member):
    """Poisson around the last observed count."""

    name: ClassVar[str] = "last_value"

    def margins(self, problem: Problem, origin: pd.Period) -> Margins:
        """A Poisson distribution per region (a negative binomial of very large size)."""
        return negative_binomial(_window(problem, origin, 1)[0][0], np.array(1e6))


class Conflictology(Member):
    """The empirical distribution of a region's own last months.

    Hegre, Vesco & Colaresi (2025), the VIEWS prediction challenge, doi:10.1177/00223433241300862.

    Parameters
    ----------
    window : int
        Months, >= 1.
    """

    def __init__(self, window: int = 12) -> None:
        self.window = window

    @property
    def name(self) -> str:  # type: ignore[override]
        """Name in tables, with the window."""
        return f"conflictology_{self.window}"

    def margins(self, problem: Problem, origin: pd.Period) -> Margins:
        """Each of the last ``window`` counts with the same probability."""
        return empirical(*_window(problem, origin, self.window))


class WindowNB(Member):
    """A negative binomial fitted to nothing but a region's own last months: conflictology made smooth.

    The mean is that of the months; the size has the highest likelihood on a grid. A region without a count is certain
    to have none.

    Parameters
    ----------
    window : int
        Months, >= 1.
    """

    def __init__(self, window: int = 12) -> None:
        self.window = window

    @property
    def name(self) -> str:  # type: ignore[override]
        """Name in tables, with the window."""
        return f"negative_binomial_{self.window}"

    def margins(self, problem: Problem, origin: pd.Period) -> Margins:
        """Negative binomial margins, (regions,)."""
        return most_likely_nb(*_window(problem, origin, self.window))


#: Sizes that are tried; the largest is as good as a Poisson distribution.
SIZES = np.geomspace(0.05, 1e4, 120)


def most_likely_nb(counts: np.ndarray, seen: np.ndarray) -> Margins:
    """Maximum-likelihood negative binomials of some months, (regions,).

    Parameters
    ----------
    counts, seen : numpy.ndarray
        Counts and whether they were observed, (months, regions).

    Examples
    --------
    >>> m = most_likely_nb(np.array([[0, 2], [0, 4]]), np.ones((2, 2), dtype=bool))
    >>> m.mean.tolist(), m.cdf[0, 0].tolist()
    ([0.0, 3.0], 1.0)
    """
    counts = np.where(seen, counts, 0)
    mean = counts.sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    size = np.full(mean.shape, SIZES[0])
    some = mean > 0
    y, m, s = counts[:, some], mean[some], SIZES[:, None, None]
    each = special.gammaln(s + y) - special.gammaln(s)
    each += s * np.log(s / (s + m)) + special.xlogy(y, m / (s + m))
    size[some] = SIZES[np.where(seen[:, some], each, 0.0).sum(axis=1).argmax(axis=0)]
    return negative_binomial(mean, size)


class NeighbourConflictology(Member):
    """A region's own last months, mixed with those of its neighbours by shared border.

    Parameters
    ----------
    window : int
        Months, >= 1.
    share : float
        Weight of the neighbours, 0..1; a region without neighbours keeps its own months alone.
    """

    name: ClassVar[str] = "neighbour_conflictology"

    def __init__(self, window: int = 12, share: float = 0.15) -> None:
        self.window = window
        self.share = share

    def margins(self, problem: Problem, origin: pd.Period) -> Margins:
        """Mixture of empirical distributions, (regions,)."""
        own = empirical(*_window(problem, origin, self.window))
        if problem.panel.links is None:
            return own
        near = border_shares(problem.panel, None)
        kept = 1 - self.share * np.asarray(near.sum(axis=1)).ravel()
        cdf = self.share * (near @ own.cdf) + kept[:, None] * own.cdf
        return Margins(cdf, self.share * (near @ own.mean) + kept * own.mean)
