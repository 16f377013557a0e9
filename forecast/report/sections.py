"""What each section of the page shows, in the shape that its template expects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ...data import searchable
from ...data.frames import rows_of
from ...data.geography import by_name, country_name
from ...training.diffusion import GRADES, NONE_SHOWN, TOO_FEW, with_grades
from ..release import PastRelease
from ..result import ForecastResult
from ..spillover.words import robust_share
from ..theatre import licences_of, theatre_words
from . import charts
from . import hindsight as past
from . import map as maps
from . import number_format as numbers
from . import sentences as words
from .tables import LEAST_EVENTS, RECENT, Outlook, SpilloverSummary, is_blind
from .who import kinds_of, label_of

#: Small charts of leading places; rows of tables shown at first.
LEADING, ROWS = 6, 15
#: Thresholds of the small table for those who act on them: events a month, and chances.
TRIGGERS, ACT = (1, 5), (0.1, 0.3, 0.5)
#: Questions of the reliability diagram, and bins of the predicted mean.
QUESTIONS = {"p1": "1 or more", "p5": "5 or more", "p10": "10 or more"}
#: And of its table.
ASKED = {**QUESTIONS, "escalation": "at least twice the mean of the last 12 months"}
BINS = {"all": "all forecasts", "<0.5": "under 0.5", "0.5-2": "0.5 to 2", "2-5": "2 to 5", "5+": "5 or more"}
MEMBER_NAMES = {
    "conflictology": "conflictology (own last 12 months)",
    "exponential_nb": "exponentially weighted negative binomial",
    "exponential_nb_long": "exponentially weighted negative binomial, long memory",
    "endemic_epidemic": "endemic-epidemic",
    "boosted": "boosted trees on the endemic-epidemic mean",
    "events_times_deaths": "events times deaths per event",
    "leaf_calibrated": "boosted trees with spread from their leaves",
    "log_linear_nb": "log-linear negative binomial",
    "neighbour_conflictology": "conflictology with neighbours",
    "negative_binomial_12": "negative binomial of the last 12 months",
    "pool": "pool (published)",
    "pool_uncalibrated": "pool before calibration",
}
#: Columns of the tables of data, from left to right; others follow by name.
COLUMNS = ["country", "name", "first_month", "last_month", "outcome", "reason", "events"]
COLUMNS += ["deaths_best", "deaths_low", "deaths_high"]


def countries_in_words(codes: list[str], most: int = 12) -> str:
    """Countries by name, or their number where a list would be long."""
    if len(codes) > most:
        return f"{len(codes)} countries"
    return numbers.listing(sorted(country_name(code) for code in codes))


def member_name(name: str) -> str:
    """A member's name as people write it."""
    return MEMBER_NAMES.get(name, name.replace("_", " "))


def _targets(table: pd.DataFrame) -> list[str]:
    """Targets of a table, events first."""
    return sorted(table["target"].unique(), key=lambda t: t != "events") if len(table) else []


def mark(result: ForecastResult) -> str:
    """Why a run is marked as it is, beside the statuses of its checks; empty for a green run without doubts."""
    checks = result.quality
    doubted = checks[checks["status"] != "green"]["name"].tolist() if len(checks) else []
    fine = len(checks) - len(doubted)
    if result.level == "green" and not doubted:
        return ""
    told = f"Of {numbers.plural(len(checks), 'check')}, {fine} {'is' if fine == 1 else 'are'} green"
    if doubted:
        told += f"; not green: {numbers.listing([name.replace('_', ' ') for name in doubted])}"
    if result.level == "green":
        return f"Marked green: the doubts do not speak against the data. {told}."
    # Data that are old on purpose, a masked month or a stand-in model lower the mark, not a check.
    why = "for that reason" if result.banner else "by its checks"
    if not doubted:
        why += ", not for its data"
    return f"Marked {result.level} {why}. {told}."


