"""Calibration of a forecast distribution on its own past: an isotonic map of the probability integral transform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data.errors import ModelError
from .margins import Margins, from_cdf

#: Edges of the predicted means between which calibration may differ.
LEVELS = (0.1, 0.5, 2.0, 5.0)
#: Past cases of a flat histogram that each level starts with: how hard the map is pulled to doing nothing.
PRIOR_CASES = 400.0
#: Knots of the map.
KNOTS = 20


@dataclass(frozen=True)
class PitMap:
    """A monotone map of cumulative probabilities, one per level of the predicted mean.

    Attributes
    ----------
    heights : numpy.ndarray
        Values of the map at equally spaced knots 0..1, (levels, knots + 1); rising from 0 to 1.
    """

    heights: np.ndarray

    def apply(self, margins: Margins) -> Margins:
        """Margins with their cumulative probabilities mapped; (regions,)."""
        return map_cdf(margins, self.heights[np.searchsorted(np.array(LEVELS), margins.mean)])

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, from which :meth:`from_json` gives the same map, bit by bit."""
        return {"levels": list(LEVELS), "heights": self.heights.tolist()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PitMap:
        """The inverse of :meth:`to_json`.

        Raises
        ------
        ModelError
            Other levels than this version has, or heights that are no map of 0..1 onto 0..1.
        """
        try:
            levels, heights = list(data["levels"]), np.array(data["heights"], dtype=float)
        except (KeyError, TypeError, ValueError):
            levels, heights = [], np.empty(0)
        whole = levels == list(LEVELS) and heights.ndim == 2 and len(heights) == len(LEVELS) + 1
        if not (whole and _is_map(heights)):
            raise ModelError(
                "the calibration of a pool is not one that this version can read.",
                remedy="Train and write the model again.",
            )
        return cls(heights)


def _is_map(heights: np.ndarray) -> bool:
    """Whether every row rises from 0 to 1."""
    ends = (heights[:, 0] == 0).all() and (heights[:, -1] == 1).all()
    return heights.shape[1] > 1 and bool(ends and (np.diff(heights, axis=1) >= 0).all())


def map_cdf(margins: Margins, heights: np.ndarray) -> Margins:
    """Margins (regions,) whose cumulative probabilities go through one piecewise linear map each, (regions, knots)."""
    bins = heights.shape[1] - 1
    heights = np.minimum(heights, 1.0)
    heights[:, -1] = 1.0
    at = margins.cdf * bins
    below = np.minimum(at.astype(np.int64), bins - 1)
    low, high = (np.take_along_axis(heights, i, axis=1) for i in (below, below + 1))
    return from_cdf(low + (high - low) * (at - below))


def spread_over(lower: np.ndarray, upper: np.ndarray, bins: int) -> np.ndarray:
    """Share of each step ``lower..upper`` below each of ``bins + 1`` equally spaced knots, (cases, bins + 1)."""
    knots = np.linspace(0, 1, bins + 1)
    return np.asarray(np.clip((knots - lower[:, None]) / np.maximum(upper - lower, 1e-12)[:, None], 0, 1))


def fit_pit_map(lower: np.ndarray, upper: np.ndarray, mean: np.ndarray, prior: float = PRIOR_CASES) -> PitMap:
    """Learn the map from past cases.

    Parameters
    ----------
    lower, upper : numpy.ndarray
        ``F(y - 1)`` and ``F(y)`` of each past case, (cases,); the transform is spread evenly between them.
    mean : numpy.ndarray
        Its predicted mean, (cases,), which picks the level.
    prior : float
        Cases of a perfectly calibrated past added to each level.

    Notes
    -----
    After Kuleshov, Fenner & Ermon (2018), "Accurate uncertainties for deep learning using calibrated regression",
    with the non-randomised transform of Czado, Gneiting & Held (2009), doi:10.1111/j.1541-0420.2009.01191.x.
    A mean of transforms is monotone by itself, so the isotonic fit has nothing left to repair.
    """
    knots = np.linspace(0, 1, KNOTS + 1)
    reach = spread_over(lower, upper, KNOTS)
    level = np.searchsorted(np.array(LEVELS), mean)
    heights = np.empty((len(LEVELS) + 1, KNOTS + 1))
    for i in range(len(heights)):
        inside = level == i
        heights[i] = (reach[inside].sum(axis=0) + prior * knots) / (inside.sum() + prior)
    heights[:, 0], heights[:, -1] = 0.0, 1.0
    return PitMap(heights)
