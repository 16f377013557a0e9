"""Over many years, chances where it was quiet are right within a factor of one and a half, in three theatres."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harmattan.data.panel import Panel
from harmattan.data.snapshot import load_snapshot
from harmattan.forecast.loading import load_inputs
from harmattan.forecast.settings import Settings
from harmattan.training.evaluation.backtest import run_backtest
from harmattan.training.evaluation.protocol import HOUSE, LAST_OPEN, scored_regions
from harmattan.training.evaluation.quiet_places import quiet_by_year, quiet_table
from harmattan.training.models.base import Problem
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


#: Origins of the two foreign records.
FOREIGN = tuple(pd.period_range("2009-12", "2015-12", freq="M"))


def check_quiet_places(problem: Problem, horizon: int = 3) -> None:
    """A back-test whose quiet places wake up within a factor of one and a half of what was predicted."""
    table = quiet_by_year([quiet_table(run_backtest(problem, FOREIGN, (horizon,), draws=200))])
    for row in table[table["year"] == "all"].to_dict("records"):
        assert row["observed"] > 30, row
        assert 1 / 1.5 < row["ratio"] < 1.5, row
    assert (table["cases"] > 0).all()


def test_they_do_among_133_countries(real_data: Path) -> None:
    counts = pd.read_csv(real_data / "country_month_deaths_1989_2016.csv.gz")
    check_quiet_places(build_problems(Panel.from_frame(counts), ["deaths"])["deaths"])


def test_they_do_in_east_africa(real_data: Path) -> None:
    theatre = real_data / "theatre_east_africa"
    source = f"table:{theatre / 'events_1989_2016.csv.gz'}"
    panel = load_inputs(Settings(source=source, regions=theatre / "regions.geojson")).panel
    check_quiet_places(build_problems(panel, ["events"])["events"])


def test_no_mean_drifts_with_the_horizon() -> None:
    """Six months ahead the sum of all means errs as one month ahead, set against the plain past, which lags behind."""
    snapshot = load_snapshot()
    panel = snapshot.panel.until(LAST_OPEN)
    problem = build_problems(panel, ["events"], [snapshot.training])["events"]
    origins = tuple(pd.period_range("2011-12", "2022-06", freq="M"))
    records = run_backtest(problem, origins, (1, 6), scored_regions(panel, HOUSE), draws=50)
    for member in ("pool", "exponential_nb", "endemic_epidemic", "boosted"):
        near, far = (
            np.nansum(r.of(member, "mean")) / np.nansum(r.of("conflictology_12", "mean")) for r in records
        )
        assert abs(np.log(far / near)) < np.log(1.15), member
