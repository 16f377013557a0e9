"""Scores of probabilistic count forecasts, case by case; scoringrules' mathematics, the field's definitions.

Every function takes what was observed, shape (...), and draws of the forecast, shape (draws, ...), both in counts. They
serve draws of any origin, totals, and tests as the reference; the CRPS of our own forecasts is computed exactly from
their distributions, by ``Margins.crps`` in ``training/margins.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .comparison import block_bootstrap_skill

__all__ = [
    "IGNORANCE_EDGES",
    "average_precision",
    "block_bootstrap_skill",
    "brier",
    "crps",
    "escalation_level",
    "ignorance",
    "interval_coverage",
    "interval_score",
    "is_onset_case",
    "pit_histogram",
    "prob_at_least",
    "randomised_pit",
    "reliability",
]

#: Lowest count of each of the eleven bins of the ignorance score: 0, 1-2, 3-5, ... 501-1000, more than 1000.
IGNORANCE_EDGES = (0, 1, 3, 6, 11, 26, 51, 101, 251, 501, 1001)
#: Bins of forecast probability in a reliability table; fine where it is small: most regions are quiet.
RELIABILITY_EDGES = (0.0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def crps(observed: np.ndarray, draws: np.ndarray, *, log: bool = False, ordered: bool = False) -> np.ndarray:
    """Continuous ranked probability score of an ensemble, ``mean|x - y| - 1/2 mean|x - x'|`` with 1/S^2.

    Parameters
    ----------
    observed : numpy.ndarray
        Shape (...), counts.
    draws : numpy.ndarray
        Shape (draws, ...), counts.
    log : bool
        Score ``log(1 + count)`` instead, which weighs relative error (Bosse et al. 2023,
        doi:10.1371/journal.pcbi.1011393).
    ordered : bool
        The draws rise along the first axis already; saves a sort.

    Returns
    -------
    numpy.ndarray
        Shape (...), in counts (or log counts), >= 0, lower is better.

    Notes
    -----
    Gneiting & Raftery (2007), doi:10.1198/016214506000001437.

    Examples
    --------
    >>> crps(np.array([2.0]), np.array([[1.0], [3.0]])).tolist()
    [0.5]
    """
    import scoringrules as sr

    y, x = np.asarray(observed, float), np.asarray(draws, float)
    if log:
        y, x = np.log1p(y), np.log1p(x)
    # The quantile decomposition is the score of the empirical distribution itself, hence 1/S^2.
    return np.asarray(sr.crps_ensemble(y, x, m_axis=0, estimator="qd", sorted_ensemble=ordered))


def ignorance(observed: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Ignorance (logarithmic) score in eleven bins of counts, base 2, one draw added to every bin.

    Parameters
    ----------
    observed : numpy.ndarray
        Shape (...), counts.
    draws : numpy.ndarray
        Shape (draws, ...), counts; only forecasts with equally many draws may be compared.

    Returns
    -------
    numpy.ndarray
        ``-log2((draws in the observed bin + 1) / (draws + 11))``, shape (...), bits, > 0, lower is better.

    Notes
    -----
    Bins and smoothing are those of the VIEWS prediction challenge (Hegre et al. 2025,
    doi:10.1177/00223433241300862); the score is Roulston & Smith (2002),
    doi:10.1175/1520-0493(2002)130<1653:EPFUIT>2.0.CO;2.

    Examples
    --------
    >>> ignorance(np.array([2]), np.full((1013, 1), 1)).round(4).tolist()
    [0.0142]
    """
    lows = np.array(IGNORANCE_EDGES)
    highs = np.append(lows[1:], np.iinfo(np.int64).max)
    at = np.searchsorted(lows, observed, side="right") - 1
    inside = ((draws >= lows[at]) & (draws < highs[at])).sum(axis=0)
    return np.asarray(-np.log2((inside + 1) / (len(draws) + len(lows))))


