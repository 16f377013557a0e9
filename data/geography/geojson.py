"""GeoJSON in and out: features to a table of regions and an array of polygons, and back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from anyascii import anyascii
from shapely.geometry import shape

from ..errors import RegionError, SourceError
from .countries import country_code, country_name
from .map_files import GEOPACKAGE, PARQUET, map_features

_ID_KEYS = ("region_id",)
#: Where common files keep the country: codes first (Natural Earth, GADM, geoBoundaries, OCHA), then names.
_COUNTRY_KEYS = (
    *("country_iso3", "iso3", "iso_a3", "adm0_a3", "gid_0", "shapegroup", "iso2", "iso_a2", "adm0_pcode"),
    *("country_code", "country", "country_name", "admin", "adm0_en", "adm0_name", "name_0"),
)
_NAME_KEYS = (
    *("adm1_name", "name", "shapename", "name_1", "adm1_en", "adm1_fr", "adm1_es", "adm1_pt"),
    *("name_en", "region", "state", "province", "department"),
)
_SHAPES = ("Polygon", "MultiPolygon")


def region_slug(country: str, name: str) -> str:
    """The id of a region: ISO3, a hyphen, the name in plain Latin letters, whatever its script.

    A name without a letter or digit becomes the numbers of its characters, so that no id is empty.

    >>> region_slug("MLI", "Ségou"), region_slug("CIV", "N'zi-Comoé"), region_slug("TUR", "Bartın")
    ('MLI-segou', 'CIV-n-zi-comoe', 'TUR-bartin')
    """
    bare = re.sub(r"[^a-z0-9]+", "-", anyascii(name).lower()).strip("-")
    return f"{country}-" + (bare or "-".join(f"u{ord(c):x}" for c in name))


def read_features(path: Path) -> tuple[list[dict[str, Any]], str]:
    """The features of a file, and the title it gives itself."""
    if not path.is_file():
        raise SourceError("the file does not exist.", where=str(path), remedy="Check the path.")
    with path.open("rb") as stream:
        start = stream.read(16)
    if start.startswith((GEOPACKAGE, PARQUET)):
        read, title, system = map_features(path, start)
        _known_system(system, path)
        return [_in_degrees(f, system) for f in read] if system else read, title
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        line = getattr(error, "lineno", 1)
        raise SourceError(
            "this is not GeoJSON.",
            where=f"{path}, line {line}",
            remedy="Give a FeatureCollection of polygons, a GeoPackage or GeoParquet.",
        ) from None
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list) or not features:
        raise SourceError(
            "there are no features.", where=str(path), remedy="Give a FeatureCollection of polygons."
        )
    system = _system(document, path)
    if system:
        features = [_in_degrees(feature, system) for feature in features]
    return features, str(document.get("name", path.stem))


def _system(document: dict[str, Any], path: Path) -> str:
    """The reference system that a file names, such as ``EPSG:32629``; empty for longitude and latitude."""
    named = document.get("crs")
    properties = named.get("properties") if isinstance(named, dict) else None
    name = str(properties.get("name", "")) if isinstance(properties, dict) else ""
    return "" if not name or re.search(r"CRS:?84|EPSG:+4326$", name.upper()) else _known_system(name, path)


def _known_system(name: str, path: Path) -> str:
    """The name of a reference system; a :class:`RegionError` where it is none."""
    if not name:
        return ""
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        CRS.from_user_input(name)
    except CRSError:
        raise RegionError(
            f"'{name[:60]}' is not a known reference system.",
            where=str(path),
            remedy="Export the polygons in EPSG:4326, longitude first.",
        ) from None
    return name


def _in_degrees(feature: Any, system: str) -> Any:
    """A feature with its coordinates as longitude and latitude; one that cannot be read is left for the checks."""
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    if not isinstance(geometry, dict) or geometry.get("type") not in _SHAPES:
        return feature
    from pyproj import Transformer

    transformer = Transformer.from_crs(system, "EPSG:4326", always_xy=True)

    def moved(xy: np.ndarray) -> np.ndarray:
        return np.column_stack(transformer.transform(xy[:, 0], xy[:, 1])).round(7)

    try:
        found = shapely.transform(shape(geometry), moved)
    except (KeyError, TypeError, ValueError, IndexError, shapely.errors.ShapelyError):
        return feature
    return {**feature, "geometry": shapely.geometry.mapping(found)}


def parse_features(
    features: Sequence[dict[str, Any]], path: str
) -> tuple[pd.DataFrame, np.ndarray, dict[str, str]]:
    """Regions, polygons and country names; a :class:`RegionError` names the feature that cannot be used."""
    rows: list[dict[str, str]] = []
    shapes: list[shapely.Geometry] = []
    names: dict[str, str] = {}
    for i, feature in enumerate(features, start=1):
        where = f"{path}, feature {i}"
        given = feature.get("properties") if isinstance(feature, dict) else None
        properties = {str(k).lower(): v for k, v in given.items()} if isinstance(given, dict) else {}
        stated, name = _first(properties, _COUNTRY_KEYS), _first(properties, _NAME_KEYS)
        country = _country(stated)
        if not country:
            raise RegionError(
                f"the country code is '{stated[:40]}'.",
                where=where,
                remedy="Give 'iso3', three capital letters.",
            )
        if not name:
            raise RegionError("the region has no name.", where=where, remedy="Give 'adm1_name' or 'name'.")
        region_id = _first(properties, _ID_KEYS) or region_slug(country, name)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", region_id):
            raise RegionError(
                f"'{region_id[:40]}' cannot be a region id.",
                where=where,
                remedy="Use letters, digits and hyphens.",
            )
        shapes.append(_polygon(feature.get("geometry"), where))
        full = _first(properties, ("country_name", "country"))
        names.setdefault(country, country_name(country) if full in ("", country) else full)
        rows.append(
            {
                "region_id": region_id,
                "name": name,
                "country": country,
                "layer": str(properties.get("layer") or ""),
                "valid_from": str(properties.get("valid_from") or ""),
                "valid_to": str(properties.get("valid_to") or ""),
            }
        )
    frame = pd.DataFrame(rows)
    twice = frame[frame["region_id"].duplicated()]
    if len(twice):
        raise RegionError(
            f"the region id '{twice.iloc[0]['region_id']}' is given twice.",
            where=f"{path}, feature {twice.index[0] + 1}",
            remedy="Give 'region_id' where two regions share a name.",
        )
    return frame, np.array(shapes, dtype=object), names


def _country(given: str) -> str:
    """The code of a country; empty where it is neither a code nor the name of a country."""
    # Three capitals are taken as they are: simulated and disputed places have codes of their own.
    return country_code(given) or (given if re.fullmatch(r"[A-Z]{3}", given) else "")


def _first(properties: dict[str, Any], keys: Sequence[str]) -> str:
    """The first property that says something; ``-99`` is Natural Earth's for nothing."""
    texts = (str(properties.get(key) or "").strip() for key in keys)
    return next((text for text in texts if text not in ("", "-99")), "")


