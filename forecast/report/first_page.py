"""What a busy reader gets first: surprises, a sentence per country, at most eight places, four numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ...data.frames import rows_of
from ...data.geography import country_name
from ..outlook import CLASSES, group_name, judged_totals
from ..result import ForecastResult
from ..watch import in_words
from .number_format import (
    MONTHS,
    chance,
    count,
    count_whole,
    in_ten,
    interval,
    listing,
    month_name,
    one_in,
    percent,
    plural,
)
from .sentences import Sentence

#: From this ratio to a past on, a number is called above or below it.
ABOVE = 1.1
#: A country in which fewer events than this are expected is named together with others.
FEW = 1.0
#: A month is called the highest or lowest since another one from this many months on; the lowest only where the year
#: had so many events for the months compared.
LONG, FEWEST = 12, 3


@dataclass(frozen=True)
class WarningClass:
    """One class of the list."""

    name: str
    record: str  # How such places, or such lists, did before; empty where nothing is known.
    #: Number on the map, region id, label and sentence of each place.
    places: list[dict[str, Any]] = field(default_factory=list)


def first_page(result: ForecastResult) -> dict[str, Any]:
    """Everything that stands before the map's section, from the tables of the release alone."""
    return {
        "surprises": surprises(result),
        "countries": country_sentences(result),
        "classes": warning_classes(result),
        "numbers": four_numbers(result),
    }


def surprises(result: ForecastResult) -> list[Sentence]:
    """A sentence per total that lies outside the 90 % interval of its forecast, the total of all first."""
    if result.judged.empty:
        return []
    totals = judged_totals(result.judged)
    found = []
    for row in rows_of(totals[totals["outside"]]):
        high = row.observed > row.high_90
        place = "All countries together" if row.level == "all" else country_name(row.location)
        month = month_name(pd.Period(str(row.month), "M"))
        side = f"{'above' if high else 'below'} the 90% interval of its forecast"
        odds = one_in(row.p_as_high if high else row.p_as_low)
        words = (
            f"{place} had {count_whole(row.observed)} events in {month}, {side} ({interval(row.low_90, row.high_90)}): "
            f"so {'many' if high else 'few'} had a chance of {odds}."
        )
        found.append(Sentence(words, {"location": row.location, "observed": row.observed}, "Surprise"))
    return found


def country_sentences(result: ForecastResult) -> list[Sentence]:
    """One sentence per country in which an event or more is expected, most first; one for the others together."""
    table = result.outlook
    if table.empty:
        return []
    events = table[(table["target"] == "events") & (table["level"] == "country")]
    deaths = table[(table["target"] == "deaths") & (table["level"] == "country")].set_index("location")
    events = events.sort_values(["next", "location"], ascending=[False, True])
    some = events[events["next"] >= FEW]
    found = [_country(result, row, deaths) for row in rows_of(some)]
    few = events[events["next"] < FEW]
    if len(few):
        names = listing(sorted(country_name(c) for c in few["location"]))
        each = " each" if len(few) > 1 else ""
        words = f"Less than one event{each} is expected in the {_ahead(few.iloc[0])} in {names}."
        found.append(Sentence(words, {"locations": few["location"].tolist()}, "Elsewhere"))
    return found


def _ahead(row: Any) -> str:
    return "next month" if row.months == 1 else f"next {plural(int(row.months), 'month')}"


def _country(result: ForecastResult, row: Any, deaths: pd.DataFrame) -> Sentence:
    """A country's next months against its last ones and its year, its records, and its deaths."""
    words = (
        f"About {count(row.next)} events in the {_ahead(row)} ({interval(row.next_low, row.next_high)}), "
        f"{verdict(row)}."
    )
    words += _record(result, row)
    if row.location in deaths.index:
        dead = deaths.loc[row.location]
        words += f" Deaths: about {count(dead['next'])} ({interval(dead['next_low'], dead['next_high'])}), "
        words += f"{count_whole(dead['last'])} in the last."
    facts = {"location": row.location, "next": row.next, "last": row.last, "year": row.year}
    return Sentence(words, facts, country_name(row.location))


