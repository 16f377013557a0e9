"""One monthly run: data, features, a trained model, and its forecast, as one result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..data.errors import OriginError
from .inputs import Inputs, load_inputs
from .memory import give_back
from .result import ForecastResult
from .settings import Settings
from .version import package_version

if TYPE_CHECKING:
    from ..data.panel import Panel
    from ..features.recipe import Recipe
    from ..training.diffusion.model import Diffusion
    from ..training.distribution import Draws
    from ..training.margins import Margins
    from ..training.models import MemberLike
    from ..training.models.base import Problem
    from ..training.pool import OnsetsAhead
    from ..training.trained_model import TrainedModel
    from .fitting import Training
    from .parts import ChosenParts
    from .spillover.attribution import Worlds

#: Called with the name of a stage and the share of the whole run that is done.
Progress = Callable[[str, float], None]
#: Months of history that a forecast needs.
SHORTEST = 36


@dataclass(frozen=True)
class PreparedRun:
    """What a run has before any model: the data up to the origin, and the features."""

    inputs: Inputs
    origin: pd.Period
    problems: Mapping[str, Problem]
    recipe: Recipe
    #: The settings with the targets that models forecast, and the parts that these are divided into.
    settings: Settings
    parts: ChosenParts
    clock: dict[str, float]


def run_forecast(
    settings: Settings,
    progress: Progress | None = None,
    trained: TrainedModel | None = None,
    members: Sequence[MemberLike] | None = None,
    model: Mapping[str, Any] | None = None,
    inputs: Inputs | None = None,
) -> ForecastResult:
    """Forecast from one origin, with spillover and the recent record of the same models.

    Parameters
    ----------
    settings : Settings
        Source, origin, targets, horizons, draws, seed, workers.
    progress : callable, optional
        Called with a stage and the share done, 0..1.
    trained : TrainedModel, optional
        A model that is used as it is; without one, everything is fitted at the origin.
    members : sequence, optional
        What the pool is made of where it is fitted here: names, objects of your own, ``...`` for the usual members;
        they take the place of ``settings.members``. One alone is a stand-in, such as ``("conflictology_12",)``.
    model : mapping, optional
        What is known of the model: ``name, version``, and ``reason`` where it stands in for another.
    inputs : Inputs, optional
        What was read already; read as the settings say where absent.

    Raises
    ------
    HarmattanError
        Input that cannot be read, an origin outside the data, a model that cannot be fitted or does not serve.

    Examples
    --------
    >>> run_forecast(Settings.load({"draws": 200})).draws["events"].mean()  # doctest: +SKIP
    """
    from .fitting import fit_models

    say = progress or (lambda stage, share: None)
    prepared = _prepare(settings, say, trained, inputs)
    settings = prepared.settings
    with _timed(prepared.clock, "models"):
        say("models", 0.1)
        if trained is None:
            trained = fit_models(
                settings,
                prepared.problems,
                prepared.origin,
                prepared.recipe,
                members,
                lambda share: say("models", 0.1 + 0.75 * share),
            )
    give_back()
    with _timed(prepared.clock, "draws"):
        say("spillover", 0.85)
        result = _result(settings, prepared, trained, model or {"name": "fitted at the origin"})
    give_back()
    return result


def train_models(
    settings: Settings,
    progress: Progress | None = None,
    inputs: Inputs | None = None,
    members: Sequence[MemberLike] | None = None,
    recipe: Recipe | None = None,
) -> Training:
    """Fit everything at the origin, learn weights and calibration from recent origins, and judge it there.

    Parameters
    ----------
    settings : Settings
        Source, origin, targets, horizons and seed.
    progress : callable, optional
        Called with a stage and the share done, 0..1.
    inputs : Inputs, optional
        What has been read already; read as the settings say where None.
    members : sequence, optional
        What the pool is made of, as for :func:`run_forecast`.
    recipe : Recipe, optional
        The features; those of the settings where None.

    Raises
    ------
    HarmattanError
        As for :func:`run_forecast`.
    """
    from .fitting import train

    say = progress or (lambda stage, share: None)
    prepared = _prepare(settings, say, None, inputs, recipe)
    return train(
        prepared.settings,
        prepared.problems,
        prepared.origin,
        prepared.recipe,
        lambda share: say("models", 0.1 + 0.85 * share),
        members=members,
    )


def _prepare(
    settings: Settings,
    say: Progress,
    trained: TrainedModel | None,
    inputs: Inputs | None,
    recipe: Recipe | None = None,
) -> PreparedRun:
    """Read the data and build the features."""
    from ..data.panel import require_covariates
    from ..training.problems import build_problems
    from .own_features import recipe_of
    from .parts import choose_parts, main_targets

    clock: dict[str, float] = {}
    with _timed(clock, "data"):
        say("data", 0.0)
        inputs = load_inputs(settings) if inputs is None else inputs
        origin = _origin(settings, inputs)
        inputs = inputs.until(origin)
        require_covariates(inputs.panel, origin)
        if settings.countries:
            # A country that is not there is an error before the work, not after it.
            inputs.panel.select(countries=settings.countries)
        parts = choose_parts(inputs.panel, settings.targets, settings.parts)
        settings = replace(settings, targets=main_targets(settings.targets, parts.names))
        if trained is not None:
            trained.check_serves(inputs.panel, origin, settings.horizons, settings.targets)
    with _timed(clock, "features"):
        say("features", 0.05)
        if recipe is None:
            recipe = recipe_of(settings, inputs.panel) if trained is None else trained.recipe
        also = inputs.training if trained is None else ()
        problems = build_problems(inputs.panel, settings.targets, also, recipe)
    return PreparedRun(inputs, origin, problems, recipe, settings, parts, clock)


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
    if origin > last or row < SHORTEST - 1:
        what = f"{origin} cannot be an origin: forecasts need at least {SHORTEST} months of data up to it."
        months = inputs.panel.months
        longer = "Bring a longer history."
        remedy = (
            f"Choose a month from {months[SHORTEST - 1]} to {last}." if len(months) >= SHORTEST else longer
        )
        raise OriginError(what, remedy=remedy)
    return origin


def _result(
    settings: Settings, prepared: PreparedRun, trained: TrainedModel, model: Mapping[str, Any]
) -> ForecastResult:
    """The trained model's forecast, as joint draws, totals, spillover, watch list and tables."""
    from ..training.pool import OnsetsAhead
    from .fitting import events_problem
    from .last_month import judged_month, rehearsed_month
    from .outlook import chances_of_so_few, with_outlook
    from .parts import draw_parts, record_of
    from .watch import list_of, served_fits

    panel, inputs, origin = prepared.inputs.panel, prepared.inputs, prepared.origin
    rng = np.random.default_rng(np.random.SeedSequence([settings.seed, 1]))
    simulated = _spillover(settings, prepared, trained, rng)
    watched = served_fits(trained, events_problem(prepared.problems), inputs.training, inputs.around)
    onsets = None
    if watched is not None and trained.onset is not None and "events" in prepared.problems:
        onsets = OnsetsAhead.of(trained.onset, watched)
    predicted, contributions = _pool_margins(prepared, trained, settings, onsets)
    ranks = _ranks(simulated.paths, trained, panel, settings, onsets, rng)
    draws = {t: _draws(settings, panel.region_ids, origin, t, predicted, ranks) for t in prepared.problems}
    spillover, answers = simulated.tables(draws.get("events"), inputs.borders)
    pairs = simulated.pairs
    # The largest arrays of a run, which nothing below asks for.
    del simulated, predicted, ranks
    run_date = inputs.run_date(settings, origin)
    judged = judged_month(settings, prepared.problems, origin, trained, watched)
    quality = inputs.quality(run_date, so_few=chances_of_so_few(judged))
    level, banner = _verdict(inputs, quality, model)
    listed = None if watched is None else list_of(trained, watched)
    entering = None if listed is None else listed.entering
    rehearsal = rehearsed_month(prepared.problems, origin, trained, watched)
    del watched
    parts = draw_parts(prepared.parts, panel, origin, draws, settings.seed, entering)
    result = ForecastResult(
        origin=origin,
        horizons=settings.horizons,
        panel=panel,
        regions=inputs.regions,
        draws=draws | parts,
        countries={},
        spillover=spillover,
        pairs=pairs,
        scores=trained.scores.replace({"member": {"conflictology_12": "conflictology"}}),
        contributions=contributions,
        coverage_note=inputs.coverage,
        ledger=inputs.ledger,
        run_date=run_date,
        seed=settings.seed,
        banner=banner,
        level=level,
        settings=settings.published(),
        package_version=package_version(),
        data_hash=panel.digest(),
        timings=prepared.clock,
        models=trained.to_files(),
        answers=answers,
        quality=quality.frame(),
        reliability=trained.table("reliability"),
        triggers=trained.table("triggers") if trained.has_table("triggers") else pd.DataFrame(),
        rehearsal=rehearsal,
        notes=prepared.parts.notes,
        part_scores=trained.table("part_scores") if "part_scores.json" in trained.files else pd.DataFrame(),
        **record_of(panel),
        watch=listed.tables if listed else {},
        watch_notes=listed.notes if listed else (),
        judged=judged,
        model={"trained_to": str(trained.origin), "digest": trained.digest, **trained.mixture, **model},
        again=_again(prepared, trained),
    )
    return with_outlook(result.of_countries(settings.countries))


