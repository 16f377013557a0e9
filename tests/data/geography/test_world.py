"""What lies beyond the polygons: neighbours and lengths of border against other sources, islands, made-up places.

Lengths of land boundaries are those of the CIA World Factbook (public domain), in km. Ours follow the polygons at hand,
whose rivers wind less, so they may be a third shorter along rivers and are the same along straight lines.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely

from harmattan.data.geography import (
    CAPITAL_NAMES,
    CAPITALS,
    Regions,
    iso3,
    lands_around,
    with_gaps_closed,
    world_outlines,
)
from harmattan.data.geography.geojson import parse_features
from harmattan.data.geography.world import make_world, unseen_borders
from harmattan.data.snapshot import load_snapshot

#: Countries with land on both sides of longitude 180.
DATE_LINE = {"FJI", "NZL", "RUS", "USA"}
IRAQ_SYRIA = {
    "IRQ": {"IRN": 1599, "JOR": 179, "KWT": 254, "SAU": 811, "TUR": 367},
    "SYR": {"ISR": 83, "JOR": 379, "LBN": 403, "TUR": 899},
}
SHIPPED = {
    "BEN": {"NGA": 809},
    "BFA": {"GHA": 602},
    "CIV": {"GHA": 720, "GIN": 816, "LBR": 778},
    "GNB": {"GIN": 421},
    "MLI": {"DZA": 1359, "GIN": 1062, "MRT": 2236},
    "NER": {"DZA": 951, "LBY": 342, "NGA": 1608, "TCD": 1196},
    "SEN": {"GIN": 363, "GMB": 749, "MRT": 742},
    "TGO": {"GHA": 1098},
}
EAST_AFRICA = {
    "CMR": {"GAB": 349, "GNQ": 183, "NGA": 1975},
    "COD": {"AGO": 2646, "ZMB": 2332},
    "COG": {"AGO": 231, "GAB": 2567},
    "SDN": {"EGY": 1276, "LBY": 382},
    "TCD": {"LBY": 1050, "NER": 1196, "NGA": 85},
    "TZA": {"MOZ": 840, "MWI": 512, "ZMB": 353},
}
#: Borders that are straight lines for most of their length.
STRAIGHT = {("MLI", "DZA"), ("MLI", "MRT"), ("NER", "DZA"), ("NER", "LBY"), ("NER", "TCD")}
STRAIGHT |= {("SDN", "EGY"), ("SDN", "LBY"), ("TCD", "LBY"), ("TCD", "NER"), ("IRQ", "SAU")}


def lengths(frame: pd.DataFrame, geometry: np.ndarray) -> dict[tuple[str, str], float]:
    found, unknown = unseen_borders(frame, with_gaps_closed(geometry))
    assert unknown == ()
    home = found["region_id"].map(dict(zip(frame["region_id"], frame["country"], strict=True)))
    return found["km"].groupby([home, found["country"]]).sum().to_dict()


def outlines(*codes: str) -> tuple[pd.DataFrame, np.ndarray]:
    frame = pd.DataFrame({"region_id": [f"{c}-all" for c in codes], "country": codes})
    return frame, np.array([world_outlines()[c] for c in codes], dtype=object)


def check(found: dict[tuple[str, str], float], known: dict[str, dict[str, int]]) -> None:
    flat = {(home, abroad): km for home, row in known.items() for abroad, km in row.items()}
    assert set(found) == set(flat)
    for pair, km in flat.items():
        low, high = (0.92, 1.03) if pair in STRAIGHT else (0.62, 1.08)
        assert low * km - 10 <= found[pair] <= high * km + 30, (pair, found[pair], km)


def test_the_outlines_are_small_and_cover_the_land() -> None:
    path = files("harmattan.data.geography") / "world.json"
    assert len(path.read_bytes()) < 200_000
    world = world_outlines()
    assert all(shape.is_valid and shape.geom_type in {"Polygon", "MultiPolygon"} for shape in world.values())
    assert world["FJI"].area < 2
    assert all(shape.bounds[2] - shape.bounds[0] < 180 for c, shape in world.items() if c not in DATE_LINE)
    area = {"COL": 1.139e6, "SOM": 0.637e6, "SYR": 0.185e6, "UGA": 0.241e6}
    for code, km2 in area.items():
        middle = np.cos(np.radians(shapely.get_y(world[code].centroid)))
        assert world[code].area * middle * 111.2**2 == pytest.approx(km2, rel=0.03), code


def test_capitals_of_the_world_lie_in_their_countries() -> None:
    world = world_outlines()
    away = {c: world[c].distance(shapely.Point(CAPITALS[c])) for c in CAPITALS if c in world}
    assert max(away.values()) < 1, max(away, key=lambda c: away[c])
    # Where it is disputed which town is one, or there is none.
    assert {c for c, shape in world.items() if c not in CAPITALS and shape.area > 1} - {"GRL", "GUF"} == {
        "ESH",
        "FLK",
        "ISR",
        "NCL",
    }
    assert (CAPITAL_NAMES["SYR"], CAPITAL_NAMES["COD"]) == ("Damascus", "Kinshasa")


@pytest.mark.parametrize(("code", "iso"), [("SDS", "SSD"), ("KOS", "XKX"), ("PSX", "PSE"), ("SOL", "SOM")])
def test_natural_earths_own_codes_are_those_of_their_countries(code: str, iso: str) -> None:
    box = shapely.geometry.mapping(shapely.box(30, 5, 31, 6))
    feature = {"type": "Feature", "properties": {"adm0_a3": code, "name": "A"}, "geometry": box}
    frame, _, _ = parse_features([feature], "r.geojson")
    assert frame["country"].tolist() == [iso] == [iso3(code)]


def test_borders_of_iraq_and_syria() -> None:
    check(lengths(*outlines("IRQ", "SYR")), IRAQ_SYRIA)


def test_what_the_shipped_regions_do_not_see() -> None:
    regions = load_snapshot().regions
    check(lengths(regions.frame, regions.geometry), SHIPPED)


@pytest.mark.slow
def test_borders_of_east_africa(real_data: Path) -> None:
    regions = Regions.read(real_data / "theatre_east_africa" / "regions.geojson")
    check(lengths(regions.frame, regions.geometry), EAST_AFRICA)
    borders = regions.border_exposure(set(regions.countries)).set_index("region_id")
    share = borders["observed_km"] / borders["international_km"]
    assert share["TCD-tibesti"] < 0.6
    assert "Libya" in borders.loc["TCD-tibesti", "blind_towards"]
    assert borders["observed_km"].sum() < borders["international_km"].sum()


def test_one_country_alone_is_blind_all_around() -> None:
    assert set(lengths(*outlines("LSO"))) == {("LSO", "ZAF")}
    assert 0.7 * 909 < lengths(*outlines("ZAF"))["ZAF", "LSO"] < 909


def test_an_island_has_no_foreign_border_and_that_is_known() -> None:
    frame, geometry = outlines("MDG", "LKA")
    found, unknown = unseen_borders(frame, geometry)
    assert (len(found), unknown) == (0, ())


def test_a_country_under_a_code_of_its_own_is_not_its_own_neighbour() -> None:
    frame, geometry = outlines("UGA")
    found = lengths(frame.assign(country="QQA", region_id="QQA-all"), geometry)
    assert {abroad for _, abroad in found} == {"COD", "KEN", "RWA", "SSD", "TZA"}
    assert set(lands_around(["QQA"], geometry)) >= {"COD", "KEN", "RWA", "SSD", "TZA"}


def test_neighbours_of_a_place_that_is_not_in_the_world_are_unknown() -> None:
    frame = pd.DataFrame({"region_id": ["QQA-a", "QQB-b"], "country": ["QQA", "QQB"]})
    boxes = np.array([shapely.box(-30, 0, -28, 2), shapely.box(-28, 0, -26, 2)], dtype=object)
    assert unseen_borders(frame, boxes)[1] == ("QQA", "QQB")
    links = pd.DataFrame(
        {"region_a": "QQA-a", "region_b": "QQB-b", "border_km": [221.0], "crosses_border": True}
    )
    borders = Regions(frame, boxes, links).border_exposure(["QQA", "QQB"])
    assert borders[["international_km", "observed_km"]].isna().all(axis=None)


def test_the_maker_thins_borders_once_for_both_sides(tmp_path: Path) -> None:
    source = files("harmattan.data.geography") / "world.json"
    again = make_world(Path(str(source)), tmp_path / "a.json").read_bytes()
    assert again == make_world(tmp_path / "a.json", tmp_path / "b.json").read_bytes()
