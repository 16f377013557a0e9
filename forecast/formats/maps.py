"""Forecasts for maps: GeoJSON with a region's figures as properties, and a small JSON for a web page.

Both carry the figures of the wide table (``mean, p10, p50, p90, p_ge_1, p_ge_5, p_ge_10``). GeoJSON follows RFC 7946:
degrees of longitude and latitude, outer rings counter-clockwise, no other reference system.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from ..theatre import licences_of

if TYPE_CHECKING:
    from ...data.geography import Regions
    from ..result import ForecastResult

GEOJSON, WEBMAP = "forecast.geojson", "webmap.json"
FIGURES = ("mean", "p10", "p50", "p90", "p_ge_1", "p_ge_5", "p_ge_10")
#: Decimals of the small JSON's figures, and of coordinates (0.0001 degrees are about ten metres).
DECIMALS, COORDINATES = 4, 4
#: Polygons are thinned until they have no more vertices than this, starting at this tolerance in degrees.
MOST_VERTICES, TOLERANCE = 40_000, 0.005
CAUTION = (
    "Counts of reported events; not for targeting, for decisions about a person or for blaming a community."
)


def geo_files(result: ForecastResult, wide: pd.DataFrame) -> dict[str, str]:
    """``forecast.geojson`` (where there are polygons) and ``webmap.json``, by file name.

    Parameters
    ----------
    result : ForecastResult
        The run; its ``regions`` hold the polygons.
    wide : pandas.DataFrame
        See :func:`harmattan.forecast.formats.hub_table.wide_table`.
    """
    files = {WEBMAP: _text(webmap(result, wide))}
    if result.regions is not None:
        files[GEOJSON] = geojson(result, wide)
    return files


def geojson(result: ForecastResult, wide: pd.DataFrame) -> str:
    """A FeatureCollection, one feature and line per region that has a polygon.

    Properties are ``region_id, name, country, layer, origin`` and, per target, figure and month ahead, names such as
    ``events_mean_h1``; what all regions share stands beside the features.
    """
    assert result.regions is not None
    shapes = drawn(result.regions, result.panel.region_ids)
    layers = dict(zip(result.regions.frame["region_id"], result.regions.frame["layer"], strict=True))
    figures = _by_region(wide)
    lines = []
    for region, name, country in zip(
        result.panel.region_ids, result.panel.names, result.panel.countries, strict=True
    ):
        if region not in shapes:
            continue
        about = {"region_id": region, "name": name, "country": country, "layer": layers[region]}
        feature = {
            "type": "Feature",
            "id": region,
            "properties": {**about, "origin": str(result.origin), **figures[region]},
            "geometry": json.loads(shapely.to_geojson(shapes[region])),
        }
        lines.append(json.dumps(feature, ensure_ascii=False, separators=(",", ":")))
    head = json.dumps(_head(result), ensure_ascii=False, separators=(",", ":"))[1:-1]
    return f'{{"type":"FeatureCollection",{head},"features":[\n' + ",\n".join(lines) + "\n]}\n"


def _head(result: ForecastResult) -> dict[str, Any]:
    return {
        "name": f"harmattan-{result.origin}",
        "origin": str(result.origin),
        "months": [str(m) for m in result.months],
        "level": result.level,
        "banner": result.banner,
        "credit": _credit(result),
        "caution": CAUTION,
    }


def _credit(result: ForecastResult) -> str:
    """Who made the figures, from what, and under which licences."""
    licences, source = licences_of(result.panel, result.regions), result.panel.source
    made = f"Forecasts: Harmattan ({licences['forecasts']}), computed from {source or 'counts of its user'}"
    return f"{made}; events: {licences['events']}; boundaries: {licences['regions']}."


def _by_region(wide: pd.DataFrame) -> dict[str, dict[str, float]]:
    """``events_mean_h1`` and so on by region, in order of target, month and figure."""
    figures: dict[str, dict[str, float]] = {}
    columns = [wide[name].tolist() for name in ("target", "region_id", "horizon", *FIGURES)]
    for target, region, horizon, *values in zip(*columns, strict=True):
        mine = figures.setdefault(region, {})
        for name, value in zip(FIGURES, values, strict=True):
            mine[f"{target}_{name}_h{horizon}"] = value
    return figures


def drawn(regions: Regions, region_ids: tuple[str, ...]) -> dict[str, shapely.Geometry]:
    """Valid, simplified polygons of regions by id, thinned together so that neighbours keep their shared line.

    A region without a polygon, or with an empty one, is not among them.
    """
    row = {region: i for i, region in enumerate(regions.frame["region_id"])}
    ids = [r for r in region_ids if r in row and not shapely.is_empty(regions.geometry[row[r]])]
    if not ids:
        return {}
    shapes = np.array([regions.geometry[row[r]] for r in ids], dtype=object)
    tolerance = TOLERANCE
    while shapely.get_num_coordinates(shapes).sum() > MOST_VERTICES and tolerance < 1:
        thinned = shapely.coverage_simplify(shapes, tolerance)
        shapes, tolerance = np.where(shapely.is_empty(thinned), shapes, thinned), 2 * tolerance
    return dict(zip(ids, _tidy(shapes), strict=True))


def _tidy(shapes: np.ndarray) -> np.ndarray:
    """Polygons with short coordinates, valid, outer rings counter-clockwise; what would vanish stays as it was."""
    rounded = shapely.set_precision(shapes, 10.0**-COORDINATES)
    kept = np.where(shapely.is_empty(rounded), shapely.make_valid(shapes), rounded)
    short = shapely.transform(kept, lambda xy: np.round(xy, COORDINATES))
    # Rounding what was kept as it was can break it again.
    sound = np.where(shapely.is_valid(short), short, kept)
    return np.asarray(shapely.orient_polygons(sound))


def webmap(result: ForecastResult, wide: pd.DataFrame) -> dict[str, Any]:
    """Everything that a web map needs beside polygons: ``months``, and per target and region a list per figure.

    ``regions`` holds ``name, country`` and, where there are polygons, ``point``: longitude and latitude of a place
    inside. ``targets`` holds ``events`` and ``deaths``, each by region and figure one number per month ahead.
    """
    points = {} if result.regions is None else _points(result)
    regions = {
        region: {"name": name, "country": country} | ({"point": points[region]} if region in points else {})
        for region, name, country in zip(
            result.panel.region_ids, result.panel.names, result.panel.countries, strict=True
        )
    }
    targets: dict[str, dict[str, dict[str, list[float]]]] = {}
    rows = wide.sort_values("horizon", kind="stable")
    short = [rows[name].tolist() for name in ("target", "region_id")] + [
        rows[name].round(DECIMALS).tolist() for name in FIGURES
    ]
    for target, region in wide[["target", "region_id"]].drop_duplicates().itertuples(index=False):
        targets.setdefault(str(target), {})[str(region)] = {name: [] for name in FIGURES}
    for target, region, *values in zip(*short, strict=True):
        mine = targets[str(target)][str(region)]
        for name, value in zip(FIGURES, values, strict=True):
            mine[name].append(value)
    return {"format": 1, **_head(result), "figures": list(FIGURES), "regions": regions, "targets": targets}


def _points(result: ForecastResult) -> dict[str, list[float]]:
    assert result.regions is not None
    row = {region: i for i, region in enumerate(result.regions.frame["region_id"])}
    found = {}
    for region in result.panel.region_ids:
        if region in row and not shapely.is_empty(result.regions.geometry[row[region]]):
            middle = shapely.point_on_surface(result.regions.geometry[row[region]])
            found[region] = [round(float(middle.x), 3), round(float(middle.y), 3)]
    return found


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"


def check_features(text: str, wide: pd.DataFrame) -> pd.DataFrame:
    """Features of a GeoJSON that are invalid, clockwise, outside the globe, or at odds with the wide table.

    Returns
    -------
    pandas.DataFrame
        ``region_id, problem``.
    """
    document = json.loads(text)
    figures = _by_region(wide)
    rows: list[tuple[str, str]] = []
    seen: set[str] = set()
    for feature in document["features"]:
        properties = feature["properties"]
        region = str(properties.get("region_id"))
        rows += [(region, problem) for problem in _problems(feature["geometry"])]
        if region in seen:
            rows.append((region, "more than once"))
        seen.add(region)
        if region not in figures:
            rows.append((region, "unknown region"))
        elif not _agree(
            [properties.get(name) for name in figures[region]], np.array([*figures[region].values()]), 1e-6
        ):
            rows.append((region, "figures differ from wide.csv"))
    return pd.DataFrame(rows, columns=["region_id", "problem"])


def _problems(geometry: Mapping[str, Any]) -> list[str]:
    shape = shapely.geometry.shape(geometry)
    west, south, east, north = shape.bounds if not shape.is_empty else (np.nan,) * 4
    outer = shapely.get_exterior_ring(shapely.get_parts(shape))
    rules = {
        "not a polygon": shape.geom_type not in ("Polygon", "MultiPolygon"),
        "empty": shape.is_empty,
        "not valid": not shape.is_valid,
        "outside the globe": west < -180 or east > 180 or south < -90 or north > 90,
        "outer ring clockwise": not shapely.is_ccw(outer[~pd.isna(outer)]).all(),
    }
    return [problem for problem, broken in rules.items() if broken]


def _agree(mine: list[Any], wanted: np.ndarray, step: float) -> bool:
    """Whether a list, or one of lists, holds these numbers, but for the decimals that a text leaves out."""
    try:
        found = np.array(mine)
    except ValueError:  # Lists of unequal lengths.
        return False
    same = found.shape == wanted.shape and found.dtype.kind in "iuf"
    return same and np.allclose(found, wanted, rtol=1e-9, atol=step)


def check_webmap(text: str, wide: pd.DataFrame) -> pd.DataFrame:
    """Regions of the small JSON that are missing, unknown, or at odds with the wide table.

    Returns
    -------
    pandas.DataFrame
        ``target, region_id, problem``.
    """
    document = json.loads(text)
    rows: list[tuple[str, str, str]] = []
    ordered = wide.sort_values("horizon", kind="stable")
    figures = ordered[list(FIGURES)].to_numpy(float)
    grouped: Any = ordered.groupby(["target", "region_id"], sort=False).indices
    wanted = {(str(key[0]), str(key[1])): figures[at].T for key, at in grouped.items()}
    there = {(target, region) for target, by in document["targets"].items() for region in by}
    rows += [(*key, "missing") for key in sorted(wanted.keys() - there)]
    rows += [(*key, "unknown") for key in sorted(there - wanted.keys())]
    for (target, region), values in wanted.items():
        mine = document["targets"].get(target, {}).get(region, {})
        agrees = _agree([mine.get(name) for name in FIGURES], values, 10.0**-DECIMALS)
        if (target, region) in there and not agrees:
            rows.append((target, region, "figures differ from wide.csv"))
        if (target, region) in there and region not in document["regions"]:
            rows.append((target, region, "no name"))
    return pd.DataFrame(rows, columns=["target", "region_id", "problem"])
