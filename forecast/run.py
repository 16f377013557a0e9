"""One monthly run: data, features, members, pool, spillover and a small back-test, as one result."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..data.errors import OriginError
from .config import Settings
from .inputs import Inputs, load_inputs
from .result import ForecastResult
from .version import version

if TYPE_CHECKING:
    from ..data.panel import Panel
    from ..training.backtest import HorizonRecord
    from ..training.distribution import Draws, Margins
    from ..training.models.base import Problem
    from ..training.models.diffusion import Diffusion

#: Called with the name of a stage and the share of the whole run that is done.
Progress = Callable[[str, float], None]
#: Horizons on which the main job is judged.
JUDGED = (1, 3, 6)


@dataclass(frozen=True)
class Job:
    """One independent piece of a run, done by one worker."""

    kind: str
    target: str
    horizon: int
    seed: np.random.SeedSequence


@dataclass(frozen=True)
class Fitted:
    """What the fit of one horizon hands back."""

    margins: Margins
    contributions: dict[str, np.ndarray]
    texts: dict[str, str]


def run_forecast(settings: Settings, progress: Progress | None = None) -> ForecastResult:
    """Forecast from one origin, with spillover and the recent record of the same models.

    Parameters
    ----------
    settings : Settings
        Source, origin, targets, horizons, draws, seed, workers.
    progress : callable, optional
        Called with a stage and the share done, 0..1.

    Raises
    ------
    HarmattanError
        Input that cannot be read, an origin outside the data, a model that cannot be fitted.

    Examples
    --------
    >>> from harmattan.forecast.config import Settings
    >>> result = run_forecast(Settings.load({"draws": 200}))  # doctest: +SKIP
    >>> result.draws["events"].mean()  # doctest: +SKIP
    """
    from ..training.problems import build_problems

    say = progress or (lambda stage, share: None)
    clock: dict[str, float] = {}
    with _timed(clock, "data"):
        say("data", 0.0)
        inputs = load_inputs(settings)
        origin = _origin(settings, inputs)
        inputs = replace(inputs, panel=inputs.panel.until(origin))
        if settings.countries:
            # A country that is not there is told before the work, not after it.
            inputs.panel.select(countries=settings.countries)
    with _timed(clock, "features"):
        say("features", 0.05)
        problems = build_problems(inputs.panel, settings.targets, inputs.training)
    with _timed(clock, "models"):
        jobs = list(_jobs(settings, problems, origin))
        done = _run(jobs, problems, origin, settings, lambda share: say("models", 0.1 + 0.75 * share))
    with _timed(clock, "draws"):
        say("spillover", 0.85)
        return _result(
            settings, inputs, problems, origin, dict(zip(jobs_keys(jobs), done, strict=True)), clock
        )


@contextmanager
def _timed(clock: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    clock[stage] = time.perf_counter() - start


def _origin(settings: Settings, inputs: Inputs) -> pd.Period:
    """The last month that the run may see."""
    last = inputs.panel.last_month
    origin = last if settings.as_of is None else pd.Period(settings.as_of, freq="M")
    row = inputs.panel.position(origin)
    if origin > last or row < 36:
        raise OriginError(
            f"{origin} cannot be an origin: forecasts need at least 36 months of data up to it.",
            remedy=f"Choose a month from {inputs.panel.months[36]} to {last}."
            if len(inputs.panel.months) > 36
            else "Bring a longer history.",
        )
    return origin


def _jobs(settings: Settings, problems: Mapping[str, Problem], origin: pd.Period) -> Iterator[Job]:
    """Every piece of work in a fixed order, each with a random stream of its own."""
    kinds = [("diffusion", "events", 0)] if _has_links(problems) else []
    kinds += [("fit", target, h) for target in problems for h in settings.horizons]
    if settings.backtest_origins:
        kinds += [("judge", target, h) for target in problems for h in settings.horizons if h in JUDGED]
    seeds = np.random.SeedSequence(settings.seed).spawn(len(kinds))
    for (kind, target, horizon), seed in zip(kinds, seeds, strict=True):
        yield Job(kind, target, horizon, seed)


def _has_links(problems: Mapping[str, Problem]) -> bool:
    panel = next(iter(problems.values())).panel
    return panel.links is not None and bool(panel.links["crosses_border"].any())


def jobs_keys(jobs: Sequence[Job]) -> list[tuple[str, str, int]]:
    """What each job's result is filed under."""
    return [(j.kind, j.target, j.horizon) for j in jobs]


