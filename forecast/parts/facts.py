"""What the record says of a place, in sentences that are made from its counts alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...data import month_name
from ...data.geography import country_name
from ...data.panel import Panel
from ..release import FEWEST_EVENTS
from .actors import actors_table, group_measures
from .names import against_civilians, part_label, sides_of

FACT_COLUMNS = ("level", "place", "name", "country", "kind", "about", "months", "text")
#: Months without an event of a group after which its next is named; months that a silence between two lasts.
ABSENT, SILENT = 12, 3
#: Events of a month that may be called the highest, and months of record that this needs.
HIGH, RECORD = 5, 36
#: Months and events over which violence against civilians is counted.
RECENT, SOME = 3, 5


@dataclass(frozen=True)
class _Place:
    """A region or a country: the panel's columns that it is made of."""

    level: str
    id: str
    name: str
    country: str
    columns: np.ndarray


def facts_table(panel: Panel) -> pd.DataFrame:
    """Sentences for every region and country at the panel's last month.

    Parameters
    ----------
    panel : Panel
        Up to the origin.

    Returns
    -------
    pandas.DataFrame
        ``level`` (``region`` or ``country``), ``place`` (its id), ``name``, ``country``, ``kind`` (``first``,
        ``silence``, ``civilians``, ``highest``), ``about`` (the measure), ``months`` (that the fact spans; 0 for the
        whole record) and ``text``. Nothing is said of groups with too few past events in a country.

    Examples
    --------
    >>> counts = pd.DataFrame({"month": pd.period_range("2020-01", "2023-12", freq="M").astype(str)})
    >>> counts = counts.assign(region_id="MLI-gao", name="Gao", country="MLI", events=[1] * 47 + [9])
    >>> facts_table(Panel.from_frame(counts))["text"].tolist()[1]
    'Gao had 9 events in December 2023, its highest month on record (since January 2020).'
    """
    rows: list[tuple[object, ...]] = []
    groups = {measure: sides_of(measure, panel) for measure in group_measures(panel).values()}
    for place in _places(panel):
        base = (place.level, place.id, place.name, place.country)
        found = [
            *_first_events(panel, place, groups),
            *_silences(panel, place, groups),
            *_civilians(panel, place),
            *_highest(panel, place),
        ]
        rows += [(*base, *fact) for fact in found]
    return pd.DataFrame(rows, columns=list(FACT_COLUMNS))


def record_of(panel: Panel) -> dict[str, pd.DataFrame]:
    """What a run publishes of the record of a panel that ends with the origin: ``actors``, ``facts``, ``withheld``."""
    actors, withheld = actors_table(panel)
    return {"actors": actors, "facts": facts_table(panel), "withheld": withheld}


def _places(panel: Panel) -> Iterator[_Place]:
    countries = np.asarray(panel.countries, dtype=object)
    for country in sorted(set(panel.countries)):
        name = country_name(country)
        yield _Place("country", country, name, country, np.flatnonzero(countries == country))
    for i, (region, name) in enumerate(zip(panel.region_ids, panel.names, strict=True)):
        yield _Place("region", region, name, str(countries[i]), np.array([i]))


def _series(panel: Panel, measure: str, columns: np.ndarray) -> np.ndarray:
    """Monthly counts of a place, from the first month in which any of it was observed."""
    rows = np.flatnonzero(panel.observed[:, columns].any(axis=1))
    first = int(rows[0]) if len(rows) else len(panel.months)
    return np.asarray(np.nan_to_num(panel.measure(measure)[first:, columns]).sum(axis=1), dtype=float)


def _watched(panel: Panel, place: _Place, gap: int) -> bool:
    """Whether all of a place was observed since an event; months before the record are no gap (0)."""
    return not gap or bool(panel.observed[-gap:, place.columns].all())


def _enough(panel: Panel, place: _Place, measure: str) -> bool:
    """Whether a group has events enough in the country to be spoken of."""
    home = np.asarray(panel.countries, dtype=object) == place.country
    return float(np.nansum(panel.measure(measure)[:, home])) >= FEWEST_EVENTS