def _polygon(geometry: object, where: str) -> shapely.Geometry:
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if not isinstance(geometry, dict) or kind not in _SHAPES:
        raise RegionError(f"the geometry is {kind}, not a polygon.", where=where, remedy="Give polygons.")
    try:
        rings = geometry["coordinates"] if kind == "MultiPolygon" else [geometry["coordinates"]]
        points = [[[float(x) for x in p[:2]] for p in ring] for polygon in rings for ring in polygon]
        arrays = [np.array(ring, dtype=float).reshape(len(ring), 2) for ring in points]
    except (KeyError, TypeError, ValueError):
        raise RegionError(
            "the coordinates of the polygon cannot be read.",
            where=where,
            remedy="Give rings of [longitude, latitude].",
        ) from None
    if not arrays:
        raise RegionError("the polygon has no ring.", where=where, remedy="Export the polygons again.")
    for xy in arrays:
        if len(xy) < 4 or (xy[0] != xy[-1]).any():
            raise RegionError(
                "a ring of the polygon is not closed.",
                where=where,
                remedy="Repeat the first point at the end.",
            )
        if not (np.abs(xy[:, 0]) <= 180).all() or not (np.abs(xy[:, 1]) <= 90).all():
            raise RegionError(
                "coordinates are not degrees of longitude and latitude.",
                where=where,
                remedy="Export the polygons in EPSG:4326, longitude first.",
            )
    found = shape(geometry)
    if found.is_valid:
        return found
    parts = shapely.get_parts(shapely.get_parts(shapely.make_valid(found)))
    return shapely.union_all(parts[shapely.get_type_id(parts) == 3])


def write_geojson(
    path: str | Path, frame: pd.DataFrame, geometry: np.ndarray, country_names: Mapping[str, str], digits: int
) -> None:
    """Write regions, one feature per line; the same bytes for the same regions."""
    lines = []
    for row, polygon in zip(frame.to_dict("records"), geometry, strict=True):
        properties = {k: row[k] for k in ("region_id", "name", "country", "layer")}
        properties["country_name"] = country_names.get(row["country"], row["country"])
        properties |= {k: row[k] for k in ("valid_from", "valid_to") if row.get(k)}
        outline = _rounded(shapely.geometry.mapping(polygon), digits)
        feature = {"type": "Feature", "properties": properties, "geometry": outline}
        lines.append(json.dumps(feature, ensure_ascii=False, separators=(",", ":")))
    body = '{"type":"FeatureCollection","features":[\n' + ",\n".join(lines) + "\n]}\n"
    Path(path).write_text(body, encoding="utf-8")


def _rounded(geometry: dict[str, Any], digits: int) -> dict[str, Any]:
    def walk(node: Any) -> Any:
        return [walk(n) for n in node] if isinstance(node, (list, tuple)) else round(float(node), digits)

    return {"type": geometry["type"], "coordinates": walk(geometry["coordinates"])}
