"""Forecasts of others scored beside ours: on the same cases, with intervals, pairs and sets; or refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import Run
from small_worlds import ladder_panel, problem_of

from harmattan.data.errors import OriginError, RegionError, UsageError
from harmattan.forecast.jobs import evaluate_table
from harmattan.training.models import Conflictology

LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)


@pytest.fixture(scope="module")
def panel():
    return ladder_panel(months=110)


@pytest.fixture(scope="module")
def table(panel) -> pd.DataFrame:
    """Two models: conflictology as anybody would publish it, and one that is twice too high; one month is missing."""
    problem, rows = problem_of(panel), []
    for origin in (o for o in panel.months[78:106] if o != panel.months[85]):
        values = Conflictology(12).fit(problem, origin, 1).margins(problem, origin).quantile(LEVELS)
        for i, region in enumerate(panel.region_ids):
            for level, value in zip(LEVELS, values[:, i], strict=True):
                end = str((origin + 1).end_time.date())
                place = (str(origin.end_time.date()), "events", 1, end, region, "quantile", level)
                rows += [("usual", *place, float(value)), ("double", *place, 2.0 * value + 1)]
    columns = ["model_id", "origin_date", "target", "horizon", "target_end_date", "location"]
    return pd.DataFrame(rows, columns=[*columns, "output_type", "output_type_id", "value"])


@pytest.mark.slow
def test_foreign_models_are_scored_on_our_cases_and_theirs_alone(
    panel, table: pd.DataFrame, tmp_path: Path, run: Run
) -> None:
    found = evaluate_table(table, panel)
    board = found.leaderboard.set_index("member")
    assert {"usual", "double", "pool", "conflictology_12"} <= set(board.index)
    assert set(board["cases"]) == {27 * 8}
    assert board.loc["usual", "crps"] == pytest.approx(board.loc["conflictology_12", "crps"], rel=0.05)
    assert board.loc["double", "verdict"].startswith("worse than")
    pairs = found.compare("usual", "double").iloc[0]
    assert pairs["verdict"] == "better than double"
    scores = found.scores()
    assert set(scores["scale"]) == {"natural", "log"}
    assert {"all", "last 12 months", "2008"} <= set(scores["evaluation_set"])
    whole = scores.query("evaluation_set == 'all' and scale == 'natural'").set_index("model_id")
    assert whole.loc["usual", "crps"] == pytest.approx(board.loc["usual", "crps"], rel=1e-5)
    assert whole.loc["conflictology_12", "relative_crps"] == pytest.approx(1)
    table.to_parquet(tmp_path / "theirs.parquet")
    panel.write_parquet(tmp_path / "panel.parquet")
    files = [str(tmp_path / n) for n in ("theirs.parquet", "panel.parquet", "out")]
    _, said, _ = run("score-table", files[0], "--against", files[1], "--out", files[2], "--json")
    rows = json.loads(said)["leaderboard"]
    assert {r["member"]: r["crps"] for r in rows}["usual"] == pytest.approx(board.loc["usual", "crps"])
    written = pd.read_csv(tmp_path / "out" / "scores.csv")
    np.testing.assert_allclose(written["crps"], scores["crps"])


def test_tables_that_cannot_be_scored_here_are_refused(panel, table: pd.DataFrame) -> None:
    with pytest.raises(RegionError, match="'AAA-9' is not a region of the data"):
        evaluate_table(table.replace({"location": {"AAA-1": "AAA-9"}}), panel)
    later = table.assign(origin_date="2030-01-31", target_end_date="2030-02-28").drop_duplicates(
        ["model_id", "location", "output_type_id"]
    )
    with pytest.raises(OriginError, match="no month that the table forecasts is in the data"):
        evaluate_table(later, panel)
    with pytest.raises(UsageError, match="it was trained on months to 2009-01"):
        evaluate_table(table, panel, trained_to="2009-01")
    with pytest.raises(UsageError, match="two models are called 'double'"):
        evaluate_table([table, table], panel)
    with pytest.raises(UsageError, match="no table is given"):
        evaluate_table([], panel)