def interval_score(observed: np.ndarray, draws: np.ndarray, alpha: float = 0.1) -> np.ndarray:
    """Score of the central ``1 - alpha`` interval: its width, and 2/alpha times any miss.

    Parameters
    ----------
    observed : numpy.ndarray
        Shape (...), counts.
    draws : numpy.ndarray
        Shape (draws, ...), counts; the ends are linearly interpolated quantiles, as VIEWS takes them.

    Returns
    -------
    numpy.ndarray
        Shape (...), counts, >= 0, lower is better.

    Notes
    -----
    Gneiting & Raftery (2007), doi:10.1198/016214506000001437.

    Examples
    --------
    >>> interval_score(np.array([12.0]), np.arange(11.0)[:, None], alpha=0.2).tolist()
    [38.0]
    """
    import scoringrules as sr

    low, high = np.quantile(draws, [alpha / 2, 1 - alpha / 2], axis=0)
    score = sr.interval_score(np.asarray(observed, float), low, high, alpha)
    return np.asarray(score).reshape(np.shape(observed))


def prob_at_least(draws: np.ndarray, threshold: int | np.ndarray) -> np.ndarray:
    """Share of draws that reach ``threshold`` (a number, or one per case); shape (...).

    Examples
    --------
    >>> prob_at_least(np.array([[0, 0], [1, 5]]), np.array([1, 6])).tolist()
    [0.5, 0.0]
    """
    return np.asarray((draws >= threshold).mean(axis=0))


