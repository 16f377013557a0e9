"""Rolling origins: what the models would have predicted, and how it turned out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from ...data.errors import ModelError, OriginError
from ..margins import Margins, mix, stack
from ..models.base import Member, Problem
from ..models.catalogue import BASELINES, RIVAL, fit_members, roster, starting_weights
from ..models.own import MemberLike, name_of
from ..parallel import run_tasks
from ..pool.dependence import normal_scores
from ..pool.fitted import margins_of
from ..pool.learning import Learner, finished, scored_origin
from ..pool.quiet import fit_quiet_chance
from ..record import PastErrors, Record, ScoredOrigin
from .case_scores import DRAWS, measure
from .parts import PartJudge, PartScore
from .published import MOST_REGIONS, Publication, events_first, onsets_seen
from .scores import escalation_level

#: Origins before the first scored one, from which the first weights and calibrations are learned.
WARM_UP = 36
#: Months of outcomes that a member learns from at the first origin, at least.
LEAST = 6
#: Draws of the pool that joint draws are made of, where these are judged.
JOINT_DRAWS = 200


@dataclass(frozen=True)
class _Setup:
    """What every task of a back-test needs."""

    problems: tuple[Problem, ...]
    origins: tuple[pd.Period, ...]
    warm_up: int
    members: Sequence[MemberLike] | None
    compared: tuple[MemberLike, ...]
    keep: np.ndarray
    refit_every: int
    data_lag: int
    learns: bool
    draws: int
    as_of: Callable[[Problem, pd.Period], Problem] | None = None
    parts: bool = False
    joint: bool = False
    onsets: Mapping[pd.Period, np.ndarray] = field(default_factory=dict)

    def seen(self, problem: Problem, origin: pd.Period) -> Problem:
        """What could be seen at an origin."""
        return problem if self.as_of is None else self.as_of(problem, origin)


def run_backtest(
    problems: Problem | Sequence[Problem],
    origins: Sequence[pd.Period] | Mapping[int, Sequence[pd.Period]],
    horizons: Sequence[int],
    regions: Sequence[str] | None = None,
    *,
    members: Sequence[MemberLike] | None = None,
    compared: Sequence[MemberLike] = (*BASELINES, RIVAL),
    refit_every: int = 12,
    data_lag: int = 0,
    learns: bool = True,
    draws: int = DRAWS,
    workers: int = 1,
    scheduler: str | None = None,
    warm_up: int = WARM_UP,
    progress: Callable[[float], None] | None = None,
    as_of: Callable[[Problem, pd.Period], Problem] | None = None,
    parts: bool = False,
    joint: bool = False,
    reach: int = 0,
    onsets: bool | None = None,
) -> list[Record]:
    """Forecast from each origin with what was known there; weights and calibration learn only from scored origins.

    The pool is that of a release with the same targets (:mod:`harmattan.training.evaluation.published`). An origin's
    distributions are reduced to a few numbers per case as soon as they are scored.

    Parameters
    ----------
    problems : Problem or sequence of Problem
        Counts and features, of one target or of several on the same panel; only months up to an origin are used for
        its forecast.
    origins : sequence of pandas.Period, or mapping of int to it
        Consecutive months; by horizon where these are judged on months of their own, which ``as_of`` does not allow.
    horizons : sequence of int
        Months ahead, >= 1.
    regions : sequence of str, optional
        Which regions are scored, and learned from by the pool; all by default. Members are fitted on all.
    members : sequence, optional
        Pooled members: names, objects of one's own, ``...`` for the usual ones; see
        :func:`harmattan.training.models.catalogue.roster`.
    compared : sequence
        Baselines that are scored beside them.
    refit_every : int
        Months between refits; in between, the members see the newer months but keep their parameters.
    data_lag : int
        Months before the origin that are not published yet at the origin, >= 0.
    learns : bool
        Whether the pool has weights and a calibration, learned on the way; otherwise its members count alike.
    draws : int
        Scores are those of so many draws.
    workers, scheduler
        See :func:`harmattan.training.parallel.run_tasks`, a task per horizon; the records do not depend on them.
    warm_up : int
        Earlier origins, forecast only to learn weights and calibration from.
    as_of : callable, optional
        Gives the problem as it stood at an origin, where later revisions are to be left out of what models see.
        Outcomes are always the final ones.
    parts : bool
        Whether parts are judged too: events by type of violence and by armed group, and civilian deaths.
    joint : bool
        Whether the pool's draws are kept, from which joint draws are judged.
    reach : int
        Longest horizon of a back-test of which this is a part; that of the horizons here where these reach farther.
    onsets : bool, optional
        Whether events follow the model of onsets where it has been quiet; where None, unless the regions are cells or a
        member stands alone and speaks for itself.

    Returns
    -------
    list of Record
        One per target and horizon, target by target.

    Raises
    ------
    UsageError
        A member that no target has; nothing is fitted then.
    ModelError
        A member that fails, or gives what is no distribution of counts.
    """
    problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
    for problem in problems:
        _called(compared, members, problem)
    panel = problems[0].panel
    keep = np.array([r in set(regions or panel.region_ids) for r in panel.region_ids])
    own = origins if isinstance(origins, Mapping) else dict.fromkeys(horizons, origins)
    farthest = 0 if isinstance(origins, Mapping) else max(horizons)
    every = {h: tuple(own[h]) for h in horizons}
    if learns:
        at_least = max(farthest, reach)
        every = {
            h: _with_warm_up(problems[0], own[h], max(h, at_least) + data_lag, warm_up) for h in horizons
        }
    first = events_first(problems)[0]
    if onsets is None:
        onsets = panel.shape[1] <= MOST_REGIONS and len(roster(members, first.target, panel.measures)) > 1
    months = sorted({month for each in every.values() for month in each})
    seen = onsets_seen(first, months, data_lag, refit_every, as_of) if onsets else {}
    setups = {
        h: _Setup(
            problems,
            every[h],
            len(every[h]) - len(own[h]),
            members,
            tuple(compared),
            np.flatnonzero(keep),
            refit_every,
            data_lag,
            learns,
            draws,
            as_of,
            parts,
            joint,
            seen,
        )
        for h in horizons
    }
    tasks = [(h,) for h in horizons]
    done = run_tasks(_horizon, setups, tasks, workers=workers, scheduler=scheduler, progress=progress)
    return [records[i] for i in range(len(problems)) for records in done]


def _called(
    compared: Sequence[MemberLike], members: Sequence[MemberLike] | None, problem: Problem
) -> tuple[dict[str, MemberLike], dict[str, MemberLike]]:
    """What is compared and what is pooled, by name; a :class:`UsageError` for what is no member."""
    pooled = roster(members, problem.target, problem.panel.measures)
    others = {name_of(m): m for m in compared if name_of(m) not in pooled}
    roster([*pooled.values(), *others.values()], problem.target, problem.panel.measures)
    return {name_of(m): pooled.get(name_of(m), m) for m in compared}, pooled


def _with_warm_up(
    problem: Problem, origins: Sequence[pd.Period], reach: int, warm_up: int
) -> tuple[pd.Period, ...]:
    """The origins, preceded by those that are only learned from; none earlier than the record allows."""
    first = problem.row(origins[0])
    problem.row(origins[-1])
    earliest = min(first, max(first - warm_up, 4 * reach))
    if first < reach + LEAST:
        raise OriginError(
            f"{origins[0]} is too early an origin for horizons up to {reach}.",
            remedy=f"Start at {problem.panel.months[min(reach + LEAST, len(problem.panel.months) - 1)]} or later.",
        )
    return tuple(problem.panel.months[earliest:first]) + tuple(origins)


def _horizon(setups: Mapping[int, _Setup], horizon: int) -> list[Record]:
    """The records of one horizon, target by target; what one target has fitted serves the next."""
    setup = setups[horizon]
    shared: dict[Any, Member] | None = {} if setup.as_of is None else None
    judge = PartJudge.of(setup.problems[0].panel, setup.keep) if setup.parts else None
    deaths = any(problem.target == "deaths" for problem in setup.problems)
    publish = Publication(setup.onsets, horizon + setup.data_lag, setup.keep, setup.seen if deaths else None)
    every = events_first(setup.problems)
    made = {p.target: _record(setup, p, horizon, shared, judge, publish) for p in every}
    return [made[problem.target] for problem in setup.problems]


@dataclass(frozen=True)
class _Forecast:
    """What one origin's members forecast, by name, on the scored regions; what was known and what happened."""

    origin: pd.Period
    fitted: pd.Period
    margins: Mapping[str, Margins]
    history: np.ndarray
    observed: np.ndarray
    quiet: np.ndarray | None


