"""Paths of the diffusion model: exact means, and counts simulated by inverse CDF so that worlds are coupled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from ..models.dispersion import size_at
from .design import LAG_HALF_LIVES

if TYPE_CHECKING:
    from .model import Diffusion

#: Below this logarithm a probability is no longer a normal double.
_LOG_TINY = -680.0

#: Sums stop after so many counts, and are not begun so near to 1: their rounding errors would outgrow the tail.
_LONGEST_SUM = 1000
_FAR_TAIL = 1e-4

#: No quantile is taken nearer to 1 than this.
_LEAST_TAIL = 1e-9


def step_decay() -> np.ndarray:
    """Step of each exponential mean towards a new count, (lags,)."""
    return 1 - 0.5 ** (1 / np.array(LAG_HALF_LIVES))


def mean_paths(model: Diffusion, states: np.ndarray, months: int) -> tuple[np.ndarray, np.ndarray]:
    """Expected counts of the coming months: exact where the model is linear in past counts.

    Where it saturates they follow the expected lag, which lies a little above the mean of simulated paths.

    Parameters
    ----------
    states : numpy.ndarray
        Exponential means at the origin, (regions, lags).
    months : int
        How far ahead, >= 1.

    Returns
    -------
    tuple of numpy.ndarray
        Means (months, regions), and the expected lag L that produced each of them, (months, regions).
    """
    steps, reach, means, lags = step_decay(), model.propagation, [], []
    for _ in range(months):
        lag = model.kernel.excites(states @ model.lag_shares)
        mean = model.endemic + reach @ lag
        states = states + steps * (mean[:, None] - states)
        means.append(mean)
        lags.append(lag)
    return np.stack(means), np.stack(lags)


def simulate(
    model: Diffusion,
    states: np.ndarray,
    size: np.ndarray,
    uniforms: np.ndarray,
    given: np.ndarray | None = None,
) -> np.ndarray:
    """Simulate paths by inverse CDF, so that worlds which share ``uniforms`` are coupled.

    Parameters
    ----------
    states : numpy.ndarray
        Exponential means at the origin, (regions, lags).
    size : numpy.ndarray
        Negative-binomial size of each region, fixed for all months and worlds, (regions,).
    uniforms : numpy.ndarray
        One number in [0, 1) per path, month and region, (paths, months, regions).
    given : numpy.ndarray, optional
        Means that are set from outside, (months, [paths,] regions); NaN where the model's own stand.

    Returns
    -------
    numpy.ndarray
        Counts, int32, (paths, months, regions). No path falls when a mean rises.
    """
    paths, months, regions = uniforms.shape
    now = _repeated(states, paths)
    out = np.empty((paths, months, regions), dtype=np.int32)
    for t in range(months):
        mean = instead(_next_mean(model, now), given, t)
        out[:, t] = negative_binomial_quantile(uniforms[:, t], mean, size)
        _move(now, out[:, t])
    return out


def means_along(model: Diffusion, states: np.ndarray, paths: np.ndarray) -> np.ndarray:
    """The means from which each month of some paths was drawn, (paths, months, regions) -> (months, paths, regions)."""
    now, means = _repeated(states, len(paths)), []
    for t in range(paths.shape[1]):
        means.append(_next_mean(model, now))
        _move(now, paths[:, t])
    return np.stack(means)


def _repeated(states: np.ndarray, paths: int) -> np.ndarray:
    """The states of every path, (lags, paths, regions): what is worked on at once lies side by side."""
    return np.repeat(states.T[:, None], paths, axis=1)


def _move(now: np.ndarray, counts: np.ndarray) -> None:
    """Move the exponential means of every path towards its new counts, (paths, regions)."""
    counts = counts.astype(float)
    for each, step in zip(now, step_decay(), strict=True):
        each += step * (counts - each)


def _next_mean(model: Diffusion, now: np.ndarray) -> np.ndarray:
    """Expected counts of the next month, (lags, paths, regions) -> (paths, regions)."""
    lag = sum(share * each for share, each in zip(model.lag_shares, now, strict=True))
    return np.asarray(model.endemic + model.kernel.excites(np.asarray(lag)) @ model.propagation.T)


def instead(mean: np.ndarray, given: np.ndarray | None, month: int) -> np.ndarray:
    """The means of one month, with those that are set from outside in their places."""
    return mean if given is None else np.where(np.isnan(given[month]), mean, given[month])


def negative_binomial_quantile(u: np.ndarray, mean: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Quantile of a negative binomial, by summing probabilities upwards; all arguments broadcast.

    Most counts are zero, so summing upwards ends at once for most cases and is faster than a general inverse. Large
    counts and far tails, where sums lose digits, are found by bisection of the survival function instead.

    Examples
    --------
    >>> negative_binomial_quantile(np.array([0.1, 0.5, 0.99]), np.array(1.0), np.array(2.0)).tolist()
    [0, 1, 5]
    """
    u, mean, size = np.broadcast_arrays(u, mean, size)
    left, size_, mean_ = (x.ravel().astype(float, copy=False) for x in (u, size, mean))
    log_zero = -size_ * np.log1p(mean_ / size_)
    mass, ratio = np.exp(log_zero), mean_ / (mean_ + size_)
    out = np.zeros(left.size, dtype=np.int32)
    # Where the probability of zero underflows there is nothing to sum up from; near 1 a sum has no digits left.
    far = (log_zero < _LOG_TINY) | (left > 1 - _FAR_TAIL)
    active = np.flatnonzero((left >= mass) & ~far)
    left, mass, ratio, size_ = left[active], mass[active], ratio[active], size_[active]
    for k in range(_LONGEST_SUM):
        if not len(active):
            break
        left = left - mass
        mass = mass * ratio * (k + size_) / (k + 1)
        out[active] = k + 1
        going = left >= mass
        active, left, mass, ratio, size_ = (x[going] for x in (active, left, mass, ratio, size_))
    hard = np.concatenate([active, np.flatnonzero(far)])
    out[hard] = _bisected_quantile(*(x.ravel()[hard] for x in (u, mean, size)))
    return out.reshape(u.shape)


def _bisected_quantile(u: np.ndarray, mean: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Least count whose distribution function reaches u, judged by the smaller tail, for 1-d arguments."""
    lower = u < 0.5
    beyond = np.where(lower, u, np.maximum(1 - u, _LEAST_TAIL))
    share = np.where(lower, size, mean) / (mean + size)
    low, high = np.full(len(u), -1, dtype=np.int64), np.full(len(u), np.iinfo(np.int32).max, dtype=np.int64)
    while (high - low > 1).any():
        middle = (low + high) // 2
        above = middle + 1.0
        tail = special.betainc(np.where(lower, size, above), np.where(lower, above, size), share)
        enough = np.where(lower, tail >= beyond, tail <= beyond)
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high


def size_at_origin(model: Diffusion, states: np.ndarray) -> np.ndarray:
    """Size of each region at the origin's mean, held fixed along every path, (regions,)."""
    mean = model.endemic + model.propagation @ model.kernel.excites(states @ model.lag_shares)
    return size_at(mean, model.spread, model.slope)
