"""Odd inputs found by a search of our own: each was read wrongly without a word, and now is right or named."""

from __future__ import annotations

import shutil
import zipfile
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from small_files import Write
from typer.testing import CliRunner
from web_server import Server, csv_of, events

from harmattan.data.errors import SchemaError, UsageError
from harmattan.data.fetch import fetch_ucdp
from harmattan.data.fetch.transport import Transport
from harmattan.data.geography import Regions, iso3
from harmattan.data.panel import build_panel, combine
from harmattan.data.quality import Quality, check_build, check_panel
from harmattan.data.sources import build_from_files, read_panel, read_source, read_ucdp
from harmattan.data.sources.tabular import read as read_own
from harmattan.data.vintages import VintageStore
from harmattan.forecast.cli import app
from harmattan.forecast.own_data import read_panel as read_any

DAY = date(2024, 1, 20)
HEAD = "date,latitude,longitude,country,deaths\n"
YEAR = [f"2023-{m:02d}" for m in range(1, 13)]


def _csv(path: Path, rows: list[tuple[object, ...]], head: str) -> Path:
    path.write_text(head + "\n" + "\n".join(",".join(map(str, r)) for r in rows) + "\n", encoding="utf-8")
    return path


def _panel_check(path: Path, rows: list[tuple[object, ...]]) -> Quality:
    return check_panel(read_panel(_csv(path, rows, "month,region_id,events")), run_date=DAY)


def _own_check(path: Path, rows: list[tuple[object, ...]], regions: Path) -> Quality:
    incidents = read_own(_csv(path, rows, "date,region,country"), today=DAY)
    return check_build(build_panel(incidents, Regions.read(regions)), run_date=DAY)


def test_an_annual_release_in_an_archive_of_another_name_keeps_its_rank(
    ucdp_file: Write, regions_file: Path, tmp_path: Path
) -> None:
    day = {"date_start": "2022-12-05", "date_end": "2022-12-05"}
    annual = ucdp_file({"id": 1, **day}, name="GEDEvent_v23_1.csv")
    candidate = ucdp_file({"id": 900, **day}, {"id": 901, **day}, name="GEDEvent_v22_0_12.csv")
    with zipfile.ZipFile(tmp_path / "download.zip", "w") as archive:
        archive.write(annual, annual.name)
    specs = [f"ucdp:{tmp_path / 'download.zip'}", f"ucdp:{candidate}"]
    outcomes = (
        build_from_files(specs, regions_file, today=DAY).ledger.summary().set_index("outcome")["events"]
    )
    assert outcomes.to_dict() == {"placed": 1, "deleted": 2, "read": 3}


def test_a_release_that_nobody_knows_cannot_be_ranked(ucdp_file: Write) -> None:
    one, other = ucdp_file({}, name="download.csv"), ucdp_file({}, name="GEDEvent_v21_1.csv")
    with pytest.raises(UsageError, match=r"release .* is not known from its name"):
        combine([read_ucdp(one), read_ucdp(other)])


def test_a_newer_release_under_an_older_name_is_refused(ucdp_file: Write) -> None:
    rows = [{"date_start": f"{y}-03-05", "date_end": f"{y}-03-05"} for y in (2020, 2021, 2022)]
    with pytest.raises(SchemaError, match=r"named after release 21\.1, but 2 of 3 events are after 2020-12"):
        read_ucdp(ucdp_file(*rows, name="GEDEvent_v21_1.csv"))


def test_ids_are_the_same_with_and_without_a_point(ucdp_file: Write, regions: Regions) -> None:
    day = {"date_start": "2020-10-05", "date_end": "2020-10-05"}
    first = read_ucdp(ucdp_file({"id": "508.0", **day}, name="GEDEvent_v20_0_10.csv"))
    final = read_ucdp(
        ucdp_file({"id": 508, **day}, name="GEDEvent_v21_1.csv"), coverage={"*": ("2020-10", "2020-10")}
    )
    both = build_panel(combine([first, final]), regions).ledger.summary().set_index("outcome")["events"]
    assert both.to_dict() == {"placed": 1, "superseded": 1, "read": 2}
    assert [r.name for r in first.repairs] == ["ids_as_decimals"]


