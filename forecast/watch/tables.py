"""The watch list as tables: where violence may begin, which group may enter, and what presses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...training.models.base import Problem
from ...training.onset import ANY, QUIET, EventHistory, OnsetModels, at_risk, silence_record

Array = np.ndarray[Any, Any]

#: Spans, in months, that chances are given for.
SPANS = (1, 3, 6)
#: A group is named in a region only where it has had so many events within so many km.
FEWEST_EVENTS, AROUND_KM = 10, 300.0
#: Pressure: the kernel whose shares name where a threat comes from, km and half-life.
PRESSURE = (60.0, 6.0)
FIRST, RETURN, NO_RECORD, OWN = "first-ever", "return", "no record of its own", "own record"

WATCHLIST_COLUMNS = (
    "origin_date",
    "group",
    "region_id",
    "country",
    "p_1",
    "p_3",
    "p_6",
    "rank",
    "months_quiet",
    "pressure",
    "nearest_km",
    "main_source_region",
    "main_source_country",
    "record",
)
ONSET_COLUMNS = tuple(c for c in WATCHLIST_COLUMNS if c != "group")
DIGITS = 6


@dataclass(frozen=True)
class WatchChances:
    """Chances of every region, before tables are made of them.

    Attributes
    ----------
    onset : numpy.ndarray
        ``P(first event within 1..6 months)``, (6, regions); NaN where the region is not quiet or has no record.
    entry : mapping of str to numpy.ndarray
        By group and ``any``: ``P(entry within 1..6 months)``, (6, regions); NaN where no entry is possible.
    """

    onset: Array
    entry: dict[str, Array]


def chances_of(
    models: OnsetModels, history: EventHistory, problem: Problem, month: pd.Period, lag: int = 0
) -> WatchChances:
    """Chances of all regions, seen at ``month``, the last that is published.

    No group enters likelier than any group, nor any group than violence begins, where a region is quiet of all.
    """
    row, own = history.row(month), int(history.recorded.sum())
    onset = np.full((6, len(history.region_ids)), np.nan)
    quiet = history.quiet("all", QUIET)[row] & history.recorded
    onset[:, :own] = models.onset_within(history, problem, month, lag)
    onset[:, ~quiet] = np.nan
    entry: dict[str, Array] = {}
    if models.entry is not None:
        for group in (*history.groups, ANY):
            regions = np.flatnonzero(at_risk(history, group)[row])
            chance = np.full_like(onset, np.nan)
            chance[:, regions] = models.entry.within(history, group, row, regions, lag)
            entry[group] = np.where(np.isnan(chance), np.nan, np.fmin(chance, onset))
        for group in history.groups:
            entry[ANY] = np.where(np.isnan(entry[ANY]), np.nan, np.fmax(entry[ANY], entry[group]))
        entry = {ANY: entry.pop(ANY), **entry}
    return WatchChances(onset, entry)


def onset_table(found: WatchChances, history: EventHistory, month: pd.Period) -> pd.DataFrame:
    """One row per quiet region, the likeliest first: :data:`ONSET_COLUMNS`."""
    row = history.row(month)
    regions = np.flatnonzero(~np.isnan(found.onset[0]))
    table = _rows(history, "armed" if "armed" in history.cells else "all", row, regions, found.onset)
    table.insert(0, "origin_date", month.end_time.date().isoformat())
    table["months_quiet"] = _months_since(history.events["all"], row)[regions]
    table["record"] = OWN
    return _ranked(table)[list(ONSET_COLUMNS)]


def entry_table(found: WatchChances, history: EventHistory, month: pd.Period) -> pd.DataFrame:
    """One row per region and group that may enter it next, by group and rank: :data:`WATCHLIST_COLUMNS`.

    A group is named only where it has had ten events within 300 km; a country that it has never entered gets its rank
    and no number.
    """
    row = history.row(month)
    tables = []
    for group, chances in found.entry.items():
        near = _around(history, group, row) >= FEWEST_EVENTS
        regions = np.flatnonzero(~np.isnan(chances[0]) & near)
        table = _rows(history, group, row, regions, chances)
        table.insert(0, "origin_date", month.end_time.date().isoformat())
        table.insert(1, "group", group)
        since = _months_since(history.events[group], row)[regions]
        table["months_quiet"] = since
        kinds = np.where(history.recorded[regions], np.where(np.isnan(since), FIRST, RETURN), NO_RECORD)
        table["record"] = kinds
        table = _ranked(table)
        unknown = ~table["country"].isin(_entered(history, group, row)).to_numpy()
        table.loc[unknown, [f"p_{h}" for h in SPANS]] = np.nan
        tables.append(table)
    if not tables:
        return pd.DataFrame(columns=list(WATCHLIST_COLUMNS))
    return pd.concat(tables, ignore_index=True)[list(WATCHLIST_COLUMNS)]


def listed_chances(found: WatchChances, table: pd.DataFrame, region_ids: Sequence[str]) -> dict[str, Array]:
    """What a table of entries gives a number for: by group, ``P(entry within 1..6 months)``, (6, regions), else NaN."""
    given = table.dropna(subset=[f"p_{SPANS[-1]}"]).groupby("group")["region_id"].agg(set)
    return {
        group: np.where([r in given[group] for r in region_ids], chances[:, : len(region_ids)], np.nan)
        for group, chances in found.entry.items()
        if group in given
    }


def _rows(history: EventHistory, of: str, row: int, regions: Array, chances: Array) -> pd.DataFrame:
    """Chances, and what presses on each of some regions."""
    ids, countries = np.array(history.region_ids, dtype=object), history.country_codes
    table = pd.DataFrame({"region_id": ids[regions], "country": countries[regions]})
    for span in SPANS:
        table[f"p_{span}"] = np.round(chances[span - 1, regions], DIGITS)
    table["score"] = chances[-1, regions]
    return table.assign(**_sources(history, of, row, regions))


def _sources(history: EventHistory, of: str, row: int, regions: Array) -> dict[str, Any]:
    """Pressure, the nearest event of six months, and the region that most of the pressure comes from."""
    n = len(regions)
    nothing = {"pressure": np.zeros(n), "nearest_km": np.full(n, np.nan)}
    blank = {"main_source_region": [""] * n, "main_source_country": [""] * n}
    if history.km is None or of not in history.cells:
        return {**nothing, **blank}
    km, half_life = PRESSURE
    age = 0.5 ** (np.arange(row, -1, -1) / half_life)
    state = age @ history.cells[of][: row + 1]
    recent = history.cells[of][max(row - 5, 0) : row + 1].any(axis=0)
    near = history.km[regions]
    weight = np.exp(-near / km) * state
    names, at = np.unique(history.cell_region.astype(str), return_inverse=True)
    by_region = np.zeros((n, len(names)))
    for k in range(len(names)):
        by_region[:, k] = weight[:, at == k].sum(axis=1)
    main = by_region.argmax(axis=1)
    country = dict(zip(history.cell_region.astype(str), history.cell_country.astype(str), strict=True))
    some = by_region.max(axis=1, initial=0.0) > 1e-6
    least = np.where(recent, near, np.inf).min(axis=1, initial=np.inf)
    return {
        "pressure": np.round(weight.sum(axis=1), DIGITS),
        "nearest_km": np.round(np.where(np.isinf(least), np.nan, least), 1),
        "main_source_region": np.where(some, names[main], ""),
        "main_source_country": np.where(some, [country[names[k]] for k in main], ""),
    }


def _ranked(table: pd.DataFrame) -> pd.DataFrame:
    """Likeliest within six months first; ties by id."""
    ordered = table.sort_values(["score", "region_id"], ascending=[False, True], ignore_index=True)
    return ordered.assign(rank=np.arange(1, len(ordered) + 1)).drop(columns="score")


def _months_since(events: Array, row: int) -> Array:
    """Months since the last event, NaN where there was none, (regions,)."""
    seen = events[: row + 1][::-1] > 0
    return np.where(seen.any(axis=0), seen.argmax(axis=0).astype(float), np.nan)


def _around(history: EventHistory, group: str, row: int) -> Array:
    """Events of a group within 300 km, ever, (regions,)."""
    if history.km is None:
        return np.zeros(len(history.region_ids))
    total = history.cells[group][: row + 1].sum(axis=0)
    return np.asarray((history.km <= AROUND_KM) @ total)


def _entered(history: EventHistory, group: str, row: int) -> set[str]:
    """Countries in which the group has been seen."""
    here = history.events[group][: row + 1].any(axis=0)
    known = set(history.country_codes[here])
    if group in history.cells:
        known |= set(history.cell_country[history.cells[group][: row + 1].any(axis=0)])
    return {str(c) for c in known}


def silent_groups(
    history: EventHistory, month: pd.Period, groups: dict[str, Array]
) -> tuple[list[str], dict[str, int]]:
    """Groups that were silent everywhere for a year, and how often such groups came back: a base rate, no forecast.

    Parameters
    ----------
    groups : dict of str to numpy.ndarray
        Events of every armed group by month, everywhere, (months,).
    """
    row = history.row(month)
    silent = [g for g, n in groups.items() if n[: row + 1].any() and not n[max(row - 11, 0) : row + 1].any()]
    return silent, silence_record(history, groups, row)
