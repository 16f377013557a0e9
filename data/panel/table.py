"""A long table as the arrays of a panel: every rule that a table has to keep, whichever door it comes through."""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..convert import Problems, days_of, flag, number, text
from ..errors import SchemaError, listed, nearest
from ..frames import pandas_of
from ..geography import iso3, region_slug
from ..months import months_of
from ..schemas import PANEL_KEYS

#: Beyond this a float32 skips whole numbers; a measure that goes there is kept as float64.
EXACT_IN_FLOAT32 = 2.0**24
#: Columns that say where a region is, not how much happened there.
_PLACES = {"latitude", "longitude", "lat", "lon", "lng", "long", "x", "y", "geometry", "wkt"}


def arrays_of(
    table: Any, where: str, *, fractions: bool = False, decimal_comma: bool = False
) -> dict[str, Any]:
    """The fields of a panel from a long table.

    Parameters
    ----------
    table : pandas.DataFrame, or a table of polars or Arrow
        ``month, region_id`` (or ``name`` and ``country``), one measure or more; see :meth:`Panel.from_frame`.
    where : str
        The file or table to name in errors.
    fractions : bool
        Counts may be fractions: the package's own tables, with months spread by days.
    decimal_comma : bool
        Texts write 1,5 for one and a half.

    Returns
    -------
    dict
        Fields of :class:`Panel` but for links and source; ``attrs["unused_columns"]`` names what was left aside.

    Raises
    ------
    SchemaError
        A column is missing or stands there twice, a value breaks a rule, or a row is given twice.
    """
    frame = _own_columns(_with_index(pandas_of(table)), where)
    problems = Problems(where)
    if "country" in frame:
        frame["country"] = _codes(text(frame["country"]))
    if "region_id" not in frame and {"name", "country"} <= set(frame.columns):
        frame["region_id"] = _ids_of(frame["country"], text(frame["name"]).str.normalize("NFC"), where)
    for column in ("month", "region_id"):
        if column not in frame:
            raise SchemaError(
                f"a panel needs a column '{column}'.", where, nearest(column, map(str, frame.columns))
            )
    if frame.empty:
        raise SchemaError("the panel has no rows.", where, "Give one row per month and region.")
    frame["region_id"] = text(frame["region_id"]).str.normalize("NFC")
    if isinstance(frame["month"].dtype, pd.DatetimeTZDtype):
        frame["month"] = days_of(frame["month"])
    problems.add(frame["region_id"] == "", frame["region_id"], "empty")
    months = months_of(frame["month"].rename_axis("row"), where)
    seen = flag(frame["observed"], problems).to_numpy() if "observed" in frame else np.ones(len(frame), bool)
    measures, unused = _measures(frame, problems, fractions, decimal_comma)
    problems.raise_if_any()
    _require_a_count(measures, unused, frame, where)
    return _dense(frame, months, seen, measures, where) | {
        "attrs": {"unused_columns": unused} if unused else {}
    }


def _with_index(frame: pd.DataFrame) -> pd.DataFrame:
    """A table whose index holds months or regions, with these as columns."""
    index = frame.index
    if isinstance(index, pd.PeriodIndex | pd.DatetimeIndex) and index.name is None and "month" not in frame:
        return frame.rename_axis("month").reset_index()
    keys = [n for n in index.names if n in PANEL_KEYS and n not in frame]
    return frame.reset_index() if keys else frame


