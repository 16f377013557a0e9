"""The season: by how much a forecast is too low in one month of the year and too high in another.

Around the Sahel violence follows the rains: roads are cut from June to September, and the dry months before are the
worst. Windows and exponential means of past counts know nothing of it, so each member multiplies its mean by

    season(month) = exp(s sin(2 pi month / 12) + c cos(2 pi month / 12))

one wave a year, as in the endemic-epidemic models of Held & Paul (2012), doi:10.1002/bimj.201200037. A member forecasts
one number of months ahead, so the month that is forecast tells in which season its origin lay as well.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .base import Sample

#: Precision of the normal prior that pulls both coefficients to no season at all.
PRECISION = 10.0
#: What a month of regions that are only learned from counts beside one of those that are forecast: it rains there too,
#: but not in step.
ELSEWHERE = 0.5
#: Dispersion that the search begins with, and no less than which it is taken to be.
FIRST_DISPERSION, LEAST_DISPERSION = 10.0, 1.0
_STEPS = 30
_LARGEST = 0.5


@dataclass(frozen=True)
class Season:
    """One wave a year; without coefficients there is no season.

    Examples
    --------
    >>> import pandas as pd
    >>> months = pd.period_range("2022-01", periods=12, freq="M")
    >>> wet = Season(sine=0.3, cosine=0.0).at(months.asi8)
    >>> bool(wet[2] > 1 > wet[8])  # March, September
    True
    """

    sine: float = 0.0
    cosine: float = 0.0

    def at(self, months: np.ndarray | int) -> np.ndarray:
        """The factor of each month, > 0; months as ordinals of :class:`pandas.Period`."""
        return np.asarray(np.exp(_waves(np.asarray(months)) @ np.array([self.sine, self.cosine])))

    def to_json(self) -> dict[str, float]:
        """Plain numbers; ``Season(**numbers)`` is the inverse."""
        return asdict(self)


def _waves(months: np.ndarray) -> np.ndarray:
    """Sine and cosine of the month of the year, (..., 2); January is 1."""
    angle = 2 * np.pi * (months % 12 + 1) / 12
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1)


def season_of(sample: Sample, mean: np.ndarray) -> Season:
    """The season of training rows around what a member expected before it, (rows,)."""
    counts_for = [np.full(len(p.rows), 1.0 if i == 0 else ELSEWHERE) for i, p in enumerate(sample.pieces)]
    return fit_season(sample.months, sample.counts, mean, sample.weights(None) * np.concatenate(counts_for))


def fit_season(months: np.ndarray, counts: np.ndarray, mean: np.ndarray, weights: np.ndarray) -> Season:
    """The season of outcomes around given means, by penalised quasi-likelihood.

    Parameters
    ----------
    months : numpy.ndarray
        Month of each outcome, ordinals of :class:`pandas.Period`, (rows,).
    counts, mean, weights : numpy.ndarray
        Outcomes >= 0, what was expected > 0, and how many rows each stands for, (rows,).

    Notes
    -----
    Rows of one month are added up first: the regions of a month err together, and the dispersion of the monthly sums
    says how much a wave has to stand out. The level is free, and not kept.

    Examples
    --------
    >>> months = np.arange(240)
    >>> truth = Season(0.4, -0.1)
    >>> found = fit_season(months, 20 * truth.at(months), np.full(240, 20.0), np.ones(240))
    >>> round(found.sine, 2), round(found.cosine, 2)
    (0.4, -0.1)
    """
    at, which = np.unique(months, return_inverse=True)
    observed, expected = (np.bincount(which, weights * values) for values in (counts, mean))
    design = np.column_stack([np.ones(len(at)), _waves(at)])
    # A little on the level too: a record without one event has none to find.
    precision = np.array([1e-3, PRECISION, PRECISION])
    found, dispersion = np.zeros(3), FIRST_DISPERSION
    for _ in range(_STEPS):
        fitted = expected * np.exp(np.clip(design @ found, -3, 3))
        slope = design.T @ (observed - fitted) / dispersion - precision * found
        curve = (design * (fitted / dispersion)[:, None]).T @ design + np.diag(precision)
        found = found + np.clip(np.linalg.solve(curve, slope), -_LARGEST, _LARGEST)
        chi2 = np.mean((observed - fitted) ** 2 / np.maximum(fitted, 1e-9))
        dispersion = max(LEAST_DISPERSION, float(chi2))
    return Season(float(found[1]), float(found[2]))
