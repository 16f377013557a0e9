"""Predictive distributions of counts: exact margins on 0..K, and joint integer draws made from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from ..data.errors import ModelError

if TYPE_CHECKING:
    import os

#: Probability that a margin may leave beyond its last support point before the rest is put there.
TAIL = 1e-5
#: Support never grows past this count; a region-month above it is unknown in the field's records.
LARGEST_COUNT = 20_000


@dataclass(frozen=True)
class Margins:
    """Distributions of counts, one per case, as cumulative probabilities on 0..K.

    Attributes
    ----------
    cdf : numpy.ndarray
        float64, shape (..., K + 1), non-decreasing along the last axis; the last value is 1.
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

    @property
    def support(self) -> int:
        """K, the largest count with a probability of its own."""
        return int(self.cdf.shape[-1]) - 1

    def widened(self, support: int) -> Margins:
        """The same distributions on 0..support (never narrower than now)."""
        extra = support - self.support
        if extra <= 0:
            return self
        ones = np.ones((*self.cdf.shape[:-1], extra))
        return Margins(np.concatenate([self.cdf, ones], axis=-1), self.mean)

    def quantile(self, level: np.ndarray) -> np.ndarray:
        """Smallest count whose cumulative probability reaches each level; shape (levels, ...), int32."""
        flat = self.cdf.reshape(-1, self.support + 1)
        out = np.empty((len(level), len(flat)), dtype=np.int32)
        for case, cdf in enumerate(flat):
            out[:, case] = np.searchsorted(cdf, level, side="left")
        return np.minimum(out, self.support).reshape(len(level), *self.cdf.shape[:-1])

    def stratified(self, draws: int) -> np.ndarray:
        """Quantile-spaced draws in rising order, shape (draws, ...), int32."""
        strata = np.floor(self.cdf.reshape(-1, self.support + 1) * draws + 0.5 + 1e-9).astype(np.int64)
        each = np.diff(np.minimum(strata, draws), axis=-1, prepend=0)
        counts = np.tile(np.arange(self.support + 1, dtype=np.int32), len(each))
        return (
            counts.repeat(each.ravel())
            .reshape(*self.cdf.shape[:-1], draws)
            .transpose(-1, *range(self.cdf.ndim - 1))
        )

    def crps(self, observed: np.ndarray) -> np.ndarray:
        """Continuous ranked probability score, exact on the support; shape (...), counts, lower is better.

        ``sum_k (F(k) - 1{y <= k})^2`` (Matheson & Winkler 1976, doi:10.1287/mnsc.22.10.1087).
        """
        wide = self.widened(int(np.max(observed, initial=0)))
        k = np.arange(wide.support + 1)
        return np.asarray(((wide.cdf - (np.asarray(observed)[..., None] <= k)) ** 2).sum(axis=-1))

    def distance(self, other: Margins) -> np.ndarray:
        """Mean absolute difference between independent draws of both, ``E|X - X'|``; shape (...)."""
        support = max(self.support, other.support)
        f, g = self.widened(support).cdf, other.widened(support).cdf
        return np.asarray((f * (1 - g) + g * (1 - f)).sum(axis=-1))

    def absolute_error(self, observed: np.ndarray) -> np.ndarray:
        """Mean absolute difference between a draw and what was observed, ``E|X - y|``; shape (...)."""
        wide = self.widened(int(np.max(observed, initial=0)))
        above = np.asarray(observed)[..., None] <= np.arange(wide.support + 1)
        return np.asarray(np.where(above, 1 - wide.cdf, wide.cdf).sum(axis=-1))

    def pit(self, observed: np.ndarray, uniform: np.ndarray) -> np.ndarray:
        """Randomised probability integral transform, ``F(y - 1) + v f(y)``; shape (...), in [0, 1].

        Czado, Gneiting & Held (2009), doi:10.1111/j.1541-0420.2009.01191.x.
        """
        y = np.asarray(observed, dtype=np.int64)[..., None]
        wide = self.widened(int(np.max(observed, initial=0)))
        upper = np.take_along_axis(wide.cdf, y, axis=-1)[..., 0]
        lower = np.where(
            y[..., 0] > 0, np.take_along_axis(wide.cdf, np.maximum(y - 1, 0), axis=-1)[..., 0], 0.0
        )
        return np.asarray(lower + uniform * (upper - lower))


def _close(cdf: np.ndarray) -> np.ndarray:
    """Put what is left of the tail on the last support point."""
    cdf[..., -1] = 1.0
    return cdf


