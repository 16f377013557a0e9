"""From panels to a trained model: every member at one origin, the spillover model, and how they did of late."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..data.errors import ModelError
from ..data.show import Brief
from .memory import give_back
from .version import package_version

if TYPE_CHECKING:
    from ..features.recipe import Recipe
    from ..training.diffusion.model import Diffusion
    from ..training.evaluation.leaderboard import Evaluation
    from ..training.models import MemberLike
    from ..training.models.base import Problem
    from ..training.pool.dependence import Template
    from ..training.pool.learning import LearnedPool
    from ..training.record import PastErrors, Record
    from ..training.trained_model import TrainedModel
    from .settings import Settings

#: Horizons on which a run is judged that fits its models itself.
JUDGED = (1, 3, 6)
#: Past origins that a training run is judged on, and learns weights and calibration from.
TRAINING_ORIGINS = 36
#: Columns of a table of scores without any.
NO_SCORES = ["target", "member", "horizon"]
#: Origins before those, forecast only so that the first weights are learned ones.
WARM_UP = 12


@dataclass(frozen=True)
class Job:
    """One independent piece of a run, done by one worker for all targets: they share what they can.

    ``origins`` is at how many past origins forecasts are scored, or on how many past lists a watch list is.
    """

    kind: str
    horizon: int = 0
    origins: int = 0


@dataclass(frozen=True, repr=False)
class Training(Brief):
    """A trained model, and by target every table of the back-test that it was judged on."""

    trained: TrainedModel
    evaluation: Mapping[str, Evaluation]


def fit_models(
    settings: Settings,
    problems: Mapping[str, Problem],
    origin: pd.Period,
    recipe: Recipe,
    members: Sequence[MemberLike] | None = None,
    progress: Callable[[float], None] | None = None,
) -> TrainedModel:
    """Fit everything at the origin, and judge it on ``settings.backtest_origins`` past months, which teach it weights.

    Each of those months was forecast with weights from months before it only, so that no skill is stated on months that
    chose anything. A horizon that is not judged takes what the nearest one has learned.

    Parameters
    ----------
    settings : Settings
    problems : mapping of str to Problem
        By target, up to the origin.
    origin : pandas.Period
    recipe : Recipe
        The features of the problems.
    members : sequence, optional
        What the pools are made of instead of the usual members; one alone is a stand-in, from which nothing is learned.
    progress : callable, optional
        Called with the share done, 0..1.
    """
    from ..training.evaluation import parts_table
    from .last_month import forecast_record, judged_record, record_tables

    judged = settings.backtest_origins > 0
    members = members or settings.members or None
    done = _run(_jobs(settings, problems, judged), problems, origin, settings, members, progress)
    numbers = _streams(settings, problems, judged)
    records = {(t, h): done["judge", t, h] for (kind, t, h) in numbers if kind == "judge"}
    target = _leading(settings)
    boards, forecasts = [], {}
    for (t, h), record in records.items():
        rng = np.random.default_rng(numbers["judge", t, h])
        boards.append(_board(record, rng.random(record.observed.shape), settings))
        forecasts[t, h] = forecast_record(record, range(len(record.origins)), rng, record.fitted)
    errors = {h: record.errors for (t, h), record in records.items() if t == target}
    scores = pd.concat(boards, ignore_index=True) if boards else pd.DataFrame(columns=NO_SCORES)
    tables = {"scores": scores, **record_tables(forecasts, target)}
    tables["part_scores"] = parts_table(records.values(), settings.seed)
    learned = {} if _stands_in(members) else _learned(settings, records)
    template = _template(errors, problems, settings)
    tables["judged"] = judged_record(records.get((target, 1)), template, settings)
    return _trained_model(settings, problems, recipe, done, template, tables, learned, members)


def _stands_in(members: Sequence[MemberLike] | None) -> bool:
    """Whether one member alone stands in for the pool."""
    from ..training.models import USUAL

    return members is not None and len(members) == 1 and members[0] not in (USUAL, ...)


def _learned(
    settings: Settings, records: Mapping[tuple[str, int], Record]
) -> dict[tuple[str, int], LearnedPool]:
    """What each pool learns from the judged origins, by target and horizon; of two near horizons from the longer."""
    from ..training.pool.learning import learn_pool

    known = {key: learn_pool(record) for key, record in records.items()}
    judged = {h for _, h in known}
    if not judged:
        return {}
    nearest = {h: min(judged, key=lambda j: (abs(j - h), -j)) for h in settings.horizons}
    return {(t, h): known[t, nearest[h]] for t in settings.targets for h in settings.horizons}


def train(
    settings: Settings,
    problems: Mapping[str, Problem],
    origin: pd.Period,
    recipe: Recipe,
    progress: Callable[[float], None] | None = None,
    origins: int = TRAINING_ORIGINS,
    members: Sequence[MemberLike] | None = None,
) -> Training:
    """Fit everything at the origin, with weights and calibration learned from the recent origins.

    Parameters
    ----------
    settings, problems, origin, recipe, progress
        As for :func:`fit_models`.
    origins : int
        Past origins to learn from and to be judged on; those whose outcome is not known yet teach nothing.
    members : sequence, optional
        What the pools are made of instead of the usual members.
    """
    from ..training.evaluation import REFERENCE, part_origins, parts_table
    from ..training.evaluation.leaderboard import border_regions, evaluate
    from ..training.pool.learning import learn_pool
    from .last_month import errors_at, forecast_record, judged_record, known_origins, record_tables

    members = members or settings.members or None
    done = _run(
        _jobs(settings, problems, judged=False, lists=origins), problems, origin, settings, members, progress
    )
    rng = np.random.default_rng(np.random.SeedSequence([settings.seed, 2]))
    learned: dict[tuple[str, int], LearnedPool] = {}
    evaluation: dict[str, Evaluation] = {}
    records: dict[str, list[Record]] = {}
    for t, problem in problems.items():
        each = [done.pop(("record", t, h)) for h in settings.horizons]
        learned |= {(t, r.horizon): learn_pool(r) for r in each}
        evaluation[t] = evaluate(each, rng, border_regions(problem.panel))
        # All that is asked below; the forecasts of every member are much of what a training holds.
        records[t] = [r.of_members(("pool", REFERENCE)) for r in each]
        del each
    target = _leading(settings)
    known = {(t, r.horizon): known_origins(r) for t, each in records.items() for r in each}
    errors = {
        r.horizon: errors_at(r, known[target, r.horizon]) for r in records[target] if known[target, r.horizon]
    }
    forecasts = {
        (t, r.horizon): forecast_record(r, known[t, r.horizon], rng)
        for t, each in records.items()
        for r in each
        if known[t, r.horizon]
    }
    board = pd.concat([e.leaderboard for e in evaluation.values()], ignore_index=True).drop(columns="weight")
    template = _template(errors, problems, settings)
    first = next((r for r in records[target] if r.horizon == 1), None)
    judged = judged_record(first, template, settings)
    every = [record for each in records.values() for record in each]
    trained = _trained_model(
        settings,
        problems,
        recipe,
        done,
        template,
        {
            "scores": board,
            **record_tables(forecasts, target),
            "judged": judged,
            "part_scores": parts_table(every, settings.seed),
            "part_origins": part_origins(every),
        },
        learned,
        members,
        backtest={"origins": origins, "first": str(records[target][0].origins[0])},
    )
    return Training(trained, evaluation)


def _leading(settings: Settings) -> str:
    """The target whose errors stand for those of all."""
    return "events" if "events" in settings.targets else settings.targets[0]


def _jobs(settings: Settings, problems: Mapping[str, Problem], judged: bool, lists: int = 0) -> list[Job]:
    """Every piece of work: long ones first and last, where workers begin, and beside each other what shares fits."""
    records = [Job("record", h, lists) for h in settings.horizons if lists]
    jobs = [Job("diffusion")] if has_spillover(settings, problems) else []
    jobs += records[::2] + [Job("fit", h) for h in settings.horizons] + records[1::2]
    jobs += [Job("judge")] if judged and _judged(settings) else []
    return jobs + ([Job("watch", origins=lists)] if has_watch(settings, problems) else [])


def _judged(settings: Settings) -> list[int]:
    """The horizons at which a run is judged that fits its models itself."""
    return [h for h in settings.horizons if h in JUDGED]


def _streams(
    settings: Settings, problems: Mapping[str, Problem], judged: bool
) -> dict[tuple[str, str, int], np.random.SeedSequence]:
    """A random stream for each kind of work, target and horizon, in a fixed order."""
    kinds = [("diffusion", "events", 0)] if has_spillover(settings, problems) else []
    kinds += [("fit", target, h) for target in problems for h in settings.horizons]
    if judged:
        kinds += [("judge", target, h) for target in problems for h in _judged(settings)]
    return dict(zip(kinds, np.random.SeedSequence(settings.seed).spawn(len(kinds)), strict=True))


def has_spillover(settings: Settings, problems: Mapping[str, Problem]) -> bool:
    """Whether there are events and a border to cross, and the regions are few enough to judge it."""
    panel = next(iter(problems.values())).panel
    few = "events" in panel.measures and panel.shape[1] <= settings.spillover_regions
    return few and panel.links is not None and bool(panel.links["crosses_border"].any())


def has_watch(settings: Settings, problems: Mapping[str, Problem]) -> bool:
    """Whether onsets and entries are forecast: there are events, and regions few enough not to be cells."""
    panel = next(iter(problems.values())).panel
    return "events" in panel.measures and panel.shape[1] <= settings.spillover_regions


def events_problem(problems: Mapping[str, Problem]) -> Problem:
    """The problem of events, which spillover is about whatever else is forecast."""
    return problems.get("events") or replace(next(iter(problems.values())), target="events")


def _run(
    jobs: Sequence[Job],
    problems: Mapping[str, Problem],
    origin: pd.Period,
    settings: Settings,
    members: Sequence[MemberLike] | None,
    progress: Callable[[float], None] | None,
) -> dict[tuple[str, str, int], Any]:
    """Do all jobs on the workers, by kind, target and horizon; it does not depend on how many there are."""
    from ..training.parallel import run_tasks

    tasks = [(job, origin, settings, members) for job in jobs]
    done = run_tasks(_do, dict(problems), tasks, workers=settings.workers, progress=progress)
    give_back()
    return {key: each for found in done for key, each in found.items()}


def _do(
    problems: Mapping[str, Problem],
    job: Job,
    origin: pd.Period,
    settings: Settings,
    members: Sequence[MemberLike] | None,
) -> dict[tuple[str, str, int], Any]:
    """One job of one worker, by kind, target and horizon."""
    from ..training.diffusion.fit import fit_diffusion
    from ..training.pool.fitted import fit_pool
    from .spillover.job import border_rng, kernel_of
    from .watch import fit_watch

    give_back()  # of the job before
    if job.kind == "diffusion":
        try:
            rng = border_rng(settings.seed)
            found = fit_diffusion(events_problem(problems), origin, rng=rng, kernel=kernel_of(settings))
            return {("diffusion", "events", 0): found}
        except ModelError:
            # A fallback is for a day on which models fail: it goes on without spillover rather than not at all.
            if not _stands_in(members):
                raise
            return {("diffusion", "events", 0): None}
    if job.kind == "watch":
        return {("watch", "events", 0): fit_watch(events_problem(problems), origin, job.origins)}
    if job.kind in ("judge", "record"):
        return _past(problems, job, origin, settings, members)
    shared: dict[Any, Any] = {}
    return {
        ("fit", target, job.horizon): fit_pool(problem, origin, job.horizon, members, shared).to_files()
        for target, problem in problems.items()
    }


def _past(
    problems: Mapping[str, Problem],
    job: Job,
    origin: pd.Period,
    settings: Settings,
    members: Sequence[MemberLike] | None,
) -> dict[tuple[str, str, int], Any]:
    """What forecasts from past origins were worth, as they would have been published."""
    from ..training.evaluation import REFERENCE, recent_origins, run_backtest

    first = next(iter(problems.values()))
    found: dict[tuple[str, str, int], Any] = {}
    for horizon in [job.horizon] if job.kind == "record" else _judged(settings):
        if job.kind == "judge":
            known = recent_origins(first, origin, horizon, settings.backtest_origins)
            # A stand-in of one member has nothing to learn.
            how: dict[str, Any] = {"compared": (REFERENCE,), "learns": not _stands_in(members)}
            how |= {"warm_up": 0, "draws": settings.draws}
        else:
            nearest, farthest = min(settings.horizons), max(settings.horizons)
            known = recent_origins(first, origin, nearest, job.origins + farthest - 1)
            how = {"warm_up": WARM_UP, "reach": farthest}
        how |= {"members": members, "parts": settings.parts, "onsets": has_watch(settings, problems)}
        records = run_backtest(list(problems.values()), known, (horizon,), **how)
        found |= {(job.kind, target, horizon): r for target, r in zip(problems, records, strict=True)}
    return found


def _template(
    errors: Mapping[int, PastErrors], problems: Mapping[str, Problem], settings: Settings
) -> Template | None:
    from ..training.pool.dependence import fit_template

    panel = next(iter(problems.values())).panel
    return fit_template(errors, panel.countries, settings.horizons) if errors else None


def _trained_model(
    settings: Settings,
    problems: Mapping[str, Problem],
    recipe: Recipe,
    done: Mapping[tuple[str, str, int], Any],
    template: Template | None,
    tables: Mapping[str, pd.DataFrame],
    learned: Mapping[tuple[str, int], Any] | None = None,
    members: Sequence[MemberLike] | None = None,
    **card: Any,
) -> TrainedModel:
    """Everything that was fitted as one trained model."""
    from ..training.models import classes_of
    from ..training.own import Regressor
    from ..training.pool.fitted import with_learned_weights
    from ..training.trained_model import make_trained_model

    pools = {(t, h): files for (kind, t, h), files in done.items() if kind == "fit"}
    if learned:
        pools = {key: with_learned_weights(files, learned[key]) for key, files in pools.items()}
    diffusion: Diffusion | None = done.get(("diffusion", "events", 0))
    onset, past_lists = done.get(("watch", "events", 0), (None, {}))
    tables = {**tables, **past_lists}
    panel = next(iter(problems.values())).panel
    others = [o.panel for o in next(iter(problems.values())).also]
    return make_trained_model(
        panel,
        recipe,
        pools,
        template,
        diffusion,
        tables,
        onset,
        (*settings.trusted, *classes_of(members or ())),
        others,
        [m.features for m in members or () if isinstance(m, Regressor) and m.features is not None],
        seed=settings.seed,
        draws=settings.draws,
        package_version=package_version(),
        settings=settings.published(),
        training_data=[o.digest() for o in others],
        **card,
    )


def _board(record: Record, pit: np.ndarray, settings: Settings) -> pd.DataFrame:
    """The recent record of every member at one horizon."""
    from ..training.evaluation import score_board

    return score_board(
        record, np.random.default_rng(np.random.SeedSequence([settings.seed, 2, record.horizon])), pit
    )
