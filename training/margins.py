"""Distributions of counts on one shared grid, one per case: scores, quantiles, mixtures, and how they are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from ..data.errors import ModelError
from ..data.frames import read_only
from .count_grid import EXACT, GRID, PER_DOUBLING, WIDTH, Moments, bin_of, log_moments, moments, points_for

#: Probability that a margin may leave beyond its last point before the rest is put there.
TAIL = 1e-7
#: Cumulative probabilities this close to the next draw reach it.
_TIE = 1e-9
#: A margin that has all but so little probability by the end of an octave has all of it: nothing is computed beyond.
_SURE = 1e-9
#: Single counts are added up while there are no more of them to a point asked for: one incomplete beta takes as long.
_PER_POINT = 32
#: A chance of zero from which the chances of all counts can be multiplied up.
_SMALLEST = 1e-250


@dataclass(frozen=True)
class Margins:
    """Distributions of counts, one per case, as cumulative probabilities at the first points of the grid.

    Between points the cumulative probability is linear in the count (:mod:`harmattan.training.count_grid`); up to a
    count of 128 every sum is exact.

    Attributes
    ----------
    cdf : numpy.ndarray
        float64, shape (..., points), non-decreasing along the last axis; the last value is 1.
    mean : numpy.ndarray
        Analytic mean where there is one, shape (...), counts >= 0.

    Examples
    --------
    >>> m = negative_binomial(np.array([0.0, 2.0]), np.array([1.0, 1.0]))
    >>> m.cdf[:, 0].round(3).tolist()
    [1.0, 0.333]
    """

    cdf: np.ndarray
    mean: np.ndarray

    def __post_init__(self) -> None:
        """Hand out arrays that cannot be written to."""
        if isinstance(self.cdf, np.ndarray) and isinstance(self.mean, np.ndarray):
            object.__setattr__(self, "cdf", read_only(self.cdf))
            object.__setattr__(self, "mean", read_only(self.mean))

    @property
    def points(self) -> int:
        """How many points of the grid are used."""
        return int(self.cdf.shape[-1])

    def widened(self, points: int) -> Margins:
        """The same distributions on so many points (never fewer than now)."""
        return self if points <= self.points else Margins(_widened(self.cdf, points), self.mean)

    def select(self, cases: np.ndarray) -> Margins:
        """Some cases only, on no more points than they need."""
        cdf = self.cdf[cases]
        used = np.flatnonzero((cdf < 1).reshape(-1, self.points).any(axis=0))
        return Margins(cdf[..., : used[-1] + 2 if len(used) else 1], self.mean[cases])

    def at(self, counts: np.ndarray | int) -> np.ndarray:
        """Probability of no more than a count, one per case; shape (...). Below zero it is 0."""
        k = np.broadcast_to(np.asarray(counts, dtype=np.int64), self.cdf.shape[:-1])
        low = bin_of(np.maximum(k, 0))
        last = self.points - 1
        f = np.take_along_axis(self.cdf, np.minimum(low, last)[..., None], axis=-1)[..., 0]
        wide = (low >= EXACT) & (low < last)
        if wide.any():
            g = np.take_along_axis(self.cdf, np.minimum(low + 1, last)[..., None], axis=-1)[..., 0]
            f = np.where(wide, f + (g - f) * (k - GRID[low]) / WIDTH[np.minimum(low, len(WIDTH) - 1)], f)
        return np.asarray(np.where(k < 0, 0.0, f))

    def prob_at_least(self, counts: np.ndarray | int) -> np.ndarray:
        """Probability of a count or more, one per case; shape (...)."""
        return np.asarray(1 - self.at(np.asarray(counts, dtype=np.int64) - 1))

    def quantile(self, level: np.ndarray | Sequence[float]) -> np.ndarray:
        """Smallest count whose cumulative probability reaches each level; shape (levels, ...), int64."""
        out = np.empty((len(level), *self.cdf.shape[:-1]), dtype=np.int64)
        for i, p in enumerate(level):
            reached = np.minimum((self.cdf < p).sum(axis=-1), self.points - 1)
            out[i] = self._within(reached, p)
        return out

    def _within(self, reached: np.ndarray, level: np.ndarray | float) -> np.ndarray:
        """Counts at which levels are reached, given the first point (one per case) that reaches each."""
        counts = np.asarray(GRID[reached])
        if self.points <= EXACT + 1 or not (reached > EXACT).any():
            return counts
        below = np.maximum(reached - 1, 0)
        f, g = (np.take_along_axis(self.cdf, i[..., None], axis=-1)[..., 0] for i in (below, reached))
        share = np.divide(level - f, g - f, out=np.ones_like(f), where=g > f)
        step = np.clip(np.ceil(share * WIDTH[below] - 1e-9), 1, WIDTH[below]).astype(np.int64)
        return np.asarray(np.where(reached > EXACT, GRID[below] + step, counts))

    def rounded(self, draws: int) -> Margins:
        """The distributions of so many quantile-spaced draws, as cumulative probabilities in steps of one draw."""
        return Margins(np.minimum(np.floor(self.cdf * draws + 0.5 + _TIE), draws) / draws, self.mean)

    def stratified(self, draws: int) -> np.ndarray:
        """Quantile-spaced draws in rising order, shape (draws, ...), int32, or int64 where counts need it."""
        cdf = self.cdf.reshape(-1, self.points)
        strata = np.minimum(np.floor(cdf * draws + 0.5 + _TIE), draws).astype(np.int64)
        each = np.diff(strata, axis=-1, prepend=0)
        at = np.tile(np.arange(self.points), len(each)).repeat(each.ravel()).reshape(-1, draws)
        counts = GRID[at]
        case, draw = np.nonzero(at > EXACT)
        if len(case):
            some = Margins(cdf[case], self.mean.reshape(-1)[case])
            counts[case, draw] = some._within(at[case, draw], (draw + 0.5 - _TIE) / draws)
        kind = np.int32 if counts.max(initial=0) <= np.iinfo(np.int32).max else np.int64
        return (
            counts.astype(kind).reshape(*self.cdf.shape[:-1], draws).transpose(-1, *range(self.cdf.ndim - 1))
        )

    def crps(self, observed: np.ndarray, *, log: bool = False) -> np.ndarray:
        """Continuous ranked probability score; shape (...), lower is better.

        ``sum_k (F(k) - 1{y <= k})^2`` (Matheson & Winkler 1976, doi:10.1287/mnsc.22.10.1087), in counts; with ``log``
        that of ``log(1 + count)``, which weighs relative error (Bosse et al. 2023, doi:10.1371/journal.pcbi.1011393).
        """
        wide = self.widened(_points_beyond(observed))
        bins = wide.points - 1
        whole = _first(_WHOLE_LOG if log else _WHOLE, bins)
        y = np.asarray(observed, dtype=np.int64)
        # What lies above the outcome is 1 too high there.
        near = wide.cdf[..., : min(bins, EXACT)] - (np.arange(min(bins, EXACT)) >= bin_of(y)[..., None])
        total = np.asarray(np.einsum("...k,...k,k->...", near, near, whole.zeroth[:EXACT]))
        if bins <= EXACT:
            return total
        # Beyond the single counts most cases have nothing, neither chance nor outcome.
        some = (wide.cdf[..., EXACT] < 1) | (y > EXACT)
        cdf, y = wide.cdf[some], np.broadcast_to(y, total.shape)[some]
        at, step = bin_of(y)[:, None], np.diff(cdf, axis=-1)
        far = cdf[:, EXACT:-1] - (np.arange(EXACT, bins) >= at)
        above = total[some] + _squares(far, step[:, EXACT:], Moments(*(m[EXACT:] for m in whole))).sum(
            axis=-1
        )
        # The outcome's own bin: its counts below the outcome are not too high.
        start, width = GRID[at[:, 0]], WIDTH[at[:, 0]]
        part = log_moments(start, y - start, width) if log else moments(y - start, width)
        f, d = (np.take_along_axis(v, at, axis=-1)[:, 0] for v in (cdf, step))
        total[some] = above + _squares(f, d, part) - _squares(f - 1, d, part)
        return total

    def absolute_error(self, observed: np.ndarray) -> np.ndarray:
        """Mean absolute difference between a draw and what was observed, ``E|X - y|``; shape (...)."""
        wide = self.widened(_points_beyond(observed))
        bins, step = wide.points - 1, np.diff(wide.cdf, axis=-1)
        whole, y = _first(_WHOLE, bins), np.asarray(observed, dtype=np.int64)
        at = bin_of(y)[..., None]
        below = np.arange(bins) < at
        f = wide.cdf[..., :-1]
        sums = whole.zeroth * np.where(below, f, 1 - f) + whole.first * np.where(below, step, -step)
        start, width = GRID[at[..., 0]], WIDTH[at[..., 0]]
        part = moments(y - start, width)
        f, d = (np.take_along_axis(v, at, axis=-1)[..., 0] for v in (f, step))
        # Its own bin was counted as above the outcome: F - (1 - F) of the counts below it is missing.
        return np.asarray(sums.sum(axis=-1) + part.zeroth * (2 * f - 1) + 2 * part.first * d)

    def distance(self, other: Margins) -> np.ndarray:
        """Mean absolute difference between independent draws of both, ``E|X - X'|``; shape (...)."""
        points = max(self.points, other.points)
        f, g = (m.widened(points).cdf for m in (self, other))
        f, g, not_f, not_g = (coordinates(x) for x in (f, g, 1 - f, 1 - g))
        return np.asarray((f * not_g + g * not_f).sum(axis=-1))

    def pit(self, observed: np.ndarray, uniform: np.ndarray) -> np.ndarray:
        """Randomised probability integral transform, ``F(y - 1) + v f(y)``; shape (...), in [0, 1].

        Czado, Gneiting & Held (2009), doi:10.1111/j.1541-0420.2009.01191.x.
        """
        y = np.asarray(observed, dtype=np.int64)
        lower = self.at(y - 1)
        return np.asarray(lower + uniform * (self.at(y) - lower))

    def zero_adjusted(self, zero: np.ndarray) -> Margins:
        """The same but for another probability of zero; the rest is rescaled.

        Parameters
        ----------
        zero : numpy.ndarray
            Probability of no count, (...), 0..1; 0 truncates at zero. What is certain to be zero becomes 0 or 1.
        """
        points = max(self.points, 2)
        cdf, zero = _widened(self.cdf, points), np.asarray(zero, dtype=float)
        some = 1 - cdf[..., 0]
        some = np.where(some > 1e-12, some, 0.0)
        scale = np.divide(1 - zero, some, out=np.zeros_like(some), where=some > 0)
        moved = 1 - scale[..., None] * (1 - cdf)
        moved[..., 0] = zero
        mean = np.where(some > 0, self.mean * scale, 1 - zero)
        return Margins(closed(np.clip(moved, zero[..., None], 1.0)), mean)


