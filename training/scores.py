"""Proper scores and coverage; the mathematics is scoringrules', the definitions are those of the field."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def crps(observed: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Continuous ranked probability score of an ensemble, ``mean|x - y| - 1/2 mean|x - x'|`` with 1/S^2.

    Parameters
    ----------
    observed : numpy.ndarray
        Shape (...), counts.
    draws : numpy.ndarray
        Shape (draws, ...), counts.

    Returns
    -------
    numpy.ndarray
        Shape (...), in counts, >= 0, lower is better.

    Examples
    --------
    >>> crps(np.array([2.0]), np.array([[1.0], [3.0]])).tolist()
    [0.5]
    """
    import scoringrules as sr

    # The quantile decomposition is the score of the empirical distribution itself, hence 1/S^2.
    score = sr.crps_ensemble(np.asarray(observed, float), np.asarray(draws, float), m_axis=0, estimator="qd")
    return np.asarray(score)


def interval_coverage(pit: np.ndarray, levels: Sequence[float] = (0.5, 0.8, 0.9)) -> dict[float, float]:
    """Share of randomised PIT values inside the central interval of each level.

    Examples
    --------
    >>> interval_coverage(np.linspace(0.005, 0.995, 100))[0.5]
    0.5
    """
    return {level: float(np.mean(np.abs(pit - 0.5) <= level / 2)) for level in levels}


def block_bootstrap_skill(
    score: np.ndarray,
    reference: np.ndarray,
    rng: np.random.Generator,
    block: int = 6,
    samples: int = 1000,
    level: float = 0.95,
) -> tuple[float, float, float]:
    """Skill ``1 - mean(score) / mean(reference)`` with an interval from a circular block bootstrap over months.

    Parameters
    ----------
    score, reference : numpy.ndarray
        Mean score of each origin month, shape (months,), in order.
    block : int
        Length of a block, months; it keeps the dependence between neighbouring origins.

    Returns
    -------
    tuple of float
        Estimate, lower and upper end, as fractions.

    Notes
    -----
    Politis & Romano (1992), "A circular block-resampling procedure for stationary data".
    """
    n = len(score)
    block = max(1, min(block, n // 2))
    starts = rng.integers(0, n, size=(samples, -(-n // block)))
    index = ((starts[..., None] + np.arange(block)) % n).reshape(samples, -1)[:, :n]
    base = reference[index].mean(axis=1)
    skill = 1 - score[index].mean(axis=1) / np.where(base > 0, base, np.nan)
    estimate = 1 - score.mean() / reference.mean() if reference.mean() > 0 else float("nan")
    tail = (1 - level) / 2
    low, high = np.nanquantile(skill, [tail, 1 - tail]) if np.isfinite(skill).any() else (np.nan, np.nan)
    return float(estimate), float(low), float(high)
