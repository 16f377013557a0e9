"""A release as a hub of its own: configuration, model metadata and one file of model output, as hubverse lays it out.

The layout is that of https://docs.hubverse.io with schema 5.1.0: ``hub-config/``, ``model-metadata/`` and
``model-output/<team>-<model>/<origin_date>-<team>-<model>.parquet``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..theatre import NOT_STATED
from .hub_table import HUB_COLUMNS, LEVELS, THRESHOLDS

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMAS = "https://raw.githubusercontent.com/hubverse-org/schemas/main/v5.1.0"
TEAM, MODEL = "harmattan", "pool"
MODEL_ID = f"{TEAM}-{MODEL}"
#: Letters that the schema allows the id of a target.
LONGEST_ID = 30
#: The folder of a release that is a hub.
HUB_FOLDER = "hub"
TARGETS = {
    "events": (
        "Reported violent events in the month",
        "Reported events, as the source counts them, all violence.",
    ),
    "deaths": ("Deaths in the month", "Deaths in reported events, best estimate, all types of violence."),
}
#: What weights of the members are, in words.
_POOLS = {
    "learned": "A linear pool weighted by past forecasts",
    "equal": "An equal mixture of models",
    "one model": "One model",
}
#: An address for mail within a text, and the brackets around it.
_ADDRESS = re.compile(r"[<(]?([\w.+-]+@[\w-]+(?:\.[\w-]+)+)[>)]?")
#: Task ids whose every combination is forecast.
_TASK_IDS = ("origin_date", "target", "horizon", "location")


def output_path(origin_date: str) -> str:
    """Where the forecasts of one origin are in the hub.

    >>> output_path("2023-12-31")
    'hub/model-output/harmattan-pool/2023-12-31-harmattan-pool.parquet'
    """
    return f"{HUB_FOLDER}/model-output/{MODEL_ID}/{origin_date}-{MODEL_ID}.parquet"


def tasks(table: pd.DataFrame) -> dict[str, Any]:
    """``tasks.json`` for the forecasts of one table: everything in it is required, and nothing else allowed.

    Targets of the same locations are one group of tasks; a part may have fewer.
    """
    alike: dict[tuple[str, ...], list[str]] = {}
    for target, rows in table[["target", "location"]].drop_duplicates().groupby("target", sort=False):
        alike.setdefault(tuple(sorted(rows["location"])), []).append(str(target))
    ends = sorted({str(d) for d in table["target_end_date"].unique()})
    ids: dict[str, Any] = {
        "origin_date": _needed([str(d) for d in table["origin_date"].unique()]),
        "horizon": _needed(sorted(int(h) for h in table["horizon"].unique())),
        "target_end_date": {"required": None, "optional": ends},
    }
    groups: list[dict[str, Any]] = []
    for locations, targets in alike.items():
        where = {"target": _needed(targets), "location": _needed(locations)}
        metadata = [_target(t) for t in targets]
        groups += [{"task_ids": ids | where, "output_type": _output_types(), "target_metadata": metadata}]
    round_of = {
        "round_id_from_variable": True,
        "round_id": "origin_date",
        "model_tasks": groups,
        "submissions_due": {"relative_to": "origin_date", "start": 1, "end": 62},
    }
    return {
        "schema_version": f"{SCHEMAS}/tasks-schema.json",
        "rounds": [round_of],
        "output_type_id_datatype": "character",
        "derived_task_ids": ["target_end_date"],
    }


def _needed(values: Sequence[Any]) -> dict[str, Any]:
    return {"required": list(values), "optional": None}


def _output_types() -> dict[str, Any]:
    count = {"type": "double", "minimum": 0}
    probability = {"type": "double", "minimum": 0, "maximum": 1}
    return {
        "mean": {"output_type_id": {"required": None}, "is_required": True, "value": count},
        "quantile": {"output_type_id": {"required": list(LEVELS)}, "is_required": True, "value": count},
        "cdf": {"output_type_id": {"required": list(THRESHOLDS)}, "is_required": True, "value": probability},
    }


def _target(target: str) -> dict[str, Any]:
    name, about = TARGETS.get(target, (target, target))
    return {
        "target_id": target[:LONGEST_ID],
        "target_name": name,
        "target_units": "count",
        "target_keys": {"target": target},
        "description": about,
        "target_type": "discrete",
        "is_step_ahead": True,
        "time_unit": "month",
    }


def admin(contact: str | None = None, timezone: str = "Europe/London") -> dict[str, Any]:
    """``admin.json``; the schema knows zones of places alone, so that UTC is that of Iceland, the same all year.

    >>> admin("Early Warning Desk <desk@example.org>")["contact"]
    {'name': 'Early Warning Desk', 'email': 'desk@example.org'}
    """
    person = _person(contact or "The publisher of this release")
    return {
        "schema_version": f"{SCHEMAS}/admin-schema.json",
        "name": "Harmattan: monthly forecasts of violent events by region",
        "maintainer": person["name"],
        "contact": person,
        "repository": {"host": "github", "name": "harmattan"},
        "file_format": ["parquet"],
        "timezone": timezone if "/" in timezone and not timezone.startswith("Etc/") else "Atlantic/Reykjavik",
        "model_output_dir": "model-output",
    }


def _person(contact: str) -> dict[str, str]:
    """A name, and an address where there is one."""
    found = _ADDRESS.search(contact)
    if not found:
        return {"name": contact}
    name = (contact[: found.start()] + contact[found.end() :]).strip(" ,;:")
    return {"name": name or found[1], "email": found[1]}


def metadata_schema() -> dict[str, Any]:
    """``model-metadata-schema.json``: what the metadata of a model in this hub has to say."""
    short = {"type": "string", "pattern": "^[a-zA-Z0-9_]+$", "maxLength": 16}
    text = {"type": "string", "minLength": 1}
    other = {"team_abbr": short, "model_abbr": short, "designated_model": {"type": "boolean"}}
    other["methods"] = {"type": "string", "minLength": 1, "maxLength": 200}
    names = ["team_name", "team_abbr", "model_name", "model_abbr", "model_version", "license"]
    names += ["designated_model", "data_inputs", "methods"]
    properties = {name: other.get(name, text) for name in names}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Metadata of a model in this hub",
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def metadata(
    source: str, package_version: str, model: Mapping[str, Any] | None = None, licence: str = NOT_STATED
) -> dict[str, Any]:
    """The metadata of the model that made a release.

    Parameters
    ----------
    source : str
        What the counts were computed from.
    package_version : str
        Version of this package.
    model : mapping, optional
        What is known of the model: ``name``, ``version`` where it is registered, ``reason`` where it stands in for
        another, ``weights`` and ``calibrated``.
    licence : str
        Of the forecasts.
    """
    known = model or {}
    trained = f", {known.get('name', 'model')} {known['version']}" if known.get("version") else ""
    reason = str(known.get("reason", ""))
    pool = _POOLS.get(str(known.get("weights")), "A linear pool of models")
    calibrated = bool(known.get("calibrated"))
    how = f"{pool}{', calibrated on past forecasts' if calibrated else ''}"
    return {
        "team_name": "Harmattan",
        "team_abbr": TEAM,
        "model_name": "Stand-in for the pool"
        if reason
        else f"{'Calibrated pool' if calibrated else 'Pool'} of count models",
        "model_abbr": MODEL,
        "model_version": f"{package_version or 'unknown'}{trained}",
        "license": licence.replace("CC BY 4.0", "CC-BY-4.0"),
        "designated_model": True,
        "data_inputs": source or "monthly counts of events by region",
        "methods": (reason or f"{how}; joint draws in the order of past errors.")[:200],
    }


def hub_files(
    regions: pd.DataFrame,
    countries: pd.DataFrame,
    source: str,
    package_version: str,
    model: Mapping[str, Any] | None = None,
    contact: str | None = None,
    licence: str = NOT_STATED,
    timezone: str = "Europe/London",
) -> dict[str, pa.Table | str]:
    """Every file of ``hub/`` by path.

    Parameters
    ----------
    regions, countries : pandas.DataFrame
        Hub tables of one origin; a location that is in both (a country of one region) counts once.
    source, package_version, model, licence
        See :func:`metadata`.
    contact, timezone
        See :func:`admin`.
    """
    own = countries[~countries["location"].isin(regions["location"].unique())]
    table = pd.concat([regions, own], ignore_index=True)
    return {
        output_path(str(table["origin_date"].iloc[0])): _typed(table),
        f"{HUB_FOLDER}/hub-config/admin.json": _json(admin(contact, timezone)),
        f"{HUB_FOLDER}/hub-config/tasks.json": _json(tasks(table)),
        f"{HUB_FOLDER}/hub-config/model-metadata-schema.json": _json(metadata_schema()),
        f"{HUB_FOLDER}/model-metadata/{MODEL_ID}.yml": _yaml(
            metadata(source, package_version, model, licence)
        ),
    }


def hub_schema() -> pa.Schema:
    """The columns of a hub's output and their types; R reads them as Date, character, integer and double."""
    import pyarrow as pa

    kinds = {"origin_date": pa.date32(), "target_end_date": pa.date32(), "horizon": pa.int32()}
    kinds |= {"value": pa.float64()}
    return pa.schema([(name, kinds.get(name, pa.string())) for name in HUB_COLUMNS])


