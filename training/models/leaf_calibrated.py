"""The boosted trees with a shape of their own in every leaf."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from scipy import special

from ...data.errors import ModelError
from ..calibration import map_cdf, spread_over
from ..margins import Margins
from .base import Member, Problem
from .boosted import BoostedEndemicEpidemic


class LeafCalibrated(Member):
    """Leaf weights on the scale of the level.

    Training outcomes that share leaves with a new case tell where in the forecast distribution outcomes fall there:
    the mean histogram of their probability integral transforms over the trees recalibrates the negative binomial.
    The leaf weights are those of Meinshausen (2006), "Quantile regression forests".

    Parameters
    ----------
    boosted : BoostedEndemicEpidemic, optional
        A fitted member whose trees are used; fitted here when absent.
    bins : int
        Bins of the histogram, >= 2.
    prior_rows : float
        Rows of a flat histogram that every leaf starts with: how much a small leaf is pulled to the plain law.
    """

    name: ClassVar[str] = "leaf_calibrated"

    def __init__(
        self, boosted: BoostedEndemicEpidemic | None = None, bins: int = 20, prior_rows: float = 100.0
    ) -> None:
        self.boosted = boosted
        self.bins = bins
        self.prior_rows = prior_rows

    def fit(self, problem: Problem, origin: pd.Period, horizon: int) -> Self:
        """Histograms of every leaf from everything known at ``origin``."""
        self.horizon_ = horizon
        boosted = self.boosted
        if boosted is None or getattr(boosted, "horizon_", None) != horizon:
            boosted = BoostedEndemicEpidemic().fit(problem, origin, horizon)
        self.boosted_ = boosted
        if boosted.booster_ is None:
            return self
        sample = problem.sample(origin, horizon, boosted.burn_in)
        share = self._pit_share(sample.counts, boosted.fitted_)
        share *= sample.weights(boosted.base_.recency_half_life)[:, None]
        leaves = self._leaves(sample.take(lambda p: p.cube.values))
        flat = np.full((leaves.max() + 1, self.bins), self.prior_rows / self.bins)
        for b in range(self.bins):
            each = np.repeat(share[:, b], leaves.shape[1])
            flat[:, b] += np.bincount(leaves.ravel(), each, minlength=len(flat))
        self.histograms_ = flat / flat.sum(axis=1, keepdims=True)
        return self

    def _leaves(self, features: np.ndarray) -> np.ndarray:
        """Number of each case's leaf in each tree, counted through all trees, (cases, trees)."""
        leaves = self.boosted_.booster_.predict(features, pred_leaf=True, num_threads=1).astype(np.int64)
        return np.asarray(leaves + np.arange(leaves.shape[1]) * self.boosted_.leaves)

    def _pit_share(self, counts: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """How the transform of each outcome, spread evenly over its step, falls into bins, (rows, bins)."""
        size = self.boosted_.size_.at(mean)
        p = size / (size + mean)
        upper = special.betainc(size, counts + 1, p)
        lower = np.where(counts > 0, special.betainc(size, np.maximum(counts, 1), p), 0.0)
        return np.asarray(np.diff(spread_over(lower, upper, self.bins), axis=1))

    def margins(self, problem: Problem, origin: pd.Period) -> Margins:
        """Negative binomial margins, recalibrated leaf by leaf, (regions,)."""
        plain = self.boosted_.margins(problem, origin)
        if self.boosted_.booster_ is None:
            return plain
        share = self.histograms_[self._leaves(problem.cube.values[problem.row(origin)])].mean(axis=1)
        heights = np.concatenate([np.zeros((len(share), 1)), share.cumsum(axis=1)], axis=1)
        return map_cdf(plain, heights)

    def to_json(self) -> dict[str, Any]:
        """What the boosted member does not hold."""
        histograms = [] if self.boosted_.booster_ is None else self.histograms_.tolist()
        return {"name": self.name, "horizon": self.horizon_, "bins": self.bins, "histograms": histograms}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], boosted: BoostedEndemicEpidemic | None = None) -> Self:
        """A fitted member from what :meth:`to_json` wrote, and the boosted member whose trees it shares."""
        if boosted is None:
            raise ModelError("a stored leaf-calibrated member came without the boosted one.")
        member = cls(boosted, bins=stored["bins"])
        member.horizon_, member.boosted_ = int(stored["horizon"]), boosted
        member.histograms_ = np.array(stored["histograms"])
        return member
