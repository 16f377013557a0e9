"""What is passed on: the headline as text, the map as a picture, and one page on one country, in two languages."""

from __future__ import annotations

import re
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
import shapely
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ...data.errors import UsageError, nearest
from ...data.frames import rows_of
from ..release import PastRelease
from ..result import ForecastResult
from . import map as maps
from . import sentences as words
from .first_page import ENGLISH, country_sentence, first_page, first_scores, group_labels, stated
from .map_measures import count_edges
from .other_counts import call_by_name, in_place_of_events, leading_target, said_of
from .phrases import Phrases
from .pictures import map_picture
from .sections import mark
from .svg import Label, broken, place, tag
from .tables import Outlook, region_outlook

#: Regions in the table of a brief, rows of its watch list, and leading regions that are named on a map.
REGIONS, WATCHED, NAMED = 8, 4, 6
HEADLINE, PICTURE = "headline.md", "map.png"
#: What a source's line says of further counts that models learn from.
_LEARNED = r"models also learn from (.+) to (\d{4}-\d\d)"


def shared_files(result: ForecastResult, previous: PastRelease | None = None) -> dict[str, str | bytes]:
    """``headline.md``, and ``map.png`` where there are polygons; the same bytes for the same result."""
    target = leading_target(result)
    result, _ = in_place_of_events(result, previous, target)
    events, first = region_outlook(result, "events"), first_page(result)
    files: dict[str, str | bytes] = {HEADLINE: said_of(headline_text(result, events, first), target)}
    shapes = maps.project(result, events)
    if shapes is not None:
        marks = {p["id"]: p["rank"] for each in first["classes"] for p in each.places}
        order = words.ranking_order(events)[:NAMED]
        leading = list(dict.fromkeys([*(events.ids[i] for i in order), *marks]))
        month, origin = ENGLISH.month(result.months[0]), ENGLISH.month(result.origin)
        below = f"Expected events in {month}, from data to the end of {origin}. {result.banner}".strip()
        title, below = (said_of(text, target) for text in (words.title(result, events), below))
        files[PICTURE] = map_picture(shapes, events, leading, marks, (title, below))
    return files


def headline_text(result: ForecastResult, events: Outlook, first: dict[str, Any]) -> str:
    """The first screen as Markdown."""
    lines = [f"# {_safe(words.title(result, events))}", ""]
    span = ENGLISH.span(result.months[0], result.months[-1])
    lines += [f"Forecast for {span}, from data to the end of {ENGLISH.month(result.origin)}.", ""]
    noted = f"{result.banner} {mark(result)}".strip()
    lines += [f"> {_safe(noted)}", ""] if noted else []
    lines += [f"- **Surprise.** {_safe(s.text)}" for s in first["surprises"]]
    lines += [f"- **{_safe(s.topic)}.** {_safe(s.text)}" for s in first["countries"]]
    for each in first["classes"]:
        lines += ["", f"## {each.label}", ""]
        lines += [f"{p['rank']}. **{_safe(p['label'])}** {_safe(p['text'])}" for p in each.places]
        lines += [] if each.places else [ENGLISH("no place")]
        lines += ["", each.record] if each.record else []
    source = result.panel.source or "as supplied"
    lines += ["", f"80% intervals in brackets. Events: {_safe(source)}. The whole report: report.html.", ""]
    return "\n".join(lines)


def _safe(text: str) -> str:
    """A text in which nothing is Markdown or HTML, on one line.

    >>> _safe("a <b>*c* & d &copy;")
    'a &lt;b&gt;\\\\*c\\\\* & d &amp;copy;'
    """
    # A lone & stays itself: only one that begins an entity has to be escaped.
    text = re.sub(r"&(?=#?\w+;)", "&amp;", " ".join(text.split())).replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]#|])", r"\\\1", text)


