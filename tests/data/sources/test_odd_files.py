"""Files as spreadsheets, R, DuckDB and old systems write them: read as they are meant, or refused with the cause."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_files import SQUARES, Write

from harmattan.data.errors import RegionError, SchemaError, SourceError
from harmattan.data.frames import csv_frame
from harmattan.data.geography import Regions
from harmattan.data.panel import Panel, build_panel, combine
from harmattan.data.sources import read_source
from harmattan.data.sources.read import build_from_files
from harmattan.data.sources.tables import read_table
from harmattan.data.sources.tabular import is_panel, read, read_panel

HEAD = "date,latitude,longitude,country,deaths\n"
ROWS = "".join(f"2023-{m:02d}-10,14.5,-3.5,Mali,2\n" for m in (1, 2, 3))
TODAY = date(2024, 1, 1)


def _own(path: Path, body: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body.encode() if isinstance(body, str) else body)
    return path


def _outcomes(*specs: str, regions: Path) -> dict[str, float]:
    table = build_from_files(list(specs), regions, today=TODAY).ledger.summary()
    return dict(zip(table["outcome"], table["events"], strict=True))


def test_tables_without_ids_add_up_whatever_they_are_called(tmp_path: Path, regions_file: Path) -> None:
    one = _own(tmp_path / "a" / "events.csv", HEAD + ROWS)
    two = _own(tmp_path / "b" / "events.csv", HEAD + ROWS.replace("2023", "2022"))
    assert _outcomes(f"table:{one}", f"table:{two}", regions=regions_file) == {"placed": 6, "read": 6}


def test_tables_of_the_same_months_do_not_delete_each_other(tmp_path: Path, regions_file: Path) -> None:
    north = _own(tmp_path / "north.csv", HEAD + ROWS)
    south = _own(tmp_path / "south.csv", HEAD + ROWS.replace("-3.5", "-2.5"))
    assert _outcomes(f"table:{north}", f"table:{south}", regions=regions_file)["placed"] == 6


def test_the_same_table_under_two_names_counts_once(tmp_path: Path, regions_file: Path) -> None:
    one, two = (_own(tmp_path / name, HEAD + ROWS) for name in ("events.csv", "events (1).csv"))
    assert _outcomes(f"table:{one}", f"table:{two}", regions=regions_file)["placed"] == 3


def test_an_id_for_two_things_in_two_tables_is_refused(tmp_path: Path) -> None:
    for name, day in (("one.csv", "2023-01-10"), ("two.csv", "2023-05-10")):
        _own(tmp_path / name, f"id,{HEAD}1,{day},14.5,-3.5,Mali,2\n")
    parts = [read(tmp_path / name, today=TODAY) for name in ("one.csv", "two.csv")]
    with pytest.raises(SchemaError, match="id '1' stands for different content"):
        combine(parts)


def test_a_candidate_without_an_event_of_the_month_it_is_named_after_is_refused(ucdp_file: Write) -> None:
    path = ucdp_file({}, name="GEDEvent_v23_0_10.csv")
    with pytest.raises(SchemaError, match=r"named after release 23\.0\.10, .* no event of 2023-10"):
        read_source(f"ucdp:{path}")


@pytest.mark.parametrize("kind", ["date32", "decimal", "tz", "dictionary"])
def test_types_of_other_programs_in_parquet(tmp_path: Path, regions_file: Path, kind: str) -> None:
    table = pa.Table.from_pandas(pd.read_csv(io.StringIO(HEAD + ROWS)), preserve_index=False)
    days = [date(2023, m, 10) for m in (1, 2, 3)]
    new = {
        "date32": ("date", pa.array(days, pa.date32())),
        "decimal": ("deaths", pa.array([Decimal("2.00")] * 3, pa.decimal128(9, 2))),
        "tz": ("date", pa.array([pd.Timestamp(d, tz="UTC") for d in days], pa.timestamp("ns", "UTC"))),
        "dictionary": ("country", pa.array(["Mali"] * 3).dictionary_encode()),
    }
    name, column = new[kind]
    pq.write_table(table.set_column(table.column_names.index(name), name, column), tmp_path / "t.parquet")
    built = build_from_files(f"table:{tmp_path / 't.parquet'}", regions_file, today=TODAY)
    assert built.ledger.summary()[["events", "deaths_best"]].iloc[0].tolist() == [3, 6]


def test_a_panel_with_days_and_decimals(tmp_path: Path) -> None:
    days = pa.array([date(2023, m, 1) for m in (1, 2)], pa.date32())
    counts = pa.array([Decimal("1"), Decimal("2")], pa.decimal128(3, 0))
    table = pa.table({"month": days, "region_id": ["MLI-a"] * 2, "events": counts})
    pq.write_table(table, tmp_path / "p.parquet")
    panels = [
        Panel.read_parquet(tmp_path / "p.parquet"),
        read_panel(tmp_path / "p.parquet"),
        Panel.from_frame(table),
    ]
    assert [p.measure("events").ravel().tolist() for p in panels] == [[1, 2]] * 3


def test_a_column_that_stands_twice_in_parquet(tmp_path: Path) -> None:
    frame = pd.DataFrame({"date": ["2023-01-01"], "Deaths": [1], "deaths": [2]})
    frame.to_parquet(tmp_path / "two.parquet")
    with pytest.raises(SchemaError, match="the column 'deaths' stands there twice"):
        read_table(tmp_path / "two.parquet")


@pytest.mark.parametrize(
    "body",
    [
        (HEAD + ROWS).replace("\n", "\r"),
        "sep=;\r\n" + (HEAD + ROWS).replace(",", ";").replace("\n", "\r\n"),
        "sep=,\n" + HEAD + ROWS,
        HEAD.replace("deaths", '"deaths\n(best)"').strip() + "\n" + ROWS,
    ],
)
def test_layouts_of_spreadsheets(tmp_path: Path, regions_file: Path, body: str) -> None:
    path = _own(tmp_path / "e.csv", body)
    assert _outcomes(f"table:{path}", regions=regions_file)["placed"] == 3


def test_rows_are_counted_from_the_top_of_the_file(tmp_path: Path) -> None:
    path = _own(tmp_path / "e.csv", "sep=,\n" + HEAD + ROWS + "2023-04-10,x,-3.5,Mali,2\n")
    with pytest.raises(SchemaError, match=r"row 6: 'x'"):
        read(path, today=TODAY)


def test_a_mac_s_own_files_in_a_zip_are_passed_over(tmp_path: Path, regions_file: Path) -> None:
    with zipfile.ZipFile(tmp_path / "e.zip", "w") as archive:
        archive.writestr("events.csv", HEAD + ROWS)
        archive.writestr("__MACOSX/._events.csv", b"\x00\x05\x16\x07")
        archive.writestr(".DS_Store.csv", b"\x00")
    assert _outcomes(f"table:{tmp_path / 'e.zip'}", regions=regions_file)["placed"] == 3


def test_a_spreadsheet_is_called_one(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "e.xlsx", "w") as archive:
        archive.writestr("[Content_Types].xml", "<x/>")
        archive.writestr("xl/worksheets/sheet1.xml", "<x/>")
    with pytest.raises(SourceError, match="spreadsheet"):
        read_table(tmp_path / "e.xlsx")


@pytest.mark.parametrize("size", [0.2, 1.0])
def test_a_region_inside_another_is_named_as_an_overlap(tmp_path: Path, size: float) -> None:
    inner = json.loads(json.dumps(SQUARES[0]))
    inner["properties"]["adm1_name"] = "Capital"
    w, s = -4, 14
    ring = [[w, s], [w + size, s], [w + size, s + size], [w, s + size], [w, s]]
    inner["geometry"]["coordinates"] = [ring]
    path = tmp_path / "r.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [*SQUARES, inner]}))
    with pytest.raises(RegionError, match="MLI-capital and MLI-mopti overlap by 100%"):
        Regions.read(path)


def test_a_panel_may_name_its_regions_by_name_and_country(tmp_path: Path) -> None:
    rows = "".join(f"2023-{m:02d},Central,{c},{m}\n" for m in (1, 2) for c in ("Ghana", "Kenya"))
    path = _own(tmp_path / "p.csv", "month,name,country,events\n" + rows)
    assert is_panel(path)
    assert read_panel(path).region_ids == ("GHA-central", "KEN-central")


def test_two_names_that_make_one_id_are_named(tmp_path: Path) -> None:
    path = _own(
        tmp_path / "p.csv", "month,name,country,events\n2023-01,Bel Air,Mali,1\n2023-01,Bel-Air,Mali,1\n"
    )
    with pytest.raises(SchemaError, match="'Bel Air' and 'Bel-Air' make the same id"):
        read_panel(path)


def test_counts_beyond_float32_are_placed_exactly(tmp_path: Path, regions_file: Path) -> None:
    path = _own(
        tmp_path / "e.csv", HEAD + "2023-01-10,14.5,-3.5,Mali,20000001\n2023-02-10,14.5,-3.5,Mali,3\n"
    )
    built = build_from_files(f"table:{path}", regions_file, today=TODAY)
    built.panel.write_parquet(tmp_path / "p.parquet")
    for panel in (built.panel, Panel.read_parquet(tmp_path / "p.parquet")):
        assert panel.measure("deaths_best", fill=0).sum() == 20_000_004


def _in_niger(country: str) -> str:
    """Events that say one country and lie deep inside another's polygons."""
    rows = "".join(f"2023-{m:02d}-10,13.5,{x},{country},2\n" for m in (1, 2) for x in (-3.5, -2.5, -2.2))
    return HEAD + rows


