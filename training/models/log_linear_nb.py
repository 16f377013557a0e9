"""A negative-binomial GLM on the logarithms of own and neighbours' recent counts, by statsmodels."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from ..margins import Margins, negative_binomial
from .base import Member, Problem
from .dispersion import SizeLaw, fit_size
from .excitation import HalfLives, excitation

#: No forecast mean is larger than this many times the largest count of the region's own record plus one.
LARGEST_FACTOR = 1.5
#: Events per month added before the logarithm.
FLOOR = 0.2
#: Which column of the excitation is the level, and what is set in ratio to it.
LEVEL = 2
RATIOS = ("half a month", "three months", "neighbours at home", "neighbours abroad")
LIVES = HalfLives(own=(0.5, 3.0, 12.0), domestic=(3.0,), across=(3.0,), country=())


class LogLinearNB(Member):
    """Log-linear mean, fitted by iteratively reweighted least squares.

    ``log mean = log level + b0 + sum b log(recent / level)``: the yearly level of the region itself enters with an
    elasticity of one, and what is newer or next door in ratio to it. Free elasticities add up to more than one in
    years of escalation and then explode.

    Where the negative-binomial fit does not converge, a Poisson one takes its place, and where that fails too a
    constant mean does; ``account_`` says which was used.

    Parameters
    ----------
    alpha : float
        Dispersion in the fit of the mean (variance ``mean + alpha mean^2``), > 0.
    recency_half_life : float or None
        Months after which a training row counts half.
    """

    name: ClassVar[str] = "log_linear_nb"

    def __init__(self, alpha: float = 1.0, recency_half_life: float | None = 60.0, burn_in: int = 24) -> None:
        self.alpha = alpha
        self.recency_half_life = recency_half_life
        self.burn_in = burn_in

    def _design(self, problem: Problem) -> tuple[np.ndarray, np.ndarray]:
        """Log of the yearly level, and an intercept with log ratios to it, (months, regions[, columns])."""
        cache: dict[Any, tuple[np.ndarray, np.ndarray]] = problem.__dict__.setdefault("_log_linear", {})
        if "design" not in cache:
            columns = excitation(problem, LIVES)
            logs = np.log(columns.values + FLOOR)
            level = np.log(columns.values[..., LEVEL : LEVEL + 1] + FLOOR)
            ratios = np.delete(logs, LEVEL, axis=-1) - level
            missing = len(RATIOS) - ratios.shape[-1]
            ratios = np.concatenate(
                [np.ones_like(level), ratios, np.zeros((*level.shape[:-1], missing))], axis=-1
            )
            cache["design"] = (level[..., 0], ratios)
        return cache["design"]

    def fit(self, problem: Problem, origin: pd.Period, horizon: int) -> Self:
        """Fit to everything known at ``origin``."""
        self.horizon_ = horizon
        sample = problem.sample(origin, horizon, self.burn_in)
        level, x = sample.take(lambda p: self._design(p)[0]), sample.take(lambda p: self._design(p)[1])
        y, weights = sample.counts, sample.weights(self.recency_half_life)
        self.params_, used = _first_that_converges(level, x, y, weights, self.alpha)
        self.most_ = LARGEST_FACTOR * (1.0 + float(problem.counts[: problem.row(origin) + 1].max()))
        self.account_ = {"family": used}
        self.size_ = fit_size(y, self._mean(level, x), weights, sample.target)
        return self

    def _mean(self, level: np.ndarray, x: np.ndarray) -> np.ndarray:
        highest = max(12.0, np.log(self.most_))
        return np.asarray(np.minimum(np.exp(np.clip(level + x @ self.params_, -12, highest)), self.most_))

    def margins(self, problem: Problem, origin: pd.Period) -> Margins:
        """Negative binomial margins, (regions,)."""
        level, x = self._design(problem)
        row = problem.row(origin)
        mean = self._mean(level[row], x[row])
        return negative_binomial(mean, self.size_.at(mean))

    def to_json(self) -> dict[str, Any]:
        """Everything needed to predict again, as plain numbers."""
        return {
            "name": self.name,
            "horizon": self.horizon_,
            "params": [float(p) for p in self.params_],
            "most": self.most_,
            "size": asdict(self.size_),
            "fit": self.account_,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """A fitted member from what :meth:`to_json` wrote."""
        member = cls()
        member.horizon_, member.params_ = int(stored["horizon"]), np.array(stored["params"])
        member.most_, member.size_ = float(stored["most"]), SizeLaw(**stored["size"])
        member.account_ = dict(stored["fit"])
        return member


def _first_that_converges(
    level: np.ndarray, x: np.ndarray, y: np.ndarray, weights: np.ndarray, alpha: float
) -> tuple[np.ndarray, str]:
    """Coefficients of the first family that converges to finite numbers, and its name."""
    import statsmodels.api as sm

    keep = np.flatnonzero((x.std(axis=0) > 1e-9) | (np.arange(x.shape[1]) == 0))
    for name, family in (
        ("negative binomial", sm.families.NegativeBinomial(alpha=alpha)),
        ("poisson", sm.families.Poisson()),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                fit = sm.GLM(y, x[:, keep], family=family, freq_weights=weights, offset=level).fit(maxiter=60)
            except (np.linalg.LinAlgError, ValueError):
                continue
        if fit.converged and np.isfinite(fit.params).all():
            params = np.zeros(x.shape[1])
            params[keep] = fit.params
            return params, name
    params = np.zeros(x.shape[1])
    params[0] = np.log((np.average(y, weights=weights) + 1e-3) / np.average(np.exp(level), weights=weights))
    return params, "constant"
