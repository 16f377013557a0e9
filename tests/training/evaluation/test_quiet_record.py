"""Over eleven years, chances where it was quiet are right within a factor of one and a half: events and deaths."""

from __future__ import annotations

import pandas as pd
import pytest

from harmattan.data.snapshot import load_snapshot
from harmattan.training.evaluation.backtest import run_backtest
from harmattan.training.evaluation.protocol import HOUSE, LAST_OPEN, scored_regions
from harmattan.training.evaluation.quiet_places import quiet_table
from harmattan.training.problems import build_problems

pytestmark = pytest.mark.slow


def test_quiet_places_wake_about_as_often_as_predicted() -> None:
    snapshot = load_snapshot()
    panel = snapshot.panel.until(LAST_OPEN)
    problems = build_problems(panel, ["events", "deaths"], [snapshot.training])
    origins = tuple(pd.period_range("2011-12", "2022-09", freq="M"))
    records = run_backtest(list(problems.values()), origins, (3,), scored_regions(panel, HOUSE), draws=200)
    table = quiet_table(records).query("member == 'pool'")
    for _, whole in table[table["year"] == "all"].iterrows():
        where = (whole["target"], whole["quiet_months"])
        assert whole["observed"] > 30, where
        assert 1 / 1.5 < whole["ratio"] < 1.5, where
    # By year the counts are shown, not judged: waves of onsets are not foreseen.
    assert (table[table["year"] != "all"]["cases"] > 0).all()
