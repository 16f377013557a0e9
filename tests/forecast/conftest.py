"""What several tests of models in the registry share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from trained_world import World, train_world


@pytest.fixture(scope="session")
def world(store: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory) -> World:
    """A model of a small world, trained once; tests that change the store work on a copy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return train_world(tmp_path_factory.mktemp("world"), store())
