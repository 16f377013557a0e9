"""LightGBM started from the endemic-epidemic mean, with a size that depends on the level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from ..margins import Margins, negative_binomial
from .base import Member, Problem
from .dispersion import SizeLaw, fit_size
from .endemic_epidemic import EndemicEpidemic
from .season import Season, season_of
from .smoothed_conflictology import SmoothedConflictology
from .support import supported


class BoostedEndemicEpidemic(Member):
    """Poisson trees on the log of the endemic-epidemic mean.

    The trees learn only what the start misses: the endemic-epidemic mean, mixed with the region's own last twelve
    months, and the season of both. Where they find nothing the forecast is the start itself.

    Parameters
    ----------
    base : EndemicEpidemic, optional
        A fitted member of the same origin and horizon to start from; fitted here when absent.
    blend : float
        Weight of the last twelve months in the start, 0..1.
    trees, learning_rate, leaves, min_leaf, feature_share, penalty
        As in LightGBM: number of trees, shrinkage, leaves per tree, rows per leaf, share of features per tree, L2.
        Beyond three months ahead there are fewer trees, in proportion: there is less to find.
    recency_half_life : float or None
        As for the endemic-epidemic member; the trees do better on the whole record.
    seed : int
        Seed of feature sampling.
    threads : int
        Threads for one fit; the results do not depend on it.
    """

    name: ClassVar[str] = "boosted"

    def __init__(
        self,
        base: EndemicEpidemic | None = None,
        blend: float = 0.4,
        trees: int = 20,
        learning_rate: float = 0.03,
        leaves: int = 8,
        min_leaf: int = 400,
        feature_share: float = 0.4,
        penalty: float = 20.0,
        recency_half_life: float | None = None,
        burn_in: int = 24,
        seed: int = 7,
        threads: int = 1,
    ) -> None:
        self.base = base
        self.blend = blend
        self.trees = trees
        self.learning_rate = learning_rate
        self.leaves = leaves
        self.min_leaf = min_leaf
        self.feature_share = feature_share
        self.penalty = penalty
        self.recency_half_life = recency_half_life
        self.burn_in = burn_in
        self.seed = seed
        self.threads = threads

    def fit(self, problem: Problem, origin: pd.Period, horizon: int) -> Self:
        """Fit the trees on everything known at ``origin``, then the size on their means."""
        import lightgbm as lgb

        self.horizon_ = horizon
        base = self.base
        if base is None or getattr(base, "horizon_", None) != horizon:
            base = EndemicEpidemic(burn_in=self.burn_in)
            base.fit(problem, origin, horizon)
        self.base_, self.recent_ = base, SmoothedConflictology()
        sample = problem.sample(origin, horizon, self.burn_in)
        features = sample.take(lambda p: p.cube.values)
        plain = sample.take(lambda p: self.plain_start(p, np.arange(len(p.counts))))
        counts, weights = sample.counts, sample.weights(self.recency_half_life)
        self.season_ = season_of(sample, plain)
        offset = np.log(plain * self.season_.at(sample.months))
        self.booster_: Any = None
        fitted = np.exp(offset)
        # LightGBM refuses a Poisson record without one event, and trees could learn nothing from it.
        if counts.any():
            data = lgb.Dataset(
                features,
                label=counts,
                weight=weights,
                init_score=offset,
                feature_name=list(problem.cube.names),
                free_raw_data=True,
                params={"verbose": -1, "max_bin": 63, "num_threads": self.threads},
            )
            rounds = max(1, round(self.trees * min(1.0, 3.0 / horizon)))
            self.booster_ = lgb.train(self._settings(), data, num_boost_round=rounds)
            fitted = np.exp(
                offset + self.booster_.predict(features, raw_score=True, num_threads=self.threads)
            )
        self.size_ = fit_size(counts, fitted, sample.weights(base.recency_half_life), sample.target)
        self.fitted_ = fitted
        return self

    def plain_start(self, problem: Problem, rows: np.ndarray) -> np.ndarray:
        """Mean that the trees start from, before the season, (rows, regions), > 0."""
        mean = self.base_.plain_mean(problem, rows)
        return np.asarray((1 - self.blend) * mean + self.blend * self.recent_.means(problem)[rows])

    def start(self, problem: Problem, origin: pd.Period) -> np.ndarray:
        """Mean that the trees start from at ``origin``, (regions,), > 0."""
        plain = self.plain_start(problem, np.array([problem.row(origin)]))[0]
        return np.asarray(plain * self.season_.at(origin.ordinal + self.horizon_))

    def _settings(self) -> dict[str, Any]:
        return {
            "objective": "poisson",
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.min_leaf,
            "feature_fraction": self.feature_share,
            "lambda_l2": self.penalty,
            "poisson_max_delta_step": 0.3,
            "boost_from_average": False,
            "deterministic": True,
            "force_col_wise": True,
            "num_threads": self.threads,
            "seed": self.seed,
            "max_bin": 63,
            "verbose": -1,
        }

    def mean(self, problem: Problem, origin: pd.Period) -> np.ndarray:
        """Expected counts, (regions,)."""
        row = problem.row(origin)
        mean = self.start(problem, origin)
        if self.booster_ is not None:
            raw = self.booster_.predict(problem.cube.values[row], raw_score=True, num_threads=self.threads)
            mean = mean * np.exp(raw)
        kept: np.ndarray = supported(problem, np.array([row]), mean[None])[0]
        return kept

    def margins(self, problem: Problem, origin: pd.Period) -> Margins:
        """Negative binomial margins, (regions,)."""
        mean = self.mean(problem, origin)
        return negative_binomial(mean, self.size_.at(mean))

    def to_text(self) -> str:
        """The trees in LightGBM's own text format; empty where there are none."""
        return "" if self.booster_ is None else str(self.booster_.model_to_string())

    def to_json(self) -> dict[str, Any]:
        """What the text of the trees does not hold."""
        return {
            "name": self.name,
            "horizon": self.horizon_,
            "size": asdict(self.size_),
            "season": self.season_.to_json(),
            "blend": self.blend,
            "leaves": self.leaves,
            "base": self.base_.to_json(),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], trees: str = "") -> Self:
        """A fitted member from what :meth:`to_json` and :meth:`to_text` wrote."""
        member = cls(blend=stored["blend"], leaves=stored["leaves"])
        member.horizon_, member.size_ = int(stored["horizon"]), SizeLaw(**stored["size"])
        member.base_, member.recent_ = EndemicEpidemic.from_json(stored["base"]), SmoothedConflictology()
        member.season_, member.booster_ = Season(**stored["season"]), None
        if trees:
            import lightgbm as lgb

            member.booster_ = lgb.Booster(model_str=trees)
        return member
