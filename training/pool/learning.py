"""What scored origins teach the pool: weights of its members, and a calibration of the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ...data.errors import ModelError
from ..calibration import PitMap, fit_pit_map
from ..margins import Margins, mix
from ..record import Record, ScoredOrigin
from .quiet import HISTORY_ALONE, QuietStack, learn_stack, with_chance
from .weights import best_weights, choose_shrinkage, pool_terms, shrunk, trial_scores

#: Fewest scored origins that anything is learned from; with less, weights are the first ones and nothing is calibrated.
FEWEST = 12
#: Scored origins after which one counts half for the weights: which member is of use changes with the war.
HALF_LIFE = 36.0


@dataclass(frozen=True)
class LearnedPool:
    """What a pool has learned at one horizon.

    Attributes
    ----------
    weights : mapping of str to float
        By member, >= 0, summing to 1.
    calibration : PitMap or None
        Applied to the mixture of the members; None where too few origins were scored.
    origins : int
        How many scored origins it was learned from.
    quiet : QuietStack
        How the chance of at least one is put together where it is quiet.
    """

    weights: Mapping[str, float]
    calibration: PitMap | None
    origins: int
    quiet: QuietStack = HISTORY_ALONE

    def apply(self, members: Mapping[str, Margins], history: np.ndarray | None = None) -> Margins:
        """The pool of some margins (regions,) by member: mixed, calibrated, and with its chance where it is quiet.

        ``history`` is what :meth:`harmattan.training.pool.quiet.QuietChance.chance` gave, (regions,).
        """
        weights = np.array(list(self.weights.values()))
        mixed = mix([members[name] for name in self.weights], weights)
        return finished(mixed, self.calibration, self.quiet, history)

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and text, from which :meth:`from_json` gives the same again, bit by bit."""
        return {
            # Lists, not a mapping: the order of the members is the order of a sum, and text may sort keys.
            "members": list(self.weights),
            "weights": list(self.weights.values()),
            "calibration": None if self.calibration is None else self.calibration.to_json(),
            "origins": self.origins,
            "quiet": self.quiet.to_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LearnedPool:
        """The inverse of :meth:`to_json`.

        Raises
        ------
        ModelError
            Something is missing, or weights are not those of a mixture.
        """
        try:
            pairs = zip(data["members"], data["weights"], strict=True)
            weights = {str(name): float(weight) for name, weight in pairs}
            calibration, origins = data["calibration"], int(data["origins"])
            quiet = QuietStack(**data.get("quiet", {}))
        except (KeyError, TypeError, ValueError):
            raise ModelError(
                "the weights of a pool are incomplete.", remedy="Train and write the model again."
            ) from None
        values = np.array(list(weights.values()))
        if not len(values) or not (values >= 0).all() or abs(values.sum() - 1) > 1e-6:
            raise ModelError(
                "the weights of a pool are not those of a mixture.", remedy="Train and write the model again."
            )
        return cls(weights, None if calibration is None else PitMap.from_json(calibration), origins, quiet)


def finished(
    mixed: Margins, calibration: PitMap | None, quiet: QuietStack, history: np.ndarray | None
) -> Margins:
    """A mixture (regions,) sent through its calibration, and with its own chance of at least one where it is quiet."""
    pool = mixed if calibration is None else calibration.apply(mixed)
    return pool if history is None else with_chance(pool, quiet.chance(history, mixed.prob_at_least(1)))


def scored_origin(
    members: Sequence[Margins | None],
    pool: Margins,
    observed: np.ndarray,
    best: np.ndarray,
    history: np.ndarray | None = None,
    start: np.ndarray | None = None,
) -> ScoredOrigin | None:
    """What one origin teaches; None where none of its outcomes was observed.

    Parameters
    ----------
    members : sequence of Margins or None
        (regions,) each; None where a member had no forecast from this origin.
    pool : Margins
        The uncalibrated pool that was forecast then, (regions,).
    observed : numpy.ndarray
        Outcomes, (regions,), counts; NaN where not observed.
    best : numpy.ndarray
        The best weights known then, before any pull, (members,).
    history : numpy.ndarray, optional
        Chance of at least one where it was quiet, NaN elsewhere, (regions,).
    start : numpy.ndarray, optional
        Weights that learned ones are pulled to, (members,); equal ones where absent.
    """
    seen = np.isfinite(observed)
    if not seen.any():
        return None
    counts = np.where(seen, observed, 0).astype(np.int64)
    lower, upper = pool.pit(counts, np.zeros(len(counts))), pool.pit(counts, np.ones(len(counts)))
    there = np.array([m is not None for m in members])
    error, distance = pool_terms([m for m in members if m is not None], observed, seen)
    trials = trial_scores(best[there], error, distance, None if start is None else _among(start, there))
    if not there.all():
        known, error = error, np.full(len(members), np.nan)
        error[there] = known
        pairs, distance = distance, np.full((len(members), len(members)), np.nan)
        distance[np.ix_(there, there)] = pairs
    quiet = np.empty((0, 3))
    if history is not None:
        some = seen & np.isfinite(history)
        quiet = np.column_stack([history, pool.prob_at_least(1), counts > 0])[some]
    return ScoredOrigin(error, distance, lower[seen], upper[seen], pool.mean[seen], trials, quiet)


class PoolState(NamedTuple):
    """What is known when an origin is forecast: the best weights so far, those used, (members,), and what follows."""

    best: np.ndarray
    weights: np.ndarray
    calibration: PitMap | None = None
    quiet: QuietStack = HISTORY_ALONE


class Learner:
    """Weights and calibration of the next forecast, from the origins whose outcome is known by then.

    Parameters
    ----------
    members : int
        How many are pooled.
    wait : int
        Months after which an origin is scored.
    learns : bool
        Otherwise weights stay those of the start, and nothing is calibrated.
    start : numpy.ndarray, optional
        Weights before anything is learned, (members,); equal ones where absent.
    """

    def __init__(self, members: int, wait: int, learns: bool = True, start: np.ndarray | None = None) -> None:
        self.start = np.full(members, 1 / members) if start is None else start
        self.wait, self.learns = wait, learns
        self.scored: list[ScoredOrigin | None] = []

    def now(self, there: np.ndarray | None = None) -> PoolState:
        """Weights and calibration of the next origin, given which members have a forecast, bool (members,)."""
        known = self.scored[: max(len(self.scored) - self.wait + 1, 0)] if self.learns else []
        return learn([x for x in known if x is not None], self.start, there)

    def add(self, origin: ScoredOrigin | None) -> None:
        """What the next origin teaches, once its outcome is known."""
        self.scored.append(origin)


def learn(
    scored_origins: Sequence[ScoredOrigin], start: np.ndarray, there: np.ndarray | None = None
) -> PoolState:
    """Weights and calibration from all scored origins, in order; the weights of the start and none from too few.

    ``there`` says which members have a forecast, bool (members,); the others get no weight. One that was scored at too
    few origins gets none either; weights are learned on the origins that all the rest have.
    """
    members = len(start)
    there = np.ones(members, dtype=bool) if there is None else there
    first = np.zeros(members)
    first[there] = _among(start, there)
    if len(scored_origins) < FEWEST:
        return PoolState(first, first)
    known = np.stack([np.isfinite(x.error) for x in scored_origins])
    of = _learnable(known, there)
    ages = np.arange(len(scored_origins))[::-1]
    at = np.flatnonzero(known[:, of].all(axis=1))
    shared = [scored_origins[int(i)] for i in at]
    if len(at) < FEWEST:
        best = weights = first
    else:
        share: np.ndarray = 0.5 ** (ages[at] / HALF_LIFE)
        share /= share.sum()
        error = np.einsum("o,om->m", share, np.stack([x.error[of] for x in shared]))
        pairs = np.ix_(of, of)
        distance = np.einsum("o,omn->mn", share, np.stack([x.distance[pairs] for x in shared]))
        best, weights = np.zeros(members), np.zeros(members)
        best[of] = best_weights(error, distance)
        pull = choose_shrinkage(np.stack([x.trials for x in shared]))
        weights[of] = shrunk(best[of], pull, _among(start, of))
    lower, upper, mean = (
        np.concatenate([getattr(x, k) for x in scored_origins]) for k in ("lower", "upper", "mean")
    )
    cases = np.concatenate([x.quiet for x in scored_origins])
    age = np.repeat(ages, [len(x.quiet) for x in scored_origins])
    stack = learn_stack(cases[:, 0], cases[:, 1], cases[:, 2] > 0, age)
    return PoolState(best, weights, fit_pit_map(lower, upper, mean), stack)


def _among(start: np.ndarray, some: np.ndarray) -> np.ndarray:
    """Weights of the start among some members, summing to 1; equal where none of them had any."""
    weights = start[some] if start[some].sum() > 0 else np.ones(len(start[some]))
    return np.asarray(weights / weights.sum())


def _learnable(known: np.ndarray, there: np.ndarray) -> np.ndarray:
    """The members, by position, that weights are learned for: those there that share enough of the origins.

    ``known`` says which were scored at which origin, bool (origins, members). Those that were scored least are left
    out until the rest have enough origins in common.
    """
    of = np.flatnonzero(there)
    while len(of) > 1 and known[:, of].all(axis=1).sum() < FEWEST:
        often = known[:, of].sum(axis=0)
        fewest = often == often.min()
        if fewest.all():
            break
        of = of[~fewest]
    return of


def learn_pool(record: Record) -> LearnedPool:
    """What the pool of one target and horizon learns from a back-test, for forecasts from now on.

    Parameters
    ----------
    record : Record
        Of :func:`harmattan.training.evaluation.backtest.run_backtest`, whose pooled members ``weights`` names. All its
        observed outcomes are learned from, so none may lie after the origin that the result is used at.

    Returns
    -------
    LearnedPool
        The same weights and map that the back-test itself would use at its next origin.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> import pandas as pd
    >>> record = SimpleNamespace(weights=pd.DataFrame({"member": ["a", "b"]}), scored=[None], start=())
    >>> learn_pool(record).weights
    {'a': 0.5, 'b': 0.5}
    """
    names = list(dict.fromkeys(record.weights["member"]))
    known = [x for x in record.scored if x is not None]
    start = record.start if len(record.start) else np.full(len(names), 1 / len(names))
    state = learn(known, np.asarray(start))
    weights = dict(zip(names, state.weights.tolist(), strict=True))
    return LearnedPool(weights, state.calibration, len(known), state.quiet)