def hindsight_section(result: ForecastResult, previous: PastRelease | None) -> dict[str, Any]:
    """The forecast of the origin month: that of an earlier release, else the same models made to forecast it again."""
    seen = past.hindsight(result, previous) or past.rehearsed(result)
    if seen is None:
        return {"title": past.hindsight_title(None), "seen": None}
    return {
        "title": past.hindsight_title(seen),
        "seen": seen,
        "sentences": past.hindsight_sentences(seen),
        "note": past.hindsight_note(seen),
        "chart": charts.hindsight_chart(seen),
        "rows": rows_of(seen.leading),
    }


#: How members are put together, by what the weights are.
MIXTURES = {
    "learned": "a mixture of models, weighted by their past forecasts,",
    "equal": "an equal mixture of models",
    "one model": "one model",
}


def vintage_section(result: ForecastResult, previous: PastRelease | None) -> dict[str, Any]:
    """What the numbers were made from and by, and what has been revised since the last release."""
    changed = past.revisions(result, previous)
    model = dict(result.model)
    made_by = str(model.get("name") or "fitted at the origin")
    if model.get("version"):
        made_by += f", version {model['version']}"
    if model.get("trained_to"):
        made_by += (
            f", trained on months to {numbers.month_name(pd.Period(str(model['trained_to']), freq='M'))}"
        )
    return {
        "model": made_by,
        "mixture": f"{MIXTURES.get(str(model.get('weights')), 'a mixture of models')} for each month ahead"
        + (", calibrated on past forecasts" if model.get("calibrated") else ""),
        "reason": str(model.get("reason") or ""),
        "previous": previous.name if previous else "",
        "kept": changed is not None,
        "rows": [] if changed is None else rows_of(changed),
    }


def skill_section(result: ForecastResult) -> dict[str, Any]:
    """Sentences, charts and full tables of past scores, by target."""
    scores, found = result.scores, {}
    for target in _targets(scores):
        sentence = words.skill_sentence(scores, target)
        if sentence is None:
            continue
        of_target = scores[scores["target"] == target]
        pool = of_target[of_target["member"] == "pool"]
        found[target] = {
            "sentence": sentence,
            "chart": charts.skill_chart(pool, sentence.text),
            "coverage": charts.coverage_chart(pool),
            "cases": int(pool["cases"].max()),
            "best": "skill_vs_best" in pool,
            "table": rows_of(of_target.sort_values(["horizon", "crps"], kind="stable")),
        }
    return found


def against_best(row: Any) -> str:
    """Skill against the best of all baselines at that horizon, and which one that is."""
    if np.isnan(row.skill_vs_best) or row.member == row.best_baseline:
        return "–"
    span = numbers.signed_span(row.best_low, row.best_high).rstrip("%")
    return f"{numbers.signed_percent(row.skill_vs_best)} ({span}), {member_name(row.best_baseline)}"


def origins(result: ForecastResult) -> int | None:
    """How many past months the scores rest on; None where that is not known."""
    if "months" in result.scores and len(result.scores):
        return int(result.scores["months"].max())
    asked = result.settings.get("backtest_origins")
    return int(asked) if asked else None


def reliability_section(result: ForecastResult) -> dict[str, Any]:
    """Reliability diagram, PIT and coverage by predicted mean, each also as a table; by target."""
    table, found = result.reliability, {}
    for target in _targets(table):
        mine = table[table["target"] == target]
        chances = mine[mine["question"].isin(list(QUESTIONS))]
        pit = mine[mine["question"] == "pit"].sort_values("low")
        found[target] = {
            "diagram": charts.reliability_chart(chances, QUESTIONS) if len(chances) else None,
            "pit": charts.pit_chart(pit) if len(pit) and pit["cases"].sum() else None,
            "chances": rows_of(mine[mine["question"].isin(list(ASKED))]),
            "quiet": _quiet(mine),
            "pit_rows": rows_of(pit),
            "bins": _bins(mine[mine["question"] == "interval"]),
        }
    return found


