"""How the size of a negative binomial depends on its mean, learned by minimum CRPS.

The likelihood pays for every surprise in the far tail and answers with sizes that are too small for the bulk; the
CRPS, on which forecasts are judged, weighs both (Gneiting, Raftery, Westveld & Goldman 2005, doi:10.1175/MWR2904.1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from ..margins import negative_binomial_cdf

#: Level added before the logarithm that the size depends on, so that a mean of zero has a size.
LEVEL_FLOOR = 0.1
#: Means are sorted into this many levels; inside one the size hardly changes.
LEVELS = 40


@dataclass(frozen=True)
class Shrinkage:
    """The law that a size is pulled to, and how hard (in units of the relative CRPS).

    Left alone a law follows the first shock of each new war in the record, which no size can foresee, and is too wide
    everywhere else.
    """

    intercept: float
    slope: float
    strength: float


#: By target; counts of anything else are taken like deaths. One attack may cost a hundred lives: they are left more of
#: their own spread.
SHRINKAGE = {"events": Shrinkage(0.6, 0.75, 0.03), "deaths": Shrinkage(0.47, 0.5, 0.01)}


@dataclass(frozen=True)
class SizeLaw:
    """Size of a negative binomial as a power of its level: ``exp(intercept) (mean + 0.1)^slope``."""

    intercept: float
    slope: float

    def at(self, mean: np.ndarray) -> np.ndarray:
        """Size at each mean, > 0."""
        return size_at(mean, self.intercept, self.slope)


def size_at(mean: np.ndarray, intercept: float, slope: float) -> np.ndarray:
    """The size law as a plain function; bounded, so that no margin degenerates."""
    return np.asarray(np.exp(np.clip(intercept + slope * np.log(mean + LEVEL_FLOOR), -5, 6)))


def fit_size(counts: np.ndarray, mean: np.ndarray, weights: np.ndarray, target: str = "events") -> SizeLaw:
    """The size law with the lowest weighted CRPS, the means held fixed.

    Parameters
    ----------
    counts, mean, weights : numpy.ndarray
        Shape (rows,): outcomes >= 0, forecast means > 0, weights >= 0.
    target : str
        Which of :data:`SHRINKAGE` holds.
    """
    pull = SHRINKAGE.get(target, SHRINKAGE["deaths"])
    start = np.array([pull.intercept, pull.slope])
    grid = count_grid(int(counts.max(initial=0)))
    level, share = _levels(np.searchsorted(grid, counts), len(grid), mean, weights)
    unit = float(np.average(counts, weights=weights)) + 1e-3

    def loss(law: np.ndarray) -> float:
        cdf = negative_binomial_cdf(level, size_at(level, law[0], law[1]), grid)
        score = float((share * crps_on_grid(cdf, grid)).sum())
        return score / unit + pull.strength * float(((law - start) ** 2).sum())

    options = {"xatol": 0.01, "fatol": 1e-7, "maxiter": 120}
    found = optimize.minimize(loss, start, method="Nelder-Mead", options=options)
    return SizeLaw(float(found.x[0]), float(np.clip(found.x[1], -0.5, 1.5)))


def count_grid(largest: int) -> np.ndarray:
    """Counts at which distributions are compared: every one to 40, then steps of a tenth, well past ``largest``."""
    steps = np.round(
        40 * 1.1 ** np.arange(1, 1 + max(0, int(np.log(max(4 * largest, 60) / 40) / np.log(1.1)) + 1))
    )
    return np.unique(np.concatenate([np.arange(41), steps])).astype(np.int64)


def _levels(
    at: np.ndarray, points: int, mean: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean of each level, and the share of all weight on each point of the grid there, (levels, points)."""
    scale = np.log(mean + LEVEL_FLOOR)
    edges = np.linspace(scale.min(), scale.max() + 1e-9, LEVELS + 1)
    which = np.clip(np.searchsorted(edges, scale, side="right") - 1, 0, LEVELS - 1)
    share = np.bincount(which * points + at, weights, minlength=LEVELS * points).reshape(LEVELS, points)
    weight = share.sum(axis=1)
    total = np.bincount(which, weights * mean, minlength=LEVELS)
    used = weight > 0
    return total[used] / weight[used], share[used] / weight.sum()


def crps_on_grid(cdf: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """CRPS of each distribution (levels, points) at every point of the grid, from two running sums."""
    width = np.diff(grid, append=grid[-1] + 1)
    under, over = width * cdf**2, width * (1 - cdf) ** 2
    below = np.cumsum(under, axis=1) - under
    above = np.cumsum(over[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(below + above)
