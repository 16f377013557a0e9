"""The chance of anything at all where nothing happened for months, from the panel's own history.

A pool of count models is judged by its CRPS, which hardly sees an error in a small chance: where it is quiet a pool can
state ten times too much and lose nothing. The chance itself is therefore learned apart, from how often quiet places of
the same panel woke up, and the pool keeps the rest: ``1 - p`` at zero, and ``p`` times the pool given at least one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import optimize

from ..margins import Margins
from ..models.excitation import border_shares

if TYPE_CHECKING:
    import pandas as pd

    from ..models.base import Problem

#: Months without a count after which a place is quiet.
QUIET = 6
#: Half-life of what is learned from, and of what a region's long past is, months.
HALF_LIFE, LONG = 120.0, 60.0
#: Months at the start of a record that are not learned from: too little is known of them.
BURN_IN = 24
#: Months of outcomes from which that holds; of fewer a third is left out, and slopes are pulled harder, by the third
#: power of how many are missing.
ENOUGH = 2 * BURN_IN
#: Precision of the normal prior that pulls each slope to nothing, and cases that the level starts with, half a case of
#: them being followed by a count.
RIDGE, START = 2.0, 50.0
#: Smallest share of active months: what stands for never.
NEVER = 0.003
#: The normal prior of a stack, mean and precision: level, then the slopes of the history's chance and of the pool's.
STACK_PRIOR, STACK_PRECISION = (0.0, 0.3, 0.7), (6.0, 60.0, 60.0)
#: Half-life in origins of what a stack is learned from, and the fewest cases that it is learned from.
STACK_HALF_LIFE, FEWEST_CASES = 60.0, 50


def quiet_regions(problem: Problem, origin: pd.Period) -> np.ndarray:
    """Which regions had no count in the last :data:`QUIET` months and were observed at the origin, bool (regions,)."""
    row = problem.row(origin)
    return np.asarray((_history(problem)[0][row] >= QUIET) & problem.observed[row])


@dataclass(frozen=True)
class QuietChance:
    """P(at least one) a fixed number of months ahead where it is quiet: a complementary log-log law of four numbers.

    Months since the last count, share of active months of late in the region's own long past, in its country and next
    door. An empty law has seen no quiet place.

    Attributes
    ----------
    horizon : int
        Months ahead.
    level : float
        Of the linear predictor.
    slopes, centre : tuple of float
        By column.
    """

    horizon: int
    level: float
    slopes: tuple[float, ...]
    centre: tuple[float, ...]

    def chance(self, problem: Problem, origin: pd.Period) -> np.ndarray:
        """Chance of at least one, (regions,); NaN where it is not quiet.

        The one function that says what the chance in a quiet place is; whatever knows better takes its place.
        """
        columns = _history(problem)[1][problem.row(origin)]
        chance = from_hazard(self.level + (columns - np.array(self.centre)) @ np.array(self.slopes))
        return np.where(quiet_regions(problem, origin), chance, np.nan)

    def to_json(self) -> dict[str, Any]:
        """Plain numbers; :meth:`from_json` is the inverse."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> QuietChance:
        """What :meth:`to_json` gave."""
        return cls(
            int(stored["horizon"]), float(stored["level"]), tuple(stored["slopes"]), tuple(stored["centre"])
        )


def fit_quiet_chance(problem: Problem, origin: pd.Period, horizon: int) -> QuietChance:
    """Learn from every quiet region and month whose outcome is known at ``origin``.

    Parameters
    ----------
    problem : Problem
        Counts; those of :attr:`Problem.also` are not used: the panel's own quiet places are what is forecast.
    origin : pandas.Period
    horizon : int
        Months ahead, >= 1.
    """
    since, columns = _history(problem)
    last = problem.row(origin)
    stop = max(last - horizon + 1, 0)
    known = problem.observed[:stop] & problem.observed[horizon : horizon + stop]
    first = BURN_IN if stop >= ENOUGH else stop // 3
    rows, regions = np.nonzero((since[:stop] >= QUIET) & known & (np.arange(stop) >= first)[:, None])
    hit = problem.counts[rows + horizon, regions] > 0
    weight = 0.5 ** ((stop - 1 - rows) / HALF_LIFE)
    rate = (float(weight @ hit) + 0.5) / (float(weight.sum()) + START)
    level = to_hazard(np.array(rate))[()]
    width = columns.shape[-1]
    if not hit.any():
        return QuietChance(horizon, float(level), (0.0,) * width, (0.0,) * width)
    x = columns[rows, regions]
    centre = np.average(x, axis=0, weights=weight)
    scale = np.maximum(x.std(axis=0), 1e-6)
    design = np.column_stack([np.ones(len(x)), (x - centre) / scale])
    precision = np.r_[0.5, np.full(width, RIDGE * max(ENOUGH / stop, 1.0) ** 3)]
    start = np.r_[level, np.zeros(width)]

    def loss(law: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = _cloglog(design @ law, hit)
        off = law - start
        return (
            float(-weight @ value + 0.5 * precision @ off**2),
            -design.T @ (weight * slope) + precision * off,
        )

    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"ftol": 1e-12, "gtol": 1e-7})
    slopes = found.x[1:] / scale
    return QuietChance(horizon, float(found.x[0]), tuple(slopes.tolist()), tuple(centre.tolist()))


