"""Commands around models and their record, as a user meets them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Run
from make_result import make_result
from small_worlds import ladder_panel
from trained_world import World

from harmattan.data.errors import TrackingError
from harmattan.data.snapshot import load_snapshot
from harmattan.forecast.jobs.forecasting import track_forecast as track_now
from harmattan.forecast.release.verify import verify_release
from harmattan.forecast.release.write import publish_release
from harmattan.forecast.settings import Settings
from harmattan.forecast.tracking.late import why_untracked
from harmattan.training.registry import store as stores


@pytest.fixture
def mlruns(store: Callable[[], Path]) -> Path:
    return store()


@pytest.mark.slow
def test_a_release_is_recorded_later_and_once(run: Run, tmp_path: Path, mlruns: Path) -> None:
    release = publish_release(make_result(), "<p>", tmp_path / "releases")
    where = ("--mlruns", str(mlruns))
    code, out, err = run("track", "--from", str(release.path), *where, "--json")
    assert (code, err) == (0, "")
    run_id = json.loads(out)["run_id"]
    assert json.loads(run("track", "--from", str(release.path), *where, "--json")[1])["run_id"] == run_id
    with stores.connected(mlruns) as client:
        tags = client.get_run(run_id).data.tags
        names = {a.path for a in client.list_artifacts(run_id)}
    assert (tags["run_kind"], tags["release"]) == ("forecast", "2023-12")
    assert {"report.html", "forecast.parquet", "SHA256SUMS", "plots"} <= names


@pytest.mark.slow
def test_a_release_that_was_recorded_when_it_was_made_is_not_recorded_again(
    run: Run, tmp_path: Path, mlruns: Path
) -> None:
    result, settings = make_result(), Settings(mlruns=mlruns)
    release = publish_release(result, "<p>", tmp_path / "releases")
    first = track_now(result, release, settings)
    _, out, _ = run("track", "--from", str(release.path), "--mlruns", str(mlruns), "--json")
    assert json.loads(out)["run_id"] == first


def test_a_damaged_release_is_not_put_on_record(run: Run, tmp_path: Path, mlruns: Path) -> None:
    release = publish_release(make_result(), "<p>", tmp_path / "releases").path
    (release / "report.html").write_text("<p>other", encoding="utf-8")
    code, _, err = run("track", "--from", str(release), "--mlruns", str(mlruns))
    assert code == 5
    assert "report.html" in err
    assert run("track", "--from", "nowhere", "--mlruns", str(mlruns))[0] == 5


@pytest.mark.slow
def test_a_store_that_fails_again(run: Run, tmp_path: Path) -> None:
    release = publish_release(make_result(), "<p>", tmp_path / "releases").path
    before = {p: p.read_bytes() for p in release.rglob("*") if p.is_file()}
    code, _, err = run("track", "--from", str(release), "--tracking-uri", "http://127.0.0.1:1")
    assert code == 8
    assert "no answer" in err
    assert {p: p.read_bytes() for p in release.rglob("*") if p.is_file()} == before


@pytest.mark.slow
def test_a_release_says_that_it_is_on_no_record_until_it_is(run: Run, tmp_path: Path, mlruns: Path) -> None:
    result, settings = make_result(), Settings(tracking_uri="http://127.0.0.1:1")
    release = publish_release(result, "<p>", tmp_path / "releases")
    with pytest.raises(TrackingError):
        track_now(result, release, settings)
    told = why_untracked(release.path)
    assert told is not None
    assert (told["tracking"], told["store"]) == ("unavailable", "http://127.0.0.1:1")
    assert verify_release(release.path).require()
    assert run("track", "--from", str(release.path), "--mlruns", str(mlruns))[0] == 0
    assert why_untracked(release.path) is None


@pytest.mark.slow
def test_runs_out_and_in(run: Run, world: World, mlruns: Path, tmp_path: Path) -> None:
    there = world.outcome.run_id
    code, out, _ = run("runs", "export", there, "files", "--mlruns", str(world.mlruns))
    assert (code, (tmp_path / "files" / "run.json").is_file()) == (0, True)
    code, out, _ = run("runs", "import", "files", "--mlruns", str(mlruns), "--json")
    assert code == 0
    with stores.connected(mlruns) as client:
        assert client.get_run(json.loads(out)["run_id"]).data.tags["imported_from"] == there
    assert run("runs", "import", "nowhere", "--mlruns", str(mlruns))[0] == 3


def test_training_is_planned_without_being_done(run: Run, world: World, tmp_path: Path) -> None:
    code, out, err = run("train", "--panel", str(world.panel), "--mlruns", "there", "--dry-run", "--json")
    assert (code, err) == (0, "")
    plan = json.loads(out)
    assert (plan["origin"], plan["regions"], plan["store_state"]) == ("2011-12", 8, "answers")
    assert not (tmp_path / "there").exists()
    _, out, _ = run("train", "--panel", str(world.panel), "--tracking-uri", "http://127.0.0.1:1", "--dry-run")
    assert "does not answer" in out


@pytest.fixture
def panel(tmp_path: Path) -> str:
    ladder_panel(months=96).write_parquet(tmp_path / "panel.parquet")
    return str(tmp_path / "panel.parquet")


@pytest.mark.slow
def test_a_search_goes_on_where_it_was(run: Run, panel: str, mlruns: Path) -> None:
    pytest.importorskip("optuna")
    asked = ("tune", "--member", "smoothed_conflictology", "--panel", panel, "--horizons", "1")
    asked = (*asked, "--origins", "2008-01:2008-06", "--mlruns", str(mlruns), "--workers", "1", "--json")
    first = json.loads(run(*asked, "--trials", "1")[1])
    code, out, err = run(*asked, "--trials", "2")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["run_id"] == first["run_id"]
    assert sum(told["trials"].values()) == 2
    assert told["best"]["score"] <= told["shipped"] == first["shipped"]
    with stores.connected(mlruns) as client:
        parent = client.get_run(told["run_id"])
        inside = f"tags.mlflow.parentRunId = '{told['run_id']}'"
        children = client.search_runs([parent.info.experiment_id], inside)
    assert sorted(c.info.run_name for c in children) == [f"trial {i:04d}" for i in range(2)]
    assert parent.data.metrics["score_best"] == told["best"]["score"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--origins", "2022-01:2022-12"), "opens the vault"),
        (("--origins", "2023-01:2023-03", "--horizons", "1"), "opens the vault"),
        (("--member", "bosted"), "Did you mean 'boosted'"),
        (("--trials", "0"), "are not a search"),
        (("--target", "events,deaths"), "one target"),
    ],
)
def test_what_a_search_refuses(run: Run, options: tuple[str, ...], said: str) -> None:
    pytest.importorskip("optuna")
    code, _, err = run("tune", *options, "--no-track")
    assert code == 2
    assert said in err


def test_a_search_is_planned_without_being_done(run: Run, panel: str, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    asked = ("tune", "--panel", panel, "--horizons", "1", "--mlruns", "there", "--dry-run", "--json")
    code, out, _ = run(*asked)
    assert (code, json.loads(out)["last"]) == (0, "2008-11")
    assert not (tmp_path / "there").exists()


def test_a_search_asks_for_the_vault_where_its_months_are_and_nowhere_else(run: Run, tmp_path: Path) -> None:
    """The shipped counts are closed in whichever file they come; made ones of the same months are not theirs."""
    pytest.importorskip("optuna")
    load_snapshot().panel.select(countries=["MLI"]).write_parquet(tmp_path / "theirs.parquet")
    asked = ("tune", "--horizons", "1", "--no-track", "--dry-run", "--json")
    closed = ("--origins", "2022-06:2023-06")
    code, _, err = run(*asked, "--panel", "theirs.parquet", *closed)
    assert (code, "opens the vault" in err, "--unseal" in err) == (2, True, False)
    code, out, _ = run(*asked, "--panel", "theirs.parquet")
    assert (code, json.loads(out)["last"]) == (0, "2022-11")
    ladder_panel(months=280).write_parquet(tmp_path / "made.parquet")
    code, out, _ = run(*asked, "--panel", "made.parquet")
    assert (code, json.loads(out)["last"]) == (0, "2024-03")


@pytest.mark.slow
def test_eight_workers_and_one_writer(world: World, tmp_path: Path, mlruns: Path) -> None:
    """Only the leading process opens the store: eight workers cannot lock it."""
    main = "from harmattan.forecast.cli.entry import main; main()"
    command = [sys.executable, "-c", main, "backtest", "--panel", str(world.panel)]
    command += ["--origins", "2010-01:2010-12", "--horizons", "1,2", "--members", "smoothed_conflictology"]
    command += ["--workers", "8", "--mlruns", str(mlruns), "--out", str(tmp_path / "out"), "--json"]
    quiet = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    done = subprocess.run(command, capture_output=True, text=True, env=quiet)
    assert done.returncode == 0, done.stderr[-1500:]
    assert json.loads(done.stdout)["tracking_error"] is None