def test_ids_that_a_spreadsheet_rounded_are_refused(ucdp_file: Write) -> None:
    with pytest.raises(
        SchemaError, match=r"'5\.08E\+05' in column 'id' breaks the rule rounded_id.* as text"
    ):
        read_ucdp(ucdp_file({"id": "5.08E+05"}))


def test_a_panel_is_known_by_what_it_holds(regions_file: Path, tmp_path: Path) -> None:
    source = tmp_path / "e.csv"
    source.write_text(HEAD + "2023-01-05,14.5,-3.5,Mali,2\n", encoding="utf-8")
    built = build_from_files(f"table:{source}", regions_file, today=DAY).panel
    built.write_parquet(tmp_path / "panel.parquet")
    shutil.copy(tmp_path / "panel.parquet", tmp_path / "panel.csv")
    again = read_any(tmp_path / "panel.csv")
    assert again.links is not None
    assert again.digest() == built.digest()
    plain = _csv(tmp_path / "plain.parquet", [("2023-01", "MLI-a", 3)], "month,region_id,events")
    assert read_any(plain).measures["events"].tolist() == [[3]]


def test_the_source_of_a_plain_parquet_panel_is_no_path(tmp_path: Path) -> None:
    path = tmp_path / "plain.parquet"
    pd.DataFrame({"month": ["2023-01"], "region_id": ["MLI-a"], "events": [3]}).to_parquet(path)
    assert read_any(path).source == "own table plain.parquet"


@pytest.mark.parametrize("name", ["Burkina-Faso", "burkina faso", " BURKINA  FASO", "bf", "439"])
def test_countries_in_other_spellings(name: str) -> None:
    assert iso3(name) == "BFA"


def test_regions_and_countries_that_are_not_known_are_no_quiet_loss(
    tmp_path: Path, regions_file: Path
) -> None:
    rows = [(f"{m}-05", "Mopti", "Mali") for m in YEAR]
    assert _own_check(tmp_path / "a.csv", rows, regions_file)["unknown_places"].status == "green"
    half = [(d, "Moptii" if i % 2 else r, c) for i, (d, r, c) in enumerate(rows)]
    check = _own_check(tmp_path / "b.csv", half, regions_file)["unknown_places"]
    assert (check.status, "MLI-moptii (6)" in check.message) == ("red", True)
    elsewhere = [(d, r, "Azawad" if i == 3 else c) for i, (d, r, c) in enumerate(rows)]
    check = _own_check(tmp_path / "c.csv", elsewhere, regions_file)["unknown_places"]
    assert (check.status, check.rows["row"].tolist()) == ("amber", [5])
    abroad = [*rows, ("2023-05-05", "Kano", "Nigeria")]
    assert _own_check(tmp_path / "d.csv", abroad, regions_file)["unknown_places"].status == "green"


@pytest.mark.parametrize("blank", [True, False])
def test_a_region_that_ends_before_its_country_is_named(tmp_path: Path, blank: bool) -> None:
    rows = [(m, r, "" if r == "MLI-b" and m > "2023-07" else 3) for m in YEAR for r in ("MLI-a", "MLI-b")]
    rows = rows if blank else [row for row in rows if row[2] != ""]
    check = _panel_check(tmp_path / "p.csv", rows)["coverage"]
    assert (check.status, check.message) == ("amber", "Observed less long than the others: MLI-b (2023-07).")


def test_a_row_of_totals_is_no_region(tmp_path: Path) -> None:
    parts = [(m, r, i + k) for i, m in enumerate(YEAR) for k, r in enumerate(("MLI-a", "MLI-b"))]
    assert _panel_check(tmp_path / "p.csv", parts)["sums"].status == "green"
    totals = [(m, "MLI-total", 2 * i + 1) for i, m in enumerate(YEAR)]
    check = _panel_check(tmp_path / "p.csv", [*parts, *totals])["sums"]
    assert (check.status, check.rows["region_id"].tolist()) == ("red", ["MLI-total"])