def _verdict(inputs: Inputs, quality: Any, model: Mapping[str, Any]) -> tuple[Any, str]:
    """How far the run can be trusted; a stand-in for the wanted model is never green."""
    level, banner = inputs.verdict(quality)
    reason = str(model.get("reason", ""))
    if not reason:
        return level, banner
    return "amber" if level == "green" else level, f"{banner} {reason}".strip()


def _spillover(
    settings: Settings, prepared: PreparedRun, trained: TrainedModel, rng: np.random.Generator
) -> SimulatedSpillover:
    """The simulated worlds of the spillover model, where there is one."""
    from .fitting import events_problem
    from .spillover.attribution import simulate_worlds

    model, months = trained.diffusion(prepared.inputs.panel), max(settings.horizons)
    events, worlds = events_problem(prepared.problems), None
    if model is not None:
        worlds = simulate_worlds(model, events, prepared.origin, months, settings.draws, rng)
    return SimulatedSpillover(prepared, model, worlds, months)


@dataclass(frozen=True)
class SimulatedSpillover:
    """What the spillover model has simulated; everything is empty where there is no model."""

    prepared: PreparedRun
    model: Diffusion | None
    worlds: Worlds | None
    months: int

    @property
    def paths(self) -> np.ndarray | None:
        """Simulated counts, (paths, months, regions)."""
        return None if self.worlds is None else self.worlds.paths

    @property
    def pairs(self) -> pd.DataFrame:
        """The directed pairs of countries and what their tests say."""
        columns = (
            "source_country target_country permeability coefficient lr_statistic p_value p_holm declared"
        )
        return pd.DataFrame(columns=columns.split()) if self.model is None else self.model.pairs

    def tables(
        self, draws: Draws | None, borders: pd.DataFrame | None
    ) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
        """The spillover table, and the answers that take it apart."""
        from .fitting import events_problem
        from .spillover.attribution import SPANS, SPILLOVER_COLUMNS, spillover_table
        from .spillover.breakdown import ModelAtOrigin, exact_answers
        from .spillover.stress import stress_response

        if self.model is None or self.worlds is None or draws is None:
            return pd.DataFrame(columns=list(SPILLOVER_COLUMNS)), {}
        table = spillover_table(self.model, self.worlds, self.prepared.inputs.panel, draws, borders)
        view = ModelAtOrigin.at(self.model, events_problem(self.prepared.problems), self.prepared.origin)
        answers = exact_answers(view, [s for s in SPANS if s <= self.months])
        return table, {**answers, "stress": stress_response(view, self.worlds.uniforms)}


