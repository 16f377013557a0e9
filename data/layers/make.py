"""Make the shipped files of the newer layers; the same bytes every time."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import shapely

from ..geography import Regions, cell_polygons, centre_of, region_slug
from ..panel import build_panel
from ..schemas import PLACED
from ..snapshot import counts_of
from ..sources import read_ucdp
from .crosswalk import named_crosswalk

#: Newer region to the older one that it is part of, and since when it exists: law 2012-017, in force from January 2016.
_MALI = (
    ("MLI-gao-2016", "Gao", "MLI-gao"),
    ("MLI-menaka-2016", "Ménaka", "MLI-gao"),
    ("MLI-taoudenit-2016", "Taoudénit", "MLI-timbuktu"),
    ("MLI-timbuktu-2016", "Timbuktu", "MLI-timbuktu"),
)
#: Taoudénit is the old cercle of Tombouctou from here on north.
_SOUTH_OF_TAOUDENIT = 18.0
TOLERANCE = 0.02


def make_layers(
    ucdp_file: str | Path,
    regions_file: str | Path,
    newer_file: str | Path,
    cells_file: str | Path,
    out: str | Path,
    *,
    today: date | None = None,
) -> list[Path]:
    """Write the files of ``burkina-2025`` and ``mali-2016``.

    Parameters
    ----------
    ucdp_file : path
        The annual UCDP GED file of the shipped counts.
    regions_file, newer_file : path
        GeoJSON of the older regions, and of Burkina Faso's 17 newer ones.
    cells_file : path
        Parquet of ``priogrid_gid, country_iso_a3, admin2_gaul2_name``.
    out : path
        Folder; made where it is not there.
    today : datetime.date, optional
        Later dates in the file are errors.

    Returns
    -------
    list of pathlib.Path
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    older = Regions.read(regions_file)
    tables = _burkina(folder, older, Regions.read(newer_file), ucdp_file, today) | _mali(
        older, Path(cells_file)
    )
    for name, table in tables.items():
        table.to_csv(folder / name, index=False, lineterminator="\n", encoding="utf-8")
    return sorted(folder / name for name in (*tables, "burkina-2025.geojson"))


def _burkina(
    folder: Path, older: Regions, newer: Regions, ucdp_file: str | Path, today: date | None
) -> dict[str, pd.DataFrame]:
    walk = named_crosswalk("BFA")
    table = walk.table.rename(columns={"source_id": "region_id", "target_id": "older"})
    table = table.assign(name=table["region_id"].map(walk.names), valid_from="2025-07-02")
    split = set(table.loc[table["older"].duplicated(), "older"])
    parts = table[table["older"].isin(split)]
    slugs = {
        region_slug("BFA", name): region
        for region, name in zip(parts["region_id"], parts["name"], strict=True)
    }
    at = [i for i, r in enumerate(newer.region_ids) if r in slugs]
    coarse = shapely.coverage_simplify(newer.geometry, TOLERANCE)[at]
    frame = newer.frame.iloc[at].assign(layer="burkina-2025", valid_from="2025-07-02")
    frame["region_id"] = [slugs[newer.region_ids[i]] for i in at]
    Regions(frame, coarse, newer.links.iloc[:0], newer.country_names).to_geojson(
        folder / "burkina-2025.geojson"
    )
    regions = older.select(["BFA"])
    placed = build_panel(read_ucdp(ucdp_file, today=today), regions, around=older).incidents
    placed = placed[(placed["excluded"] == PLACED) & placed["region_id"].isin(split)]
    points = shapely.points(placed["longitude"].to_numpy(float), placed["latitude"].to_numpy(float))
    names = np.array([slugs[newer.region_ids[i]] for i in at], dtype=object)
    inside = parts.set_index("region_id")["older"].reindex(names).to_numpy(dtype=object)
    away = shapely.distance(points[:, None], newer.geometry[at][None, :])
    away[placed["region_id"].to_numpy(dtype=object)[:, None] != inside[None, :]] = np.inf
    counts = counts_of(placed.assign(region_id=names[away.argmin(axis=1)]))
    return {
        "burkina-2025.csv": table[["region_id", "name", "older", "valid_from"]],
        "burkina-2025-counts.csv": counts,
    }


def _mali(older: Regions, cells_file: Path) -> dict[str, pd.DataFrame]:
    given = pd.read_parquet(cells_file)
    given = given[given["country_iso_a3"] == "MLI"].sort_values("priogrid_gid", ignore_index=True)
    x, y = centre_of(given["priogrid_gid"].to_numpy(np.int64))
    north = (given["admin2_gaul2_name"] == "Tombouctou") & (y > _SOUTH_OF_TAOUDENIT)
    given["part"] = ""
    given.loc[given["admin2_gaul2_name"] == "Ménaka", "part"] = "MLI-menaka-2016"
    given.loc[north, "part"] = "MLI-taoudenit-2016"
    rows = []
    shape = dict(zip(older.region_ids, older.geometry, strict=True))
    for whole, part in (("MLI-gao", "MLI-menaka-2016"), ("MLI-timbuktu", "MLI-taoudenit-2016")):
        cells = _cells_at(shape[whole])
        cx, cy = centre_of(cells)
        # a cell on the border of the table counts as the one next to it
        nearest = ((cx[:, None] - x) ** 2 + (cy[:, None] - y) ** 2).argmin(axis=1)
        own = given["part"].to_numpy(dtype=object)[nearest] == part
        rows += [(whole, int(cell), part) for cell in cells[own]]
    names = pd.DataFrame(_MALI, columns=["region_id", "name", "older"]).assign(valid_from="2016-01-01")
    return {
        "mali-2016.csv": names,
        "mali-2016-cells.csv": pd.DataFrame(rows, columns=["older", "cell", "region_id"]),
    }


def _cells_at(shape: shapely.Geometry) -> np.ndarray:
    """The PRIO-GRID cells that a polygon touches."""
    west, south, east, north = shapely.bounds(shape)
    columns = np.arange(int((west + 180) * 2), int((east + 180) * 2) + 1)
    rows = np.arange(int((south + 90) * 2), int((north + 90) * 2) + 1)
    cells = (rows[:, None] * 720 + columns[None, :] + 1).ravel()
    return np.asarray(cells[shapely.intersects(cell_polygons(cells), shape)])
