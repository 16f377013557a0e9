"""Small files made by hand, and servers on loopback, as fixtures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from small_files import EVENT, SQUARES, Write
from web_server import Server

from harmattan.data.fetch.transport import Transport
from harmattan.data.geography import Regions


@pytest.fixture
def regions_file(tmp_path: Path) -> Path:
    path = tmp_path / "regions.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": SQUARES}), encoding="utf-8")
    return path


@pytest.fixture
def regions(regions_file: Path) -> Regions:
    return Regions.read(regions_file)


@pytest.fixture
def ucdp_file(tmp_path: Path) -> Write:
    """Writes a UCDP-shaped file from changes to one event, each with an id of its own."""

    def write(*changes: dict[str, Any], name: str = "GEDEvent_v21_1.csv", **options: Any) -> Path:
        rows = [{**EVENT, "id": i + 1, **change} for i, change in enumerate(changes or ({},))]
        path = tmp_path / name
        pd.DataFrame(rows).to_csv(path, index=False, **options)
        return path

    return write


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.close()


@pytest.fixture
def other() -> Iterator[Server]:
    one = Server()
    yield one
    one.close()


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def transport(waits: list[float]) -> Transport:
    return Transport(attempts=4, timeout=5, sleep=waits.append)
