# ruff: noqa: E501
"""Broken files, one class of failure each: how to make it, and what is to be said about it.

``Broken.make(folder)`` writes the file and returns its path. ``kind`` says how it is read; :func:`forecast_arguments`
says how the same file is given to ``harmattan forecast``.
"""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from small_files import BURKINA, EVENT, SQUARES, feature

Make = Callable[[Path], Path]


@dataclass(frozen=True)
class Broken:
    """One broken file.

    Attributes
    ----------
    name : str
        The class of failure.
    kind : {"ucdp", "acled", "table", "panel", "regions", "links", "columns"}
        How the file is read.
    make : callable
        Writes it into a folder.
    where : str
        Place in the message: after the file's name, such as ``row 3``; empty where the file is the place.
    says, remedy : str
        Parts of the message.
    code : int
        Exit code.
    """

    name: str
    kind: str
    make: Make
    where: str
    says: str
    remedy: str
    code: int = 3


@dataclass(frozen=True)
class Repaired:
    """A file that can be read after all: the repair, how many cells or rows, and which rows."""

    name: str
    kind: str
    make: Make
    repair: str
    count: int
    rows: tuple[int, ...] | None = None


def rows_of(*changes: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame([{**EVENT, "id": i + 1, **change} for i, change in enumerate(changes)])


def csv(
    *changes: dict[str, Any], drop: tuple[str, ...] = (), name: str = "events.csv", **options: Any
) -> Make:
    def make(folder: Path) -> Path:
        path = folder / name
        rows_of(*changes).drop(columns=list(drop)).to_csv(path, index=False, **options)
        return path

    return make


def raw(data: bytes, name: str = "events.csv") -> Make:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(data)
        return path

    return make


GOOD = rows_of({}, {}, BURKINA).to_csv(index=False).encode()


def edited(old: bytes, new: bytes, times: int = 1) -> Make:
    assert old in GOOD
    return raw(GOOD.replace(old, new, times))


def zipped(members: dict[str, bytes], cut: int = 0) -> Make:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    data = buffer.getvalue()
    return raw(data[: len(data) - cut], "events.zip")


def locked(folder: Path) -> Path:
    """A zip whose headers say that its member needs a password."""
    path = zipped({"events.csv": GOOD})(folder)
    data = bytearray(path.read_bytes())
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(header) + flags] |= 1
    path.write_bytes(data)
    return path


def acled(**change: Any) -> Make:
    row = {
        "event_id_cnty": "MLI1",
        "event_date": "2020-03-05",
        "event_type": "Battles",
        "sub_event_type": "Armed clash",
        "actor1": "JNIM",
        "actor2": "Military Forces of Mali",
        "iso": 466,
        "country": "Mali",
        "latitude": 14.5,
        "longitude": -3.5,
        "geo_precision": 1,
        "time_precision": 1,
        "fatalities": 2,
    }

    def make(folder: Path) -> Path:
        path = folder / "acled.csv"
        pd.DataFrame([row, {**row, "event_id_cnty": "MLI2", **change}]).to_csv(path, index=False)
        return path

    return make


def panel(frame: dict[str, Any] | None = None, **change: Any) -> Make:
    base = {
        "month": ["2020-01", "2020-02", "2020-03"] * 2,
        "region_id": ["MLI-gao"] * 3 + ["MLI-mopti"] * 3,
        "events": [1, 0, 2, 3, 0, 0],
    }

    def make(folder: Path) -> Path:
        path = folder / "panel.csv"
        pd.DataFrame({**base, **change} if frame is None else frame).to_csv(path, index=False)
        return path

    return make


def regions(features: list[dict[str, Any]]) -> Make:
    return raw(json.dumps({"type": "FeatureCollection", "features": features}).encode(), "broken.geojson")


def changed_region(**properties: Any) -> list[dict[str, Any]]:
    first = {**SQUARES[0], "properties": {**SQUARES[0]["properties"], **properties}}
    return [first, *SQUARES[1:]]


