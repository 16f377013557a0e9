"""UCDP GED: annual releases (``24.1``), monthly candidates (``24.0.9``) and consolidated ones
(``24.01.24.09``).

What is known about these files, and what is done about it:

- ``code_status`` other than Clear: kept by default, left out as ``unclear`` on request. Of October 2023's candidate
  events in Mali, 22 of 23 clear and 14 of 32 unclear ones survived in release 24.1, which holds 42: keeping all 55 is
  nearer than keeping 23, and shares of first releases are of all. Empty counts as clear; this is counted.
- ``where_prec`` 4 is a first-level region and stays; 6 and 7 are no better than the country. Empty is kept.
- ``date_prec`` is 0 in a few candidate rows; this is read as not stated, and counted.
- ``best`` outside ``low``/``high`` widens the bounds; missing bounds are set to ``best``. Both are counted.
- a release says nothing about months after its own, though its file may hold some of their events.
- ``active_year`` and the like are known only later; they are never read.

Sundberg & Melander (2013), doi:10.1177/0022343313484347; candidates: Hegre et al. (2020),
doi:10.1177/2053168020935257.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from ..convert import Problems, dates, number, text
from ..errors import SchemaError, UsageError
from ..geography import GW_TO_ISO3
from ..panel import ANYWHERE, Incidents, coverage_table, repeated_rows
from ..schemas import empty_incidents
from ..violence_types import UCDP_TYPES
from .actors import GROUPS, armed_groups
from .columns import country_of, death_bounds, ids_of
from .tables import RawTable, read_table
from .unpack import names_inside

#: Names of older releases.
ALIASES = {
    "best_est": "best",
    "high_est": "high",
    "low_est": "low",
    "event_id": "id",
    "gwno": "country_id",
    "date_precision": "date_prec",
    "where_precision": "where_prec",
}
REQUIRED = [
    *("id", "type_of_violence", "side_a", "side_b", "where_prec", "latitude", "longitude"),
    *("date_prec", "date_start", "date_end", "best", "high", "low"),
]
OPTIONAL = ["code_status", "country", "country_id", "deaths_civilians", "source_office"]

_CANDIDATE_NAMES = """
id relid year active_year code_status type_of_violence conflict_dset_id conflict_new_id conflict_name
dyad_dset_id dyad_new_id dyad_name side_a_dset_id side_a_new_id side_a side_b_dset_id side_b_new_id side_b
number_of_sources source_article source_office source_date source_headline source_original where_prec
where_coordinates where_description adm_1 adm_2 latitude longitude geom_wkt priogrid_gid country country_id
region event_clarity date_prec date_start date_end deaths_a deaths_b deaths_civilians deaths_unknown best high
low gwnoa gwnob
"""
_CANDIDATE = tuple(_CANDIDATE_NAMES.split())
_SHORT = tuple(
    c
    for c in _CANDIDATE
    if not c.startswith("source_")
    and not c.endswith("_dset_id")
    and c not in ("geom_wkt", "side_a_new_id", "side_b_new_id", "region", "gwnoa", "gwnob")
)
LAYOUTS = {len(_CANDIDATE): _CANDIDATE, len(_SHORT): _SHORT}

#: From this many countries on, a file is taken for a release of the whole world.
WORLD = 30

_NAME = re.compile(
    r"(?:ged|gedevent)[_-]?v?(?:(\d\d)_(\d\d)_(\d\d)_(\d\d)|(\d\d)[_.]0[_.](\d{1,2})|(\d\d)[_.]?(1))(?!\d)",
    re.IGNORECASE,
)
_CONTENT = (
    "date_start",
    "date_end",
    "latitude",
    "longitude",
    "violence_type",
    "actor_a",
    "actor_b",
    "deaths_best",
)


def release_of(name: str) -> str:
    """The release a file name speaks of; empty where it speaks of none.

    >>> release_of("GEDEvent_v23_0_10.csv"), release_of("GEDEvent_v25_01_25_09.csv")
    ('23.0.10', '25.01.25.09')
    >>> release_of("ged241-csv.zip"), release_of("mine.csv")
    ('24.1', '')
    """
    match = _NAME.search(name)
    if not match:
        return ""
    y1, m1, y2, m2, year, month, annual, one = match.groups()
    if y1:
        return f"{y1}.{m1}.{y2}.{m2}"
    return f"{year}.0.{int(month)}" if year else f"{annual}.{one}"


def _named_release(path: Path) -> str:
    """The release that the file's name speaks of, or that of the table in an archive of another name."""
    names = (path.name, *(names_inside(path) if path.is_file() else ()))
    return next((found for found in map(release_of, names) if found), "")