def draws_with(chance: np.ndarray, draws: int) -> np.ndarray:
    """How many of so many stratified draws have a count, where that has a chance, (...).

    >>> draws_with(np.array([0.0, 0.25, 0.52]), 10).tolist()
    [0, 2, 5]
    """
    return np.asarray(draws - np.floor((1 - chance) * draws + 0.5 + _TIE).astype(np.int64))


def coordinates(values: np.ndarray) -> np.ndarray:
    """Coordinates whose inner products are the sums over all counts, (..., points) to (..., coordinates).

    For two functions on the grid (both linear between points, one of them 0 at the last point), ``sum_k f(k) g(k)`` is
    the inner product of their coordinates: one per bin, and one more per bin that is wider than a count.
    """
    bins = values.shape[-1] - 1
    if bins <= EXACT:
        return values[..., :bins]
    zeroth, first, second = (m[EXACT:bins] for m in _WHOLE)
    start, step = values[..., EXACT:bins], np.diff(values[..., EXACT:], axis=-1)
    root = np.sqrt(zeroth)
    level = root * start + first / root * step
    return np.concatenate([values[..., :EXACT], level, np.sqrt(second - first**2 / zeroth) * step], axis=-1)


_WHOLE = moments(WIDTH, WIDTH)
_WHOLE_LOG = log_moments(GRID[:-1], WIDTH, WIDTH)


