"""Conflictology made smooth: the same twelve months as a negative binomial, with a little of the pool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from ..margins import Margins, negative_binomial
from .base import Member, Problem
from .dispersion import SizeLaw, fit_size
from .season import Season, season_of


class SmoothedConflictology(Member):
    """A negative binomial around the mean of a region's last months, and the season.

    Twelve values are few to draw a distribution with: their gaps cost CRPS that a smooth law does not pay.

    Parameters
    ----------
    window : int
        Months, >= 1.
    pull : float
        Weight of the mean over all regions, 0..1.
    recency_half_life : float or None
        Months after which a training row counts half when the size is learned.
    """

    name: ClassVar[str] = "smoothed_conflictology"

    def __init__(
        self, window: int = 12, pull: float = 0.05, recency_half_life: float | None = 60.0, burn_in: int = 24
    ) -> None:
        self.window = window
        self.pull = pull
        self.recency_half_life = recency_half_life
        self.burn_in = burn_in

    def fit(self, problem: Problem, origin: pd.Period, horizon: int) -> Self:
        """Learn the season and the size law of outcomes ``horizon`` months ahead."""
        self.horizon_ = horizon
        sample = problem.sample(origin, horizon, self.burn_in)
        plain = sample.take(self.means)
        self.season_ = season_of(sample, plain)
        mean = plain * self.season_.at(sample.months)
        weights = sample.weights(self.recency_half_life)
        self.size_ = fit_size(sample.counts, mean, weights, sample.target)
        return self

    def means(self, problem: Problem) -> np.ndarray:
        """Mean of the last ``window`` observed months, pulled to the pool, (months, regions), > 0.

        A month that was not observed is passed over, however long ago the last observed ones are; a region that never
        was has the mean of all.
        """
        cache: dict[Any, np.ndarray] = problem.__dict__.setdefault("_window_means", {})
        key = (self.window, self.pull)
        if key not in cache:
            # Sums of the first 0, 1, 2, ... observed months of each region.
            first = np.argsort(~problem.observed, axis=0, kind="stable")
            sums = np.take_along_axis(problem.counts * problem.observed, first, axis=0).cumsum(axis=0)
            sums = np.vstack([np.zeros_like(sums[:1]), sums])
            until = problem.observed.cumsum(axis=0)
            since = np.maximum(until - self.window, 0)
            total = np.take_along_axis(sums, until, axis=0) - np.take_along_axis(sums, since, axis=0)
            pooled = total.sum(axis=1) / np.maximum((until - since).sum(axis=1), 1.0)
            own = np.where(until > 0, total / np.maximum(until - since, 1.0), pooled[:, None])
            cache[key] = (1 - self.pull) * own + self.pull * pooled[:, None] + 1e-3
        return cache[key]

    def margins(self, problem: Problem, origin: pd.Period) -> Margins:
        """Negative binomial margins, (regions,)."""
        mean = self.means(problem)[problem.row(origin)] * self.season_.at(origin.ordinal + self.horizon_)
        return negative_binomial(mean, self.size_.at(mean))

    def to_json(self) -> dict[str, Any]:
        """Everything needed to predict again, as plain numbers."""
        return {
            "name": self.name,
            "horizon": self.horizon_,
            "window": self.window,
            "pull": self.pull,
            "size": asdict(self.size_),
            "season": self.season_.to_json(),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """A fitted member from what :meth:`to_json` wrote."""
        member = cls(window=stored["window"], pull=stored["pull"])
        member.horizon_, member.size_ = int(stored["horizon"]), SizeLaw(**stored["size"])
        member.season_ = Season(**stored["season"])
        return member
