"""Stores that fail: each a named error, in seconds, and no half-made database."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from servers import failing_server, hanging_server, mlflow_server

from harmattan.data.errors import ModelError, TrackingError
from harmattan.training.registry import store as stores
from harmattan.training.registry.runs import RunRecord, log_monitoring, log_run

RECORD = RunRecord("a run", params={"seed": 7}, metrics={"crps.events": {1: 0.4}}, tags={"origin": "2023-12"})


@pytest.fixture(autouse=True)
def no_other_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_a_server_that_answers_500(tmp_path: Path) -> None:
    with failing_server() as uri, pytest.raises(TrackingError, match="the server answers 500"):
        log_run(RECORD, tmp_path, uri)


def test_a_server_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "HEALTH_TIMEOUT", 0.2)
    with hanging_server() as uri, pytest.raises(TrackingError, match="no answer: ReadTimeout") as caught:
        log_run(RECORD, tmp_path, uri)
    assert "harmattan track --from" in caught.value.remedy


def test_a_server_that_fails_after_it_said_it_was_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with (
        failing_server(503, healthy=True) as uri,
        pytest.raises(TrackingError, match="get-by-name failed: too many 503 error responses"),
    ):
        log_run(RECORD, tmp_path, uri)


def test_an_address_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="gopher"):
        log_run(RECORD, tmp_path, "gopher://nowhere")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "mlruns").write_text("a file in the folder's place", encoding="utf-8")
    with pytest.raises(TrackingError, match="could not be recorded"):
        log_run(RECORD, tmp_path / "mlruns")


def test_a_database_that_must_be_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="no such database"), stores.connected(tmp_path, create=False):
        pass
    assert list(tmp_path.iterdir()) == []


def test_of_two_jobs_that_find_no_database_one_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def fill(folder: Path) -> None:
        made.append(threading.current_thread().name)
        time.sleep(0.1)
        (folder / "mlflow.db").write_text(made[-1], encoding="utf-8")

    monkeypatch.setattr(stores, "_fill_store", fill)
    jobs = [threading.Thread(target=stores.create_store, args=(tmp_path,)) for _ in range(3)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert [(tmp_path / "mlflow.db").read_text(encoding="utf-8")] == made
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]


@pytest.mark.slow
def test_what_a_killed_job_had_begun_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".mlflow-killed").mkdir()
    (tmp_path / ".mlflow-killed" / "mlflow.db").write_bytes(b"half")
    stores.create_store(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]


def test_an_error_of_ours_passes_a_connection_as_it_is(tmp_path: Path, empty_store: Path) -> None:
    with pytest.raises(ModelError, match="mine"), stores.connected(empty_store):
        raise ModelError("mine")


def test_a_database_that_may_only_be_read(
    store: Callable[[], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    """Made immutable, which holds for every user; one sentence, and no trace of MLflow's own."""
    base = store() / "mlflow.db"
    if (
        shutil.which("chattr") is None
        or subprocess.run(["chattr", "+i", base], capture_output=True).returncode
    ):
        pytest.skip("files cannot be made immutable here")
    try:
        with pytest.raises(TrackingError, match="attempt to write a readonly database"):
            log_run(RECORD, base.parent)
    finally:
        subprocess.run(["chattr", "-i", base], check=True)
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.slow
def test_a_full_disk(tmp_path: Path, empty_store: Path) -> None:
    """No file of the process may grow beyond what the database has: as on a full disk, every write fails."""
    shutil.copy(empty_store / "mlflow.db", tmp_path)
    size = (tmp_path / "mlflow.db").stat().st_size
    code = (
        "import sys; from pathlib import Path; from harmattan.training.registry.runs import RunRecord, log_run\n"
        "from harmattan.data.errors import TrackingError\n"
        "try: log_run(RunRecord('big', texts={'a.txt': 'x' * 10_000_000}), Path(sys.argv[1]))\n"
        "except TrackingError as error: print(error.message); sys.exit(error.exit_code)"
    )

    def limited() -> None:
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100_000, size + 100_000))

    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], preexec_fn=limited, capture_output=True, text=True
    )
    assert done.returncode == 8, done.stderr
    assert "could not be recorded in MLflow" in done.stdout


def test_a_database_of_an_unknown_mlflow(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "mlflow.db") as base:
        base.execute("create table alembic_version (version_num text)")
        base.execute("insert into alembic_version values ('of years to come')")
    base.close()
    with pytest.raises(TrackingError, match=r"mlflow\.db: the run could not be recorded"):
        log_run(RECORD, tmp_path)


def test_children_belong_to_their_parent(store: Callable[[], Path]) -> None:
    folder = store()
    children = [RunRecord("boosted", metrics={"crps.events": {1: 0.3}}), RunRecord("zero")]
    run_id = log_run(RunRecord("parent", children=children), folder)
    with stores.connected(folder) as client:
        found = client.search_runs(
            [stores.experiment_of(client, folder)], f"tags.mlflow.parentRunId = '{run_id}'"
        )
        assert {run.info.run_name for run in found} == {"boosted", "zero"}
        assert {run.info.status for run in found} == {"FINISHED"}


def test_monitoring_goes_to_one_run_and_writes_nothing_twice(store: Callable[[], Path]) -> None:
    folder = store()
    tags = {"run_kind": "monitoring", "model_version": "3"}
    first = log_monitoring(RunRecord("m", metrics={"crps": {1: 0.4}}, tags=tags), folder)
    more = RunRecord("m", metrics={"crps": {1: 0.4, 2: 0.5}}, tags={**tags, "alarm": "none"})
    assert log_monitoring(more, folder) == first
    assert log_monitoring(more, folder) == first
    other = RunRecord("m", metrics={"crps": {1: 0.4}}, tags={**tags, "model_version": "4"})
    assert log_monitoring(other, folder) != first
    with stores.connected(folder) as client:
        history = client.get_metric_history(first, "crps")
        assert [(m.step, m.value) for m in history] == [(1, 0.4), (2, 0.5)]
        assert client.get_run(first).data.tags["alarm"] == "none"


@pytest.mark.slow
def test_a_real_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = RunRecord(
        RECORD.name, RECORD.params, RECORD.metrics, RECORD.tags, texts={"a/b.txt": "x"}, children=[RECORD]
    )
    with mlflow_server(tmp_path) as uri:
        run_id = log_run(record, tmp_path / "unused", uri)
        with stores.connected(tmp_path / "unused", uri) as client:
            run = client.get_run(run_id)
            assert run.info.status == "FINISHED"
            assert [f.path for f in client.list_artifacts(run_id, "a")] == ["a/b.txt"]
    assert not (tmp_path / "unused").exists()
    # A command with --json prints its JSON and nothing else.
    assert capsys.readouterr().out == ""


def test_no_password_of_an_address_is_told(tmp_path: Path) -> None:
    with failing_server() as uri, pytest.raises(TrackingError) as caught:
        log_run(RECORD, tmp_path, uri.replace("//", "//me:hunter2@"))
    assert "hunter2" not in caught.value.message
    assert "MLFLOW_DISABLE_TELEMETRY" not in os.environ
