"""Distances come from polygons, days from incidents."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import shapely

from harmattan.data.errors import RegionError, SchemaError, UsageError
from harmattan.data.panel import Panel
from harmattan.features import DaysSince, NearestActive, Recipe, Static, with_last_day
from harmattan.features.terms import with_places
from harmattan.features.terms.location import places

IDS = ("MLI-a", "MLI-b", "BFA-a")
BOXES = np.array([shapely.box(-9, 12, -7, 14), shapely.box(-7, 12, -5, 14), shapely.box(-5, 12, -3, 14)])


def tiny(events: list[list[float]]) -> Panel:
    frame = pd.DataFrame(
        {
            "month": np.repeat([f"2023-{m:02d}" for m in range(1, len(events) + 1)], 3),
            "region_id": list(IDS) * len(events),
            "events": np.ravel(events),
        }
    )
    panel = Panel.from_frame(frame)
    assert panel.region_ids == tuple(sorted(IDS))
    return panel


def test_places_of_boxes() -> None:
    table = places(IDS, ("MLI", "MLI", "BFA"), BOXES).set_index("region_id")
    assert table["longitude"].tolist() == pytest.approx([-8, -6, -4])
    assert table["latitude"].tolist() == pytest.approx([13, 13, 13])
    one_degree = 108.5  # of longitude at 13 degrees north
    assert table["km_to_border"].tolist() == pytest.approx([3 * one_degree, one_degree, one_degree], rel=0.01)
    assert table.loc["MLI-a", "km_to_capital"] == pytest.approx(38.7, rel=0.02)
    assert table["area_km2"].tolist() == pytest.approx([4 * one_degree * 110.6] * 3, rel=0.01)


def test_a_country_alone_has_no_border_and_an_unknown_one_no_capital() -> None:
    table = places(("XYZ-a", "XYZ-b"), ("XYZ", "XYZ"), BOXES[:2])
    assert table["km_to_border"].isna().all()
    assert table["km_to_capital"].isna().all()


def test_a_panel_with_places_serves_distances() -> None:
    panel = with_places(tiny([[0, 2, 0], [0, 0, 0]]), BOXES[[2, 0, 1]])
    cube = Recipe([NearestActive(1, measured_in="km"), Static("km_to_border")]).build(panel)
    near = cube.feature("abroad_km_to_active1")
    assert near[0, 0] == pytest.approx(2 * 108.5, rel=0.01)
    assert np.isnan(near[0, 1:]).all()
    assert np.isnan(near[1]).all()
    assert cube.feature("km_to_border")[0, 2] == pytest.approx(108.5, rel=0.01)


def test_places_stand_beside_what_was_known(make_panel: Callable[..., Panel]) -> None:
    panel = make_panel(1)
    boxes = np.array([shapely.box(i, 10, i + 1, 11) for i in range(panel.shape[1])])
    table = with_places(panel, boxes).attrs["static"].set_index("region_id")
    assert (
        table["population"].to_dict() == panel.attrs["static"].set_index("region_id")["population"].to_dict()
    )
    assert table["longitude"].tolist() == pytest.approx(np.arange(9) + 0.5)


def test_distances_between_too_many_regions_are_refused() -> None:
    n = 5001
    frame = pd.DataFrame({"month": "2023-01", "region_id": [f"AAA-{i}" for i in range(n)], "events": 0})
    static = frame[["region_id"]].assign(longitude=0.0, latitude=0.0)
    with pytest.raises(RegionError, match="do not fit in memory"):
        Recipe([NearestActive(1, measured_in="km")]).build(frame, static=static)


def test_the_last_day_of_incidents_gives_days_since() -> None:
    panel = tiny([[1, 0, 0], [0, 0, 2], [0, 0, 0]])
    incidents = pd.DataFrame(
        {
            "region_id": ["BFA-a", "MLI-b", "MLI-b", "MLI-a", "ELS-e"],
            "date_end": pd.to_datetime(
                ["2023-01-11", "2023-02-03", "2023-02-20", "2022-12-31", "2023-01-05"]
            ),
        }
    )
    days = Recipe([DaysSince()]).build(with_last_day(panel, incidents)).feature("days_since_event")
    np.testing.assert_array_equal(days, [[20, np.nan, np.nan], [48, np.nan, 8], [79, np.nan, 39]])


def test_excluded_incidents_do_not_count_and_aggregates_have_no_day() -> None:
    panel = tiny([[1, 0, 0]])
    incidents = pd.DataFrame(
        {"region_id": ["BFA-a"] * 2, "date_end": pd.to_datetime(["2023-01-11", "2023-01-29"])}
    )
    made = with_last_day(panel, incidents.assign(excluded=["", "imprecise_place"]))
    assert made.measure("last_day")[0].tolist() == [11, 0, 0]
    with pytest.raises(UsageError, match="aggregates carry no day"):
        with_last_day(panel, incidents.assign(record="aggregate"))


def test_incidents_without_days_are_named() -> None:
    with pytest.raises(SchemaError, match="no column 'date_end'"):
        with_last_day(tiny([[1, 0, 0]]), pd.DataFrame({"region_id": ["BFA-a"]}))