def verdict(row: Any) -> str:
    """The months ahead against as many behind, and against as many of the usual of the past year.

    >>> row = pd.Series({"months": 3, "next": 60.0, "last": 40.0, "year": 30.0})
    >>> verdict(row)
    'rising: 40 in the last 3 months, 30 in a usual 3 of the year'
    """
    past = "the last month" if row.months == 1 else f"the last {int(row.months)} months"
    usual = "a usual month" if row.months == 1 else f"a usual {int(row.months)}"
    known = f"{count_whole(row.last)} in {past}"
    if math.isnan(row.year):
        return known
    known += f", {count(row.year)} in {usual} of the year"
    ratios = [row.next / past if past > 0 else math.inf for past in (row.last, row.year)]
    if min(ratios) >= ABOVE:
        return f"rising: {known}"
    if max(ratios) <= 1 / ABOVE:
        return f"easing: {known}"
    if ratios[0] >= ABOVE or ratios[1] >= ABOVE:
        against = "the last months" if ratios[0] >= ABOVE else "the year"
        return f"above {against} only: {known}"
    return f"much as before: {known}"


def _record(result: ForecastResult, row: Any) -> str:
    """That the last month was the highest or lowest for a year or more; empty where it was neither."""
    name = MONTHS[result.origin.month - 1]
    for run, word, enough in (
        (int(row.highest_months), "most", row.last_month >= FEWEST),
        (int(row.lowest_months), "fewest", row.year >= FEWEST),
    ):
        if run >= LONG and enough:
            return f" {name} had the {word} {_since(result, run, int(row.record_months))}."
    return ""


def _since(result: ForecastResult, run: int, record: int) -> str:
    """Since when nothing was like it: a month, or the start of the record."""
    if run >= record:
        return f"on record, from {month_name(result.origin - record)}"
    return f"since {month_name(result.origin - run - 1)}"


def warning_classes(result: ForecastResult) -> list[WarningClass]:
    """The four classes in order; one without a place says so by its empty list."""
    table = result.warnings
    names = dict(zip(result.panel.region_ids, result.panel.names, strict=True))
    found = []
    for kind in CLASSES if len(table.columns) else ():
        rows = rows_of(table[table["class"] == kind].rename(columns={"class": "kind"}))
        places = [
            {
                "rank": int(row.rank),
                "id": row.region_id,
                "label": f"{row.name} ({country_name(row.country)})",
                "text": _WORDS[kind](result, row, names),
            }
            for row in rows
        ]
        found.append(WarningClass(kind, class_record(kind, rows), places))
    return found


def class_record(kind: str, rows: list[Any]) -> str:
    """How such places did before."""
    known = [row for row in rows if row.cases > 0]
    if not known:
        return ""
    row = known[0]
    cases, came, ahead = f"{int(row.cases):,}", f"{int(row.came):,}", f"next {int(row.months)} months"
    return {
        "breaking out": f"Of {cases} such highs in ten years, {came} were followed by "
        f"{int(row.months)} months above the place’s year.",
        "likely to worsen": f"Of {cases} times that a place had had three events or more, {came} had half as many "
        f"again in the {ahead}. No list made by this rule has been judged yet.",
        "could begin": f"Of {cases} places on earlier lists of armed groups, {came} were entered within six months.",
        "easing": f"Of {cases} times that a place had had three events or more, {came} fell so far in the {ahead}.",
    }[kind]


def _breaking_out(result: ForecastResult, row: Any, names: dict[str, str]) -> str:
    month = MONTHS[result.origin.month - 1]
    signs = []
    if row.last_month > row.high_90:
        signs.append(f"above the 90% interval of its forecast ({interval(row.low_90, row.high_90)})")
    if row.highest_months >= LONG and row.last_month >= FEWEST:
        signs.append(f"the most {_since(result, int(row.highest_months), int(row.record_months))}")
    events = plural(int(row.last_month), "event")
    words = f"{events} in {month}{', ' if signs else ''}{' and '.join(signs)}"
    if row.group:
        back = "for the first time" if math.isnan(row.away_months) else f"after {_long(row.away_months)}"
        words += f"; {group_name(row.group)} recorded there {'' if math.isnan(row.away_months) else 'again '}{back}"
    if row.year_highest:
        words += "; its twelve months are the most violent on record"
    return f"{words}. {_next(row)}"


