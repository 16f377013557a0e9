"""Counts by cell: nothing is lost or added, and distances are those of the polygons."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely

from harmattan.data.errors import UsageError
from harmattan.data.geography import centre_of, gid_of
from harmattan.data.panel import CellCounts, Outlines, Panel, located, with_outlines
from harmattan.data.panel.cells import count_cells
from harmattan.data.snapshot import load_snapshot


@pytest.fixture(scope="module")
def panel() -> Panel:
    return load_snapshot().panel


def cells_of(panel: Panel) -> CellCounts:
    assert panel.cells is not None
    return panel.cells


@pytest.mark.parametrize("training", [False, True])
def test_cells_sum_to_their_regions(training: bool) -> None:
    snapshot = load_snapshot()
    panel = snapshot.training if training else snapshot.panel
    assert panel is not None
    cells = cells_of(panel)
    for name, values in cells.measures.items():
        total = np.zeros(panel.shape)
        np.add.at(total, (cells.month, cells.region), values)
        np.testing.assert_array_equal(total, np.nan_to_num(panel.measures[name]), name)


def test_until_and_select_keep_the_sums(panel: Panel) -> None:
    part = panel.until("2019-06").select(countries=["BEN", "TGO"])
    cells, counts = located(part, "events")
    assert counts.sum() == part.measures["events"].sum() > 0
    assert len(cells) == len(np.unique(cells))
    assert cells_of(part).region.max() < part.shape[1]
    outlines = cells_of(part).outlines
    assert outlines is not None
    assert outlines.geometry.shape == (part.shape[1],)


def test_what_the_cells_do_not_know_lies_at_home(panel: Panel) -> None:
    """A panel whose figures were changed counts as the panel says, wherever its cells were."""
    doubled = panel.measures["events"] * 2
    doubled[400, 3] += 5
    changed = replace(panel, measures={**panel.measures, "events": doubled})
    cells, counts = located(changed, "events")
    assert counts.sum() == doubled.sum()
    before = located(panel, "events")[1]
    np.testing.assert_array_equal(counts[:400], 2 * before[:400])
    assert counts[400, cells == cells_of(panel).home[3]] >= 5


@pytest.mark.parametrize("month", [1, 300, 411, 419])
def test_no_later_month_is_read(panel: Panel, month: int) -> None:
    whole = located(panel, "events_jnim")
    until = located(panel.until(panel.months[month]), "events_jnim")
    at = np.searchsorted(whole[0], until[0])
    np.testing.assert_array_equal(whole[1][: month + 1, at], until[1])
    assert whole[1][: month + 1].sum() == until[1].sum()


def test_they_survive_a_file(panel: Panel, tmp_path: Path) -> None:
    small = panel.select(countries=["TGO"])
    small.write_parquet(tmp_path / "p.parquet")
    again = Panel.read_parquet(tmp_path / "p.parquet")
    assert again.digest() == small.digest()
    np.testing.assert_array_equal(located(again, "events")[1], located(small, "events")[1])


def test_a_panel_without_cells_stands_at_the_homes_of_its_regions(panel: Panel) -> None:
    snapshot = load_snapshot()
    plain = replace(panel, cells=None)
    with pytest.raises(UsageError, match="where inside their regions"):
        located(plain, "events")
    cells, counts = located(with_outlines(plain, snapshot.regions.geometry), "events")
    assert counts.sum() == panel.measures["events"].sum()
    assert len(cells) <= panel.shape[1]


def test_an_event_known_to_its_region_only_is_at_home() -> None:
    shapes = np.array([shapely.box(0, 0, 2, 2), shapely.box(2, 0, 4, 2)])
    x, y = np.array([0.1, np.nan, np.nan]), np.array([0.1, np.nan, np.nan])
    zero, region = np.zeros(3, dtype=np.int64), np.array([0, 0, 1])
    cells = count_cells(zero, region, (x, y), np.ones(3), {"a": region == 1}, shapes)
    assert cells is not None
    assert dict(zip(cells.cell, cells.region, strict=True))[Outlines(shapes).home()[1]] == 1
    assert cells.measures["events"].sum() == 3
    assert cells.measures["events_a"].sum() == 1
    nowhere = np.full(3, np.nan)
    assert count_cells(zero, region, (nowhere, nowhere), np.ones(3), {}, shapes) is None


def test_kilometres_against_a_dense_outline() -> None:
    """Oracle: the least distance to many points of the edge."""
    import pyproj

    square = shapely.box(0, 10, 1, 11)
    cells = gid_of(np.array([0.6, 2.2, -3.3]), np.array([10.6, 10.3, 14.0]))
    found = Outlines(np.array([square])).km(cells)[0]
    edge = shapely.get_coordinates(shapely.segmentize(square.exterior, 0.01))
    x, y = centre_of(cells)
    for i in (1, 2):
        there = np.full(len(edge), 1.0)
        km = (
            pyproj.Geod(ellps="WGS84").inv(x[i] * there, y[i] * there, edge[:, 0], edge[:, 1])[2].min() / 1000
        )
        assert found[i] == pytest.approx(km, rel=0.01)
    assert found[0] == 0


@pytest.mark.parametrize("reach", [80.0, 700.0])
def test_pairs_within_reach_are_those_of_all_distances(reach: float) -> None:
    """At the equator, in the far north, and for cells inside, on the edge and far away."""
    places = [(0, -3), (1.5, -3), (20, 68), (21, 70.5), (25, 71), (178, 10)]
    shapes = Outlines(np.array([shapely.box(x, y, x + 1, y + 2) for x, y in places]))
    cells = gid_of(*(a.ravel() for a in np.meshgrid(np.arange(-4.0, 180, 3), np.arange(-8.0, 80, 2))))
    region, cell, km = shapes.within(cells, reach)
    whole = shapes.km(cells)
    expected = np.argwhere(whole <= reach)
    assert len(expected) > 10
    assert sorted(zip(region.tolist(), cell.tolist(), strict=True)) == [tuple(p) for p in expected.tolist()]
    np.testing.assert_array_equal(km, whole[region, cell])
