"""Who borders whom, by how many kilometres, and how much of a border looks at countries without data."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
import pyproj
import shapely

from .countries import country_name

#: Gaps between neighbours narrower than this (degrees, about 2 km) are closed before a border is measured.
GAP_WIDTH = 0.02


def with_gaps_closed(geometry: np.ndarray) -> np.ndarray:
    """The coverage with narrow gaps between neighbours closed, so that a border can be measured in full.

    Files whose countries were digitised one by one leave gaps along international borders; in Natural
    Earth's polygons of West Africa more than half the length of the border of Mali and Niger is such a gap.
    """
    return np.array(shapely.coverage_clean(geometry, gap_width=GAP_WIDTH), dtype=object)


def joined_at_date_line(geometry: np.ndarray) -> np.ndarray:
    """Polygons on both sides of longitude 180 brought together; longitudes then run beyond 180.

    Files cut what lies across that line in two. The parts west of the widest empty stretch of longitudes go
    around the globe; anything that does not reach the line on both sides stays as it is.

    >>> fiji = np.array([shapely.box(178, -18, 180, -17), shapely.box(-180, -18, -179, -17)])
    >>> shapely.bounds(joined_at_date_line(fiji))[:, [0, 2]].tolist()
    [[178.0, 180.0], [180.0, 181.0]]
    """
    west, _, east, _ = shapely.total_bounds(geometry)
    if not (west <= -180 + 1e-6 and east >= 180 - 1e-6):
        return geometry
    parts, owner = shapely.get_parts(geometry, return_index=True)
    bounds = shapely.bounds(parts)
    order = np.argsort(bounds[:, 0])
    reach = np.maximum.accumulate(bounds[order, 2])
    gaps = bounds[order[1:], 0] - reach[:-1]
    if not len(gaps) or gaps.max() <= 0:
        return geometry
    seam = reach[int(np.argmax(gaps))]
    over = bounds[:, 2] <= seam
    parts[over] = shapely.transform(parts[over], lambda xy: xy + np.array([360.0, 0.0]))
    joined = [
        shapely.union_all(parts[owner == i]) if over[owner == i].any() else g for i, g in enumerate(geometry)
    ]
    return np.array(joined, dtype=object)


def links_of(frame: pd.DataFrame, geometry: np.ndarray, measured: np.ndarray | None = None) -> pd.DataFrame:
    """Neighbours in a valid coverage: pairs whose boundaries share a line, with its geodesic length.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``region_id, country`` of each polygon.
    geometry : numpy.ndarray
        Polygons of one coverage; they say who borders whom.
    measured : numpy.ndarray, optional
        The same polygons with gaps closed; the length is taken from these.

    Returns
    -------
    pandas.DataFrame
        ``region_a, region_b`` (sorted), ``border_km`` (> 0), ``crosses_border``.

    Examples
    --------
    >>> frame = pd.DataFrame({"region_id": ["A-a", "B-b"], "country": ["A", "B"]})
    >>> links = links_of(frame, np.array([shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)]))
    >>> links.round(1).to_dict("records")
    [{'region_a': 'A-a', 'region_b': 'B-b', 'border_km': 110.6, 'crosses_border': True}]
    """
    geometry = joined_at_date_line(geometry)
    measured = None if measured is None else joined_at_date_line(measured)
    left, right = shapely.STRtree(geometry).query(geometry, predicate="intersects")
    once = left < right
    left, right = left[once], right[once]
    # boundary with boundary: polygon with polygon would also measure slivers that cleaning left
    shared = shapely.intersection(shapely.boundary(geometry[left]), shapely.boundary(geometry[right]))
    km = np.array([line_km(line) for line in shared])
    keep = km > 0
    if measured is not None:
        shared = shapely.intersection(shapely.boundary(measured[left]), shapely.boundary(measured[right]))
        km = np.maximum(km, [line_km(line) for line in shared])
    ids, countries = frame["region_id"].to_numpy(dtype=object), frame["country"].to_numpy(dtype=object)
    table = pd.DataFrame(
        {
            "region_a": ids[left[keep]],
            "region_b": ids[right[keep]],
            "border_km": km[keep].round(3),
            "crosses_border": (countries[left[keep]] != countries[right[keep]]).astype(bool),
        }
    )
    swap = table["region_a"] > table["region_b"]
    table.loc[swap, ["region_a", "region_b"]] = table.loc[swap, ["region_b", "region_a"]].to_numpy()
    return table.sort_values(["region_a", "region_b"], ignore_index=True)


def line_km(geometry: shapely.Geometry) -> float:
    """Geodesic length of the lines in a geometry, in km; points count for nothing."""
    parts = shapely.get_parts(geometry)
    lines = parts[np.isin(shapely.get_type_id(parts), (1, 2))]
    geod = pyproj.Geod(ellps="WGS84")
    total = 0.0
    for line in lines:
        xy = shapely.get_coordinates(line)
        total += float(geod.line_length(xy[:, 0], xy[:, 1]))
    return total / 1000


def nearest_km(points: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    """Geodesic km from each point to the nearest edge of its shape, 0 inside; arrays are broadcast.

    The point of the edge is found in the plane of degrees, the length on the ellipsoid.
    """
    lines = shapely.shortest_line(points, shapes)
    ends = shapely.get_coordinates(lines).reshape(*lines.shape, 4)
    metres = pyproj.Geod(ellps="WGS84").inv(ends[..., 0], ends[..., 1], ends[..., 2], ends[..., 3])[2]
    return np.asarray(metres) / 1000


def border_exposure(
    frame: pd.DataFrame,
    geometry: np.ndarray,
    links: pd.DataFrame,
    country_names: Mapping[str, str],
    observed: Collection[str],
) -> pd.DataFrame:
    """International border of each observed region, and how much of it faces observed countries.

    Narrow gaps between the polygons are closed. Land that they do not hold comes from the world's outlines; figures are
    missing where even that cannot tell.
    """
    from .world import unseen_borders

    country = dict(zip(frame["region_id"], frame["country"], strict=True))
    abroad: dict[str, dict[str, float]] = {r: {} for r, c in country.items() if c in observed}
    across = links[links["crosses_border"]]
    outer, unknown = unseen_borders(frame, geometry)
    found = [
        *zip(across["region_a"], across["region_b"].map(country), across["border_km"], strict=True),
        *zip(across["region_b"], across["region_a"].map(country), across["border_km"], strict=True),
        *zip(outer["region_id"], outer["country"], outer["km"], strict=True),
    ]
    for region, code, km in found:
        if region in abroad:
            abroad[region][code] = abroad[region].get(code, 0.0) + float(km)
    rows = []
    for region in sorted(abroad):
        lengths = abroad[region]
        blind = sorted((c for c in lengths if c not in observed), key=lambda c: -lengths[c])
        total = np.nan if country[region] in unknown else round(sum(lengths.values()), 3)
        seen = min(round(sum(km for c, km in lengths.items() if c in observed), 3), total)
        names = ";".join(country_names.get(c) or country_name(c) for c in blind)
        rows.append((region, total, seen if total == total else total, names))
    return pd.DataFrame(rows, columns=["region_id", "international_km", "observed_km", "blind_towards"])
