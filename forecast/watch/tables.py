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
#: Less pressure than this comes from nowhere.
FAINTEST = 1e-6
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
ROUTE_COLUMNS = (
    "origin_date",
    "group",
    "region_id",
    "country",
    "source_region",
    "source_country",
    "share",
    "km",
    "events_6",
)
#: Smaller shares of the pressure are no route of their own.
LEAST_SHARE = 0.1
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

    No group enters likelier than any group, nor any group than all of them taken together, nor than violence begins,
    where a region is quiet of all.
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
        each = np.stack([np.nan_to_num(entry[g]) for g in history.groups])
        entry[ANY] = np.clip(entry[ANY], each.max(axis=0), each.sum(axis=0))
        entry = {ANY: entry.pop(ANY), **entry}
    return WatchChances(onset, entry)


def onset_table(found: WatchChances, history: EventHistory, month: pd.Period) -> pd.DataFrame:
    """One row per quiet region, the likeliest first: :data:`ONSET_COLUMNS`."""
    row = history.row(month)
    regions = np.flatnonzero(~np.isnan(found.onset[0]))
    table = _rows(history, _armed(history), row, regions, found.onset)
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
        numbered = dict(zip(history.region_ids, has_number(history, group, row), strict=True))
        table.loc[~table["region_id"].map(numbered), [f"p_{h}" for h in SPANS]] = np.nan
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
    return table.assign(**_pressing(history, of, row, regions))


@dataclass(frozen=True)
class _Sources:
    """What presses on some regions: ``share`` of the regions that it comes from, ``km`` to their newest events.

    ``pressure`` is (regions,), ``share`` and ``km`` (regions, sources), ``events`` of six months, ``names`` and
    ``countries`` (sources,).
    """

    names: Array
    countries: Array
    pressure: Array
    share: Array
    km: Array
    events: Array

    @classmethod
    def of(cls, history: EventHistory, of: str, row: int, regions: Array) -> _Sources | None:
        """None where it is not known where events lie."""
        if history.km is None or of not in history.cells:
            return None
        scale, half_life = PRESSURE
        state = 0.5 ** (np.arange(row, -1, -1) / half_life) @ history.cells[of][: row + 1]
        recent = history.cells[of][max(row - 5, 0) : row + 1].sum(axis=0)
        near = history.km[regions]
        weight = np.exp(-near / scale) * state
        region, country = history.whereabouts(row)
        names, first, at = np.unique(region, return_index=True, return_inverse=True)
        by_region, km = np.zeros((len(regions), len(names))), np.full((len(regions), len(names)), np.inf)
        for k in range(len(names)):
            by_region[:, k] = weight[:, at == k].sum(axis=1)
            km[:, k] = near[:, (at == k) & (recent > 0)].min(axis=1, initial=np.inf)
        total = weight.sum(axis=1)
        share = np.divide(by_region, total[:, None], out=np.zeros_like(by_region), where=by_region > FAINTEST)
        events = np.bincount(at, weights=recent, minlength=len(names))
        return cls(names, country[first], total, share, km, events)


def _pressing(history: EventHistory, of: str, row: int, regions: Array) -> dict[str, Any]:
    """Pressure, the nearest event of six months, and the region that most of the pressure comes from."""
    n, found = len(regions), _Sources.of(history, of, row, regions)
    if found is None:
        nothing = {"pressure": np.zeros(n), "nearest_km": np.full(n, np.nan)}
        return {**nothing, "main_source_region": [""] * n, "main_source_country": [""] * n}
    main, some = found.share.argmax(axis=1), found.share.max(axis=1, initial=0.0) > 0
    least = found.km.min(axis=1, initial=np.inf)
    return {
        "pressure": np.round(found.pressure, DIGITS),
        "nearest_km": np.round(np.where(np.isinf(least), np.nan, least), 1),
        "main_source_region": np.where(some, found.names[main], ""),
        "main_source_country": np.where(some, found.countries[main], ""),
    }


def route_table(
    entries: pd.DataFrame, onsets: pd.DataFrame, history: EventHistory, month: pd.Period
) -> pd.DataFrame:
    """Which regions press on those of the lists, the most first: :data:`ROUTE_COLUMNS`.

    ``group`` is empty for onsets, on which all armed groups press. Events of a group are not counted out in a country
    where it has had fewer than :data:`FEWEST_EVENTS`.
    """
    row = history.row(month)
    lists = [(str(g), str(g), table) for g, table in entries.groupby("group", sort=False)]
    tables = []
    for group, of, table in [*lists, ("", _armed(history), onsets)]:
        regions = np.array([history.region_ids.index(r) for r in table["region_id"]], dtype=np.int64)
        found = _Sources.of(history, of, row, regions)
        if found is None or not len(regions):
            continue
        ever, place = history.cells[of][: row + 1].sum(axis=0), history.whereabouts(row)[1]
        of_country = {c: ever[place == c].sum() for c in set(found.countries)}
        shown = np.array([not group or of_country[c] >= FEWEST_EVENTS for c in found.countries])
        order = np.argsort(-found.share, axis=1, kind="stable")
        at, rank = np.nonzero(np.take_along_axis(found.share, order, axis=1) >= LEAST_SHARE)
        source = order[at, rank]
        columns = {
            "origin_date": month.end_time.date().isoformat(),
            "group": group,
            "region_id": table["region_id"].to_numpy()[at],
            "country": table["country"].to_numpy()[at],
            "source_region": found.names[source],
            "source_country": found.countries[source],
            "share": np.round(found.share[at, source], 3),
            "km": np.round(np.where(np.isinf(found.km), np.nan, found.km)[at, source], 1),
            "events_6": np.where(shown, found.events, np.nan)[source],
        }
        tables.append(pd.DataFrame(columns))
    if not tables:
        return pd.DataFrame(columns=list(ROUTE_COLUMNS))
    return pd.concat(tables, ignore_index=True)[list(ROUTE_COLUMNS)]


def _armed(history: EventHistory) -> str:
    """Whose events press on onsets."""
    return "armed" if "armed" in history.cells else "all"


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


def has_number(history: EventHistory, group: str, row: int) -> Array:
    """Whether a list gives a chance of the group, bool (regions,): ten events near, and been in the country."""
    entered = np.isin(history.country_codes.astype(str), sorted(_entered(history, group, row)))
    return np.asarray(entered & (_around(history, group, row) >= FEWEST_EVENTS))


def _entered(history: EventHistory, group: str, row: int) -> set[str]:
    """Countries in which the group has been seen."""
    here = history.events[group][: row + 1].any(axis=0)
    known = set(history.country_codes[here])
    if group in history.cells:
        known |= set(history.whereabouts(row)[1][history.cells[group][: row + 1].any(axis=0)])
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
