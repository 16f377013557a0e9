"""How fine regions are, told by their polygons."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely

from harmattan.data.errors import ConfigError, UsageError
from harmattan.data.geography import Regions, priogrid
from harmattan.data.panel import Panel
from harmattan.data.snapshot import load_snapshot
from harmattan.forecast.release.disclosure import check_level, looks_finer
from harmattan.forecast.settings import Settings

LINKS = pd.DataFrame(columns=["region_a", "region_b", "border_km", "crosses_border"])


def regions_of(shapes: list[shapely.Geometry], country: str = "XXX", layer: str = "own") -> Regions:
    ids = [f"{country}-{i}" for i in range(len(shapes))]
    frame = pd.DataFrame({"region_id": ids, "name": ids, "country": country, "layer": layer})
    return Regions(frame, np.array(shapes, dtype=object), LINKS)


def panel_of(regions: Regions) -> Panel:
    frame = regions.frame[["region_id", "country"]].assign(month="2023-01", events=1)
    return Panel.from_frame(frame)


def blobs(count: int, degrees: float, longitude: float = 100.0) -> list[shapely.Geometry]:
    """Six-sided regions side by side, as wide as asked."""
    angle = np.linspace(0, 2 * np.pi, 7)[:-1]
    hexagon = np.column_stack([np.cos(angle), np.sin(angle)]) * degrees / 2
    steps = longitude + (degrees + 0.01) * np.arange(count)
    return [shapely.Polygon(np.add(hexagon, (x, 12))) for x in steps]


def quarters(regions: Regions) -> list[shapely.Geometry]:
    """Every region cut into four by lines through its middle."""
    parts = []
    for shape in regions.geometry:
        west, south, east, north = shape.bounds
        x, y = (west + east) / 2, (south + north) / 2
        boxes = [
            shapely.box(*b)
            for b in ((west, south, x, y), (x, south, east, y), (west, y, x, north), (x, y, east, north))
        ]
        parts += [part for b in boxes if (part := shapely.intersection(shape, b)).area > 0]
    return parts


def test_the_shipped_regions_are_a_first_level() -> None:
    assert not looks_finer(load_snapshot().regions).any()


@pytest.mark.slow
def test_fifteen_countries_first_levels_are_none_finer(real_data: Path) -> None:
    assert not looks_finer(Regions.read(real_data / "regions" / "admin1_west_africa.geojson")).any()


def test_grid_cells_under_any_name_are_finer() -> None:
    assert looks_finer(priogrid(load_snapshot().regions.select(["TGO"]))).all()


@pytest.mark.parametrize("country", ["MLI", "TGO"])
def test_first_level_regions_cut_in_four_are_finer_whatever_they_are_called(country: str) -> None:
    whole = load_snapshot().regions.select([country])
    assert looks_finer(regions_of(quarters(whole), "ZZZ")).all()


def test_one_country_of_a_lower_level_does_not_taint_another() -> None:
    towns, states = regions_of(blobs(6, 0.1), "AAA"), regions_of(blobs(6, 3.0), "BBB")
    both = Regions(
        pd.concat([towns.frame, states.frame], ignore_index=True),
        np.concatenate([towns.geometry, states.geometry]),
        LINKS,
    )
    assert looks_finer(both).tolist() == [True] * 6 + [False] * 6


def test_a_capital_does_not_make_a_set_finer() -> None:
    assert not looks_finer(regions_of([*blobs(4, 3.0), *blobs(2, 0.1, 130.0)])).any()


def test_a_panel_of_hundreds_of_regions_of_a_country_is_refused_without_polygons() -> None:
    panel = panel_of(regions_of(blobs(101, 1.0)))
    with pytest.raises(UsageError, match=r"101 regions are finer than admin-1") as caught:
        check_level(panel, None, allow_grid=False)
    assert 'level = "admin1"' in caught.value.remedy
    check_level(panel, None, allow_grid=False, level="admin1")


def test_small_first_level_regions_are_declared(tmp_path: Path) -> None:
    regions = regions_of(blobs(8, 0.2))
    with pytest.raises(UsageError, match="8 regions are finer than admin-1"):
        check_level(panel_of(regions), regions, allow_grid=False)
    (tmp_path / "harmattan.toml").write_text('level = "admin1"\n', encoding="utf-8")
    settings = Settings.load(file=tmp_path / "harmattan.toml", environ={})
    check_level(panel_of(regions), regions, settings.allow_grid, settings.level)
    assert settings.published()["level"] == "admin1"


def test_a_declaration_does_not_overrule_the_layers_own_name() -> None:
    regions = regions_of(blobs(8, 3.0), layer="adm2")
    with pytest.raises(UsageError, match="8 regions are finer"):
        check_level(panel_of(regions), regions, allow_grid=False, level="admin1")


def test_another_level_is_no_setting() -> None:
    with pytest.raises(ConfigError, match="'admin2' is no level"):
        Settings.load({"level": "admin2"}, environ={})
