"""Outlines of the world's countries, and the land that the polygons at hand border on without holding it.

``world.json`` beside this file (TopoJSON, 0.01 degrees): Natural Earth 1:50m admin-0 countries, version 4.1, public
domain (naturalearthdata.com), as packed in ``world-atlas`` 2.0.2; thinned by :func:`make_world`. Somaliland counts as
Somalia's, Northern Cyprus as Cyprus's, the Siachen glacier as India's; Antarctica and small islands are left out.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyproj
import shapely

from .countries import ISO_NUMBER, country_code

#: An edge lies at a country whose outline is at most this far away, degrees (about 28 km): outlines are coarser.
REACH = 0.25
#: Pieces that an edge is judged in, degrees.
PIECE = 0.02
#: A country of the polygons lies in the world where at least this share of it is land there, or it is smaller than an
#: islet (square degrees); an outline of which as much is covered is no neighbour, whatever its code.
COVERED, ISLET = 0.5, 0.4
#: Degrees: how far borders and coasts are thinned, and square degrees: parts of countries that are left out.
_BORDER, _COAST, _SMALL = 0.022, 0.12, 0.05
_DECIMALS = 2
_OWNERS = {"Somaliland": "SOM", "N. Cyprus": "CYP", "Siachen Glacier": "IND"}


@functools.cache
def world_outlines() -> dict[str, shapely.Geometry]:
    """Land of each country in degrees, by ISO3.

    >>> [round(bound) for bound in world_outlines()["GMB"].bounds]
    [-17, 13, -14, 14]
    """
    return _shapes(json.loads((files(__package__) / "world.json").read_text(encoding="utf-8")))


def unseen_borders(frame: pd.DataFrame, geometry: np.ndarray) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Where the outer edge of polygons lies at a country of which they hold nothing.

    A piece of the edge belongs to the nearest such country within :data:`REACH`, unless the sea is nearer.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``region_id, country`` of each polygon.
    geometry : numpy.ndarray
        Polygons of one coverage, degrees.

    Returns
    -------
    pandas.DataFrame
        ``region_id``, ``country`` (ISO3, without polygons), ``km`` (> 0).
    tuple of str
        Countries of the polygons that do not lie on the world's land: their neighbours cannot be known.

    Examples
    --------
    >>> frame = pd.DataFrame({"region_id": ["LSO-a"], "country": ["LSO"]})
    >>> found, unknown = unseen_borders(frame, np.array([world_outlines()["LSO"]]))
    >>> found.round(-2).to_dict("records"), unknown
    ([{'region_id': 'LSO-a', 'country': 'ZAF', 'km': 700.0}], ())
    """
    others, land, unknown = _around(list(frame["country"]), geometry)
    whole = shapely.coverage_union_all(geometry)
    edge = shapely.boundary(whole)
    at, piece = _pieces(shapely.intersection(shapely.boundary(geometry), edge))
    middle = shapely.points(piece.mean(axis=1))
    codes = sorted(others)
    distance = np.full((len(codes), len(middle)), np.inf)
    for row, code in enumerate(codes):
        shapely.prepare(others[code])
        close = shapely.dwithin(middle, others[code], REACH)
        distance[row, close] = shapely.distance(middle[close], others[code])
    nearest = distance.min(axis=0, initial=np.inf)
    hit = np.flatnonzero(nearest <= REACH)
    sea = shapely.difference(_vicinity(geometry), land)
    hit = hit[nearest[hit] <= shapely.distance(middle[hit], sea)] if not sea.is_empty else hit
    found = pd.DataFrame(
        {
            "region_id": frame["region_id"].to_numpy(dtype=object)[at[hit]],
            "country": np.array(codes, dtype=object)[distance[:, hit].argmin(axis=0)] if len(hit) else [],
            "km": _km(piece[hit]),
        }
    )
    return found.groupby(["region_id", "country"])["km"].sum().reset_index(), unknown


def lands_around(countries: Sequence[str], geometry: np.ndarray) -> dict[str, shapely.Geometry]:
    """Land of countries near polygons that hold nothing of them, by ISO3, cut off at about a degree from them.

    Parameters
    ----------
    countries : sequence of str
        ISO3 of each polygon.
    geometry : numpy.ndarray
        Polygons, degrees.

    Examples
    --------
    >>> sorted(lands_around(["GMB"], np.array([world_outlines()["GMB"]])))
    ['GIN', 'GNB', 'SEN']
    """
    return _around(countries, geometry)[0]


def _vicinity(geometry: np.ndarray) -> shapely.Geometry:
    return shapely.box(*shapely.total_bounds(geometry)).buffer(4 * REACH, join_style="mitre")


def _around(
    countries: Sequence[str], geometry: np.ndarray
) -> tuple[dict[str, shapely.Geometry], shapely.Geometry, tuple[str, ...]]:
    """Land of countries that the polygons do not hold; all land near them; countries of theirs that are not on it."""
    world, near, own = world_outlines(), _vicinity(geometry), np.asarray(countries, dtype=object)
    land = {c: shapely.intersection(s, near) for c, s in world.items() if shapely.intersects(s, near)}
    mine = {c: shapely.union_all(geometry[own == c]) for c in sorted(set(own))}
    every, whole = shapely.union_all(list(land.values())), shapely.union_all(list(mine.values()))
    unknown = tuple(
        c
        for c, s in mine.items()
        if s.area > ISLET and shapely.intersection(s, every).area < COVERED * s.area
    )
    others = {
        c: s
        for c, s in land.items()
        if c not in mine
        and shapely.intersection(s, whole).area < COVERED * world[c].area
        and all(shapely.intersection(s, m).area < COVERED * m.area for m in mine.values())
    }
    return others, every, unknown