def _first_events(
    panel: Panel, place: _Place, groups: Mapping[str, Sequence[str]]
) -> Iterator[tuple[object, ...]]:
    """Groups with an event in the last month and none for a year before; one that fights another is there too."""
    month = month_name(panel.months[-1])
    for measure in groups:
        same = [m for m, sides in groups.items() if m == measure or measure in sides]
        counts = np.sum([_series(panel, m, place.columns) for m in same], axis=0)
        if len(counts) <= ABSENT or counts[-1] == 0 or not _enough(panel, place, measure):
            continue
        before = np.flatnonzero(counts[:-1] > 0)
        gap = len(counts) - 1 - int(before[-1]) if len(before) else 0
        if 0 < gap <= ABSENT or not _watched(panel, place, gap):
            continue
        who, many = capital(part_label(measure, panel)), round(float(counts[-1]))
        events = "an event" if many == 1 else f"{many} events"
        since = f"the first in {span_words(gap)}" if gap else "the first on record"
        yield "first", measure, gap, f"{who}: {events} in {place.name} in {month}, {since}."


def _silences(
    panel: Panel, place: _Place, groups: Mapping[str, Sequence[str]]
) -> Iterator[tuple[object, ...]]:
    """Pairs of groups that have fought each other before and not of late."""
    for measure, sides in groups.items():
        if len(sides) != 2 or not _enough(panel, place, measure):
            continue
        counts = _series(panel, measure, place.columns)
        there = np.flatnonzero(counts > 0)
        if counts.sum() < SOME or len(counts) - 1 - there[-1] < SILENT:
            continue
        gap = len(counts) - 1 - int(there[-1])
        if not _watched(panel, place, gap):
            continue
        a, b = (part_label(side, panel) for side in sides)
        last = month_name(panel.months[-1 - gap])
        yield (
            "silence",
            measure,
            gap,
            f"{capital(a)} and {b} have not fought each other in {place.name} since {last}.",
        )


def _civilians(panel: Panel, place: _Place) -> Iterator[tuple[object, ...]]:
    """How much of the last months was violence against civilians."""
    measure = against_civilians(panel)
    if measure is None or "events" not in panel.measures:
        return
    each, civil = (_series(panel, m, place.columns)[-RECENT:] for m in ("events", measure))
    events, against = each.sum(), civil.sum()
    if len(panel.months) >= RECENT and round(events) >= SOME and (civil <= each).all():
        words = f"{round(against)} of {round(events)} events in the last {number_words(RECENT)} months"
        yield "civilians", measure, RECENT, f"Violence against civilians in {place.name}: {words}."


def _highest(panel: Panel, place: _Place) -> Iterator[tuple[object, ...]]:
    """Whether the last month had more events than any in a year or longer."""
    if "events" not in panel.measures:
        return
    counts = _series(panel, "events", place.columns)
    if len(counts) < RECORD or counts[-1] < HIGH:
        return
    before = np.flatnonzero(counts[:-1] >= counts[-1])
    gap = len(counts) - 1 - int(before[-1]) if len(before) else 0
    if 0 < gap <= ABSENT or not _watched(panel, place, gap):
        return
    had = f"{place.name} had {round(float(counts[-1]))} events in {month_name(panel.months[-1])}"
    if gap:
        yield (
            "highest",
            "events",
            gap,
            f"{had}, its highest month since {month_name(panel.months[-1 - gap])}.",
        )
        return
    began = month_name(panel.months[len(panel.months) - len(counts)])
    yield "highest", "events", 0, f"{had}, its highest month on record (since {began})."


def capital(words: str) -> str:
    """The same words at the beginning of a sentence; scripts without capitals there have none.

    >>> capital("other groups"), capital("ახალი ფრონტი")
    ('Other groups', 'ახალი ფრონტი')
    """
    return words[:1].title() + words[1:]


def span_words(months: int) -> str:
    """A span of months in words, by whole years from two on.

    >>> span_words(14), span_words(38)
    ('14 months', 'three years')
    """
    return f"{months} months" if months < 24 else f"{number_words(months // 12)} years"


def number_words(n: int) -> str:
    """Small numbers in words.

    >>> number_words(3), number_words(14)
    ('three', '14')
    """
    words = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
    ]
    return words[n] if n < len(words) else str(n)
