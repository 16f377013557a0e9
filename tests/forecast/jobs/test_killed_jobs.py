"""Trainings and backfills that are killed from outside: registry and releases are whole, and the next job clears up."""

from __future__ import annotations

import shutil
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from resident import Done, Resident
from small_worlds import diffusion, ladder_links, panel_of, world_of

from harmattan.forecast.release import all_releases, latest_name, verify_release
from harmattan.forecast.release.files import sums_of
from harmattan.training.registry import connected, list_versions, load_model

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="needs fork"),
]

SETTINGS = """\
panel = "counts.parquet"
targets = ["events"]
horizons = "1:2"
draws = 100
workers = 1
seed = 5
parts = false
backtest_origins = 1
members = ["exponential_nb", "conflictology_24"]
"""
TRAIN = ["train", "--promote-if-better", "--quiet"]
BACKFILL = ["backfill", "--from", "2011-04", "--to", "2011-05", "--quiet"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Counts and settings."""
    place = tmp_path_factory.mktemp("killed")
    model = diffusion(a_to_b=0.35, own=0.55, endemic=0.3)
    panel = panel_of(world_of(model, 140, np.random.default_rng(3)), links=ladder_links())
    panel.write_parquet(place / "counts.parquet")
    (place / "harmattan.toml").write_text(SETTINGS, encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resident]:
    also = ("mlflow", "mlflow.pyfunc", "harmattan.forecast.jobs.training", "harmattan.forecast.tracking.runs")
    with Resident(tmp_path_factory.mktemp("jobs"), also) as resident:
        yield resident


def runs_in(mlruns: Path) -> int:
    """How many runs a store holds, asked without MLflow; none where it is not ready."""
    if not (mlruns / "mlflow.db").exists():
        return 0
    with closing(sqlite3.connect(f"file:{mlruns / 'mlflow.db'}?mode=ro", uri=True, timeout=30)) as base:
        return int(base.execute("select count(*) from runs").fetchone()[0])


@dataclass
class Killer:
    """Starts a command, and kills it some time after it was seen to have begun something."""

    jobs: Resident
    folder: Path

    def undisturbed(self, words: list[object], has_begun: Callable[[], bool]) -> tuple[float, float]:
        """Seconds until it has begun, and from then to its end."""
        start = time.monotonic()
        self.jobs.start(words, self.folder)
        done = self._until(has_begun)
        begun = time.monotonic()
        done = done or self.jobs.wait(300)
        assert done is not None
        assert done.code == 0, done
        return begun - start, time.monotonic() - begun

    def kill(self, words: list[object], begins: Callable[[], Callable[[], bool]], moment: float) -> str:
        """The process that was killed that long after it has begun; sooner, where it has ended before."""
        code = 0
        for _ in range(4):
            has_begun = begins()
            self.jobs.start(words, self.folder)
            code = (self._until(has_begun) or self.jobs.wait(moment) or self.jobs.kill()).code
            if code:
                break
            moment /= 2
        assert code == -9
        return str(self.jobs.pid)

    def _until(self, has_begun: Callable[[], bool]) -> Done | None:
        done = None
        while done is None and not has_begun():
            done = self.jobs.wait(0.005)
        return done


def at_once() -> Callable[[], bool]:
    """A command has begun when its process has."""
    return lambda: True


def check_registry(mlruns: Path, killed: set[str]) -> None:
    """What has a name is whole, and so is the newest version; no run is open but those of killed processes."""
    if not (mlruns / "mlflow.db").exists():
        return
    with connected(mlruns) as client:
        found = client.get_experiment_by_name("harmattan")
        versions = list_versions(client)
        running = client.search_runs([found.experiment_id], "attributes.status = 'RUNNING'")
    assert {run.data.tags["job_pid"] for run in running} <= killed
    for version in versions:
        if version.aliases or version == versions[0]:
            assert len(load_model(version.number, mlruns).scores)
    named = [alias for version in versions for alias in version.aliases]
    assert len(set(named)) == len(named)


def recorded(mlruns: Path) -> set[str]:
    """Names of the releases on record."""
    with connected(mlruns) as client:
        number = client.get_experiment_by_name("harmattan").experiment_id
        kept = "tags.run_kind = 'forecast' and attributes.status = 'FINISHED'"
        return {run.data.tags["release"] for run in client.search_runs([number], kept)}


def check_cleared(mlruns: Path) -> Counter[str]:
    """Nothing is open or half-registered; how the runs ended."""
    with connected(mlruns) as client:
        number = client.get_experiment_by_name("harmattan").experiment_id
        runs = client.search_runs([number], max_results=5000)
        models = client.search_logged_models([number], max_results=1000)
        versions = list_versions(client)
    ended = Counter(str(run.info.status) for run in runs)
    assert set(ended) <= {"FINISHED", "FAILED"}, ended
    failed = [run for run in runs if run.info.status == "FAILED"]
    assert {run.data.tags["failed_because"] for run in failed} <= {"the job that wrote it was killed"}
    assert {str(model.status) for model in models} <= {"READY", "FAILED"}
    told = {run.data.tags.get("model_version") for run in runs if run.info.status == "FINISHED"}
    assert told - {None} <= {version.number for version in versions}
    left = {path.name for path in mlruns.iterdir()}
    assert {name for name in left if name.startswith(".mlflow-")} == set()
    return ended


def test_kills_of_a_training(jobs: Resident, folder: Path, tmp_path: Path) -> None:
    """A quarter of the kills anywhere, the others while the run is written and the version registered."""
    killer, rng = Killer(jobs, folder), np.random.default_rng(4)
    mlruns, killed = tmp_path / "mlruns", set[str]()

    def words(place: Path) -> list[object]:
        return [*TRAIN, "--mlruns", place]

    def more_runs(place: Path) -> Callable[[], bool]:
        before = runs_in(place)
        return lambda: runs_in(place) > before

    before, after = killer.undisturbed(words(tmp_path / "first"), more_runs(tmp_path / "first"))
    kills = 20
    for number in range(kills):
        anywhere = number % 4 == 0
        moment = float(rng.random()) * (before if anywhere else after)
        killed.add(killer.kill(words(mlruns), at_once if anywhere else lambda: more_runs(mlruns), moment))
        check_registry(mlruns, killed)
    assert jobs.run(words(mlruns), folder).code == 0
    ended = check_cleared(mlruns)
    assert ended["FAILED"] >= kills // 4, ended
    with connected(mlruns) as client:
        newest = list_versions(client)[0]
    assert "challenger" in newest.aliases


def test_kills_of_a_backfill(jobs: Resident, folder: Path, tmp_path: Path, store: Callable[[], Path]) -> None:
    """Two months; after each kill the same command ends with what an undisturbed one publishes and records."""
    killer, rng = Killer(jobs, folder), np.random.default_rng(5)

    def words(out: Path, mlruns: Path) -> list[object]:
        return [*BACKFILL, "--out", out, "--mlruns", mlruns]

    first = tmp_path / "first"
    _, seconds = killer.undisturbed(words(first, store()), lambda: True)
    months = {info.name: sums_of(info.path) for info in all_releases(first)}
    assert sorted(months) == ["2011-04", "2011-05"]
    out = tmp_path / "out"

    def anew() -> Callable[[], bool]:
        shutil.rmtree(out, ignore_errors=True)
        return lambda: True

    for share in (np.arange(20) + rng.random(20)) / 20:
        mlruns = store()
        killed = killer.kill(words(out, mlruns), anew, float(share) * seconds)
        for info in all_releases(out) if out.is_dir() else ():
            assert verify_release(info.path).whole
            assert sums_of(info.path) == months[info.name]
        check_registry(mlruns, {killed})
        done = jobs.run(words(out, mlruns), folder)
        assert done.code == 0, done
        assert {info.name: sums_of(info.path) for info in all_releases(out)} == months
        assert latest_name(out) is None
        hidden = {p.name for p in out.iterdir() if p.name.startswith(".")}
        assert hidden <= {".lock", ".publishing.lock"}, hidden
        assert not [*out.glob("*.untracked.json")]
        check_cleared(mlruns)
        assert recorded(mlruns) == set(months)
