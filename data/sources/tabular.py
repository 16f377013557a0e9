"""Anybody's own table: single incidents, or a ready monthly panel, with columns named by the user.

A mapping says which of the user's columns is which of ours, in the command (``date=Day,latitude=lat``) or in TOML::

    [columns]
    date = "Day"
    latitude = "lat"
    longitude = "lon"
    country = "Country"
    deaths = "Killed"
"""

from __future__ import annotations

import hashlib
import logging
import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from anyascii import anyascii

from ..convert import Problems, dates, number, text
from ..errors import ConfigError, SchemaError, nearest
from ..geography import iso3, region_slug
from ..panel import Incidents, Panel, coverage_table, repeated_rows
from ..schemas import PANEL_KEYS, empty_incidents
from ..violence_types import UCDP_TYPES
from .actors import GROUPS, armed_groups
from .aggregated import HDX_COLUMNS, as_monthly, is_aggregated
from .columns import death_bounds, ids_of
from .group_table import OTHER, STATE_ONLY
from .tables import RawTable, read_table

#: Our columns that a user's table of incidents may have; those with a star are needed.
INCIDENT_FIELDS = {
    "id": "identifier, the same in every file; made of the table and the row's number where absent",
    "date": "day (needed, or date_start and date_end)",
    "date_start": "first day",
    "date_end": "last day",
    "latitude": "degrees (needed, or region)",
    "longitude": "degrees",
    "country": "name, ISO code or Gleditsch-Ward number (needed, unless all regions are of one country)",
    "region": "region id, or name within the country",
    "type": "type of violence",
    "side_a": "one side",
    "side_b": "the other side",
    "deaths": "deaths, best estimate",
    "deaths_low": "lower bound",
    "deaths_high": "upper bound",
    "deaths_civilians": "civilians among them",
    "date_precision": "1-5",
    "where_precision": "1-7",
}
#: What else these columns are usually called; taken where no column has our name.
USUAL_NAMES = {
    "id": ("event_id", "incident_id", "data_id", "event_id_cnty"),
    "date": ("event_date", "incident_date"),
    "date_start": ("start_date", "event_date_start"),
    "date_end": ("end_date", "event_date_end"),
    "latitude": ("lat",),
    "longitude": ("lon", "long", "lng"),
    "country": ("country_name", "iso3", "iso_a3", "country_iso3", "country_code", "country_id", "admin0"),
    "region": ("region_id", "admin1", "adm_1", "adm1_name", "admin1_name"),
    "type": ("violence_type", "type_of_violence", "event_type"),
    "side_a": ("actor_a", "actor1", "actor_1"),
    "side_b": ("actor_b", "actor2", "actor_2"),
    "deaths": ("best", "deaths_best", "best_est", "fatalities"),
    "deaths_low": ("low", "low_est"),
    "deaths_high": ("high", "high_est"),
    "deaths_civilians": ("civilian_deaths",),
    "date_precision": ("date_prec",),
    "where_precision": ("where_prec",),
}
#: Columns that a message names.
NAMED = 8


def mapping_of(text_or_file: str | Path | None) -> dict[str, str]:
    """A mapping from ``ours=theirs,ours=theirs`` or from the ``[columns]`` of a TOML file.

    >>> mapping_of("date=Day,latitude=lat")
    {'date': 'Day', 'latitude': 'lat'}
    """
    if text_or_file is None or str(text_or_file) == "":
        return {}
    if str(text_or_file).endswith(".toml"):
        return _mapping_file(Path(text_or_file))
    pairs = {}
    for part in str(text_or_file).split(","):
        ours, found, theirs = part.partition("=")
        if not found or not ours.strip() or not theirs.strip():
            raise ConfigError(
                f"'{part}' is not a column mapping.", remedy="Write ours=theirs, such as date=Day."
            )
        pairs[ours.strip()] = theirs.strip()
    return pairs


