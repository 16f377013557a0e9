"""Monthly counts as HDX offers them, known by their columns: ACLED's sheets by month and year, and HAPI's table."""

from __future__ import annotations

import calendar
from dataclasses import replace

import pandas as pd

from ..convert import Problems, number, text
from ..errors import SchemaError
from .tables import RawTable

#: Columns that make a table ACLED's "events and fatalities by month-year", and HAPI's conflict events.
_SHEET = {"country", "admin1", "month", "year", "events"}
_HAPI = {"location_code", "event_type", "events", "reference_period_start", "reference_period_end"}
HDX_COLUMNS = _SHEET | _HAPI
#: What HAPI counts as violence; civilian targeting is a part of it, and demonstrations are none.
_VIOLENCE = "political_violence"
_MONTHS = {name.lower(): f"{i:02d}" for i, name in enumerate(calendar.month_name) if name}


def is_aggregated(names: set[str]) -> bool:
    """Whether columns are one of HDX's layouts.

    >>> is_aggregated({"country", "admin1", "month", "year", "events", "fatalities"}), is_aggregated({"month"})
    (True, False)
    """
    return names >= _SHEET or names >= _HAPI


def as_monthly(table: RawTable) -> RawTable:
    """A table in one of HDX's layouts as ``month, name, country, events[, deaths_best]``; any other as it is.

    Districts are summed up to their first-level region. Of rows of several levels only those of the deepest one of a
    country count, for they would count twice.

    Raises
    ------
    SchemaError
        A count is none, a month has no name, or the table counts no violence.
    """
    names = set(table.frame.columns)
    if not is_aggregated(names):
        return table
    frame, table = _hapi(table) if names >= _HAPI else _sheet(table)
    problems = Problems(table.path)
    counts = {"events": "events"} | ({"fatalities": "deaths_best"} if "fatalities" in frame else {})
    made = frame[["month", "name", "country"]].assign(
        **{ours: number(frame[theirs], problems, low=0, whole=True) for theirs, ours in counts.items()}
    )
    problems.raise_if_any()
    made["row"] = made.index
    how = dict.fromkeys(counts.values(), "sum") | {"row": "first"}
    summed = made.groupby(["month", "country", "name"], sort=False, as_index=False).agg(how)
    found = summed.set_index("row").rename_axis(None)
    table = table.repaired(
        "districts_summed", len(made) - len(found), "Counts of districts were added up to their region."
    )
    return replace(table, frame=found)


def _sheet(table: RawTable) -> tuple[pd.DataFrame, RawTable]:
    frame = table.frame
    problems = Problems(table.path)
    month = text(frame["month"]).str.lower()
    known = month.map(_MONTHS)
    problems.add(known.isna(), frame["month"], "not_a_month")
    year = text(frame["year"])
    problems.add(~year.str.fullmatch(r"(19|20)\d\d"), frame["year"], "not_a_year")
    problems.raise_if_any()
    country = frame["iso3"] if "iso3" in frame else frame["country"]
    kept = frame.assign(month=year + "-" + known, name=text(frame["admin1"]), country=country)
    return kept, table


def _hapi(table: RawTable) -> tuple[pd.DataFrame, RawTable]:
    frame = table.frame
    kind = text(frame["event_type"]).str.lower()
    if not (kind == _VIOLENCE).any():
        listed = ", ".join(sorted(set(kind))[:5])
        what = f"no row counts {_VIOLENCE}; the file has {listed}."
        raise SchemaError(what, table.path, "Download the file of conflict events.")
    other = kind != _VIOLENCE
    table = table.repaired_where(
        "other_event_types", other, f"Rows that do not count {_VIOLENCE} were left aside."
    )
    frame = frame[~other]
    first, last = (
        text(frame[c]).str.slice(0, 10) for c in ("reference_period_start", "reference_period_end")
    )
    problems = Problems(table.path)
    problems.add(first.str.slice(0, 7) != last.str.slice(0, 7), frame["reference_period_end"], "not_a_month")
    problems.raise_if_any()
    name = pd.Series("", index=frame.index, dtype="str")
    for column in ("admin1_name", "provider_admin1_name"):
        if column in frame:
            name = name.mask(name == "", text(frame[column]))
    second = text(frame["admin2_code"]) if "admin2_code" in frame else pd.Series("", index=frame.index)
    told = pd.to_numeric(frame["admin_level"], errors="coerce") if "admin_level" in frame else pd.Series()
    level = told if len(told) else (name != "").astype(int) + (second != "").astype(int)
    deepest = level.groupby(frame["location_code"]).transform("max")
    table = table.repaired_where(
        "coarser_levels",
        level < deepest,
        "Sums over a country or region whose parts are there were left aside.",
    )
    country = text(frame["location_code"])
    kept = frame.assign(month=first.str.slice(0, 7), name=name.mask(name == "", country), country=country)
    return kept[level == deepest], table
