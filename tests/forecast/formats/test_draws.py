"""``draws.parquet``: what is written is read back, in whatever order its rows stand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from make_result import make_result

from harmattan.data.errors import HarmattanError
from harmattan.forecast.formats import draws_table, read_draws
from harmattan.training.distribution import Draws

RESULT = make_result()


def test_the_draws_table_gives_the_draws_back() -> None:
    frame = draws_table(RESULT.draws).to_pandas()
    assert list(frame.columns) == ["target", "origin", "horizon", "region_id", "draw", "value"]
    back = Draws.from_frame(frame[frame.target == "deaths"])
    np.testing.assert_array_equal(back.values, RESULT.draws["deaths"].values)
    assert back.region_ids == RESULT.draws["deaths"].region_ids


def test_targets_of_other_regions_keep_their_own_in_the_draws_table() -> None:
    events = RESULT.draws["events"]
    few = events.select(events.region_ids[2:5], horizons=(2, 4))
    frame = draws_table({**RESULT.draws, "few": few}).to_pandas()
    rows = frame[frame["target"] == "few"]
    assert sorted(rows["horizon"].unique()) == [2, 4]
    assert rows["region_id"].astype(str).tolist()[:3] == list(few.region_ids)
    assert rows["value"].tolist() == few.values.ravel().tolist()


@pytest.mark.parametrize(
    "order",
    [
        ["target", "draw", "horizon", "region_id"],
        ["target", "region_id", "draw", "horizon"],
        ["draw", "target", "horizon", "region_id"],
        ["horizon", "region_id", "target", "draw"],
        ["value", "draw", "target", "horizon", "region_id"],
    ],
)
@pytest.mark.parametrize("rising", [True, False])
def test_rows_in_any_order_are_the_same_draws(tmp_path: Path, order: list[str], rising: bool) -> None:
    frame = draws_table(RESULT.draws).to_pandas()
    plain = frame.astype(dict.fromkeys(["target", "origin", "region_id"], "str"))
    plain.sort_values(order, ascending=rising).to_parquet(tmp_path / "draws.parquet", index=False)
    found = read_draws(tmp_path / "draws.parquet")
    assert set(found) == set(RESULT.draws)
    for target, draws in RESULT.draws.items():
        mine = found[target]
        at = [mine.region_ids.index(r) for r in draws.region_ids]
        assert mine.horizons == draws.horizons
        np.testing.assert_array_equal(mine.values[:, :, at], draws.values)


@pytest.mark.parametrize("lost", [0, 1, 13, -1])
def test_a_lost_row_is_no_draw(tmp_path: Path, lost: int) -> None:
    frame = draws_table({"events": RESULT.draws["events"]}).to_pandas()
    frame.drop(index=frame.index[lost]).to_parquet(tmp_path / "draws.parquet", index=False)
    with pytest.raises((ValueError, HarmattanError)):
        read_draws(tmp_path / "draws.parquet")