def test_events_deep_inside_another_country_are_not_moved(tmp_path: Path, regions_file: Path) -> None:
    from harmattan.data.quality import check_build

    path = _own(tmp_path / "e.csv", _in_niger("Mali"))
    built = build_from_files(f"table:{path}", regions_file, today=TODAY)
    found: dict[str, Any] = dict(built.ledger.summary().set_index("outcome")["events"])
    assert found == {"inside_another_country": 6, "read": 6}
    check = check_build(built, run_date=date(2023, 3, 10))["another_country"]
    assert check.status == "red"
    assert "6 of 6 events of MLI lie inside BFA" in check.message


def test_a_stray_point_over_the_border_stays_in_its_country_and_is_listed(
    tmp_path: Path, regions_file: Path
) -> None:
    body = HEAD + ROWS * 20 + "2023-03-10,13.5,-3.5,Mali,2\n" + "2023-03-11,13.99,-3.5,Mali,2\n" * 3
    built = build_from_files(f"table:{_own(tmp_path / 'e.csv', body)}", regions_file, today=TODAY)
    assert built.ledger.summary()["events"].tolist() == [64, 64]
    assert built.ledger.snapped["inside"].tolist() == ["BFA-nord"] * 4


def test_polygons_that_are_not_forecast_still_show_where_points_lie(
    tmp_path: Path, regions_file: Path
) -> None:
    path = _own(tmp_path / "e.csv", _in_niger("Mali"))
    every = Regions.read(regions_file)
    built = build_panel(read(path, today=TODAY), every.select(["MLI"]), around=every)
    assert built.ledger.summary()["outcome"].tolist() == ["inside_another_country", "read"]


