"""Runs as plain files: nothing is lost on the way out of one store and into another."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from harmattan.data.errors import ModelError, ReleaseError, SourceError, TrackingError
from harmattan.forecast.cli.entry import app
from harmattan.training.registry import store as stores
from harmattan.training.registry.export import export_run, import_run
from harmattan.training.registry.runs import RunRecord, log_run

RECORD = RunRecord(
    "forecast 2023-12",
    params={"seed": 7, **{f"p{i}": i for i in range(120)}},
    metrics={"crps.events.pool": {1: 0.4, 3: 0.5}},
    tags={"origin": "2023-12", "run_kind": "forecast"},
    profile=pd.DataFrame({"country": ["MLI"], "events": [3.0]}),
    digest="a1" * 32,
    texts={"models/a.json": "{}\n", "plots/x.png": b"\x89PNG"},
    children=[
        RunRecord("boosted", metrics={"crps.events": {1: 0.3}}),
        RunRecord("../zero", params={"a": "b"}),
    ],
)


@pytest.fixture(autouse=True)
def no_other_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def logged(store: Callable[[], Path]) -> tuple[str, Path]:
    folder = store()
    return log_run(RECORD, folder), folder


def everything(folder: Path, run_id: str) -> dict[str, Any]:
    """What a store says of a run, but for ids."""
    with stores.connected(folder) as client:
        run = client.get_run(run_id)
        inside = f"tags.mlflow.parentRunId = '{run_id}'"
        children = client.search_runs([run.info.experiment_id], inside)
        ours = {
            k: v for k, v in run.data.tags.items() if not k.startswith("mlflow.") and k != "imported_from"
        }
        return {
            "about": (run.info.run_name, run.info.status, run.info.start_time, run.info.end_time),
            "params": run.data.params,
            "tags": ours,
            "metrics": {
                k: [(m.step, m.value, m.timestamp) for m in client.get_metric_history(run_id, k)]
                for k in run.data.metrics
            },
            "data": [(d.dataset.digest, d.dataset.profile) for d in run.inputs.dataset_inputs],
            "children": sorted((c.info.run_name, str(c.data.metrics), str(c.data.params)) for c in children),
        }


def test_a_dry_run_looks_and_writes_nothing(logged: tuple[str, Path], tmp_path: Path) -> None:
    run_id, folder = logged
    options = ["--mlruns", str(folder), "--dry-run"]
    done = CliRunner().invoke(app, ["runs", "export", run_id, str(tmp_path / "run"), *options])
    assert (done.exit_code, done.stdout) == (0, f"Would write run {run_id} to {tmp_path / 'run'}.\n")
    assert not (tmp_path / "run").exists()
    out = export_run(run_id, tmp_path / "run", folder)
    options = ["--mlruns", str(tmp_path / "other"), "--dry-run"]
    done = CliRunner().invoke(app, ["runs", "import", str(out), *options])
    assert (done.exit_code, done.stdout) == (0, f"Would import run {run_id}.\n")
    assert not (tmp_path / "other").exists()


def test_there_and_back(logged: tuple[str, Path], store: Callable[[], Path], tmp_path: Path) -> None:
    run_id, folder = logged
    out = export_run(run_id, tmp_path / "run", folder)
    other = store()
    there = import_run(out, other)
    assert everything(other, there) == everything(folder, run_id)
    assert import_run(out, other) == there
    with stores.connected(other) as client:
        uri = client.get_run(there).info.artifact_uri.removeprefix("file://")
    assert (Path(uri) / "plots" / "x.png").read_bytes() == b"\x89PNG"


def changed(out: Path, **parts: Any) -> Path:
    """An exported run, some parts of which were written anew."""
    path = out / "run.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**told, **parts}), encoding="utf-8")
    return out


def count_runs(folder: Path) -> int:
    with stores.connected(folder) as client:
        return len(client.search_runs([stores.experiment_of(client, folder)], max_results=1000))


@pytest.mark.parametrize("status", ["FAILED", "RUNNING", "KILLED"])
def test_a_run_that_did_not_finish_is_imported_once(
    logged: tuple[str, Path], store: Callable[[], Path], tmp_path: Path, status: str
) -> None:
    out = changed(export_run(logged[0], tmp_path / "run", logged[1]), status=status)
    other = store()
    first = import_run(out, other)
    held = count_runs(other)
    assert import_run(out, other) == first
    assert count_runs(other) == held == 3
    with stores.connected(other) as client:
        assert client.get_run(first).info.status == status


def test_an_import_that_failed_on_the_way_is_none(
    logged: tuple[str, Path], store: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*given: Any, **named: Any) -> None:
        raise OSError("the disk is full")

    out, other = export_run(logged[0], tmp_path / "run", logged[1]), store()
    with monkeypatch.context() as patch:
        patch.setattr("mlflow.MlflowClient.log_artifacts", fails)
        with pytest.raises(TrackingError, match="the disk is full"):
            import_run(out, other)
    assert everything(other, import_run(out, other)) == everything(logged[1], logged[0])


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("metrics", "x"),
        ("metrics", {"crps": [[1, "much", 0]]}),
        ("metrics", {"crps": [[1, 0.5]]}),
        ("params", []),
        ("tags", {"a": {}}),
        ("datasets", [{"name": "panel"}]),
        ("datasets", {"name": "panel"}),
        ("start_time", "yesterday"),
        ("name", None),
    ],
)
@pytest.mark.slow
def test_a_part_of_the_wrong_kind_is_named_before_anything_is_written(
    logged: tuple[str, Path], store: Callable[[], Path], tmp_path: Path, part: str, value: Any
) -> None:
    out, other = export_run(logged[0], tmp_path / "run", logged[1]), store()
    for broken in (out / "children" / "01_boosted", out):
        changed(broken, **{part: value})
        with pytest.raises(SourceError, match=f"'{part}' of this run is of the wrong kind") as caught:
            import_run(out, other)
        assert caught.value.where == str(broken / "run.json")
    assert count_runs(other) == 0


def test_the_files_need_nothing_to_be_read(logged: tuple[str, Path], tmp_path: Path) -> None:
    run_id, folder = logged
    out = export_run(run_id, tmp_path / "run", folder)
    told = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert told["params"]["seed"] == "7"
    assert [row[:2] for row in told["metrics"]["crps.events.pool"]] == [[1, 0.4], [3, 0.5]]
    assert (out / "artifacts" / "models" / "a.json").read_text(encoding="utf-8") == "{}\n"
    assert sorted(p.name for p in (out / "children").iterdir()) == ["00__zero", "01_boosted"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run"]


def test_what_cannot_be_exported(logged: tuple[str, Path], tmp_path: Path) -> None:
    run_id, folder = logged
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    with pytest.raises(ReleaseError, match="into a new folder"):
        export_run(run_id, tmp_path / "full", folder)
    with pytest.raises(ModelError, match="there is no run 'abc'"):
        export_run("abc", tmp_path / "run", folder)
    with pytest.raises(ModelError, match="no id of a run"):
        export_run("../../etc", tmp_path / "run", folder)
    with pytest.raises(TrackingError, match="no such database"):
        export_run(run_id, tmp_path / "run", tmp_path / "nowhere")
    assert [p.name for p in tmp_path.iterdir()] == ["full"]


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"format": 1}', "not json"],
)
def test_what_cannot_be_imported(store: Callable[[], Path], tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match="no exported run"):
        import_run(tmp_path, tmp_path)


def test_files_of_another_layout_or_status(logged: tuple[str, Path], tmp_path: Path) -> None:
    run_id, folder = logged
    path = export_run(run_id, tmp_path / "run", folder) / "run.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**told, "format": 9}), encoding="utf-8")
    with pytest.raises(SourceError, match="another layout"):
        import_run(path.parent, folder)
    path.write_text(json.dumps({**told, "status": "FINISHD"}), encoding="utf-8")
    with pytest.raises(SourceError, match="Did you mean 'FINISHED'"):
        import_run(path.parent, folder)
