"""What several tests of commands, of models in the registry and of publishing jobs share."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command_line import Run, caller
from publishing_world import write_world
from resident import Resident
from stand_in import stand_in
from trained_world import World, train_world

Once = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in an empty folder, with no setting from outside; gives exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith("HARMATTAN_") or n == "MLFLOW_TRACKING_URI"]:
        monkeypatch.delenv(name)
    return caller(monkeypatch, capsys)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The models replaced by baselines; gives how the core was called."""
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr("harmattan.training.evaluation.backtest.run_backtest", stand_in(seen))
    return seen


@pytest.fixture(scope="session")
def world(once: Once, store: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory) -> World:
    """A model of a small world, trained once; the store is this process's copy, tests that change it copy it again."""

    def fill(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("MLFLOW_TRACKING_URI", raising=False)
            made = train_world(folder, store())
        (folder / "world").write_bytes(pickle.dumps(made))

    made: World = pickle.loads((once("world", fill) / "world").read_bytes())  # noqa: S301 (of this test run)
    mlruns = tmp_path_factory.mktemp("world")
    shutil.copy(made.mlruns / "mlflow.db", mlruns)
    (mlruns / "artifacts").symlink_to(made.mlruns / "artifacts")
    return replace(made, settings=replace(made.settings, mlruns=mlruns))


@pytest.fixture(scope="session")
def six(once: Once) -> Path:
    """Six regions as files, with a trained model; nobody writes there."""
    return once("six", write_world)


@pytest.fixture(scope="session")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resident]:
    """Runs the real command in processes of its own."""
    with Resident(tmp_path_factory.mktemp("jobs")) as resident:
        yield resident