def _forecasts(
    setup: _Setup,
    problem: Problem,
    horizon: int,
    members: Mapping[str, MemberLike],
    pooled: Mapping[str, MemberLike],
    shared: dict[Any, Member] | None,
) -> Iterator[_Forecast]:
    """One origin after the other; fits are made every ``refit_every`` months."""
    lag, keep = setup.data_lag, setup.keep
    fitted: dict[str, Member] = {}
    for i, origin in enumerate(setup.origins):
        seen = setup.seen(problem, origin)
        if i % setup.refit_every == 0:
            fitted, at = fit_members(seen, origin - lag, horizon + lag, members.values(), shared), origin
            waking = fit_quiet_chance(seen, origin - lag, horizon + lag) if len(pooled) > 1 else None
        wanted = {n: m for n, m in fitted.items() if i >= setup.warm_up or n in pooled}
        margins = {n: m.select(keep) for n, m in margins_of(wanted, seen, origin - lag).items()}
        months = np.maximum(problem.row(origin - lag) + np.arange(-11, 1), 0)
        observed = outcomes(problem, np.array([problem.row(origin) + horizon]), keep)[0]
        quiet = None if waking is None else waking.chance(seen, origin - lag)[keep]
        yield _Forecast(origin, at, margins, outcomes(seen, months, keep), observed, quiet)


