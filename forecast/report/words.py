"""Sentences made from numbers, and how numbers are written."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ..result import ForecastResult
from .previous import Hindsight
from .tables import Outlook, Spill, country_name

MONTHS = "January February March April May June July August September October November December".split()
#: A rise or fall is told from this ratio to the mean of the last twelve months on, and from one event a month on.
TOLD_RATIO, TOLD_EVENTS = 1.25, 1.0
#: A region counts as quiet after this many months without an event.
QUIET = 6


@dataclass(frozen=True)
class Sentence:
    """One sentence and the numbers it speaks of, unrounded, so that a test can derive them again.

    Attributes
    ----------
    text : str
        The sentence.
    facts : dict
        The numbers and ids behind it.
    topic : str
        What it is about, in a word or two, for the margin.
    """

    text: str
    facts: Mapping[str, object] = field(default_factory=dict)
    topic: str = ""


def month_name(month: pd.Period) -> str:
    """A month in words.

    >>> month_name(pd.Period("2024-01", "M"))
    'January 2024'
    """
    return f"{MONTHS[month.month - 1]} {month.year}"


def count(value: float) -> str:
    """An expected count: one decimal below ten, whole above; a dash where there is none.

    >>> count(0.04), count(3.14159), count(17.6), count(1234.5), count(float("nan"))
    ('<0.1', '3.1', '18', '1,234', '–')
    """
    if math.isnan(value):
        return "–"
    if 0 < value < 0.05:
        return "<0.1"
    return f"{value:.1f}" if value < 9.95 else f"{value:,.0f}"


def percent(value: float) -> str:
    """A probability or share; never a false 0 or 100 %.

    >>> percent(0.5), percent(0.001), percent(0.9999), percent(0.0), percent(1.0)
    ('50%', '<1%', '>99%', '0%', '100%')
    """
    if math.isnan(value):
        return "–"
    if 0 < value < 0.01:
        return "<1%"
    if 0.99 < value < 1:
        return ">99%"
    return f"{100 * value:.0f}%"


def signed(value: float) -> str:
    """A change with its sign, a true minus, and no negative zero.

    >>> signed(2.34), signed(-0.5), signed(0.01), signed(-31.2)
    ('+2.3', '−0.5', '0.0', '−31')
    """
    if math.isnan(value):
        return "–"
    if abs(value) < 0.05:
        return "0.0"
    size = f"{abs(value):.1f}" if abs(value) < 9.95 else f"{abs(value):,.0f}"
    return f"{'+' if value > 0 else '−'}{size}"


def interval(low: float, high: float) -> str:
    """Both ends of an interval.

    >>> interval(3.0, 12.0)
    '3–12'
    """
    return f"{low:,.0f}–{high:,.0f}"


def listing(items: Sequence[str]) -> str:
    """Items as English lists them.

    >>> listing(["a", "b", "c"])
    'a, b and c'
    """
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def plural(number: int, one: str, many: str = "") -> str:
    """A count with its noun.

    >>> plural(1, "month"), plural(3, "month"), plural(2, "country", "countries")
    ('1 month', '3 months', '2 countries')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def total_sentence(result: ForecastResult, outlook: Outlook) -> Sentence:
    """How many events next month in all, from joint draws, beside the last twelve months."""
    draws = result.draws["events"].total(["all"] * len(outlook.ids))
    low, high = (float(q) for q in draws.quantile([0.1, 0.9])[:, 0, 0])
    mean, recent = float(draws.mean()[0, 0]), float(np.nansum(outlook.recent))
    words = (
        f"About {count(mean)} violent events are expected in {month_name(result.months[0])} across "
        f"{plural(len(outlook.ids), 'region')} (80% interval {interval(low, high)}); "
        f"the mean of the past twelve months is {count(recent)}."
    )
    return Sentence(words, {"mean": mean, "low": low, "high": high, "recent": recent}, "Overall")


def leading_sentence(outlook: Outlook, top: int = 5) -> Sentence:
    """The regions with most expected events next month, and their share of all."""
    order = ranking_order(outlook)[:top]
    share = float(outlook.mean[0, order].sum() / max(outlook.mean[0].sum(), 1e-12))
    told = [
        f"{outlook.label(i)}, {count(outlook.mean[0, i])} ({interval(outlook.low[0, i], outlook.high[0, i])})"
        for i in order
    ]
    words = f"Most are expected in {'; '.join(told)}. "
    words += (
        f"Together that is {percent(share)} of all."
        if len(order) > 1
        else f"That is {percent(share)} of all."
    )
    facts = {
        "region_ids": [outlook.ids[i] for i in order],
        "means": outlook.mean[0, order].tolist(),
        "share": share,
    }
    return Sentence(words, facts, "Where most")