def _points_beyond(observed: np.ndarray) -> int:
    """How many points reach beyond every outcome, as far as the grid does."""
    return min(points_for(float(np.max(observed, initial=0))) + 1, len(GRID))


def _first(whole: Moments, bins: int) -> Moments:
    return Moments(*(m[:bins] for m in whole))


def _squares(start: np.ndarray, step: np.ndarray, of: Moments) -> np.ndarray:
    """Sum over the counts of a bin of the squares of what begins at ``start`` and rises by ``step``."""
    return np.asarray(of.zeroth * start**2 + 2 * of.first * start * step + of.second * step**2)


def _widened(cdf: np.ndarray, points: int) -> np.ndarray:
    out = np.ones((*cdf.shape[:-1], points))
    out[..., : cdf.shape[-1]] = cdf
    return out


def closed(cdf: np.ndarray) -> np.ndarray:
    """Put what is left of the tail on the last point, in place."""
    cdf[..., -1] = 1.0
    return cdf


def negative_binomial(mean: np.ndarray, size: np.ndarray, tail: float = TAIL) -> Margins:
    """Negative binomial margins with variance ``mean + mean^2 / size``.

    Parameters
    ----------
    mean, size : numpy.ndarray
        Shape (...), counts >= 0 and > 0.
    tail : float
        Probability allowed beyond the last point.

    Raises
    ------
    ModelError
        A mean that is no finite number, a size that is none above 0: names the case.
    """
    mean = np.asarray(mean, dtype=float)
    size = np.broadcast_to(np.asarray(size, dtype=float), mean.shape)
    m, r = mean.ravel(), size.ravel()
    for what, wrong in (("mean", ~np.isfinite(m)), ("size", ~(r > 0))):
        if wrong.any():
            at = int(wrong.argmax())
            value = (m if what == "mean" else r)[at]
            raise ModelError(
                f"the {what} of case {at} is {value:g}.", remedy="Give finite means and sizes above 0."
            )
    cdf = negative_binomial_cdf(m, r, GRID[: points_for(_reach(m, r, tail))])
    return Margins(closed(cdf).reshape(*mean.shape, cdf.shape[1]), mean)


