"""Where a run's numbers come from: every branch, and every error by name."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from small_worlds import LADDER, ladder_links, ladder_panel

from harmattan.data.errors import ConfigError, InputError, RegionError, SchemaError, SourceError, UsageError
from harmattan.data.panel import Panel
from harmattan.forecast.inputs import Inputs
from harmattan.forecast.loading import load_inputs
from harmattan.forecast.own_data import read_panel
from harmattan.forecast.settings import Settings

PLAIN = ["month", "region_id", "events"]


def load(**options: Any) -> Inputs:
    return load_inputs(Settings(**options))


@pytest.fixture
def panel() -> Panel:
    return ladder_panel(1, 40)


@pytest.fixture
def csv(panel: Panel, tmp_path: Path) -> Path:
    path = tmp_path / "panel.csv"
    panel.to_frame()[PLAIN].to_csv(path, index=False)
    return path


@pytest.fixture
def polygons(tmp_path: Path) -> Path:
    """The ladder as squares of one degree, written in another order than the panel's."""
    features = []
    for i in reversed(range(8)):
        column, row = i % 4, i // 4
        features.append(
            {
                "type": "Feature",
                "properties": {"region_id": LADDER[i], "name": LADDER[i], "country": LADDER[i][:3]},
                "geometry": shapely.geometry.mapping(shapely.box(column, row, column + 1, row + 1)),
            }
        )
    path = tmp_path / "regions.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


# --- the snapshot ------------------------------------------------------------------------------------------------


def test_the_snapshot_is_the_default_and_a_demonstration() -> None:
    inputs = load()
    assert inputs.demonstration
    assert inputs.panel.region_ids == tuple(sorted(inputs.panel.region_ids))
    assert set(inputs.panel.region_ids) == set(inputs.regions.region_ids)
    assert set(inputs.borders.columns) >= {"region_id", "international_km", "observed_km", "blind_towards"}
    assert set(inputs.coverage["country"]) == set(inputs.panel.countries)
    level, banner = inputs.verdict(inputs.quality(date(2024, 1, 31)))
    assert (level, banner) == ("amber", "Demonstration on data to 2023-12, not current.")
    assert inputs.verdict(inputs.quality(date(2040, 1, 1))) == (level, banner)


@pytest.mark.parametrize("option", ["regions", "links"])
def test_the_snapshot_takes_no_other_regions_or_links(option: str) -> None:
    with pytest.raises(ConfigError, match=f"{option}: the embedded snapshot has its own"):
        load(**{option: Path("mine")})


def test_as_of_a_past_month_coverage_and_ledger_say_what_was_known_then() -> None:
    now = load()
    for origin in ("2020-12", "2021-06"):
        then = now.until(pd.Period(origin, "M"))
        assert str(then.panel.last_month) == origin
        assert set(then.coverage["last_month"]) == {origin}
        ledger = then.ledger.set_index("outcome")["events"]
        assert ledger["placed"] == then.panel.measure("events", fill=0).sum() < now.ledger["events"].iloc[0]
        assert ledger["read"] == ledger.drop("read").sum()
        assert ledger["imprecise_date"] <= now.ledger.set_index("outcome")["events"]["imprecise_date"]
    same = now.until(now.panel.last_month)
    pd.testing.assert_frame_equal(same.ledger, now.ledger)
    pd.testing.assert_frame_equal(same.coverage, now.coverage)


# --- a ready panel -----------------------------------------------------------------------------------------------


def test_a_panel_from_csv_goes_without_links_and_polygons(csv: Path, panel: Panel) -> None:
    inputs = load(panel=csv)
    np.testing.assert_array_equal(inputs.panel.measure("events"), panel.measure("events"))
    assert inputs.panel.links is None
    assert inputs.regions is None
    assert inputs.borders is None
    assert not inputs.demonstration
    assert inputs.coverage["country"].tolist() == ["AAA", "BBB"]
    assert set(inputs.coverage["last_month"]) == {"2004-04"}
    ledger = inputs.ledger.set_index("outcome")["events"]
    assert ledger["placed"] == ledger["read"] == panel.measure("events").sum()


def test_a_panel_from_parquet_keeps_its_links(panel: Panel, tmp_path: Path) -> None:
    panel.write_parquet(tmp_path / "panel.parquet")
    inputs = load(panel=tmp_path / "panel.parquet")
    assert inputs.panel.digest() == Panel.from_frame(panel.to_frame(), panel.links).digest()