def country_brief(
    result: ForecastResult, country: str, language: str = "en", report: str = "report.html"
) -> str:
    """One page on one country, as HTML that prints on one A4 page.

    Parameters
    ----------
    country : str
        ISO3 of a country of the release.
    language : str
        ``en`` or ``fr``.
    report : str
        Where the whole report is.

    Raises
    ------
    UsageError
        A country that is not in the release, or another language.
    """
    say = Phrases(language)
    target = leading_target(result)
    if target != "events" and language != "en":
        what = "the French page speaks of events only."
        raise UsageError(what, "--language", f"Leave it out: this release is about {target}.")
    result, _ = in_place_of_events(result, None, target)
    if country not in result.panel.countries:
        remedy = nearest(country, set(result.panel.countries))
        raise UsageError(f"'{country}' is not in this release.", "--brief", remedy)
    events, first = region_outlook(result, "events"), first_page(result, say)
    table = result.outlook[(result.outlook["target"] == "events") & (result.outlook["country"] == country)]
    mine = table[table["level"] == "region"].sort_values(["next", "location"], ascending=[False, True])
    shapes = maps.project(result, events)
    months = int(table["months"].iloc[0]) if len(table) else 1
    shown = mine.head(REGIONS)
    marks = {row.location: i for i, row in enumerate(rows_of(shown), 1)}
    context = {
        "say": say,
        "country": say.country(country),
        "span": say.span(result.origin + 1, result.origin + months),
        "months": months,
        "ahead": _months_ahead(months, say),
        "notes": _notes(result, say),
        "surprises": [s.text for s in first["surprises"] if s.facts["location"] == country],
        "sentences": _three(result, table, mine, first, country, say),
        "map": None if shapes is None else country_map(shapes, events, country, marks, say),
        "month": say.month(result.months[0]),
        "origin": say.month(result.origin),
        "rows": [_row(row, say) for row in rows_of(shown)],
        "watch": list(_watched(result, country, say)),
        "record": list(_record(result, country, say)),
        "source": say(
            "brief source",
            source=re.sub(_LEARNED, say("also learn"), result.panel.source or "–"),
            version=result.package_version,
            day=result.run_date.isoformat(),
        ),
        "report": report,
        "style": Markup(resources.files(__package__).joinpath("templates", "style.css").read_text("utf-8")),
    }
    pages = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    pages.loader = PackageLoader(str(__package__), "templates")
    return call_by_name(pages.get_template("brief.html.j2").render(context), target)


def _months_ahead(months: int, say: Phrases) -> str:
    return say("ahead one") if months == 1 else say("ahead", months=say.some(months, "month"), n=months)


def _notes(result: ForecastResult, say: Phrases) -> list[str]:
    """What a reader has to know first, in the language of the page."""
    found = []
    if result.settings.get("source") == "snapshot" and not result.settings.get("panel"):
        found.append(say("demonstration", month=say.month(result.origin)))
    elif result.level != "green":
        found.append(say("marked", level=say(f"level {result.level}")))
    return found


def _three(
    result: ForecastResult,
    table: pd.DataFrame,
    mine: pd.DataFrame,
    first: dict[str, Any],
    country: str,
    say: Phrases,
) -> list[str]:
    """Three sentences: the country, where in it, and what stands out."""
    found = [country_sentence(result, row, say).text for row in rows_of(table[table["level"] == "country"])]
    total, leading = float(mine["next"].sum()), mine[mine["next"] >= 0.05].head(3)
    if len(leading):
        named = [say("brief place", name=row.name, count=say.count(row.next)) for row in rows_of(leading)]
        share = say.percent(float(leading["next"].sum()) / total)
        found.append(say("brief where", places=say.listing(named), share=share, total=say.count(total)))
    else:
        found.append(say("brief none"))
    out = [
        (p["name"], p["text"]) for each in first["classes"] for p in each.places if p["country"] == country
    ]
    found += [say("brief stands out", name=name, text=text) for name, text in out[:2]]
    return found if out else [*found, say("brief no warning")]


def _row(row: Any, say: Phrases) -> dict[str, str]:
    return {
        "name": row.name,
        "last": say.whole(row.last),
        "usual": say.count(row.year),
        "next": say.count(row.next),
        "span": say.interval(row.next_low, row.next_high),
        "worse": say.chance(row.p_half_more) if row.last > 0 else "–",
    }


def _watched(result: ForecastResult, country: str, say: Phrases) -> Any:
    """The likeliest entries and onsets of the country: place, who, chance, pressed from."""
    names = dict(zip(result.panel.region_ids, result.panel.names, strict=True))
    tables = [result.watch.get(name, pd.DataFrame()) for name in ("watchlist.csv", "onsets.csv")]
    rows = []
    for table in tables:
        if len(table):
            known = table[(table["country"] == country) & table["p_6"].notna()]
            known = known[known["group"] != "any"] if "group" in known else known
            rows += [(getattr(row, "group", ""), row) for row in rows_of(known)]
    for group, row in sorted(rows, key=lambda each: (-each[1].p_6, each[1].region_id, each[0]))[:WATCHED]:
        source = row.main_source_region if isinstance(row.main_source_region, str) else ""
        yield {
            "name": names.get(row.region_id, row.region_id),
            "who": say.group(group, group_labels(result)) if group else say("anyone"),
            "chance": stated(result, "entry" if group else "onset", row.p_6, say),
            "source": names.get(source, source) or say("nowhere"),
        }