@dataclass(frozen=True)
class _Judged:
    """What is kept of one origin that was scored."""

    made: _Forecast
    weights: np.ndarray
    taught: ScoredOrigin | None
    errors: tuple[np.ndarray, np.ndarray]
    scores: Mapping[str, np.ndarray]
    parts: Mapping[str, PartScore] | None
    drawn: np.ndarray | None


def _record(
    setup: _Setup,
    problem: Problem,
    horizon: int,
    shared: dict[Any, Member] | None,
    judge: PartJudge | None,
    publish: Publication,
) -> Record:
    """Weights and calibration origin by origin, each from those already scored then; scores at once."""
    compared, pooled = _called(setup.compared, setup.members, problem)
    named = {**compared, **pooled}
    members = (*named, "pool_uncalibrated", "pool")
    start = starting_weights(tuple(pooled), problem.row(setup.origins[setup.warm_up]) + 1)
    learner = Learner(len(pooled), horizon + setup.data_lag, setup.learns, start)
    kept: list[_Judged] = []
    before: list[tuple[np.ndarray, np.ndarray]] = []
    latest: Margins | None = None
    for i, made in enumerate(_forecasts(setup, problem, horizon, named, pooled, shared)):
        learns_only = i < setup.warm_up
        each = [made.margins.get(n) for n in pooled]
        there = np.array([m is not None for m in each])
        if not there.any() and learns_only and not setup.joint:
            learner.add(None)
            continue
        if not there.any():
            what = f"{', '.join(pooled)} has no forecast from {made.origin}."
            raise ModelError(what, remedy="Add '...' to the members.")
        state = learner.now(there)
        plain = mix([m for m in each if m is not None], state.weights[there])
        taught = scored_origin(each, plain, made.observed, state.best, made.quiet, start)
        learner.add(taught)
        if learns_only and not setup.joint:
            continue
        pool = finished(plain, state.calibration, state.quiet, made.quiet)
        pool = publish.of(problem, made.origin, made.origin - setup.data_lag, pool)
        seen = np.isfinite(made.observed)
        errors = normal_scores(pool, np.where(seen, made.observed, 0), seen)
        if learns_only:
            before.append(errors)
            continue
        drawn = pool.stratified(JOINT_DRAWS) if setup.joint else None
        of = {**made.margins, "pool_uncalibrated": plain, "pool": pool}
        at = problem.row(made.origin)
        parts = None if judge is None else judge.scores(problem.target, pool, at, horizon, setup.data_lag)
        scored = measure(stack(list(of.values())), made.observed, escalation_level(made.history), setup.draws)
        scores = {name: _of_all(members, tuple(of), values) for name, values in scored.items()}
        kept.append(_Judged(_without_margins(made), state.weights, taught, errors, scores, parts, drawn))
        latest = pool if seen.any() else latest
    _refuse_absent(members, kept, horizon)
    return _as_record(setup, problem, horizon, members, tuple(pooled), start, kept, latest, before)


