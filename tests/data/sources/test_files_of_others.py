"""Spreadsheets, GeoPackage, GeoParquet and HDX's layouts: the same numbers as from plain files, or the cause."""

from __future__ import annotations

import io
import json
import sqlite3
import sys
import zipfile
from datetime import date
from pathlib import Path
from xml.sax.saxutils import escape

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from small_files import SQUARES

from harmattan.data.errors import RegionError, SchemaError, SourceError
from harmattan.data.geography import Regions
from harmattan.data.quality import check_panel
from harmattan.data.sources import read_panel
from harmattan.data.sources.tables import read_table
from harmattan.data.sources.tabular import is_panel

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACK = "http://schemas.openxmlformats.org/package/2006"


def _sheet(rows: list[list[object]]) -> str:
    """A worksheet; days (numbers with style 1) are written as spreadsheets do."""
    lines = []
    for r, row in enumerate(rows, start=1):
        cells = []
        for c, value in enumerate(row):
            at = f'r="{chr(65 + c)}{r}"'
            if isinstance(value, date):
                cells.append(f'<c {at} s="1"><v>{(value - date(1899, 12, 30)).days}</v></c>')
            elif isinstance(value, int | float):
                cells.append(f"<c {at}><v>{value}</v></c>")
            else:
                cells.append(f'<c {at} t="inlineStr"><is><t>{escape(str(value))}</t></is></c>')
        lines.append(f'<row r="{r}">{"".join(cells)}</row>')
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{"".join(lines)}</sheetData></worksheet>'


def _book(path: Path, **sheets: list[list[object]]) -> Path:
    """An xlsx file, put together from its parts."""
    names = list(sheets)
    listed = "".join(f'<sheet name="{n}" sheetId="{i}" r:id="r{i}"/>' for i, n in enumerate(names, 1))
    related = "".join(
        f'<Relationship Id="r{i}" Type="{_REL}/worksheet" Target="worksheets/s{i}.xml"/>'
        for i in range(1, len(names) + 1)
    )
    styles = f'<Relationship Id="st" Type="{_REL}/styles" Target="styles.xml"/>'
    xml = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACK}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="{xml}.sheet.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACK}/relationships">'
        f'<Relationship Id="b" Type="{_REL}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_REL}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACK}/relationships">{related}{styles}'
        "</Relationships>",
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>'
        "</styleSheet>",
    }
    parts |= {f"xl/worksheets/s{i}.xml": _sheet(sheets[n]) for i, n in enumerate(names, 1)}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in parts.items():
            archive.writestr(name, body)
    return path


HEAD: list[object] = ["Date", "latitude", "longitude", "country", "deaths"]
ROWS: list[list[object]] = [[date(2023, m, 10), 14.5, -3.5, "Mali", 2] for m in (1, 2, 3)]


def test_a_spreadsheet_reads_like_the_csv_of_its_sheet(tmp_path: Path) -> None:
    book = _book(tmp_path / "mine.csv", About=[["Licence: mine"]], Data=[HEAD, *ROWS])
    frame = read_table(book).frame
    assert frame["date"].tolist() == ["2023-01-10", "2023-02-10", "2023-03-10"]
    assert frame["deaths"].tolist() == ["2", "2", "2"]
    assert frame.index.tolist() == [2, 3, 4]


def test_a_title_above_the_names_is_named(tmp_path: Path) -> None:
    book = _book(tmp_path / "b.xlsx", Data=[["Events of March"], HEAD, *ROWS])
    with pytest.raises(
        SourceError, match=r"row 1 is taken for the names .* Save the table without the title"
    ):
        read_table(book)


def test_of_two_sheets_nobody_can_tell_which(tmp_path: Path) -> None:
    book = _book(tmp_path / "b.xlsx", North=[HEAD, *ROWS], South=[HEAD, *ROWS])
    with pytest.raises(SourceError, match="2 sheets hold a table \\(North, South\\)"):
        read_table(book)


def test_a_spreadsheet_without_its_library_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(SourceError, match="Install harmattan\\[files\\], or save the sheet as CSV"):
        read_table(_book(tmp_path / "b.xlsx", Data=[HEAD, *ROWS]))


