"""What a record supports: no member expects more of a region than it has any experience of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .base import Problem

#: Months of the rolling mean whose largest value so far a forecast may reach without being tapered.
WINDOW = 6
#: A record of nothing supports this much.
LEAST = 0.05


def supported(problem: Problem, rows: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Means, tapered where they leave the record: beyond ``c`` they grow as ``c (1 + log(mean / c))``.

    ``c`` is the largest mean of six months that the region has had up to then, or that half of all regions with any
    count have had, if that is more: where a war is new, it is taken for a usual one.

    Parameters
    ----------
    problem : Problem
    rows : numpy.ndarray
        Months of the panel at which the forecasts were made, (rows,); later ones are not looked at.
    mean : numpy.ndarray
        Expected counts, (rows, regions), >= 0.
    """
    cache: dict[str, Any] = problem.__dict__
    if "_largest_means" not in cache:
        cache["_largest_means"] = _largest_means(problem)
    limit = cache["_largest_means"][rows]
    return np.asarray(np.where(mean > limit, limit * (1 + np.log(np.maximum(mean, limit) / limit)), mean))


def _largest_means(problem: Problem) -> np.ndarray:
    """``c`` of every month and region, (months, regions)."""
    sums = np.cumsum(problem.counts * problem.observed, axis=0)
    sums[WINDOW:] -= sums[:-WINDOW].copy()
    own = np.maximum.accumulate(sums / WINDOW, axis=0)
    usual = np.array([np.median(row[row > 0]) if (row > 0).any() else 0.0 for row in own])
    return np.asarray(np.maximum(np.maximum(own, usual[:, None]), LEAST))