def _pieces(lines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which line each short straight piece is of, and its two ends."""
    parts, owner = shapely.get_parts(lines, return_index=True)
    straight = shapely.get_type_id(parts) == 1
    xy, line = shapely.get_coordinates(shapely.segmentize(parts[straight], PIECE), return_index=True)
    together = line[1:] == line[:-1]
    pairs = np.stack([xy[:-1][together], xy[1:][together]], axis=1)
    return owner[straight][line[1:][together]], pairs


def _km(pairs: np.ndarray) -> np.ndarray:
    """Geodesic length of each straight piece."""
    (x, y), (to_x, to_y) = pairs[:, 0].T, pairs[:, 1].T
    return np.asarray(pyproj.Geod(ellps="WGS84").inv(x, y, to_x, to_y)[2]) / 1000


def _shapes(topology: dict[str, Any]) -> dict[str, shapely.Geometry]:
    scale, shift = (np.array(topology["transform"][k]) for k in ("scale", "translate"))
    arcs = [np.cumsum(arc, axis=0) * scale + shift for arc in topology["arcs"]]

    def ring(numbers: list[int]) -> np.ndarray:
        walked = [arcs[i] if i >= 0 else arcs[~i][::-1] for i in numbers]
        return np.concatenate([part[i > 0 :] for i, part in enumerate(walked)])

    found: dict[str, list[shapely.Geometry]] = {}
    for country in topology["objects"]["countries"]["geometries"]:
        for first, *holes in _polygons(country):
            shape = shapely.Polygon(ring(first), [ring(h) for h in holes])
            valid = shapely.get_parts(shapely.make_valid(_cut_at_date_line(shape)))
            found.setdefault(_owner(country), []).extend(valid[shapely.get_dimensions(valid) == 2])
    return {c: shapely.union_all(s) for c, s in sorted(found.items()) if s}


def _cut_at_date_line(shape: shapely.Geometry) -> shapely.Geometry:
    """What runs over longitude 180 as two parts, each with its own longitudes."""
    west, _, east, _ = shape.bounds
    if east - west <= 180:
        return shape
    around = shapely.transform(shape, lambda xy: np.column_stack([xy[:, 0] % 360, xy[:, 1]]))
    here, there = (
        shapely.intersection(shapely.make_valid(around), shapely.box(x, -90, x + 180, 90)) for x in (0, 180)
    )
    back = shapely.transform(there, lambda xy: xy - np.array([360.0, 0.0]))
    return shapely.union_all([here, back])


def _polygons(country: dict[str, Any]) -> list[list[list[int]]]:
    """Rings of numbers of arcs."""
    return [country["arcs"]] if country["type"] == "Polygon" else country["arcs"]


def _owner(country: dict[str, Any]) -> str:
    name = country["properties"]["name"]
    return (
        ISO_NUMBER.get(int(country.get("id", -1)))
        or _OWNERS.get(name)
        or ("" if "id" in country else country_code(name))
    )


def make_world(countries_50m: str | Path, out: str | Path) -> Path:
    """Write ``world.json``: borders thinned a little, coasts more, small islands left out; the same bytes every time.

    Parameters
    ----------
    countries_50m : path
        ``countries-50m.json`` of the npm package ``world-atlas`` 2.0.2 (Natural Earth 4.1, public domain).
    out : path
        The file to write.
    """
    raw = json.loads(Path(countries_50m).read_text(encoding="utf-8"))
    scale, shift = (np.array(raw["transform"][k]) for k in ("scale", "translate"))
    countries = [c for c in raw["objects"]["countries"]["geometries"] if _owner(c) not in ("", "ATA")]
    full = [np.cumsum(arc, axis=0) * scale + shift for arc in raw["arcs"]]

    def numbers(ring: list[int]) -> list[int]:
        return [i if i >= 0 else ~i for i in ring]

    used = Counter(i for c in countries for p in _polygons(c) for r in p for i in numbers(r))
    new: dict[int, int] = {}
    arcs: list[list[list[int]]] = []

    def kept(i: int) -> int:
        at = i if i >= 0 else ~i
        if at not in new:
            line = shapely.simplify(shapely.LineString(full[at]), _BORDER if used[at] > 1 else _COAST)
            whole = np.rint(shapely.get_coordinates(line) * 10**_DECIMALS).astype(int)
            steps = np.diff(whole, axis=0)
            new[at] = len(arcs)
            arcs.append([whole[0].tolist(), *steps[(steps != 0).any(axis=1)].tolist()])
        return new[at] if i >= 0 else ~new[at]

    def size(rings: list[list[int]]) -> float:
        xy = np.concatenate([full[i] if i >= 0 else full[~i][::-1] for i in rings[0]])
        return float(shapely.Polygon(xy).area) if len(xy) > 3 else 0.0

    shapes: list[dict[str, Any]] = []
    for country in sorted(countries, key=_owner):
        polygons = _polygons(country)
        wanted = [p for p in polygons if size(p) >= _SMALL or any(used[a] > 1 for a in numbers(p[0]))]
        if wanted:
            shapes.append(
                {
                    **{k: v for k, v in country.items() if k in ("id", "properties")},
                    "type": "MultiPolygon",
                    "arcs": [[[kept(i) for i in ring] for ring in p] for p in wanted],
                }
            )
    unit = 10.0**-_DECIMALS
    topology = {
        "type": "Topology",
        "transform": {"scale": [unit, unit], "translate": [0, 0]},
        "objects": {"countries": {"type": "GeometryCollection", "geometries": shapes}},
        "arcs": arcs,
    }
    Path(out).write_text(
        json.dumps(topology, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8"
    )
    return Path(out)
