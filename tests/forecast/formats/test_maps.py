"""GeoJSON and the small JSON for web maps."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from make_result import HOSTILE, grid_regions, make_result

from harmattan.data.geography import Regions
from harmattan.data.snapshot import load_snapshot
from harmattan.forecast.formats import hub_table as hub
from harmattan.forecast.formats import maps as geo_tables
from harmattan.forecast.formats.maps import check_features, check_webmap, drawn, geo_files

RESULT = make_result(hostile=True)
NAMES = pd.DataFrame(
    {"region_id": RESULT.panel.region_ids, "name": RESULT.panel.names, "country": RESULT.panel.countries}
)
WIDE = hub.wide_table(RESULT.draws, NAMES)
FILES = geo_files(RESULT, WIDE)
GEO = FILES["forecast.geojson"]
WEB = FILES["webmap.json"]


def test_every_region_is_a_feature_with_the_figures_of_the_wide_table() -> None:
    document = json.loads(GEO)
    assert document["type"] == "FeatureCollection"
    assert [f["id"] for f in document["features"]] == list(RESULT.panel.region_ids)
    said = next(f["properties"] for f in document["features"] if f["id"] == "BFA-nord")
    row = WIDE.query("target == 'deaths' and region_id == 'BFA-nord' and horizon == 3").iloc[0]
    assert {name: said[f"deaths_{name}_h3"] for name in geo_tables.FIGURES} == {
        name: row[name] for name in geo_tables.FIGURES
    }
    assert len(said) == 5 + 2 * 6 * 7


def test_polygons_are_valid_short_and_wound_as_the_standard_asks() -> None:
    for feature in json.loads(GEO)["features"]:
        shape = shapely.geometry.shape(feature["geometry"])
        assert shape.is_valid
        assert shape.exterior.is_ccw
        xy = shapely.get_coordinates(shape)
        np.testing.assert_array_equal(xy, xy.round(geo_tables.COORDINATES))


def test_a_hostile_name_stays_a_name() -> None:
    named = {f["id"]: f["properties"]["name"] for f in json.loads(GEO)["features"]}
    assert named["MLI-centre"] == json.loads(WEB)["regions"]["MLI-centre"]["name"] == HOSTILE


def test_the_small_json_has_one_number_per_month_and_figure() -> None:
    document = json.loads(WEB)
    assert document["months"] == [f"2024-0{m}" for m in range(1, 7)]
    assert set(document["targets"]) == {"events", "deaths"}
    for by_region in document["targets"].values():
        assert set(by_region) == set(document["regions"]) == set(RESULT.panel.region_ids)
        assert all(len(v) == 6 for figures in by_region.values() for v in figures.values())
    assert document["banner"] == RESULT.banner
    assert "not for targeting" in document["caution"]
    x, y = document["regions"]["MLI-north"]["point"]
    row = list(RESULT.panel.region_ids).index("MLI-north")
    assert RESULT.regions is not None
    assert RESULT.regions.geometry[row].contains(shapely.Point(x, y))


def test_a_run_without_polygons_has_figures_but_no_geojson() -> None:
    files = geo_files(replace(RESULT, regions=None), WIDE)
    assert set(files) == {"webmap.json"}
    assert "point" not in json.loads(files["webmap.json"])["regions"]["MLI-north"]


def test_snapshot_polygons_stay_valid_and_keep_their_neighbours() -> None:
    snapshot = load_snapshot()
    shapes = drawn(snapshot.regions, snapshot.panel.region_ids)
    assert list(shapes) == list(snapshot.panel.region_ids)
    polygons = np.array([*shapes.values()], dtype=object)
    assert shapely.is_valid(polygons).all()
    assert shapely.coverage_is_valid(polygons)
    change = shapely.area(polygons) / shapely.area(snapshot.regions.geometry)
    assert np.abs(change - 1).max() < 0.01


def test_many_vertices_are_thinned_and_small_islands_stay() -> None:
    regions = grid_regions()
    angle = np.linspace(0, 2 * np.pi, 200_001)[:-1]
    round_one = shapely.Polygon(np.column_stack([np.cos(angle), np.sin(angle)]))
    dot = shapely.box(50, 50, 50.00001, 50.00001)
    geometry = regions.geometry.copy()
    geometry[0], geometry[1] = round_one, dot
    changed = replace(regions, geometry=geometry)
    shapes = drawn(changed, tuple(regions.frame["region_id"]))  # type: ignore[arg-type]
    polygons = np.array([*shapes.values()], dtype=object)
    assert shapely.get_num_coordinates(polygons).sum() <= geo_tables.MOST_VERTICES
    assert shapely.is_valid(polygons).all()
    assert not shapely.is_empty(polygons).any()


def test_the_package_reads_its_own_map(tmp_path: Path) -> None:
    (tmp_path / "forecast.geojson").write_text(GEO, encoding="utf-8")
    regions = Regions.read(tmp_path / "forecast.geojson")
    assert regions.region_ids == tuple(sorted(RESULT.panel.region_ids))
    assert set(regions.countries) == {"MLI", "BFA", "NER", "BEN"}


def test_own_files_pass_their_checks() -> None:
    assert check_features(GEO, WIDE).empty
    assert check_webmap(WEB, WIDE).empty


def changed(text: str, change: Callable[[Any], object]) -> str:
    document = json.loads(text)
    change(document)
    return json.dumps(document)


BOWTIE = [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]
CLOCKWISE = [[[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]]]
FAR = [[[170, 0], [190, 0], [190, 1], [170, 1], [170, 0]]]


@pytest.mark.parametrize(
    ("problem", "change"),
    [
        ("not valid", lambda d: d["features"][2]["geometry"].update(coordinates=BOWTIE)),
        ("outer ring clockwise", lambda d: d["features"][2]["geometry"].update(coordinates=CLOCKWISE)),
        ("outside the globe", lambda d: d["features"][2]["geometry"].update(coordinates=FAR)),
        (
            "not a polygon",
            lambda d: d["features"][2].update(geometry={"type": "Point", "coordinates": [0, 0]}),
        ),
        ("more than once", lambda d: d["features"].append(d["features"][2])),
        ("unknown region", lambda d: d["features"][2]["properties"].update(region_id="XXX")),
        ("figures differ from wide.csv", lambda d: d["features"][2]["properties"].update(events_mean_h2=77)),
        ("figures differ from wide.csv", lambda d: d["features"][2]["properties"].pop("deaths_p90_h6")),
    ],
)
def test_a_broken_feature_is_named(problem: str, change: Callable[[Any], object]) -> None:
    found = check_features(changed(GEO, change), WIDE)
    wanted = "XXX" if problem == "unknown region" else json.loads(GEO)["features"][2]["id"]
    assert [wanted, problem] in found.values.tolist()


@pytest.mark.parametrize(
    ("row", "change"),
    [
        (["events", "MLI-north", "missing"], lambda d: d["targets"]["events"].pop("MLI-north")),
        (["events", "XXX", "unknown"], lambda d: d["targets"]["events"].update(XXX={})),
        (
            ["deaths", "MLI-north", "figures differ from wide.csv"],
            lambda d: d["targets"]["deaths"]["MLI-north"]["p90"].reverse(),
        ),
        (
            ["deaths", "MLI-north", "figures differ from wide.csv"],
            lambda d: d["targets"]["deaths"]["MLI-north"].update(mean=[1, 2]),
        ),
        (["events", "MLI-north", "no name"], lambda d: d["regions"].pop("MLI-north")),
    ],
)
def test_a_broken_map_entry_is_named(row: list[str], change: Callable[[Any], object]) -> None:
    assert row in check_webmap(changed(WEB, change), WIDE).values.tolist()
