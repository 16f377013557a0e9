"""The endemic-epidemic negative binomial: a background level plus what past events excite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from ..margins import Margins, negative_binomial
from .base import Member, Problem
from .dispersion import SizeLaw, fit_size
from .excitation import Excitation, HalfLives, excitation, spectral_radius
from .layout import Layout
from .likelihood import AdditiveMeanNB
from .season import Season, season_of
from .support import supported

#: What one event excites in the long run, at most: below 1 excitation dies out. What is lost comes back as growth of
#: everything alike, by no more than a fifth.
LARGEST_RADIUS, MOST_GROWTH = 0.99, 1.2
#: A count so many times larger than the tenth largest is learned from as if it were no larger: of events, and of deaths
#: and whatever else, whose tails are longer.
GIANT, GIANT_OTHER, TENTH = 60.0, 200.0, 10


class EndemicEpidemic(Member):
    """Additive-mean negative binomial on own, domestic, cross-border and country excitation.

    The background level is partially pooled by country; every excitation coefficient is >= 0, so that the
    decomposition of a forecast into families adds up and no family can be negative; the season multiplies them all.

    Parameters
    ----------
    half_lives : HalfLives
        Exponential means that excite, in months.
    recency_half_life : float or None
        Months after which a training row counts half; None weighs all alike.
    burn_in : int
        Months left out at the start of the record.
    pooling : float
        Precision of the normal prior that pulls country levels together.
    """

    name: ClassVar[str] = "endemic_epidemic"

    def __init__(
        self,
        half_lives: HalfLives = HalfLives(),  # noqa: B008 - frozen
        recency_half_life: float | None = 40.0,
        burn_in: int = 24,
        pooling: float = 1.0,
    ) -> None:
        self.half_lives = half_lives
        self.recency_half_life = recency_half_life
        self.burn_in = burn_in
        self.pooling = pooling

    def fit(
        self, problem: Problem, origin: pd.Period, horizon: int, near: EndemicEpidemic | None = None
    ) -> Self:
        """Maximise the penalised likelihood of everything known at ``origin``.

        A fit of the same problem and origin for another horizon, ``near``, saves most of the search.
        """
        sample = problem.sample(origin, horizon, self.burn_in)
        self.horizon_ = horizon
        self.families_ = self.excitation(problem).families
        self.countries_ = tuple(sorted({c for p in sample.pieces for c in p.problem.panel.countries}))
        counts, weights = believable(sample.counts, sample.target), sample.weights(self.recency_half_life)
        excite = sample.take(lambda p: self.excitation(p).values)
        free = [0.0] + [self.pooling] * len(self.countries_)
        ridge = np.array([*free, *[1e-3] * excite.shape[1], 1e-2, 1e-2])
        level = max(float(np.average(counts, weights=weights)), 1e-3)
        share = 0.7 * counts.mean() / max(float(excite.mean()), 1e-6) / excite.shape[1]
        start = np.array(
            [
                np.log(0.3 * level),
                *[0.0] * len(self.countries_),
                *[min(share, 1.0)] * excite.shape[1],
                0.0,
                0.5,
            ]
        )
        ones = np.ones((len(counts), 1))
        country = sample.by_region(lambda p: np.searchsorted(self.countries_, p.panel.countries))
        levels = self._indicators(self.countries_)
        model = AdditiveMeanNB(counts, levels, excite, ones, weights, ridge, kinds=country)
        known = None if near is None or near.countries_ != self.countries_ else near.optimum_
        self.params_, self.account_ = model.fit_bounded(start, tolerance=1e-5, polish=True, near=known)
        self.optimum_: np.ndarray = self.params_
        self.layout_ = model.layout
        plain = self._made_stationary(model, problem)
        self.season_ = season_of(sample, plain)
        self.size_ = fit_size(counts, plain * self.season_.at(sample.months), weights, sample.target)
        return self

    def _made_stationary(self, model: AdditiveMeanNB, problem: Problem) -> np.ndarray:
        """Scale excitation that would not die out, and let everything grow for it; the means of the sample, (rows,).

        A direct fit to the count some months on answers a growing record with excitation above one, and goes on growing
        where a war ends. What the excitation loses comes back as one factor on all, of at most :data:`MOST_GROWTH`.
        """
        at = slice(self.layout_.endemic, self.layout_.endemic + self.layout_.excitation)
        gain = self.excitation(problem).gain(self.params_[at])
        self.growth_, self.radius_ = 1.0, spectral_radius(problem.panel, gain)
        if self.radius_ > LARGEST_RADIUS:
            self.params_ = self.params_.copy()
            self.params_[at] *= LARGEST_RADIUS / self.radius_
            self.radius_ = LARGEST_RADIUS
            lost = (model.w @ model.endog) / (model.w @ model.mean_size(self.params_)[1])
            self.growth_ = float(np.clip(lost, 1.0, MOST_GROWTH))
        return np.asarray(self.growth_ * model.mean_size(self.params_)[1])

    def excitation(self, problem: Problem) -> Excitation:
        """Columns of excitation, computed once per problem and set of half-lives."""
        cache: dict[Any, Excitation] = problem.__dict__.setdefault("_excitation", {})
        if self.half_lives not in cache:
            cache[self.half_lives] = excitation(problem, self.half_lives)
        return cache[self.half_lives]

    def _endemic(self, problem: Problem) -> np.ndarray:
        """Intercept and one indicator per country, (regions, 1 + countries)."""
        return self._indicators(problem.panel.countries)

    def _indicators(self, countries: Sequence[str]) -> np.ndarray:
        code = np.array(countries)
        return np.column_stack([np.ones(len(code)), *[(code == c).astype(float) for c in self.countries_]])

    def mean_size(self, problem: Problem, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and size ``horizon`` months after each of ``rows``, shapes (rows, regions)."""
        season = self.season_.at(problem.months[rows] + self.horizon_)
        mean = supported(problem, rows, self.plain_mean(problem, rows) * season[:, None])
        return mean, self.size_.at(mean)

    def plain_mean(self, problem: Problem, rows: np.ndarray) -> np.ndarray:
        """Mean before the season, (rows, regions)."""
        level, slopes, _, _ = self.layout_.split(self.params_)
        endemic = np.exp(self._endemic(problem) @ level)
        return np.asarray(self.growth_ * (endemic + self.excitation(problem).values[rows] @ slopes))

    def margins(self, problem: Problem, origin: pd.Period) -> Margins:
        """Negative binomial margins, (regions,)."""
        mean, size = self.mean_size(problem, np.array([problem.row(origin)]))
        return negative_binomial(mean[0], size[0])

    def contributions(self, problem: Problem, origin: pd.Period) -> dict[str, np.ndarray]:
        """The expected count taken apart by family, shape (regions,) each; they sum to the mean.

        A season that lowers it is negative, under ``calendar``.
        """
        parts = self.plain_contributions(problem, origin)
        season = float(self.season_.at(origin.ordinal + self.horizon_))
        return {**parts, "calendar": (season - 1) * np.sum(list(parts.values()), axis=0)}

    def plain_contributions(self, problem: Problem, origin: pd.Period) -> dict[str, np.ndarray]:
        """The mean before the season taken apart by family, shape (regions,) each."""
        level, slopes, _, _ = self.layout_.split(self.params_)
        columns = self.excitation(problem)
        parts = columns.by_family(columns.values[problem.row(origin)] * slopes * self.growth_)
        return {"baseline": self.growth_ * np.exp(self._endemic(problem) @ level), **parts}

    def to_json(self) -> dict[str, Any]:
        """Everything needed to predict again, as plain numbers."""
        return {
            "name": self.name,
            "horizon": self.horizon_,
            "countries": list(self.countries_),
            "families": list(self.families_),
            "blocks": asdict(self.layout_),
            "half_lives": {k: list(v) for k, v in vars(self.half_lives).items()},
            "params": [float(p) for p in self.params_],
            "growth": float(self.growth_),
            "size": asdict(self.size_),
            "season": self.season_.to_json(),
            "fit": self.account_,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """A fitted member from what :meth:`to_json` wrote."""
        member = cls(half_lives=HalfLives(**{k: tuple(v) for k, v in stored["half_lives"].items()}))
        member.horizon_, member.countries_ = int(stored["horizon"]), tuple(stored["countries"])
        member.params_, member.layout_ = np.array(stored["params"]), Layout(**stored["blocks"])
        member.growth_ = float(stored.get("growth", 1.0))
        member.families_, member.season_ = tuple(stored["families"]), Season(**stored["season"])
        member.size_, member.account_ = SizeLaw(**stored["size"]), dict(stored["fit"])
        return member


def believable(counts: np.ndarray, target: str) -> np.ndarray:
    """Outcomes that are learned from, (rows,): one that dwarfs all others would decide every coefficient alone.

    >>> believable(np.array([50_000.0, *[9.0] * 20]), "events").max()
    np.float64(540.0)
    """
    if len(counts) <= TENTH:
        return counts
    times = GIANT if target.startswith("events") else GIANT_OTHER
    return np.asarray(np.minimum(counts, times * max(float(np.partition(counts, -TENTH)[-TENTH]), 1.0)))
