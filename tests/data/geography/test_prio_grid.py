"""PRIO-GRID by arithmetic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely

from harmattan.data.errors import RegionError
from harmattan.data.geography.prio_grid import (
    cell_links,
    cell_polygons,
    cells_of,
    centre_of,
    gid_of,
    priogrid,
)
from harmattan.data.panel import build_panel
from harmattan.data.snapshot import load_snapshot
from harmattan.data.sources import ucdp


def test_ids_and_centres_are_inverse() -> None:
    gid = np.arange(1, 360 * 720 + 1, 997)
    assert (gid_of(*centre_of(gid)) == gid).all()
    assert gid_of(np.array([-180.0]), np.array([-90.0])).tolist() == [1]
    assert gid_of(np.array([179.99]), np.array([89.99])).tolist() == [259_200]


def test_points_outside_are_refused() -> None:
    with pytest.raises(RegionError, match="outside the grid"):
        gid_of(np.array([0.0]), np.array([91.0]))


def test_neighbours_equal_those_of_the_polygons() -> None:
    rng = np.random.default_rng(2)
    block = (np.arange(20)[:, None] * 720 + np.arange(20)[None, :] + 150_000).ravel()
    gid = np.sort(rng.choice(block, 250, replace=False))
    cells = cell_polygons(gid)
    a, b = shapely.STRtree(cells).query(cells, predicate="touches")
    shared = shapely.length(shapely.intersection(cells[a], cells[b])) > 0
    expected = {(f"pg-{gid[i]}", f"pg-{gid[j]}") for i, j in zip(a[shared], b[shared], strict=True) if i < j}
    links = cell_links(gid, np.full(len(gid), "MLI"))
    assert set(zip(links["region_a"], links["region_b"], strict=True)) == expected


def test_edges_are_geodesic_and_the_grid_is_round() -> None:
    links = cell_links(np.array([150_001, 150_002, 150_720, 150_001 + 720]), np.array(list("AABB")))
    x, y = centre_of(np.array([150_001]))
    _, _, north = pyproj.Geod(ellps="WGS84").inv(x[0] - 0.25, y[0] + 0.25, x[0] + 0.25, y[0] + 0.25)
    row = links[(links["region_a"] == "pg-150001") & (links["region_b"] == "pg-150721")]
    assert row["border_km"].iloc[0] == pytest.approx(north / 1000, abs=1e-3)
    first = (150_000 // 720) * 720 + 1
    seam = cell_links(np.array([first, first + 719]), np.array(["A", "A"]))
    assert len(seam) == 1


def test_the_whole_land_surface_is_quick_and_sorted() -> None:
    gid = np.arange(1, 64_819)
    links = cell_links(gid, np.full(len(gid), "MLI"))
    assert len(links) == 90 * 720 + 17 + (64_818 - 720)


@pytest.mark.slow
def test_cells_of_the_snapshot_and_events_in_them(real_data: Path) -> None:
    grid = priogrid(load_snapshot().regions)
    incidents = ucdp.read(real_data / "ged241_west_africa.csv")
    raw = pd.read_csv(real_data / "ged241_west_africa.csv")
    built = build_panel(incidents, grid)
    placed = built.incidents[built.incidents["excluded"] == "placed"]
    ours = placed["region_id"].str.removeprefix("pg-").astype(int).to_numpy()
    theirs = raw.set_index(raw["id"].astype(str)).loc[placed["incident_id"], "priogrid_gid"].to_numpy()
    assert (ours == theirs).all()
    assert len(placed) > 4900
    table = pd.read_parquet(real_data / "regions" / "priogrid_to_admin1.parquet")
    assert (
        gid_of(table["pg_xcoord"].to_numpy(), table["pg_ycoord"].to_numpy()) == table["priogrid_gid"]
    ).all()


def test_cells_that_are_not_there_hold_nothing() -> None:
    grid = cells_of({150_001: "MLI", 150_002: "BFA"})
    x, y = centre_of(np.array([150_002, 150_003]))
    at, km = grid.assign(x, y, np.array(["MLI", "MLI"]))
    assert [grid.region_ids[at[0]], at[1]] == ["pg-150002", -1]
    assert np.isnan(km[1])
    assert grid.links["crosses_border"].tolist() == [True]