def reshaped(coordinates: Any, kind: str = "Polygon") -> list[dict[str, Any]]:
    return [*SQUARES[1:], {**SQUARES[0], "geometry": {"type": kind, "coordinates": coordinates}}]


def links(*rows: tuple[str, str, float]) -> Make:
    def make(folder: Path) -> Path:
        path = folder / "links.csv"
        pd.DataFrame(list(rows), columns=["region_a", "region_b", "border_km"]).to_csv(path, index=False)
        return path

    return make


def a_folder(folder: Path) -> Path:
    (folder / "events.csv").mkdir()
    return folder / "events.csv"


def bomb() -> Make:
    return zipped({"events.csv": GOOD + b"0" * 80_000_000})


BROKEN = (
    Broken("missing file", "ucdp", lambda f: f / "events.csv", "", "the file does not exist", "Check the path"),
    Broken("a folder", "ucdp", a_folder, "", "this is a folder", "Name the file inside"),
    Broken("empty", "ucdp", raw(b""), "", "the file is empty", "Export or download it again"),
    Broken("header only", "ucdp", raw(GOOD.split(b"\n")[0] + b"\n"), "row 1", "a header and no rows", "Export or download it again"),
    Broken("html", "ucdp", raw(b"<!DOCTYPE html><html></html>"), "line 1", "this is a web page", "Download the file again"),
    Broken("json", "ucdp", raw(b'{"error": "no"}'), "line 1", "this is JSON", "Export it as csv"),
    Broken("wrong encoding", "ucdp", edited(b"Burkina Faso", "Côte".encode("latin-1")), "line 4", "is not UTF-8", "Save the file as UTF-8"),
    Broken("binary", "ucdp", raw(b"ab\x00\x01,\n1,2\n"), "", "not a text table", "Give a csv"),
    Broken("truncated gz", "ucdp", raw(gzip.compress(GOOD)[:-40], "events.csv.gz"), "", "damaged or cut off", "Download it again"),
    Broken("truncated zip", "ucdp", zipped({"events.csv": GOOD}, cut=60), "", "damaged or cut off", "Download it again"),
    Broken("locked zip", "ucdp", locked, "", "locked by a password", "Unpack it by hand"),
    Broken("zip bomb", "ucdp", bomb(), "", "unpacks to more than 50 MB", "Check where it comes from"),
    Broken("zip-slip", "ucdp", zipped({"../events.csv": GOOD}), "", "points outside the archive", "Do not use this file"),
    Broken("10,000 members", "ucdp", zipped({f"{i}.csv": b"" for i in range(10_000)}), "", "holds 10000 files", "unpack the one table"),
    Broken("zip without a table", "ucdp", zipped({"readme.txt": b"x"}), "", "holds 0 tables", "name the table"),
    Broken("zip with two tables", "ucdp", zipped({"a.csv": GOOD, "b.csv": GOOD}), "", "holds 2 tables", "name the table"),
    Broken("damaged parquet", "ucdp", raw(b"PAR1" + b"x" * 50, "events.parquet"), "", "parquet file is damaged", "Download it again"),
    Broken("missing column", "ucdp", csv({}, drop=("latitude",)), "row 1", "the column 'latitude' is missing", "The file has:"),
    Broken("column twice", "ucdp", edited(b"code_status", b"side_a"), "row 1", "the column 'side_a' stands there twice", "Rename or drop"),
    Broken("last row cut off", "ucdp", raw(GOOD[:-12]), "row 4", "1 row(s) have 13 fields, not 17", "cut off"),
    Broken("comma in a text", "ucdp", edited(b"JNIM", b"JNIM, IS"), "row 2", "1 row(s) have 18 fields, not 17", "quote texts"),
    Broken("quote never closed", "ucdp", edited(b"JNIM", b'"JNIM'), "row 2", "fields, not 17", "quote texts"),
    Broken("latitude beyond 90", "ucdp", csv({}, {"latitude": 145}), "row 3", "'145.0' in column 'latitude' breaks the rule out_of_range", "columns were swapped"),
    Broken("latitude empty", "ucdp", csv({}, {"latitude": ""}), "row 3", "column 'latitude' breaks the rule empty", "Fill the cell"),
    Broken("longitude infinite", "ucdp", csv({"longitude": "inf"}), "row 2", "'inf' in column 'longitude' breaks the rule not_a_number", "plain digits"),
    Broken("31 February", "ucdp", csv({}, {}, {"date_start": "2020-02-31"}), "row 4", "'2020-02-31' in column 'date_start' breaks the rule not_a_date", "YYYY-MM-DD"),
    Broken("day before month", "ucdp", csv({"date_start": "25/02/2020"}), "row 2", "'25/02/2020' in column 'date_start' breaks the rule not_a_date", "YYYY-MM-DD"),
    Broken("date in the future", "ucdp", csv({"date_end": "2120-01-01"}), "row 2", "breaks the rule in_the_future", "Check the year"),
    Broken("year of three digits", "ucdp", csv({}, {"date_start": "0202-03-05"}), "row 3", "'0202-03-05' in column 'date_start' breaks the rule before_1800", "Check the year"),
    Broken("end before start", "ucdp", csv({"date_end": "2020-03-01"}), "row 2", "breaks the rule ends_before_it_starts", "correct the two dates"),
    Broken("negative deaths", "ucdp", csv({}, {"low": -1}), "row 3", "'-1' in column 'low' breaks the rule negative", "zero or more"),
    Broken("half a death", "ucdp", csv({"best": "2.5"}), "row 2", "'2.5' in column 'best' breaks the rule not_whole", "whole numbers"),
    Broken("deaths in words", "ucdp", csv({"best": "many"}), "row 2", "'many' in column 'best' breaks the rule not_a_number", "plain digits"),
    Broken("id with other content", "ucdp", csv({"id": 7}, {"id": 7, "best": 9, "high": 9}), "row 3", "the id '7' stands for different content", "one row per id"),
    Broken("id empty", "ucdp", csv({}, {"id": ""}), "row 3", "column 'id' breaks the rule empty", "Fill the cell"),
    Broken("unknown type of violence", "ucdp", csv({"type_of_violence": 7}), "row 2", "'7' in column 'type_of_violence' breaks the rule unknown_value", "the source documents"),
    Broken("type of violence empty", "ucdp", csv({}, {"type_of_violence": ""}), "row 3", "column 'type_of_violence' breaks the rule empty", "Fill the cell"),
    Broken("precision of date 9", "ucdp", csv({"date_prec": 9}), "row 2", "'9' in column 'date_prec' breaks the rule out_of_range", "swapped"),
    Broken("precision of place 0", "ucdp", csv({"where_prec": 0}), "row 2", "'0' in column 'where_prec' breaks the rule out_of_range", "swapped"),
    Broken("no country at all", "ucdp", csv({}, drop=("country", "country_id")), "row 1", "the column 'country' is missing", "The file has:"),
    Broken("acled: unknown type", "acled", acled(event_type="Rumours"), "row 3", "'Rumours' in column 'event_type' breaks the rule unknown_value", "the source documents"),
    Broken("acled: precision 5", "acled", acled(geo_precision=5), "row 3", "'5' in column 'geo_precision' breaks the rule out_of_range", "swapped"),
    Broken("acled: negative deaths", "acled", acled(fatalities=-2), "row 3", "'-2' in column 'fatalities' breaks the rule negative", "zero or more"),
    Broken("day or month", "table", csv({"date_start": "01/02/2016", "date_end": "01/02/2016"}), "row 2", "'01/02/2016' in column 'date_end' breaks the rule day_or_month", "YYYY-MM-DD"),
    Broken("table without dates", "table", csv({}, drop=("date_start", "date_end")), "row 1", "the column 'date' is missing", "The file has:"),
    Broken("not GeoJSON", "regions", raw(b"shape file", "broken.geojson"), "line 1", "this is not GeoJSON", "FeatureCollection"),
    Broken("no features", "regions", regions([]), "", "there are no features", "FeatureCollection"),
    Broken("polygon not closed", "regions", regions(reshaped([SQUARES[0]["geometry"]["coordinates"][0][:-1]])), "feature 4", "a ring of the polygon is not closed", "Repeat the first point"),
    Broken("coordinates in words", "regions", regions(reshaped([[["west", "south"], [1, 2], [3, 4], ["west", "south"]]])), "feature 4", "the coordinates of the polygon cannot be read", "Give rings"),
    Broken("point for a polygon", "regions", regions(reshaped([-3.5, 14.5], "Point")), "feature 4", "the geometry is Point", "Give polygons"),
    Broken("metres for degrees", "regions", regions(reshaped([[[4e5, 1.5e6], [5e5, 1.5e6], [5e5, 1.6e6], [4e5, 1.5e6]]])), "feature 4", "not degrees", "EPSG:4326"),
    Broken("polygon without area", "regions", regions(reshaped([[[-4, 14], [-3, 14], [-4, 14], [-4, 14]]])), "", "MLI-mopti has no area", "Mend it"),
    Broken("two regions overlap", "regions", regions([*SQUARES, feature("MLI", "Mali", "Segou", -3.6, 14.4)]), "", "overlap by", "one boundary vintage"),
    Broken("region without country", "regions", regions(changed_region(iso3="", country="")), "feature 1", "the country code is ''", "three capital letters"),
    Broken("region without name", "regions", regions(changed_region(adm1_name="")), "feature 1", "the region has no name", "adm1_name"),
    Broken("region twice", "regions", regions([*SQUARES, feature("MLI", "Mali", "Mopti", 3, 14)]), "feature 5", "'MLI-mopti' is given twice", "Give 'region_id'"),
    Broken("region id climbs out", "regions", regions(changed_region(region_id="../../etc")), "feature 1", "cannot be a region id", "letters, digits and hyphens"),
    Broken("link to an unknown region", "links", links(("MLI-gao", "MLI-mopti", 9), ("MLI-goa", "BFA-nord", 3)), "row 3", "'MLI-goa' is not", "Did you mean 'MLI-gao'?"),
    Broken("link given twice", "links", links(("MLI-gao", "MLI-mopti", 9), ("MLI-mopti", "MLI-gao", 9)), "row 3", "'MLI-gao' and 'MLI-mopti' are given twice", "each pair of neighbours once"),
    Broken("link to itself", "links", links(("MLI-gao", "MLI-gao", 9)), "row 2", "'MLI-gao' is linked to itself", "each pair of neighbours once"),
    Broken("border of no length", "links", links(("MLI-gao", "MLI-mopti", 0)), "row 2", "'0' is not a length", "more than zero"),
    Broken("panel without events", "panel", panel({"month": ["2020-01"], "region_id": ["A-b"]}), "row 1", "the column 'events' is missing", "The file has:"),
    Broken("panel: half an event", "panel", panel(events=[1, 0, 2.5, 3, 0, 0]), "row 4", "'2.5' in column 'events' breaks the rule not_whole", "whole numbers"),
    Broken("panel: negative count", "panel", panel(events=[1, -3, 2, 3, 0, 0]), "row 3", "breaks the rule negative", "zero or more"),
    Broken("panel: a month twice", "panel", panel(month=["2020-01", "2020-01", "2020-03"] * 2), "", "more than one row for 2020-01", "add up those that are parts"),
    Broken("panel: 13th month", "panel", panel(month=["2020-13", "2020-02", "2020-03"] * 2), "row 2", "'2020-13' is not a month", "YYYY-MM"),
    Broken("panel: year of three digits", "panel", panel(month=["2020-01", "0202-02", "2020-03"] * 2), "row 3", "the month 0202-02 cannot be", "Check the year"),
    Broken("panel: region empty", "panel", panel(region_id=["MLI-gao"] * 3 + [""] * 3), "row 5", "column 'region_id' breaks the rule empty", "Fill the cell"),
    Broken("panel: header only", "panel", raw(b"month,region_id,events\n", "panel.csv"), "row 1", "a header and no rows", "Export or download it again"),
    Broken("mapping that is no TOML", "columns", raw(b"[columns\n", "map.toml"), "", "this is not TOML", "See the example", 2),
    Broken("mapping without columns", "columns", raw(b"date = 'Day'\n", "map.toml"), "", "there is no [columns] table", "Write [columns]", 2),
    Broken("mapping of an unknown field", "columns", raw(b"[columns]\nlatitud = 'latitude'\n", "map.toml"), "", "there is no field 'latitud'", "Did you mean 'latitude'?", 2),
    Broken("mapping to no column", "columns", raw(b"[columns]\ndate = 'Day'\n", "map.toml"), "row 1", "the column 'Day' (for 'date') is missing", "Nearest:"),
)  # fmt: skip