def _mapping_file(path: Path) -> dict[str, str]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError("the file does not exist.", where=str(path), remedy="Check the path.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"this is not TOML ({error}).", where=str(path), remedy="See the example in the docs."
        ) from None
    columns = document.get("columns")
    if not isinstance(columns, dict) or not all(isinstance(v, str) for v in columns.values()):
        raise ConfigError(
            "there is no [columns] table of texts.", where=str(path), remedy="Write [columns] date = 'Day'."
        )
    return dict(columns)


def read(
    path: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    coverage: Mapping[str, tuple[object, object]] | None = None,
    today: date | None = None,
    only: str = "",
) -> Incidents:
    """A user's table of single incidents.

    Parameters
    ----------
    path : path
        csv, zip, gz or parquet.
    columns : mapping, optional
        Our name (see :data:`INCIDENT_FIELDS`) to the user's.
    coverage : mapping, optional
        ISO3 to first and last month; from the first to the last month of the table where None.
    today : datetime.date, optional
        A later date in the file is an error (the day of the call where None).
    only : str
        ISO3 of the country of every row, for a table without a column that names it.

    Returns
    -------
    Incidents

    Raises
    ------
    ConfigError
        The mapping names a field that does not exist.
    SourceError, SchemaError
        See :func:`harmattan.data.sources.tables.read_table`; a cell breaks a rule.
    """
    table = _usual(_renamed(read_table(path), columns or {}, INCIDENT_FIELDS))
    table = _with_country(table, only)
    raw = table.frame
    _need(table, "country", *(() if "date_end" in raw else ("date",)))
    if "region" not in raw:
        _need(table, "latitude", "longitude")
    frame, types, table = _convert(table, today or date.today())
    twice = repeated_rows(frame, str(path), ("date_end", "latitude", "longitude", "region_id", "deaths_best"))
    frame["excluded"] = frame["excluded"].mask(twice, "duplicate")
    first, last = (pd.Period(d, freq="M") for d in (frame["date_end"].min(), frame["date_end"].max()))
    spans = (
        dict.fromkeys(sorted(set(frame["country"]) - {""}), (first, last)) if coverage is None else coverage
    )
    return Incidents(
        frame=frame.reset_index(drop=True),
        coverage=coverage_table((c, a, b) for c, (a, b) in spans.items()),
        source=f"own table {Path(path).name}",
        types=types,
        groups=GROUPS if {"side_a", "side_b"} & set(raw) else (),
        repairs=table.repairs,
    )


def read_panel(
    path: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    links: pd.DataFrame | None = None,
    only: str = "",
) -> Panel:
    """A user's ready monthly table as a panel.

    Parameters
    ----------
    path : path
        csv, zip, gz, parquet or a spreadsheet; ``month, region_id, events`` and any further measures, or one of HDX's
        layouts (:mod:`harmattan.data.sources.aggregated`).
    columns : mapping, optional
        Our name to the user's.
    links : pandas.DataFrame, optional
        Neighbours.
    only : str
        ISO3 of the country of every row, for a table without a column that names it. A table with ``name`` and a
        country needs no ``region_id``.

    Raises
    ------
    SourceError, SchemaError
        The file cannot be read; a month, region or count breaks a rule. Counts must be whole numbers.
    """
    table = read_table(path) if columns else as_monthly(read_table(path))
    fields = dict.fromkeys((*PANEL_KEYS, "events", *(str(c) for c in table.frame.columns)), "")
    table = _renamed(table, columns or {}, fields)
    table = _with_country(table, only)
    if "region_id" not in table.frame:
        _need(table, "name", "country")
    _need(table, "month")
    panel = Panel.from_frame(
        table.frame.rename_axis(index="row"),
        links,
        source=f"own table {Path(path).name}",
        where=str(path),
        decimal_comma=table.delimiter == ";",
    )
    repaired = [f"{r.message} ({r.count})" for r in table.repairs]
    return replace(panel, attrs={**panel.attrs, "repairs": repaired}) if repaired else panel


