"""PRIO-GRID cells of half a degree as regions: ids and neighbours by arithmetic.

Tollefsen, Strand & Buhaug (2012), doi:10.1177/0022343311431287.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyproj
import shapely

from ..errors import RegionError
from .regions import Regions

ROWS, COLUMNS, SIZE = 360, 720, 0.5
#: The last cell, in the north-east.
LAST_CELL = ROWS * COLUMNS


def gid_of(longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """The cell of each point.

    Parameters
    ----------
    longitude, latitude : numpy.ndarray
        Degrees; longitude in [-180, 180), latitude in [-90, 90).

    Returns
    -------
    numpy.ndarray of int64
        ``(row - 1) * 720 + column``, rows from the south, columns from the west, both from 1.

    Examples
    --------
    >>> gid_of(np.array([10.25]), np.array([2.25])).tolist()
    [132861]
    """
    column = np.floor((np.asarray(longitude) + 180) / SIZE).astype(np.int64) + 1
    row = np.floor((np.asarray(latitude) + 90) / SIZE).astype(np.int64) + 1
    if ((row < 1) | (row > ROWS) | (column < 1) | (column > COLUMNS)).any():
        raise RegionError("a point lies outside the grid.", remedy="Give degrees; longitude first.")
    return (row - 1) * COLUMNS + column


def centre_of(gid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude of the middle of each cell.

    >>> [float(c[0]) for c in centre_of(np.array([132861]))]
    [10.25, 2.25]
    """
    row, column = np.divmod(np.asarray(gid) - 1, COLUMNS)
    return column * SIZE - 180 + SIZE / 2, row * SIZE - 90 + SIZE / 2


def cell_polygons(gid: np.ndarray) -> np.ndarray:
    """The square of each cell."""
    x, y = centre_of(gid)
    half = SIZE / 2
    return np.asarray(shapely.box(x - half, y - half, x + half, y + half))


def cell_links(gid: np.ndarray, country: np.ndarray) -> pd.DataFrame:
    """Cells that share an edge, with its geodesic length; the grid joins at the date line.

    Parameters
    ----------
    gid : numpy.ndarray of int64
        Cells that are there.
    country : numpy.ndarray of str
        ISO3 of each.

    Returns
    -------
    pandas.DataFrame
        ``region_a, region_b, border_km, crosses_border``.

    Examples
    --------
    >>> links = cell_links(np.array([1, 2, 721]), np.array(["A", "A", "B"]))
    >>> links[["region_a", "region_b", "crosses_border"]].values.tolist()
    [['pg-1', 'pg-2', False], ['pg-1', 'pg-721', True]]
    """
    gid = np.asarray(gid, dtype=np.int64)
    at = np.full(ROWS * COLUMNS + 1, -1, dtype=np.int64)
    at[gid] = np.arange(len(gid))
    east = np.where(gid % COLUMNS == 0, gid - COLUMNS + 1, gid + 1)
    north = gid + COLUMNS
    pairs = []
    for other in (east, north):
        inside = other <= ROWS * COLUMNS
        there = np.where(inside, at[np.where(inside, other, 0)], -1)
        mine = np.flatnonzero(there >= 0)
        pairs.append((mine, there[mine]))
    a, b = (np.concatenate([p[i] for p in pairs]) for i in (0, 1))
    vertical = np.concatenate([np.full(len(pairs[0][0]), True), np.full(len(pairs[1][0]), False)])
    low, high = np.minimum(gid[a], gid[b]), np.maximum(gid[a], gid[b])
    order = np.lexsort((high, low))
    table = pd.DataFrame(
        {
            "region_a": np.char.add("pg-", low.astype(str)),
            "region_b": np.char.add("pg-", high.astype(str)),
            "border_km": _edge_km(gid[a], vertical).round(3),
            "crosses_border": np.asarray(country)[a] != np.asarray(country)[b],
        }
    )
    return table.iloc[order].reset_index(drop=True)


def _edge_km(gid: np.ndarray, vertical: np.ndarray) -> np.ndarray:
    """Length of the eastern edge (vertical) or the northern edge of each cell."""
    _, y = centre_of(gid)
    half = SIZE / 2
    geod = pyproj.Geod(ellps="WGS84")
    zero = np.zeros(len(y))
    x = np.where(vertical, 0.0, SIZE)
    _, _, metres = geod.inv(zero, np.where(vertical, y - half, y + half), x, y + half)
    return np.asarray(metres) / 1000


class PrioGrid(Regions):
    """Cells as regions; a point belongs to the cell it lies in, whatever its country."""

    def assign(
        self, longitude: np.ndarray, latitude: np.ndarray, country: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The cell of each point by arithmetic; -1 where the cell is not among the regions."""
        at = np.full(ROWS * COLUMNS + 1, -1, dtype=np.int64)
        own = self.frame["region_id"].str.removeprefix("pg-").astype("int64").to_numpy()
        at[own] = np.arange(len(own))
        position = at[gid_of(longitude, latitude)]
        return position, np.where(position >= 0, 0.0, np.nan)


def priogrid(regions: Regions) -> PrioGrid:
    """The cells that cover some regions; a cell belongs to the country that fills most of it.

    Parameters
    ----------
    regions : Regions
        Polygons of whole countries, at any level.

    Returns
    -------
    PrioGrid
        ``region_id`` is ``pg-<gid>``.
    """
    codes = sorted(set(regions.countries))
    of = np.asarray(regions.countries, dtype=object)
    shapes = np.array([shapely.coverage_union_all(regions.geometry[of == c]) for c in codes], dtype=object)
    west, south, east, north = shapely.total_bounds(shapes)
    x = np.arange(np.floor(west / SIZE) * SIZE + SIZE / 2, east + SIZE, SIZE)
    y = np.arange(np.floor(south / SIZE) * SIZE + SIZE / 2, north + SIZE, SIZE)
    gid = np.sort(gid_of(*(c.ravel() for c in np.meshgrid(x, y))))
    cells = cell_polygons(gid)
    cell, shape = shapely.STRtree(shapes).query(cells, predicate="intersects")
    area = shapely.area(shapely.intersection(cells[cell], shapes[shape]))
    best = pd.DataFrame({"cell": cell, "shape": shape, "area": area})
    best = (
        best[best["area"] > 0].sort_values(["cell", "area"], ascending=[True, False]).drop_duplicates("cell")
    )
    return cells_of(dict(zip(gid[best["cell"]].tolist(), [codes[s] for s in best["shape"]], strict=True)))


def cells_of(countries: Mapping[int, str]) -> PrioGrid:
    """Cells as regions, given the country of each."""
    gid = np.array(sorted(countries), dtype=np.int64)
    names = [f"pg-{g}" for g in gid]
    order = np.argsort(np.array(names), kind="stable")
    gid = gid[order]
    country = np.array([countries[int(g)] for g in gid], dtype=object)
    frame = pd.DataFrame(
        {
            "region_id": pd.Series([f"pg-{g}" for g in gid], dtype="str"),
            "name": pd.Series([f"cell {g}" for g in gid], dtype="str"),
            "country": pd.Series(country, dtype="str"),
            "layer": "priogrid-2",
            "valid_from": "",
            "valid_to": "",
        }
    )
    return PrioGrid(frame, cell_polygons(gid), cell_links(gid, country), {c: c for c in sorted(set(country))})
