"""The diffusion model's penalised likelihood, its slope and expected information, for many parameter vectors at once.

The mean of every row is linear in the regions' background levels and in non-negative coefficients,

    mean = level_i + X b          size = exp(d) (mean + 0.1)^e          variance = mean + mean^2 / size

so that the expected information is a sum of small dense products, one per region.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse, special

from ..models import LOG_LEVELS
from ..models.dispersion import LEVEL_FLOOR

_TINY = 1e-10
#: Range of the logarithm of the size.
_LOG_SIZES = (-7.0, 7.0)
_BINS = 24
#: Counts up to this one have their rising factorials multiplied out, which is faster than gamma functions.
_MULTIPLIED = 16


@dataclass(frozen=True)
class Block:
    """Rows whose means share their coefficients.

    Attributes
    ----------
    counts, weights : numpy.ndarray
        (rows,), counts >= 0.
    region : numpy.ndarray
        Position of each row's region in ``levels``, (rows,).
    columns : numpy.ndarray
        What excites, >= 0, (rows, columns).
    levels, slopes : numpy.ndarray
        Positions in the parameter vector of the log levels of the block's regions and of the columns' coefficients.
    """

    counts: np.ndarray
    weights: np.ndarray
    region: np.ndarray
    columns: np.ndarray
    levels: np.ndarray
    slopes: np.ndarray


@dataclass(frozen=True)
class Prior:
    """Normal priors, as penalties: ``centre`` and ``precision`` per parameter; levels are pulled to a free centre.

    Attributes
    ----------
    precision : numpy.ndarray
        Per parameter; for a log level around parameter 0, for all others around zero.
    levels : numpy.ndarray
        bool per parameter: the log levels.
    """

    precision: np.ndarray
    levels: np.ndarray

    @cached_property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Box of every parameter: coefficients are never negative, levels and the size's law stay finite."""
        lower, upper = np.zeros(len(self.levels)), np.full(len(self.levels), np.inf)
        lower[self.levels], upper[self.levels] = LOG_LEVELS
        lower[0], upper[0] = LOG_LEVELS
        lower[-2:], upper[-2:] = (-6.0, -1.0), (6.0, 2.0)
        return lower, upper


@dataclass(frozen=True)
class Moving:
    """A column that differs from vector to vector.

    Attributes
    ----------
    slope : int
        Position of its coefficient, which no block has a column for.
    values : numpy.ndarray
        (vectors, rows of the grid).
    """

    slope: int
    values: np.ndarray


@dataclass(frozen=True)
class State:
    """What value and derivatives share at some parameters, (vectors, rows) each."""

    mean: np.ndarray
    log_mean: np.ndarray
    size: np.ndarray
    ratio: np.ndarray
    rising: np.ndarray
    value: np.ndarray

    def put(self, which: np.ndarray, other: State) -> State:
        """This state with some of its vectors replaced."""
        for name in ("mean", "log_mean", "size", "ratio", "rising", "value"):
            getattr(self, name)[which] = getattr(other, name)
        return self

    def take(self, which: np.ndarray) -> State:
        """The state of some vectors."""
        if which.all():
            return self
        return State(
            *(getattr(self, n)[which] for n in ("mean", "log_mean", "size", "ratio", "rising", "value"))
        )


