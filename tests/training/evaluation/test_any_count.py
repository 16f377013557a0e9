"""A panel is about what it counts: deaths alone, or displaced people, are judged as they are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harmattan.data.errors import SchemaError
from harmattan.data.panel import Panel
from harmattan.features.recipe import Recipe
from harmattan.training.evaluation.backtest import outcomes, run_backtest
from harmattan.training.models.baselines import Conflictology
from harmattan.training.models.catalogue import POOLED, POOLED_ALONE, pooled_members
from harmattan.training.problems import build_problems


def panel_of_one(name: str) -> Panel:
    """Four regions and eight years of one measure, up to some ten thousand a month."""
    months = pd.period_range("2015-01", periods=96, freq="M").astype(str)
    counts = np.random.default_rng(1).negative_binomial(0.5, 0.0001, 96 * 4)
    regions = np.tile(["AAA-a", "AAA-b", "BBB-a", "BBB-b"], 96)
    return Panel.from_frame(pd.DataFrame({"month": np.repeat(months, 4), "region_id": regions, name: counts}))


@pytest.mark.parametrize(("column", "target"), [("deaths", "deaths"), ("displaced", "displaced")])
@pytest.mark.slow
def test_a_table_of_one_count_is_judged(column: str, target: str) -> None:
    panel = panel_of_one(column)
    problem = build_problems(panel, [target])[target]
    assert len(problem.cube.names) > 10
    members = ("smoothed_conflictology", "exponential_nb")
    record = run_backtest(problem, panel.months[70:73], (1,), members=members, warm_up=12)[0]
    assert record.target == target
    assert record.of("pool", "crps").mean() < record.of("zero", "crps").mean()


def test_what_is_not_counted_is_no_target_and_no_member_needs_it() -> None:
    panel = panel_of_one("displaced")
    with pytest.raises(SchemaError, match="no measure 'deaths_best'"):
        panel.target("deaths")
    assert panel.main == "displaced"
    assert all("events" not in name for name in Recipe.usual(panel).names)
    assert pooled_members("deaths", ["deaths_best"]) == POOLED_ALONE
    assert pooled_members("events", ["events"]) == POOLED


@pytest.mark.parametrize("value", [1.5, 0.25])
def test_a_measure_with_fractions_is_refused_as_a_target_and_kept_as_a_measure(value: float) -> None:
    """Scores and baselines count in whole numbers: they would drop the fraction in silence."""
    months = pd.period_range("2015-01", periods=40, freq="M").astype(str)
    table = pd.DataFrame({"month": months, "region_id": "AAA-a", "deaths": 1, "displaced": 7.0})
    table.loc[8, "displaced"] = value
    panel = Panel.from_frame(table)
    with pytest.raises(SchemaError, match=rf"displaced, AAA-a, 2015-09: {value} is no whole number"):
        build_problems(panel, ["displaced"])
    assert build_problems(panel, ["deaths"])["deaths"].counts.sum() == 40


def test_a_count_below_zero_is_said_to_have_been_left_aside() -> None:
    months = pd.period_range("2015-01", periods=40, freq="M").astype(str)
    table = pd.DataFrame({"month": months, "region_id": "AAA-a", "displaced": [-1, *range(39)]})
    with pytest.raises(SchemaError, match="'displaced' was left aside: it holds text, places or negative"):
        Panel.from_frame(table)
    with pytest.raises(SchemaError, match=r"no measure 'displaced'.*'displaced' was left aside"):
        Panel.from_frame(table.assign(deaths=1)).target("displaced")


def test_shares_of_events_that_span_months_are_rounded_where_they_are_scored() -> None:
    """Cut to whole numbers, 2.75 of an event would be two."""
    months = pd.period_range("2015-01", periods=40, freq="M")
    table = pd.DataFrame({"month": months.astype(str), "region_id": "AAA-a", "events": 2.75})
    problem = build_problems(Panel.from_frame(table, fractions=True), ["events"])["events"]
    assert outcomes(problem, np.array([39]), np.array([0])).tolist() == [[3.0]]
    assert Conflictology(12).margins(problem, months[-1]).quantile([0.5]).tolist() == [[3]]
