"""The grid of counts on which every distribution is held, and sums over the counts between its points.

Every count to 128 has a point of its own; beyond, there are 32 points per doubling. Between two points the cumulative
probability is linear in the count. Sums over all counts of a bin then have closed forms: they need the bin's width and
the first two moments of where its counts lie, and nothing grows with the counts themselves.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

#: Counts below and up to this have a point each; from there on bins are wider than one count.
EXACT = 128
#: Points per doubling beyond.
PER_DOUBLING = 32
#: Counts up to this are held exactly by a float, and are the largest that the grid reaches.
LARGEST = 2**53


def _make_grid() -> np.ndarray:
    steps = EXACT // PER_DOUBLING * np.arange(PER_DOUBLING, dtype=np.int64) + EXACT
    octaves = [steps << shift for shift in range(53 - 7)]
    return np.concatenate([np.arange(EXACT, dtype=np.int64), *octaves, [np.int64(LARGEST)]])


#: Points of the grid, int64; a distribution lives on the first so many of them.
GRID = _make_grid()
#: Counts of each bin: of those from its point up to the next one, without that.
WIDTH = np.diff(GRID)


class Moments(NamedTuple):
    """Sums over the counts of a bin, of 1, of ``j / width`` and of its square, where j counts from its first one."""

    zeroth: np.ndarray
    first: np.ndarray
    second: np.ndarray


def moments(counts: np.ndarray, width: np.ndarray) -> Moments:
    """Moments of the first ``counts`` counts of bins of some width.

    Examples
    --------
    >>> [float(m) for m in moments(np.array(4.0), np.array(4.0))]
    [4.0, 1.5, 0.875]
    """
    n, w = np.asarray(counts, dtype=float), np.asarray(width, dtype=float)
    return Moments(n, n * (n - 1) / (2 * w), (n - 1) * n * (2 * n - 1) / (6 * w**2))


def log_moments(start: np.ndarray, counts: np.ndarray, width: np.ndarray) -> Moments:
    """The same with each count k weighing ``log((k + 2) / (k + 1))``: its step on the scale of ``log(1 + count)``.

    Parameters
    ----------
    start : numpy.ndarray
        First count of each bin.
    counts, width : numpy.ndarray
        As for :func:`moments`.

    Notes
    -----
    The step of a count is the integral of ``1 / (1 + x)`` over it; the sums are integrals with the mid-step correction
    of Euler and Maclaurin, exact to 1e-7 of a bin where bins are wide.
    """
    n, w, g = np.asarray(counts, float), np.asarray(width, float), np.asarray(start, float) + 1
    log = np.log1p(n / g)
    line, square = n - g * log, n**2 / 2 - g * n + g**2 * log
    first = line - log / 2 + (1 / g - 1 / (g + n)) / 12
    second = square - line + log / 6
    one = n <= 1
    return Moments(log, np.where(one, 0.0, first / w), np.where(one, 0.0, second / w**2))


def points_for(largest: float) -> int:
    """How many points reach a count.

    Examples
    --------
    >>> points_for(1), points_for(127), points_for(60_000)
    (2, 128, 412)
    """
    return int(np.searchsorted(GRID, min(largest, LARGEST), side="left")) + 1


def bin_of(counts: np.ndarray) -> np.ndarray:
    """Number of the bin that each count (>= 0) lies in, int64."""
    counts = np.asarray(counts, dtype=np.int64)
    if counts.size and counts.max() < EXACT:
        return counts
    return np.searchsorted(GRID, counts, side="right") - 1