def months_of(release: str) -> tuple[pd.Period, pd.Period]:
    """First and last month that a release covers.

    >>> [str(m) for m in months_of("24.1")], [str(m) for m in months_of("23.0.10")]
    (['1989-01', '2023-12'], ['2023-10', '2023-10'])
    """
    parts = release.split(".")
    try:
        numbers = [int(p) for p in parts]
        if len(numbers) == 2 and numbers[1] >= 1:
            return pd.Period("1989-01", freq="M"), pd.Period(f"{1999 + numbers[0]}-12", freq="M")
        if len(numbers) == 3 and numbers[1] == 0:
            month = pd.Period(f"{2000 + numbers[0]}-{numbers[2]:02d}", freq="M")
            return month, month
        if len(numbers) == 4:
            first = pd.Period(f"{2000 + numbers[0]}-{numbers[1]:02d}", freq="M")
            return first, pd.Period(f"{2000 + numbers[2]}-{numbers[3]:02d}", freq="M")
    except ValueError:
        pass
    raise UsageError(f"'{release}' is not a UCDP release.", remedy="Write 24.1, 24.0.9 or 24.01.24.09.")


def read(
    path: str | Path,
    *,
    release: str | None = None,
    unclear: str = "keep",
    coverage: Mapping[str, tuple[object, object]] | None = None,
    today: date | None = None,
) -> Incidents:
    """A UCDP GED file of any layout as incidents; no row is left out.

    Parameters
    ----------
    path : path
        csv, zip, gz or parquet.
    release : str, optional
        ``24.1``, ``24.0.9``, ``24.01.24.09``; read from the file's name where None. Where the name says
        nothing, the months from the file's first to its last event are taken as covered.
    unclear : {"keep", "drop"}
        Events whose ``code_status`` is not Clear.
    coverage : mapping, optional
        ISO3 (or ``*``) to first and last month, in place of what the release says.
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
        ``unclear`` or ``release`` is not known.
    """
    if unclear not in ("drop", "keep"):
        raise UsageError(f"unclear='{unclear}' is not known.", remedy="Use 'drop' or 'keep'.")
    named = release is None
    release = _named_release(Path(path)) if release is None else release
    window = months_of(release) if release else None
    table = read_table(path, {*REQUIRED, *OPTIONAL}, aliases=ALIASES, layouts=LAYOUTS)
    table.require(REQUIRED)
    if "country" not in table.frame and "country_id" not in table.frame:
        table.require(["country"])
    frame, table = _convert(table, today or date.today())
    if named and window is not None:
        _refuse_wrong_name(frame, release, window, str(path))
    frame["release"] = release
    twice = repeated_rows(frame, str(path), _CONTENT)
    frame["excluded"] = frame["excluded"].mask(twice, "duplicate")
    if unclear == "drop":
        frame["excluded"] = frame["excluded"].mask(frame.pop("_unclear") & ~twice, "unclear")
    return Incidents(
        frame=frame.drop(columns="_unclear", errors="ignore").reset_index(drop=True),
        coverage=_coverage(frame, window, coverage),
        source="UCDP GED",
        releases=(release,) if release else (),
        types=tuple(UCDP_TYPES.values()),
        groups=GROUPS,
        repairs=table.repairs,
    )


def _refuse_wrong_name(
    frame: pd.DataFrame, release: str, window: tuple[pd.Period, pd.Period], path: str
) -> None:
    """A file whose name speaks of months that it does not hold would count them as quiet."""
    months = frame["date_end"].dt.to_period("M")
    world = frame["country"].nunique() >= WORLD
    later = int((months > window[1]).sum())
    if not ((months >= window[0]) & (months <= window[1])).any():
        what = f"the file is named after release {release}, but holds no event of {_span(window)}."
    elif later > 0.2 * len(frame):
        what = f"the file is named after release {release}, but {later} of {len(frame)} events are after {window[1]}."
    elif world and months.max() < window[1]:
        what = f"the file is named after release {release}, to {window[1]}, but ends in {months.max()}."
    else:
        return
    raise SchemaError(
        what, path, f"It reaches from {months.min()} to {months.max()}: name it by what it holds."
    )


