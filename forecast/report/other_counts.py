"""A report on another count than events: the page is made as for events, and calls them by their name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from ...data.panel import Panel
from ..release import PastRelease
from ..result import ForecastResult

#: Parts of a page that people read: text, labels for screen readers, and the texts within its data.
_DATA = re.compile(r"(<script[^>]*application/json[^>]*>)(.*?)(</script>)", re.DOTALL)
_SILENT = re.compile(r"(<(script|style)\b.*?</\2>)", re.DOTALL)
_READ = re.compile(r'>[^<]+<|(?<=label=")[^"]*(?=")')
_PHRASE = re.compile(r'"(?:[^"\\]|\\.)* (?:[^"\\]|\\.)*"')
_WORDS = re.compile(r"\b(an event|violent events|deadly events|events|event)\b", re.IGNORECASE)


def leading_target(result: ForecastResult) -> str:
    """The target that a page is about: events, or the first where none are forecast."""
    return "events" if "events" in result.draws else next(iter(result.draws))


def in_place_of_events(
    result: ForecastResult, previous: PastRelease | None, target: str
) -> tuple[ForecastResult, PastRelease | None]:
    """A result and the release before it, with one target in the place of events."""
    if target == "events":
        return result, previous

    def renamed(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(target=table["target"].replace(target, "events")) if "target" in table else table

    draws, countries = (
        {"events" if t == target else t: d for t, d in of.items()} for of in (result.draws, result.countries)
    )
    result = replace(
        result,
        panel=_counted(result.panel, target),
        draws=draws,
        countries=countries,
        scores=renamed(result.scores),
        reliability=renamed(result.reliability),
        rehearsal=renamed(result.rehearsal),
        outlook=renamed(result.outlook),
        triggers=renamed(result.triggers),
    )
    if previous is not None:
        before = {"events" if t == target else t: d for t, d in previous.draws.items()}
        previous = replace(previous, draws=before)
    return result, previous


def _counted(panel: Panel, target: str) -> Panel:
    return replace(panel, measures={**panel.measures, "events": panel.target(target)})


def call_by_name(html: str, target: str) -> str:
    """A page about events as one about another count; names of elements, scripts and styles stay as they are.

    >>> call_by_name('<p class="events">An event or more; 5 violent events</p>', "deaths")
    '<p class="events">A death or more; 5 deaths</p>'
    >>> call_by_name("<p>No event, 5 events.</p>", "displaced_persons")
    '<p>No displaced persons, 5 displaced persons.</p>'
    """
    if target == "events":
        return html
    word = _naming(target)

    def read(part: re.Match[str]) -> str:
        return _WORDS.sub(word, part[0])

    data = _DATA.sub(lambda m: m[1] + _PHRASE.sub(read, m[2]) + m[3], html)
    pieces = _SILENT.split(data)
    # The pattern has two groups: text, silent part, its tag, text ...
    return "".join(_READ.sub(read, p) if i % 3 == 0 else p for i, p in enumerate(pieces) if i % 3 < 2)


def said_of(text: str, target: str) -> str:
    """A plain text about events as one about another count.

    >>> said_of("About 3 events; an event more", "deaths")
    'About 3 deaths; a death more'
    """
    return text if target == "events" else _WORDS.sub(_naming(target), text)


def _naming(target: str) -> Callable[[re.Match[str]], str]:
    """How each word for events is said of a target; only deaths have a singular."""
    many = target.replace("_", " ")
    one, some = ("death", "a death") if target == "deaths" else (many, f"any {many}")

    def word(found: re.Match[str]) -> str:
        text = found[0].lower()
        replacement = some if text == "an event" else one if text == "event" else many
        return replacement[0].upper() + replacement[1:] if found[0][0].isupper() else replacement

    return word
