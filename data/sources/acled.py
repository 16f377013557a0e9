"""ACLED's export (CSV), for users who hold a licence; no ACLED row or figure is shipped with this package.

ACLED's terms forbid passing its data on; figures made from them may be shown with attribution. Violent events only by
default: battles, explosions and remote violence, violence against civilians. ``geo_precision`` 3 is a larger area (kept
as precise as a region), ``time_precision`` 3 is a month. Deaths are one number, so best, low and high are the same.

Raleigh, Kishi & Linke (2023), doi:10.1057/s41599-023-01559-4.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path

import pandas as pd

from ..convert import Problems, dates, number, text
from ..errors import UsageError, nearest
from ..geography import ISO_NUMBER
from ..panel import Incidents, coverage_table, repeated_rows
from ..schemas import empty_incidents
from ..violence_types import ACLED_TYPES, ACLED_VIOLENT
from .actors import GROUPS, armed_groups
from .columns import country_of, ids_of
from .tables import RawTable, read_table

REQUIRED = (
    *("event_id_cnty", "event_date", "event_type", "sub_event_type", "latitude", "longitude"),
    *("fatalities", "actor1", "actor2", "geo_precision", "time_precision"),
)
OPTIONAL = ("disorder_type", "admin1", "iso", "country", "timestamp")
ALIASES = {"data_id": "event_id_cnty"}
_BY_LOWER = {name.lower(): name for name in ACLED_TYPES}
_CONTENT = ("date_end", "latitude", "longitude", "violence_type", "actor_a", "actor_b", "deaths_best")
#: ACLED's codes of precision on UCDP's scales: place (1 exact, 2 near, 3 a larger area), time (1 day, 2 week, 3 month).
WHERE_PRECISION = {1: 1.0, 2: 2.0, 3: 4.0}
DATE_PRECISION = {1: 1.0, 2: 3.0, 3: 4.0}


def read(
    path: str | Path,
    *,
    event_types: Collection[str] = ACLED_VIOLENT,
    coverage: Mapping[str, tuple[object, object]] | None = None,
    today: date | None = None,
) -> Incidents:
    """An ACLED export as incidents; other kinds of events are marked ``other_kind``.

    Parameters
    ----------
    path : path
        The CSV file.
    event_types : collection of str
        ACLED event types that count.
    coverage : mapping, optional
        ISO3 to first and last month; from the file's first to its last full month where None.
    today : datetime.date, optional
        A later date in the file is an error (the day of the call where None).

    Returns
    -------
    Incidents

    Raises
    ------
    SourceError, SchemaError
        See :func:`harmattan.data.sources.tables.read_table`; a cell breaks a rule.
    UsageError
        ``event_types`` names one that ACLED does not have.
    """
    wanted = [_known_type(t) for t in event_types]
    table = read_table(path, {*REQUIRED, *OPTIONAL}, aliases=ALIASES)
    table.require(REQUIRED)
    if "country" not in table.frame and "iso" not in table.frame:
        table.require(["country"])
    frame, table = _convert(table, today or date.today())
    twice = repeated_rows(frame, str(path), _CONTENT)
    frame["excluded"] = frame["excluded"].mask(twice, "duplicate")
    names = {ACLED_TYPES[t] for t in wanted}
    frame["excluded"] = frame["excluded"].mask(~frame["violence_type"].isin(names) & ~twice, "other_kind")
    return Incidents(
        frame=frame.reset_index(drop=True),
        coverage=_coverage(frame, coverage),
        source="ACLED",
        types=tuple(ACLED_TYPES[t] for t in ACLED_TYPES if t in wanted),
        groups=GROUPS,
        repairs=table.repairs,
    )


def _known_type(name: str) -> str:
    if name.lower() not in _BY_LOWER:
        raise UsageError(f"'{name}' is not an ACLED event type.", remedy=nearest(name, ACLED_TYPES))
    return _BY_LOWER[name.lower()]


def _coverage(frame: pd.DataFrame, given: Mapping[str, tuple[object, object]] | None) -> pd.DataFrame:
    """Given, or the countries of the file from its first month to the last one that is complete.

    The last month counts as complete only if the file reaches its last three days.
    """
    if given:
        return coverage_table((c, a, b) for c, (a, b) in given.items())
    newest = frame["date_end"].max()
    first, last = pd.Period(frame["date_end"].min(), freq="M"), pd.Period(newest, freq="M")
    if (last.end_time.normalize() - newest).days >= 3 and last > first:
        last = last - 1
    return coverage_table((c, first, last) for c in sorted(set(frame["country"]) - {""}))


def _convert(table: RawTable, today: date) -> tuple[pd.DataFrame, RawTable]:
    raw, problems = table.frame, Problems(table.path)
    out = empty_incidents(len(raw)).set_index(raw.index)
    out["row"] = raw.index
    out["incident_id"], table = ids_of(raw["event_id_cnty"], problems, table)
    day, us = _dates(raw["event_date"], problems, today)
    table = table.repaired("us_dates", us, "Dates with slashes were read as month/day/year.")
    out["date_start"] = out["date_end"] = day
    out["latitude"] = number(raw["latitude"], problems, low=-90, high=90)
    out["longitude"] = number(raw["longitude"], problems, low=-180, high=180)
    place = number(raw["geo_precision"], problems, low=1, high=3, whole=True)
    time = number(raw["time_precision"], problems, low=1, high=3, whole=True)
    out["where_precision"], out["date_precision"] = place.map(WHERE_PRECISION), time.map(DATE_PRECISION)
    kind = text(raw["event_type"])
    out["violence_type"] = (
        kind.str.lower().map({k.lower(): v for k, v in ACLED_TYPES.items()}).fillna("").astype("str")
    )
    problems.add(out["violence_type"] == "", raw["event_type"], "unknown_value")
    out["country"] = country_of(raw, "iso", ISO_NUMBER)
    out["actor_a"], out["actor_b"] = text(raw["actor1"]), text(raw["actor2"])
    out["actor_group"] = armed_groups(out["actor_a"], out["actor_b"])
    deaths = number(raw["fatalities"], problems, low=0, whole=True)
    for name in ("deaths_best", "deaths_low", "deaths_high"):
        out[name] = deaths
    civilian = out["violence_type"] == ACLED_TYPES["Violence against civilians"]
    out["deaths_civilians"] = deaths.where(civilian, 0.0)
    out["source"] = "acled"
    problems.raise_if_any()
    return out, table


def _dates(values: pd.Series, problems: Problems, today: date) -> tuple[pd.Series, int]:
    """ACLED writes ``2023-10-05``, older exports ``05 October 2023``."""
    cells = text(values)
    if not pd.api.types.is_datetime64_any_dtype(values.dtype):
        worded = pd.to_datetime(cells, format="%d %B %Y", errors="coerce")
        cells = cells.mask(worded.notna(), worded.dt.strftime("%Y-%m-%d"))
        cells.name = values.name
        return dates(cells, problems, today)
    return dates(values, problems, today)
