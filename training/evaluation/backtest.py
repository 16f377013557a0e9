"""Rolling origins: what the models would have predicted, and how it turned out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from ...data.errors import OriginError
from ..distribution import Margins, mix
from ..models.base import Problem
from ..models.baselines import Conflictology
from ..models.catalogue import BASELINES, fit_members, pooled_members
from ..parallel import run_tasks
from ..pool.dependence import PastErrors, normal_scores
from ..pool.fitted import fit_pool
from ..pool.learning import ScoredOrigin, learn, scored_origin
from ..record import Record
from .reliability import ForecastRecord, score_forecasts
from .scores import block_bootstrap_skill, crps, interval_coverage

#: The baseline that skill is stated against in the main job.
REFERENCE = "conflictology_12"
#: Origins before the first scored one, from which the first weights and calibrations are learned.
WARM_UP = 36


@dataclass(frozen=True)
class _Shared:
    """What every task of a back-test needs."""

    problem: Problem
    members: tuple[str, ...]
    keep: np.ndarray
    data_lag: int
    as_of: Callable[[Problem, pd.Period], Problem] | None = None

    def seen(self, origin: pd.Period) -> Problem:
        """What could be seen at an origin."""
        return self.problem if self.as_of is None else self.as_of(self.problem, origin)


def run_backtest(
    problem: Problem,
    origins: Sequence[pd.Period],
    horizons: Sequence[int],
    regions: Sequence[str] | None = None,
    *,
    members: Sequence[str] | None = None,
    refit_every: int = 12,
    data_lag: int = 0,
    workers: int = 1,
    scheduler: str | None = None,
    warm_up: int = WARM_UP,
    progress: Callable[[float], None] | None = None,
    as_of: Callable[[Problem, pd.Period], Problem] | None = None,
) -> list[Record]:
    """Forecast from each origin with what was known there; weights and calibration learn only from scored origins.

    Parameters
    ----------
    problem : Problem
        Counts and features; only months up to an origin are used for its forecast.
    origins : sequence of pandas.Period
        Consecutive months.
    horizons : sequence of int
        Months ahead, >= 1.
    regions : sequence of str, optional
        Which regions are scored, and learned from by the pool; all by default. Members are fitted on all.
    members : sequence of str, optional
        Pooled members; the baselines are always there.
    refit_every : int
        Months between refits; in between, the members see the newer months but keep their parameters.
    data_lag : int
        Months before the origin that are not published yet at the origin, >= 0.
    workers, scheduler
        See :func:`harmattan.training.parallel.run_tasks`; the records do not depend on them.
    warm_up : int
        Earlier origins, forecast only to learn weights and calibration from.
    as_of : callable, optional
        Gives the problem as it stood at an origin, where later revisions are to be left out of what models see.
        Outcomes are always the final ones.

    Returns
    -------
    list of Record
        One per horizon.
    """
    panel = problem.panel
    pooled = tuple(members or pooled_members(problem.target))
    names = tuple(dict.fromkeys((*BASELINES, *pooled)))
    keep = np.array([r in set(regions or panel.region_ids) for r in panel.region_ids])
    shared = _Shared(problem, names, np.flatnonzero(keep), data_lag, as_of)
    every = _with_warm_up(problem, origins, max(horizons) + data_lag, warm_up)
    blocks = [every[i : i + refit_every] for i in range(0, len(every), refit_every)]
    tasks = [(h, block) for h in horizons for block in blocks]
    pieces = run_tasks(_block, shared, tasks, workers=workers, scheduler=scheduler, progress=progress)
    records = []
    for i, horizon in enumerate(horizons):
        mine = pieces[i * len(blocks) : (i + 1) * len(blocks)]
        predicted = {name: [m for piece in mine for m in piece.predicted[name]] for name in names}
        history = np.concatenate([piece.history for piece in mine])[len(every) - len(origins) :]
        records.append(_record(shared, horizon, every, tuple(origins), predicted, history, pooled))
    return records


def _with_warm_up(
    problem: Problem, origins: Sequence[pd.Period], reach: int, warm_up: int
) -> tuple[pd.Period, ...]:
    """The origins, preceded by those that are only learned from; none earlier than the record allows."""
    first = problem.row(origins[0])
    problem.row(origins[-1])
    earliest = min(first, max(first - warm_up, 4 * reach))
    if first < 2 * reach:
        raise OriginError(
            f"{origins[0]} is too early an origin for horizons up to {reach}.",
            remedy=f"Start at {problem.panel.months[min(2 * reach, len(problem.panel.months) - 1)]} or later.",
        )
    return tuple(problem.panel.months[earliest:first]) + tuple(origins)


class _BlockForecasts(NamedTuple):
    """What one task found out: forecasts by member, and the counts of 12 months that each origin saw."""

    predicted: dict[str, list[Margins]]
    history: np.ndarray


def _block(shared: _Shared, horizon: int, origins: Sequence[pd.Period]) -> _BlockForecasts:
    """Fit once, at the first origin of the block, and forecast from each."""
    lag = shared.data_lag
    fitted = fit_members(shared.seen(origins[0]), origins[0] - lag, horizon + lag, shared.members)
    predicted: dict[str, list[Margins]] = {name: [] for name in fitted}
    history = []
    for origin in origins:
        problem = shared.seen(origin)
        months = problem.row(origin - lag) + np.arange(-11, 1)
        history.append(_outcomes(problem, np.maximum(months, 0), shared.keep))
        for name, member in fitted.items():
            predicted[name].append(_slim(member.margins(problem, origin - lag), shared.keep))
    return _BlockForecasts(predicted, np.stack(history))


def _slim(margins: Margins, keep: np.ndarray) -> Margins:
    """Some regions only, single precision, without the columns that are 1 everywhere."""
    cdf = margins.cdf[keep].astype(np.float32)
    used = np.flatnonzero((cdf < 1).any(axis=0))
    return Margins(cdf[:, : (used[-1] + 2 if len(used) else 1)], margins.mean[keep])


def _record(
    shared: _Shared,
    horizon: int,
    every: Sequence[pd.Period],
    origins: tuple[pd.Period, ...],
    predicted: dict[str, list[Margins]],
    history: np.ndarray,
    pooled: tuple[str, ...],
) -> Record:
    """Weights and calibration origin by origin, each from those already scored then."""
    problem, keep = shared.problem, shared.keep
    rows = np.array([problem.row(o) for o in every])
    observed = _outcomes(problem, rows + horizon, keep)
    pool, plain, weights = _pool([predicted[n] for n in pooled], observed, horizon + shared.data_lag)
    start = len(every) - len(origins)
    table = pd.DataFrame(
        {
            "origin": [str(o) for o in origins for _ in pooled],
            "horizon": horizon,
            "member": list(pooled) * len(origins),
            "weight": weights[start:].ravel(),
        }
    )
    predicted = {**predicted, "pool_uncalibrated": plain, "pool": pool}
    return Record(
        problem.target,
        horizon,
        origins,
        tuple(problem.panel.region_ids[i] for i in keep),
        tuple(problem.panel.countries[i] for i in keep),
        observed[start:],
        history,
        {name: each[start:] for name, each in predicted.items()},
        table,
    )


def _outcomes(problem: Problem, at: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Counts at some rows, NaN where not observed or after the record's end."""
    out = np.full((len(at), len(keep)), np.nan)
    inside = at < len(problem.counts)
    counts = np.where(problem.observed, problem.counts, np.nan)
    out[inside] = counts[at[inside]][:, keep]
    return out


