"""Settings and fixtures that every test can use."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

# A slow machine is no failure, and the same examples run everywhere.
settings.register_profile("harmattan", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("harmattan")


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real incident files; the test is skipped where it is absent."""
    folder = Path(os.environ.get("HARMATTAN_TEST_DATA", ROOT / ".." / "shared" / "data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} is absent (HARMATTAN_TEST_DATA names another folder)")
    return folder


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a new MLflow database, made once, in another process, as the main job does it."""
    from harmattan.training.registry import store as stores

    given = os.environ.pop("MLFLOW_TRACKING_URI", None)
    folder = tmp_path_factory.mktemp("empty_store")
    try:
        preparing = stores.prepare(folder)
    finally:
        if given is not None:
            os.environ["MLFLOW_TRACKING_URI"] = given
    assert preparing is not None
    assert preparing.wait(120) == 0
    return folder


@pytest.fixture(scope="session")
def store(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Makes new empty stores, as copies: each a folder with a database of its own."""

    def make() -> Path:
        folder = tmp_path_factory.mktemp("store")
        shutil.copy(empty_store / "mlflow.db", folder)
        with sqlite3.connect(folder / "mlflow.db") as base:
            place = (folder / "artifacts").as_uri()
            base.execute("update experiments set artifact_location = ? where name = 'harmattan'", [place])
        base.close()
        return folder

    return make


@pytest.fixture(scope="session")
def shipped_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release of the shipped counts as the command makes it, once a run of long tests; nobody writes there."""
    folder = tmp_path_factory.mktemp("shipped")
    command = [Path(sys.executable).with_name("harmattan"), "forecast", "--quiet", "--mlruns", "runs"]
    subprocess.run(command, cwd=folder, check=True, timeout=600)
    (release,) = (folder / "releases").glob("20*")
    return release
