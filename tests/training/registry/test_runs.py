"""Runs in MLflow: all of it there, and never the reason that a run is lost."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harmattan.data.errors import TrackingError
from harmattan.training.registry import runs as tracking
from harmattan.training.registry.runs import RunRecord, log_run
from harmattan.training.registry.store import FAILED_BECAUSE, close_strays, connected

RECORD = RunRecord(
    name="forecast 2023-12",
    params={"seed": 7, "model": {"lags": (1, 2)}, **{f"p{i}": i for i in range(120)}},
    metrics={"crps.events.pool": {1: 0.4, 3: 0.5, 6: 0.6}, **{f"m{i}": {1: float(i)} for i in range(5)}},
    tags={"origin": "2023-12", "run_kind": "forecast"},
    profile=pd.DataFrame({"country": ["MLI", "BFA"], "events": [3.0, 4.0]}),
    digest="a1" * 32,
    source="the shipped counts",
    texts={"models/boosting/h1.txt": "tree\n", "models/pool.json": "{}\n"},
)


@pytest.fixture(autouse=True)
def no_other_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def logged(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any, Path]:
    """One logged run: its id, what MLflow gives back, and the store."""
    from mlflow import MlflowClient

    folder = tmp_path_factory.mktemp("logged")
    report = folder / "report.html"
    report.write_text("<p>report", encoding="utf-8")
    shutil.copy(empty_store / "mlflow.db", folder)
    record = RunRecord(**{**RECORD.__dict__, "files": (report,)})
    run_id = tracking.log_run(record, folder)
    return run_id, MlflowClient(f"sqlite:///{folder}/mlflow.db"), folder


def test_a_new_store_is_complete(empty_store: Path) -> None:
    assert [p.name for p in empty_store.iterdir()] == ["mlflow.db"]
    with sqlite3.connect(empty_store / "mlflow.db") as base:
        rows = base.execute(
            "select name, artifact_location from experiments where name = 'harmattan'"
        ).fetchall()
    base.close()
    assert rows == [("harmattan", (empty_store / "artifacts").as_uri())]


@pytest.mark.slow
def test_only_a_new_store_is_written_without_waiting_for_the_disk(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from harmattan.training.registry import store
from sqlalchemy import create_engine
folder = Path({str(tmp_path)!r})
store.create_store(folder)
with create_engine(store.store_uri(folder)).connect() as base:
    sys.exit(0 if base.exec_driver_sql("pragma synchronous").scalar() == 2 else 1)
"""
    environ = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    assert subprocess.run([sys.executable, "-P", "-c", code], env=environ, timeout=120).returncode == 0


