"""Polygons and names from anywhere in the world: other properties, other reference systems, longitude 180."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import Transformer
from small_files import square

from harmattan.data.errors import RegionError
from harmattan.data.geography import GW_TO_ISO3, Regions, joined_at_date_line, links_of
from harmattan.data.geography.countries import (
    COUNTRY_NAMES,
    ISO2_TO_ISO3,
    ISO_NUMBER,
    country_code,
)


def write(path: Path, features: list[dict[str, Any]], **top: Any) -> Path:
    document = {"type": "FeatureCollection", "features": features, **top}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def states(*properties: dict[str, Any], west: float = -75, south: float = 4) -> list[dict[str, Any]]:
    shapes = [{"type": "Polygon", "coordinates": square(west + i, south)} for i in range(len(properties))]
    return [
        {"type": "Feature", "properties": p, "geometry": s} for p, s in zip(properties, shapes, strict=True)
    ]


@pytest.mark.parametrize(
    "properties",
    [
        {"GID_0": "COL", "NAME_1": "Meta"},
        {"shapeGroup": "COL", "shapeName": "Meta"},
        {"ADM0_PCODE": "CO", "ADM1_ES": "Meta"},
        {"iso_a2": "CO", "name": "Meta"},
        {"iso_a3": "-99", "adm0_a3": "COL", "name": "Meta"},
        {"COUNTRY": "Colombia", "NAME_1": "Meta"},
        {"admin": "Colombia", "name_en": "Meta"},
        {"country": "colombia", "state": "Meta"},
    ],
)
def test_common_files_are_read_as_they_are(properties: dict[str, str], tmp_path: Path) -> None:
    regions = Regions.read(write(tmp_path / "a.geojson", states(properties)))
    assert regions.region_ids == ("COL-meta",)
    assert regions.country_names["COL"].lower() == "colombia"


def test_a_country_that_is_none_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.geojson", states({"country": "Atlantis", "name": "Meta"}))
    with pytest.raises(RegionError, match="feature 1: the country code is 'Atlantis'"):
        Regions.read(path)


@pytest.mark.parametrize("system", ["urn:ogc:def:crs:EPSG::3857", "EPSG:32618", "ESRI:102022"])
def test_another_reference_system_is_brought_to_degrees(system: str, tmp_path: Path) -> None:
    features = states({"iso3": "COL", "name": "Meta"}, {"iso3": "VEN", "name": "Apure"})
    plain = Regions.read(write(tmp_path / "plain.geojson", features))
    to = Transformer.from_crs("EPSG:4326", system, always_xy=True)
    for feature in features:
        rings = feature["geometry"]["coordinates"]
        feature["geometry"]["coordinates"] = [[list(to.transform(*p)) for p in ring] for ring in rings]
    crs = {"type": "name", "properties": {"name": system}}
    moved = Regions.read(write(tmp_path / "moved.geojson", features, crs=crs))
    assert np.allclose(shapely.bounds(moved.geometry), shapely.bounds(plain.geometry), atol=1e-6)
    assert np.allclose(moved.links["border_km"], plain.links["border_km"], atol=0.01)


@pytest.mark.parametrize("name", ["urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4326", "urn:ogc:def:crs:EPSG::4326"])
def test_degrees_that_are_named_stay_as_they_are(name: str, tmp_path: Path) -> None:
    crs = {"type": "name", "properties": {"name": name}}
    path = write(tmp_path / "a.geojson", states({"iso3": "COL", "name": "Meta"}), crs=crs)
    assert Regions.read(path).geometry[0].bounds == (-75, 4, -74, 5)


def test_a_reference_system_that_is_none(tmp_path: Path) -> None:
    crs = {"type": "name", "properties": {"name": "EPSG:999999"}}
    path = write(tmp_path / "a.geojson", states({"iso3": "COL", "name": "Meta"}), crs=crs)
    with pytest.raises(RegionError, match="'EPSG:999999' is not a known reference system"):
        Regions.read(path)


def test_a_broken_polygon_in_another_system_is_still_told(tmp_path: Path) -> None:
    features = states({"iso3": "COL", "name": "Meta"})
    features[0]["geometry"]["coordinates"] = [[["a", "b"]]]
    crs = {"type": "name", "properties": {"name": "EPSG:3857"}}
    with pytest.raises(RegionError, match="feature 1"):
        Regions.read(write(tmp_path / "a.geojson", features, crs=crs))


def across() -> np.ndarray:
    """Five squares around longitude 180: the first on both sides of it, the others on one."""
    both = shapely.union_all([shapely.box(179, -18, 180, -17), shapely.box(-180, -18, -179, -17)])
    boxes = [(178, -18, 179, -17), (-179, -18, -178, -17), (-180, -17, -179, -16), (179, -17, 180, -16)]
    return np.array([both, *(shapely.box(*b) for b in boxes)], dtype=object)


def test_neighbours_across_longitude_180_are_found() -> None:
    frame = pd.DataFrame({"region_id": list("abcde"), "country": list("AABBA")})
    links = links_of(frame, across())
    assert list(zip(links["region_a"], links["region_b"], strict=True)) == [
        ("a", "b"), ("a", "c"), ("a", "d"), ("a", "e"), ("d", "e")
    ]  # fmt: skip
    assert links["crosses_border"].tolist() == [False, True, True, False, True]


def test_what_lies_across_longitude_180_is_drawn_together() -> None:
    west, _, east, _ = shapely.total_bounds(joined_at_date_line(across()))
    assert (west, east) == (178, 182)


def test_elsewhere_nothing_is_moved() -> None:
    geometry = np.array([shapely.box(-75, 4, -74, 5), shapely.box(10, 4, 11, 5)], dtype=object)
    assert joined_at_date_line(geometry) is geometry


def test_codes_and_names_are_each_given_once() -> None:
    assert len(set(COUNTRY_NAMES.values())) == len(COUNTRY_NAMES) == len(ISO2_TO_ISO3) == len(ISO_NUMBER)
    assert set(GW_TO_ISO3.values()) <= set(COUNTRY_NAMES)
    assert all(country_code(name) == code for code, name in COUNTRY_NAMES.items())


def test_every_country_of_a_world_file_is_known(real_data: Path) -> None:
    names = pd.read_csv(real_data / "candidate" / "GEDEvent_v26_0_4.csv", usecols=["country"])["country"]
    assert [name for name in names.dropna().unique() if not country_code(name)] == []