def is_panel(path: str | Path) -> bool:
    """Whether a table looks like a monthly panel (a ``month``, and no day) rather than incidents."""
    days = {"date", "date_start", "date_end", "event_date"}
    names = set(read_table(path, {"month", "region_id", "name"} | days | HDX_COLUMNS).frame.columns)
    return is_aggregated(names) or ("month" in names and not names & days)


def _renamed(table: RawTable, columns: Mapping[str, str], fields: Mapping[str, str]) -> RawTable:
    for ours, theirs in columns.items():
        if ours not in fields:
            raise ConfigError(
                f"there is no field '{ours}'.", where="column mapping", remedy=nearest(ours, fields)
            )
        key = "_".join(theirs.strip().lower().split())
        if key not in table.frame:
            raise SchemaError(
                f"the column '{theirs}' (for '{ours}') is missing.",
                where=f"{table.path}, row 1",
                remedy=nearest(theirs, map(str, table.frame.columns)),
            )
    back = {"_".join(theirs.strip().lower().split()): ours for ours, theirs in columns.items()}
    frame = table.frame.rename(columns=back)
    return RawTable(frame.loc[:, ~frame.columns.duplicated()], table.path, table.repairs, table.delimiter)


def _usual(table: RawTable) -> RawTable:
    """The table with columns of the usual names under ours; what is not used is named."""
    there = {str(c) for c in table.frame.columns}
    placed = bool(there & {"latitude", *USUAL_NAMES["latitude"]})
    back: dict[str, str] = {}
    for ours, names in USUAL_NAMES.items():
        # Events with coordinates are placed by these, whatever a region is called.
        if ours in there or (ours == "region" and placed):
            continue
        if found := next((name for name in names if name in there), None):
            back[found] = ours
    table = replace(table, frame=table.frame.rename(columns=back))
    # Bounds and civilians say nothing without a best estimate.
    idle = set() if "deaths" in table.frame else {"deaths_low", "deaths_high", "deaths_civilians"}
    theirs = {ours: name for name, ours in back.items()}
    unused = [theirs.get(c, str(c)) for c in table.frame.columns if c not in INCIDENT_FIELDS or c in idle]
    if unused:
        more = f" and {len(unused) - NAMED} more" if len(unused) > NAMED else ""
        words = f"not used: {', '.join(unused[:NAMED])}{more}. What one of them means is said with --columns."
        logging.getLogger("harmattan").warning(f"{Path(table.path).name}: {words}")
    return table


def _need(table: RawTable, *names: str) -> None:
    """A :class:`SchemaError` that says how to name a column that is missing."""
    try:
        table.require(list(names))
    except SchemaError as error:
        missing = next(name for name in names if name not in table.frame)
        remedy = f"{error.remedy} If it is called otherwise, say so: --columns {missing}=NAME."
        raise SchemaError(error.what, error.where, remedy, error.failures) from None


def _with_country(table: RawTable, only: str) -> RawTable:
    """The table with the one country that it is about, where it names none."""
    if "country" in table.frame or not only:
        return table
    return replace(table, frame=table.frame.assign(country=only))


def _codes(names: pd.Series) -> pd.Series:
    """ISO3 of countries given by name or code; what is not known stays, in capitals."""
    return names.map({n: iso3(n) or n.upper() for n in names.unique()}).astype("str")


