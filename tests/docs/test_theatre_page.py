"""The page on a theatre of one's own runs as it stands, from a table to a back-test."""

from __future__ import annotations

import gzip
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harmattan.forecast.release import verify_release
from harmattan.forecast.theatre import SETTINGS, WORDS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "theatre.md"
#: Enough to see every command through; what a page of figures needs is measured by hand.
SMALL = {"DRAWS": "100", "HORIZONS": "1,3", "BACKTEST_ORIGINS": "2", "WORKERS": "1"}


def run_page(folder: Path, **environ: str) -> list[str]:
    """Every command of the page in a folder with ``events.csv`` and ``regions.geojson``; what they print."""
    said = []
    text = PAGE.read_text(encoding="utf-8")
    given = {f"HARMATTAN_{name}": value for name, value in {**SMALL, **environ}.items()}
    code = "import sys; from harmattan.forecast.cli import main; main()"
    for line in re.findall(
        r"^harmattan .*$", "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)), re.MULTILINE
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, *shlex.split(line)[1:]],
            cwd=folder,
            env={**os.environ, **given},
            capture_output=True,
            text=True,
            timeout=3000,
        )
        assert done.returncode == 0, f"{line}\n{done.stderr[-2000:]}"
        said.append(done.stdout)
    return said


def check_page(folder: Path, **environ: str) -> None:
    """Each of the page's five commands ends well, and there are a first file and a whole release."""
    assert len(run_page(folder, **environ)) == 5
    assert (folder / "theatre.toml").is_file()
    assert verify_release(folder / "releases" / "2016-12").findings == ()


def test_every_key_of_a_theatre_is_on_the_page() -> None:
    table = "".join(re.findall(r"^\| (`.*?) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert [key for key in (*SETTINGS, *WORDS) if not re.search(rf"`\[?{key}\b", table)] == []


@pytest.mark.slow
def test_the_page_runs_on_a_made_up_theatre(tmp_path: Path) -> None:
    from other_theatre import write_theatre

    write_theatre(tmp_path, months=84)
    (tmp_path / "theatre.toml").unlink()
    check_page(tmp_path)


@pytest.mark.slow
def test_the_page_runs_on_east_africa(tmp_path: Path, real_data: Path) -> None:
    data = real_data / "theatre_east_africa"
    if not data.is_dir():
        pytest.skip(f"no data of East Africa: {data} is absent")
    with gzip.open(data / "events_1989_2016.csv.gz") as packed, (tmp_path / "events.csv").open("wb") as table:
        shutil.copyfileobj(packed, table)
    shutil.copy(data / "regions.geojson", tmp_path)
    check_page(tmp_path, LEVEL="admin1")
    assert "al_shabaab" in (tmp_path / "theatre.toml").read_text(encoding="utf-8")
