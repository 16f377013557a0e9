"""What each section of the page shows, in the shape that its template expects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ...data.frames import rows_of
from ...data.geography import country_name
from ...training.diffusion.border_signal import WEAK
from ..result import ForecastResult
from ..spillover.attribution import NO_SIGNAL
from . import charts
from . import map as maps
from . import number_format as numbers
from . import sentences as words
from .tables import RECENT, Outlook, Spill

#: Small charts of leading places; rows of tables shown at first.
LEADING, ROWS = 6, 15


def countries_in_words(codes: list[str], most: int = 12) -> str:
    """Countries by name, or their number where a list would be long."""
    if len(codes) > most:
        return f"{len(codes)} countries"
    return numbers.listing(sorted(country_name(code) for code in codes))


def skill_section(result: ForecastResult) -> dict[str, Any]:
    """Sentences, charts and full tables of past scores, by target."""
    scores, found = result.scores, {}
    if scores.empty:
        return {}
    for target in sorted(scores["target"].unique(), key=lambda t: t != "events"):
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
            "months": int(pool["months"].max()) if "months" in pool else None,
            "best": "skill_vs_best" in pool,
            "table": [
                {
                    "member": _member(row.member),
                    "horizon": int(row.horizon),
                    "cases": int(row.cases),
                    "crps": f"{row.crps:.3f}",
                    "skill": "–"
                    if row.member == "conflictology" or np.isnan(row.skill_vs_conflictology)
                    else f"{100 * row.skill_vs_conflictology:+.1f}%".replace("-", "−"),
                    "interval": "–"
                    if row.member == "conflictology" or np.isnan(row.skill_low)
                    else f"{100 * row.skill_low:+.1f} to {100 * row.skill_high:+.1f}%".replace("-", "−"),
                    "best": _against_best(row),
                    "coverage": [
                        numbers.percent(float(v)) for v in (row.coverage_50, row.coverage_80, row.coverage_90)
                    ],
                }
                for row in rows_of(of_target.sort_values(["horizon", "crps"], kind="stable"))
            ],
        }
    return found


def origins(result: ForecastResult) -> int | None:
    """How many past months the scores rest on; None where that is not known."""
    if "months" in result.scores and len(result.scores):
        return int(result.scores["months"].max())
    asked = result.settings.get("backtest_origins")
    return int(asked) if asked else None


def _against_best(row: Any) -> str:
    """Skill against the best of all baselines at that horizon, and which one that is."""
    skill = getattr(row, "skill_vs_best", float("nan"))
    if np.isnan(skill) or row.member == row.best_baseline:
        return "–"
    span = f"{100 * row.best_low:+.1f} to {100 * row.best_high:+.1f}"
    return f"{100 * skill:+.1f}% ({span}), {_member(row.best_baseline)}".replace("-", "−")


def ranking_rows(
    events: Outlook,
    deaths: Outlook | None,
    reasons: np.ndarray,
    order: list[int],
    since: np.ndarray | None = None,
) -> list[dict[str, Any]]:
    """Rows of the ranking table for the first horizon, most expected events first."""
    death = dict(zip(deaths.ids, deaths.mean[0], strict=True)) if deaths else {}
    return [
        {
            "place": i,
            "name": events.names[i],
            "code": events.countries[i],
            "country": country_name(events.countries[i]),
            "spark": charts.sparkline(events.history[-RECENT:, i]),
            "recent": numbers.count(events.recent[i]),
            "mean": numbers.count(events.mean[0, i]),
            "span": numbers.interval(events.low[0, i], events.high[0, i]),
            "chances": [(k, numbers.chance(p[0, i]), round(100 * p[0, i])) for k, p in events.chance.items()],
            "change": numbers.signed(events.change[0, i]),
            "since": None if since is None else numbers.signed(since[0, i]),
            "deaths": numbers.count(death[events.ids[i]]) if events.ids[i] in death else None,
            "reason": reasons[0, i],
        }
        for i in order
    ]


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
    result: ForecastResult, spill: Spill | None, shapes: maps.MapShapes | None, events: Outlook
) -> dict[str, Any] | None:
    """Matrix, arrows and rows of the spillover section; None where none was estimated."""
    if spill is None:
        return None
    declared = spill.declared
    gap = (declared["risk_factual"].astype(float) - declared["pool_risk"].astype(float)).abs().max()
    matrix = [
        {
            "source": country_name(source),
            "cells": [
                {
                    "tested": bool(spill.tested[i, j]),
                    "share": None
                    if np.isnan(spill.shares[i, j])
                    else numbers.percent(float(spill.shares[i, j])),
                    "level": 0 if np.isnan(spill.shares[i, j]) else int(min(spill.shares[i, j] * 12, 5)) + 1,
                }
                for j in range(len(spill.targets))
            ],
        }
        for i, source in enumerate(spill.sources)
    ]
    return {
        "horizon": spill.horizon,
        "threshold": spill.threshold,
        "sentence": words.border_sentence(spill, top=3),
        "matrix": matrix,
        "targets": [country_name(c) for c in spill.targets],
        "rows": [_spill_row(row._asdict()) for row in rows_of(declared)],
        "more": int(spill.rows["declared"].astype(bool).sum()) - min(len(declared), ROWS),
        "flow": maps.flow_map(shapes, events, spill) if shapes is not None and len(declared) else None,
        "gap": None if np.isnan(gap) else f"{100 * gap:.0f}",
        "measurable": bool((~np.isnan(spill.shares)).any()),
        "pairs": [
            {
                "source": country_name(row["source_country"]),
                "target": country_name(row["target_country"]),
                "permeability": f"{row['permeability']:.2f}",
                "p": f"{row['p_holm']:.3f}" if row["p_holm"] >= 0.001 else "<0.001",
                "declared": bool(row["declared"]),
                "permuted": "–" if pd.isna(row["p_permuted"]) else f"{row['p_permuted']:.3f}",
                "verdict": _verdict(
                    bool(row["declared"]), bool(row.get("distinguishable_from_shock", False)), row["verdict"]
                ),
            }
            for row in result.pairs.to_dict("records")
        ],
    }


def _verdict(declared: bool, distinguishable: bool, found: str) -> str:
    """One border's tests in words."""
    if not declared:
        return NO_SIGNAL if found == WEAK else f"{NO_SIGNAL}: {found}"
    told = "told apart" if distinguishable else "not told apart"
    return f"signal, model-attributed; {told} from a shock on both sides"