def _span(window: tuple[pd.Period, pd.Period]) -> str:
    return f"{window[0]}" if window[0] == window[1] else f"{window[0]} to {window[1]}"


def _coverage(
    frame: pd.DataFrame,
    window: tuple[pd.Period, pd.Period] | None,
    given: Mapping[str, tuple[object, object]] | None,
) -> pd.DataFrame:
    """Who is covered from when to when: given, or by release, or as far as the file reaches.

    A file with few countries is an extract and speaks only for those; a release of the world speaks for all.
    """
    if given:
        return coverage_table((c, first, last) for c, (first, last) in given.items())
    first, last = window or (
        pd.Period(frame["date_end"].min(), freq="M"),
        pd.Period(frame["date_end"].max(), freq="M"),
    )
    countries = sorted(set(frame["country"].unique()) - {""})
    return coverage_table((c, first, last) for c in ([ANYWHERE] if len(countries) >= WORLD else countries))


def _convert(table: RawTable, today: date) -> tuple[pd.DataFrame, RawTable]:
    """Incident columns from UCDP's, with ``_unclear``; offences raise, repairs are counted."""
    raw, problems = table.frame, Problems(table.path)
    comma = table.delimiter == ";"
    if comma:
        cells = raw[["latitude", "longitude"]].apply(lambda c: c.str.contains(",", regex=False)).any(axis=1)
        table = table.repaired_where("decimal_comma", cells, "Decimal commas were read as points.")
    out = empty_incidents(len(raw)).set_index(raw.index)
    out["row"] = raw.index
    out["incident_id"], table = ids_of(raw["id"], problems, table)
    out["date_start"], us = dates(raw["date_start"], problems, today)
    out["date_end"], _ = dates(raw["date_end"], problems, today)
    table = table.repaired("us_dates", us, "Dates with slashes were read as month/day/year.")
    problems.add(out["date_end"] < out["date_start"], raw["date_end"], "ends_before_it_starts")
    for name, column, low, high in (
        ("date_precision", "date_prec", 0, 5),
        ("where_precision", "where_prec", 1, 7),
        ("latitude", "latitude", -90, 90),
        ("longitude", "longitude", -180, 180),
    ):
        whole = name.endswith("precision")
        out[name] = number(
            raw[column],
            problems,
            low=low,
            high=high,
            whole=whole,
            nullable=column == "where_prec",
            decimal_comma=comma,
        )
    unstated = out["date_precision"] == 0
    table = table.repaired_where(
        "date_precision_unstated", unstated, "A date_prec of 0 was read as not stated."
    )
    out["date_precision"] = out["date_precision"].mask(unstated)
    kind = number(raw["type_of_violence"], problems, whole=True)
    out["violence_type"] = kind.map(UCDP_TYPES).fillna("").astype("str")
    problems.add(kind.notna() & (out["violence_type"] == ""), raw["type_of_violence"], "unknown_value")
    out["country"] = country_of(raw, "country_id", GW_TO_ISO3)
    out["actor_a"], out["actor_b"] = text(raw["side_a"]), text(raw["side_b"])
    out["actor_group"] = armed_groups(out["actor_a"], out["actor_b"])
    out["source"] = "ucdp"
    if "source_office" in raw:
        out["office"] = text(raw["source_office"])
    table = _deaths(raw, out, problems, table)
    status = text(raw["code_status"]) if "code_status" in raw else pd.Series("Clear", index=raw.index)
    table = table.repaired_where("status_empty", status == "", "An empty code_status was read as Clear.")
    out["_unclear"] = ~status.str.lower().isin(["clear", ""])
    problems.raise_if_any()
    return out, table


def _deaths(raw: pd.DataFrame, out: pd.DataFrame, problems: Problems, table: RawTable) -> RawTable:
    """Deaths into ``out``; bounds that are missing or do not hold the best estimate are mended."""
    best = number(raw["best"], problems, low=0, whole=True)
    low = number(raw["low"], problems, low=0, whole=True, nullable=True)
    high = number(raw["high"], problems, low=0, whole=True, nullable=True)
    civil = raw["deaths_civilians"] if "deaths_civilians" in raw else pd.Series(np.nan, index=raw.index)
    out["deaths_civilians"] = number(civil, problems, low=0, whole=True, nullable=True)
    missing = low.isna() | high.isna()
    table = table.repaired_where(
        "deaths_bounds_missing", missing, "Missing low or high estimates were set to best."
    )
    return death_bounds(out, best, low, high, table)
