"""A panel is about what it counts: deaths alone, or displaced people, are judged as they are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harmattan.data.errors import SchemaError
from harmattan.data.panel import Panel
from harmattan.features.recipe import Recipe
from harmattan.training.evaluation.backtest import run_backtest
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