def _refuse_absent(members: Sequence[str], kept: Sequence[_Judged], horizon: int) -> None:
    """A :class:`ModelError` for a member that has no forecast from any origin."""
    for i, name in enumerate(members):
        if all(np.isnan(judged.scores["mean"][i]).all() for judged in kept):
            span = f"{kept[0].made.origin} to {kept[-1].made.origin}"
            what = f"the member '{name}' has no forecast from any origin of {span}."
            raise ModelError(what, f"horizon {horizon}", "Choose origins and horizons that it has.")


def _as_record(
    setup: _Setup,
    problem: Problem,
    horizon: int,
    members: tuple[str, ...],
    pooled: tuple[str, ...],
    start: np.ndarray,
    kept: Sequence[_Judged],
    latest: Margins | None,
    before: Sequence[tuple[np.ndarray, np.ndarray]],
) -> Record:
    """What was kept of each origin, side by side."""
    origins = setup.origins[setup.warm_up :]
    weights = pd.DataFrame(
        {
            "origin": [str(o) for o in origins for _ in pooled],
            "horizon": horizon,
            "member": list(pooled) * len(origins),
            "weight": np.concatenate([judged.weights for judged in kept]),
        }
    )
    drawn = [judged.drawn for judged in kept if judged.drawn is not None]
    return Record(
        problem.target,
        horizon,
        origins,
        tuple(problem.panel.region_ids[i] for i in setup.keep),
        tuple(problem.panel.countries[i] for i in setup.keep),
        np.stack([judged.made.observed for judged in kept]),
        np.stack([judged.made.history for judged in kept]),
        members,
        {name: np.stack([judged.scores[name] for judged in kept], axis=1) for name in kept[0].scores},
        weights,
        tuple(judged.taught for judged in kept),
        _errors(origins, [judged.errors for judged in kept]),
        setup.draws,
        kept[-1].made.fitted,
        latest,
        tuple(judged.parts for judged in kept if judged.parts is not None),
        horizon + setup.data_lag,
        tuple(start.tolist()),
        np.stack(drawn) if drawn else None,
        _errors(setup.origins[: setup.warm_up], before) if before else None,
    )


def _errors(origins: Sequence[pd.Period], each: Sequence[tuple[np.ndarray, np.ndarray]]) -> PastErrors:
    return PastErrors(tuple(origins), *(np.stack([e[i] for e in each]) for i in (0, 1)))


def _of_all(members: tuple[str, ...], there: tuple[str, ...], values: np.ndarray) -> np.ndarray:
    """A measure (members there, regions) as one of all members; NaN for those without a forecast."""
    if there == members:
        return values
    whole = np.full((len(members), *values.shape[1:]), np.nan)
    whole[[members.index(name) for name in there]] = values
    return whole


def _without_margins(made: _Forecast) -> _Forecast:
    return replace(made, margins={}, quiet=None)


def outcomes(problem: Problem, at: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Whole counts at some rows, (rows, kept regions); NaN where not observed or after the record's end.

    Shares of events that span months are rounded.
    """
    out = np.full((len(at), len(keep)), np.nan)
    inside = at < len(problem.counts)
    rows = np.ix_(at[inside], keep)
    out[inside] = np.where(problem.observed[rows], np.rint(problem.counts[rows]), np.nan)
    return out


def recent_origins(problem: Problem, last: pd.Period, horizon: int, count: int) -> tuple[pd.Period, ...]:
    """The last ``count`` origins whose outcome ``horizon`` months on is known at ``last``."""
    stop = problem.row(last) - horizon
    return tuple(problem.panel.months[max(stop - count + 1, 0) : stop + 1])
