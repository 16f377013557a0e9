"""The pages on own models, covariates and forecasts run as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.slow
@pytest.mark.parametrize("page", ["own_models", "covariates", "own_forecasts"])
def test_the_page_runs_from_top_to_bottom(page: str, tmp_path: Path) -> None:
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL))
    (tmp_path / "page.py").write_text(
        f"if __name__ == '__main__':\n    {code.replace(chr(10), chr(10) + '    ')}\n"
    )
    done = subprocess.run(
        [sys.executable, "page.py"], cwd=tmp_path, capture_output=True, text=True, timeout=1200
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_ten_lines_are_ten_lines() -> None:
    text = (DOCS / "own_models.md").read_text(encoding="utf-8")
    (first, *_) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len([line for line in first.splitlines() if line.strip()]) <= 11
