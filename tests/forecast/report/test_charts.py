"""Pictures of the report: shapes, names and scales."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pandas as pd
import pytest
import shapely
from make_result import make_result

from harmattan.forecast.report import charts, tables
from harmattan.forecast.report import map as maps
from harmattan.forecast.report import svg as labels
from harmattan.forecast.report.map_measures import colour_class, count_edges, safe_json
from harmattan.forecast.report.svg import tag


def drawn(path: str) -> shapely.Polygon:
    """The ring that a path of relative steps draws."""
    x = y = 0.0
    points = []
    for step, numbers in re.findall(r"([Mlhv])([^Mlhvz]*)", path):
        values = [float(v) for v in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", numbers)]
        if step == "M":
            x, y = values
        else:
            dx, dy = {"h": (values[0], 0.0), "v": (0.0, values[0])}.get(step, (values[0], values[-1]))
            x, y = x + dx, y + dy
        points.append((x, y))
    return shapely.Polygon(points)


def test_path_draws_the_polygon_to_half_a_unit() -> None:
    rng = np.random.default_rng(3)
    angle = np.sort(rng.uniform(0, 2 * np.pi, 60))
    radius = rng.uniform(60, 100, 60)
    shape = shapely.Polygon(np.column_stack([200 + radius * np.cos(angle), 200 + radius * np.sin(angle)]))
    assert shapely.hausdorff_distance(drawn(maps.path(shape)), shape) < 0.6


def test_projection_keeps_the_shape_of_the_world() -> None:
    result = make_result()
    shapes = maps.project(result, tables.region_outlook(result, "events"))
    assert shapes is not None
    assert shapes.width == maps.WIDTH
    west, south, east, north = shapely.total_bounds(result.regions.geometry)
    middle = np.cos(np.radians((south + north) / 2))
    sides = (shapes.height - 2 * maps.MARGIN) / (shapes.width - 2 * maps.MARGIN)
    assert sides == pytest.approx((north - south) / ((east - west) * middle))
    northern = shapes.anchor("MLI-north")[1]
    assert northern < shapes.anchor("MLI-south")[1]


def test_names_never_touch_each_other() -> None:
    rng = np.random.default_rng(1)
    wanted = [
        labels.Label(labels.broken(f"Region number {i}"), *rng.uniform(50, 350, 2), 12.0, "leading")
        for i in range(60)
    ]
    placed = labels.place(wanted, (0, 0, 400, 400), 60)
    assert 5 < len(placed) < 60
    assert not any(a.touches(b) for a, b in itertools.combinations(placed, 2))


def test_important_names_come_first() -> None:
    first = labels.Label(("Gao",), 100, 100, 12.0, "leading")
    crowd = [labels.Label((f"R{i}",), 100, 100, 12.0, "region", 100.0) for i in range(20)]
    assert labels.place([first, *crowd], (0, 0, 200, 200), 5)[0] == first


def test_a_name_wider_than_its_region_is_left_out() -> None:
    wide = labels.Label(("Tambacounda",), 100, 100, 12.0, "region", 20.0)
    assert labels.place([wide], (0, 0, 200, 200), 5) == []


def test_sparkline_leaves_unobserved_months_blank() -> None:
    full = str(charts.sparkline(np.arange(12.0)))
    holes = np.arange(12.0)
    holes[:4] = np.nan
    assert full.count("M") == 12
    assert str(charts.sparkline(holes)).count("M") == 8
    assert "not observed, not observed" in str(charts.sparkline(holes))


def test_fan_bands_are_nested() -> None:
    result = make_result()
    outlook = tables.region_outlook(result, "events")
    svg = str(charts.fan(outlook, 0, result.panel.months, result.months))
    boxes = []
    for k in range(3):
        found = re.search(rf'<path d="([^"]+)" class="band b{k}"', svg)
        assert found
        heights = [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", found.group(1))]
        boxes.append((min(heights), max(heights)))
    assert boxes[0][0] <= boxes[1][0] <= boxes[2][0]
    assert boxes[0][1] >= boxes[1][1] >= boxes[2][1]


@pytest.mark.parametrize("largest", [0.0, 3.0, 31.0, 900.0])
def test_colour_edges_rise_and_tell_values_apart(largest: float) -> None:
    edges = count_edges(np.array([0.0, largest]))
    assert list(edges) == sorted(set(edges))
    assert len(edges) == 7
    assert colour_class(0.0, edges, "q") == "q0"
    assert colour_class(max(largest, edges[-1]), edges, "q") == "q7"


def test_skill_dot_is_open_where_the_interval_includes_zero() -> None:
    rows = make_result().scores
    events = rows[(rows.target == "events") & (rows.member == "pool")]
    deaths = rows[(rows.target == "deaths") & (rows.member == "pool")]
    assert "open" not in str(charts.skill_chart(events, "told"))
    assert str(charts.skill_chart(deaths, "told")).count("open") == 3


def test_attributes_and_text_are_escaped() -> None:
    text = str(tag("text", "<b>", title='"><script>'))
    assert text == '<text title="&#34;&gt;&lt;script&gt;">&lt;b&gt;</text>'


def test_json_cannot_leave_its_element() -> None:
    text = str(safe_json(["</script>", "<!--", "&", "\u2028"]))
    assert not set(text) & set("<>&\u2028")


def test_skill_without_an_interval_is_a_dot_alone() -> None:
    rows = pd.DataFrame(
        {
            "horizon": [1, 3],
            "skill_vs_conflictology": [0.05, 0.021],
            "skill_low": [float("nan"), -0.004],
            "skill_high": [float("nan"), 0.05],
        }
    )
    drawn = str(charts.skill_chart(rows, "told"))
    assert "nan" not in drawn
    assert drawn.count('class="whisker"') == 1
    assert " (0 to 5)" in drawn
