"""Settings and fixtures that every test can use."""

from __future__ import annotations

import os
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
