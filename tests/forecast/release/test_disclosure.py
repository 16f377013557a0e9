"""What is held back: regions finer than admin-1, and armed groups with few events."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from make_result import grid_regions, make_result

from harmattan.data.errors import UsageError
from harmattan.data.geography import cells_of
from harmattan.data.panel import Panel
from harmattan.data.simulation import grid_regions as simulated
from harmattan.forecast.release import disclosure as publishable
from harmattan.forecast.release.disclosure import check_level, enough_events, with_past_events
from harmattan.forecast.release.tables import release_tables
from harmattan.forecast.settings import Settings


def panel_of(ids: list[str], **counts: list[int]) -> Panel:
    frame = pd.DataFrame({"month": "2023-01", "region_id": ids, "country": "MLI", "events": 1} | counts)
    return Panel.from_frame(frame)


def test_first_level_regions_may_be_published() -> None:
    result = make_result()
    check_level(result.panel, result.regions, allow_grid=False)


def test_grid_cells_are_refused_and_the_error_says_why() -> None:
    panel = panel_of(["MLI-gao", "pg-152000", "pg-152001"])
    with pytest.raises(
        UsageError, match=r"2 regions are finer than admin-1, the first is 'pg-152000'"
    ) as caught:
        check_level(panel, None, allow_grid=False)
    assert publishable.WHY_NOT_FINER in caught.value.message
    assert "allow_grid" in caught.value.message
    check_level(panel, None, allow_grid=True)


@pytest.mark.parametrize(
    ("layer", "refused"),
    [("adm2", True), ("cod-ab ADM-3", True), ("admin_2", True), ("adm1", False), ("", False)],
)
def test_the_layer_of_the_polygons_tells_their_level(layer: str, refused: bool) -> None:
    regions = grid_regions()
    regions.frame["layer"] = layer
    assert bool(publishable.finer_than_admin1(make_result().panel, regions)) is refused  # type: ignore[arg-type]


def test_cells_made_by_the_package_are_known_as_cells() -> None:
    cells = cells_of({152000: "MLI", 152001: "MLI"})
    assert publishable.finer_than_admin1(panel_of(list(cells.region_ids)), cells) == [
        "pg-152000",
        "pg-152001",
    ]


def test_the_worlds_that_the_package_simulates_are_no_cells() -> None:
    regions = simulated(("XXA", "XXB"))
    assert publishable.finer_than_admin1(panel_of(list(regions.region_ids)), regions) == []


def test_whoever_allows_it_is_told_why_not_to() -> None:
    assert publishable.WHY_NOT_FINER in publishable.grid_warning(Settings(allow_grid=True))
    assert publishable.grid_warning(Settings()) == ""


@pytest.mark.parametrize("command", ["forecast", "publish"])
def test_the_commands_refuse_cells_and_warn_who_allows_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    from typer.testing import CliRunner

    from harmattan.forecast.cli.entry import app

    rng = np.random.default_rng(3)
    months = pd.period_range("2019-01", periods=60, freq="M").astype(str)
    ids = ["pg-152000", "pg-152001"]
    frame = pd.DataFrame(
        {
            "month": np.repeat(months, 2),
            "region_id": np.tile(ids, 60),
            "country": "MLI",
            "events": rng.poisson(2, 120),
        }
    )
    frame.to_csv(tmp_path / "cells.csv", index=False)
    monkeypatch.chdir(tmp_path)
    asked = [command, "--panel", "cells.csv", "--run-date", "2024-01-20", "--dry-run", "--out", "out"]
    refused = CliRunner().invoke(app, asked)
    assert isinstance(refused.exception, UsageError)
    allowed = CliRunner().invoke(app, [*asked, "--allow-grid"])
    assert allowed.exit_code == 0
    assert publishable.WHY_NOT_FINER in allowed.stderr
    assert not (tmp_path / "out").exists()


def test_a_release_of_cells_is_made_only_where_that_is_allowed() -> None:
    result = make_result()
    ids = tuple(f"pg-{152000 + i}" for i in range(len(result.panel.region_ids)))
    cells = replace(
        result,
        panel=replace(result.panel, region_ids=ids),
        draws={t: replace(d, region_ids=ids) for t, d in result.draws.items()},
        regions=None,
    )
    with pytest.raises(UsageError, match="14 regions are finer than admin-1"):
        release_tables(cells)
    tables = release_tables(replace(cells, settings={"draws": 200, "allow_grid": True}))
    assert {"views/pgm_events.parquet", "views/cm_events.parquet"} <= tables.keys()
    assert not [name for name in tables if "admin1" in name]


def test_past_events_are_those_of_the_group_in_the_source_country() -> None:
    panel = make_result().panel
    counts = np.zeros(panel.shape, dtype=np.float32)
    counts[3, panel.region_ids.index("MLI-centre")] = 7
    counts[9, panel.region_ids.index("MLI-north")] = 4
    counts[5, panel.region_ids.index("NER-west")] = 2
    panel = replace(panel, measures={**panel.measures, "events_jnim": counts})
    rows = pd.DataFrame(
        {"group": ["JNIM", "JNIM", "other", "new events"], "source_country": ["MLI", "NER", "NER", "MLI"]}
    )
    table = with_past_events(rows, panel, {"JNIM": "events_jnim"})
    assert table["past_events"].tolist() == [11, 2, pd.NA, pd.NA]


def test_nine_events_are_too_few_and_ten_are_enough() -> None:
    rows = pd.DataFrame(
        {
            "group": ["JNIM", "JNIM", "JNIM", "other"],
            "source_country": ["MLI", "NER", "NER", "NER"],
            "share": [0.4, 0.1, 0.2, 0.3],
            "past_events": pd.array([10, 9, 9, pd.NA], dtype="Int64"),
        }
    )
    kept, withheld = enough_events(rows)
    assert kept["share"].tolist() == [0.4, 0.3]
    assert tuple(withheld.columns) == publishable.WITHHELD
    assert withheld[["source_country", "group", "past_events", "rows"]].values.tolist() == [
        ["NER", "JNIM", 9, 2]
    ]


def test_nothing_withheld_is_an_empty_table_with_its_columns() -> None:
    rows = pd.DataFrame(
        {"group": ["other"], "source_country": ["MLI"], "past_events": pd.array([pd.NA], dtype="Int64")}
    )
    kept, withheld = enough_events(rows)
    assert len(kept) == 1
    assert withheld.empty
    assert tuple(withheld.columns) == publishable.WITHHELD