def _run(
    jobs: Sequence[Job],
    problems: Mapping[str, Problem],
    origin: pd.Period,
    settings: Settings,
    progress: Callable[[float], None],
) -> list[Any]:
    """Do all jobs on the workers, in order of submission; the results do not depend on how many there are."""
    from ..training.parallel import run_tasks

    events = problems.get("events") or replace(next(iter(problems.values())), target="events")
    shared = {**problems, "diffusion": events}
    tasks = [(job, origin, settings) for job in jobs]
    return run_tasks(_do, shared, tasks, workers=settings.workers, progress=progress)


def _do(shared: Mapping[str, Problem], job: Job, origin: pd.Period, settings: Settings) -> Any:
    """One job of one worker."""
    from ..training.backtest import recent_origins, score_horizon
    from ..training.models.diffusion import fit_diffusion

    if job.kind == "diffusion":
        return fit_diffusion(shared["diffusion"], origin, rng=np.random.default_rng(job.seed))
    problem = shared[job.target]
    if job.kind == "judge":
        origins = recent_origins(problem, origin, job.horizon, settings.backtest_origins)
        return score_horizon(problem, job.horizon, origins, np.random.default_rng(job.seed), settings.draws)
    return _fit(problem, origin, job.horizon)


def _fit(problem: Problem, origin: pd.Period, horizon: int) -> Fitted:
    """Fit one horizon and take out what a release needs."""
    from ..training.explain import explain_pool
    from ..training.models.pool import fit_pool

    pool = fit_pool(problem, origin, horizon)
    texts = {}
    for name, member in pool.members.items():
        if hasattr(member, "to_json"):
            where = f"{problem.target}/{name}_h{horizon:02d}"
            texts[f"{where}.json"] = json.dumps(member.to_json(), indent=1, sort_keys=True)
            if hasattr(member, "to_text"):
                texts[f"{where}.lgb.txt"] = member.to_text()
    said = pool.margins(problem, origin)
    return Fitted(said["pool"], explain_pool(pool, problem, origin, said), texts)


def _result(
    settings: Settings,
    inputs: Inputs,
    problems: Mapping[str, Problem],
    origin: pd.Period,
    done: Mapping[tuple[str, str, int], Any],
    clock: dict[str, float],
) -> ForecastResult:
    """Joint draws, totals, spillover and tables from the pieces."""
    from ..features.recipe import Recipe
    from .spillover import COLUMNS as SPILLOVER_COLUMNS
    from .spillover import SPANS, simulate_worlds, spillover_table
    from .spillover_answers import View, exact_answers

    panel, months = inputs.panel, max(settings.horizons)
    rng = np.random.default_rng(np.random.SeedSequence([settings.seed, 1]))
    model: Diffusion | None = done.get(("diffusion", "events", 0))
    events = problems.get("events") or replace(next(iter(problems.values())), target="events")
    worlds = None if model is None else simulate_worlds(model, events, origin, months, settings.draws, rng)
    ranks = _ranks(None if worlds is None else worlds.paths, done, panel, settings, rng)
    draws = {t: _draws(settings, panel.region_ids, origin, t, done, ranks) for t in problems}
    answers: dict[str, pd.DataFrame] = {}
    if model is None or worlds is None or "events" not in draws:
        spillover, pairs = pd.DataFrame(columns=list(SPILLOVER_COLUMNS)), pd.DataFrame(columns=PAIR_COLUMNS)
    else:
        spillover = spillover_table(model, worlds, panel, draws["events"], inputs.borders)
        pairs = model.pairs
        answers = exact_answers(View.at(model, events, origin), [s for s in SPANS if s <= months])
    texts = {k: v for key, piece in done.items() if key[0] == "fit" for k, v in piece.texts.items()}
    texts["features.json"] = Recipe.default().served(panel)[0].to_json()
    if model is not None:
        texts["diffusion.json"] = json.dumps(model.to_json(), indent=1, sort_keys=True)
    run_date = inputs.run_date(settings, origin)
    quality = inputs.quality(run_date)
    level, banner = inputs.verdict(quality)
    return _published(
        ForecastResult(
            origin=origin,
            horizons=settings.horizons,
            panel=panel,
            regions=inputs.regions,
            draws=draws,
            countries={},
            spillover=spillover,
            pairs=pairs,
            scores=_scores(done, settings),
            contributions=_contributions(done, panel.region_ids, settings),
            coverage_note=inputs.coverage,
            ledger=inputs.ledger,
            run_date=run_date,
            seed=settings.seed,
            banner=banner,
            level=level,
            settings=settings.published(),
            package_version=version(),
            data_hash=panel.digest(),
            timings=clock,
            models=texts,
            answers=answers,
            quality=quality.frame(),
        ),
        settings.countries,
    )


