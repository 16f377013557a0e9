"""Who is expected, and against whom: leading places by armed group and type of violence, and their record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from ...data.frames import rows_of
from ...data.geography import country_name
from ...training.parts import OTHER_GROUPS, part_of
from ..parts import capital, part_label
from ..result import ForecastResult
from . import number_format as numbers
from .tables import Outlook

#: Leading regions that are shown; parts below this share of the expected events are left out of a bar.
LEADING, LEAST = 6, 0.02
CIVILIANS = "deaths_civilians"


def who_section(result: ForecastResult, events: Outlook, order: Sequence[int]) -> dict[str, Any] | None:
    """Bars, sentences and the record of the parts; None where nothing is divided."""
    parts = [t for t in result.draws if part_of(t) == "events" and t not in result.main_targets]
    if not parts:
        return None
    groups = {*_group_labels(result), OTHER_GROUPS}
    kinds = {
        "By armed group": [p for p in parts if p in groups],
        "By type of violence": [p for p in parts if p not in groups],
    }
    places = [_place(result, events, i, kinds) for i in order[:LEADING]]
    return {"places": places, "skill": skill_rows(result), "notes": list(result.notes)}


def _group_labels(result: ForecastResult) -> dict[str, str]:
    """What the release's own table of groups calls each part that is a group."""
    table = result.actors
    return dict(zip("events_" + table["group"], table["label"], strict=True)) if len(table) else {}


def _label(result: ForecastResult, part: str) -> str:
    return _group_labels(result).get(part) or part_label(part)


def _place(result: ForecastResult, events: Outlook, i: int, kinds: dict[str, list[str]]) -> dict[str, Any]:
    """One region: its bars, the sentence that reads them out, and its facts."""
    bars = {title: _bars(result, events, i, names) for title, names in kinds.items() if names}
    facts = result.facts
    mine = facts[facts["place"] == events.ids[i]]["text"].tolist() if len(facts) else []
    return {
        "name": events.names[i],
        "country": country_name(events.countries[i]),
        "bars": bars,
        "sentence": who_sentence(result, events, i, bars),
        "facts": [str(text) for text in mine],
    }


def _bars(result: ForecastResult, events: Outlook, i: int, names: Sequence[str]) -> list[dict[str, Any]]:
    """Expected events of each part in the first month, the largest first."""
    found = [(float(result.draws[name].mean()[0, i]), name) for name in names]
    whole = max(float(events.mean[0, i]), 1e-12)
    return [
        {
            "label": _label(result, name),
            "mean": numbers.count(mean),
            "percent": round(100 * mean / whole),
            "share": mean / whole,
        }
        for mean, name in sorted(found, key=lambda pair: (-pair[0], pair[1]))
        if mean >= LEAST * whole
    ]


def who_sentence(
    result: ForecastResult, events: Outlook, i: int, bars: dict[str, list[dict[str, Any]]]
) -> str:
    """Who and against whom, in one sentence."""
    clauses = []
    for title, verb in (("By armed group", "involve"), ("By type of violence", "are")):
        if bars.get(title):
            first = bars[title][0]
            clauses.append(f"{numbers.percent(first['share'])} {verb} {first['label']}")
    month = numbers.month_name(result.months[0])
    words = f"Of {numbers.count(events.mean[0, i])} events expected in {month}, {' and '.join(clauses)}."
    if CIVILIANS in result.draws:
        civil = result.draws[CIVILIANS]
        low, high = (float(q) for q in civil.quantile([0.1, 0.9])[:, 0, i])
        deaths = numbers.count(float(civil.mean()[0, i]))
        words += f" Civilian deaths: {deaths} (80% interval {numbers.interval(low, high)})."
    return capital(words)


def skill_rows(result: ForecastResult) -> list[Any]:
    """Skill of the parts by months ahead, beside the two rivals."""
    scores = result.part_scores
    if not len(scores):
        return []
    by = scores.pivot_table(index=["target", "horizon"], columns="member", values="crps")
    pool = scores[scores["member"] == "pool"].set_index(["target", "horizon"])
    table = pd.DataFrame(
        {
            "label": [_label(result, str(t)) for t, _ in pool.index],
            "horizon": [h for _, h in pool.index],
            "skill": pool["skill_vs_conflictology"].map(numbers.signed_percent).to_numpy(),
            "span": [
                numbers.signed_span(low, high)
                for low, high in zip(pool["skill_low"], pool["skill_high"], strict=True)
            ],
            "share": (1 - by["pool"] / by["last_year_share"])
            .reindex(pool.index)
            .map(numbers.signed_percent)
            .to_numpy(),
        }
    )
    return rows_of(table)