def _spill_row(row: Mapping[str, Any]) -> dict[str, str]:
    towards, points = row["blind_towards"], 100 * float(row["risk_difference"])
    return {
        "source": country_name(row["source_country"]),
        "target": row["target_name"],
        "country": country_name(row["target_country"]),
        "direct": numbers.percent(float(row["share_direct"])),
        "total": numbers.percent(float(row["share_total"])),
        "total_span": numbers.share_span(
            float(row.get("share_low", np.nan)), float(row.get("share_high", np.nan))
        ),
        "attributed": numbers.count(float(row["attributed"])),
        "risk": numbers.chance(float(row["pool_risk"])),
        "difference": f"{points:.0f}" if points >= 0.5 else "<1",
        "difference_span": numbers.share_span(
            float(row.get("risk_low", np.nan)), float(row.get("risk_high", np.nan))
        ).rstrip("%"),
        "blind": f"partly blind: no data for {towards}" if row["partly_blind"] else "",
    }


def evaluation_section(table: pd.DataFrame | None) -> dict[str, Any] | None:
    """How spillover numbers were tried before anybody was shown one, one row per statement; None where none is kept."""
    if table is None or table.empty:
        return None
    about = table.attrs.get("about", {})
    verdicts = {True: "as expected", False: "not as expected"}
    judged = [bool(v) for v in table["as_expected"] if v is not None and not pd.isna(v)]
    return {
        "judged": len(judged),
        "fine": sum(judged),
        "month": str(about.get("last_month") or about.get("origin") or ""),
        "rows": [
            {
                "part": row.part,
                "words": row.words,
                "expected": row.expected,
                "verdict": "–"
                if row.as_expected is None or pd.isna(row.as_expected)
                else verdicts[bool(row.as_expected)],
                "missed": row.as_expected is not None
                and not pd.isna(row.as_expected)
                and not row.as_expected,
            }
            for row in rows_of(table)
        ],
    }


MEMBER_NAMES = {
    "conflictology": "conflictology (own last 12 months)",
    "exponential_nb": "exponentially weighted negative binomial",
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


def _member(name: str) -> str:
    """A member's name as people write it."""
    return MEMBER_NAMES.get(name, name.replace("_", " "))


def plain_table(table: pd.DataFrame, most: int = 60) -> dict[str, Any]:
    """Any table of ours as words: headings without underscores, thousands parted."""

    def cell(value: object) -> str:
        if value is None or (isinstance(value, float) and np.isnan(value)):
            return "–"
        if isinstance(value, (bool, np.bool_)):
            return "yes" if value else "no"
        if isinstance(value, (int, np.integer)):
            return f"{value:,}"
        if isinstance(value, (float, np.floating)):
            return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
        return str(value).replace("_", " ")

    if {"country", "name"} <= set(table):
        table = table.drop(columns="country").rename(columns={"name": "country"})
    numeric = [
        pd.api.types.is_numeric_dtype(table[c]) and not pd.api.types.is_bool_dtype(table[c]) for c in table
    ]
    columns = [{"name": str(c).replace("_", " "), "number": n} for c, n in zip(table, numeric, strict=True)]
    rows = [[cell(v) for v in row] for row in table.head(most).itertuples(index=False)]
    for row in rows:
        for i, column in enumerate(table):
            if column == "country":
                row[i] = country_name(row[i])
    return {"columns": columns, "rows": rows, "more": max(len(table) - most, 0)}


#: Columns of the tables of data, from left to right; others follow by name.
COLUMNS = [
    "country",
    "name",
    "first_month",
    "last_month",
    "outcome",
    "reason",
    "events",
    "deaths_best",
    "deaths_low",
    "deaths_high",
]


def _in_order(table: pd.DataFrame) -> pd.DataFrame:
    """The columns in the order of the page, whatever that of the table."""
    place = {name: i for i, name in enumerate(COLUMNS)}
    return table[sorted(table, key=lambda name: (place.get(str(name), len(place)), str(name)))]


def data_section(result: ForecastResult) -> dict[str, Any]:
    """Freshness, coverage, ledger, and whose data and boundaries these are."""
    source = result.panel.source
    frame = pd.DataFrame() if result.regions is None else result.regions.frame
    layers = " ".join(sorted({str(layer) for layer in frame["layer"]})) if "layer" in frame else ""
    members = dict.fromkeys(result.scores.get("member", []))
    return {
        "origin_name": numbers.month_name(result.origin),
        "age": int(pd.Period(result.run_date, "M").ordinal - result.origin.ordinal),
        "source": source,
        "ucdp": "ucdp" in source.lower(),
        "candidate": "candidate" in source.lower(),
        "natural_earth": "natural-earth" in layers,
        "members": [_member(m) for m in members if m != "pool"],
        "coverage_note": plain_table(_in_order(result.coverage_note)),
        "ledger": plain_table(_in_order(result.ledger)),
        "quality": plain_table(result.quality.drop(columns="rows", errors="ignore")),
    }
