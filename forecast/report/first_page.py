"""What a busy reader gets first: surprises, a sentence per country, at most eight places, four numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ...data.frames import rows_of
from ..outlook import CLASSES, direction, judged_totals
from ..parts import capital
from ..result import ForecastResult
from ..theatre import theatre_words
from ..watch import numbers_supported
from .phrases import Phrases
from .sentences import Sentence

#: A country in which fewer events than this are expected is named together with others.
FEW = 1.0
#: A month is called the highest or lowest since another one from this many months on; the lowest only where the year
#: had so many events for the months compared.
LONG, FEWEST = 12, 3
#: A chance is called so many times the usual from this ratio on.
TIMES = 1.5
ENGLISH = Phrases()


@dataclass(frozen=True)
class WarningClass:
    """One class of the list."""

    name: str
    label: str  # The same in the language of the page.
    record: str  # How such places, or such lists, did before; empty where nothing is known.
    #: Number on the map, region id, label and sentence of each place.
    places: list[dict[str, Any]] = field(default_factory=list)


def first_page(result: ForecastResult, say: Phrases = ENGLISH) -> dict[str, Any]:
    """Everything that stands before the map's section, from the tables of the release alone."""
    return {
        "surprises": surprises(result, say),
        "countries": country_sentences(result, say),
        "classes": warning_classes(result, say),
        "numbers": four_numbers(result, say),
    }


def surprises(result: ForecastResult, say: Phrases = ENGLISH) -> list[Sentence]:
    """A sentence per total that lies outside the 90 % interval of its forecast, the total of all first."""
    if result.judged.empty:
        return []
    totals = judged_totals(result.judged)
    found = []
    for row in rows_of(totals[totals["outside"]]):
        high = row.observed > row.high_90
        words = say(
            "surprise high" if high else "surprise low",
            place=say("all countries") if row.level == "all" else say.country(row.location),
            observed=say.whole(row.observed),
            month=say.month(pd.Period(str(row.month), "M")),
            span=say.interval(row.low_90, row.high_90),
            odds=say.odds(row.p_as_high if high else row.p_as_low),
        )
        facts = {"location": row.location, "observed": row.observed}
        found.append(Sentence(words, facts, say("surprise topic")))
    return found


def country_sentences(result: ForecastResult, say: Phrases = ENGLISH) -> list[Sentence]:
    """One sentence per country in which an event or more is expected, most first; one for the others together."""
    table = result.outlook
    if table.empty:
        return []
    events = table[(table["target"] == "events") & (table["level"] == "country")]
    events = events.sort_values(["next", "location"], ascending=[False, True])
    some = events[events["next"] >= FEW]
    found = [country_sentence(result, row, say) for row in rows_of(some)]
    few = events[events["next"] < FEW]
    if len(few):
        names = say.listing(sorted(say.country(c) for c in few["location"]))
        ahead = _ahead(int(few.iloc[0]["months"]), say, "ahead in")
        words = say("few each" if len(few) > 1 else "few", ahead=ahead, names=names)
        found.append(Sentence(words, {"locations": few["location"].tolist()}, say("elsewhere")))
    return found


def _ahead(months: int, say: Phrases, key: str = "ahead") -> str:
    return say(f"{key} one") if months == 1 else say(key, months=say.some(months, "month"), n=months)


def country_sentence(result: ForecastResult, row: Any, say: Phrases = ENGLISH) -> Sentence:
    """A country's next months against its last ones and its year, its records, and its deaths."""
    table, deaths = result.outlook, ""
    dead = table[(table["target"] == "deaths") & (table["location"] == row.location)]
    for each in rows_of(dead[dead["level"] == "country"]):
        span = say.interval(each.next_low, each.next_high)
        deaths = say("country deaths", next=say.count(each.next), span=span, last=say.whole(each.last))
    words = say(
        "country",
        next=say.count(row.next),
        ahead=_ahead(int(row.months), say, "ahead in"),
        span=say.interval(row.next_low, row.next_high),
        verdict=verdict(row, say),
        record=_record(result, row, say),
        deaths=deaths,
    )
    facts = {"location": row.location, "next": row.next, "last": row.last, "year": row.year}
    return Sentence(words, facts, say.country(row.location))