@dataclass(frozen=True)
class QuietStack:
    """How the history's chance and the pool's own are put together, on the scale of the log hazard.

    Examples
    --------
    >>> QuietStack().chance(np.array([0.02, np.nan]), np.array([0.3, 0.3])).round(3).tolist()
    [0.02, nan]
    """

    level: float = 0.0
    history: float = 1.0
    pool: float = 0.0

    def to_json(self) -> dict[str, float]:
        """Plain numbers; ``QuietStack(**numbers)`` is the inverse."""
        return asdict(self)

    def chance(self, history: np.ndarray, pool: np.ndarray) -> np.ndarray:
        """The chance that is forecast, (...); NaN where ``history`` is."""
        return from_hazard(self.level + self.history * to_hazard(history) + self.pool * to_hazard(pool))


#: What nothing was learned for.
HISTORY_ALONE = QuietStack()


def learn_stack(history: np.ndarray, pool: np.ndarray, hit: np.ndarray, age: np.ndarray) -> QuietStack:
    """Learn from quiet cases of past origins; a few leave the history's chance as it is.

    Parameters
    ----------
    history, pool : numpy.ndarray
        Chance from :class:`QuietChance` and from the pool, (cases,), as stated then.
    hit : numpy.ndarray
        Whether there was a count, (cases,).
    age : numpy.ndarray
        How many origins ago, (cases,), >= 0.
    """
    if len(hit) < FEWEST_CASES:
        return HISTORY_ALONE
    prior, precision = np.array(STACK_PRIOR), np.array(STACK_PRECISION)
    design = np.column_stack([np.ones(len(hit)), to_hazard(history), to_hazard(pool)])
    weight, law = 0.5 ** (age / STACK_HALF_LIFE), prior.copy()
    for _ in range(25):
        eta = design @ law
        slope = design.T @ (weight * _cloglog(eta, hit)[1]) - precision * (law - prior)
        curve = (design * (weight * np.exp(np.clip(eta, -20, 1)))[:, None]).T @ design + np.diag(precision)
        step = np.clip(np.linalg.solve(curve, slope), -0.5, 0.5)
        law = law + step
        if np.abs(step).max() < 1e-9:
            break
    return QuietStack(*law.tolist())


def with_chance(margins: Margins, chance: np.ndarray) -> Margins:
    """Margins (regions,) with another chance of at least one where there is one; NaN leaves a region as it is."""
    given = np.isfinite(chance)
    if not given.any():
        return margins
    moved = margins.zero_adjusted(np.where(given, 1 - np.nan_to_num(chance), margins.cdf[:, 0]))
    return Margins(
        np.where(given[:, None], moved.cdf, margins.widened(moved.points).cdf),
        np.where(given, moved.mean, margins.mean),
    )


def to_hazard(chance: np.ndarray) -> np.ndarray:
    """Log of the hazard that gives a chance; NaN stays."""
    return np.asarray(np.log(-np.log1p(-np.clip(chance, 1e-7, 1 - 1e-7))))


def from_hazard(log_hazard: np.ndarray) -> np.ndarray:
    """The inverse of :func:`to_hazard`."""
    return np.asarray(-np.expm1(-np.exp(np.clip(log_hazard, -20, 3))))


def _cloglog(eta: np.ndarray, hit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log-likelihood of each case, and its slope."""
    hazard = np.exp(np.clip(eta, -20, 3))
    chance = np.maximum(-np.expm1(-hazard), 1e-12)
    value = np.where(hit, np.log(chance), -hazard)
    return value, np.where(hit, hazard * np.exp(-hazard) / chance, -hazard)


def _history(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Months since the last count, and the columns of the law; (months, regions) and (months, regions, 4).

    Row t uses months up to t only. A region without any count yet is quiet since its first observed month.
    """
    cache: dict[str, Any] = problem.__dict__
    if "_quiet_history" not in cache:
        seen = problem.observed
        active = (problem.counts > 0) & seen
        month = np.arange(len(seen))[:, None]
        first = np.where(seen.any(axis=0), seen.argmax(axis=0), len(seen))
        last = np.maximum.accumulate(np.where(active, month, -1), axis=0)
        since = np.where(last >= 0, month - last, month - first + 1)
        late, long = _shares(active, seen, 12.0), _shares(active, seen, LONG)
        code = np.unique(np.asarray(problem.panel.countries), return_inverse=True)[1]
        member = np.eye(code.max(initial=0) + 1)[code]
        country = (late @ (member / np.maximum(member.sum(axis=0), 1)))[:, code]
        near = country if problem.panel.links is None else (border_shares(problem.panel, None) @ late.T).T
        columns = [np.log(np.maximum(since, 0) + 1.0), *(np.log(x + NEVER) for x in (long, country, near))]
        cache["_quiet_history"] = since, np.stack(columns, axis=-1)
    found: tuple[np.ndarray, np.ndarray] = cache["_quiet_history"]
    return found


def _shares(active: np.ndarray, seen: np.ndarray, half_life: float) -> np.ndarray:
    """Exponentially weighted share of active months among the observed, (months, regions)."""
    kept = 0.5 ** (1 / half_life)
    out = np.empty(active.shape)
    some, known = np.zeros(active.shape[1]), np.zeros(active.shape[1])
    for t, row in enumerate(active):
        some, known = kept * some + row, kept * known + seen[t]
        out[t] = some / np.maximum(known, 1e-9)
    return out