def _typed(table: pd.DataFrame) -> pa.Table:
    """The table with the column types of the hub."""
    import pyarrow as pa

    return pa.Table.from_pandas(table[list(HUB_COLUMNS)], schema=hub_schema(), preserve_index=False)


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _yaml(content: Mapping[str, Any]) -> str:
    """Flat YAML: every value as JSON, which YAML reads as it is."""
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in content.items())


def check_tasks(table: pd.DataFrame, config: Mapping[str, Any]) -> pd.DataFrame:
    """Rows that ``tasks.json`` does not allow, and rows that it asks for and that are missing or twice there.

    Parameters
    ----------
    table : pandas.DataFrame
        Model output, as read back.
    config : mapping
        ``tasks.json``.

    Returns
    -------
    pandas.DataFrame
        ``origin_date, target, horizon, location, output_type, output_type_id, value, problem``.
    """
    asked = pd.concat([_asked(group) for group in config["rounds"][0]["model_tasks"]])
    keys = [*_TASK_IDS, "output_type", "output_type_id"]
    there = pd.DataFrame({name: table[name].fillna("").astype(str) for name in keys})
    there["value"] = table["value"].to_numpy(float)
    joined = asked.merge(there, on=keys, how="outer", indicator="side")
    times = joined.groupby(keys, sort=False)["output_type"].transform("size")
    low, high = joined["low"].to_numpy(float), joined["high"].to_numpy(float)
    value = joined["value"].to_numpy(float)
    with np.errstate(invalid="ignore"):
        outside = ~((value >= low) & (value <= high))
    problem = np.select(
        [joined["side"] == "right_only", joined["side"] == "left_only", times > 1, outside],
        ["not allowed", "missing", "more than once", "value outside its range"],
        "",
    )
    wrong: pd.DataFrame = joined.assign(problem=problem).loc[problem != "", [*keys, "value", "problem"]]
    return wrong


