"""A trained model's distributions and joint draws at the origin, and its expected events on another panel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from ..data.panel import Panel
    from ..training.distribution import Draws
    from ..training.margins import Margins
    from ..training.pool import OnsetsAhead
    from ..training.trained_model import TrainedModel
    from .prepare import PreparedRun
    from .settings import Settings


def pool_margins(
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


def ranks_at(
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


def draws_of(
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


def same_model_again(
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