def _pool(
    members: Sequence[Sequence[Margins]], observed: np.ndarray, wait: int
) -> tuple[list[Margins], list[Margins], np.ndarray]:
    """Calibrated and plain pool of each origin, and the weights; ``wait`` months pass before an origin is scored."""
    scored_origins: list[ScoredOrigin | None] = []
    pool, plain, weights = [], [], []
    for i, outcome in enumerate(observed):
        known = [x for x in scored_origins[: max(i - wait + 1, 0)] if x is not None]
        w, calibration = learn(known, len(members))
        each = [m[i] for m in members]
        now = mix(each, w)
        everywhere = np.arange(len(now.mean))
        weights.append(w)
        plain.append(_slim(now, everywhere))
        pool.append(_slim(now if calibration is None else calibration.apply(now), everywhere))
        scored_origins.append(scored_origin(each, now, outcome))
    return pool, plain, np.stack(weights)


@dataclass(frozen=True)
class HorizonRecord:
    """Scores of every member at one horizon.

    Attributes
    ----------
    horizon : int
    origins : tuple of pandas.Period
    crps, pit : mapping of str to numpy.ndarray
        By member, shape (origins, regions); NaN where the outcome was not observed.
    errors : PastErrors
        Of the pool, on the normal scale.
    told : ForecastRecord or None
        What the pool predicted in each case, for how reliable it was.
    """

    horizon: int
    origins: tuple[pd.Period, ...]
    crps: Mapping[str, np.ndarray]
    pit: Mapping[str, np.ndarray]
    errors: PastErrors
    told: ForecastRecord | None = None


