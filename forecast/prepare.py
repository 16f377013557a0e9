"""What a run has before any model: its data up to the origin, and the features of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from ..data.errors import OriginError
from .inputs import Inputs
from .loading import load_inputs
from .settings import Settings

if TYPE_CHECKING:
    from ..features.recipe import Recipe
    from ..training.models.base import Problem
    from ..training.trained_model import TrainedModel
    from .parts import ChosenParts

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


def prepare_run(
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
    with timed(clock, "data"):
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
    with timed(clock, "features"):
        say("features", 0.05)
        if recipe is None:
            recipe = recipe_of(settings, inputs.panel) if trained is None else trained.recipe
        also = inputs.training if trained is None else ()
        problems = build_problems(inputs.panel, settings.targets, also, recipe)
    return PreparedRun(inputs, origin, problems, recipe, settings, parts, clock)


@contextmanager
def timed(clock: dict[str, float], stage: str) -> Iterator[None]:
    """Write the seconds of a stage into the clock."""
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