def _quiet(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Regions without a count for months: how many with at least one were forecast and observed, by year."""
    found = []
    for question, months in (("quiet_6", 6), ("quiet_12", 12)):
        for row in rows_of(rows[rows["question"] == question].sort_values("predicted_mean")):
            year = "all" if row.predicted_mean == "all" else str(row.predicted_mean)
            figures = {"cases": f"{int(row.cases):,}", "forecast": f"{row.cases * row.forecast:.1f}"}
            found.append(
                {"months": months, "year": year, **figures, "observed": round(row.cases * row.frequency)}
            )
    return found


def _bins(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Coverage by bins of the predicted mean, one row per bin."""
    found = []
    for name, label in BINS.items():
        mine = rows[rows["predicted_mean"] == name].sort_values("forecast")
        if len(mine):
            shares = [numbers.percent(float(v)) for v in mine["frequency"]]
            found.append({"label": label, "cases": f"{int(mine['cases'].max()):,}", "shares": shares})
    return found


def ranking_rows(
    events: Outlook,
    deaths: Outlook | None,
    reasons: np.ndarray,
    order: list[int],
    since: np.ndarray | None = None,
    actors: Sequence[tuple[str, str]] = (),
) -> list[dict[str, Any]]:
    """Rows of the ranking table for the first horizon, most expected events first."""
    death = dict(zip(deaths.ids, deaths.mean[0], strict=True)) if deaths else {}
    return [
        {
            "place": i,
            "name": events.names[i],
            "code": events.countries[i],
            "spark": charts.sparkline(events.history[-RECENT:, i]),
            "recent": numbers.count(events.recent[i]),
            "mean": numbers.count(events.mean[0, i]),
            "span": numbers.interval(events.low[0, i], events.high[0, i]),
            "chances": [(k, numbers.chance(p[0, i]), round(100 * p[0, i])) for k, p in events.chance.items()],
            "lately": numbers.signed(events.change_lately[0, i]),
            "change": numbers.signed(events.change[0, i]),
            "who": actors[i] if actors else None,
            "since": None if since is None else numbers.signed(since[0, i]),
            "deaths": numbers.count(death[events.ids[i]]) if events.ids[i] in death else None,
            "reason": reasons[0, i],
        }
        for i in order
    ]


def actors_of(result: ForecastResult, events: Outlook) -> list[tuple[str, str]]:
    """Per region, the armed group and the type of violence with most expected events in the first month."""
    kinds, found = kinds_of(result), []
    if not kinds:
        return []
    means = {
        name: dict(zip(result.draws[name].region_ids, result.draws[name].mean()[0], strict=True))
        for kind in kinds.values()
        for name in kind
    }
    for region, whole in zip(events.ids, events.mean[0], strict=True):
        words = []
        for kind in kinds.values():
            # A group that has hardly been in a country is not forecast there.
            known = [(means[name][region], name) for name in kind if region in means[name]]
            most, first = max(known, default=(0.0, ""))
            share = most / whole if whole > 0.05 else 0.0
            words.append(f"{label_of(result, first)} {numbers.percent(share)}" if share else "–")
        found.append((words[0], words[1]))
    return found


def trigger_rows(result: ForecastResult) -> list[Any]:
    """Acting on a chance of events next month, as the recent past would have had it; none where nothing is known."""
    table = result.triggers
    if table.empty:
        return []
    mine = table[(table["target"] == "events") & (table["horizon"] == 1)]
    mine = mine[mine["at_least"].isin(TRIGGERS) & mine["chance"].isin(ACT)]
    return rows_of(mine[mine["hits"] + mine["misses"] > 0])


def annex(result: ForecastResult) -> dict[str, Any]:
    """Every region's next months, for print: countries in order, most expected events first."""
    table = result.outlook
    if table.empty:
        return {"rows": [], "span": "", "last": ""}
    mine = table[(table["level"] == "region") & (table["target"] == "events")]
    mine = mine.sort_values(["country", "next", "location"], ascending=[True, False, True])
    months = int(mine["months"].iloc[0]) if len(mine) else 1
    span = numbers.span_name(result.origin + 1, result.origin + months)
    return {"rows": rows_of(mine), "span": span, "last": f"Last {numbers.plural(months, 'month')}"}


def fan_panels(
    result: ForecastResult, events: Outlook, countries: Outlook, order: list[int]
) -> dict[str, Any]:
    """Small charts of the leading regions and countries."""
    months = result.panel.until(result.origin).months

    def panel(outlook: Outlook, i: int) -> dict[str, Any]:
        return {
            "name": outlook.names[i],
            "country": country_name(outlook.countries[i]),
            "words": f"{numbers.count(outlook.mean[0, i])} expected in {numbers.month_name(result.months[0])} "
            f"({numbers.interval(outlook.low[0, i], outlook.high[0, i])})",
            "chart": charts.fan(outlook, i, months, result.months),
        }

    leading = words.ranking_order(countries)[:3]
    return {
        "regions": [panel(events, i) for i in order[:LEADING]],
        "countries": [panel(countries, i) for i in leading],
    }


def spill_section(
    result: ForecastResult, spill: SpilloverSummary | None, shapes: maps.MapShapes | None, events: Outlook
) -> dict[str, Any] | None:
    """Borders, corridors and rows of the spillover section; None where none was estimated."""
    if spill is None:
        return None
    shown, routes = spill.shown, corridors(result, spill)
    absent = {"models_disagree": False} if "models_disagree" not in shown else {}
    return {
        "horizon": spill.horizon,
        "threshold": spill.threshold,
        "sentence": words.border_sentence(spill, top=3),
        "borders": borders_by_target(result, spill),
        "rows": [
            (row, robust_share(row.grade, row.share_low, row.share_high))
            for row in rows_of(shown.assign(partly_blind=is_blind(shown), **absent))
        ],
        "more": max(len(shown) - ROWS, 0),
        "watch": _corridors_to_watch(routes, events),
        "flow": maps.flow_map(shapes, events, routes) if shapes is not None and len(routes) else None,
        "drawn": maps.CORRIDORS,
        "routes": _drawable(routes, shapes),
        "published": "pool_risk" not in shown or bool(shown["pool_risk"].notna().all()),
        "pairs": pairs_by_name(with_grades(result.pairs)).to_dict("records"),
    }


def pairs_by_name(pairs: pd.DataFrame) -> pd.DataFrame:
    """Borders in the order of the names of their two countries."""
    if pairs.empty:
        return pairs
    order = {code: i for i, code in enumerate(by_name({*pairs["source_country"], *pairs["target_country"]}))}
    return pairs.sort_values(["source_country", "target_country"], key=lambda codes: codes.map(order))


#: Columns of the table of borders, after the country that is pressed on, by what they hold.
BORDER_COLUMNS = {
    "shown": "With evidence",
    NONE_SHOWN: "Tested, nothing shown",
    TOO_FEW: "Too few data to test",
    "unseen": "No data for",
}


def borders_by_target(result: ForecastResult, spill: SpilloverSummary) -> dict[str, Any]:
    """Each country's borders by what their test found, and neighbours without data; columns that hold nothing go."""
    km = {
        (str(r.country), country_name(r.towards)): f" (about {r.km:,.0f} km)"
        for r in rows_of(result.unseen.round(-1))
    }
    cells: dict[str, dict[str, list[str]]] = {}
    for row in rows_of(spill.borders):
        share = robust_share(row.grade, row.share_low, row.share_high)
        shown = row.grade in GRADES[:2]
        name, column = country_name(row.source_country), "shown" if shown else row.grade
        about = ", ".join(part for part in (row.grade if shown else "", share) if part)
        text = f"{name} ({about})" if about else name
        cells.setdefault(row.target_country, {}).setdefault(column, []).append(text)
    for code, towards in result.spillover.groupby("target_country")["blind_towards"]:
        names = {name for text in set(towards.fillna("")) for name in str(text).split(";") if name}
        if names:
            told = [f"{name}{km.get((str(code), name), '')}" for name in sorted(names, key=searchable)]
            cells.setdefault(str(code), {})["unseen"] = told
    used = [key for key in BORDER_COLUMNS if any(key in of for of in cells.values())]
    rows = [
        (country_name(code), [", ".join(cells[code].get(key, ())) or "–" for key in used])
        for code in by_name(cells)
    ]
    return {"columns": [BORDER_COLUMNS[key] for key in used], "rows": rows}


def _corridors_to_watch(routes: pd.DataFrame, events: Outlook, top: int = 3) -> str:
    """The widest corridors across borders with evidence, by name; empty where there are none."""
    if routes.empty:
        return ""
    # Of countries that are not published there is only the id.
    names = dict(zip(events.ids, events.names, strict=True))
    rows = rows_of(routes[routes["grade"].isin(GRADES[:2])].head(top))
    ends = [[names.get(r, r) for r in (row.source_region, row.target_region)] for row in rows]
    return "; ".join(f"{source} to {target}" for source, target in ends)


def _drawable(routes: pd.DataFrame, shapes: maps.MapShapes | None) -> int:
    """How many corridors have both ends on the map."""
    if shapes is None or routes.empty:
        return 0
    return int(routes[["source_region", "target_region"]].isin(shapes.region_ids).all(axis=1).sum())


def corridors(result: ForecastResult, spill: SpilloverSummary) -> pd.DataFrame:
    """Routes from region to region over the page's months, most events first: ``share_of_border`` and more.

    Empty where the release does not keep its routes, or none carries a twentieth of an event.
    """
    routes = result.answers.get("routes", pd.DataFrame())
    if routes.empty:
        return routes
    routes = routes[(routes["horizon"] == spill.horizon) & (routes["events"] >= LEAST_EVENTS / 2)]
    return routes.sort_values(
        ["events", "target_region", "source_region"], ascending=[False, True, True], ignore_index=True
    )


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "–"
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, np.integer)):
        return f"{value:,}"
    if isinstance(value, (float, np.floating)):
        return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
    return str(value).replace("_", " ")