PAIR_COLUMNS = [
    "source_country",
    "target_country",
    "permeability",
    "coefficient",
    "lr_statistic",
    "p_value",
    "p_holm",
    "declared",
]


def _ranks(
    paths: np.ndarray | None,
    done: Mapping[tuple[str, str, int], Any],
    panel: Panel,
    settings: Settings,
    rng: np.random.Generator,
) -> np.ndarray:
    """The dependence template: past errors of the pool; without any the order of simulated paths, or independence."""
    from ..training.dependence import fit_template
    from ..training.distribution import independent_ranks, ranks_of

    target = "events" if "events" in settings.targets else settings.targets[0]
    judged = {h: record.errors for (kind, of, h), record in done.items() if (kind, of) == ("judge", target)}
    if judged:
        template = fit_template(judged, panel.countries, settings.horizons)
        return template.ranks(settings.draws, panel.countries, rng)
    if paths is None:
        return independent_ranks(settings.draws, (len(settings.horizons), panel.shape[1]), rng)
    return ranks_of(paths[:, [h - 1 for h in settings.horizons]], rng)


def _draws(
    settings: Settings,
    region_ids: tuple[str, ...],
    origin: pd.Period,
    target: str,
    done: Mapping[tuple[str, str, int], Any],
    ranks: np.ndarray,
) -> Draws:
    """Joint draws of one target from the pool's margins."""
    from ..training.distribution import Draws, joint_draws, stack

    margins = stack([done[("fit", target, h)].margins for h in settings.horizons])
    return Draws(joint_draws(margins, ranks), origin, settings.horizons, region_ids, target, margins.mean)


def _scores(done: Mapping[tuple[str, str, int], Any], settings: Settings) -> pd.DataFrame:
    """The recent record of every member."""
    from ..training.backtest import REFERENCE, leaderboard

    tables = []
    for (kind, target, horizon), record in done.items():
        if kind == "judge":
            rng = np.random.default_rng(np.random.SeedSequence([settings.seed, 2, horizon]))
            judged: HorizonRecord = record
            tables.append(leaderboard(judged, target, rng))
    table = (
        pd.concat(tables, ignore_index=True)
        if tables
        else pd.DataFrame(columns=["target", "member", "horizon"])
    )
    return table.replace({"member": {REFERENCE: "conflictology"}})


def _contributions(
    done: Mapping[tuple[str, str, int], Any], region_ids: tuple[str, ...], settings: Settings
) -> pd.DataFrame:
    """The pool's mean of the first target, taken apart by family."""
    target = settings.targets[0]
    tables = [
        pd.DataFrame({"region_id": list(region_ids), "horizon": h, "family": family, "value": values})
        for h in settings.horizons
        for family, values in done[("fit", target, h)].contributions.items()
    ]
    return pd.concat(tables, ignore_index=True)


def _published(result: ForecastResult, countries: Sequence[str]) -> ForecastResult:
    """Only the countries that are to be published; models and totals have seen all of them."""
    panel = result.panel.select(countries=countries) if countries else result.panel
    keep = [i for i, r in enumerate(result.panel.region_ids) if r in set(panel.region_ids)]
    draws = {
        t: replace(
            d,
            values=d.values[:, :, keep],
            region_ids=panel.region_ids,
            analytic_mean=None if d.analytic_mean is None else d.analytic_mean[:, keep],
        )
        for t, d in result.draws.items()
    }
    return replace(
        result,
        panel=panel,
        draws=draws,
        countries={t: d.total(panel.countries) for t, d in draws.items()},
        spillover=result.spillover[result.spillover["target_region"].isin(panel.region_ids)].reset_index(
            drop=True
        ),
        answers={k: t[t["target_region"].isin(panel.region_ids)] for k, t in result.answers.items()},
        contributions=result.contributions[
            result.contributions["region_id"].isin(panel.region_ids)
        ].reset_index(drop=True),
    )
