"""Whole runs on panels that have broken forecasts elsewhere: correct numbers of honest width, or next to nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_worlds import ladder_links, ladder_panel

from harmattan.data.panel import Panel
from harmattan.forecast.result import ForecastResult
from harmattan.forecast.run import run_forecast
from harmattan.forecast.settings import Settings

SHORT = Settings(
    draws=200, horizons=(1, 2, 3), backtest_origins=2, workers=1, targets=("events", "deaths"), track=False
)
MONTHS = 96


def world(kind: str) -> Panel:
    """The ladder of regions with one thing gone to an extreme."""
    whole = ladder_panel(6, MONTHS)
    events, deaths = (whole.measure(n).copy() for n in ("events", "deaths_best"))
    if kind == "one enormous outbreak":
        events[-3, 2], deaths[-3, 2] = 4_000, 60_000
    elif kind == "one event in all the record":
        events[:], deaths[:] = 0, 0
        events[20, 2], deaths[20, 2] = 1, 1
    elif kind == "nothing ever":
        events[:], deaths[:] = 0, 0
    elif kind == "deaths missing in some months":
        deaths[40:52] = np.nan
    elif kind == "no event has a death":
        deaths[:] = 0
    elif kind == "every event has a death":
        deaths = np.maximum(deaths, events)
    measures = {"events": events.astype(np.float32), "deaths_best": deaths.astype(np.float32)}
    panel = replace(whole, measures=measures, links=ladder_links())
    return panel.until(panel.months[36]) if kind == "three years of record" else panel


KINDS = [
    "one enormous outbreak",
    "one event in all the record",
    "nothing ever",
    "deaths missing in some months",
    "no event has a death",
    "every event has a death",
    "three years of record",
]


def forecast(panel: Panel, folder: Path) -> ForecastResult:
    panel.write_parquet(folder / "panel.parquet")
    return run_forecast(replace(SHORT, panel=folder / "panel.parquet"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_forecast_is_correct_and_of_honest_width(kind: str, tmp_path: Path) -> None:
    panel = world(kind)
    result = forecast(panel, tmp_path)
    events, deaths = result.draws["events"], result.draws["deaths"]
    assert not ((deaths.values > 0) & (events.values == 0)).any()
    for draws in (events, deaths):
        mean, (low, high) = draws.mean(), draws.quantile([0.1, 0.9])
        assert np.isfinite(mean).all()
        assert (low <= high).all()
        # Never more than the record has seen in half a year, tapered.
        seen = np.nan_to_num(panel.target(draws.target))
        assert mean.max() < 5 * max(seen.max() / 6, 1), draws.target
    chance = [d.prob_at_least(1) for d in (events, deaths)]
    assert (chance[1] <= chance[0]).all()
    if kind in ("nothing ever", "one event in all the record"):
        assert chance[0].max() < 0.1
        assert events.mean().max() < 0.1
    if kind == "no event has a death":
        assert chance[1].max() < 0.1
        assert chance[0].max() > 0.5
    if kind == "every event has a death":
        often = chance[0] > 0.5
        assert (chance[1][often] > 0.8 * chance[0][often]).all()
    if kind == "one enormous outbreak":
        # After a month of 4,000 both a return to little and another large month stand in the interval.
        low, high = events.quantile([0.05, 0.95])[:, 0, 2]
        assert low < 50
        assert high > 50
    if kind == "three years of record":
        # Nothing had followed a quiet month in what onsets are learned from: .39 came out of no case at all.
        quiet = panel.measure("events")[-6:].sum(axis=0) == 0
        assert quiet.any()
        assert chance[0][:, quiet].max() < 0.2
    if kind == "deaths missing in some months":
        assert chance[1].max() > 0.5