def _pool_margins(
    prepared: PreparedRun, trained: TrainedModel, settings: Settings, onsets: OnsetsAhead | None
) -> tuple[dict[tuple[str, int], Margins], pd.DataFrame]:
    """The pool's margins by target and horizon, and the mean of the first target taken apart by family.

    Where a region has been quiet, the chance of any event in a month is that of the model of onsets.
    """
    from ..training.pool.coherence import chance_of_death, coherent_deaths, shares_without_deaths
    from ..training.pool.explain import explain_pool

    tables = []
    regions = list(prepared.inputs.panel.region_ids)
    each = {
        (target, h): trained.pools[target, h].margins(problem, prepared.origin)
        for target, problem in prepared.problems.items()
        for h in settings.horizons
    }
    if onsets is not None:
        for h in settings.horizons:
            each["events", h]["pool"] = onsets.margins(each["events", h]["pool"], h)
    if {"events", "deaths"} <= set(prepared.problems):
        without = shares_without_deaths(prepared.problems["deaths"].panel, prepared.origin)
        for h in settings.horizons:
            events, deaths = each["events", h]["pool"], each["deaths", h]["pool"]
            each["deaths", h]["pool"] = coherent_deaths(deaths, chance_of_death(events, without))
    first = settings.targets[0]
    for h in settings.horizons:
        parts = explain_pool(
            trained.pools[first, h], prepared.problems[first], prepared.origin, each[first, h]
        )
        tables += [
            pd.DataFrame({"region_id": regions, "horizon": h, "family": family, "value": values})
            for family, values in parts.items()
        ]
    return {key: margins["pool"] for key, margins in each.items()}, pd.concat(tables, ignore_index=True)


