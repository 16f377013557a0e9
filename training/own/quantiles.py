"""Distributions of counts from what other people publish of theirs: quantiles, cumulative probabilities, samples."""

from __future__ import annotations

import numpy as np

from ..count_grid import GRID, points_for
from ..margins import Margins, from_cdf

#: A tail is followed until so little is left.
_LEFT = 1e-6


def from_quantiles(levels: np.ndarray, values: np.ndarray, *, whole: bool | None = None) -> Margins:
    """Distributions whose quantiles are those given.

    Between the given quantiles the cumulative probability is linear in the count, below the lowest it rises from
    nothing at -1, above the highest the tail falls exponentially, at the rate of the last two.

    Parameters
    ----------
    levels : numpy.ndarray
        In 0..1, rising, (levels,).
    values : numpy.ndarray
        Counts >= 0, never falling along the levels, (cases, levels).
    whole : bool, optional
        Whether values are whole counts; others are those of a continuous law, which is rounded. Seen from the values
        where None.

    Returns
    -------
    Margins
        (cases,).

    Examples
    --------
    >>> m = from_quantiles(np.array([0.1, 0.5, 0.9]), np.array([[0, 2, 10]]))
    >>> m.quantile([0.1, 0.5, 0.9]).ravel().tolist()
    [0, 2, 10]
    """
    values = np.asarray(values, dtype=float)
    if whole is None:
        whole = bool((values == np.round(values)).all())
    top, below = levels[-1], values[:, -2] if len(levels) > 1 else values[:, -1]
    # The rate of the tail: how far apart the last two quantiles are, per unit of the logarithm of what is left.
    fall = np.log((1 - levels[-2]) / (1 - top)) if len(levels) > 1 else 1.0
    scale = np.maximum((values[:, -1] - below) / fall, 0.25)
    reach = float((values[:, -1] + scale * np.log(max(1 - top, _LEFT) / _LEFT)).max(initial=1.0))
    counts = GRID[: points_for(reach + 1)].astype(float)
    at = counts if whole else counts + 0.5
    beyond = np.maximum(at - values[:, -1:], 0) / scale[:, None]
    cdf = np.where(beyond > 0, 1 - (1 - top) * np.exp(-beyond), _through(values, levels, at))
    return from_cdf(np.maximum.accumulate(cdf, axis=1))


def _through(values: np.ndarray, levels: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Cumulative probabilities at some counts, through quantiles; where several share a value, there is a step.

    (cases, levels), (levels,) and (counts,) to (cases, counts). Beyond the last quantile it is the last level.
    """
    below = np.zeros((len(values), len(at)), dtype=np.int64)
    for value in values.T:
        below += value[:, None] <= at
    last = len(levels) - 1
    start, known = np.append(0.0, levels), np.column_stack([np.full(len(values), -1.0), values])
    left = np.take_along_axis(known, below, axis=1)
    right = np.take_along_axis(values, np.minimum(below, last), axis=1)
    share = np.divide(at - left, right - left, out=np.zeros_like(left), where=right > left)
    rise = levels[np.minimum(below, last)] - start[below]
    return np.asarray(start[below] + share * rise)


def from_probabilities(counts: np.ndarray, cdf: np.ndarray) -> Margins:
    """Distributions from cumulative probabilities ``P(X <= count)`` at some counts.

    Parameters
    ----------
    counts : numpy.ndarray
        Rising, >= 0, (counts,).
    cdf : numpy.ndarray
        Never falling, in 0..1, (cases, counts).
    """
    top = cdf[:, -1]
    last = float(counts[-1])
    before = cdf[:, -2] if cdf.shape[1] > 1 else np.zeros(len(cdf))
    fall = np.log(np.maximum(1 - before, _LEFT) / np.maximum(1 - top, _LEFT))
    step = last - float(counts[-2]) if len(counts) > 1 else last + 1
    scale = np.maximum(step / np.maximum(fall, 0.05), 0.25)
    reach = float((last + scale * np.log(np.maximum(1 - top, _LEFT) / _LEFT)).max(initial=last))
    at = GRID[: points_for(reach + 1)].astype(float)
    known = np.append(-1.0, counts)
    upto = np.column_stack([np.zeros(len(cdf)), cdf])
    low = np.clip(np.searchsorted(known, at, side="right") - 1, 0, len(known) - 2)
    share = np.minimum((at - known[low]) / (known[low + 1] - known[low]), 1.0)
    out = upto[:, low] + share * (upto[:, low + 1] - upto[:, low])
    tail = at > last
    out[:, tail] = 1 - (1 - top)[:, None] * np.exp(-(at[tail] - last) / scale[:, None])
    return from_cdf(np.maximum.accumulate(out, axis=1))