def _own_columns(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """A copy whose index holds the rows of the file, the header being row 1."""
    names = [str(c) for c in frame.columns]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise SchemaError(f"the column '{twice}' stands there twice.", where, "Drop one of them.")
    frame = frame.set_axis(names, axis=1)
    if frame.index.name != "row":
        frame = frame.set_axis(pd.RangeIndex(2, len(frame) + 2, name="row"), axis=0)
    if "deaths" in frame and "deaths_best" not in frame:
        frame = frame.rename(columns={"deaths": "deaths_best"})
    return frame.copy()


def _codes(names: pd.Series) -> pd.Series:
    """ISO3 of countries given by name or code; what is not known stays, in capitals."""
    return names.map({n: iso3(n) or n.upper() for n in names.unique()}).astype("str")


def _ids_of(countries: pd.Series, names: pd.Series, where: str) -> list[str]:
    """Ids made of country and name; a :class:`SchemaError` where two names of a country make one id."""
    made: dict[str, str] = {}
    ids = [region_slug(c, n) if n else "" for c, n in zip(countries, names, strict=True)]
    for region_id, name in zip(ids, names, strict=True):
        if made.setdefault(region_id, name) != name:
            raise SchemaError(
                f"'{made[region_id]}' and '{name}' make the same id, {region_id}.",
                where,
                "Give a column region_id.",
            )
    return ids


def _measures(
    frame: pd.DataFrame, problems: Problems, fractions: bool, decimal_comma: bool
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Every count, float64 per row; and the columns that hold none."""
    measures, unused = {}, []
    for name in (c for c in frame.columns if c not in PANEL_KEYS):
        is_count = name.startswith(("events", "deaths", "late_events"))
        if not is_count and (name.lower() in _PLACES or not _holds_counts(frame[name])):
            unused.append(name)
            continue
        whole = not fractions and is_count
        values = number(frame[name], problems, low=0, whole=whole, nullable=True, decimal_comma=decimal_comma)
        measures[name] = values.to_numpy(np.float64)
    return measures, unused


def _require_a_count(
    measures: Mapping[str, np.ndarray], unused: list[str], frame: pd.DataFrame, where: str
) -> None:
    """A count there must be, and none whose name is nearly, but not quite, that of the usual ones."""
    usual = ("events", "deaths", "deaths_best")
    slips = [] if set(usual) & set(measures) else difflib.get_close_matches("events", measures, 1, 0.8)
    if slips or not measures:
        remedy = (
            f"Did you mean '{slips[0]}'?"
            if slips
            else f"The file has: {listed(frame.columns, near='events')}."
        )
        aside = f" {left_aside(unused[0])}" if unused else ""
        raise SchemaError(
            f"the column 'events' is missing, and no other count is there.{aside}", f"{where}, row 1", remedy
        )


def left_aside(column: str) -> str:
    """Why a column is no measure.

    >>> left_aside("displaced")
    "'displaced' was left aside: it holds text, places or negative numbers."
    """
    return f"'{column}' was left aside: it holds text, places or negative numbers."


def _holds_counts(values: pd.Series) -> bool:
    """Numbers, or texts of numbers, none below zero; a single word among numbers is an offence, not a text column."""
    if pd.api.types.is_bool_dtype(values.dtype) or pd.api.types.is_datetime64_any_dtype(values.dtype):
        return False
    numbers = pd.to_numeric(values.astype("str") if values.dtype == object else values, errors="coerce")
    return bool(numbers.notna().any()) and not bool((numbers < 0).any())


def _dense(
    frame: pd.DataFrame,
    months: pd.PeriodIndex,
    seen: np.ndarray,
    measures: dict[str, np.ndarray],
    where: str,
) -> dict[str, Any]:
    index = pd.period_range(months.min(), months.max(), freq="M")
    first = frame.drop_duplicates("region_id").sort_values("region_id")
    ids = tuple(first["region_id"])
    countries = _countries(frame, first, where)
    col = pd.Categorical(frame["region_id"], categories=ids).codes.astype(np.int64)
    row = months.astype("int64").to_numpy() - index[0].ordinal
    shape = (len(index), len(ids))
    given = np.bincount(row * shape[1] + col, minlength=shape[0] * shape[1]).reshape(shape)
    if (given > 1).any():
        r, c = np.argwhere(given > 1)[0]
        raise SchemaError(
            f"{ids[c]} has more than one row for {index[r]}.",
            where,
            "Give every region and month one row: add up those that are parts of it.",
        )
    observed = given.astype(bool)
    observed[row, col] = seen & ~np.isnan(measures.get("events", next(iter(measures.values()))))
    if not observed.any():
        main = "events" if "events" in measures else next(iter(measures))
        raise SchemaError(
            f"no month is observed: '{main}' is empty in every row.", where, "Check the column."
        )
    dense = {}
    for name, values in measures.items():
        exact = np.float32 if np.nanmax(values, initial=0.0) <= EXACT_IN_FLOAT32 else np.float64
        dense[name] = np.full(shape, np.nan, dtype=exact)
        dense[name][row, col] = np.where(observed[row, col], values, np.nan)
    return {
        "months": index,
        "region_ids": ids,
        "names": tuple(text(first["name"])) if "name" in first else ids,
        "countries": countries,
        "measures": dense,
        "observed": observed,
    }


def _countries(frame: pd.DataFrame, first: pd.DataFrame, where: str) -> tuple[str, ...]:
    """The country of every region; from its id, up to the first hyphen, where no column names it."""
    if "country" not in frame:
        found = tuple(i.split("-")[0] for i in first["region_id"])
        if len(set(found)) == len(found) > 2 and not all(re.fullmatch("[A-Z]{3}", c) for c in found):
            logging.getLogger("harmattan").warning(
                f"{where}: each of {len(found)} regions is taken for a country of its own, such as '{found[0]}': no "
                "column 'country' says which they lie in, and no id begins with a country's code and a hyphen."
            )
        return found
    empty = frame["country"] == ""
    if empty.any():
        row = int(frame.index[empty][0])
        what = f"the country of {frame['region_id'].iloc[int(np.flatnonzero(empty)[0])]} is empty."
        raise SchemaError(what, f"{where}, row {row}", "Fill the cell, or leave the column out.")
    pairs = frame[["region_id", "country"]].drop_duplicates()
    twice = pairs["region_id"].duplicated(keep=False)
    if twice.any():
        name = pairs.loc[twice, "region_id"].iloc[0]
        both = sorted(pairs.loc[pairs["region_id"] == name, "country"])
        raise SchemaError(
            f"'{name}' is in two countries, {both[0]} and {both[1]}.",
            where,
            "Give every region an id of its own, such as the country's code and the name.",
        )
    return tuple(first["country"])