def verdict(row: Any, say: Phrases = ENGLISH) -> str:
    """The months ahead against as many behind, and against as many of the usual of the past year.

    >>> row = pd.Series({"months": 3, "next": 60.0, "last": 40.0, "year": 30.0})
    >>> verdict(row)
    'rising: 40 in the last 3 months, 30 in a usual 3 of the year'
    """
    months = int(row.months)
    key = ("past only" if math.isnan(row.year) else "past") + (" one" if months == 1 else "")
    said = {"last": say.whole(row.last), "year": say.count(row.year), "n": months}
    past = say(key, months=say.some(months, "month"), **said)
    return say(f"verdict {direction(row.next, row.last, row.year)}", past=past)


def _record(result: ForecastResult, row: Any, say: Phrases) -> str:
    """That the last month was the highest or lowest for a year or more; empty where it was neither."""
    name = say.month_alone(result.origin)
    for run, word, enough in (
        (int(row.highest_months), "most", row.last_month >= FEWEST),
        (int(row.lowest_months), "fewest", row.year >= FEWEST),
    ):
        if run >= LONG and enough:
            since = _since(result, run, int(row.record_months), say)
            return say(f"record {word}", month=f"{name[0].upper()}{name[1:]}", since=since)
    return ""


def _since(result: ForecastResult, run: int, record: int, say: Phrases) -> str:
    """Since when nothing was like it: a month, or the start of the record."""
    if run >= record:
        return say("since record", month=say.month(result.origin - record))
    return say("since", month=say.month(result.origin - run - 1))


def warning_classes(result: ForecastResult, say: Phrases = ENGLISH) -> list[WarningClass]:
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
                "country": row.country,
                "name": row.name,
                "label": say.place(row.name, row.country),
                "text": capital(_WORDS[kind](result, row, names, say)),
            }
            for row in rows
        ]
        found.append(WarningClass(kind, say(f"class {kind}"), class_record(kind, rows, say), places))
    return found


def class_record(kind: str, rows: list[Any], say: Phrases = ENGLISH) -> str:
    """How such places did before."""
    known = [row for row in rows if row.cases > 0]
    lists: dict[str, Any] = {}
    for row in known:  # Entries of groups and onsets come from lists with records of their own.
        lists.setdefault(f"record {kind}" + (" any" if kind == "could begin" and not row.group else ""), row)
    found = []
    for key, row in lists.items():
        n = int(row.months)
        said = {"months": say.some(n, "month"), "ahead": _ahead(n, say), "n": n}
        found.append(say(key, cases=say.whole(row.cases), came=say.whole(row.came), **said))
    return " ".join(found)


def _breaking_out(result: ForecastResult, row: Any, names: dict[str, str], say: Phrases) -> str:
    signs = []
    if row.last_month > row.high_90:
        signs.append(say("out above", span=say.interval(row.low_90, row.high_90)))
    if row.highest_months >= LONG and row.last_month >= FEWEST:
        since = _since(result, int(row.highest_months), int(row.record_months), say)
        signs.append(say("out most", since=since))
    words = say("out", events=say.some(row.last_month, "event"), month=say.month_alone(result.origin))
    words = ", ".join([words, say.listing(signs)] if signs else [words])
    if row.group:
        group = say.group(row.group, group_labels(result))
        first = math.isnan(row.away_months)
        words += say("back first" if first else "back", group=group, away=_long(row.away_months, say))
    if row.year_highest:
        words += say("worst year")
    return f"{words}. {_next(row, say)}"


def group_labels(result: ForecastResult) -> dict[str, str]:
    """What the release's own table of groups calls each of them, and its theatre those that are not in that."""
    actors, panel = result.actors, result.panel
    theatre = panel.attrs.get("labels") or theatre_words(panel).get("labels", {})
    return {**theatre, **(dict(zip(actors["group"], actors["label"], strict=True)) if len(actors) else {})}


def _long(months: float, say: Phrases = ENGLISH) -> str:
    """A stretch of months in words.

    >>> _long(36), _long(30), _long(14)
    ('3 years', '2 and a half years', '14 months')
    """
    if math.isnan(months):
        return ""
    if months < 2 * LONG:
        return say.some(int(months), "month")
    years, rest = divmod(int(months), LONG)
    return say("half year", n=years) if 4 <= rest <= 8 else say.some(years + (rest > 8), "year")


