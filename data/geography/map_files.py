"""GeoPackage and GeoParquet as the features of a GeoJSON file; both hold well-known binary, so no library is needed."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import shapely

from ..errors import RegionError, SourceError

GEOPACKAGE, PARQUET = b"SQLite format 3\x00", b"PAR1"
#: Bytes of the bounding box in a GeoPackage's geometry, by the code in its flags.
_ENVELOPES = (0, 32, 48, 48, 64)


def map_features(path: Path, start: bytes) -> tuple[list[dict[str, Any]], str, str]:
    """Features, the layer's name, and the reference system (empty for longitude and latitude).

    Raises
    ------
    SourceError
        The file is damaged, or holds no layer or several.
    RegionError
        A geometry cannot be read.
    """
    rows, title, system = _geoparquet(path) if start.startswith(PARQUET) else _geopackage(path)
    features = []
    for i, (properties, wkb) in enumerate(rows, start=1):
        try:
            shape = None if wkb is None else shapely.from_wkb(wkb)
        except shapely.errors.ShapelyError:
            what = "the geometry cannot be read."
            raise RegionError(what, f"{path}, feature {i}", "Export the polygons again.") from None
        outline = None if shape is None else shapely.geometry.mapping(shapely.force_2d(shape))
        features.append({"type": "Feature", "properties": properties, "geometry": outline})
    return features, title, system


def _geopackage(path: Path) -> tuple[list[tuple[dict[str, Any], bytes | None]], str, str]:
    line = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        layers = line.execute(
            "SELECT g.table_name, g.column_name, s.organization, s.organization_coordsys_id FROM "
            "gpkg_geometry_columns g JOIN gpkg_spatial_ref_sys s ON s.srs_id = g.srs_id ORDER BY 1"
        ).fetchall()
        if len(layers) != 1:
            listed = ", ".join(str(one[0]) for one in layers[:6])
            what = f"the GeoPackage holds {len(layers)} layers{f' ({listed})' if listed else ''}; one is expected."
            raise SourceError(what, str(path), "Export the layer of regions alone.")
        table, column, body, code = layers[0]
        quoted = '"' + str(table).replace('"', '""') + '"'
        cursor = line.execute(f"SELECT * FROM {quoted}")
        names = [d[0] for d in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
    except sqlite3.Error as error:
        what = f"the GeoPackage cannot be read ({error})."
        raise SourceError(what, str(path), "Download or export it again.") from None
    finally:
        line.close()
    degrees = code in (0, -1) or (str(body).upper() == "EPSG" and code == 4326)
    system = "" if degrees else f"{body}:{code}"
    return [(row, _without_header(row.pop(column), path)) for row in rows], str(table), system


def _without_header(blob: bytes | None, path: Path) -> bytes | None:
    """Well-known binary from a GeoPackage's geometry; None where it is empty."""
    if blob is None or blob[:2] != b"GP":
        return None
    flags = blob[3]
    envelope = flags >> 1 & 7
    if envelope >= len(_ENVELOPES):
        raise RegionError("the geometry cannot be read.", str(path), "Export the polygons again.")
    return None if flags >> 4 & 1 else blob[8 + _ENVELOPES[envelope] :]


def _geoparquet(path: Path) -> tuple[Iterable[tuple[dict[str, Any], bytes | None]], str, str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(io.BytesIO(path.read_bytes()))
    except (pa.ArrowInvalid, OSError):
        raise SourceError(
            "the parquet file is damaged or cut off.", str(path), "Download it again."
        ) from None
    note = json.loads((table.schema.metadata or {}).get(b"geo", b"{}"))
    column = note.get("primary_column", "")
    about = note.get("columns", {}).get(column, {})
    if about.get("encoding") != "WKB" or column not in table.column_names:
        what = "this parquet file holds no polygons as GeoParquet does (well-known binary, named in 'geo')."
        raise SourceError(what, str(path), "Export the regions as GeoJSON, GeoPackage or GeoParquet.")
    crs = about.get("crs", {}) or {}
    known = crs.get("id", {})
    name = f"{known.get('authority', '')}:{known.get('code', '')}".strip(":")
    degrees = not crs or name.upper() in ("OGC:CRS84", "EPSG:4326")
    blobs = table.column(column).to_pylist()
    rows = table.drop_columns([column]).to_pylist()
    return zip(rows, blobs, strict=True), path.stem, "" if degrees else name or json.dumps(crs)
