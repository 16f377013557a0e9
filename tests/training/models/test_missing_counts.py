"""Months in which one count is not known, though another is: they are missing, never zero."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small_worlds import ladder_panel

from harmattan.data.panel import Panel
from harmattan.training.evaluation.backtest import run_backtest
from harmattan.training.models.base import Problem
from harmattan.training.models.catalogue import fit_members
from harmattan.training.models.events_times_deaths import EventsTimesDeaths
from harmattan.training.problems import build_problems

GAP = slice(50, 62)


@pytest.fixture(scope="module")
def panel() -> Panel:
    """Deaths of one year are not known, events are."""
    whole = ladder_panel(6, 72)
    deaths = whole.measure("deaths_best").copy()
    deaths[GAP] = np.nan
    return replace(whole, measures={**whole.measures, "deaths_best": deaths})


def deaths_of(panel: Panel) -> Problem:
    return build_problems(panel, ["events", "deaths"])["deaths"]


def test_what_is_not_known_is_not_observed(panel: Panel) -> None:
    problem = deaths_of(panel)
    assert not problem.observed[GAP].any()
    assert problem.observed[: GAP.start].all()
    assert build_problems(panel, ["events"])["events"].observed.all()


def test_models_do_not_take_it_for_a_quiet_year(panel: Panel) -> None:
    origin, members = panel.months[-1], ("conflictology_24", "endemic_epidemic")
    zeros = np.nan_to_num(panel.measure("deaths_best"))
    as_zero = replace(panel, measures={**panel.measures, "deaths_best": zeros})
    mean = [
        {
            n: m.margins(deaths_of(p), origin).mean
            for n, m in fit_members(deaths_of(p), origin, 1, members).items()
        }
        for p in (panel, as_zero, ladder_panel(6, 72))
    ]
    for name in members:
        missing, zero, whole = (float(each[name].sum()) for each in mean)
        assert abs(missing - whole) < abs(zero - whole), name


def test_deaths_per_event_are_those_of_the_months_in_which_both_are_known(panel: Panel) -> None:
    months = np.r_[0 : GAP.start, GAP.stop : panel.shape[0]]
    member = EventsTimesDeaths(half_life=1e9, region_events=1e-9)
    per_event = member.deaths_per_event(deaths_of(panel), panel.months[-1])
    events, deaths = (panel.measure(n)[months].astype(float).sum(axis=0) for n in ("events", "deaths_best"))
    some = events > 0
    np.testing.assert_allclose(per_event[some], (deaths / np.maximum(events, 1))[some], rtol=1e-6)


def test_no_forecast_is_scored_there(panel: Panel) -> None:
    record = run_backtest(
        deaths_of(panel), panel.months[47:66], (1,), members=["conflictology_12", "exponential_nb"], draws=50
    )[0]
    inside = np.array([GAP.start <= panel.position(o + 1) < GAP.stop for o in record.origins])
    assert np.isnan(record.observed[inside]).all()
    assert np.isfinite(record.observed[~inside]).all()
    assert np.isfinite(record.of("pool", "mean")).all()
    assert pd.Period(record.origins[0], "M") == panel.months[47]
