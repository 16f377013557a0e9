"""From panels to a trained model: every member at one origin, the spillover model, and how they did of late."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..data.errors import ModelError
from .version import version

if TYPE_CHECKING:
    from ..features.recipe import Recipe
    from ..training.diffusion.model import Diffusion
    from ..training.evaluation.backtest import HorizonRecord
    from ..training.evaluation.leaderboard import Evaluation
    from ..training.evaluation.reliability import ForecastRecord
    from ..training.models.base import Problem
    from ..training.pool.dependence import PastErrors, Template
    from ..training.record import Record
    from ..training.trained_model import TrainedModel
    from .settings import Settings

#: Horizons on which a run is judged that fits its models itself.
JUDGED = (1, 3, 6)
#: Past origins that a training run is judged on, and learns weights and calibration from.
TRAINING_ORIGINS = 36
#: Origins before those, forecast only so that the first weights are learned ones.
WARM_UP = 12


@dataclass(frozen=True)
class Job:
    """One independent piece of a run, done by one worker."""

    kind: str
    target: str
    horizon: int
    seed: np.random.SeedSequence


@dataclass(frozen=True)
class Training:
    """A trained model, and the whole record that it was judged on.

    Attributes
    ----------
    trained : TrainedModel
    records : mapping of str to list of Record
        By target: what every member said at the recent origins, one record per horizon.
    evaluation : mapping of str to Evaluation
        By target: every table of that back-test.
    """

    trained: TrainedModel
    records: Mapping[str, list[Record]]
    evaluation: Mapping[str, Evaluation]


def fit_models(
    settings: Settings,
    problems: Mapping[str, Problem],
    origin: pd.Period,
    recipe: Recipe,
    members: Sequence[str] | None = None,
    progress: Callable[[float], None] | None = None,
) -> TrainedModel:
    """Fit everything at the origin, with equal weights, and judge it on ``settings.backtest_origins`` past months.

    Parameters
    ----------
    settings : Settings
    problems : mapping of str to Problem
        By target, up to the origin.
    origin : pandas.Period
    recipe : Recipe
        The features of the problems.
    members : sequence of str, optional
        Names instead of the usual ones: a fallback.
    progress : callable, optional
        Called with the share done, 0..1.
    """
    jobs = list(_jobs(settings, problems, judged=settings.backtest_origins > 0))
    done = _run(jobs, problems, origin, settings, members, progress)
    past = {(t, h): record for (kind, t, h), record in done.items() if kind == "judge"}
    target = _leading(settings)
    errors = {h: record.errors for (t, h), record in past.items() if t == target}
    told = {key: record.told for key, record in past.items() if record.told is not None}
    tables = {"scores": _scores(past, settings), **_record_tables(told, target)}
    return _put_together(settings, problems, recipe, done, _template(errors, problems, settings), tables)


def train(
    settings: Settings,
    problems: Mapping[str, Problem],
    origin: pd.Period,
    recipe: Recipe,
    progress: Callable[[float], None] | None = None,
    origins: int = TRAINING_ORIGINS,
) -> Training:
    """Fit everything at the origin, with weights and calibration learned from the recent origins.

    Parameters
    ----------
    settings, problems, origin, recipe, progress
        As for :func:`fit_models`.
    origins : int
        Past origins to learn from and to be judged on; those whose outcome is not known yet teach nothing.
    """
    from ..training.evaluation.leaderboard import border_regions, evaluate
    from ..training.pool.learning import learn_pool

    say = progress or (lambda share: None)
    done = _run(
        list(_jobs(settings, problems, judged=False)),
        problems,
        origin,
        settings,
        None,
        lambda s: say(0.3 * s),
    )
    records = {
        target: _recent(
            problem, origin, settings, origins, _part(say, 0.3 + 0.7 * i / len(problems), len(problems))
        )
        for i, (target, problem) in enumerate(problems.items())
    }
    learned = {(t, r.horizon): learn_pool(r) for t, each in records.items() for r in each}
    rng = np.random.default_rng(np.random.SeedSequence([settings.seed, 2]))
    evaluation = {t: evaluate(each, rng, border_regions(problems[t].panel)) for t, each in records.items()}
    target = _leading(settings)
    known = {(t, r.horizon): _known(r) for t, each in records.items() for r in each}
    past = {r.horizon: _errors(r, known[target, r.horizon]) for r in records[target]}
    errors = {h: e for h, e in past.items() if e is not None}
    told = {
        (t, r.horizon): _told(r, known[t, r.horizon], rng)
        for t, each in records.items()
        for r in each
        if known[t, r.horizon]
    }
    board = pd.concat([e.leaderboard for e in evaluation.values()], ignore_index=True)
    trained = _put_together(
        settings,
        problems,
        recipe,
        done,
        _template(errors, problems, settings),
        {"scores": board, **_record_tables(told, target)},
        learned,
        backtest={"origins": origins, "first": str(records[target][0].origins[0])},
    )
    return Training(trained, records, evaluation)


def _part(say: Callable[[float], None], start: float, targets: int) -> Callable[[float], None]:
    """Tells one target's share of the back-tests, which take seven tenths of a training, as one of the whole."""
    return lambda share: say(start + 0.7 * share / targets)