def ranking_order(outlook: Outlook) -> list[int]:
    """Places by expected count next month, most first; ties by id."""
    return sorted(range(len(outlook.ids)), key=lambda i: (-outlook.mean[0, i], outlook.ids[i]))


def rising(outlook: Outlook) -> list[int]:
    """Places expected to rise by a quarter and by one event a month or more, steepest first."""
    mean, change = outlook.mean[0], outlook.change[0]
    up = [
        i
        for i in range(len(mean))
        if change[i] >= TOLD_EVENTS and mean[i] >= TOLD_RATIO * max(outlook.recent[i], 0)
    ]
    return sorted(up, key=lambda i: (-change[i], outlook.ids[i]))


def falling(outlook: Outlook) -> list[int]:
    """Places expected to fall by the same measure, steepest first."""
    mean, change = outlook.mean[0], outlook.change[0]
    down = [
        i for i in range(len(mean)) if change[i] <= -TOLD_EVENTS and mean[i] * TOLD_RATIO <= outlook.recent[i]
    ]
    return sorted(down, key=lambda i: (change[i], outlook.ids[i]))


def rise_sentence(result: ForecastResult, outlook: Outlook, top: int = 3) -> Sentence:
    """Which regions rise most against their own last twelve months, or that none does."""
    up = rising(outlook)[:top]
    if not up:
        return Sentence(
            "No region is expected to rise by a quarter or more, and by at least one event, above its mean of "
            "the past twelve months.",
            {"region_ids": []},
            "What rises",
        )
    values = result.draws["events"].values
    above = [float((values[:, 0, i] > outlook.recent[i]).mean()) for i in up]
    told = [
        f"{outlook.label(i)}, {count(outlook.mean[0, i])} against a mean of {count(outlook.recent[i])} "
        f"in the past twelve months (chance of exceeding that mean: {percent(p)})"
        for i, p in zip(up, above, strict=True)
    ]
    facts = {
        "region_ids": [outlook.ids[i] for i in up],
        "means": outlook.mean[0, up].tolist(),
        "recent": outlook.recent[up].tolist(),
        "chance_above": above,
    }
    return Sentence(f"The largest expected rise: {'; '.join(told)}.", facts, "What rises")


def fall_sentence(outlook: Outlook, top: int = 3) -> Sentence | None:
    """Which regions are expected to ease most; None where none is."""
    down = falling(outlook)[:top]
    if not down:
        return None
    told = [
        f"{outlook.label(i)}, {count(outlook.mean[0, i])} against {count(outlook.recent[i])}" for i in down
    ]
    facts = {
        "region_ids": [outlook.ids[i] for i in down],
        "means": outlook.mean[0, down].tolist(),
        "recent": outlook.recent[down].tolist(),
    }
    return Sentence(
        f"Expected below the mean of the past twelve months: {'; '.join(told)}.", facts, "What eases"
    )


def onset_sentence(outlook: Outlook, top: int = 3) -> Sentence | None:
    """The quiet regions most likely to see an event; None where no region is quiet."""
    past = outlook.history[-QUIET:]
    quiet = [
        i
        for i in range(len(outlook.ids))
        if len(past) == QUIET and not np.isnan(past[:, i]).any() and past[:, i].sum() == 0
    ]
    if not quiet:
        return None
    chance = outlook.chance[1][0]
    first = sorted(quiet, key=lambda i: (-chance[i], outlook.ids[i]))[:top]
    told = [f"{outlook.label(i)}, {percent(chance[i])}" for i in first]
    noun = plural(len(quiet), "region")
    words = f"Of {noun} without an event in the past six months, the likeliest to see one next month: "
    facts = {
        "region_ids": [outlook.ids[i] for i in first],
        "chance": chance[first].tolist(),
        "quiet": len(quiet),
    }
    return Sentence(f"{words}{'; '.join(told)}.", facts, "Where it is quiet")