def _again(
    prepared: PreparedRun, trained: TrainedModel
) -> Callable[[Panel, Sequence[int], Mapping[str, Any] | None], np.ndarray | None] | None:
    """The same model again on another panel, or an older model of the registry; see :class:`ForecastResult`."""
    from ..training.pool import OnsetsAhead
    from ..training.problems import build_problems
    from .watch import served_fits

    if "events" not in prepared.problems:
        return None

    def forecast(
        panel: Panel, horizons: Sequence[int], model: Mapping[str, Any] | None = None
    ) -> np.ndarray | None:
        chosen = trained if model is None else _older(prepared, trained, model)
        if chosen is None or any(("events", h) not in chosen.pools for h in horizons):
            return None
        # Models see every country, whichever are published.
        full = prepared.inputs.panel.until(panel.last_month)
        at = [full.region_ids.index(region) for region in panel.region_ids]
        seen = {name: np.array(values, copy=True) for name, values in full.measures.items()}
        for name in seen.keys() & panel.measures.keys():
            seen[name][:, at] = panel.measures[name]
        full = replace(full, measures=seen)
        problem = build_problems(full, ["events"], prepared.inputs.training, chosen.recipe)["events"]
        watched = served_fits(chosen, problem, prepared.inputs.training, prepared.inputs.around)
        onsets = None if watched is None or chosen.onset is None else OnsetsAhead.of(chosen.onset, watched)
        means = []
        for h in horizons:
            margins = chosen.pools["events", h].margins(problem, full.last_month)["pool"]
            means.append((margins if onsets is None else onsets.margins(margins, h)).mean[at])
        return np.stack(means)

    return forecast


def _older(prepared: PreparedRun, trained: TrainedModel, model: Mapping[str, Any]) -> TrainedModel | None:
    """The model of an earlier release: the same one, or a version of the registry; None where it is not at hand."""
    from ..data.errors import HarmattanError
    from ..training.registry.versions import load_model
    from .own_features import functions_of

    if model.get("digest") == trained.digest:
        return trained
    if not model.get("version"):
        return None
    settings = prepared.settings
    try:
        found = load_model(str(model["version"]), settings.mlruns, settings.tracking_uri).trained
        found = found.trusting(settings.trusted, functions_of(settings))
        return found if found.digest == model.get("digest") else None
    except HarmattanError:
        return None


def _ranks(
    paths: np.ndarray | None,
    trained: TrainedModel,
    panel: Panel,
    settings: Settings,
    onsets: OnsetsAhead | None,
    rng: np.random.Generator,
) -> np.ndarray:
    """The dependence template: past errors of the pool; without any the order of simulated paths, or independence.

    Where a region has been quiet, whether and when violence begins comes first.
    """
    from ..training.distribution import independent_ranks, ranks_of
    from ..training.trained_model import at_horizons

    # A first event may fall in any month, whichever are published.
    horizons = settings.horizons if onsets is None else tuple(range(1, max(settings.horizons) + 1))
    if trained.template is not None:
        ranks = at_horizons(trained.template, horizons).ranks(settings.draws, panel.countries, rng)
    elif paths is None:
        ranks = independent_ranks(settings.draws, (len(horizons), panel.shape[1]), rng)
    else:
        ranks = ranks_of(paths[:, [h - 1 for h in horizons]], rng)
    return ranks if onsets is None else onsets.in_order(ranks)[:, [h - 1 for h in settings.horizons]]


def _draws(
    settings: Settings,
    region_ids: tuple[str, ...],
    origin: pd.Period,
    target: str,
    predicted: Mapping[tuple[str, int], Margins],
    ranks: np.ndarray,
) -> Draws:
    """Joint draws of one target from the pool's margins."""
    from ..training.distribution import Draws, joint_draws
    from ..training.margins import stack

    margins = stack([predicted[target, h] for h in settings.horizons])
    return Draws(joint_draws(margins, ranks), origin, settings.horizons, region_ids, target, margins.mean)