def negative_binomial_cdf(mean: np.ndarray, size: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Cumulative probabilities of some counts, (cases,) and (counts,) to (cases, counts).

    Probabilities of single counts are added up, octave by octave, of those cases only that reach so far; beyond, and
    where the chance of zero is too small to begin with, they are the regularised incomplete beta function.
    """
    out = np.ones((len(mean), len(counts)))
    pmf = np.exp(-size * np.log1p(mean / size))
    small, left = np.flatnonzero(pmf < _SMALLEST), np.flatnonzero(pmf >= _SMALLEST)
    _fill(out, small, mean, size, counts, 0)
    if counts[0] == 0:
        out[left, 0] = pmf[left]
    pmf, cdf, first, last = pmf[left], pmf[left], 0, EXACT
    while True:
        start, stop = (int(i) for i in np.searchsorted(counts, (first, last), side="right"))
        last = min(last, int(counts[-1]))
        if start == stop or not len(left) or last - first > _PER_POINT * (stop - start):
            break
        k = np.arange(first + 1, last + 1)
        m, r = mean[left], size[left]
        step = r[:, None] / k
        step += (k - 1) / k
        step *= (m / (r + m))[:, None]
        step[:, 0] *= pmf
        np.cumprod(step, axis=1, out=step)
        pmf = step[:, -1].copy()
        step[:, 0] += cdf
        np.minimum(step.cumsum(axis=1, out=step), 1.0, out=step)
        out[left, start:stop] = step[:, counts[start:stop] - first - 1]
        on = step[:, -1] < 1 - _SURE
        left, pmf, cdf, first, last = left[on], pmf[on], step[on, -1], last, 2 * last
    _fill(out, left, mean, size, counts, start)
    return out


def _fill(
    out: np.ndarray, left: np.ndarray, mean: np.ndarray, size: np.ndarray, counts: np.ndarray, at: int
) -> None:
    """Cumulative probabilities of some cases from a point on, by the incomplete beta function, an octave at a time."""
    while at < len(counts) and len(left):
        some = slice(at, at + PER_DOUBLING)
        m, r = mean[left], size[left]
        found = special.betainc(r[:, None], counts[some] + 1.0, (r / (r + m))[:, None])
        if at:
            found[:, 0] = np.maximum(found[:, 0], out[left, at - 1])
        out[left, some] = np.maximum.accumulate(found, axis=1)
        left, at = left[found[:, -1] < 1 - _SURE], at + PER_DOUBLING


def _reach(mean: np.ndarray, size: np.ndarray, tail: float) -> float:
    """A count that no case exceeds with more probability than ``tail``."""
    # Nobody's mean is so unlikely to be exceeded: where it is large nothing below need be tried.
    tries = max(0, int(np.log(max(float(mean.max(initial=0)), 8.0) / 8) / np.log(1.5)))
    high = 8.0
    for _ in range(tries):
        high *= 1.5
    p = mean / (mean + size)
    left = np.arange(len(mean))
    while len(left) and high < GRID[-1]:
        # P(Y > k) of a negative binomial is the regularised incomplete beta function.
        beyond = special.betainc(high + 1, size[left], np.clip(p[left], 0, 1 - 1e-16))
        left = left[beyond > tail]
        high *= 1.5 if len(left) else 1.0
    return float(np.ceil(high))


def empirical(samples: np.ndarray, known: np.ndarray | None = None) -> Margins:
    """Margins that give every sample the same weight.

    Parameters
    ----------
    samples : numpy.ndarray
        Shape (n, ...), counts.
    known : numpy.ndarray, optional
        bool, same shape: samples that count. A case without any keeps them all.
    """
    samples = np.asarray(samples, dtype=np.int64)
    points = points_for(max(float(samples.max(initial=0)), 1.0))
    cases = samples[0].size
    flat = samples.reshape(len(samples), -1)
    at = (flat if points <= EXACT else np.searchsorted(GRID, flat)) + points * np.arange(cases)
    if known is None:
        pmf, whole = (
            np.bincount(at.ravel(), minlength=points * cases),
            np.full(samples.shape[1:], len(samples)),
        )
        mean = samples.sum(axis=0) / whole
    else:
        weights = (known | ~known.any(axis=0)).astype(float)
        pmf, whole = np.bincount(at.ravel(), weights.ravel(), minlength=points * cases), weights.sum(axis=0)
        mean = (samples * weights).sum(axis=0) / whole
    cdf = pmf.reshape(*whole.shape, points).cumsum(axis=-1) / whole[..., None]
    return Margins(closed(cdf), mean)


def certain_zero(cases: int) -> Margins:
    """All probability on zero, (cases,)."""
    return Margins(np.ones((cases, 2)), np.zeros(cases))


def from_cdf(cdf: np.ndarray) -> Margins:
    """Margins of cumulative probabilities at the first points of the grid, with the mean that they imply."""
    cdf = closed(np.minimum(cdf, 1.0))
    whole = _first(_WHOLE, cdf.shape[-1] - 1)
    above = whole.zeroth * (1 - cdf[..., :-1])
    if cdf.shape[-1] > EXACT + 1:
        above[..., EXACT:] -= whole.first[EXACT:] * np.diff(cdf[..., EXACT:], axis=-1)
    return Margins(cdf, above.sum(axis=-1))


def mix(members: Sequence[Margins], weights: np.ndarray) -> Margins:
    """Linear pool: the weighted mean of cumulative probabilities; ``weights`` are >= 0 and sum to 1."""
    cdf = np.zeros((*members[0].cdf.shape[:-1], max(m.points for m in members)))
    for w, m in zip(weights, members, strict=True):
        cdf[..., : m.points] += w * m.cdf
        cdf[..., m.points :] += w
    mean = sum(w * m.mean for w, m in zip(weights, members, strict=True))
    return Margins(closed(np.minimum(cdf, 1.0)), np.asarray(mean))


def stack(members: Sequence[Margins]) -> Margins:
    """Join margins along a new first axis (one per horizon, or member)."""
    points = max(m.points for m in members)
    return Margins(np.stack([m.widened(points).cdf for m in members]), np.stack([m.mean for m in members]))