def _leading(settings: Settings) -> str:
    """The target whose errors stand for those of all."""
    return "events" if "events" in settings.targets else settings.targets[0]


def _jobs(settings: Settings, problems: Mapping[str, Problem], judged: bool) -> Iterator[Job]:
    """Every piece of work in a fixed order, each with a random stream of its own."""
    kinds = [("diffusion", "events", 0)] if has_spillover(settings, problems) else []
    kinds += [("fit", target, h) for target in problems for h in settings.horizons]
    if judged:
        kinds += [("judge", target, h) for target in problems for h in settings.horizons if h in JUDGED]
    seeds = np.random.SeedSequence(settings.seed).spawn(len(kinds))
    for (kind, target, horizon), seed in zip(kinds, seeds, strict=True):
        yield Job(kind, target, horizon, seed)


def has_spillover(settings: Settings, problems: Mapping[str, Problem]) -> bool:
    """Whether there is a border to cross, and the regions are few enough to judge it."""
    panel = next(iter(problems.values())).panel
    few = panel.shape[1] <= settings.spillover_regions
    return few and panel.links is not None and bool(panel.links["crosses_border"].any())


def events_problem(problems: Mapping[str, Problem]) -> Problem:
    """The problem of events, which spillover is about whatever else is forecast."""
    return problems.get("events") or replace(next(iter(problems.values())), target="events")


def _run(
    jobs: Sequence[Job],
    problems: Mapping[str, Problem],
    origin: pd.Period,
    settings: Settings,
    members: Sequence[str] | None,
    progress: Callable[[float], None] | None,
) -> dict[tuple[str, str, int], Any]:
    """Do all jobs on the workers; the results do not depend on how many there are."""
    from ..training.parallel import run_tasks

    shared = {**problems, "diffusion": events_problem(problems)}
    tasks = [(job, origin, settings, members) for job in jobs]
    done = run_tasks(_do, shared, tasks, workers=settings.workers, progress=progress)
    return dict(zip([(j.kind, j.target, j.horizon) for j in jobs], done, strict=True))


def _do(
    shared: Mapping[str, Problem],
    job: Job,
    origin: pd.Period,
    settings: Settings,
    members: Sequence[str] | None,
) -> Any:
    """One job of one worker."""
    from ..training.diffusion.fit import fit_diffusion
    from ..training.evaluation.backtest import recent_origins, score_horizon
    from ..training.pool.fitted import fit_pool
    from .spillover.job import border_rng, kernel_of

    if job.kind == "diffusion":
        try:
            rng = border_rng(settings.seed)
            return fit_diffusion(shared["diffusion"], origin, rng=rng, kernel=kernel_of(settings))
        except ModelError:
            # A fallback is for a day on which models fail: it goes on without spillover rather than not at all.
            if members is None:
                raise
            return None
    problem = shared[job.target]
    if job.kind == "judge":
        origins = recent_origins(problem, origin, job.horizon, settings.backtest_origins)
        rng = np.random.default_rng(job.seed)
        return score_horizon(problem, job.horizon, origins, rng, settings.draws, members=members)
    return fit_pool(problem, origin, job.horizon, members).to_files()


