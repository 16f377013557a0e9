"""Layouts in which others write forecasts: hubverse, VIEWS and tidy tables, checked and made one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...data import months_of
from ...data.errors import SchemaError, UsageError, nearest
from ...data.frames import pandas_of
from ...data.geography import COUNTRY_ID

#: Output types that say how likely counts are; means and medians alone do not.
KINDS = ("quantile", "sample", "cdf")
#: Columns of the one layout that all are read into.
COLUMNS = ["model", "target", "origin", "horizon", "region_id", "kind", "at", "value"]
#: How a tidy table names the ends of an interval: ``lo-80``, ``hi-80``, also behind a model's name.
_INTERVAL = re.compile(r"(?:(.+)-)?(lo|hi)-(\d{1,2}(?:\.\d+)?)")


def read_layout(table: Any, target: str | None, where: str, origin: Any) -> pd.DataFrame:
    """A table in any of the layouts, as checked rows of :data:`COLUMNS`."""
    frame = _read(table)
    frame.index = pd.RangeIndex(2, len(frame) + 2, name="row")
    if frame.empty:
        raise SchemaError("there are no rows.", where, "Give the forecasts.")
    name = Path(where).stem if where != "table" else "table"
    if {"output_type", "value"} <= set(frame.columns):
        rows = _hubverse(frame, name, where)
    elif {"draw", "outcome"} <= set(frame.columns):
        rows = _views(frame, name, where, origin)
    elif {"unique_id", "ds"} <= set(frame.columns):
        rows = _tidy(frame, name, where, origin)
    else:
        what = f"this is none of the known layouts: it has {', '.join(map(str, frame.columns[:12]))}."
        raise SchemaError(
            what, where, "Write hubverse, VIEWS or tidy columns; see the page on own forecasts."
        )
    return _checked(_of_target(rows, target, where), where)


def _read(table: Any) -> pd.DataFrame:
    if not isinstance(table, str | Path):
        return pandas_of(table).copy()
    from ...data.sources import read_table

    path = Path(table)
    if path.suffix == ".parquet" and path.is_file():
        return pd.read_parquet(path)
    return read_table(path).frame.copy()


def _hubverse(frame: pd.DataFrame, name: str, where: str) -> pd.DataFrame:
    """Rows of a hubverse table; means and medians are left aside."""
    _need(frame, ("origin_date", "location", "output_type_id"), where)
    model = next((c for c in ("model_id", "model", "team_model") if c in frame), None)
    kept = frame[frame["output_type"].isin(KINDS)]
    if kept.empty:
        what = f"there are no {', '.join(KINDS)} rows."
        raise SchemaError(what, where, "A mean or a median alone is no distribution.")
    origin = months_of(kept["origin_date"], where, coarse=True)
    if "target_end_date" in kept:
        ahead = months_of(kept["target_end_date"], where, coarse=True)
        horizon = ahead.asi8 - origin.asi8
        if "horizon" in kept and (horizon != pd.to_numeric(kept["horizon"], errors="coerce")).any():
            row = int(
                kept.index[np.flatnonzero(horizon != pd.to_numeric(kept["horizon"], errors="coerce"))[0]]
            )
            raise SchemaError(
                "horizon and target_end_date disagree.", f"{where}, row {row}", "Correct one of them."
            )
    else:
        _need(frame, ("horizon",), where)
        horizon = pd.to_numeric(kept["horizon"], errors="coerce").to_numpy()
    return pd.DataFrame(
        {
            "model": kept[model].astype(str) if model else name,
            "target": kept["target"].astype(str) if "target" in kept else "",
            "origin": origin,
            "horizon": horizon,
            "region_id": kept["location"].astype(str),
            "kind": kept["output_type"].astype(str),
            "at": _levels(kept["output_type_id"]),
            "value": pd.to_numeric(kept["value"], errors="coerce"),
        },
        index=kept.index,
    )


def _levels(ids: pd.Series) -> np.ndarray:
    """Levels, counts or draws as numbers; names of draws are numbered."""
    numbers = pd.to_numeric(ids, errors="coerce")
    return np.asarray(numbers if numbers.notna().all() else pd.factorize(ids)[0].astype(float))


def _views(frame: pd.DataFrame, name: str, where: str, origin: Any) -> pd.DataFrame:
    """Rows of the layout of the VIEWS challenge."""
    unit = next((c for c in ("region_id", "country_id", "priogrid_gid") if c in frame), None)
    if unit is None:
        raise SchemaError("there is no unit.", where, "Give region_id, country_id or priogrid_gid.")
    _need(frame, ("month_id",), where)
    if origin is None and "origin" not in frame:
        raise UsageError(
            "the layout of VIEWS does not say from when it is.", where, "Name it: origin='2022-10'."
        )
    places = frame[unit].astype(str)
    if unit == "country_id":
        codes = {str(number): iso3 for iso3, number in COUNTRY_ID.items()}
        places = places.map(lambda c: codes.get(c, c))
    known = frame["origin"] if origin is None else pd.Series(origin, index=frame.index)
    start = months_of(known, where, coarse=True)
    # Month 1 of VIEWS is January 1980.
    ahead = pd.to_numeric(frame["month_id"], errors="coerce") + pd.Period("1979-12", "M").ordinal
    return pd.DataFrame(
        {
            "model": frame["model"].astype(str) if "model" in frame else name,
            "target": "",
            "origin": start,
            "horizon": ahead.to_numpy() - start.asi8,
            "region_id": places,
            "kind": "sample",
            "at": pd.to_numeric(frame["draw"], errors="coerce"),
            "value": pd.to_numeric(frame["outcome"], errors="coerce"),
        },
        index=frame.index,
    )


def _tidy(frame: pd.DataFrame, name: str, where: str, origin: Any) -> pd.DataFrame:
    """Rows of the tidy layout of forecasting libraries: intervals become quantiles."""
    if "cutoff" not in frame and origin is None:
        raise UsageError(
            "the table does not say from when it is.", where, "Give a column cutoff, or origin=."
        )
    known = frame["cutoff"] if origin is None else pd.Series(origin, index=frame.index)
    start = months_of(known, where, coarse=True)
    horizon = months_of(frame["ds"], where, coarse=True).asi8 - start.asi8
    parts = []
    for column in frame.columns:
        found = _INTERVAL.fullmatch(str(column))
        if found:
            model, side, width = found.groups()
            half = (1 - float(width) / 100) / 2
            level = half if side == "lo" else 1 - half
        elif f"{column}-lo-80" in frame or f"{column}-lo-90" in frame or str(column) in ("median", "q-0.5"):
            model, level = (None if str(column) in ("median", "q-0.5") else str(column)), 0.5
        else:
            continue
        label = frame["model"].astype(str) if model is None and "model" in frame else model or name
        parts.append(
            pd.DataFrame(
                {
                    "model": label,
                    "target": frame["target"].astype(str) if "target" in frame else "",
                    "origin": start,
                    "horizon": horizon,
                    "region_id": frame["unique_id"].astype(str),
                    "kind": "quantile",
                    "at": round(level, 6),
                    "value": pd.to_numeric(frame[column], errors="coerce"),
                },
                index=frame.index,
            )
        )
    if not parts:
        raise SchemaError("there are no intervals.", where, "Give lo-80 and hi-80, and the like.")
    return pd.concat(parts)


def _of_target(rows: pd.DataFrame, target: str | None, where: str) -> pd.DataFrame:
    known = sorted(set(rows["target"]) - {""})
    if target is None and len(known) != 1:
        what = (
            f"the table holds {', '.join(known)}." if known else "the table does not say what it forecasts."
        )
        raise UsageError(what, where, f"Name it: target='{known[0] if known else 'events'}'.")
    wanted = target or known[0]
    if known and wanted not in known:
        raise UsageError(f"'{wanted}' is not in the table.", where, nearest(wanted, known))
    return rows[rows["target"].isin([wanted, ""])].assign(target=wanted)


def _checked(rows: pd.DataFrame, where: str) -> pd.DataFrame:
    """The rows in order; a :class:`SchemaError` for the first that breaks a rule."""
    value, at = rows["value"], rows["at"]
    quantile, cdf = rows["kind"] == "quantile", rows["kind"] == "cdf"
    rules: dict[str, Any] = {
        "the value is no finite number": ~np.isfinite(value.astype(float)),
        "the value is below zero": value < 0,
        "the horizon is no whole number": rows["horizon"].isna() | (rows["horizon"] % 1 != 0),
        "the month that is forecast is not after the origin: forecast and data overlap": rows["horizon"] < 1,
        "the draw is empty": (rows["kind"] == "sample") & at.isna(),
        "the level of a quantile is not between 0 and 1": quantile & ~((at > 0) & (at < 1)),
        "a cumulative probability is above 1": cdf & (value > 1 + 1e-9),
        "the count of a cumulative probability is below zero": cdf & ~(at >= 0),
    }
    for what, wrong in rules.items():
        if wrong.any():
            row = int(rows.index[np.flatnonzero(wrong)[0]])
            remedy = "Correct the row, or leave it out."
            raise SchemaError(f"{what}.", f"{where}, row {row}", remedy)
    keys = ["model", "origin", "horizon", "region_id"]
    twice = rows.duplicated([*keys, "kind", "at"])
    if twice.any():
        row = int(rows.index[np.flatnonzero(twice)[0]])
        raise SchemaError("the same number stands twice.", f"{where}, row {row}", "Keep one of them.")
    # Whoever gives several kinds says the same twice; quantiles say it best.
    rank = rows["kind"].map(KINDS.index)
    rows = rows[rank == rank.groupby([rows[k] for k in keys[:3]]).transform("min")]
    ordered = rows.sort_values([*keys, "at"], kind="stable")
    same = (ordered[keys] == ordered[keys].shift()).all(axis=1)
    falls = same & (ordered["kind"] != "sample") & (ordered["value"].diff() < -1e-9)
    if falls.any():
        row = int(ordered.index[np.flatnonzero(falls)[0]])
        place = ordered.loc[[row]].iloc[0]
        what = (
            f"the {place['kind']}s of {place['region_id']} from {place['origin']} cross at {place['at']:g}."
        )
        raise SchemaError(
            what, f"{where}, row {row}", "Sort them, or ask the model for values that do not fall."
        )
    kinds_of = {"horizon": "int64", "at": "float64", "value": "float64"}
    return ordered.astype(kinds_of)[COLUMNS].reset_index(drop=True)


def _need(frame: pd.DataFrame, columns: Sequence[str], where: str) -> None:
    for column in columns:
        if column not in frame:
            raise SchemaError(
                f"the column '{column}' is missing.", where, nearest(column, map(str, frame.columns))
            )
