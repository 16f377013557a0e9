"""Points that lie in another country than the one they are said to be in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely

from ..geography import Regions

#: Deeper than this inside another country, a point is no matter of how finely a border is drawn.
DEEP_KM = 5.0
#: A larger share of a country's events so deep inside others says that its code, or the polygons, mean another place.
STRAY_SHARE = 0.05


def regions_around(frame: pd.DataFrame, km: np.ndarray, outcome: np.ndarray, regions: Regions) -> np.ndarray:
    """The region of another country that each incident outside its own country lies in; empty where there is none."""
    found = np.full(len(frame), "", dtype=object)
    rows = np.flatnonzero((outcome == "") & (km > 0))
    if len(rows):
        points = shapely.points(
            frame["longitude"].to_numpy(np.float64)[rows], frame["latitude"].to_numpy(np.float64)[rows]
        )
        at, polygon = shapely.STRtree(regions.geometry).query(points, predicate="within")
        ids, of = np.asarray(regions.region_ids, object), np.asarray(regions.countries, object)
        foreign = of[polygon] != frame["country"].to_numpy(dtype=object)[rows[at]]
        found[rows[at[foreign]]] = ids[polygon[foreign]]
    return found


def deep_abroad(frame: pd.DataFrame, outcome: np.ndarray, km: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Which incidents lie deep inside another country, where too many of their own country's do to be strays."""
    deep = (outcome == "") & (inside != "") & (km > DEEP_KM)
    if not deep.any():
        return np.zeros(len(frame), dtype=bool)
    country = frame["country"].to_numpy(dtype=object)
    table = pd.DataFrame({"country": country[outcome == ""], "deep": deep[outcome == ""]})
    share = table.groupby("country")["deep"].mean()
    return np.asarray(deep & np.isin(country, share.index[share > STRAY_SHARE]))