def test_a_ready_panel_as_of_a_past_month_counts_what_it_holds(csv: Path) -> None:
    then = load(panel=csv).until(pd.Period("2002-03", "M"))
    assert set(then.coverage["last_month"]) == {"2002-03"}
    assert set(then.ledger["events"]) == {then.panel.measure("events").sum()}


def test_polygons_come_in_the_panels_order_and_bring_links(csv: Path, polygons: Path) -> None:
    inputs = load(panel=csv, regions=polygons)
    assert tuple(inputs.regions.region_ids) == inputs.panel.region_ids == LADDER
    assert inputs.regions.geometry[5].centroid.x == pytest.approx(1.5)
    pairs = set(zip(inputs.panel.links.region_a, inputs.panel.links.region_b, strict=True))
    expected = ladder_links()
    assert pairs == set(zip(expected.region_a, expected.region_b, strict=True))
    crossing = inputs.panel.links.set_index(["region_a", "region_b"]).crosses_border
    assert crossing[("AAA-1", "BBB-1")]
    assert not crossing[("AAA-1", "AAA-2")]


def test_what_lies_beyond_polygons_is_measured_or_said_to_be_unknown(
    csv: Path, polygons: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load(panel=csv)
    assert "foreign borders is not known: there are no polygons; observed_border_share" in caplog.text
    caplog.clear()
    borders = load(panel=csv, regions=polygons).borders
    assert borders["international_km"].isna().all()  # squares in the Gulf of Guinea
    assert "8 regions do not lie on the world's land" in caplog.text
    caplog.clear()
    text = json.loads(polygons.read_text())
    for feature in text["features"]:  # on both sides of the border of Sudan and Egypt, 150 km from Libya
        ring = feature["geometry"]["coordinates"][0]
        feature["geometry"]["coordinates"] = [[[x + 26.5, y + 21] for x, y in ring]]
    polygons.write_text(json.dumps(text))
    borders = load(panel=csv, regions=polygons).borders.set_index("region_id")
    assert (borders["observed_km"] == borders["international_km"]).all()
    assert borders["international_km"].between(95, 110).all()
    assert not caplog.text


def test_links_of_ones_own_come_first(csv: Path, polygons: Path, tmp_path: Path) -> None:
    ladder_links().iloc[:2, :3].to_csv(tmp_path / "links.csv", index=False)
    inputs = load(panel=csv, regions=polygons, links=tmp_path / "links.csv")
    assert len(inputs.panel.links) == 2
    assert not inputs.panel.links.crosses_border.any()


def test_a_panel_and_a_source_exclude_each_other(csv: Path) -> None:
    with pytest.raises(ConfigError, match="exclude each other"):
        load(panel=csv, source="ucdp:ged.csv")


def test_a_region_without_a_polygon_is_named(panel: Panel, polygons: Path, tmp_path: Path) -> None:
    frame = panel.to_frame()[PLAIN].replace({"region_id": {"AAA-2": "AAA-9"}})
    frame.to_csv(tmp_path / "panel.csv", index=False)
    with pytest.raises(UsageError, match="1 regions of the panel have no polygon, the first is 'AAA-9'"):
        load(panel=tmp_path / "panel.csv", regions=polygons)


# --- broken files ------------------------------------------------------------------------------------------------


def test_a_missing_panel_is_a_source_error(tmp_path: Path) -> None:
    for name in ("panel.csv", "panel.parquet"):
        with pytest.raises(SourceError, match="the file does not exist"):
            read_panel(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        (b"", SourceError, "the file is empty"),
        (b"month,region_id,events\n2001-01,\xff\xfe\xe9,1\n", SourceError, "is not UTF-8 text"),
        (b"month,region_id,events\n2001-01,a,1\n2001-02,b,2,3,4\n", SchemaError, "have 5 fields, not 3"),
        (b"month,region_id,events\n", SourceError, "no rows"),
        (b"month,region_id,event\n2001-01,AAA-1,1\n", SchemaError, "the column 'events' is missing"),
        (b"month,region_id,events\n2001-01,AAA-1,-1\n", SchemaError, "breaks the rule negative"),
        (b"month,region_id,events\n2001-01,AAA-1,many\n", SchemaError, "'many' in column 'events'"),
        (b"month,region_id,events\nsoon,AAA-1,1\n", SchemaError, "'soon' is not a month"),
        (b"month,region_id,events\n2001-01,AAA-1,1\n2001-01,AAA-1,1\n", SchemaError, "more than one row"),
    ],
)
def test_a_broken_panel_is_an_error_that_names_the_file(
    content: bytes, error: type[InputError], says: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    with pytest.raises(error, match=says) as caught:
        read_panel(path)
    assert "mine.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_damaged_parquet_is_a_source_error(tmp_path: Path) -> None:
    (tmp_path / "panel.parquet").write_bytes(b"PAR1 nothing of the kind")
    with pytest.raises(SourceError, match="not a readable parquet"):
        read_panel(tmp_path / "panel.parquet")


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        (None, SourceError, "does not exist"),
        ("", SourceError, "the file is empty"),
        ("region_a,border_km\nAAA-1,3\n", RegionError, "the column 'region_b' is missing"),
        ("region_a,region_b,border_km\nAAA-1,AAA-x,3\n", RegionError, "'AAA-x' is not a known region"),
        ("region_a,region_b,border_km\nAAA-1,AAA-2,long\n", RegionError, "'long' is not a length"),
        ("region_a,region_b,border_km\nAAA-1,AAA-2,\n", RegionError, "row 2"),
        ("region_a,region_b,border_km\nAAA-1,AAA-2,-4\n", InputError, "links.csv"),
    ],
)
def test_broken_links_are_an_error_that_names_the_file(
    content: str | None, error: type[InputError], says: str, csv: Path, tmp_path: Path
) -> None:
    path = tmp_path / "links.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(error, match=says) as caught:
        load(panel=csv, links=path)
    assert "links.csv" in str(caught.value)