def recent_origins(problem: Problem, last: pd.Period, horizon: int, count: int) -> tuple[pd.Period, ...]:
    """The last ``count`` origins whose outcome ``horizon`` months on is known at ``last``."""
    stop = problem.row(last) - horizon
    return tuple(problem.panel.months[max(stop - count + 1, 0) : stop + 1])


def score_horizon(
    problem: Problem,
    horizon: int,
    origins: Sequence[pd.Period],
    rng: np.random.Generator,
    draws: int = 1000,
    refit_every: int = 12,
    members: Sequence[str] | None = None,
) -> HorizonRecord:
    """Forecast from each origin with what was known there, and score what came.

    Parameters
    ----------
    problem : Problem
        Counts and features; only months up to each origin are used for its forecast.
    origins : sequence of pandas.Period
        In order.
    rng : numpy.random.Generator
        Randomises the PIT of counts.
    refit_every : int
        Months between refits; in between, the fitted members see the newer months but keep their parameters.
    members : sequence of str, optional
        What the pool is made of, instead of the usual members.
    """
    reference = Conflictology(12)
    scores: dict[str, list[np.ndarray]] = {}
    pits: dict[str, list[np.ndarray]] = {}
    errors: list[tuple[np.ndarray, np.ndarray]] = []
    rows = np.array([problem.row(o) for o in origins])
    kept: list[tuple[Margins, Margins]] = []
    pool, fitted = None, None
    for i, origin in enumerate(origins):
        if pool is None or i % refit_every == 0:
            pool, fitted = fit_pool(problem, origin, horizon, members), origin
        at = problem.row(origin) + horizon
        seen, observed = problem.observed[at], problem.counts[at].astype(np.int64)
        uniform = rng.random(len(observed))
        predicted = {REFERENCE: reference.margins(problem, origin)} | pool.margins(problem, origin)
        errors.append(normal_scores(predicted["pool"], observed, seen))
        kept.append((predicted["pool"], predicted[REFERENCE]))
        for name, margins in predicted.items():
            score = crps(observed, margins.stratified(draws))
            scores.setdefault(name, []).append(np.where(seen, score, np.nan))
            pits.setdefault(name, []).append(np.where(seen, margins.pit(observed, uniform), np.nan))
    return HorizonRecord(
        horizon,
        tuple(origins),
        {k: np.stack(v) for k, v in scores.items()},
        {k: np.stack(v) for k, v in pits.items()},
        PastErrors(tuple(origins), np.stack([e[0] for e in errors]), np.stack([e[1] for e in errors])),
        score_forecasts(
            problem.target,
            horizon,
            origins,
            problem.panel.region_ids,
            [pool for pool, _ in kept],
            [plain for _, plain in kept],
            _outcomes(problem, rows + horizon, np.arange(problem.panel.shape[1])),
            rng,
            fitted,
        ),
    )


def leaderboard(record: HorizonRecord, target: str, rng: np.random.Generator) -> pd.DataFrame:
    """One row per member: CRPS, skill against conflictology with its interval, coverage by randomised PIT."""
    rows = []
    scored = np.isfinite(record.crps[REFERENCE]).any(axis=1)
    reference = np.nanmean(record.crps[REFERENCE][scored], axis=1)
    for name, values in record.crps.items():
        skill, low, high = block_bootstrap_skill(np.nanmean(values[scored], axis=1), reference, rng)
        pit = record.pit[name]
        covered = interval_coverage(pit[np.isfinite(pit)])
        rows.append(
            {
                "target": target,
                "member": name,
                "horizon": record.horizon,
                "cases": int(np.isfinite(values).sum()),
                "crps": float(np.nanmean(values)),
                "skill_vs_conflictology": skill,
                "skill_low": low,
                "skill_high": high,
                **{f"coverage_{int(level * 100)}": share for level, share in covered.items()},
            }
        )
    return pd.DataFrame(rows)