@pytest.mark.parametrize("ids", [("NA", "nan"), ("01", "1")])
def test_codes_that_look_like_nothing_or_like_numbers(tmp_path: Path, ids: tuple[str, str]) -> None:
    frame = pd.DataFrame({"month": ["2023-01"] * 2, "region_id": ids, "events": [1, 2], "country": "ITA"})
    links = pd.DataFrame({"region_a": [ids[0]], "region_b": [ids[1]], "border_km": [5.0]})
    panel = Panel.from_frame(frame, links)
    panel.write_parquet(tmp_path / "p.parquet")
    links.to_csv(tmp_path / "links.csv", index=False)
    from harmattan.forecast.own_data import read_links as _read_links

    for found in (
        Panel.read_parquet(tmp_path / "p.parquet").links,
        _read_links(tmp_path / "links.csv", panel),
    ):
        assert found is not None
        assert (found["region_a"].iloc[0], found["region_b"].iloc[0]) == tuple(sorted(ids))


def test_columns_of_codes_stay_as_they_are_written(tmp_path: Path) -> None:
    path = _own(tmp_path / "static.csv", "region_id,population\nNA,5\n01,\n")
    frame = csv_frame(path, ("region_id",))
    assert (frame["region_id"].tolist(), frame["population"].isna().tolist()) == (["NA", "01"], [False, True])
