"""The report: one HTML file that holds everything it shows."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import resources
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ...data.errors import ModelError
from ...data.geography import by_name, country_name
from ..release import AMBER_DAYS, PastRelease, next_due
from ..result import ForecastResult
from ..spillover.evaluation.simulated_worlds import PAIR
from ..spillover.words import SHOCK_RATE_DISTINGUISHABLE, SHOCK_RATES
from . import map as maps
from . import number_format as numbers
from . import sections
from . import sentences as words
from .first_page import first_page
from .hindsight import change_sentence, moved_section
from .map_measures import MapMeasure, map_measures, page_data, safe_json, since_release
from .other_counts import call_by_name, in_place_of_events, leading_target
from .tables import (
    Outlook,
    blind_spots,
    blind_unknown,
    country_outlook,
    main_reasons,
    region_outlook,
    spillover,
    unseen_countries,
)
from .watch import watch_headline, watch_section
from .who import who_section

#: What a forecast must not be used for, as this page and docs/do_no_harm.md say it.
MISUSE = (
    (
        "Targeting",
        ", by anybody: choosing places, routes or people for military or police action, searches or detention.",
    ),
    (
        "Decisions about a person",
        ": visa, asylum, deportation, credit, insurance, employment, bail. A region's risk says nothing about anybody "
        "who lives in it or comes from it.",
    ),
    (
        "Blaming a community",
        ": ethnic, religious, occupational or national. The counts name armed groups, not the people among whom they "
        'move, and "model-attributed" is no proof that anything came across a border.',
    ),
    (
        "Punishing a place",
        ": withdrawing aid, closing schools or borders because of a number on this map. A high forecast is a reason to "
        "prepare help.",
    ),
    ("Propaganda", ": showing one number without its uncertainty, its date and its banner."),
)


def render(result: ForecastResult, previous: PastRelease | None = None) -> str:
    """The whole page as HTML text, the same bytes for the same input.

    Parameters
    ----------
    result : ForecastResult
        A finished forecast; the page is about its ``events``, else about its first target.
    previous : PastRelease, optional
        The release before, to be held against what has been observed since.

    Returns
    -------
    str
        HTML with style, script and data inside; it makes no request.

    Raises
    ------
    ModelError
        Where the result holds no draws.
    """
    if not result.draws:
        raise ModelError("there are no draws to report.", remedy="Forecast a target.")
    main = {*result.main_targets, "events"}
    target = leading_target(result)
    result, previous = in_place_of_events(_as_published(result), previous, target)
    outlooks = {
        t: region_outlook(result, t)
        for t in sorted(main & set(result.draws), key=lambda t: (t != "events", t))
    }
    countries = {t: country_outlook(result, t) for t in outlooks}
    context = _numbers(result, outlooks, countries, previous) | _frame(result, outlooks["events"])
    context["alone"] = target == "deaths"
    pages = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    pages.loader = PackageLoader(str(__package__), "templates")
    return call_by_name(pages.get_template("page.html.j2").render(context), target)


def _as_published(result: ForecastResult) -> ForecastResult:
    """The tables with no more decimals than their files keep, so that a page made from those says the same."""
    names = ("spillover", "pairs", "scores", "contributions", "reliability", "rehearsal")
    return replace(result, **{name: getattr(result, name).round(8) for name in names})


def _numbers(
    result: ForecastResult,
    outlooks: Mapping[str, Outlook],
    countries: Mapping[str, Outlook],
    previous: PastRelease | None,
) -> dict[str, Any]:
    """What the sections show."""
    events = outlooks["events"]
    spill, reasons = spillover(result, events), main_reasons(result, events)
    changed = change_sentence(result, events, previous)
    measures = map_measures(result, outlooks, previous)
    shapes, order = maps.project(result, events), words.ranking_order(events)
    first = first_page(result)
    # Names by importance: most expected events, then the places to look at.
    leading = list(dict.fromkeys([*(events.ids[i] for i in order[:6]), *_marks(first)]))
    routes = sections.corridors(result, spill) if spill is not None else pd.DataFrame()
    return {
        "first": first,
        "overview": None if shapes is None else maps.overview(shapes, _marks(first)),
        "mark": sections.mark(result),
        "annex": sections.annex(result),
        "triggers": sections.trigger_rows(result),
        "json": safe_json(page_data(result, outlooks, countries, measures, reasons)),
        "measures": measures,
        "title": words.title(result, events),
        "sentences": [
            *words.headline(result, events, spill, changed),
            *filter(None, [watch_headline(result)]),
        ],
        "watch": watch_section(result),
        "hindsight": sections.hindsight_section(result, previous),
        "skill": sections.skill_section(result),
        "reliability": sections.reliability_section(result),
        "vintage": sections.vintage_section(result, previous),
        "tried_here": set(PAIR) <= set(result.panel.countries),
        "shock_rate": f"{100 * SHOCK_RATES[0]:.0f} to {SHOCK_RATES[1]:.0%}",
        "shock_rate_distinguishable": f"{SHOCK_RATE_DISTINGUISHABLE:.0%}",
        "origins": sections.origins(result),
        "map": _map(result, shapes, events, measures, leading, routes),
        "order": order,
        "ranking": sections.ranking_rows(
            events,
            outlooks.get("deaths"),
            reasons,
            order,
            since_release(result, events, previous),
            sections.actors_of(result, events),
        ),
        "moved": moved_section(result),
        "fans": sections.fan_panels(result, events, countries["events"], order),
        "country_order": words.ranking_order(countries["events"]),
        "country_names": countries["events"].names,
        "spill": sections.spill_section(result, spill, shapes, events),
        "blind": blind_spots(result, events),
        "blind_unknown": blind_unknown(result),
        "unseen": unseen_countries(result) if spill is None else [],
        "who": who_section(result, events, order),
        "data": sections.data_section(result),
    }


def _frame(result: ForecastResult, events: Outlook) -> dict[str, Any]:
    """What stands around the sections: style, script, names, and helpers of the template."""
    script = _asset("page.js")
    due = next_due(str(result.origin), int(result.settings.get("due_days", AMBER_DAYS)))
    # Counts that come with the package are never current, and the page says so anyway.
    demonstration = result.settings.get("source") == "snapshot" and not result.settings.get("panel")
    codes = by_name(events.countries)
    return {
        "result": result,
        "due": None if demonstration else due,
        "events": events,
        "style": Markup(_asset("style.css")),
        "script": Markup(script),
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "months": [numbers.month_name(m) for m in result.months],
        "months_span": numbers.span_name(result.months[0], result.months[-1]),
        "country_codes": codes,
        "country_list": sections.countries_in_words(codes),
        "rows": sections.ROWS,
        "words": numbers,
        "questions": sections.ASKED,
        "member_name": sections.member_name,
        "against_best": sections.against_best,
        "country": country_name,
        "misuse": MISUSE,
        "contact": result.settings.get("contact"),
    }


def _map(
    result: ForecastResult,
    shapes: maps.MapShapes | None,
    events: Outlook,
    measures: Sequence[MapMeasure],
    leading: Sequence[str],
    routes: pd.DataFrame,
) -> Markup | None:
    """The main map of the first month; None where there are no polygons."""
    if shapes is None:
        return None
    month = numbers.month_name(result.months[0])
    read_out = f"Map of expected events by region in {month}; the ranking holds the same numbers."
    return maps.choropleth(shapes, events, measures[0].classes(0), leading, read_out, routes)


def _marks(first: Mapping[str, Any]) -> dict[str, int]:
    """The number of each place of the list, by region."""
    return {place["id"]: place["rank"] for each in first["classes"] for place in each.places}


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath("templates", name).read_text(encoding="utf-8")