def test_missing_polygons_are_a_source_error(csv: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        load(panel=csv, regions=tmp_path / "none.geojson")


# --- incidents ---------------------------------------------------------------------------------------------------


def test_incidents_need_polygons() -> None:
    with pytest.raises(ConfigError, match=r"^regions: incidents need polygons"):
        load(source="ucdp:ged.csv")


def test_an_unknown_source_is_a_usage_error(polygons: Path) -> None:
    with pytest.raises(UsageError, match="'gdelt' is not a source"):
        load(source="gdelt:file.csv", regions=polygons)


def test_a_missing_file_of_incidents_is_a_source_error(polygons: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        load(source=f"ucdp:{tmp_path / 'ged.csv'}", regions=polygons)


@pytest.mark.slow
def test_real_incidents_and_polygons_make_the_snapshots_panel(real_data: Path) -> None:
    source, regions = (
        real_data / "ged241_west_africa.csv",
        real_data / "regions" / "admin1_west_africa.geojson",
    )
    for path in (source, regions):
        if not path.is_file():
            pytest.skip(f"{path.name} is absent")
    inputs, snapshot = load(source=f"ucdp:{source}", regions=regions), load()
    assert not inputs.demonstration
    assert inputs.panel.region_ids == snapshot.panel.region_ids
    np.testing.assert_array_equal(
        inputs.panel.measure("events", fill=0)[-60:], snapshot.panel.measure("events", fill=0)[-60:]
    )
    then, books = (i.until(pd.Period("2020-06", "M")) for i in (inputs, snapshot))
    ledger, by_year = (i.ledger.set_index("outcome")["events"] for i in (then, books))
    assert ledger["placed"] == by_year["placed"] == then.panel.measure("events", fill=0).sum()
    assert ledger["read"] == ledger.drop("read").sum() >= by_year["read"]
    assert not (then.built.incidents["date_end"] > "2020-07").any()


# --- age ---------------------------------------------------------------------------------------------------------


def test_a_run_is_dated_from_its_data_unless_told(csv: Path) -> None:
    inputs, origin = load(panel=csv), pd.Period("2004-04", "M")
    assert inputs.run_date(Settings(), origin) == date(2004, 5, 31)
    assert inputs.run_date(Settings(run_date=date(2004, 5, 3)), origin) == date(2004, 5, 3)


def test_old_data_are_amber_and_say_how_old(csv: Path) -> None:
    inputs = load(panel=csv)
    assert inputs.verdict(inputs.quality(date(2004, 5, 31)))[1] == (
        "Neighbours are unknown: nothing can be said about spillover."
    )
    level, banner = inputs.verdict(inputs.quality(date(2004, 12, 31)))
    assert level == "red"
    assert "The last month is 2004-04, 245 days before 2004-12-31: stale." in banner