def _recent(
    problem: Problem,
    origin: pd.Period,
    settings: Settings,
    count: int,
    progress: Callable[[float], None],
) -> list[Record]:
    """What every member said at the recent origins, one record per horizon."""
    from ..training.evaluation.backtest import recent_origins, run_backtest

    known = recent_origins(problem, origin, min(settings.horizons), count + max(settings.horizons) - 1)
    return run_backtest(
        problem, known, settings.horizons, workers=settings.workers, warm_up=WARM_UP, progress=progress
    )


def _known(record: Record) -> list[int]:
    """Origins whose outcome is known."""
    return [i for i, row in enumerate(record.observed) if np.isfinite(row).any()]


def _errors(record: Record, known: Sequence[int]) -> PastErrors | None:
    """The pool's past errors on the normal scale; None where no outcome is known yet."""
    from ..training.pool.dependence import PastErrors, normal_scores

    if not known:
        return None
    each = [
        normal_scores(record.margins["pool"][i], record.observed[i], np.isfinite(record.observed[i]))
        for i in known
    ]
    origins = tuple(record.origins[i] for i in known)
    return PastErrors(origins, np.stack([e[0] for e in each]), np.stack([e[1] for e in each]))


def _told(record: Record, known: Sequence[int], rng: np.random.Generator) -> ForecastRecord:
    """What the pool said at the origins whose outcome is known."""
    from ..training.evaluation.reliability import score_forecasts

    said, reference = ([record.margins[name][i] for i in known] for name in ("pool", "conflictology_12"))
    origins = [record.origins[i] for i in known]
    observed = record.observed[list(known)]
    return score_forecasts(
        record.target, record.horizon, origins, record.region_ids, said, reference, observed, rng
    )


def _record_tables(told: Mapping[tuple[str, int], ForecastRecord], target: str) -> dict[str, pd.DataFrame]:
    """How often what was said came true, and the last month as it would have been forecast."""
    from ..training.evaluation.reliability import REHEARSED, rehearsal, reliability_table

    leading = told.get((target, 1))
    return {
        "reliability": reliability_table(told.values()),
        "rehearsal": pd.DataFrame(columns=REHEARSED) if leading is None else rehearsal(leading),
    }


def _template(
    errors: Mapping[int, PastErrors], problems: Mapping[str, Problem], settings: Settings
) -> Template | None:
    from ..training.pool.dependence import fit_template

    panel = next(iter(problems.values())).panel
    return fit_template(errors, panel.countries, settings.horizons) if errors else None


def _put_together(
    settings: Settings,
    problems: Mapping[str, Problem],
    recipe: Recipe,
    done: Mapping[tuple[str, str, int], Any],
    template: Template | None,
    tables: Mapping[str, pd.DataFrame],
    learned: Mapping[tuple[str, int], Any] | None = None,
    **card: Any,
) -> TrainedModel:
    """The pieces as one trained model."""
    from ..training.pool.fitted import with_learned_weights
    from ..training.trained_model import make_trained_model

    pools = {(t, h): files for (kind, t, h), files in done.items() if kind == "fit"}
    if learned:
        pools = {key: with_learned_weights(files, learned[key]) for key, files in pools.items()}
    diffusion: Diffusion | None = done.get(("diffusion", "events", 0))
    panel = next(iter(problems.values())).panel
    others = [o.panel.digest() for o in next(iter(problems.values())).also]
    return make_trained_model(
        panel,
        recipe,
        pools,
        template,
        diffusion,
        tables,
        seed=settings.seed,
        draws=settings.draws,
        package_version=version(),
        settings=settings.published(),
        training_data=others,
        **card,
    )


def _scores(past: Mapping[tuple[str, int], HorizonRecord], settings: Settings) -> pd.DataFrame:
    """The recent record of every member."""
    from ..training.evaluation.backtest import leaderboard

    tables = []
    for (target, horizon), record in past.items():
        rng = np.random.default_rng(np.random.SeedSequence([settings.seed, 2, horizon]))
        tables.append(leaderboard(record, target, rng))
    if tables:
        return pd.concat(tables, ignore_index=True)
    return pd.DataFrame(columns=["target", "member", "horizon"])
