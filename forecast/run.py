"""One monthly run: data, features, a trained model, and its forecast, as one result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .inputs import Inputs
from .memory import give_back
from .predict import draws_of, pool_margins, ranks_at, same_model_again
from .prepare import PreparedRun, Progress, prepare_run, timed
from .result import ForecastResult
from .settings import Settings
from .version import package_version

if TYPE_CHECKING:
    from ..features.recipe import Recipe
    from ..training.diffusion.model import Diffusion
    from ..training.distribution import Draws
    from ..training.models import MemberLike
    from ..training.trained_model import TrainedModel
    from .fitting import Training
    from .spillover.attribution import Worlds


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
    prepared = prepare_run(settings, say, trained, inputs)
    settings = prepared.settings
    with timed(prepared.clock, "models"):
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
    with timed(prepared.clock, "draws"):
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
    prepared = prepare_run(settings, say, None, inputs, recipe)
    return train(
        prepared.settings,
        prepared.problems,
        prepared.origin,
        prepared.recipe,
        lambda share: say("models", 0.1 + 0.85 * share),
        members=members,
    )


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
    predicted, contributions = pool_margins(prepared, trained, settings, onsets)
    ranks = ranks_at(simulated.paths, trained, panel, settings, onsets, rng)
    draws = {t: draws_of(settings, panel.region_ids, origin, t, predicted, ranks) for t in prepared.problems}
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
        unseen=inputs.unseen(),
        notes=prepared.parts.notes,
        part_scores=trained.table("part_scores") if "part_scores.json" in trained.files else pd.DataFrame(),
        **record_of(panel),
        watch=listed.tables if listed else {},
        watch_notes=listed.notes if listed else (),
        judged=judged,
        model={"trained_to": str(trained.origin), "digest": trained.digest, **trained.mixture, **model},
        again=same_model_again(prepared, trained),
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