def _next(row: Any, say: Phrases) -> str:
    """What is expected of a place, and what it had."""
    words = say(
        "next",
        ahead=_ahead(int(row.months), say),
        next=say.count(row.next),
        span=say.interval(row.next_low, row.next_high),
        last=say.whole(row.last),
        year=say.count(row.year),
    )
    return capital(words)


def _worsening(result: ForecastResult, row: Any, names: dict[str, str], say: Phrases) -> str:
    usual = "" if math.isnan(row.usual) else say("usually", share=say.percent(row.usual))
    return _chances("worse", row, say, usual=usual)


def _easing(result: ForecastResult, row: Any, names: dict[str, str], say: Phrases) -> str:
    return _chances("fewer", row, say)


def _chances(key: str, row: Any, say: Phrases, **more: str) -> str:
    """A chance that the months ahead are unlike the last, and what is expected."""
    return say(
        key + (" one" if row.months == 1 else ""),
        in_ten=say.in_ten(row.chance),
        chance=say.chance(row.chance),
        ahead=_ahead(int(row.months), say),
        next=_next(row, say),
        **more,
    )


def _beginning(result: ForecastResult, row: Any, names: dict[str, str], say: Phrases) -> str:
    source = row.source_region if isinstance(row.source_region, str) else ""
    country = row.source_country if isinstance(row.source_country, str) else ""
    pressing = say("pressing", place=say.place(names.get(source, source), country)) if source else ""
    new = math.isnan(row.away_months)
    if row.group:
        before = say("never there") if new else say("not there", away=_long(row.away_months, say))
        ratio = row.chance / row.usual if row.usual > 0 else math.nan
        return say(
            "begin group",
            group=say.group(row.group, group_labels(result)),
            before=before,
            odds=stated(result, "entry", row.chance, say),
            times=say("times usual", n=f"{ratio:.0f}") if ratio >= TIMES else "",
            pressing=pressing,
        )
    months = 0 if new else int(row.away_months)
    words = {
        "quiet": say("never quiet") if new else say("quiet for", months=say.some(months, "month"), n=months),
        "usual": say.percent(row.usual),
        "pressing": pressing,
    }
    if not supported(result, "onset"):
        return say("begin about", odds=say.about(row.chance), **words)
    return say("begin any", in_ten=say.in_ten(row.chance), chance=say.chance(row.chance), **words)


def stated(result: ForecastResult, of: str, chance: float, say: Phrases) -> str:
    """A chance on a list, as its record supports it."""
    return f"{say.in_ten(chance)} ({say.chance(chance)})" if supported(result, of) else say.about(chance)


def supported(result: ForecastResult, of: str) -> bool:
    """Whether past lists of ``entry`` or ``onset`` support chances above a tenth; else those are one class."""
    return numbers_supported(result.watch.get("watch_record.csv", pd.DataFrame()), of)


_WORDS = {
    "breaking out": _breaking_out,
    "likely to worsen": _worsening,
    "could begin": _beginning,
    "easing": _easing,
}


def four_numbers(result: ForecastResult, say: Phrases = ENGLISH) -> list[tuple[str, str]]:
    """The last month's record in four numbers, each with what it is; those that are not known are left out."""
    found: list[tuple[str, str]] = []
    judged = result.judged
    if len(judged):
        for row in rows_of(judged[judged["level"] == "all"]):
            month, span = say.month(pd.Period(str(row.month), "M")), say.interval(row.low_90, row.high_90)
            words = say("number total", month=month, expected=say.count(row.expected), span=span)
            found.append((say.whole(row.observed), words))
        places = judged[(judged["level"] == "region") & (judged["expected"] >= 1)]
        if len(places):
            held = int(places["observed"].between(places["low_80"], places["high_80"]).sum())
            found.append((say("held of", held=held, all=len(places)), say("number regions")))
    for row in rows_of(first_scores(result)):
        if not np.isnan(row.skill_vs_conflictology):
            better = "number better" if row.skill_vs_conflictology >= 0 else "number worse"
            found.append((say.percent(round(abs(row.skill_vs_conflictology), 2)), say(better)))
        found.append((say.percent(row.coverage_80), say("number coverage")))
    return found


def first_scores(result: ForecastResult) -> pd.DataFrame:
    """The published forecasts' scores of events at the first horizon; no row where none was scored."""
    scores = result.scores
    pool = scores[(scores["target"] == "events") & (scores["member"] == "pool")] if len(scores) else scores
    return pool[pool["horizon"] == pool["horizon"].min()] if len(pool) else pool