SEMICOLONS = rows_of({}, {}).to_csv(index=False, sep=";", decimal=",").encode()

REPAIRED = (
    Repaired("byte order mark", "ucdp", raw(b"\xef\xbb\xbf" + GOOD), "byte_order_mark", 1, (1,)),
    Repaired("semicolons", "ucdp", raw(SEMICOLONS), "other_delimiter", 1, (1,)),
    Repaired("decimal commas", "ucdp", raw(SEMICOLONS), "decimal_comma", 2, (2, 3)),
    Repaired("odd spaces", "ucdp", edited(b"Government of Mali", "Government of\u00a0Mali".encode(), 2), "odd_spaces", 2, (2, 3)),
    Repaired("mixed case", "ucdp", edited(b"latitude", b" Latitude "), "header_cleaned", 1, (1,)),
    Repaired("old column names", "ucdp", edited(b"best,high,low", b"best_est,high_est,low_est"), "old_column_names", 3, (1,)),
    Repaired("US dates", "ucdp", csv({"date_start": "3/5/2020", "date_end": "3/5/2020 12:00:00 AM"}), "us_dates", 1),
    Repaired("gz named csv", "ucdp", raw(gzip.compress(GOOD)), "compressed_under_another_name", 1),
    Repaired("best outside its bounds", "ucdp", csv({}, {"best": 9}, {"best": 1}), "deaths_bounds_widened", 2, (3, 4)),
    Repaired("bounds missing", "ucdp", csv({}, {"high": "", "low": ""}), "deaths_bounds_missing", 1, (3,)),
    Repaired("precision of date 0", "ucdp", csv({}, {"date_prec": 0}), "date_precision_unstated", 1, (3,)),
    Repaired("status empty", "ucdp", csv({"code_status": ""}, {}), "status_empty", 1, (2,)),
    Repaired("blank lines", "ucdp", raw(GOOD.replace(b"\n", b"\n\n", 2)), "blank_lines", 2, (2, 4)),
    Repaired("deaths missing", "table", csv({"deaths": ""}, {"deaths": 3}), "deaths_missing", 1, (2,)),
)  # fmt: skip

#: Those that the whole ``harmattan forecast`` command is tried on.
FORECAST = (
    "missing file",
    "empty",
    "header only",
    "html",
    "wrong encoding",
    "truncated zip",
    "zip bomb",
    "zip-slip",
    "missing column",
    "last row cut off",
    "31 February",
    "negative deaths",
    "id with other content",
    "not GeoJSON",
    "polygon not closed",
    "two regions overlap",
    "link to an unknown region",
    "panel: 13th month",
    "panel: a month twice",
)


def forecast_arguments(case: Broken, path: Path, good_events: Path, good_regions: Path) -> list[str]:
    """Options of ``harmattan forecast`` that give it the broken file, and good ones beside it."""
    if case.kind == "panel":
        return ["--panel", str(path)]
    if case.kind == "regions":
        return ["--source", f"ucdp:{good_events}", "--regions", str(path)]
    if case.kind == "links":
        return ["--source", f"ucdp:{good_events}", "--regions", str(good_regions), "--links", str(path)]
    return ["--source", f"{case.kind}:{path}", "--regions", str(good_regions)]