def border_sentence(spill: Spill | None, top: int = 2) -> Sentence:
    """What crosses borders, in the model's own terms, or that there is no measurable signal."""
    topic = "Across borders"
    if spill is None:
        return Sentence("Spillover across borders was not estimated in this run.", {}, topic)
    rows = spill.declared.head(top)
    if rows.empty:
        return Sentence(
            "There is no measurable signal of violence crossing a border between these countries.",
            {"declared": 0},
            topic,
        )
    told = [
        f"{percent(row.share_total)} of the events expected in {row.target_name} "
        f"({country_name(row.target_country)}) are model-attributed to {country_name(row.source_country)}"
        for row in rows.itertuples()
    ]
    words = f"Over the next {plural(spill.horizon, 'month')}, {listing(told)}."
    facts = {
        "sources": rows["source_country"].tolist(),
        "targets": rows["target_region"].tolist(),
        "shares": rows["share_total"].tolist(),
        "declared": len(spill.declared),
    }
    return Sentence(words, facts, topic)


def headline(result: ForecastResult, outlook: Outlook, spill: Spill | None) -> list[Sentence]:
    """The page's headline, most important first."""
    sentences = [
        total_sentence(result, outlook),
        leading_sentence(outlook),
        rise_sentence(result, outlook),
        fall_sentence(outlook),
        onset_sentence(outlook),
        border_sentence(spill),
    ]
    return [s for s in sentences if s is not None]


def title(outlook: Outlook) -> str:
    """The page's title: the two leading regions, where any region expects an event at all."""
    order = ranking_order(outlook)[:2]
    if not order or outlook.mean[0, order[0]] < 0.5:
        return "Little violence is expected next month"
    return f"{listing([outlook.names[i] for i in order])} are likely to see most violence next month"


def skill_sentence(scores: pd.DataFrame, target: str) -> Sentence | None:
    """How the pool did against conflictology, by horizon; None where it was not scored."""
    rows = scores[(scores["target"] == target) & (scores["member"] == "pool")].sort_values("horizon")
    if rows.empty:
        return None
    told = [
        _skill_words(row.skill_vs_conflictology, row.skill_low, row.skill_high, row.horizon)
        for row in rows.itertuples()
    ]
    words = (
        f"For {target}, against the plain record of each region's own last twelve months, past forecasts were "
        f"{'; '.join(told)}."
    )
    facts = {"horizons": rows["horizon"].tolist(), "skill": rows["skill_vs_conflictology"].tolist()}
    return Sentence(words, facts, target.capitalize())


def _skill_words(skill: float, low: float, high: float, horizon: int) -> str:
    ahead = f"{plural(int(horizon), 'month')} ahead"
    if math.isnan(skill):
        return f"not scored {ahead}"
    size = f"{100 * abs(skill):.0f}%"
    span = f"{100 * low:.0f} to {100 * high:.0f}%".replace("-", "−")
    if low > 0:
        return f"{size} better {ahead} (95% interval {span})"
    if high < 0:
        return f"{size} worse {ahead} (95% interval {span})"
    return f"not measurably different {ahead} ({'+' if skill >= 0 else '−'}{size}, 95% interval {span})"


def hindsight_sentence(past: Hindsight) -> Sentence:
    """What the release before this one said about the month that has since been observed."""
    inside = int(past.table["inside"].sum())
    better = 1 - past.crps / past.crps_conflictology if past.crps_conflictology > 0 else float("nan")
    if math.isnan(better):
        verdict = "The plain record of the twelve months before was exactly right."
    else:
        side = "better" if better >= 0 else "worse"
        verdict = (
            f"Its score was {100 * abs(better):.0f}% {side} than the plain record of the twelve months before "
            f"(CRPS {past.crps:.2f} against {past.crps_conflictology:.2f}; lower is better)."
        )
    words = (
        f"For {month_name(past.month)}, the release of {past.name} expected {count(past.expected)} events "
        f"(80% interval {interval(past.low, past.high)}); {count_whole(past.observed)} were recorded. "
        f"In {inside} of {plural(len(past.table), 'region')} the count lay inside the 80% interval. {verdict}"
    )
    facts = {"inside": inside, "regions": len(past.table), "skill": better}
    return Sentence(words, facts, "Last forecast")


def count_whole(value: float) -> str:
    """A recorded count.

    >>> count_whole(1200.0)
    '1,200'
    """
    return f"{value:,.0f}"
