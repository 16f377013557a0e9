"""How fine a set of regions is, told by the polygons themselves and not by their names.

A country's regions are judged together, since true first-level regions can be tiny (a capital) or many (Algeria's
48). Whoever has first-level regions that look finer declares them: ``level = "admin1"``.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely

if TYPE_CHECKING:
    from ...data.geography import Regions

#: Fewer regions of a country than this are not judged by their polygons.
FEWEST = 4
#: More regions of one country than this are not taken for its first level.
MOST = 100
#: More than this many of a country's regions in each shipped first-level region are taken for a lower level: Mali's
#: reform of 2023 made about two of each, Burkina Faso's and Senegal's second levels are more than three.
CROWD = 2.5
#: km²; half of a country's regions below it are a lower level. The smallest of fifteen countries has 3,100.
SMALL_KM2 = 1_000.0
#: km²; smaller rectangles along meridians are cells of a grid, as those of half a degree with 3,100.
CELL_KM2 = 10_000.0
_KM_PER_DEGREE = 111.2


def too_many(countries: np.ndarray) -> np.ndarray:
    """Which regions belong to a country with more of them than any first level is taken to have.

    Parameters
    ----------
    countries : numpy.ndarray of str
        ISO3 of each region.

    Examples
    --------
    >>> too_many(np.array(["NGA"] * 774 + ["TGO"] * 5)).sum()
    np.int64(774)
    """
    _, group, size = np.unique(countries.astype(str), return_inverse=True, return_counts=True)
    return np.asarray(size[group] > MOST)


def looks_finer(regions: Regions) -> np.ndarray:
    """Which regions belong to a country whose polygons look finer than first-level regions.

    Parameters
    ----------
    regions : Regions
        Polygons in degrees, with their countries.

    Returns
    -------
    numpy.ndarray of bool
        One per region; True for all of a country's or for none.

    Examples
    --------
    >>> import pandas as pd
    >>> from harmattan.data.geography import Regions
    >>> cells = np.array([shapely.box(0.5 * i, 14, 0.5 * i + 0.5, 14.5) for i in range(6)])
    >>> ids = [f"MLI-{i}" for i in range(6)]
    >>> frame = pd.DataFrame({"region_id": ids, "name": ids, "country": "MLI"})
    >>> looks_finer(Regions(frame, cells, pd.DataFrame(columns=["region_a", "region_b"]))).all()
    np.True_
    """
    countries = regions.frame["country"].to_numpy(str)
    area, inside = _km2(regions.geometry), _shipped_at(regions.geometry)
    box = shapely.area(shapely.envelope(regions.geometry))
    cell = (shapely.area(regions.geometry) > 0.999 * box) & (area < CELL_KM2)
    fine = too_many(countries)
    for country in sorted(set(countries)):
        own = countries == country
        if own.sum() < FEWEST:
            continue
        known = inside[own & (inside >= 0)]
        crowded = len(known) > CROWD * max(len(set(known)), 1)
        fine[own] |= crowded or np.median(area[own]) < SMALL_KM2 or cell[own].mean() > 0.5
    return fine


def _km2(geometry: np.ndarray) -> np.ndarray:
    """Area in km², within a per cent or two away from the poles."""
    latitude = np.radians(shapely.get_y(shapely.centroid(geometry)))
    return np.asarray(shapely.area(geometry) * _KM_PER_DEGREE**2 * np.cos(latitude))


def _shipped_at(geometry: np.ndarray) -> np.ndarray:
    """Which of the shipped first-level regions each polygon lies in; -1 for none."""
    points = shapely.point_on_surface(geometry)
    found = np.full(len(geometry), -1, dtype=np.int64)
    point, region = shapely.STRtree(_shipped()).query(points, predicate="within")
    found[point] = region
    return found


@lru_cache(maxsize=1)
def _shipped() -> np.ndarray:
    from ...data import snapshot
    from ...data.geography import Regions

    file = Path(str(files(snapshot))) / "regions.geojson"
    return Regions.read(file, clean=False).geometry