def brier(happened: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Squared error of a probability; shape (...), 0..1, lower is better.

    Brier (1950), doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.

    Examples
    --------
    >>> brier(np.array([True, False]), np.array([0.5, 0.0])).tolist()
    [0.25, 0.0]
    """
    import scoringrules as sr

    return np.asarray(sr.brier_score(np.asarray(happened, float), np.asarray(probability, float)))


def average_precision(
    happened: np.ndarray,
    probability: np.ndarray,
    weights: np.ndarray | None = None,
    group: np.ndarray | None = None,
) -> np.ndarray:
    """Average precision of a ranking, for many weightings of the same cases at once.

    Parameters
    ----------
    happened : numpy.ndarray
        bool, shape (cases,).
    probability : numpy.ndarray
        Shape (cases,); equal values share one step.
    weights : numpy.ndarray, optional
        Shape (weightings, cases), >= 0: how often each case counts, such as in bootstrap samples.
    group : numpy.ndarray, optional
        Column of ``weights`` that each case takes, int (cases,), where cases count by groups; (weightings, groups).

    Returns
    -------
    numpy.ndarray
        Shape (weightings,), 0..1, higher is better; NaN where nothing happened.

    Examples
    --------
    >>> average_precision(np.array([True, False, True]), np.array([0.9, 0.5, 0.1])).round(4).tolist()
    [0.8333]
    """
    values, step = np.unique(-np.asarray(probability, float), return_inverse=True)
    hit = np.asarray(happened, bool)
    if group is None:
        group = np.zeros(len(hit), dtype=int) if weights is None else np.arange(len(hit))
    w = np.ones((1, 1)) if weights is None else np.asarray(weights, float)
    if not len(values):
        return np.full(len(w), np.nan)
    # Cases of one group and one step count alike: what is summed for every weighting are their numbers.
    called, right = (
        np.asarray(w @ _cases(group[kept], step[kept], (w.shape[1], len(values)))).cumsum(axis=1)
        for kept in (slice(None), hit)
    )
    total = right[:, -1]
    precision = np.divide(right, called, out=np.zeros_like(right), where=called > 0)
    gained = np.diff(right, axis=1, prepend=0.0)
    area = (gained * precision).sum(axis=1)
    return np.asarray(np.divide(area, total, out=np.full(len(w), np.nan), where=total > 0))


def _cases(row: np.ndarray, column: np.ndarray, shape: tuple[int, int]) -> Any:
    """How many cases lie in each row and column, sparse."""
    from scipy import sparse

    return sparse.csr_array((np.ones(len(row)), (row, column)), shape=shape)


def is_onset_case(history: np.ndarray, quiet: int = 6) -> np.ndarray:
    """Whether a region had no event in the last ``quiet`` months, so that the next one would be an onset.

    Parameters
    ----------
    history : numpy.ndarray
        Shape (..., months, regions): counts up to the origin, the origin last.

    Examples
    --------
    >>> is_onset_case(np.array([[4.0, 0.0], [0.0, 0.0], [0.0, 1.0]]), quiet=2).tolist()
    [True, False]
    """
    return np.asarray((history[..., -quiet:, :] == 0).all(axis=-2))


def escalation_level(history: np.ndarray) -> np.ndarray:
    """Smallest count that is at least twice the mean of the last 12 months; NaN where those had no event.

    Parameters
    ----------
    history : numpy.ndarray
        Shape (..., 12, regions): counts up to the origin.

    Returns
    -------
    numpy.ndarray
        Shape (..., regions), counts, >= 1. Without an event in the window any event at all would be an
        escalation: that is what onsets are for.

    Examples
    --------
    >>> escalation_level(np.array([[0.0, 1.0], [0.0, 4.0]])).tolist()
    [nan, 5.0]
    """
    mean = np.asarray(history, float).mean(axis=-2)
    return np.where(mean > 0, np.ceil(2 * mean - 1e-9), np.nan)


def randomised_pit(observed: np.ndarray, draws: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Randomised probability integral transform, ``F(y - 1) + v f(y)``; shape (...), in [0, 1].

    Parameters
    ----------
    uniform : numpy.ndarray
        ``v``, shape (...), in [0, 1]; the same for every forecast that is compared.

    Notes
    -----
    Czado, Gneiting & Held (2009), doi:10.1111/j.1541-0420.2009.01191.x.

    Examples
    --------
    >>> randomised_pit(np.array([1]), np.array([[0], [1], [1], [3]]), np.array([0.5])).tolist()
    [0.5]
    """
    below, upto = (draws < observed).mean(axis=0), (draws <= observed).mean(axis=0)
    return np.asarray(below + uniform * (upto - below))


def interval_coverage(pit: np.ndarray, levels: Sequence[float] = (0.5, 0.8, 0.9)) -> dict[float, float]:
    """Share of randomised PIT values inside the central interval of each level; NaN without cases.

    Examples
    --------
    >>> interval_coverage(np.linspace(0.005, 0.995, 100))[0.5]
    0.5
    """
    if not len(pit):
        return dict.fromkeys(levels, float("nan"))
    return {level: float(np.mean(np.abs(pit - 0.5) <= level / 2)) for level in levels}


def pit_histogram(pit: np.ndarray, bins: int = 10) -> np.ndarray:
    """Relative height of each bin of the PIT, 1 where the forecast is calibrated; shape (bins,).

    Examples
    --------
    >>> pit_histogram(np.array([0.1, 0.2, 0.3, 0.9]), bins=2).tolist()
    [1.5, 0.5]
    """
    counts, _ = np.histogram(pit, bins=bins, range=(0.0, 1.0))
    return np.asarray(counts * bins / max(len(pit), 1))


def reliability(
    happened: np.ndarray, probability: np.ndarray, edges: Sequence[float] = RELIABILITY_EDGES
) -> dict[str, np.ndarray]:
    """What was said against what came, by bins of the forecast probability.

    Returns
    -------
    dict of str to numpy.ndarray
        ``low, high, cases, forecast, frequency``, shape (bins,) each; NaN means in empty bins.

    Examples
    --------
    >>> table = reliability(np.array([1, 0]), np.array([0.9, 0.7]), edges=(0.0, 0.5, 1.0))
    >>> table["cases"].tolist(), table["frequency"].tolist()
    ([0, 2], [nan, 0.5])
    """
    edge = np.asarray(edges, float)
    bins = len(edge) - 1
    at = np.clip(np.searchsorted(edge, probability, side="right") - 1, 0, bins - 1)
    cases = np.bincount(at, minlength=bins)

    def mean(values: np.ndarray) -> np.ndarray:
        total = np.bincount(at, weights=np.asarray(values, float), minlength=bins)
        return np.asarray(np.divide(total, cases, out=np.full(bins, np.nan), where=cases > 0))

    return {
        "low": edge[:-1],
        "high": edge[1:],
        "cases": cases,
        "forecast": mean(probability),
        "frequency": mean(happened),
    }
