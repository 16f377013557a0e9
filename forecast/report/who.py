"""Who is expected, and against whom: leading places by armed group and type of violence, and their record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...data.frames import rows_of
from ...data.geography import country_name
from ...training.parts import OTHER_GROUPS, part_of
from ..parts import capital, part_label, sides_of
from ..result import ForecastResult
from . import number_format as numbers
from .tables import Outlook

#: Leading regions that are shown; parts below this share of the expected events are left out of a bar.
LEADING, LEAST = 6, 0.02
CIVILIANS = "deaths_civilians"


def who_section(result: ForecastResult, events: Outlook, order: Sequence[int]) -> dict[str, Any] | None:
    """Bars, sentences and the record of the parts, and why some are missing; None where there is nothing to say."""
    kinds = kinds_of(result)
    if not kinds:
        return {"places": [], "skill": [], "notes": list(result.notes)} if result.notes else None
    places = [_place(result, events, i, kinds) for i in order[:LEADING]]
    return {"places": places, "skill": skill_rows(result), "notes": list(result.notes)}


def kinds_of(result: ForecastResult) -> dict[str, list[str]]:
    """The parts of events by armed group and by type; empty where there are none."""
    parts = [t for t in result.draws if part_of(t) == "events" and t not in result.main_targets]
    groups = {*_group_labels(result), OTHER_GROUPS}
    kinds = {"By armed group": [p for p in parts if p in groups]}
    kinds["By type of violence"] = [p for p in parts if p not in groups]
    return kinds if parts else {}


def _group_labels(result: ForecastResult) -> dict[str, str]:
    """What the release's own table of groups calls each part that is a group."""
    table = result.actors
    return dict(zip("events_" + table["group"], table["label"], strict=True)) if len(table) else {}


def label_of(result: ForecastResult, part: str) -> str:
    """A part in words."""
    return _group_labels(result).get(part) or part_label(part)


def _place(result: ForecastResult, events: Outlook, i: int, kinds: dict[str, list[str]]) -> dict[str, Any]:
    """One region: its bars, the sentence that reads them out, and its facts."""
    bars = {title: _bars(result, events, i, names) for title, names in kinds.items() if names}
    facts = result.facts
    against = against_words(result, events.ids[i])
    mine = facts[facts["place"] == events.ids[i]]["text"].tolist() if len(facts) else []
    return {
        "name": events.names[i],
        "country": country_name(events.countries[i]),
        "bars": bars,
        "sentence": who_sentence(result, events, i, bars),
        "facts": [*against, *(str(text) for text in mine)],
    }


def _bars(result: ForecastResult, events: Outlook, i: int, names: Sequence[str]) -> list[dict[str, Any]]:
    """Expected events of each part in the first month, the largest first."""
    found = [
        (float(each.mean()[0, each.region_ids.index(events.ids[i])]), name)
        for name, each in ((n, result.draws[n]) for n in names)
        if events.ids[i] in each.region_ids
    ]
    whole = max(float(events.mean[0, i]), 1e-12)
    return [
        {
            "label": label_of(result, name),
            "part": name,
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
            share = sum(
                bar["share"] for bar in bars[title] if _counts_for(result, bar["part"], first["part"])
            )
            clauses.append(f"{numbers.percent(share)} {verb} {first['label']}")
    month = numbers.month_name(result.months[0])
    words = f"Of {numbers.count(events.mean[0, i])} events expected in {month}, {' and '.join(clauses)}."
    if CIVILIANS in result.draws:
        civil = result.draws[CIVILIANS]
        low, high = (float(q) for q in civil.quantile([0.1, 0.9])[:, 0, i])
        deaths = numbers.count(float(civil.mean()[0, i]))
        words += f" Civilian deaths: {deaths} (80% interval {numbers.interval(low, high)})."
    return capital(words)


def _counts_for(result: ForecastResult, part: str, group: str) -> bool:
    """Whether events of a part involve a group: its own, and those in which it fights another."""
    return part == group or group in sides_of(part, result.panel)


def against_words(result: ForecastResult, region: str) -> list[str]:
    """Against whom a region's leading group has turned: its events there on record that were against civilians."""
    table = result.actors
    mine = table[table["region_id"] == region] if len(table) else table
    # The state against civilians is no group, and it is that with all of its events.
    mine = mine[mine["group"] != "state_only"] if len(mine) else mine
    mine = mine[mine["one_sided_share"].notna() & (mine["events_12"] > 0)] if len(mine) else mine
    if not len(mine):
        return []
    first = mine.sort_values("events_12", ascending=False, kind="stable").iloc[0]
    with_it = [_counts_for(result, f"events_{g}", f"events_{first['group']}") for g in mine["group"]]
    both = mine[with_it]
    all_events = int(both["events_all"].sum())
    civil = float((both["one_sided_share"] * both["events_all"]).sum())
    share, every = numbers.percent(civil / all_events), numbers.count_whole(all_events)
    events = f"Of the {every} events on record there that involve {first['label']}"
    return [f"{events}, {share} were against civilians."]


def skill_rows(result: ForecastResult) -> list[Any]:
    """Skill of the parts by months ahead, over each of the two rivals with its interval."""
    scores = result.part_scores
    if not len(scores):
        return []
    rivals = {"own": ("skill_vs_conflictology", "skill_low", "skill_high")}
    rivals |= {"share": ("skill_vs_last_year", "share_low", "share_high")}
    pool = scores[scores["member"] == "pool"].reindex(
        columns=["target", "horizon", *sum(rivals.values(), ())]
    )
    table = pool[["horizon"]].assign(label=[label_of(result, str(t)) for t in pool["target"]])
    for name, (skill, low, high) in rivals.items():
        table[name] = pool[skill].map(numbers.signed_percent)
        ends = zip(pool[low], pool[high], strict=True)
        table[f"{name}_span"] = [numbers.signed_span(a, b) for a, b in ends]
    return rows_of(table)