def _asked(group: Mapping[str, Any]) -> pd.DataFrame:
    """One row for everything that a group of tasks requires, with the range of its value."""
    cases = pd.MultiIndex.from_product(
        [[str(v) for v in group["task_ids"][name]["required"]] for name in _TASK_IDS], names=_TASK_IDS
    ).to_frame(index=False)
    outputs = pd.DataFrame(
        [
            (kind, str(i), rule["value"].get("minimum", -np.inf), rule["value"].get("maximum", np.inf))
            for kind, rule in group["output_type"].items()
            for i in (rule["output_type_id"]["required"] or [""])
        ],
        columns=["output_type", "output_type_id", "low", "high"],
    )
    return cases.merge(outputs, how="cross")


def check_dates(table: pd.DataFrame) -> pd.DataFrame:
    """Rows whose ``target_end_date`` is not the last day of the month ``horizon`` months after ``origin_date``."""
    origin = pd.to_datetime(table["origin_date"]).to_numpy().astype("datetime64[M]")
    after = origin + table["horizon"].to_numpy(np.int64) + 1
    wanted = after.astype("datetime64[D]") - 1
    end = pd.to_datetime(table["target_end_date"]).to_numpy().astype("datetime64[D]")
    wrong: pd.DataFrame = table[end != wanted]
    return wrong
