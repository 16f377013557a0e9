"""What hubverse's schema 5.1.0 asks of ``tasks.json`` and ``admin.json``, as far as a hub like ours uses it.

Written from the published schema's rules, in less room: no text of it is copied. With HARMATTAN_HUB_SCHEMAS set to a
folder with the official ``tasks-schema.json`` and ``admin-schema.json``, tests use those.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

_DATE = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}


def _values(items: dict[str, Any], kinds: tuple[str, ...] = ("array", "null")) -> dict[str, Any]:
    return {"type": list(kinds), "uniqueItems": True, "items": items}


def _task_id(items: dict[str, Any]) -> dict[str, Any]:
    return _closed({"required": _values(items), "optional": _values(items)})


def _closed(properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def _output(ids: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    return _closed(
        {"output_type_id": _closed({"required": ids}), "value": value, "is_required": {"type": "boolean"}}
    )


_NUMBER = {"enum": ["double", "integer"]}
_COUNT = _closed(
    {"type": _NUMBER, "minimum": {"type": "number"}, "maximum": {"type": "number"}}, ("minimum", "maximum")
)
_PROBABILITY = _closed({"type": {"const": "double"}, "minimum": {"const": 0}, "maximum": {"const": 1}})
_LEVEL = {"type": "number", "minimum": 0, "maximum": 1}
_OUTPUTS = {
    "mean": _output({"type": "null"}, _COUNT),
    "median": _output({"type": "null"}, _COUNT),
    "quantile": _output(_values(_LEVEL, ("array",)), _COUNT),
    "cdf": _output(_values({"type": ["number", "string"]}, ("array",)), _PROBABILITY),
    "pmf": _output(_values({"type": "string"}, ("array",)), _PROBABILITY),
}
_TARGET = {
    "type": "object",
    "properties": {
        "target_id": {"type": "string", "maxLength": 30},
        "target_name": {"type": "string", "maxLength": 100},
        "target_units": {"type": "string", "maxLength": 100},
        "target_keys": {
            "type": ["object", "null"],
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": {"type": "string"},
        },
        "description": {"type": "string"},
        "target_type": {
            "enum": ["continuous", "discrete", "date", "binary", "nominal", "ordinal", "compositional"]
        },
        "is_step_ahead": {"type": "boolean"},
        "time_unit": {"enum": ["day", "week", "month"]},
    },
    "required": ["target_id", "target_name", "target_units", "target_type", "target_keys", "is_step_ahead"],
    "if": {"properties": {"is_step_ahead": {"const": True}}},
    "then": {"required": ["time_unit"]},
}
_WHOLE = {"type": "integer"}
_DUE = {
    "oneOf": [
        _closed({"relative_to": {"type": "string"}, "start": _WHOLE, "end": _WHOLE}),
        _closed({"start": _DATE, "end": _DATE}),
    ]
}
_GROUP = _closed(
    {
        "task_ids": {
            "type": "object",
            "properties": {
                "origin_date": _task_id(_DATE),
                "target_end_date": _task_id(_DATE),
                "location": _task_id({"type": "string"}),
                "target": _task_id({"type": "string"}),
                "horizon": _task_id({"type": ["integer", "string"]}),
            },
            "additionalProperties": _task_id({}),
        },
        "output_type": {"type": "object", "properties": _OUTPUTS, "additionalProperties": False},
        "target_metadata": {"type": "array", "items": _TARGET},
    }
)
_ROUND = {
    "type": "object",
    "properties": {
        "round_id_from_variable": {"type": "boolean"},
        "round_id": {"type": "string"},
        "model_tasks": {"type": "array", "items": _GROUP},
        "submissions_due": _DUE,
    },
    "required": ["round_id_from_variable", "round_id", "model_tasks", "submissions_due"],
}
TASKS = _closed(
    {
        "schema_version": {"type": "string", "pattern": r"^https://.*/v5\.1\.0/tasks-schema\.json$"},
        "rounds": {"type": "array", "items": _ROUND},
        "output_type_id_datatype": {"enum": ["auto", "character", "double", "integer", "logical", "Date"]},
        "derived_task_ids": _values({"type": "string"}),
    },
    ("output_type_id_datatype", "derived_task_ids"),
)
_TEXT = {"type": "string"}
#: Where the time zones begin that the official schema lists; UTC is none of them.
_ZONES = "Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific"
ADMIN = _closed(
    {
        "schema_version": {"type": "string", "pattern": r"^https://.*/v5\.1\.0/admin-schema\.json$"},
        "name": _TEXT,
        "maintainer": _TEXT,
        "contact": {"type": "object", "properties": {"name": _TEXT, "email": {**_TEXT, "pattern": "@"}}},
        "repository": {
            "type": "object",
            "properties": {"host": {"enum": ["github"]}, "owner": _TEXT, "name": _TEXT},
        },
        "file_format": {"type": "array", "items": {"enum": ["csv", "parquet", "arrow"]}},
        "timezone": {"type": "string", "pattern": f"^({_ZONES})/"},
        "model_output_dir": _TEXT,
    },
    ("model_output_dir",),
)


def schema(name: str) -> dict[str, Any]:
    """The rules of ``tasks`` or ``admin``: the official ones where they are at hand, else those above."""
    folder = os.environ.get("HARMATTAN_HUB_SCHEMAS")
    if folder:
        official: dict[str, Any] = json.loads((Path(folder) / f"{name}-schema.json").read_text("utf-8"))
        return official
    return {"tasks": TASKS, "admin": ADMIN}[name]
