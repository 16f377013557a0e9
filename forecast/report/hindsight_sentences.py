"""Sentences about the forecast before this one: how it did, and what has changed since."""

from __future__ import annotations

import math

import numpy as np

from ...data.frames import rows_of
from ...data.geography import country_name
from ..release.read import PastRelease
from ..result import ForecastResult
from .hindsight import Hindsight
from .map_measures import since_release
from .number_format import count, count_whole, interval, listing, month_name, plural, signed
from .sentences import Sentence
from .tables import Outlook

#: A change between releases is told from this many events a month on.
TOLD_CHANGE = 0.5


def past_title(past: Hindsight | None) -> str:
    """What the first section is called."""
    return "First, how past forecasts did" if past is None else "First, how last month’s forecast did"


def past_sentences(past: Hindsight) -> list[Sentence]:
    """What the earlier forecast said of the month that has since been observed: its total, hits, misses and score."""
    return [_total(past), _hits(past), _verdict(past)]


def _total(past: Hindsight) -> Sentence:
    recorded = f"{count_whole(past.observed)} {'was' if past.observed == 1 else 'were'} recorded"
    month = month_name(past.month)
    if past.name:
        side = "above" if past.observed > past.high else "below" if past.observed < past.low else "inside"
        ahead = f", {plural(past.horizon, 'month')} ahead," if past.horizon > 1 else ""
        words = (
            f"For {month}, the release of {past.name}{ahead} expected {count(past.expected)} events "
            f"(80% interval {interval(past.low, past.high)}); {recorded}, {side} that interval."
        )
    else:
        words = (
            f"No earlier release stands beside this one, so last month was forecast again from the months to "
            f"{month_name(past.origin)}: {count(past.expected)} events were to be expected in {month}; {recorded}."
        )
    return Sentence(words, {"expected": past.expected, "observed": past.observed}, "Last month")


def _hits(past: Hindsight, top: int = 3) -> Sentence:
    inside, missed = int(past.table["inside"].sum()), past.missed
    busy = past.table[past.table["expected"] >= 1]
    held = int(busy["inside"].sum())
    words = f"In {inside} of {plural(len(past.table), 'region')} the count lay inside the 80% interval"
    # Quiet regions are easily right: those where something was expected say more.
    some = 0 < len(busy) < len(past.table)
    words += f", and in {held} of the {len(busy)} where an event or more was expected." if some else "."
    if len(missed):
        told = [
            f"{row.name} ({country_name(row.country)}), {count_whole(row.observed)} against "
            f"{interval(row.low, row.high)}"
            for row in rows_of(missed.head(top))
        ]
        words += f" {'It missed' if len(missed) <= top else 'It missed most in'} {listing(told)}."
    facts = {
        "inside": inside,
        "regions": len(past.table),
        "busy": (held, len(busy)),
        "missed": missed["region_id"].head(top).tolist(),
    }
    return Sentence(words, facts, "Hits and misses")


def _verdict(past: Hindsight) -> Sentence:
    better = 1 - past.crps / past.crps_conflictology if past.crps_conflictology > 0 else float("nan")
    if math.isnan(better):
        words = "The plain record of the twelve months before was exactly right."
    else:
        side = "better" if better >= 0 else "worse"
        words = (
            f"Its score was {100 * abs(better):.0f}% {side} than that of each region’s plain record of the twelve "
            f"months before (CRPS {past.crps:.2f} against {past.crps_conflictology:.2f}; lower is better). One month "
            "proves little either way."
        )
    return Sentence(words, {"skill": better}, "Score")


def past_note(past: Hindsight) -> str:
    """How a forecast that is made again differs from one that was released; empty for a released one."""
    if past.name:
        return ""
    learned = (
        f" The models had learned from months to {month_name(past.fitted)}."
        if past.fitted is not None and past.fitted != past.origin
        else ""
    )
    return f"A forecast made again has seen counts as they are known today, not as they were known then.{learned}"


def change_sentence(
    result: ForecastResult, outlook: Outlook, previous: PastRelease | None, top: int = 2
) -> Sentence | None:
    """Where the expectation for next month has moved most since the last release; None without one to compare."""
    moved = since_release(result, outlook, previous)
    if moved is None or previous is None or np.isnan(moved[0]).all():
        return None
    change = np.nan_to_num(moved[0])
    up = sorted((i for i in range(len(change)) if change[i] >= TOLD_CHANGE), key=lambda i: -change[i])[:top]
    down = sorted((i for i in range(len(change)) if change[i] <= -TOLD_CHANGE), key=lambda i: change[i])[:top]
    month, topic = month_name(result.months[0]), "What changed"
    facts = {
        "region_ids": [outlook.ids[i] for i in (*up, *down)],
        "changes": [float(change[i]) for i in (*up, *down)],
    }
    if not up and not down:
        words = (
            f"No region’s expectation for {month} has moved by half an event or more since the release of "
            f"{previous.name}."
        )
        return Sentence(words, facts, topic)

    def told(places: list[int]) -> str:
        return listing(
            [f"{outlook.label(i)} ({signed(change[i])}, to {count(outlook.mean[0, i])})" for i in places]
        )

    clauses = [f"{verb} in {told(places)}" for verb, places in (("rose", up), ("fell", down)) if places]
    words = f"Since the release of {previous.name}, the expectation for {month} {' and '.join(clauses)}."
    return Sentence(words, facts, topic)