def _record(result: ForecastResult, country: str, say: Phrases) -> Any:
    """How the forecast of the last month did in the country, and forecasts one month ahead everywhere."""
    judged = result.judged
    mine = judged[(judged["location"] == country) & (judged["level"] == "country")] if len(judged) else judged
    for row in rows_of(mine):
        yield say(
            "brief judged",
            month=say.month(pd.Period(str(row.month), "M")),
            observed=say.whole(row.observed),
            expected=say.count(row.expected),
            span=say.interval(row.low_80, row.high_80),
        )
        owner = dict(zip(result.panel.region_ids, result.panel.countries, strict=True))
        regions = judged[(judged["level"] == "region") & (judged["location"].map(owner) == country)]
        held = int(regions["observed"].between(regions["low_80"], regions["high_80"]).sum())
        yield say("brief held", held=held, all=len(regions))
    if mine.empty:
        yield say("brief unjudged")
    for row in rows_of(first_scores(result)):
        skill = float(row.skill_vs_conflictology)
        if not np.isnan(skill):
            better = say("better" if skill >= 0 else "worse than")
            share, inside = say.percent(round(abs(skill), 2)), say.percent(row.coverage_80)
            yield say("brief skill", share=share, better=better, coverage=inside)


def country_map(
    shapes: maps.MapShapes, events: Outlook, country: str, marks: dict[str, int], say: Phrases
) -> Markup | None:
    """One country's regions by expected events, with numbers and its capital, its neighbours pale around it."""
    if country not in shapes.outlines:
        return None
    left, top, right, bottom = shapes.outlines[country].bounds
    edge = 0.06 * max(right - left, bottom - top)
    box = (left - edge, top - edge, right + edge, bottom + edge)
    frame = shapely.box(*box)
    unit = max(box[2] - box[0], (box[3] - box[1]) * 1.2) / 460
    row, edges = {r: i for i, r in enumerate(events.ids)}, count_edges(events.mean)
    around = [s for c, s in (*shapes.outlines.items(), *shapes.around.items()) if c != country]
    pale = [
        tag("path", d=maps.path(cut), class_="land")
        for cut in map(frame.intersection, around)
        if not cut.is_empty
    ]
    areas = []
    for region, owner, shape in zip(shapes.region_ids, shapes.countries, shapes.shapes, strict=True):
        if owner == country:
            k = int(np.searchsorted(edges, events.mean[0, row[region]], side="right"))
            areas.append(tag("path", d=maps.path(shape), class_=f"r q{k}"))
    numbers, taken = [], []
    for region, rank in marks.items():
        if region in shapes.region_ids:
            x, y = shapes.anchor(region)
            taken.append(Label(("00",), x, y, 20 * unit, "mark"))
            numbers.append(tag("circle", cx=x, cy=y, r=11 * unit, class_="mark"))
            numbers.append(
                tag(
                    "text",
                    str(rank),
                    x=x,
                    y=y + 5 * unit,
                    class_="marked",
                    style=f"font-size:{14 * unit:.1f}px",
                )
            )
    seat = shapes.capitals.get(country)
    dot = [] if seat is None else [tag("circle", cx=seat[0], cy=seat[1], r=4 * unit, class_="seat")]
    names = [Label(broken(events.names[row[r]]), *shapes.anchor(r), 12 * unit, "region") for r in marks]
    names = [label.moved(0, 21 * unit) for label in names]
    placed = place([*taken, *names], box, len(taken) + len(names))
    labels = [at.svg() for at in placed if at.kind != "mark"]
    parts = [tag("g", *pale), tag("g", *areas), *dot, tag("g", *labels), tag("g", *numbers)]
    seen = f"{box[0]:.0f} {box[1]:.0f} {box[2] - box[0]:.0f} {box[3] - box[1]:.0f}"
    return tag("svg", *parts, viewBox=seen, role="img", aria_label=say.country(country), class_="country-map")