def test_a_damaged_spreadsheet_is_no_fault_of_the_program(tmp_path: Path) -> None:
    whole = _book(tmp_path / "b.xlsx", Data=[HEAD, *ROWS]).read_bytes()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        kept = {n: archive.read(n) for n in archive.namelist() if "workbook" not in n}
    with zipfile.ZipFile(tmp_path / "b.xlsx", "w") as archive:
        for name, body in kept.items():
            archive.writestr(name, body)
    with pytest.raises(SourceError, match="the spreadsheet cannot be read"):
        read_table(tmp_path / "b.xlsx")


# --- polygons


def _blob(outline: shapely.Geometry, srs: int, envelope: bool) -> bytes:
    head = b"GP\x00" + bytes([0b11 if envelope else 0b01]) + srs.to_bytes(4, "little")
    return head + (b"\x00" * 32 if envelope else b"") + shapely.to_wkb(outline, byte_order=1)


def _geopackage(path: Path, srs: int = 4326, layers: int = 1, by: float = 0.0) -> Path:
    line = sqlite3.connect(path)
    line.execute(
        "CREATE TABLE gpkg_spatial_ref_sys (srs_id INT, organization TEXT, organization_coordsys_id INT)"
    )
    line.execute("CREATE TABLE gpkg_geometry_columns (table_name TEXT, column_name TEXT, srs_id INTEGER)")
    line.execute("INSERT INTO gpkg_spatial_ref_sys VALUES (?, 'EPSG', ?)", (srs, srs))
    for layer in range(layers):
        name = f"adm {layer}"
        line.execute("INSERT INTO gpkg_geometry_columns VALUES (?, 'geom', ?)", (name, srs))
        line.execute(f'CREATE TABLE "{name}" (fid INTEGER, iso3 TEXT, adm1_name TEXT, geom BLOB)')
        for i, one in enumerate(SQUARES):
            shape = shapely.transform(shapely.geometry.shape(one["geometry"]), lambda xy: xy + by)
            told = one["properties"]
            values = (i, told["iso3"], told["adm1_name"], _blob(shape, srs, bool(i % 2)))
            line.execute(f'INSERT INTO "{name}" VALUES (?, ?, ?, ?)', values)
    line.commit()
    line.close()
    return path


def _geoparquet(path: Path, **about: object) -> Path:
    shapes = [shapely.to_wkb(shapely.geometry.shape(one["geometry"])) for one in SQUARES]
    table = pa.table(
        {
            "iso3": [one["properties"]["iso3"] for one in SQUARES],
            "name": [one["properties"]["adm1_name"] for one in SQUARES],
            "geometry": shapes,
        }
    )
    note = {"primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB", **about}}}
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(note)}), path)
    return path


def test_regions_are_the_same_from_every_kind_of_file(tmp_path: Path, regions: Regions) -> None:
    for path in (_geopackage(tmp_path / "r.gpkg"), _geoparquet(tmp_path / "r.parquet")):
        found = Regions.read(path)
        assert found.region_ids == regions.region_ids
        assert (shapely.area(shapely.symmetric_difference(found.geometry, regions.geometry)) == 0).all()
        pd.testing.assert_frame_equal(found.links, regions.links)


def test_projected_polygons_are_brought_to_degrees(tmp_path: Path) -> None:
    found = Regions.read(_geopackage(tmp_path / "r.gpkg", srs=3857))
    assert abs(found.geometry[0].bounds[0]) < 1e-4  # metres near the origin, not degrees


def test_what_is_not_one_layer_of_polygons_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds 2 layers \\(adm 0, adm 1\\)"):
        Regions.read(_geopackage(tmp_path / "two.gpkg", layers=2))
    plain = tmp_path / "plain.parquet"
    pd.DataFrame({"iso3": ["MLI"]}).to_parquet(plain)
    with pytest.raises(SourceError, match="holds no polygons as GeoParquet does"):
        Regions.read(plain)
    cut = tmp_path / "cut.gpkg"
    cut.write_bytes(_geopackage(tmp_path / "whole.gpkg").read_bytes()[:5000])
    with pytest.raises(SourceError, match="the GeoPackage"):
        Regions.read(cut)
    with pytest.raises(RegionError, match="not a known reference system"):
        Regions.read(_geopackage(tmp_path / "odd.gpkg", srs=999999))


