"""Sentences made from numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ...data.frames import rows_of
from ...data.geography import country_name
from ...training.diffusion import GRADES
from ..outlook import direction
from ..result import ForecastResult
from ..spillover import crosses, robust_share
from .number_format import chance, count, in_ten, interval, listing, month_name, percent, plural
from .tables import Outlook, SpilloverSummary

#: A rise or fall of a region is named from one event a month on, against the last three months and the year alike.
LEAST_EVENTS = 1.0
#: A region counts as quiet after this many months without an event.
QUIET = 6
#: Below this many expected events a month in the leading region, the title speaks of little violence.
LITTLE = 0.5


@dataclass(frozen=True)
class Sentence:
    """One sentence and the numbers it speaks of, unrounded, so that a test can derive them again."""

    text: str  # The sentence.
    facts: Mapping[str, object] = field(default_factory=dict)  # The numbers and ids behind it.
    topic: str = ""  # What it is about, in a word or two, for the margin.


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
    named = [
        f"{outlook.label(i)}, {count(outlook.mean[0, i])} ({interval(outlook.low[0, i], outlook.high[0, i])})"
        for i in order
    ]
    that = "Together that" if len(order) > 1 else "That"
    words = f"Most are expected in {'; '.join(named)}. {that} is {percent(share)} of all."
    facts = {
        "region_ids": [outlook.ids[i] for i in order],
        "means": outlook.mean[0, order].tolist(),
        "share": share,
    }
    return Sentence(words, facts, "Where most")


def ranking_order(outlook: Outlook) -> list[int]:
    """Places by expected count next month, most first; ties by id."""
    return sorted(range(len(outlook.ids)), key=lambda i: (-outlook.mean[0, i], outlook.ids[i]))


def _moving(outlook: Outlook, word: str) -> list[int]:
    """Places whose first month is ``rising`` or ``easing`` against both pasts, by an event or more, steepest first."""
    mean, sign = outlook.mean[0], 1 if word == "rising" else -1
    pasts = np.array([outlook.lately, outlook.recent])
    by = (sign * (mean - pasts)).min(axis=0)
    found = [
        i
        for i in np.flatnonzero(by >= LEAST_EVENTS).tolist()
        if direction(mean[i], *map(float, pasts[:, i])) == word
    ]
    return sorted(found, key=lambda i: (-by[i], outlook.ids[i]))


def rising(outlook: Outlook) -> list[int]:
    """Places expected above both their last three and their last twelve months, steepest first."""
    return _moving(outlook, "rising")


def falling(outlook: Outlook) -> list[int]:
    """Places expected below both, steepest first."""
    return _moving(outlook, "easing")


def _facts(outlook: Outlook, places: list[int]) -> dict[str, object]:
    return {
        "region_ids": [outlook.ids[i] for i in places],
        "means": outlook.mean[0, places].tolist(),
        "recent": outlook.recent[places].tolist(),
        "lately": outlook.lately[places].tolist(),
    }


#: How a rise and a fall are told, in one rule for the whole page.
RULE = "a tenth or more, and an event or more, {side} the means of both the past three and the past twelve months"


def rise_sentence(result: ForecastResult, outlook: Outlook, top: int = 3) -> Sentence:
    """Which regions rise most above both their pasts, or that none does."""
    up, topic = rising(outlook)[:top], "What rises"
    if not up:
        words = f"No region is expected to rise: none is {RULE.format(side='above')}."
        return Sentence(words, {"region_ids": []}, topic)
    values = result.draws["events"].values
    most = np.fmax(outlook.lately, outlook.recent)
    above = [float((values[:, 0, i] > most[i]).mean()) for i in up]
    named = [
        f"{outlook.label(i)}, {count(outlook.mean[0, i])} against {count(outlook.lately[i])} and "
        f"{count(outlook.recent[i])} ({in_ten(p)} to exceed both: {chance(p)})"
        for i, p in zip(up, above, strict=True)
    ]
    facts = {**_facts(outlook, up), "chance_above": above}
    return Sentence(f"Rising, that is {RULE.format(side='above')}: {'; '.join(named)}.", facts, topic)


def fall_sentence(outlook: Outlook, top: int = 3) -> Sentence | None:
    """Which regions are expected to ease most; None where none is."""
    down = falling(outlook)[:top]
    if not down:
        return None
    named = [
        f"{outlook.label(i)}, {count(outlook.mean[0, i])} against {count(outlook.lately[i])} and "
        f"{count(outlook.recent[i])}"
        for i in down
    ]
    words = f"Easing, that is {RULE.format(side='below')}: {'; '.join(named)}."
    return Sentence(words, _facts(outlook, down), "What eases")


def onset_sentence(result: ForecastResult, outlook: Outlook, top: int = 3) -> Sentence | None:
    """The quiet regions most likely to see an event; None where no region is quiet."""
    past = outlook.history[-QUIET:]
    quiet = np.flatnonzero((past == 0).all(axis=0)).tolist() if len(past) == QUIET else []
    if not quiet:
        return None
    p1 = outlook.chance[1][0]
    first = sorted(quiet, key=lambda i: (-p1[i], outlook.ids[i]))[:top]
    named = "; ".join(f"{outlook.label(i)}, {in_ten(p1[i])} ({chance(p1[i])})" for i in first)
    words = (
        f"Of {plural(len(quiet), 'region')} without an event in the past six months, the likeliest to see one in "
        f"{month_name(result.months[0])}: {named}."
    )
    ids = [outlook.ids[i] for i in first]
    facts = {"region_ids": ids, "chance": p1[first].tolist(), "quiet": len(quiet)}
    return Sentence(words, facts, "Where it is quiet")


def border_sentence(spill: SpilloverSummary | None, top: int = 2) -> Sentence:
    """What crosses borders anew, from the end of the interval that holds, with how good the evidence is."""
    topic = "Across borders"
    if spill is None:
        return Sentence("Spillover across borders was not estimated in this run.", {}, topic)
    rows = spill.shown.head(top)
    span = plural(spill.horizon, "month")
    if rows.empty:
        graded = int(spill.borders["grade"].isin(GRADES[:2]).sum())
        words = (
            f"The evidence that anything crosses holds for {plural(graded, 'border')}, but over {span} less than a "
            "tenth of an event is expected to reach any region."
            if graded
            else "No border between these countries shows evidence that violence crosses it."
        )
        return Sentence(words, {"shown": 0, "borders": graded}, topic)
    clauses = [_crossing(row, span) for row in rows_of(rows)]
    facts = {
        "sources": rows["source_country"].tolist(),
        "targets": rows["target_region"].tolist(),
        "shares": rows["share_high"].tolist(),
        "grades": rows["grade"].tolist(),
        "shown": len(spill.shown),
    }
    return Sentence(" ".join(clauses), facts, topic)


def _crossing(row: Any, span: str) -> str:
    """One region's share of what one country sends, in a sentence of at most 30 words."""
    share = robust_share(row.grade, float(row.share_low), float(row.share_high))
    share = share or f"about {percent(row.share_total)}"
    what = f"the events expected in {row.target_name} ({country_name(row.target_country)}) over {span}"
    return (
        f"{crosses(share, what, country_name(row.source_country))} (model-attributed; evidence: {row.grade})."
    )