class Likelihood:
    """The penalised likelihood of some blocks.

    The parameter vector is ``centre of the log levels, log levels, coefficients, d, e``; arrays of vectors are
    (vectors, parameters).

    Parameters
    ----------
    blocks : sequence of Block
        At least one.
    prior : Prior
    offsets : sequence of numpy.ndarray, optional
        Part of the mean that no parameter moves, one array (rows,) per block.
    """

    def __init__(
        self, blocks: Sequence[Block], prior: Prior, offsets: Sequence[np.ndarray] | None = None
    ) -> None:
        self.blocks, self.prior = blocks, prior
        self._lay_out()
        self.counts, self.weights, real = (
            self.spread(np.concatenate(parts))
            for parts in zip(*((b.counts, b.weights, np.ones(len(b.counts))) for b in blocks), strict=True)
        )
        self.padding = None if real.all() else real == 0
        self.offset = None if offsets is None else self.spread(np.concatenate(offsets))
        some = np.flatnonzero(self.counts > 0)
        #: Rows with events, the largest counts first.
        self.some = some[np.argsort(-self.counts[some], kind="stable")]
        self.events = self.counts[self.some]
        self.some_weights = self.weights[self.some]
        #: How many of them have more than k events, by k.
        self.above = [int((self.events > k).sum()) for k in range(_MULTIPLIED)]
        self.many = int((self.events > _MULTIPLIED).sum())
        self.constant = -float(self.some_weights @ special.gammaln(self.events + 1))

    def _lay_out(self) -> None:
        """Regions of all blocks one below the other, as (regions, months) padded with rows of weight zero."""
        blocks, n = self.blocks, len(self.prior.precision)
        first = np.cumsum([0, *[len(b.levels) for b in blocks]])
        region = np.concatenate([b.region + start for b, start in zip(blocks, first[:-1], strict=True)])
        number = np.bincount(region, minlength=first[-1])
        order = np.argsort(region, kind="stable")
        #: Regions, and rows that each of them has room for.
        self.shape = int(first[-1]), int(number.max(initial=1))
        self.rows = self.shape[0] * self.shape[1]
        self.place = np.empty(len(region), dtype=np.int64)
        within = np.arange(len(region)) - (np.cumsum(number) - number)[region[order]]
        self.place[order] = region[order] * self.shape[1] + within
        most = max(len(b.slopes) for b in blocks)
        self.levels = np.concatenate([b.levels for b in blocks])
        # A region without a column has zeros in its place, which add nothing to parameter 0.
        self.slopes = np.concatenate(
            [np.tile(np.pad(b.slopes, (0, most - len(b.slopes))), (len(b.levels), 1)) for b in blocks]
        )
        of, to = np.cumsum([0, *[len(b.counts) for b in blocks]]), [len(b.slopes) for b in blocks]
        columns = np.zeros((most, self.rows))
        for block, begin, end, wide in zip(blocks, of[:-1], of[1:], to, strict=True):
            columns[:wide, self.place[begin:end]] = block.columns.T
        self.columns = columns.reshape(most, *self.shape).transpose(1, 0, 2).copy()
        i, j = np.triu_indices(most)
        self.products = products = np.empty((self.shape[0], 1 + most + len(i), self.shape[1]))
        products[:, 0], products[:, 1 : 1 + most] = 1.0, self.columns
        for k in range(most):
            at = 1 + most + k * most - k * (k - 1) // 2
            np.multiply(self.columns[:, k, None], self.columns[:, k:], out=products[:, at : at + most - k])
        self._to_vector = _adder(np.column_stack([self.levels, self.slopes]), n)
        level, one, other = self.levels[:, None], self.slopes[:, i], self.slopes[:, j]
        self._to_matrix = _adder(
            np.hstack([level * n + level, level * n + self.slopes, one * n + other]), n * n
        )

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Values by row, (..., rows), in their places of the regions, (..., regions x months); zero elsewhere."""
        out = np.zeros((*values.shape[:-1], self.rows))
        out[..., self.place] = values
        return out

    def _sums(self, values: np.ndarray, products: int) -> np.ndarray:
        """Sums by region of values times the first products, (vectors, rows) -> (regions x products, vectors)."""
        shaped = values.reshape(len(values), *self.shape).transpose(1, 0, 2)
        sums = np.matmul(shaped, self.products[:, :products].transpose(0, 2, 1))
        return np.asarray(sums.transpose(0, 2, 1).reshape(-1, len(values)))

    def _vector(self, values: np.ndarray) -> np.ndarray:
        """Sums of values times the derivative of the mean by each parameter, (vectors, parameters)."""
        return np.asarray((self._to_vector @ self._sums(values, 1 + self.slopes.shape[1])).T)

    def under(self, prior: Prior) -> Likelihood:
        """The same rows under another prior."""
        other = copy(self)
        other.prior = prior
        return other

    def value(self, params: np.ndarray) -> float:
        """Penalised log-likelihood of one vector."""
        return float(self.state(params[None]).value[0])

    def derivatives(self, params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gradient of one vector, and the expected information plus the prior's precision."""
        grad, info = self.slope(params[None], self.state(params[None]))
        return grad[0], info[0]

    def onward(self, params: np.ndarray, free: np.ndarray, at: int) -> Callable[[np.ndarray], np.ndarray]:
        """Whither one Newton step leads from a maximum without a column, for any column, (vectors, parameters).

        All columns share the maximum, so that one look at the rows serves them all; those that raise nothing stay.

        Parameters
        ----------
        params, free : numpy.ndarray
            Where the likelihood is highest without the column, and bool per parameter.
        at : int
            Position of the column's coefficient, 0 in ``params``.
        """
        state = self.state(params[None])
        by_mean, _, known, _, _ = (row[0] for row in self._by_row(params[None], state, False))
        _, info = self.slope(params[None], state, law=False)
        levels = self.prior.levels
        scale = np.where(levels, np.exp(np.where(levels, params, 0.0)), 1.0)
        # Coefficients at their bound stay there in this step.
        moves = np.flatnonzero(free & (levels | (params > 0)) & (np.arange(len(params)) != at))
        inverse = np.linalg.inv(info[0][np.ix_(moves, moves)])

        def lead(columns: np.ndarray) -> np.ndarray:
            weighted, starts = columns * known, np.repeat(params[None], len(columns), axis=0)
            both = (self._vector(weighted) * scale)[:, moves]
            along = both @ inverse
            curve = np.vecdot(weighted, columns) + self.prior.precision[at] - np.vecdot(along, both)
            step = np.maximum(columns @ by_mean, 0.0) / np.maximum(curve, 1e-12)
            starts[:, at] = step
            reached = starts[:, moves] - along * step[:, None]
            starts[:, moves] = np.where(levels[moves], reached, np.maximum(reached, 0.0))
            return starts

        return lead

    def state(self, params: np.ndarray, moving: Moving | None = None) -> State:
        """Means, sizes and the penalised log-likelihood."""
        mean = self._mean(params, moving)
        log_mean = np.log(mean + LEVEL_FLOOR)
        log_size = params[:, -1:] * log_mean
        log_size += params[:, -2:-1]
        np.clip(log_size, *_LOG_SIZES, out=log_size)
        size = np.exp(log_size)
        ratio, s = np.log(mean + size), self.some
        factor, rising = self._rising(size[:, s])
        rare = factor + self.events * (np.log(mean[:, s]) - ratio[:, s])
        ratio -= log_size
        np.multiply(size, ratio, out=log_size)
        value = self.constant - log_size @ self.weights + rare @ self.some_weights - self._penalty(params)
        return State(mean, log_mean, size, ratio, rising, value)

    def _mean(self, params: np.ndarray, moving: Moving | None) -> np.ndarray:
        out = np.empty((len(params), self.rows))
        shaped = out.reshape(len(params), *self.shape)
        np.matmul(params[:, self.slopes].transpose(1, 0, 2), self.columns, out=shaped.transpose(1, 0, 2))
        shaped += (np.exp(params[:, self.levels]) + _TINY)[:, :, None]
        if moving is not None:
            out += params[:, moving.slope, None] * moving.values
        return out if self.offset is None else out + self.offset

    def _rising(self, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """log of ``size (size + 1) ... (size + y - 1)`` and its derivative by the size, for the rows with events."""
        product, slope = np.ones_like(size), np.zeros_like(size)
        for k, above in enumerate(self.above):
            if not above:
                break
            term = size[:, :above] + k
            product[:, :above] *= term
            slope[:, :above] += 1 / term
        out = np.log(product)
        if self.many:
            r, top = size[:, : self.many], self.events[: self.many] + size[:, : self.many]
            out[:, : self.many] = special.gammaln(top) - special.gammaln(r)
            slope[:, : self.many] = special.digamma(top) - special.digamma(r)
        return out, slope

    def _away(self, params: np.ndarray) -> np.ndarray:
        return params - np.where(self.prior.levels, params[:, :1], 0.0)

    def _penalty(self, params: np.ndarray) -> np.ndarray:
        return np.asarray(0.5 * self._away(params) ** 2 @ self.prior.precision)

    def slope(
        self, params: np.ndarray, at: State, moving: Moving | None = None, law: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """Gradients, and the expected information plus the prior's precision; without the size's law unless ``law``."""
        vectors, n = params.shape
        by_mean, by_size, known, known_size, along = self._by_row(params, at, law)
        grad = self._vector(by_mean)
        sums = self._sums(known, self.products.shape[1])
        info = (self._to_matrix @ sums).T.reshape(vectors, n, n)
        info = info + info.transpose(0, 2, 1)
        np.einsum("vii->vi", info)[:] /= 2
        laws = [known_size * along, known_size * along * at.log_mean] if law else []
        if moving is not None:
            weighted = known * moving.values
            grad[:, moving.slope] = np.vecdot(by_mean, moving.values)
            info[:, moving.slope] = info[:, :, moving.slope] = self._vector(weighted)
            info[:, moving.slope, moving.slope] = np.vecdot(weighted, moving.values)
        for column, cross in enumerate(laws, start=n - 2):
            info[:, column] = info[:, :, column] = self._vector(cross)
            if moving is not None:
                both = np.vecdot(cross, moving.values)
                info[:, moving.slope, column] = info[:, column, moving.slope] = both
        if law:
            weighted = self.weights * by_size
            grad[:, -2], grad[:, -1] = weighted.sum(axis=1), np.vecdot(weighted, at.log_mean)
            cross = known_size * at.log_mean
            info[:, -2, -2], info[:, -1, -1] = known_size.sum(axis=1), np.vecdot(cross, at.log_mean)
            info[:, -2, -1] = info[:, -1, -2] = cross.sum(axis=1)
        scale = np.where(self.prior.levels, np.exp(np.where(self.prior.levels, params, 0.0)), 1.0)
        grad *= scale
        info *= scale[:, :, None] * scale[:, None, :]
        return self._with_prior(params, grad, info)

    def _by_row(self, params: np.ndarray, at: State, law: bool = True) -> tuple[np.ndarray, ...]:
        """Of every row: slopes by mean and size, expected information on both, and how the size moves with the mean."""
        total, share = at.mean + at.size, at.size + self.counts
        share /= total
        by_size = 1 - share
        by_size -= at.ratio
        by_size[:, self.some] += at.rising
        by_size *= at.size
        along = params[:, -1:] / (at.mean + LEVEL_FLOOR)
        by_mean = by_size * along
        by_mean -= share
        by_mean += self.counts / at.mean
        by_mean *= self.weights
        total *= at.mean
        known = at.size / total
        known *= self.weights
        if not law:
            return by_mean, by_size, known, known, along
        known_size = self.weights * self._by_level(by_size**2, at.log_mean)
        known += known_size * along**2
        return by_mean, by_size, known, known_size, along

    def _by_level(self, values: np.ndarray, level: np.ndarray) -> np.ndarray:
        """Each value replaced by the mean of those at about its level: an expectation instead of one outcome."""
        if not level.shape[1]:
            return values
        pad = self.padding
        low = (level if pad is None else np.where(pad, np.inf, level)).min(axis=1, keepdims=True)
        high = (level if pad is None else np.where(pad, -np.inf, level)).max(axis=1, keepdims=True)
        width = np.maximum(high - low, 1e-9) / _BINS
        which = ((level - low) / width).astype(np.int64)
        np.minimum(which, _BINS - 1, out=which)
        if pad is not None:
            which[:, pad] = _BINS
        which += (_BINS + 1) * np.arange(len(level))[:, None]
        bins = (_BINS + 1) * len(level)
        flat = which.ravel()
        total, count = np.bincount(flat, values.ravel(), minlength=bins), np.bincount(flat, minlength=bins)
        return np.asarray((total / np.maximum(count, 1))[which])

    def _with_prior(
        self, params: np.ndarray, grad: np.ndarray, info: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        precision, levels = self.prior.precision, self.prior.levels
        pull = precision * self._away(params)
        grad = grad - pull
        np.einsum("vii->vi", info)[:] += precision
        grad[:, 0] += pull[:, levels].sum(axis=1)
        info[:, 0, levels] -= precision[levels]
        info[:, levels, 0] -= precision[levels]
        info[:, 0, 0] += precision[levels].sum()
        return grad, info


def _adder(positions: np.ndarray, size: int) -> sparse.csc_array:
    """The matrix that adds the entries of a flat array to their positions in another, (size, entries)."""
    n = positions.size
    return sparse.csc_array((np.ones(n), positions.ravel(), np.arange(n + 1)), shape=(size, n))