# --- HDX


def test_acleds_sheet_by_month_and_year_is_a_panel(tmp_path: Path) -> None:
    head: list[object] = ["Country", "Admin1", "Admin2", "ISO3", "Month", "Year", "Events", "Fatalities"]
    rows: list[list[object]] = [
        ["Mali", "Mopti", "Bankass", "MLI", "January", 2023, 2, 5],
        ["Mali", "Mopti", "Koro", "MLI", "January", 2023, 3, 1],
        ["Mali", "Gao", "Ansongo", "MLI", "January", 2023, 0, 0],
        ["Mali", "Mopti", "Koro", "MLI", "February", 2023, 4, 0],
        ["Mali", "Gao", "Ansongo", "MLI", "February", 2023, 1, 7],
    ]
    book = _book(tmp_path / "hdx.xlsx", Licensing=[["Terms"]], Data=[head, *rows])
    assert is_panel(book)
    panel = read_panel(book)
    assert panel.region_ids == ("MLI-gao", "MLI-mopti")
    assert panel.measures["events"].tolist() == [[0, 5], [1, 4]]
    assert panel.measures["deaths_best"].tolist() == [[0, 6], [7, 0]]
    assert "districts were added up" in check_panel(panel, run_date=date(2023, 3, 5))["repairs"].message
    rows[0][4] = "Janvier"
    with pytest.raises(SchemaError, match="row 2: 'Janvier' in column 'month'"):
        read_panel(_book(tmp_path / "odd.xlsx", Data=[head, *rows]))


HAPI = (
    "location_code,admin1_code,admin1_name,admin2_code,admin2_name,admin_level,event_type,events,fatalities,"
    "reference_period_start,reference_period_end\n"
)


def test_hapis_table_counts_violence_once(tmp_path: Path) -> None:
    path = tmp_path / "hapi.csv"
    span = "2023-01-01,2023-01-31"
    path.write_text(
        HAPI
        + "#geo+code,#adm1+code,#adm1+name,#adm2+code,#adm2+name,#level,#event+type,#event,#deaths,#date,#date\n"
        + f"MLI,ML05,Mopti,ML0501,Bankass,2,political_violence,4,9,{span}\n"
        + f"MLI,ML05,Mopti,ML0502,Koro,2,political_violence,1,0,{span}\n"
        + f"MLI,ML05,Mopti,ML0501,Bankass,2,civilian_targeting,3,9,{span}\n"
        + f"MLI,ML05,Mopti,,,1,political_violence,5,9,{span}\n"
        + f"MLI,,,,,0,political_violence,5,9,{span}\n"
        + f"NGA,,,,,0,political_violence,7,1,{span}\n",
        encoding="utf-8",
    )
    panel = read_panel(path)
    counts = dict(zip(panel.region_ids, panel.measures["events"][0].tolist(), strict=True))
    assert counts == {"MLI-mopti": 5, "NGA-nga": 7}
    said = check_panel(panel, run_date=date(2023, 2, 5))["repairs"].message
    assert "HXL" in said
    assert "left aside" in said


def test_hapi_rows_that_are_not_of_one_month_or_no_violence_are_named(tmp_path: Path) -> None:
    path = tmp_path / "hapi.csv"
    path.write_text(HAPI + "MLI,,,,,0,political_violence,5,9,2023-01-01,2023-12-31\n", encoding="utf-8")
    with pytest.raises(SchemaError, match="row 2: '2023-12-31' in column 'reference_period_end'"):
        read_panel(path)
    path.write_text(HAPI + "MLI,,,,,0,demonstration,5,9,2023-01-01,2023-01-31\n", encoding="utf-8")
    with pytest.raises(SchemaError, match="no row counts political_violence; the file has demonstration"):
        read_panel(path)
