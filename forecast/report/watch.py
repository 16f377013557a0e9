"""Who comes next, on the page: one sentence in the headline, and the lists with what earlier ones were worth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from ...data.frames import rows_of
from ...data.geography import country_name
from ..outlook import group_name
from ..result import ForecastResult
from ..watch import record_sentences
from .first_page import ENGLISH, group_labels
from .sentences import Sentence

#: Rows of each list on the page.
_SHOWN = 5
#: Half the side of a grid cell in km, rounded up: no event is known to be nearer.
_HALF_CELL = 30
#: The list of any of the groups, which repeats the others.
_ANY = "any"


def watch_headline(result: ForecastResult) -> Sentence | None:
    """The first of each list; None where there is no list."""
    parts = []
    for group, table in _lists(result):
        first = table.iloc[0]
        parts.append(f"{group} may enter {_place(result, first)} ({_chance(first['p_6'])})")
    onsets = result.watch.get("onsets.csv", pd.DataFrame())
    if len(onsets):
        first = onsets.iloc[0]
        chance = _chance(first["p_6"], supported=True)
        parts.append(f"after six quiet months, violence may begin in {_place(result, first)} ({chance})")
    if not parts:
        return None
    text = "; ".join(parts)
    return Sentence(f"{text[0].upper()}{text[1:]}, within six months.", topic="Who comes next")


def watch_section(result: ForecastResult) -> dict[str, Any] | None:
    """Lists of entries by group and of onsets, with the record in words; None where there is no list."""
    lists = [{"title": f"{group}: where it is not", "rows": _rows(result, t)} for group, t in _lists(result)]
    onsets = result.watch.get("onsets.csv", pd.DataFrame())
    if len(onsets):
        lists.append(
            {"title": "Violence of any kind, after six quiet months", "rows": _rows(result, onsets, True)}
        )
    if not lists:
        return None
    record = result.watch.get("watch_record.csv", pd.DataFrame())
    return {"lists": lists, "record": record_sentences(record) if len(record) else []}


def _lists(result: ForecastResult) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each group and its list, best first, without places that have no number."""
    table = result.watch.get("watchlist.csv", pd.DataFrame())
    if table.empty:
        return
    for group in dict.fromkeys(map(str, table["group"])):
        part = table[(table["group"] == group) & table["p_6"].notna()]
        if group != _ANY and len(part):
            yield group_labels(result).get(group) or group_name(group), part


def _rows(result: ForecastResult, table: pd.DataFrame, supported: bool = False) -> list[dict[str, str]]:
    rows = []
    for row in rows_of(table.head(_SHOWN)):
        source = str(row.main_source_region) if isinstance(row.main_source_region, str) else ""
        near = "" if pd.isna(row.nearest_km) else _distance(row.nearest_km)
        rows.append(
            {
                "place": _place(result, row._asdict()),
                "chance": _chance(row.p_6, supported),
                "source": _name(result, source) if source else "no recent events nearby",
                "near": near,
                "record": str(row.record),
            }
        )
    return rows


def _distance(km: float) -> str:
    """Whole kilometres; events are known to their grid cell, so that nothing is nearer than half of one.

    >>> _distance(0.0), _distance(52.4)
    ('under 30 km', '52 km')
    """
    return f"under {_HALF_CELL} km" if km < _HALF_CELL else f"{km:.0f} km"


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
