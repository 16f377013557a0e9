"""What the map can show: values, colour classes and words, and the page's data for its script."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from ...data.errors import searchable
from ..release import PastRelease
from ..result import ForecastResult
from .number_format import chance, count, in_ten, interval, month_name, percent, signed, signed_percent
from .tables import THRESHOLDS, Outlook

ROUND = (0.1, 0.2, 0.5, *(step * 10**power for power in range(9) for step in (1, 2, 5)))
CHANCES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
CLASSES = 8


@dataclass(frozen=True)
class MapMeasure:
    """One way to colour the map."""

    #: For the script and for people.
    key: str
    label: str
    values: np.ndarray  # Shape (horizons, regions).
    text: list[list[str]]  # The same in words.
    edges: tuple[float, ...]  # Lower bounds of all classes but the first.
    palette: str  # ``q`` (from little to much) or ``d`` (from fall to rise).
    legend: tuple[str, ...]  # What each class stands for.
    lasting: bool = False  # Whether it is the same for every month.

    def classes(self, horizon: int) -> list[str]:
        """Colour class of every region at one horizon (a position, not months)."""
        return [colour_class(float(v), self.edges, self.palette) for v in self.values[horizon]]


def colour_class(value: float, edges: Sequence[float], palette: str) -> str:
    """The class of a value.

    >>> [colour_class(v, (1, 2, 5), "q") for v in (3, 5, float("nan"))]
    ['q2', 'q3', 'na']
    """
    return "na" if np.isnan(value) else f"{palette}{int(np.searchsorted(edges, value, side='right'))}"


def count_edges(values: np.ndarray) -> tuple[float, ...]:
    """Seven round edges, about evenly spaced in ratio, the last one not above the largest value.

    >>> count_edges(np.array([0.0, 31.0]))
    (0.2, 0.5, 1, 2, 5, 10, 20)
    """
    largest = max(float(np.nanmax(values, initial=0.0)), 10.0)
    below = [e for e in ROUND if e <= largest]
    return tuple(below[-(CLASSES - 1) :])


def ranges(edges: Sequence[float], write: Any) -> tuple[str, ...]:
    """What each colour class stands for."""
    names = [write(e) for e in edges]
    middle = [f"{a}–{b}" for a, b in pairwise(names)]
    return (f"under {names[0]}", *middle, f"{names[-1]} or more")


def plain(value: float) -> str:
    """A round edge, as short as it can be written."""
    return f"{value:,g}" if value < 1000 else f"{value:,.0f}"


def _written(values: np.ndarray, write: Any) -> list[list[str]]:
    return [[write(float(v)) for v in row] for row in values]


def _counts(key: str, label: str, values: np.ndarray) -> MapMeasure:
    edges = count_edges(values)
    return MapMeasure(key, label, values, _written(values, count), edges, "q", ranges(edges, plain))


def _change(key: str, label: str, values: np.ndarray) -> MapMeasure:
    largest = float(np.nanmax(np.abs(values), initial=0.0))
    step = max(s for s in ROUND if 0.5 <= s <= max(largest, 1.0) / 2)
    edges = (-2 * step, -step, -step / 5, step / 5, step, 2 * step)
    names = [("+" if e > 0 else "−") + plain(abs(e)) for e in edges]
    middle = [f"{a} to {b}" for a, b in pairwise(names)]
    middle[2] = "about the same"
    legend = (f"{names[0]} or lower", *middle, f"{names[-1]} or higher")
    return MapMeasure(key, label, values, _written(values, signed), edges, "d", legend)


def map_measures(
    result: ForecastResult, outlooks: Mapping[str, Outlook], previous: PastRelease | None = None
) -> list[MapMeasure]:
    """All measures on offer, the default first."""
    events = outlooks["events"]
    found = [_counts("events", "Expected events", events.mean)]
    for k in THRESHOLDS:
        word = "at least one event" if k == 1 else f"{k} events or more"
        likely, label = events.chance[k], f"Chance of {word}"
        text, legend = _written(likely, chance), ranges(CHANCES, percent)
        found.append(MapMeasure(f"p{k}", label, likely, text, CHANCES, "q", legend))
    found.append(_change("change", "Change against past 12 months", events.change))
    found.append(_change("lately", "Change against past 3 months", events.change_lately))
    found.append(_relative(events))
    begin = _beginning(result, events)
    if begin is not None:
        found.append(begin)
    if "deaths" in outlooks:
        found.append(_counts("deaths", "Expected deaths", outlooks["deaths"].mean))
    revision = since_release(result, events, previous)
    if revision is not None:
        found.append(_change("revision", "Change since the last release", revision))
    return found


#: A change in per cent is of a usual month with at least so many events.
LEAST_USUAL = 0.25
#: Lower bounds of a change in per cent.
_PERCENTS = (-0.5, -0.25, -0.1, 0.1, 0.25, 0.5)


def _relative(events: Outlook) -> MapMeasure:
    """The change in per cent of a usual month; none where a usual month has next to nothing."""
    usual = np.where(events.recent >= LEAST_USUAL, events.recent, np.nan)
    values = events.mean / usual - 1
    names = [signed_percent(edge).removesuffix(".0%") + "%" for edge in _PERCENTS]
    middle = [f"{a} to {b}" for a, b in pairwise(names)]
    middle[2] = "about the same"
    legend = (f"{names[0]} or lower", *middle, f"{names[-1]} or higher")
    text = [["–" if np.isnan(v) else f"{100 * v:+.0f}%".replace("-", "−") for v in row] for row in values]
    return MapMeasure("relative", "Change in % of a usual month", values, text, _PERCENTS, "d", legend)


def _beginning(result: ForecastResult, events: Outlook) -> MapMeasure | None:
    """Where violence could begin within six months: places at war already are masked; None without a watch list."""
    onsets = result.watch.get("onsets.csv", pd.DataFrame())
    if onsets.empty:
        return None
    chances = onsets.set_index("region_id")["p_6"].reindex(list(events.ids)).to_numpy(float)
    values = np.tile(chances, (len(events.mean), 1))
    text = [
        ["had events of late" if np.isnan(v) else f"{in_ten(v)} ({chance(v)})" for v in row] for row in values
    ]
    legend, label = ranges(CHANCES, percent), "Where it could begin: first event within six months"
    return MapMeasure("begin", label, values, text, CHANCES, "q", legend, lasting=True)


def since_release(result: ForecastResult, events: Outlook, previous: PastRelease | None) -> np.ndarray | None:
    """Expected events less what the earlier release expected of the same month; NaN where it reached none."""
    old = previous.draws.get("events") if previous else None
    if old is None:
        return None
    ahead = int(result.origin.ordinal - old.origin.ordinal)
    then = pd.DataFrame(old.mean(), index=list(old.horizons), columns=list(old.region_ids))
    then = then.reindex(index=[h + ahead for h in result.horizons], columns=list(events.ids))
    values = events.mean - then.to_numpy(float)
    return None if np.isnan(values).all() else values


def short(values: np.ndarray) -> Any:
    """Nested lists with three significant digits, None for NaN.

    >>> short(np.array([[1.23456, np.nan, 12.0]]))
    [[1.23, None, 12]]
    """
    if values.ndim:
        return [short(v) for v in values]
    value = float(values)
    if np.isnan(value):
        return None
    value = float(f"{value:.3g}")
    return int(value) if value.is_integer() else value


def _places(outlook: Outlook, past: int) -> dict[str, Any]:
    return {
        "history": short(outlook.history[-past:].T),
        "q": short(outlook.quantiles.transpose(2, 0, 1)),
        "mean": short(outlook.mean.T),
        "text": [[count(float(v)) for v in row] for row in outlook.mean.T],
        "words": [
            f"{count(outlook.mean[0, i])} (80% interval {interval(outlook.low[0, i], outlook.high[0, i])}); "
            f"mean of the past 12 months {count(outlook.recent[i])}"
            for i in range(len(outlook.ids))
        ],
    }


def page_data(
    result: ForecastResult,
    outlooks: Mapping[str, Outlook],
    countries: Mapping[str, Outlook],
    measures: Sequence[MapMeasure],
    reasons: np.ndarray,
    past: int = 36,
) -> dict[str, Any]:
    """Everything the page's script needs; all words are made here, none in the script."""
    events = outlooks["events"]
    months = result.panel.until(result.origin).months[-past:]
    spans = [
        [interval(low, high) for low, high in zip(lows, highs, strict=True)]
        for lows, highs in zip(events.low, events.high, strict=True)
    ]
    return {
        "months": [month_name(m) for m in result.months],
        "past": [str(m) for m in months],
        "regions": [[i, n, c] for i, n, c in zip(events.ids, events.names, events.countries, strict=True)],
        "labels": [events.label(i) for i in range(len(events.ids))],
        "find": [searchable(events.label(i)) for i in range(len(events.ids))],
        "places": list(next(iter(countries.values())).names),
        "spans": spans,
        "high": short(events.high),
        "recent": [count(float(v)) for v in events.recent],
        "recentvalues": short(events.recent),
        "reasons": [[str(word) for word in row] for row in reasons],
        "measures": [
            {name: getattr(m, name) for name in ("key", "label", "palette", "edges", "legend", "lasting")}
            | {"values": short(m.values), "text": m.text}
            for m in measures
        ],
        "fans": {
            target: {"regions": _places(outlook, past), "countries": _places(countries[target], past)}
            for target, outlook in outlooks.items()
        },
    }


def safe_json(data: Any) -> Markup:
    """JSON that can stand inside a script element whatever names it holds.

    >>> str(safe_json({"a": "</script>&"}))
    '{"a":"\\\\u003c/script\\\\u003e\\\\u0026"}'
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)
