"""What is kept of past forecasts: a few numbers per case, and a distribution of the latest month alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from .margins import Margins


class ScoredOrigin(NamedTuple):
    """What one origin teaches once its outcome is known.

    ``error`` and ``distance`` are the terms of :func:`harmattan.training.pool.weights.pool_terms`; ``lower``,
    ``upper`` and ``mean`` are ``F(y - 1)``, ``F(y)`` and the predicted mean of the pool for each observed case;
    ``trials`` is the CRPS of each pull of the weights (:func:`harmattan.training.pool.weights.trial_scores`); ``quiet``
    has a row per region that was quiet: the chance of at least one that the panel's history gave, that of the pool, and
    whether there was one (:mod:`harmattan.training.pool.quiet`).
    """

    error: np.ndarray
    distance: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    mean: np.ndarray
    trials: np.ndarray
    quiet: np.ndarray


@dataclass(frozen=True)
class PastErrors:
    """What one horizon's past forecasts got wrong, on the normal scale.

    Attributes
    ----------
    origins : tuple of pandas.Period
    score : numpy.ndarray
        Mean of the normal scores of the randomised transform, given the outcome; (origins, regions).
    spread : numpy.ndarray
        Variance of the score that the forecast expected; 0 where nothing was observed, and near 0 where a quiet
        region could hardly surprise; (origins, regions).
    """

    origins: tuple[pd.Period, ...]
    score: np.ndarray
    spread: np.ndarray

    def joined(self, later: PastErrors) -> PastErrors:
        """These errors, followed by later ones."""
        score, spread = (np.concatenate([getattr(self, n), getattr(later, n)]) for n in ("score", "spread"))
        return PastErrors(self.origins + later.origins, score, spread)


@dataclass(frozen=True)
class Record:
    """Every member's forecasts at one horizon, reduced to what scores, weights and dependence need; the outcomes.

    Attributes
    ----------
    target : str
    horizon : int
    origins : tuple of pandas.Period
    region_ids, countries : tuple of str
        The scored regions.
    observed : numpy.ndarray
        Outcomes, (origins, regions), counts; NaN where not observed.
    history : numpy.ndarray
        Counts of the 12 months up to the last one published at each origin, as they stood then, (origins, 12,
        regions); NaN where not observed.
    members : tuple of str
        Members, ``pool_uncalibrated`` and ``pool``, in the order of the first axis of ``values``.
    values : mapping of str to numpy.ndarray
        (members, origins, regions): what :func:`harmattan.training.evaluation.case_scores.measure` gives.
    weights : pandas.DataFrame
        ``origin, horizon, member, weight`` of the pool.
    scored : tuple of (ScoredOrigin or None)
        Per origin, what it teaches; None where none of its outcomes was observed.
    errors : PastErrors
        Of the pool, on the normal scale; spread 0 where nothing was observed.
    draws : int
        Of how many draws the scores are.
    fitted : pandas.Period or None
        The last month that the parameters of the last forecast have seen.
    latest : Margins or None
        The pool's forecast at the last origin whose outcome is known, (regions,).
    parts : tuple of mapping
        Per origin, the scores of the parts of the target (:mod:`harmattan.training.evaluation.parts`), where asked for.
    wait : int
        Months after which an outcome was known: the horizon and the data lag.
    start : tuple of float
        Weights of the pooled members before anything was learned; empty for equal ones.
    pool : numpy.ndarray or None
        Quantile-spaced draws of the pool in rising order, (origins, draws, regions), where joint draws are judged.
    earlier : PastErrors or None
        Errors of the origins before, which weights were learned from; only beside ``pool``.
    """

    target: str
    horizon: int
    origins: tuple[pd.Period, ...]
    region_ids: tuple[str, ...]
    countries: tuple[str, ...]
    observed: np.ndarray
    history: np.ndarray
    members: tuple[str, ...]
    values: Mapping[str, np.ndarray]
    weights: pd.DataFrame
    scored: tuple[ScoredOrigin | None, ...]
    errors: PastErrors
    draws: int
    fitted: pd.Period | None = None
    latest: Margins | None = None
    parts: tuple[Mapping[str, Any], ...] = ()
    wait: int = 1
    start: tuple[float, ...] = ()
    pool: np.ndarray | None = None
    earlier: PastErrors | None = None

    def of(self, member: str, measure: str) -> np.ndarray:
        """One number of one member in every case, (origins, regions)."""
        values: np.ndarray = self.values[measure][self.members.index(member)]
        return values

    def of_members(self, names: Sequence[str]) -> Record:
        """The record of some members; the values of the others are let go."""
        at = [self.members.index(name) for name in names]
        return replace(self, members=tuple(names), values={n: each[at] for n, each in self.values.items()})

    def at_origins(self, at: np.ndarray) -> Record:
        """The record of some of the origins, by position; without what only all of them have."""
        origins = tuple(self.origins[i] for i in at)
        errors = replace(
            self.errors, origins=origins, score=self.errors.score[at], spread=self.errors.spread[at]
        )
        return replace(
            self,
            origins=origins,
            observed=self.observed[at],
            history=self.history[at],
            values={name: each[:, at] for name, each in self.values.items()},
            weights=self.weights[self.weights["origin"].isin([str(o) for o in origins])].reset_index(
                drop=True
            ),
            scored=tuple(self.scored[i] for i in at),
            errors=errors,
            parts=tuple(self.parts[i] for i in at) if self.parts else (),
            latest=None,
            pool=None,
            earlier=None,
        )
