"""Who comes next, on the page: one sentence in the headline, and the lists with what earlier ones were worth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from ...data.frames import rows_of
from ...data.geography import country_name
from ..outlook import group_name
from ..parts import capital
from ..result import ForecastResult
from ..watch import HALF_CELL, record_sentences
from .first_page import ENGLISH, group_labels, supported
from .sentences import Sentence

#: Rows of each list on the page.
_SHOWN = 5
#: Regions that a row names as the source of its pressure.
_ROUTES = 2
#: The list of any of the groups, which repeats the others.
_ANY = "any"


def watch_headline(result: ForecastResult) -> Sentence | None:
    """The first of each list; None where there is no list."""
    parts = []
    for group, table in _lists(result):
        first = table.iloc[0]
        chance = _chance(first["p_6"], supported(result, "entry"))
        parts.append(f"{group} may enter {_place(result, first)} ({chance})")
    onsets = result.watch.get("onsets.csv", pd.DataFrame())
    if len(onsets):
        first = onsets.iloc[0]
        chance = _chance(first["p_6"], supported(result, "onset"))
        parts.append(f"after six quiet months, violence may begin in {_place(result, first)} ({chance})")
    if not parts:
        return None
    text = "; ".join(parts)
    return Sentence(f"{capital(text)}, within six months.", topic="Who comes next")


def watch_section(result: ForecastResult) -> dict[str, Any] | None:
    """Lists of entries by group and of onsets, the record in words, what is missing; None without lists and notes."""
    lists = [
        {"title": f"{group}: where it is not", "rows": _rows(result, t, "entry")}
        for group, t in _lists(result)
    ]
    onsets = result.watch.get("onsets.csv", pd.DataFrame())
    if len(onsets):
        rows = _rows(result, onsets.assign(group=""), "onset")
        lists.append({"title": "Violence of any kind, after six quiet months", "rows": rows})
    record = result.watch.get("watch_record.csv", pd.DataFrame())
    notes = [*(record_sentences(record) if len(record) else []), *result.watch_notes]
    return {"lists": lists, "record": notes} if lists or result.watch_notes else None


def _lists(result: ForecastResult) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each group and its list, best first, without places that have no number."""
    table = result.watch.get("watchlist.csv", pd.DataFrame())
    if table.empty:
        return
    for group in dict.fromkeys(map(str, table["group"])):
        part = table[(table["group"] == group) & table["p_6"].notna()]
        if group != _ANY and len(part):
            yield group_labels(result).get(group) or group_name(group), part


def _rows(result: ForecastResult, table: pd.DataFrame, of: str) -> list[dict[str, str]]:
    rows, stated = [], supported(result, of)
    routes = result.watch.get("watch_routes.csv", pd.DataFrame())
    for row in rows_of(table.head(_SHOWN)):
        near = "" if pd.isna(row.nearest_km) else _distance(row.nearest_km)
        rows.append(
            {
                "place": _place(result, row._asdict()),
                "chance": _chance(row.p_6, stated),
                "source": _sources(result, row, routes) or "no recent events nearby",
                "near": near,
                "record": str(row.record),
            }
        )
    return rows


def _sources(result: ForecastResult, row: Any, routes: pd.DataFrame) -> str:
    """The regions that press most, with their shares and the first one's events; empty where none does."""
    main = str(row.main_source_region) if isinstance(row.main_source_region, str) else ""
    if routes.empty:  # releases of earlier versions have no routes
        return _name(result, main) if main else ""
    here = routes[(routes["group"] == row.group) & (routes["region_id"] == row.region_id)]
    found = [
        f"{_name(result, r.source_region)} {ENGLISH.percent(r.share)}" for r in rows_of(here.head(_ROUTES))
    ]
    events = here["events_6"].iloc[0] if len(here) else float("nan")
    if not pd.isna(events):
        found[0] += f" ({ENGLISH.some(int(events), 'event')} in six months)"
    return ", ".join(found)


def _distance(km: float) -> str:
    """Whole kilometres; events are known to their grid cell, so that nothing is nearer than half of one.

    >>> _distance(0.0), _distance(52.4)
    ('under 30 km', '52 km')
    """
    return f"under {HALF_CELL} km" if km < HALF_CELL else f"{km:.0f} km"


def _chance(value: Any, supported: bool = False) -> str:
    """A chance as odds; where a record supports chances above a tenth, in tenths and in per cent."""
    p = float(value)
    return f"{ENGLISH.in_ten(p)}: {ENGLISH.chance(p)}" if supported and p == p else ENGLISH.about(p)


def _place(result: ForecastResult, row: Any) -> str:
    return f"{_name(result, str(row['region_id']))}, {country_name(str(row['country']))}"


def _name(result: ForecastResult, region: str) -> str:
    """The region's name; of a place without a record, what its id says."""
    known = dict(zip(result.panel.region_ids, result.panel.names, strict=True))
    return known.get(region, region.partition("-")[2].replace("-", " ").title() or region)
