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

    @staticmethod
    def _size(log_level: np.ndarray, excess: np.ndarray, params: np.ndarray) -> np.ndarray:
        """Size from the logarithm of the level, the local excess and the parameters of the likelihood."""
        local = special.expit(params[2:3])[0]
        # Bounded before the exponential: a search that strays far would overflow, and the clip below cuts it anyway.
        log_inverse = np.minimum(-params[3] - params[4] * log_level, 50.0)
        inverse = (1 - local) * np.exp(log_inverse) + local * excess
        return np.asarray(1 / np.clip(inverse, 1e-3, 1e3))

    def fit(self, problem: Problem, origin: pd.Period, horizon: int) -> Self:
        """Maximise the likelihood of outcomes ``horizon`` months ahead."""
        sample = problem.sample(origin, horizon, self.burn_in)
        moments = np.ascontiguousarray(np.moveaxis(sample.take(self._moments), -1, 0))
        weights = sample.weights(self.recency_half_life)
        y, w = sample.counts, weights
        positive = np.flatnonzero(y > 0)
        last: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}

        def loss(params: np.ndarray) -> float:
            # Half of the parameters leave the mean alone: numerical derivatives by them need no new one.
            key = params[[0, 1, 5]].tobytes()
            if key not in last:
                last.clear()
                mean = self._mean(moments, params)
                last[key] = (mean, np.log(mean + LEVEL_FLOOR))
            mean, log_level = last[key]
            size = self._size(log_level, moments[3], params)
            value = -size * np.log1p(mean / size)
            some, many = mean[positive], size[positive]
            value[positive] += (
                special.gammaln(y[positive] + many)
                - special.gammaln(many)
                + y[positive] * np.log(some / (some + many))
            )
            return -float(w @ value) / float(w.sum()) + 1e-4 * float(params @ params)

        found = optimize.minimize(loss, np.array([0.0, -3.0, -1.0, 0.0, 0.3, 0.0]), method="L-BFGS-B")
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