def test_which_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tracking.store_uri(tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////a.db")
    assert tracking.store_uri(tmp_path) == "sqlite:////a.db"
    assert tracking.store_uri(tmp_path, "http://b") == "http://b"


def test_parameters_and_tags_are_all_there(logged: tuple[str, Any, Path]) -> None:
    run_id, client, _ = logged
    run = client.get_run(run_id)
    assert run.data.params["model.lags"] == "[1, 2]"
    assert len(run.data.params) == 122
    assert run.data.tags["origin"] == "2023-12"
    assert (run.info.run_name, run.info.status) == ("forecast 2023-12", "FINISHED")


def test_horizons_are_steps(logged: tuple[str, Any, Path]) -> None:
    run_id, client, _ = logged
    history = client.get_metric_history(run_id, "crps.events.pool")
    assert [(m.step, m.value) for m in history] == [(1, 0.4), (3, 0.5), (6, 0.6)]


def test_the_data_are_an_input(logged: tuple[str, Any, Path]) -> None:
    run_id, client, _ = logged
    dataset = client.get_run(run_id).inputs.dataset_inputs[0].dataset
    assert RECORD.digest.startswith(dataset.digest)
    assert "events" in dataset.schema


def test_artifacts_are_plain_files(logged: tuple[str, Any, Path]) -> None:
    run_id, client, _ = logged
    root = Path(client.get_run(run_id).info.artifact_uri.removeprefix("file://"))
    assert (root / "models" / "boosting" / "h1.txt").read_text(encoding="utf-8") == "tree\n"
    assert (root / "report.html").read_text(encoding="utf-8") == "<p>report"
    assert [p for p in root.rglob("*") if p.suffix in {".pkl", ".pickle"}] == []


def test_the_environment_is_put_back(logged: tuple[str, Any, Path]) -> None:
    assert not {name for name in os.environ if name.startswith("MLFLOW_HTTP_REQUEST")}
    assert "MLFLOW_DISABLE_TELEMETRY" not in os.environ


def test_a_run_that_is_there_is_not_written_twice(logged: tuple[str, Any, Path]) -> None:
    run_id, _, folder = logged
    assert tracking.log_run(RECORD, folder, once_by=("origin", "run_kind")) == run_id
    other = RunRecord("forecast 2023-11", tags={**RECORD.tags, "origin": "2023-11"})
    assert tracking.log_run(other, folder, once_by=("origin", "run_kind")) != run_id


def test_a_store_that_was_moved_is_written_and_read_at_its_new_place(
    logged: tuple[str, Any, Path], tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    run_id, _, folder = logged
    moved = tmp_path / "new_place"
    shutil.copytree(folder, moved)
    old = sorted(folder.rglob("*"))
    again = tracking.log_run(RunRecord("forecast 2024-01", texts={"a.txt": "a"}), moved)
    assert sorted(folder.rglob("*")) == old
    assert list(moved.rglob(f"{again}/**/a.txt"))
    uri = MlflowClient(f"sqlite:///{moved}/mlflow.db").get_run(run_id).info.artifact_uri
    assert uri.startswith((moved / "artifacts").as_uri())


def test_a_failing_artifact_leaves_a_run_marked_failed(logged: tuple[str, Any, Path], tmp_path: Path) -> None:
    _, client, folder = logged
    record = RunRecord("broken run", files=(tmp_path / "absent.csv",))
    with pytest.raises(TrackingError, match=r"absent\.csv"):
        tracking.log_run(record, folder)
    number = client.get_experiment_by_name("harmattan").experiment_id
    runs = client.search_runs([number], "attributes.run_name = 'broken run'")
    assert [run.info.status for run in runs] == ["FAILED"]


@pytest.mark.parametrize("name", ["../up.txt", "/etc/x", "a//b", "a b"])
def test_an_artifact_cannot_leave_its_run(logged: tuple[str, Any, Path], name: str) -> None:
    with pytest.raises(TrackingError, match="no artifact name"):
        tracking.log_run(RunRecord("bad name", texts={name: "x"}), logged[2])


def test_a_store_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(TrackingError, match="release is complete") as caught:
        tracking.log_run(RECORD, tmp_path / "file" / "mlruns")
    assert caught.value.exit_code == 8


def test_a_store_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("this is not a database" * 100, encoding="utf-8")
    with pytest.raises(TrackingError, match=r"mlflow\.db: the run could not be recorded"):
        tracking.log_run(RECORD, tmp_path)


def test_a_server_that_is_not_there_and_its_password(tmp_path: Path) -> None:
    with pytest.raises(TrackingError) as caught:
        tracking.log_run(RECORD, tmp_path, "http://me:secret@127.0.0.1:1/")
    assert caught.value.where == "http://127.0.0.1:1/"
    assert "secret" not in caught.value.message
    assert list(tmp_path.iterdir()) == []


def test_git_state_of_a_checkout_and_of_none(tmp_path: Path) -> None:
    assert tracking.git_state(tmp_path) == {}
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    state = tracking.git_state(tmp_path)
    assert len(state["git_sha"]) == 40
    assert state["git_dirty"] == "false"
    (tmp_path / "new").touch()
    subprocess.run([*git, "add", "new"], check=True)
    assert tracking.git_state(tmp_path)["git_dirty"] == "true"


@pytest.mark.slow
def test_the_next_job_closes_the_run_of_a_killed_one_with_the_reason(store: Callable[[], Path]) -> None:
    """A real process is killed while its run is open; a run of a living one stays open."""
    folder = store()
    code = """
import sys, time
from pathlib import Path
from harmattan.training.registry import RunRecord, connected, experiment_of, write_run
from harmattan.training.registry import runs
runs._write_values = lambda *_: (print(flush=True), time.sleep(600))
with connected(Path(sys.argv[1])) as client:
    write_run(client, experiment_of(client, Path(sys.argv[1])), RunRecord("train 2023-12"))
"""
    job = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE)
    assert job.stdout is not None
    job.stdout.readline()
    with connected(folder) as client:
        number = str(client.get_experiment_by_name("harmattan").experiment_id)
        assert close_strays(client, number) == []
        job.send_signal(signal.SIGKILL)
        job.wait(60)
        job.stdout.close()
        log_run(RunRecord("forecast 2023-12"), folder)
        runs = {r.info.run_name: r for r in client.search_runs([number])}
    assert runs["train 2023-12"].info.status == "FAILED"
    assert runs["train 2023-12"].data.tags[FAILED_BECAUSE] == "the job that wrote it was killed"
    assert runs["forecast 2023-12"].info.status == "FINISHED"


def test_a_run_lasts_as_long_as_its_job_and_says_what_it_is(store: Callable[[], Path]) -> None:
    folder = store()
    stages = {"seconds.fit": {0: 30.0}, "seconds.report": {0: 12.0}}
    run_id = log_run(RunRecord("train", metrics=stages, description="**+4 %**"), folder)
    with connected(folder) as client:
        run = client.get_run(run_id)
    assert 42_000 <= run.info.end_time - run.info.start_time < 102_000
    assert run.data.tags["mlflow.note.content"] == "**+4 %**"
