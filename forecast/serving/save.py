"""A trained model in MLflow's format, and what it answers: text files and code, nothing pickled."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...data.errors import RegionError, SchemaError, nearest
from ...data.panel import CELLS, TARGETS, Panel
from ...features.recipe import Recipe
from ...features.terms import Term
from ..formats import HUB_COLUMNS, checked_hub_table
from ..own_features import functions_of
from ..release import LIBRARIES
from ..run import run_forecast
from ..settings import Settings

if TYPE_CHECKING:
    from ...training.trained_model import TrainedModel

#: Columns that say which row it is; every other column of a panel's table is a measure.
NAMES = ("month", "region_id", "name", "country", CELLS)
#: Months of the example: as many as the longest feature looks back, and a few more.
EXAMPLE_MONTHS = 72
#: A longer example is cut to its first hundred rows, and then only shows the columns.
LONGEST_EXAMPLE = 20_000


def serve(trained: TrainedModel, frame: pd.DataFrame) -> pd.DataFrame:
    """What a trained model publishes for a panel, from the panel's last month.

    Only the whole history gives the published numbers: features without a bound look back as
    far as the table goes.

    Parameters
    ----------
    trained : TrainedModel
    frame : pandas.DataFrame
        A panel as ``Panel.to_frame(cells=True)`` gives it, from its first month on; ``name``, ``country`` and measures
        that the model does not read may be left out.

    Returns
    -------
    pandas.DataFrame
        The hub table, the same as a release's ``forecast.parquet`` where the history is whole.

    Raises
    ------
    InputError
        A table that is no panel, lacks a column that the model reads, or has other regions than it was trained for.
    OriginError
        Too short a history for the model's features.
    ModelError
        The last month lies before the month that the model was trained on.
    """
    from ..inputs import Inputs

    if not trained.trusted:
        # A server is told by its environment (HARMATTAN_TRUSTED) or its settings file which classes it may import.
        declared = Settings.load()
        trained = trained.trusting(declared.trusted, functions_of(declared))
    settings = Settings(
        targets=trained.targets,
        horizons=trained.horizons,
        draws=trained.draws,
        seed=trained.seed,
        countries=tuple(trained.card["settings"].get("countries", ())),
        parts=bool(trained.card["settings"].get("parts", True)),
        backtest_origins=0,
        workers=1,
        track=False,
    )
    beside = trained.surroundings.training
    inputs = Inputs(panel_of(trained, frame), None, None, pd.DataFrame(), pd.DataFrame(), training=beside)
    return checked_hub_table(run_forecast(settings, trained=trained, inputs=inputs).draws)


def panel_of(trained: TrainedModel, frame: pd.DataFrame) -> Panel:
    """The panel of a long table, its regions named, ordered and linked as the model knows them."""
    known = trained.places
    ids = list(known["region_ids"])
    given = frame.dropna(axis="columns", how="all")
    unknown = sorted(set(given.get("region_id", pd.Series(dtype=str)).astype(str)) - set(ids))
    if unknown:
        raise RegionError(
            f"the model was not trained for the region '{unknown[0]}'.",
            "region_id",
            nearest(unknown[0], ids),
        )
    lacking = sorted(name for name in measures_read(trained) if column_of(name, given.columns) is None)
    if lacking and "events" in given:
        raise SchemaError(
            f"the model reads {', '.join(lacking)}, of which the table has no column with values.",
            "panel",
            "Give them, or events_NAME in place of NAME; the model's signature names every column.",
        )
    plain = Panel.from_frame(
        given.drop(columns=["name", "country", CELLS], errors="ignore"), source="a frame"
    )
    missing = sorted(set(ids) - set(plain.region_ids))
    if missing:
        raise RegionError(
            f"the region '{missing[0]}', which the model was trained for, has no row.",
            "region_id",
            "Give every region a row for every month in which it was observed.",
        )
    at = [plain.region_ids.index(i) for i in ids]
    plain = replace(
        plain,
        region_ids=tuple(ids),
        names=tuple(known["names"]),
        countries=tuple(known["countries"]),
        measures={name: values[:, at] for name, values in plain.measures.items()},
        observed=plain.observed[:, at],
        links=trained.links,
    )
    return trained.surroundings.complete(plain, given)


def measures_read(trained: TrainedModel) -> set[str]:
    """Measures that the features and the targets of a model are made of, as its recipe calls them."""
    found = {TARGETS.get(target, target) for target in trained.targets}
    recipes = [trained.recipe]
    for name, text in trained.files.items():
        # Members that users bring may have features of their own.
        if name.endswith("/own/regressor.json") and (features := json.loads(text)["features"]):
            recipes.append(Recipe.from_json(json.dumps(features), trained.functions))
    return found.union(*(_read_by(feature.term) for recipe in recipes for feature in recipe))


def _read_by(term: Term) -> set[str]:
    found: set[str] = set()
    for of in term.reads():
        found |= {of} if isinstance(of, str) else _read_by(of)
    return found


def column_of(measure: str, columns: Iterable[str]) -> str | None:
    """The column that a measure is read from: itself, or ``events_<name>``; None where there is neither.

    >>> column_of("one_sided", ["events", "events_one_sided"])
    'events_one_sided'
    """
    known = set(columns)
    return next((name for name in (measure, f"events_{measure}") if name in known), None)


def save_model(trained: TrainedModel, record: Mapping[str, str], panel: Panel, folder: Path) -> None:
    """Write a model in MLflow's format: code, text files, signature, example and requirements.

    Parameters
    ----------
    trained : TrainedModel
        What is served.
    record : mapping of str to str
        Texts that go beside it, such as its scores, by file name.
    panel : Panel
        What it was trained on: names the columns.
    folder : Path
        Made here; must not exist. The texts are staged beside it.
    """
    from ...training.registry import SERVED_CODE, quiet_mlflow, stage

    trained.write(folder.parent / "trained")
    stage(record, folder.parent / "record")
    with quiet_mlflow():
        import mlflow

        mlflow.pyfunc.save_model(
            str(folder),
            python_model=str(SERVED_CODE),
            artifacts={"trained": str(folder.parent / "trained"), "record": str(folder.parent / "record")},
            signature=_signature(trained, panel),
            input_example=example_of(panel),
            pip_requirements=requirements(),
            metadata={"model_digest": trained.digest},
        )


def example_of(panel: Panel) -> pd.DataFrame:
    """The last months of a panel as a model is asked: enough for a forecast, but not for the published one."""
    frame = panel.to_frame(cells=True)
    kinds = {c: object if c in NAMES else np.float64 for c in frame.columns if c != "observed"}
    frame = frame.astype(kinds)
    enough = frame[frame["month"] > str(panel.months[-1] - EXAMPLE_MONTHS)].reset_index(drop=True)
    return enough if len(enough) <= LONGEST_EXAMPLE else enough.head(100)


def _signature(trained: TrainedModel, panel: Panel) -> Any:
    """Columns in and out; month, region and what the recipe reads have to be given."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema
    from mlflow.types.schema import AnyType

    columns = list(panel.to_frame(cells=True).columns)
    placed = [CELLS] if trained.surroundings.placed else []
    needed = {"month", "region_id", *placed, *(column_of(name, columns) for name in measures_read(trained))}
    asked = [
        ColSpec(
            # MLflow turns no whole numbers into doubles; whatever is no count is refused by the panel, by name.
            "string" if name in NAMES else "boolean" if name == "observed" else AnyType(),
            name,
            required=name in needed,
        )
        for name in columns
    ]
    numbers = {"horizon": "long", "value": "double", "origin_date": "datetime", "target_end_date": "datetime"}
    answered = [ColSpec(numbers.get(name, "string"), name) for name in HUB_COLUMNS]
    return ModelSignature(Schema(asked), Schema(answered))


def requirements() -> list[str]:
    """What a process needs that serves the model, in the versions that made it."""
    return [f"{name}=={metadata.version(name)}" for name in ("harmattan", "mlflow", *LIBRARIES)]