def _long(months: float) -> str:
    """A stretch of months in words.

    >>> _long(36), _long(30), _long(14)
    ('3 years', '2 and a half years', '14 months')
    """
    if months < 2 * LONG:
        return plural(int(months), "month")
    years, rest = divmod(int(months), LONG)
    if 4 <= rest <= 8:
        return f"{years} and a half years"
    return f"{years + (rest > 8)} years"


def _next(row: Any) -> str:
    """What is expected of a place, and what it had."""
    return (
        f"About {count(row.next)} expected in the {_ahead(row)} ({interval(row.next_low, row.next_high)}); "
        f"{count_whole(row.last)} in the last, {count(row.year)} usual."
    )


def _worsening(result: ForecastResult, row: Any, names: dict[str, str]) -> str:
    usual = f"; usually {percent(row.usual)}" if not math.isnan(row.usual) else ""
    return (
        f"a chance of {in_ten(row.chance)} ({chance(row.chance)}{usual}) of half as many events again as in the last "
        f"{plural(int(row.months), 'month')}. {_next(row)}"
    )


def _beginning(result: ForecastResult, row: Any, names: dict[str, str]) -> str:
    source = str(row.source_region or "")
    country = f" ({country_name(str(row.source_country))})" if row.source_country else ""
    pressing = (
        f" The pressure comes from {names.get(source, source)}{country}."
        if source and source == source
        else ""
    )
    if row.group:
        before = (
            "never recorded there"
            if math.isnan(row.away_months)
            else f"not there for {_long(row.away_months)}"
        )
        times = row.chance / row.usual if row.usual > 0 else math.nan
        usual = "" if math.isnan(times) or times < 1.5 else f", {times:.0f} times the usual"
        return (
            f"{group_name(row.group)}, {before}: {in_words(row.chance)} within six months{usual}.{pressing}"
        )
    quiet = (
        "no event on record"
        if math.isnan(row.away_months)
        else f"quiet for {plural(int(row.away_months), 'month')}"
    )
    return (
        f"{quiet}: a chance of {in_ten(row.chance)} ({chance(row.chance)}; quiet places usually {percent(row.usual)}) "
        f"of an event within six months.{pressing}"
    )


def _easing(result: ForecastResult, row: Any, names: dict[str, str]) -> str:
    return (
        f"a chance of {in_ten(row.chance)} ({chance(row.chance)}) of fewer events than in the last "
        f"{plural(int(row.months), 'month')}. {_next(row)}"
    )


_WORDS = {
    "breaking out": _breaking_out,
    "likely to worsen": _worsening,
    "could begin": _beginning,
    "easing": _easing,
}


def four_numbers(result: ForecastResult) -> list[tuple[str, str]]:
    """The last month's record in four numbers, each with what it is; those that are not known are left out."""
    found: list[tuple[str, str]] = []
    judged = result.judged
    if len(judged):
        total = judged[judged["level"] == "all"]
        for row in rows_of(total):
            span = f"events in {month_name(pd.Period(str(row.month), 'M'))}, {count(row.expected)} expected"
            found.append((count_whole(row.observed), f"{span} (90%: {interval(row.low_90, row.high_90)})"))
        places = judged[(judged["level"] == "region") & (judged["expected"] >= 1)]
        if len(places):
            held = int(places["observed"].between(places["low_80"], places["high_80"]).sum())
            found.append(
                (f"{held} of {len(places)}", "regions with an event or more expected were inside their 80%")
            )
    scores = result.scores
    pool = scores[(scores["target"] == "events") & (scores["member"] == "pool")] if len(scores) else scores
    first = pool[pool["horizon"] == pool["horizon"].min()] if len(pool) else pool
    for row in rows_of(first):
        if not np.isnan(row.skill_vs_conflictology):
            better = "better" if row.skill_vs_conflictology >= 0 else "worse"
            text = f"{better} than each region’s own last year, one month ahead"
            found.append((f"{100 * abs(row.skill_vs_conflictology):.0f}%", text))
        found.append((percent(row.coverage_80), "of outcomes inside the 80% intervals, in the recent past"))
    return found
