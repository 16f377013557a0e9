"""Polygons, neighbours, assignment of points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely

from harmattan.data.errors import RegionError
from harmattan.data.geography import Regions, with_gaps_closed
from harmattan.data.geography.world import unseen_borders

EIGHT = ("BEN", "BFA", "CIV", "GNB", "MLI", "NER", "SEN", "TGO")


@pytest.fixture(scope="session")
def real_regions(real_data: Path) -> Regions:
    return Regions.read(real_data / "regions" / "admin1_west_africa.geojson")


def test_ids_names_and_links_of_four_squares(regions: Regions) -> None:
    assert regions.region_ids == ("BFA-nord", "BFA-sahel", "MLI-gao", "MLI-mopti")
    pairs = {(r.region_a, r.region_b): r.crosses_border for r in regions.links.itertuples()}
    assert pairs == {
        ("BFA-nord", "BFA-sahel"): False,
        ("BFA-nord", "MLI-mopti"): True,
        ("BFA-sahel", "MLI-gao"): True,
        ("MLI-gao", "MLI-mopti"): False,
    }


def test_border_is_geodesic(regions: Regions) -> None:
    row = regions.links[(regions.links.region_a == "BFA-nord") & (regions.links.region_b == "MLI-mopti")]
    _, _, metres = pyproj.Geod(ellps="WGS84").inv(-4, 14, -3, 14)
    assert row["border_km"].iloc[0] == pytest.approx(metres / 1000, abs=0.001)


def test_gap_along_a_border_is_measured_as_if_closed(tmp_path: Path) -> None:
    frame = pd.DataFrame({"region_id": ["A-a", "B-b"], "country": ["AAA", "BBB"]})
    from harmattan.data.geography import links_of, with_gaps_closed

    upper = shapely.Polygon([(0, 0), (0.2, 0.005), (0.4, 0), (1, 0), (1, 1), (0, 1)])
    lower = shapely.box(0, -1, 1, 0)
    shapes = np.array(shapely.coverage_clean([lower, upper]), dtype=object)
    short, full = links_of(frame, shapes), links_of(frame, shapes, with_gaps_closed(shapes))
    assert short["border_km"].iloc[0] < 70 < 110 < full["border_km"].iloc[0] < 113


def test_points_stay_in_their_own_country(regions: Regions) -> None:
    x, y = np.array([-3.5, -3.5, -3.5, 0.0]), np.array([14.5, 13.9, 13.9, 0.0])
    at, km = regions.assign(x, y, np.array(["MLI", "MLI", "BFA", "NGA"], dtype=object))
    assert [regions.region_ids[i] if i >= 0 else None for i in at] == [
        "MLI-mopti",
        "MLI-mopti",
        "BFA-nord",
        None,
    ]
    assert km[0] == 0
    assert km[1] == pytest.approx(11.06, abs=0.05)
    assert km[2] == 0
    assert np.isnan(km[3])


def test_assignment_equals_a_plain_loop(regions: Regions) -> None:
    rng = np.random.default_rng(7)
    x, y = rng.uniform(-4.3, -1.7, 300), rng.uniform(12.7, 15.3, 300)
    country = rng.choice(["MLI", "BFA"], 300).astype(object)
    at, _ = regions.assign(x, y, country)
    own = np.array(regions.countries)
    for i in range(300):
        mine = np.flatnonzero(own == country[i])
        distance = [regions.geometry[j].distance(shapely.Point(x[i], y[i])) for j in mine]
        assert regions.geometry[at[i]].distance(shapely.Point(x[i], y[i])) == pytest.approx(min(distance))
        assert own[at[i]] == country[i]


def test_exposure_counts_only_observed_countries(regions: Regions) -> None:
    alone = regions.border_exposure(["MLI"]).set_index("region_id")
    assert set(alone.index) == {"MLI-gao", "MLI-mopti"}
    assert alone.loc["MLI-gao", "observed_km"] == 0
    assert alone.loc["MLI-gao", "blind_towards"] == "Burkina Faso"
    both = regions.border_exposure(["MLI", "BFA"]).set_index("region_id")
    assert both.loc["MLI-gao", "observed_km"] == both.loc["MLI-gao", "international_km"] > 100
    assert both.loc["MLI-gao", "blind_towards"] == ""


def test_replaced_links_are_checked(regions: Regions) -> None:
    with pytest.raises(
        RegionError, match=r"row 2: 'MLI-goa' is not a known region\. Did you mean 'MLI-gao'\?"
    ):
        regions.with_links(
            pd.DataFrame({"region_a": ["MLI-goa"], "region_b": ["BFA-nord"], "border_km": [3.0]})
        )
    mine = pd.DataFrame({"region_a": ["MLI-gao"], "region_b": ["BFA-nord"], "border_km": [3.0]})
    assert regions.with_links(mine).links.iloc[0].tolist() == ["BFA-nord", "MLI-gao", 3.0, True]
    assert regions.with_links(mine).islands == ("BFA-sahel", "MLI-mopti")


def test_geojson_round_trip(regions: Regions, tmp_path: Path) -> None:
    regions.to_geojson(tmp_path / "a.geojson")
    again = Regions.read(tmp_path / "a.geojson", clean=False)
    again.to_geojson(tmp_path / "b.geojson")
    assert (tmp_path / "a.geojson").read_bytes() == (tmp_path / "b.geojson").read_bytes()
    assert again.frame.equals(regions.frame.assign(layer=again.frame["layer"]))


def test_snapshot_countries_have_192_links_43_across_borders(real_regions: Regions) -> None:
    eight = real_regions.select(EIGHT)
    assert (len(eight), len(eight.links), int(eight.links["crosses_border"].sum())) == (89, 192, 43)
    coarse = eight.simplify()
    assert shapely.coverage_is_valid(coarse.geometry)
    assert len(coarse.links) == 192
    assert eight.islands == ()


def test_cleaning_hardly_changes_areas(real_regions: Regions, real_data: Path) -> None:
    raw = Regions.read(real_data / "regions" / "admin1_west_africa.geojson", clean=False)
    change = np.abs(shapely.area(real_regions.geometry) / shapely.area(raw.geometry) - 1)
    assert change.max() < 0.001


def test_border_lengths_are_of_the_known_size(real_regions: Regions) -> None:
    links, country = (
        real_regions.links,
        dict(zip(real_regions.region_ids, real_regions.countries, strict=True)),
    )
    pair = links["region_a"].map(country) + links["region_b"].map(country)
    km = links.groupby(pair)["border_km"].sum()
    # The World Factbook: Mali-Niger 838 km, Burkina Faso-Niger 622 km, Benin-Togo 651 km.
    assert km["MLINER"] == pytest.approx(838, rel=0.1)
    assert km["BFANER"] == pytest.approx(622, rel=0.1)
    assert km["BENTGO"] == pytest.approx(651, rel=0.1)


def test_outlines_of_the_world_give_the_lengths_of_the_neighbours_own_polygons(real_regions: Regions) -> None:
    country = dict(zip(real_regions.region_ids, real_regions.countries, strict=True))
    own: dict[tuple[str, str], float] = {}
    for a, b, km in zip(*(real_regions.links[c] for c in ("region_a", "region_b", "border_km")), strict=True):
        for here, there in ((a, b), (b, a)):
            own[country[here], country[there]] = own.get((country[here], country[there]), 0.0) + km
    ours = real_regions.select(EIGHT)
    found, _ = unseen_borders(ours.frame, with_gaps_closed(ours.geometry))
    lengths = found["km"].groupby([found["region_id"].map(country), found["country"]]).sum()
    held = {pair: km for pair, km in lengths.items() if pair in own}
    assert len(held) == 14
    for pair, km in held.items():
        assert km == pytest.approx(own[pair], rel=0.06), pair
