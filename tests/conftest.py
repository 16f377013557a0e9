"""Settings and fixtures that every test can use."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

# Before numpy is loaded: two test processes keep both cores busy, and idle threads of BLAS would spin beside them.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from filelock import FileLock
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
Once = Callable[[str, Callable[[Path], object]], Path]

# A slow machine is no failure, and the same examples run everywhere.
settings.register_profile("harmattan", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("harmattan")


def pytest_sessionfinish() -> None:
    """Commands that ran in this process leave their garbage to the end of it; libraries would print what is left."""
    atexit.unregister(gc.freeze)
    gc.unfreeze()


def pytest_collection_finish() -> None:
    """What is loaded by now stays: garbage collection need not look through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Fills a named folder once per test run, whichever of its processes asks first; then it is only read."""
    base = tmp_path_factory.getbasetemp()
    place = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def give(name: str, fill: Callable[[Path], object]) -> Path:
        folder, done = place / name, place / f"{name}.done"
        with FileLock(place / f"{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                fill(folder)
                done.touch()
        return folder

    return give


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
def empty_store(once: Once) -> Path:
    """A folder with a new MLflow database."""
    from sqlalchemy import Engine, event

    from harmattan.training.registry import store as stores

    # Nobody pulls the plug in a test: a store need not wait for the disk after every write.
    event.listen(Engine, "connect", lambda base, _: base.execute("pragma synchronous = off"))

    def fill(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("MLFLOW_TRACKING_URI", raising=False)
            stores.create_store(folder)

    return once("empty_store", fill)


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
def shipped_release(once: Once) -> Path:
    """The release of the shipped counts as the command makes it; for long tests."""

    def fill(folder: Path) -> None:
        command = [Path(sys.executable).with_name("harmattan"), "forecast", "--quiet", "--mlruns", "runs"]
        subprocess.run(command, cwd=folder, check=True, timeout=1800)

    (release,) = (once("shipped", fill) / "releases").glob("20*")
    return release
