"""Exponentially weighted negative binomial: each region on its own, shrunk towards the pool where it is quiet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from scipy import optimize, special

from ..margins import Margins, negative_binomial
from .base import Member, Problem
from .dispersion import LEVEL_FLOOR, SizeLaw, fit_size
from .excitation import exponential_means
from .season import Season, season_of
from .support import supported


class ExponentialNB(Member):
    """A region's exponentially weighted mean and dispersion, both shrunk to the pooled ones.

    Learned per horizon by maximum likelihood: weights of a fast and a slow mean, their common factor, and the pull
    towards the pooled level; the pooled size is then learned by minimum CRPS. Fitting each horizon on outcomes that
    far ahead lets the level drift: what is learned for six months is that of a series that had six months to move.

    Parameters
    ----------
    fast, slow : float
        Half-lives of the two means, months.
    recency_half_life : float or None
        As for the endemic-epidemic member.
    local : float
        Weight of the region's own dispersion beside the pooled one, 0..1.
    seasonal : bool
        Whether the mean follows the season: what repeats in one decade need not in the next.
    """

    name: ClassVar[str] = "exponential_nb"

    def __init__(
        self,
        fast: float = 3.0,
        slow: float = 12.0,
        recency_half_life: float | None = 60.0,
        burn_in: int = 24,
        local: float = 0.05,
        seasonal: bool = True,
    ) -> None:
        self.fast = fast
        self.slow = slow
        self.recency_half_life = recency_half_life
        self.burn_in = burn_in
        self.local = local
        self.seasonal = seasonal

    def _moments(self, problem: Problem) -> np.ndarray:
        """Fast mean, slow mean, pooled mean and local excess dispersion, (months, regions, 4)."""
        cache: dict[Any, np.ndarray] = problem.__dict__.setdefault("_moments", {})
        key = (self.fast, self.slow)
        if key not in cache:
            seen = problem.observed
            fast, slow = np.moveaxis(exponential_means(problem, key), -1, 0)
            excess = self._excess(problem, slow)
            pooled = (slow * seen).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
            cache[key] = np.stack([fast, slow, np.broadcast_to(pooled[:, None], slow.shape), excess], axis=-1)
        return cache[key]

    def _excess(self, problem: Problem, slow: np.ndarray) -> np.ndarray:
        """Variance beyond Poisson in units of the squared mean: what 1 / size would be for the region alone."""
        squares = replace(problem.panel, measures={"events": problem.counts.astype(np.float32) ** 2})
        second = exponential_means(replace(problem, panel=squares, target="events"), (self.slow,))[..., 0]
        return np.asarray(np.clip((second - slow**2 - slow) / (slow**2 + 0.05), 0.0, 8.0))

    @staticmethod
    def _mean(moments: np.ndarray, params: np.ndarray) -> np.ndarray:
        """Mean from fast, slow and pooled means and the parameters of the likelihood."""
        share, pull = special.expit(params[:2])
        fast, slow, pooled = moments[:3]
        own = np.exp(params[5]) * (share * fast + (1 - share) * slow)
        return np.asarray((1 - pull) * own + pull * pooled + 1e-6)

    def fit(self, problem: Problem, origin: pd.Period, horizon: int) -> Self:
        """Maximise the likelihood of outcomes ``horizon`` months ahead."""
        sample = problem.sample(origin, horizon, self.burn_in)
        moments = np.ascontiguousarray(np.moveaxis(sample.take(self._moments), -1, 0))
        weights = sample.weights(self.recency_half_life)
        y = sample.counts
        start = np.array([0.0, -3.0, -1.0, 0.0, 0.3, 0.0])
        found = optimize.minimize(_loss, start, (y, moments, weights), method="L-BFGS-B", jac=True)
        self.horizon_ = horizon
        self.params_ = found.x
        plain = self._mean(moments, found.x)
        self.season_ = season_of(sample, plain) if self.seasonal else Season()
        self.size_ = fit_size(y, plain * self.season_.at(sample.months), weights, sample.target)
        self.account_ = {
            "converged": bool(found.success),
            "iterations": int(found.nit),
            "loss": float(found.fun),
        }
        return self

    def margins(self, problem: Problem, origin: pd.Period) -> Margins:
        """Negative binomial margins, (regions,)."""
        moments = self._moments(problem)[problem.row(origin)]
        plain = self._mean(moments.T, self.params_)
        mean = plain * self.season_.at(origin.ordinal + self.horizon_)
        mean = supported(problem, np.array([problem.row(origin)]), mean[None])[0]
        inverse = (1 - self.local) / self.size_.at(mean) + self.local * moments[:, 3]
        return negative_binomial(mean, 1 / inverse)

    def own_mean(self, problem: Problem, origin: pd.Period) -> np.ndarray:
        """What the region's own past adds to the expected count, (regions,); the pooled level adds the rest."""
        share, pull, _ = special.expit(self.params_[:3])
        moments = self._moments(problem)[problem.row(origin)]
        own = share * moments[:, 0] + (1 - share) * moments[:, 1]
        return np.asarray((1 - pull) * np.exp(self.params_[5]) * own)

    def to_json(self) -> dict[str, Any]:
        """Everything needed to predict again, as plain numbers."""
        return {
            "name": self.name,
            "horizon": self.horizon_,
            "half_lives": [self.fast, self.slow],
            "params": [float(p) for p in self.params_],
            "size": asdict(self.size_),
            "season": self.season_.to_json(),
            "local": self.local,
            "fit": self.account_,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """A fitted member from what :meth:`to_json` wrote."""
        fast, slow = stored["half_lives"]
        member = cls(fast=fast, slow=slow, local=stored["local"])
        member.horizon_, member.params_ = int(stored["horizon"]), np.array(stored["params"])
        member.size_, member.account_ = SizeLaw(**stored["size"]), dict(stored["fit"])
        member.season_ = Season(**stored["season"])
        return member


def _loss(
    params: np.ndarray, y: np.ndarray, moments: np.ndarray, weights: np.ndarray
) -> tuple[float, np.ndarray]:
    """Minus the mean log-likelihood with a little of a prior, and its gradient.

    The parameters are the logits of the fast mean's share, of the pull to the pooled level and of the local excess;
    intercept and slope of the pooled size on the level; and the log of the factor on the own mean.
    """
    share, pull, local = special.expit(params[:3])
    fast, slow, pooled, excess = moments
    factor = np.exp(params[5])
    own = factor * (share * fast + (1 - share) * slow)
    mean = (1 - pull) * own + pull * pooled + 1e-6
    log_level = np.log(mean + LEVEL_FLOOR)
    # Bounded before the exponential: a search that strays far would overflow, and the clip below cuts it anyway.
    pooled_inverse = np.exp(np.minimum(-params[3] - params[4] * log_level, 50.0))
    inverse = (1 - local) * pooled_inverse + local * excess
    size = 1 / np.clip(inverse, 1e-3, 1e3)
    ratio, over = np.log1p(mean / size), (y + size) / (size + mean)
    value, by_mean, by_size = -size * ratio, y / mean - over, 1 - ratio - over
    some = np.flatnonzero(y > 0)
    k, m, r = y[some], mean[some], size[some]
    value[some] += special.gammaln(k + r) - special.gammaln(r) + k * np.log(m / (m + r))
    by_size[some] += special.digamma(k + r) - special.digamma(r)
    by_inverse = np.where((inverse > 1e-3) & (inverse < 1e3), -by_size * size**2, 0.0)
    by_log = by_inverse * (1 - local) * pooled_inverse
    by_mean = by_mean - by_log * params[4] / (mean + LEVEL_FLOOR)
    w = weights / weights.sum()
    slopes = np.array(
        [
            (w * by_mean) @ (fast - slow) * (1 - pull) * factor * share * (1 - share),
            (w * by_mean) @ (pooled - own) * pull * (1 - pull),
            (w * by_inverse) @ (excess - pooled_inverse) * local * (1 - local),
            -(w @ by_log),
            -((w * by_log) @ log_level),
            (w * by_mean) @ own * (1 - pull),
        ]
    )
    return -float(w @ value) + 1e-4 * float(params @ params), 2e-4 * params - slopes