def _convert(table: RawTable, today: date) -> tuple[pd.DataFrame, tuple[str, ...], RawTable]:
    raw, problems = table.frame, Problems(table.path)
    comma = table.delimiter == ";"
    out = empty_incidents(len(raw)).set_index(raw.index)
    out["row"] = raw.index
    out["incident_id"] = _numbered(raw)
    if "id" in raw:
        out["incident_id"], table = ids_of(raw["id"], problems, table)
    last = raw["date_end"] if "date_end" in raw else raw["date"]
    out["date_end"], us = dates(last, problems, today)
    out["date_start"] = (
        dates(raw["date_start"], problems, today)[0] if "date_start" in raw else out["date_end"]
    )
    problems.add(out["date_end"] < out["date_start"], last, "ends_before_it_starts")
    slashed = text(last).str.contains("/", regex=False)
    if us and out["date_end"][slashed].dt.day.max() <= 12:
        # A table of somebody's own may be in either order, and read wrongly it would move events between months.
        problems.add(slashed, last, "day_or_month")
    table = table.repaired("us_dates", us, "Dates with slashes were read as month/day/year.")
    for name, low, high in (
        ("latitude", -90, 90),
        ("longitude", -180, 180),
        ("date_precision", 1, 5),
        ("where_precision", 1, 7),
    ):
        if name in raw:
            blank = "region" in raw or name.endswith("precision")
            out[name] = number(raw[name], problems, low=low, high=high, nullable=blank, decimal_comma=comma)
    names = text(raw["country"])
    out["country"] = _codes(names)
    problems.add(names == "", raw["country"], "empty")
    if "region" in raw:
        given = text(raw["region"])
        pairs = pd.DataFrame({"c": out["country"], "r": given}).drop_duplicates()
        slugs = {
            (c, r): r if r.startswith(f"{c}-") else region_slug(c, r)
            for c, r in zip(pairs["c"], pairs["r"], strict=True)
            if r
        }
        out["region_id"] = pd.Series(
            [slugs.get(k, "") for k in zip(out["country"], given, strict=True)], index=raw.index, dtype="str"
        )
    kind = _types(text(raw["type"])) if "type" in raw else None
    if kind is not None:
        # UCDP's types as its pages write them: "One-sided violence".
        kind = kind.replace({f"{name}_violence": name for name in UCDP_TYPES.values()})
        numbers = {str(number): name for number, name in UCDP_TYPES.items()}
        kind = kind.replace(numbers) if set(kind) <= set(numbers) else kind
    out["violence_type"] = "all" if kind is None else kind.mask(kind == "", "unknown").astype("str")
    types = () if kind is None else tuple(sorted(set(out["violence_type"])))
    if {"side_a", "side_b"} & set(raw):
        for ours, theirs in (("actor_a", "side_a"), ("actor_b", "side_b")):
            out[ours] = text(raw[theirs]) if theirs in raw else ""
        out["actor_group"] = armed_groups(out["actor_a"], out["actor_b"])
    out["source"] = "own"
    table = _deaths(raw, out, problems, table)
    problems.raise_if_any()
    return out, types, table


def _types(names: pd.Series) -> pd.Series:
    """Types as names of measures, in Latin letters whatever their script; none is called as events of no group are."""
    plain = {n: re.sub(r"[^a-z0-9]+", "_", anyascii(n).lower()).strip("_") for n in names.unique()}
    return names.map({n: f"{p}_type" if p in (STATE_ONLY, OTHER) else p for n, p in plain.items()}).astype(
        "str"
    )


def _numbered(raw: pd.DataFrame) -> pd.Series:
    """Ids of rows that have none: what the table holds, and the row, so that only the same table repeats them."""
    hashes = pd.util.hash_pandas_object(raw.astype("str"), index=False).to_numpy()
    mark = hashlib.sha256(np.ascontiguousarray(hashes).tobytes()).hexdigest()[:8]
    return pd.Series(mark + ":" + raw.index.astype(str), index=raw.index)


def _deaths(raw: pd.DataFrame, out: pd.DataFrame, problems: Problems, table: RawTable) -> RawTable:
    if "deaths" not in raw:
        return table
    best = number(raw["deaths"], problems, low=0, whole=True, nullable=True)
    table = table.repaired_where("deaths_missing", best.isna(), "Missing deaths count as none.")
    best = best.fillna(0.0)
    low, high = (
        number(raw[name], problems, low=0, whole=True, nullable=True) if name in raw else best
        for name in ("deaths_low", "deaths_high")
    )
    if "deaths_civilians" in raw:
        out["deaths_civilians"] = number(raw["deaths_civilians"], problems, low=0, whole=True, nullable=True)
    return death_bounds(out, best, low, high, table)
