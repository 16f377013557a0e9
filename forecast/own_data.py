"""What a run reads of somebody's own: panels, tables, links, names of columns, months that were observed."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..data.errors import ConfigError, SourceError, nearest
from ..data.frames import csv_frame
from ..data.geography import COUNTRY_NAMES, Regions, by_name, country_name
from ..data.panel import Panel
from .theatre import theatre_in

if TYPE_CHECKING:
    from ..data.panel import Incidents
    from .settings import Settings

#: Countries that a message names.
NAMED = 8
#: More than this share of events of no known group says that the shipped table is not the one for them.
MOSTLY = 0.8


def with_quiet_countries(incidents: Incidents, polygons: Regions, settings: Settings) -> Incidents:
    """A table of one's own with the countries that are named and have no event: observed as long as the table is.

    Countries of the polygons that nobody speaks for are without data, with a line that says so.
    """
    from ..data.panel import OWN, coverage_table

    unseen = set(theatre_in(settings).neighbours)
    for code in sorted(unseen - {*COUNTRY_NAMES, *polygons.countries}):
        raise ConfigError(f"'{code}' is no country.", "neighbours", nearest(code, COUNTRY_NAMES))
    seen = set(incidents.covers(polygons.countries))
    for country in by_name(unseen & seen):
        many = int((incidents.frame["country"] == country).sum())
        what = f"{country_name(country)} is a neighbour without data in the theatre"
        logging.getLogger("harmattan").warning(f"{what}: {many:,} events of the source are left out.")
    absent = sorted(set(polygons.countries) - seen - unseen)
    if settings.coverage or not absent:
        return incidents
    table = incidents.coverage
    quiet = [c for c in absent if c in settings.countries] if incidents.source.startswith(OWN) else []
    if others := [c for c in absent if c not in quiet]:
        what = f"{_some(others)} in the polygons and not in the source: taken as not observed."
        remedy = "Name those that were observed and quiet in --countries, or their months in --coverage."
        logging.getLogger("harmattan").warning(f"{what} {remedy}")
    if not quiet or table.empty:
        return incidents
    more = coverage_table((c, table["first"].min(), table["last"].max()) for c in quiet)
    return replace(incidents, coverage=pd.concat([table, more], ignore_index=True))


def with_known_groups(incidents: Incidents) -> Incidents:
    """The incidents with those groups of the shipped table that have events; with none where it is not the right table.

    That is where it knows hardly any of the sides that are no government against civilians; a line says so.
    """
    from ..data.sources import groups_in

    group = incidents.frame["actor_group"]
    others, sided = int((group == "other").sum()), int((group != "state_only").sum())
    if others <= MOSTLY * sided:
        return replace(incidents, groups=groups_in(group))
    what = f"The groups of {others:,} of {sided:,} events are in no table: armed groups are not told apart."
    logging.getLogger("harmattan").warning(f"{what} Name them with --groups, or in a theatre's file.")
    frame = incidents.frame.assign(actor_group=group.where(group == "state_only", "other").astype("str"))
    return replace(incidents, frame=frame, groups=groups_in(frame["actor_group"]))


def _some(countries: Sequence[str]) -> str:
    """Countries by name, the first eight of them."""
    names = sorted(map(country_name, countries))
    rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{rest} {'is' if len(names) == 1 else 'are'}"


def refuse_idle_release(incidents: Incidents, panel: Panel) -> None:
    """A newer release that names none of the regions' countries is a faulty delivery, not news of quiet."""
    from ..data.sources import ucdp_months

    for release in incidents.releases if incidents.source == "UCDP GED" else ():
        last = ucdp_months(release)[1]
        if last > panel.last_month:
            what = f"the release {release} names none of the countries of the regions, which end in {panel.last_month}."
            raise SourceError(what, incidents.source, "Fetch it again, or leave it out.")


def column_mapping(settings: Settings) -> dict[str, str]:
    """Our names of columns to the user's."""
    pairs = (pair.split("=", 1) for pair in settings.columns)
    return {ours.strip(): theirs.strip() for ours, theirs in pairs}


def spans_of(coverage: Sequence[str]) -> dict[str, tuple[object, object]]:
    """First and last month of each country, from ``MLI=1989-01:2023-12`` and the like."""
    spans = (re.split("[=:]", text, maxsplit=2) for text in coverage)
    return {country: (first, last) for country, first, last in spans}


def only_country(countries: Sequence[str]) -> str:
    """The country of polygons that are all of one; empty where there are more."""
    return countries[0] if len(set(countries)) == 1 else ""


def coverage_of_panel(panel: Panel) -> pd.DataFrame:
    """First and last observed month of each country."""
    countries = np.array(panel.countries)
    rows = []
    for country in by_name(panel.countries):
        seen = np.flatnonzero(panel.observed[:, countries == country].any(axis=1))
        if len(seen):
            rows.append(
                (country, country_name(country), str(panel.months[seen[0]]), str(panel.months[seen[-1]]))
            )
    return pd.DataFrame(rows, columns=["country", "name", "first_month", "last_month"])


def read_panel(path: Path, columns: Mapping[str, str] | None = None, only: str = "") -> Panel:
    """A panel from parquet, or from a table of ``month, region_id, events[, ...]``.

    Parameters
    ----------
    path : Path
    columns : mapping, optional
        Our name to the user's.
    only : str
        ISO3 of the country of a table that names regions and no country.
    """
    from ..data.panel import is_written_panel
    from ..data.sources import read_panel

    own = is_written_panel(path) and not columns
    return Panel.read_parquet(path) if own else read_panel(path, columns=columns, only=only)


def read_csv(path: Path) -> pd.DataFrame:
    """A user's own table; a :class:`SourceError` where there is none that can be read."""
    if not path.is_file():
        raise SourceError("there is no such file.", str(path), "Correct the path.")
    try:
        return csv_frame(path, ("region_id", "month"))
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as reason:
        short = str(reason).splitlines()[0][:120]
        what = f"this is not a readable CSV ({short})."
        raise SourceError(what, str(path), "Save it as UTF-8, comma-separated.") from None


def read_links(path: Path, panel: Panel) -> pd.DataFrame:
    """A user's own table of links."""
    from ..data.geography import checked_links
    from ..data.sources import read_table

    frame = pd.DataFrame({"region_id": list(panel.region_ids), "country": list(panel.countries)})
    return checked_links(read_table(path).frame, frame, str(path))


def in_order(regions: Regions, region_ids: Sequence[str]) -> Regions:
    """The polygons of these regions, in this order."""
    at = {r: i for i, r in enumerate(regions.region_ids)}
    index = [at[r] for r in region_ids]
    return replace(
        regions, frame=regions.frame.iloc[index].reset_index(drop=True), geometry=regions.geometry[index]
    )
