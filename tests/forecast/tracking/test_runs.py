"""What MLflow is told about a forecast."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from make_result import make_result

from harmattan.data.errors import ReleaseError
from harmattan.forecast.release.write import write_release
from harmattan.forecast.settings import Settings
from harmattan.forecast.tracking.runs import metrics, record_of, record_of_release
from harmattan.forecast.version import package_version
from harmattan.training.registry.runs import RunRecord


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
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


def test_the_whole_configuration_is_a_parameter(record: RunRecord) -> None:
    assert {"seed", "draws", "horizons", "targets", "source", "versions"} <= set(record.params)
    assert not {"workers", "out", "mlruns"} & set(record.params)


def test_runs_are_found_by_tags(record: RunRecord) -> None:
    result = make_result()
    assert record.tags["origin"] == "2023-12"
    assert record.tags["data_hash"] == record.digest == result.panel.digest()
    assert record.tags["run_kind"] == "forecast"
    assert len(record.tags["config_hash"]) == 64
    assert len(record.tags["forecast_hash"]) == 64


def test_every_file_of_the_release_is_an_artifact(record: RunRecord) -> None:
    names = {Path(path).name for path in record.files}
    assert {"forecast.parquet", "report.html", "spillover.csv", "SHA256SUMS"} <= names
    assert record.texts["models/events/pool_h01.json"] == "{}"


def test_settings_environment_quality_and_pictures_are_artifacts(record: RunRecord) -> None:
    wanted = {"configuration.json", "environment.txt", "data_quality.csv"}
    assert wanted | {"plots/skill_by_horizon.png", "plots/feature_contributions.png"} <= set(record.texts)
    assert "numpy==" in str(record.texts["environment.txt"])
    assert all(
        bytes(v).startswith(b"\x89PNG")
        for k, v in record.texts.items()
        if isinstance(v, bytes) or k.endswith("png")
    )


@pytest.mark.slow
def test_files_of_a_registered_model_are_not_copied_into_every_run(tmp_path: Path) -> None:
    result = replace(make_result(), models={"a.json": "{}"}, model={"name": "champion", "version": "3"})
    told = record_of(result, write_release(result, "<p>", tmp_path), Settings())
    assert "models/a.json" not in told.texts
    assert (told.tags["model_name"], told.tags["model_version"]) == ("champion", "3")


def test_every_member_has_a_run_of_its_own(record: RunRecord) -> None:
    names = {child.name for child in record.children}
    assert names == {"conflictology", "endemic-epidemic", "boosting", "pool"}
    assert all(set(child.metrics) >= {"crps.events", "crps.deaths"} for child in record.children)
    assert {name.rsplit(".", 1)[1] for name in record.metrics if not name.startswith("seconds")} == {
        "pool",
        "h1",
        "h3",
        "h6",
        "mean",
    }


@pytest.mark.slow
def test_a_release_can_be_recorded_from_its_files_alone(tmp_path: Path) -> None:
    result = make_result()
    release = write_release(result, "<p>", tmp_path)
    whole, later = record_of(result, release, Settings()), record_of_release(release)
    same = [key for key in whole.tags if key not in ("config_hash", "git_sha", "git_dirty")]
    assert [later.tags[key] for key in same] == [whole.tags[key] for key in same]
    assert later.metrics == {k: v for k, v in whole.metrics.items() if not k.startswith("seconds")}
    assert later.files == whole.files


@pytest.mark.slow
def test_a_record_made_later_does_not_pass_its_own_code_for_that_of_the_release(tmp_path: Path) -> None:
    release = write_release(make_result(), "<p>", tmp_path)
    path = release / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    old = {**manifest["versions"], "numpy": "1.0.0", "harmattan": "0.0.1"}
    path.write_text(json.dumps({**manifest, "versions": old}), encoding="utf-8")
    whole, later = record_of(make_result(), release, Settings()), record_of_release(release)
    assert not {"git_sha", "git_dirty"} & set(later.tags)
    assert later.tags["package_version"] == "0.0.1"
    assert later.tags["tracked_with_git_sha"] == whole.tags["git_sha"]
    assert later.tags["tracked_with_version"] == package_version()
    assert "numpy==1.0.0\n" in str(later.texts["environment.txt"])
    assert "pytest==" not in str(later.texts["environment.txt"])
    assert "pytest==" in str(later.texts["tracked_with_environment.txt"])
    assert "pytest==" in str(whole.texts["environment.txt"])


def test_a_folder_that_is_no_release_cannot_be_recorded(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="not a release that can be recorded"):
        record_of_release(tmp_path)
    (tmp_path / "manifest.json").write_text("[]", encoding="utf-8")
    with pytest.raises(ReleaseError, match="no table"):
        record_of_release(tmp_path)


def test_the_profile_counts_what_the_panel_holds(record: RunRecord) -> None:
    assert record.profile is not None
    panel = make_result().panel
    assert record.profile["events"].sum() == panel.measure("events", fill=0).sum()
    assert set(record.profile["country"]) == set(panel.countries)
