"""What a notebook shows of the main objects; hostile names stay text."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from harmattan.data.errors import UsageError
from harmattan.data.frames import pandas_of
from harmattan.data.panel import Ledger, Panel
from harmattan.data.schemas import LEDGER_COLUMNS
from harmattan.data.show import card, short
from harmattan.data.snapshot import load_snapshot
from harmattan.features.recipe import Recipe
from harmattan.training.distribution import Draws
from harmattan.training.evaluation.leaderboard import Evaluation

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def panel() -> Panel:
    rows = [
        (f"2023-{m:02d}", r, m if r == "MLI-gao" else 1)
        for m in range(1, 13)
        for r in ("MLI-gao", "NER-tahoua")
    ]
    return Panel.from_frame(pd.DataFrame(rows, columns=["month", "region_id", "events"]), source=HOSTILE)


def cells(html: str) -> list[str]:
    """What stands in the cells of a table."""
    return re.findall(r"<td[^>]*>(.*?)</td>", html)


def test_a_panel_says_how_large_it_is_and_where_most_happened(panel: Panel) -> None:
    html = panel._repr_html_()
    assert "Panel: 12 months (2023-01 to 2023-12), 2 regions" in html
    assert cells(html) == ["MLI", "1", "78", "78", "NER", "1", "12", "12"]


def test_a_hostile_source_stays_text(panel: Panel) -> None:
    html = panel._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_a_hostile_column_and_cell_stay_text() -> None:
    html = card(HOSTILE, {HOSTILE: HOSTILE}, pd.DataFrame({HOSTILE: [HOSTILE, pd.Period("2023-01"), None]}))
    assert "<script" not in html


def test_a_panel_without_a_month_observed_is_shown(panel: Panel) -> None:
    blind = replace(panel, observed=np.zeros_like(panel.observed))
    assert "0.0% of all months" in blind._repr_html_()


def test_a_ledger_shows_every_outcome() -> None:
    rows = [
        ("MLI", 2020, "all", "placed", 3.0, 5.0, 4.0, 9.0),
        ("MLI", 2020, "all", "duplicate", 1.0, 0.0, 0.0, 0.0),
    ]
    found = cells(Ledger(pd.DataFrame(rows, columns=list(LEDGER_COLUMNS)))._repr_html_())
    assert found[::5] == ["placed", "duplicate", "read"]
    assert found[1::5] == ["3", "1", "4"]


def test_the_ledger_of_the_snapshot_is_shown() -> None:
    assert "placed" in load_snapshot().ledger._repr_html_()


def test_a_cube_lists_its_features(panel: Panel) -> None:
    cube = Recipe.default().build(panel)
    html = cube._repr_html_()
    assert f"FeatureCube: 12 months, 2 regions, {cube.shape[2]} features" in html
    assert cube.names[0] in cells(html)
    assert f"{cube.shape[2] - 10} more rows" in html


def test_draws_show_the_largest_expectation_first() -> None:
    values = np.array([[[0, 4]], [[2, 8]]])
    html = Draws(values, pd.Period("2023-12", "M"), (2,), ("a", HOSTILE), "events")._repr_html_()
    assert "Draws: 2 draws, 1 horizons, 2 regions" in html
    assert "month shown: 2024-02" in html
    assert cells(html)[1::5] == ["6", "1"]
    assert "<script" not in html


def test_a_back_test_shows_its_leaderboard() -> None:
    board = pd.DataFrame(
        {"horizon": [1, 1], "member": ["zero", "pool"], "crps": [0.5, 0.25], "verdict": ["worse", "better"]}
    )
    empty = pd.DataFrame()
    html = Evaluation(
        board, empty, empty, empty, empty, empty, empty, pd.DataFrame({"x": [1]}), empty
    )._repr_html_()
    assert cells(html) == ["1", "pool", "0.250", "better", "1", "zero", "0.500", "worse"]


@pytest.mark.parametrize(
    ("value", "shown"), [(3.0, "3"), (0.5, "0.500"), (12345.0, "12,345"), (float("inf"), "inf")]
)
def test_numbers_are_short(value: float, shown: str) -> None:
    assert short(value) == shown


def test_a_panel_from_polars_is_the_same(panel: Panel) -> None:
    polars = pytest.importorskip("polars")
    frame = panel.to_frame()
    made = Panel.from_frame(polars.DataFrame(frame.to_dict("list")))
    assert made.digest() == Panel.from_frame(frame).digest()


def test_what_is_no_table_is_told() -> None:
    with pytest.raises(UsageError, match="a dict is no table"):
        pandas_of({"events": [1]})
