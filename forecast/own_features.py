"""What users bring to the features: covariates from tables, a recipe from a file, functions of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..data.errors import ConfigError, nearest

if TYPE_CHECKING:
    import pandas as pd

    from ..data.panel import Panel
    from ..features.recipe import Recipe
    from .settings import Settings


def join_tables(panel: Panel, settings: Settings, required: bool = True) -> Panel:
    """The panel with every table of covariates that the settings name.

    Parameters
    ----------
    panel : Panel
    settings : Settings
        ``covariates`` are ``FILE:lag=1``.
    required : bool
        Otherwise regions that no table has are given the measures without a value: they are only learned from.

    Raises
    ------
    InputError, UsageError
        See :meth:`harmattan.Panel.with_covariates`; files that cannot be read.
    """
    from pathlib import Path

    from ..data.sources import read_table

    for text in settings.covariates:
        path, *parts = text.split(":")
        while parts and "=" not in parts[0] and parts[0] != "last":
            path = f"{path}:{parts.pop(0)}"
        table = read_table(Path(path)).frame
        lags = {name: int(months) for name, months in (p.split("=") for p in parts if "=" in p)}
        lag: Any = lags.pop("lag") if set(lags) == {"lag"} else lags
        if not required:
            table = _elsewhere(table, panel)
        panel = panel.with_covariates(table, lag, "last" in parts, Path(path).name)
    return panel


def _elsewhere(table: pd.DataFrame, panel: Panel) -> pd.DataFrame:
    """A table for regions that may not be in it: one row that says nothing stands for them."""
    place = "region_id" if "region_id" in table else "country"
    first = panel.region_ids[0] if place == "region_id" else panel.countries[0]
    known = table[table[place].isin(panel.region_ids if place == "region_id" else panel.countries)]
    nothing = table.head(1).assign(**{"month": str(panel.months[0]), place: first})
    values = [c for c in table.columns if c not in ("month", "region_id", "country")]
    return known if len(known) else nothing.assign(**dict.fromkeys(values, float("nan")))


def carried(panel: Panel) -> str:
    """What is said of covariates whose last value stands for newer months; empty where there are none."""
    told = [f"{name} for {months} months" for name, months in panel.attrs.get("carried", {}).items()]
    return f"Last known values stand for newer ones: {', '.join(told)}." if told else ""


def functions_of(settings: Settings) -> dict[str, Callable[..., Any]]:
    """The functions that the settings declare, by the name of their feature.

    Raises
    ------
    ConfigError
        There is no such module or function.
    """
    found: dict[str, Callable[..., Any]] = {}
    for pair in settings.functions:
        name, _, path = (part.strip() for part in pair.partition("="))
        module, _, function = path.rpartition(".")
        try:
            made = getattr(import_module(module), function)
        except (ImportError, AttributeError, ValueError) as reason:
            raise ConfigError(
                f"'{path}' cannot be imported ({reason}).", "functions", "Write name=package.module.function."
            ) from None
        if not callable(made):
            raise ConfigError(f"'{path}' is no function.", "functions", "Name a function of a panel.")
        found[name] = made
    return found


def recipe_of(settings: Settings, panel: Panel) -> Recipe:
    """The features of a run: those of the settings' file, or the usual ones that the panel can serve.

    Raises
    ------
    ConfigError, SourceError, UsageError
        A file that is no recipe, a feature that the panel cannot serve, a function that the recipe does not have.
    """
    from ..features.recipe import Recipe
    from ..features.terms import Function

    if settings.recipe is None:
        if settings.functions:
            what = "functions are declared, and no recipe that has them."
            raise ConfigError(what, "functions", "Name its file: recipe = 'mine.toml'.")
        return Recipe.usual(panel)
    functions = functions_of(settings)
    recipe = Recipe.read(settings.recipe, functions)
    labels = {f.term.label for f in recipe if isinstance(f.term, Function)}
    for name in sorted(set(functions) - labels):
        raise ConfigError(f"the recipe has no function '{name}'.", "functions", nearest(name, labels))
    return recipe.served(panel)[0]


def with_tables(settings: Settings, inputs: Any) -> Any:
    """Inputs whose panels have the covariates that the settings name."""
    if not settings.covariates:
        return inputs
    training = tuple(join_tables(p, settings, required=False) for p in inputs.training)
    return replace(inputs, panel=join_tables(inputs.panel, settings), training=training)
