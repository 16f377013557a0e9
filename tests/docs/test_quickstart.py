"""The notebook runs from top to bottom, and is kept without outputs."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "docs" / "quickstart.ipynb"


def read() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nbformat = pytest.importorskip("nbformat")
        return nbformat.read(NOTEBOOK, as_version=4)


def test_it_is_kept_without_outputs_and_small() -> None:
    code = [cell for cell in read().cells if cell.cell_type == "code"]
    assert len(code) >= 8
    assert [cell.source for cell in code if cell.outputs or cell.execution_count] == []
    assert NOTEBOOK.stat().st_size < 20_000


@pytest.mark.slow
def test_it_runs_and_shows_tables(tmp_path: Path) -> None:
    notebook = read()
    with warnings.catch_warnings():
        # Jupyter's own loops and sockets warn; none of it is ours.
        warnings.simplefilter("ignore")
        from nbclient import NotebookClient

        folder = {"metadata": {"path": str(tmp_path)}}
        NotebookClient(notebook, timeout=600, kernel_name="python3", resources=folder).execute()
    shown = [
        output["data"]
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "execute_result"
    ]
    assert len(shown) == sum(cell.cell_type == "code" for cell in notebook.cells)
    html = " ".join(data.get("text/html", "") for data in shown)
    for title in (
        "Panel: 420 months",
        "Ledger",
        "FeatureCube",
        "Draws: 200 draws",
        "Evaluation of a back-test",
    ):
        assert title in html
    assert "report.html" in shown[-1]["text/plain"]
