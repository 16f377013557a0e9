"""Blocks put together are the cube to the bit, within a budget, in one file or none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from harmattan.data.errors import ConfigError, HarmattanError, SourceError
from harmattan.data.panel import Panel
from harmattan.features import Lag, NearestActive, Recipe, Static
from harmattan.features.recipe.compute import parse_memory
from harmattan.features.store import write_parquet

RECIPE = Recipe([*Recipe.default(), NearestActive(3), Static("population")])


@pytest.fixture(scope="module", params=[True, False], ids=["gaps", "no gaps"])
def panel(request: pytest.FixtureRequest, make_panel: Callable[..., Panel]) -> Panel:
    return make_panel(4, months=70, gaps=request.param)


def budget(panel: Panel, features: int, regions: float = 0, months: float = 0, threads: int = 1) -> int:
    """Bytes for about so many regions or months at a time."""
    n_months, n_regions = panel.shape
    held = sum(v.nbytes for v in panel.measures.values()) + 4 * n_months * n_regions
    if regions:
        return int(held + regions * n_months * (4 * features + 64 * threads))
    return int(held + n_months * n_regions * 64 * threads + months * 4 * n_regions * features)


@pytest.mark.parametrize("by", ["regions", "months"])
@pytest.mark.parametrize("threads", [1, 2])
def test_blocks_put_together_are_the_cube(panel: Panel, by: str, threads: int) -> None:
    whole = RECIPE.build(panel)
    memory = budget(panel, len(RECIPE), threads=threads, **{by: 4 if by == "regions" else 17})
    parts = list(RECIPE.blocks(panel, memory, by=by, threads=threads))
    assert len(parts) > 2
    values = np.concatenate([p.values for p in parts], axis=1 if by == "regions" else 0)
    assert values.astype("<f4").tobytes() == np.ascontiguousarray(whole.values).tobytes()
    assert {p.names for p in parts} == {whole.names}
    regions = [r for p in parts for r in p.region_ids]
    assert (regions if by == "regions" else parts[0].region_ids) == [*whole.region_ids] or by == "months"


def test_threads_change_no_bit(panel: Panel) -> None:
    one, two = (RECIPE.build(panel, threads=n).values for n in (1, 2))
    assert np.ascontiguousarray(one).tobytes() == np.ascontiguousarray(two).tobytes()


def test_a_block_serves_its_own_targets(panel: Panel) -> None:
    part = next(Recipe([Lag(0)]).blocks(panel, budget(panel, 1, regions=3)))
    X, y, index = part.design(panel.months[30], 2)
    assert len(X) == len(part.region_ids) < panel.shape[1]
    np.testing.assert_array_equal(y, panel.measure("events")[32, : len(y)])
    assert index.get_level_values("region_id").tolist() == list(part.region_ids)


@pytest.mark.parametrize("by", ["regions", "months"])
def test_a_budget_too_small_says_how_much_would_do(panel: Panel, by: str) -> None:
    with pytest.raises(ConfigError, match=f"do not hold one block by {by}. Give 1MB or more"):
        next(RECIPE.blocks(panel, "1kB", by=by))


@pytest.mark.parametrize(
    ("text", "size"), [("4GB", 4 * 10**9), ("2 GiB", 2 * 2**30), ("1.5mb", 1_500_000), ("10", 10), (7, 7)]
)
def test_amounts_of_memory(text: str | int, size: int) -> None:
    assert parse_memory(text) == size


@pytest.mark.parametrize("text", ["lots", "4XB", "", "GB"])
def test_what_is_no_amount_of_memory(text: str) -> None:
    with pytest.raises(ConfigError, match="is no amount of memory"):
        parse_memory(text)


def test_a_file_holds_the_whole_cube_in_row_groups(panel: Panel, tmp_path: Path) -> None:
    path = tmp_path / "cube.parquet"
    memory = budget(panel, 3 * len(RECIPE), regions=4)
    done = write_parquet(RECIPE, panel, path, memory=memory)
    assert (done.rows, done.features) == (panel.shape[0] * panel.shape[1], RECIPE.names)
    assert pq.ParquetFile(path).num_row_groups == done.blocks > 1
    read = pd.read_parquet(path).astype({"month": str, "region_id": str}).sort_values(["month", "region_id"])
    want = RECIPE.build(panel).to_frame().sort_values(["month", "region_id"])
    np.testing.assert_array_equal(
        read[["month", "region_id"]].to_numpy(), want[["month", "region_id"]].to_numpy()
    )
    np.testing.assert_array_equal(read[list(RECIPE.names)].to_numpy(), want[list(RECIPE.names)].to_numpy())
    kept = pq.read_schema(path).metadata
    assert Recipe.from_json(kept[b"harmattan.recipe"].decode()) == RECIPE
    assert kept[b"harmattan.digest"].decode() == RECIPE.digest()


def test_a_failure_leaves_the_old_file_and_nothing_else(panel: Panel, tmp_path: Path) -> None:
    path = tmp_path / "cube.parquet"
    path.write_text("before", encoding="utf-8")
    broken = Recipe([Lag(0)]).add("broken", lambda p: 1 / 0)
    with pytest.raises(HarmattanError):
        write_parquet(broken, panel, path)
    assert [p.name for p in tmp_path.iterdir()] == ["cube.parquet"]
    assert path.read_text(encoding="utf-8") == "before"


def test_a_folder_that_is_not_there(panel: Panel, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such folder"):
        write_parquet(RECIPE, panel, tmp_path / "none" / "cube.parquet")


def test_the_file_says_what_was_left_out(panel: Panel, tmp_path: Path) -> None:
    done = write_parquet(Recipe.default(), replace(panel, links=None), tmp_path / "cube.parquet")
    assert "abroad1_events_ewm3" in dict(done.dropped)
    assert "abroad1_events_ewm3" not in done.features
