"""Whatever byte of a file is damaged, what comes is an error of ours or a result, never a traceback."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from broken import GOOD, acled, panel
from small_files import SQUARES

from harmattan.data.errors import HarmattanError
from harmattan.data.geography import Regions
from harmattan.data.panel import build_panel
from harmattan.data.quality import check_build
from harmattan.data.sources import acled as acled_source
from harmattan.data.sources import tabular, ucdp

DAY = date(2026, 1, 1)
PIECES = (
    b"", b",", b'"', b"\n", b"\x00", b"NaN", b"inf", b"-1", b"1e400", b"null", b"[]", b"{}", b"\xff", b"2020-02-31",
    b"9" * 30, b"true", b";", b"-", b"[", b"]", b"\xc2\xa0", b"0001-01-01", b"9999-12-31",
)  # fmt: skip


def damaged(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    end = min(len(data), at + rng.choice([0, 1, 1, 3, 20]))
    return data[:at] + rng.choice(PIECES) + data[end:]


@pytest.mark.parametrize("times", [20, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["ucdp", "acled", "panel", "regions"])
def test_a_damaged_file_never_ends_in_a_traceback(
    kind: str, times: int, tmp_path: Path, regions: Regions
) -> None:
    def whole(path: Path) -> object:
        built = build_panel(ucdp.read(path, today=DAY), regions)
        return check_build(built, run_date=DAY)

    good = {
        "ucdp": GOOD,
        "acled": acled()(tmp_path).read_bytes(),
        "panel": panel()(tmp_path).read_bytes(),
        "regions": json.dumps({"type": "FeatureCollection", "features": SQUARES}).encode(),
    }
    readers: dict[str, Callable[[Path], object]] = {
        "ucdp": whole,
        "acled": lambda p: build_panel(acled_source.read(p, today=DAY), regions),
        "panel": tabular.read_panel,
        "regions": Regions.read,
    }
    rng, errors = random.Random(times), []
    path = tmp_path / ("damaged.geojson" if kind == "regions" else "damaged.csv")
    for _ in range(times):
        path.write_bytes(damaged(good[kind], rng))
        try:
            readers[kind](path)
        except HarmattanError as error:
            errors.append(error)
    assert times // 10 < len(errors) < times
    assert all(e.what and e.remedy for e in errors)