def headline(
    result: ForecastResult, outlook: Outlook, spill: SpilloverSummary | None, changed: Sentence | None = None
) -> list[Sentence]:
    """The page's headline, most important first; ``changed`` says what moved since the last release."""
    sentences = [
        total_sentence(result, outlook),
        leading_sentence(outlook),
        changed,
        rise_sentence(result, outlook),
        fall_sentence(outlook),
        onset_sentence(result, outlook),
        border_sentence(spill),
    ]
    return [s for s in sentences if s is not None]


def title(result: ForecastResult, outlook: Outlook) -> str:
    """The page's title: the two leading regions, where any region expects an event at all."""
    order, month = ranking_order(outlook)[:2], month_name(result.months[0])
    if not order or outlook.mean[0, order[0]] < LITTLE:
        return f"Little violence is expected in {month}"
    codes = {outlook.countries[i] for i in order}
    if len(order) == 2 and len(codes) == 1:
        names = f"{listing([outlook.names[i] for i in order])}, {country_name(codes.pop())}"
    else:
        names = listing([outlook.label(i) for i in order])
    return f"In {month}, most violence is expected in {names}"


def skill_sentence(scores: pd.DataFrame, target: str) -> Sentence | None:
    """How the pool did against conflictology, by horizon; None where it was not scored."""
    rows = scores[(scores["target"] == target) & (scores["member"] == "pool")].sort_values("horizon")
    if rows.empty:
        return None
    better, worse, level = [], [], []
    for row in rows_of(rows):
        ahead = plural(int(row.horizon), "month")
        if row.skill_low > 0:
            better.append(f"{100 * row.skill_vs_conflictology:.0f}% at {ahead}")
        elif row.skill_high < 0:
            worse.append(f"{-100 * row.skill_vs_conflictology:.0f}% at {ahead}")
        elif not math.isnan(row.skill_vs_conflictology):
            level.append(str(int(row.horizon)))
    verdicts = [f"{side} by {listing(at)} ahead" for side, at in (("better", better), ("worse", worse)) if at]
    if level:
        noun = "month" if level == ["1"] else "months"
        verdicts.append(f"not measurably different at {listing(level)} {noun} ahead")
    if not verdicts:
        return None
    words = (
        f"Past forecasts of {target}, set against the plain record of each region’s own last twelve months, "
        f"were {', and '.join(verdicts)}."
    )
    facts = {"horizons": rows["horizon"].tolist(), "skill": rows["skill_vs_conflictology"].tolist()}
    return Sentence(words, facts, target.capitalize())