def _named(coverage: pd.DataFrame) -> pd.DataFrame:
    """Countries in the order of their names."""
    if "country" not in coverage:
        return coverage
    place = {code: i for i, code in enumerate(by_name(coverage["country"]))}
    return coverage.sort_values("country", key=lambda codes: codes.map(place), kind="stable")


def _in_order(table: pd.DataFrame) -> pd.DataFrame:
    """The columns in the order of the page, whatever that of the table."""
    place = {name: i for i, name in enumerate(COLUMNS)}
    return table[sorted(table, key=lambda name: (place.get(str(name), len(place)), str(name)))]


def plain_table(table: pd.DataFrame, most: int = 60) -> dict[str, Any]:
    """Any table of ours as words: headings without underscores, thousands parted."""
    if {"country", "name"} <= set(table):
        table = table.drop(columns="country").rename(columns={"name": "country"})
    types = pd.api.types
    numeric = [types.is_numeric_dtype(table[c]) and not types.is_bool_dtype(table[c]) for c in table]
    columns = [{"name": str(c).replace("_", " "), "number": n} for c, n in zip(table, numeric, strict=True)]
    shown = table.head(most).map(_cell).astype(object)
    if "country" in shown:
        shown["country"] = [country_name(name) for name in shown["country"]]
    return {"columns": columns, "rows": shown.to_numpy().tolist(), "more": max(len(table) - most, 0)}


def data_section(result: ForecastResult) -> dict[str, Any]:
    """Freshness, coverage, ledger, and whose data and boundaries these are."""
    source = result.panel.source
    members = dict.fromkeys(result.scores.get("member", []))
    return {
        "origin_name": numbers.month_name(result.origin),
        "age": int(pd.Period(result.run_date, "M").ordinal - result.origin.ordinal),
        "source": source,
        "ucdp": source.startswith("UCDP"),
        "shipped": result.settings.get("source") == "snapshot",
        "candidate": "candidate" in source.lower(),
        "licences": licences_of(result.panel, result.regions),
        "attribution": theatre_words(result.panel).get("attribution", ""),
        "members": [member_name(m) for m in members if m != "pool"],
        "coverage_note": plain_table(_in_order(_named(result.coverage_note))),
        "ledger": plain_table(_in_order(result.ledger)),
        "by_year": result.settings.get("source") == "snapshot" and result.origin.month < 12,
        "quality": plain_table(result.quality.drop(columns="rows", errors="ignore")),
    }