@pytest.mark.slow
def test_a_comparison_says_what_only_one_side_has(tmp_path: Path) -> None:
    for name, other in (("x", "MLI-b"), ("y", "MLI-c")):
        _csv(
            tmp_path / f"{name}.csv",
            [(m, r, 3) for m in YEAR for r in ("MLI-a", other)],
            "month,region_id,events",
        )
    run = CliRunner().invoke(app, ["data", "diff", str(tmp_path / "x.csv"), str(tmp_path / "y.csv")])
    assert run.exit_code == 0
    assert "2 regions in one only: MLI-b, MLI-c" in run.output


def test_a_store_may_have_an_at_sign_in_its_path(ucdp_file: Write, tmp_path: Path) -> None:
    folder = tmp_path / "me@work" / "store"
    VintageStore(folder).add(read_ucdp(ucdp_file({})), date(2022, 1, 1))
    assert len(read_source(f"store:{folder}")) == len(read_source(f"store:{folder}@2022-02-01")) == 1


def test_a_cached_file_of_another_server_is_not_taken(server: Server, other: Server, tmp_path: Path) -> None:
    for one, n in ((server, 3), (other, 5)):
        one.route = lambda request, n=n: (200, {}, csv_of(events(n)))
        got = fetch_ucdp("23.0.10", tmp_path, base=one.url, transport=Transport(attempts=1, timeout=5))
        assert len(read_ucdp(got.path)) == n


def test_country_months_without_a_region_are_told_what_is_missing(tmp_path: Path) -> None:
    path = _csv(tmp_path / "p.csv", [(m, "MLI", 3) for m in YEAR], "month,iso3,events")
    run = CliRunner().invoke(app, ["data", "check", str(path)])
    assert "the column 'name' is missing (and 1 more: country)" in str(run.exception)


@pytest.mark.parametrize("column", ["region_id", "name"])
def test_one_name_in_two_unicode_forms_is_one_region(tmp_path: Path, column: str) -> None:
    forms = ("MLI-Se\u0301gou", "MLI-S\u00e9gou")
    rows = [(m, forms[i % 2], "MLI", 3) for i, m in enumerate(YEAR)]
    panel = read_panel(_csv(tmp_path / "p.csv", rows, f"month,{column},country,events"))
    assert len(panel.region_ids) == 1


def test_days_in_another_time_zone_stay_in_their_month(tmp_path: Path, regions: Regions) -> None:
    days = pd.to_datetime(["2023-02-01", "2023-03-01"]).tz_localize("UTC").tz_convert("America/New_York")
    place = {"latitude": 14.5, "longitude": -3.5, "country": "Mali"}
    pd.DataFrame({"date": days, **place}).to_parquet(tmp_path / "e.parquet")
    months = build_panel(read_own(tmp_path / "e.parquet", today=DAY), regions).panel.months
    assert months.astype(str).tolist() == ["2023-02", "2023-03"]
    pd.DataFrame({"month": days, "region_id": "MLI-a", "events": 3}).to_parquet(tmp_path / "p.parquet")
    assert read_any(tmp_path / "p.parquet").months.astype(str).tolist() == ["2023-02", "2023-03"]
    pd.DataFrame({"date": days.tz_localize(None).astype(str), **place}).to_csv(
        tmp_path / "e.csv", index=False
    )
    with pytest.raises(SchemaError, match="moved_by_time_zone"):
        read_own(tmp_path / "e.csv", today=DAY)


def test_yes_and_no_are_no_counts(tmp_path: Path) -> None:
    frame = pd.DataFrame({"date": ["2023-02-01"] * 2, "latitude": 14.5, "longitude": -3.5, "country": "Mali"})
    frame.assign(deaths=[True, False]).to_parquet(tmp_path / "e.parquet")
    with pytest.raises(SchemaError, match="'True' in column 'deaths' breaks the rule not_a_number"):
        read_own(tmp_path / "e.parquet", today=DAY)
