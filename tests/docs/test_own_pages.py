"""The pages on own models, covariates and forecasts run as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from textwrap import indent

import pytest
from covariates_tried import tables

from harmattan import load_snapshot

CHECKS = """
row = board.set_index("member").loc["mine"]
assert 0 <= row["weight"] <= 1 and row["crps"] > 0 and abs(row["skill_vs_best"]) < 1, row
assert done.model["version"] == outcome.version and "reason" not in done.model, done.model
assert (done.release.path / "report.html").is_file()
"""
DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks_of(page: str) -> list[str]:
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A script in a folder of its own, to its end."""
    (folder / "page.py").write_text(f"if __name__ == '__main__':\n{indent(code, '    ')}", encoding="utf-8")
    asked = [sys.executable, "page.py"]
    return subprocess.run(asked, cwd=folder, capture_output=True, text=True, timeout=1800)


@pytest.mark.slow
@pytest.mark.parametrize("page", ["own_models", "covariates", "own_forecasts"])
def test_the_page_runs_from_top_to_bottom(page: str, tmp_path: Path) -> None:
    done = run("\n".join(blocks_of(page)), tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]


def whole_way() -> str:
    """The script from an estimator to a release."""
    (found,) = [block for block in blocks_of("covariates") if "harmattan.publish" in block]
    return found


def test_the_whole_way_takes_less_than_thirty_lines() -> None:
    assert len([line for line in whole_way().splitlines() if line.strip()]) < 30


@pytest.mark.slow
def test_trees_with_real_rain_are_back_tested_pooled_registered_and_published(
    real_data: Path, tmp_path: Path
) -> None:
    rain, _ = tables(real_data / "covariates", load_snapshot().panel.region_ids)
    rain[["month", "region_id", "rain"]].to_csv(tmp_path / "rain.csv", index=False)
    done = run(whole_way() + CHECKS, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]


def test_ten_lines_are_ten_lines() -> None:
    first = blocks_of("own_models")[0]
    assert len([line for line in first.splitlines() if line.strip()]) <= 11
