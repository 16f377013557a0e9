"""What several tests of models in the registry, and of publishing jobs, share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from publishing_world import write_world
from resident import Resident
from trained_world import World, train_world


@pytest.fixture(scope="session")
def world(store: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory) -> World:
    """A model of a small world, trained once; tests that change the store work on a copy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return train_world(tmp_path_factory.mktemp("world"), store())


@pytest.fixture(scope="session")
def six(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six regions as files, with a trained model; nobody writes there."""
    return write_world(tmp_path_factory.mktemp("six"))


@pytest.fixture(scope="session")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resident]:
    """Runs the real command in processes of its own."""
    with Resident(tmp_path_factory.mktemp("jobs")) as resident:
        yield resident
