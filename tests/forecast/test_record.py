"""What MLflow is told about a forecast."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from make_result import make_result

from harmattan.forecast.config import Settings
from harmattan.forecast.publish import write_release
from harmattan.forecast.record import metrics, record_of
from harmattan.training.tracking import Record


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    result = replace(make_result(), models={"events/pool_h01.json": "{}"})
    release = write_release(result, "<p>", tmp_path_factory.mktemp("out"))
    return record_of(result, release, Settings(workers=2))


def test_scores_become_metrics_by_horizon() -> None:
    scores = make_result().scores
    found = metrics(scores)
    row = scores[(scores.target == "deaths") & (scores.member == "pool")].set_index("horizon")
    assert found["crps.deaths.pool"] == row["crps"].to_dict()
    assert found["skill.deaths.pool"] == row["skill_vs_conflictology"].to_dict()


def test_a_figure_that_does_not_exist_is_left_out() -> None:
    scores = make_result().scores.assign(coverage_50=float("nan"))
    assert not [name for name in metrics(scores) if name.startswith("coverage_50")]


def test_no_scores_no_metrics() -> None:
    assert metrics(pd.DataFrame(columns=["target", "member", "horizon"])) == {}


def test_the_whole_configuration_is_a_parameter(record: Record) -> None:
    assert {"seed", "draws", "horizons", "targets", "source", "versions"} <= set(record.params)
    assert not {"workers", "out", "mlruns"} & set(record.params)


def test_runs_are_found_by_tags(record: Record) -> None:
    result = make_result()
    assert record.tags["origin"] == "2023-12"
    assert record.tags["data_hash"] == record.digest == result.panel.digest()
    assert record.tags["run_kind"] == "forecast"
    assert len(record.tags["config_hash"]) == 64
    assert len(record.tags["forecast_hash"]) == 64


def test_every_file_of_the_release_is_an_artifact(record: Record) -> None:
    names = {Path(path).name for path in record.files}
    assert {"forecast.parquet", "report.html", "spillover.csv", "SHA256SUMS"} <= names
    assert record.texts == {"models/events/pool_h01.json": "{}"}


def test_the_profile_counts_what_the_panel_holds(record: Record) -> None:
    assert record.profile is not None
    panel = make_result().panel
    assert record.profile["events"].sum() == panel.measure("events", fill=0).sum()
    assert set(record.profile["country"]) == set(panel.countries)