def negative_binomial(mean: np.ndarray, size: np.ndarray, tail: float = TAIL) -> Margins:
    """Negative binomial margins with variance ``mean + mean^2 / size``.

    Parameters
    ----------
    mean, size : numpy.ndarray
        Shape (...), counts >= 0 and > 0.
    tail : float
        Probability allowed beyond the support.
    """
    mean = np.asarray(mean, dtype=float)
    size = np.broadcast_to(np.asarray(size, dtype=float), mean.shape)
    p = size / (size + mean)
    support = _support(mean, size, tail)
    k = np.arange(support + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_pmf = (
            special.gammaln(size[..., None] + k)
            - special.gammaln(size)[..., None]
            - special.gammaln(k + 1)
            + (size * np.log(p))[..., None]
            + special.xlogy(k, (1 - p)[..., None])
        )
    return Margins(_close(np.minimum(np.exp(log_pmf).cumsum(axis=-1), 1.0)), mean)


def _support(mean: np.ndarray, size: np.ndarray, tail: float) -> int:
    """A count that no case exceeds with more probability than ``tail``."""
    if not mean.size:
        return 1
    high = 8.0
    while high < LARGEST_COUNT:
        # P(Y > k) of a negative binomial is the regularised incomplete beta function.
        beyond = special.betainc(high + 1, size, np.clip(mean / (mean + size), 0, 1 - 1e-12))
        if beyond.max() <= tail:
            break
        high *= 1.5
    return int(min(np.ceil(high), LARGEST_COUNT))


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
    weights = np.ones(samples.shape) if known is None else (known | ~known.any(axis=0)).astype(float)
    support = max(int(samples.max(initial=0)), 1)
    pmf = np.zeros((samples[0].size, support + 1))
    for row, weight in zip(samples.reshape(len(samples), -1), weights.reshape(len(samples), -1), strict=True):
        pmf[np.arange(row.size), row] += weight
    whole = weights.sum(axis=0)
    cdf = pmf.cumsum(axis=-1).reshape(*whole.shape, -1) / whole[..., None]
    return Margins(_close(cdf), (samples * weights).sum(axis=0) / whole)


def from_cdf(cdf: np.ndarray) -> Margins:
    """Margins of cumulative probabilities on 0..K, (..., K + 1), with the mean that they imply."""
    closed = _close(np.minimum(cdf, 1.0))
    return Margins(closed, (1 - closed[..., :-1]).sum(axis=-1))


def mix(members: Sequence[Margins], weights: np.ndarray) -> Margins:
    """Linear pool: the weighted mean of cumulative probabilities; ``weights`` are >= 0 and sum to 1."""
    support = max(m.support for m in members)
    cdf = sum(w * m.widened(support).cdf for w, m in zip(weights, members, strict=True))
    mean = sum(w * m.mean for w, m in zip(weights, members, strict=True))
    return Margins(_close(np.minimum(np.asarray(cdf), 1.0)), np.asarray(mean))


def stack(members: Sequence[Margins]) -> Margins:
    """Join margins along a new first axis (one per horizon)."""
    support = max(m.support for m in members)
    return Margins(np.stack([m.widened(support).cdf for m in members]), np.stack([m.mean for m in members]))


@dataclass(frozen=True)
class Draws:
    """Joint integer draws of a forecast; everything downstream asks only this object.

    Attributes
    ----------
    values : numpy.ndarray
        int32, shape (draws, horizons, regions), counts >= 0.
    origin : pandas.Period
        The last month seen.
    horizons : tuple of int
        Months ahead, from 1.
    region_ids : tuple of str
        Regions, or groups of regions after :meth:`total`.
    target : str
        ``events`` or ``deaths``.
    analytic_mean : numpy.ndarray, optional
        Shape (horizons, regions); draws that are quantile-spaced cut the far tail, this mean does not.

    Examples
    --------
    >>> d = Draws(np.array([[[0, 2]], [[1, 4]]]), pd.Period("2023-12", "M"), (1,), ("a", "b"), "events")
    >>> d.mean().tolist(), d.prob_at_least(1).tolist()
    ([[0.5, 3.0]], [[0.5, 1.0]])
    >>> d.total(["X", "X"]).values.ravel().tolist()
    [2, 5]
    """

    values: np.ndarray
    origin: pd.Period
    horizons: tuple[int, ...]
    region_ids: tuple[str, ...]
    target: str
    analytic_mean: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Check shape and support once; every answer below trusts them."""
        v = self.values
        if v.ndim != 3 or v.shape[1:] != (len(self.horizons), len(self.region_ids)):
            raise ModelError(
                f"draws have shape {v.shape}, expected (draws, {len(self.horizons)}, {len(self.region_ids)}).",
                remedy="Pass draws x horizons x regions.",
            )
        if not np.issubdtype(v.dtype, np.integer) or v.min(initial=0) < 0:
            raise ModelError("draws must be whole numbers >= 0.", remedy="Round or clip them at the source.")

    def _repr_html_(self) -> str:
        """What a notebook shows: the first horizon, the largest expectations first."""
        from ..data.show import card

        n, h, r = self.values.shape
        low, high = self.quantile([0.1, 0.9])[:, 0]
        table = pd.DataFrame(
            {
                "region_id": self.region_ids,
                "mean": self.mean()[0],
                "p10": low,
                "p90": high,
                "P(>= 1)": self.prob_at_least(1)[0],
            }
        ).sort_values("mean", ascending=False, kind="stable")
        facts = {
            "target": self.target,
            "origin": self.origin,
            "horizons": ", ".join(map(str, self.horizons)),
            "month shown": self.origin + self.horizons[0],
        }
        return card(f"Draws: {n} draws, {h} horizons, {r} regions", facts, table)

    def quantile(self, levels: Sequence[float] | np.ndarray) -> np.ndarray:
        """Quantiles, shape (levels, horizons, regions), counts; never crossing."""
        return np.asarray(np.quantile(self.values, np.asarray(levels), axis=0, method="inverted_cdf"))

    def mean(self) -> np.ndarray:
        """Expected counts, shape (horizons, regions); analytic where known."""
        return self.values.mean(axis=0) if self.analytic_mean is None else self.analytic_mean

    def prob_at_least(self, k: int) -> np.ndarray:
        """Probability of at least ``k``, shape (horizons, regions)."""
        return np.asarray((self.values >= k).mean(axis=0))

    def total(self, groups: Sequence[str]) -> Draws:
        """Sums over groups of regions, draw by draw; groups in sorted order."""
        names = sorted(set(groups))
        member = np.array([[g == n for n in names] for g in groups], dtype=np.int64)
        mean = None if self.analytic_mean is None else self.analytic_mean @ member
        values = (self.values.astype(np.int64) @ member).astype(np.int32)
        return Draws(values, self.origin, self.horizons, tuple(names), self.target, mean)

    def to_frame(self) -> pd.DataFrame:
        """Long table: ``target, origin, horizon, region_id, draw, value``."""
        n, h, r = self.values.shape
        return pd.DataFrame(
            {
                "target": self.target,
                "origin": str(self.origin),
                "horizon": np.tile(np.repeat(np.array(self.horizons, dtype=np.int8), r), n),
                "region_id": np.tile(np.array(self.region_ids, dtype=object), n * h),
                "draw": np.repeat(np.arange(n, dtype=np.int16), h * r),
                "value": self.values.ravel(),
            }
        )

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> Draws:
        """Draws from the long table that :meth:`to_frame` gives, one target and origin."""
        horizons = tuple(int(h) for h in sorted(frame["horizon"].unique()))
        regions = tuple(sorted(frame["region_id"].unique()))
        order = frame.sort_values(["draw", "horizon", "region_id"])
        values = order["value"].to_numpy(np.int32).reshape(-1, len(horizons), len(regions))
        origin = pd.Period(frame["origin"].iloc[0], freq="M")
        return cls(values, origin, horizons, regions, str(frame["target"].iloc[0]))

    def to_parquet(self, path: str | os.PathLike[str], **options: Any) -> None:
        """Write the long table."""
        self.to_frame().to_parquet(path, index=False, **options)


def independent_ranks(draws: int, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A dependence template without dependence: a random order per case; (draws, horizons, regions)."""
    return rng.permuted(np.tile(np.arange(draws)[:, None, None], (1, *shape)), axis=0)


def ranks_of(paths: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Ranks of simulated paths along the first axis, ties broken at random; same shape, 0..draws-1.

    The template of ensemble copula coupling (Schefzik, Thorarinsdottir & Gneiting 2013, doi:10.1214/13-STS443).
    """
    order = np.argsort(paths + rng.random(paths.shape), axis=0)
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(len(paths))[:, None, None], axis=0)
    return ranks


def joint_draws(margins: Margins, ranks: np.ndarray) -> np.ndarray:
    """Stratified draws of each margin (horizons, regions), put in the order of a dependence template."""
    ordered = margins.stratified(len(ranks))
    return np.take_along_axis(ordered, ranks, axis=0)
