"""What the page shows of the past: last month's forecast, how reliable recent ones were, and what was revised."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ...data.frames import rows_of
from ...data.geography import country_name
from ..release.read import PastRelease
from ..result import ForecastResult
from . import hindsight_charts as charts_past
from . import hindsight_sentences as words_past
from . import number_format as numbers
from .hindsight import Hindsight, hindsight, rehearsed, revisions

#: Questions of the reliability diagram, by target.
QUESTIONS = {"p1": "1 or more", "p5": "5 or more", "p10": "10 or more"}
BINS = {"all": "all forecasts", "<0.5": "under 0.5", "0.5-2": "0.5 to 2", "2-5": "2 to 5", "5+": "5 or more"}


def past_section(result: ForecastResult, previous: PastRelease | None) -> dict[str, Any]:
    """The forecast of the origin month: that of an earlier release, else the same models made to forecast it again."""
    past = hindsight(result, previous) or rehearsed(result)
    if past is None:
        return {"title": words_past.past_title(None), "past": None}
    return {
        "title": words_past.past_title(past),
        "past": past,
        "sentences": words_past.past_sentences(past),
        "note": words_past.past_note(past),
        "chart": charts_past.hindsight_chart(past),
        "rows": _rows(past),
    }


def _rows(past: Hindsight) -> list[dict[str, Any]]:
    """The regions of the chart beside it as table rows."""
    return [
        {
            "name": row.name,
            "country": country_name(row.country),
            "expected": numbers.count(row.expected),
            "span": numbers.interval(row.low, row.high),
            "observed": numbers.count_whole(row.observed),
            "verdict": "inside" if row.inside else "above" if row.observed > row.high else "below",
        }
        for row in rows_of(charts_past.leading(past))
    ]


def reliability_section(result: ForecastResult) -> dict[str, Any]:
    """Reliability diagram, PIT and coverage by predicted mean, each also as a table; by target."""
    table, found = result.reliability, {}
    if table.empty:
        return {}
    for target in sorted(table["target"].unique(), key=lambda t: t != "events"):
        mine = table[table["target"] == target]
        chances = mine[mine["question"].isin(list(QUESTIONS))]
        pit = mine[mine["question"] == "pit"]
        found[target] = {
            "diagram": charts_past.reliability_chart(chances, QUESTIONS) if len(chances) else None,
            "pit": charts_past.pit_chart(pit) if len(pit) and pit["cases"].sum() else None,
            "chances": [
                {
                    "question": QUESTIONS[row.question],
                    "band": f"{100 * row.low:.0f}–{100 * row.high:.0f}%",
                    "cases": f"{int(row.cases):,}",
                    "said": numbers.percent(float(row.forecast)),
                    "came": numbers.percent(float(row.frequency)),
                }
                for row in rows_of(chances)
            ],
            "pit_rows": [
                (f"{100 * row.low:.0f}–{100 * row.high:.0f}%", numbers.percent(float(row.frequency)))
                for row in rows_of(pit.sort_values("low"))
            ],
            "bins": _bins(mine[mine["question"] == "interval"]),
        }
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


def vintage_section(result: ForecastResult, previous: PastRelease | None) -> dict[str, Any]:
    """What the numbers were made from and by, and what has been revised since the last release."""
    changed = revisions(result, previous)
    model = dict(result.model)
    words = str(model.get("name") or "fitted at the origin")
    if model.get("version"):
        words += f", version {model['version']}"
    if model.get("trained_to"):
        words += f", trained on months to {numbers.month_name(pd.Period(str(model['trained_to']), freq='M'))}"
    return {
        "model": words,
        "equal": not model.get("name") or model["name"] == "fitted at the origin",
        "reason": str(model.get("reason") or ""),
        "previous": previous.name if previous else "",
        "kept": changed is not None,
        "rows": []
        if changed is None
        else [
            {
                "country": country_name(row.country),
                "then": numbers.count_whole(row.then),
                "now": numbers.count_whole(row.now),
                "change": _change(float(row.change)),
                "counts": f"{int(row.region_months):,}",
            }
            for row in rows_of(changed)
        ],
    }


def _change(value: float) -> str:
    return "0" if value == 0 else f"{'+' if value > 0 else '−'}{np.abs(value):,.0f}"
