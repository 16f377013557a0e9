"""UCDP's layouts, releases and quirks."""

from __future__ import annotations

import gzip
import zipfile
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from small_files import BURKINA, EVENT, Write

from harmattan.data.errors import UsageError
from harmattan.data.panel import combine, coverage_rows
from harmattan.data.panel.incidents import release_rank
from harmattan.data.schemas import validate
from harmattan.data.sources import read_source, ucdp


def coverage(incidents) -> list[tuple[str, str, str]]:  # type: ignore[no-untyped-def]
    return [(c, str(a), str(b)) for c, a, b in coverage_rows(incidents.coverage)]


@pytest.mark.parametrize(
    ("name", "release"),
    [
        ("ged241_west_africa.csv", "24.1"),
        ("ged241-csv.zip", "24.1"),
        ("GEDEvent_v24_1.csv", "24.1"),
        ("GEDEvent_v23_0_10.csv", "23.0.10"),
        ("GEDEvent_v26_0_4.csv", "26.0.4"),
        ("GEDEvent_v25_01_25_09.csv", "25.01.25.09"),
        ("conflicts.csv", ""),
        ("staged2411.csv", ""),
    ],
)
def test_the_release_is_read_from_the_name(name: str, release: str) -> None:
    assert ucdp.release_of(name) == release


@pytest.mark.parametrize(
    ("release", "span"),
    [
        ("24.1", ("1989-01", "2023-12")),
        ("23.0.10", ("2023-10", "2023-10")),
        ("25.01.25.09", ("2025-01", "2025-09")),
    ],
)
def test_a_release_says_which_months_it_covers(release: str, span: tuple[str, str]) -> None:
    assert tuple(map(str, ucdp.months_of(release))) == span


@pytest.mark.parametrize("release", ["24", "24.x", "24.0.13", "1.2.3.4.5", ""])
def test_what_is_no_release_is_refused(release: str) -> None:
    with pytest.raises((UsageError, ValueError)):
        ucdp.months_of(release)


def test_annual_beats_candidate_beats_earlier_candidate() -> None:
    order = ["", "23.0.12", "24.0.9", "24.01.24.09", "24.0.10", "23.1", "24.1"]
    assert sorted(order, key=release_rank) == order


def test_incidents_keep_their_schema(ucdp_file: Write) -> None:
    frame = ucdp.read(ucdp_file({}, {"where_prec": ""}, BURKINA)).frame
    assert validate("incidents", frame) is frame
    assert frame["where_precision"].isna().tolist() == [False, True, False]


def test_empty_lines_inside_a_text_are_no_blank_lines(ucdp_file: Write) -> None:
    incidents = ucdp.read(ucdp_file({}, {"side_b": "JNIM\n\n\nand others"}, {"best": 9}))
    assert incidents.frame["deaths_best"].tolist() == [3, 3, 9]
    assert [(r.name, r.rows) for r in incidents.repairs] == [("deaths_bounds_widened", (4,))]


def test_an_extract_speaks_for_its_countries_only(ucdp_file: Write) -> None:
    assert coverage(ucdp.read(ucdp_file({}, BURKINA))) == [
        ("BFA", "1989-01", "2020-12"),
        ("MLI", "1989-01", "2020-12"),
    ]


def test_a_world_file_speaks_for_everybody(ucdp_file: Write) -> None:
    numbers = sorted(ucdp.GW_TO_ISO3)[:40]
    path = ucdp_file(*({"country_id": n, "country": "x"} for n in numbers), name="GEDEvent_v20_0_3.csv")
    assert coverage(ucdp.read(path)) == [("*", "2020-03", "2020-03")]
    assert ucdp.read(path).covers(["MLI", "TGO"]) == ("MLI", "TGO")


def test_an_extract_covers_no_others(ucdp_file: Write) -> None:
    assert ucdp.read(ucdp_file({}, BURKINA)).covers(["MLI", "TGO"]) == ("MLI",)


def test_without_a_release_the_file_speaks_for_its_own_months(ucdp_file: Write) -> None:
    later = {"date_start": "2020-07-01", "date_end": "2020-07-01"}
    assert coverage(ucdp.read(ucdp_file({}, later, name="mine.csv"))) == [("MLI", "2020-03", "2020-07")]


@pytest.mark.parametrize(("unclear", "counted"), [("drop", 2), ("keep", 3)])
def test_unclear_events_are_an_option(ucdp_file: Write, unclear: str, counted: int) -> None:
    path = ucdp_file({}, {"code_status": "Check deaths"}, {"code_status": ""})
    frame = ucdp.read(path, unclear=unclear).frame
    assert (frame["excluded"] == "").sum() == counted
    assert len(frame) == 3


def test_unclear_events_count_by_default_because_that_is_nearer_to_the_final_count(real_data: Path) -> None:
    path = real_data / "candidate" / "GEDEvent_v23_0_10.csv"
    final = ucdp.read(real_data / "ged241_west_africa.csv").frame
    final = final[final["date_end"].dt.strftime("%Y-%m") == "2023-10"]
    errors = {}
    for unclear in ("keep", "drop"):
        frame = ucdp.read(path, unclear=unclear).frame
        counted = frame[(frame["excluded"] == "") & (frame["date_end"] < "2023-11-01")]
        errors[unclear] = sum(
            abs((counted["country"] == c).sum() - (final["country"] == c).sum())
            for c in ("MLI", "NER", "BFA")
        )
    assert errors["keep"] < errors["drop"] / 1.5


def test_unknown_policy_is_refused(ucdp_file: Write) -> None:
    with pytest.raises(UsageError, match="unclear='maybe' is not known"):
        ucdp.read(ucdp_file(), unclear="maybe")


def test_csv_gz_zip_and_parquet_are_the_same(ucdp_file: Write, tmp_path: Path) -> None:
    path = ucdp_file({}, {"best": 4}, BURKINA)
    (tmp_path / "GEDEvent_v21_1.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
    with zipfile.ZipFile(tmp_path / "ged211-csv.zip", "w") as archive:
        archive.write(path, "GEDEvent_v21_1.csv")
    pd.read_csv(path).to_parquet(tmp_path / "GEDEvent_v21_1.parquet")
    plain = ucdp.read(path).frame
    for name in ("GEDEvent_v21_1.csv.gz", "ged211-csv.zip", "GEDEvent_v21_1.parquet"):
        pd.testing.assert_frame_equal(ucdp.read(tmp_path / name).frame, plain)


def test_us_and_iso_dates_with_times_are_the_same_days(ucdp_file: Write) -> None:
    ways = [
        "2020-03-05",
        "2020-03-05 00:00:00.000",
        "3/5/2020",
        "03/05/2020 12:00:00 AM",
        "2020-03-05T00:00:00",
    ]
    incidents = ucdp.read(ucdp_file(*({"date_start": w, "date_end": w} for w in ways)))
    assert set(incidents.frame["date_end"]) == {pd.Timestamp("2020-03-05")}
    assert [(r.name, r.count) for r in incidents.repairs] == [("us_dates", 2)]


def test_country_by_number_then_by_name(ucdp_file: Write) -> None:
    path = ucdp_file(
        {}, {"country_id": "", "country": "Ivory Coast"}, {"country_id": 9999, "country": "Atlantis"}
    )
    assert ucdp.read(path).frame["country"].tolist() == ["MLI", "CIV", ""]


def test_bounds_are_widened_not_best(ucdp_file: Write) -> None:
    frame = ucdp.read(ucdp_file({"low": 4, "best": 3, "high": 5}, {"low": 1, "best": 9, "high": 5})).frame
    assert frame[["deaths_low", "deaths_best", "deaths_high"]].to_numpy().tolist() == [[3, 3, 5], [1, 9, 9]]


def test_later_known_columns_are_not_even_read(ucdp_file: Write) -> None:
    frame = ucdp.read(ucdp_file({"active_year": True, "number_of_sources": 3})).frame
    assert not {"active_year", "number_of_sources"} & set(frame.columns)


def test_specs_name_the_source(ucdp_file: Write) -> None:
    path = ucdp_file({})
    assert len(read_source(f"ucdp:{path}")) == len(read_source(str(path))) == 1


def test_one_event_in_a_candidate_and_its_consolidated_file(ucdp_file: Write) -> None:
    monthly = ucdp.read(ucdp_file({"best": 3}, name="GEDEvent_v20_0_3.csv"))
    whole = ucdp.read(ucdp_file({"best": 4}, name="GEDEvent_v20_01_20_04.csv"))
    frame = combine([whole, monthly]).frame
    assert frame.loc[frame["excluded"] == "", "deaths_best"].tolist() == [4]
    assert sorted(frame["excluded"]) == ["", "superseded"]


def test_real_candidate_files(real_data: Path) -> None:
    for name, rows in (("GEDEvent_v23_0_10", 2391), ("GEDEvent_v26_0_1", 1727), ("GEDEvent_v26_0_4", 1675)):
        incidents = ucdp.read(real_data / "candidate" / f"{name}.csv", today=date(2026, 6, 1))
        assert len(incidents) == rows
        assert coverage(incidents)[0][0] == "*"
        assert (incidents.frame["country"] != "").all()


def test_real_deaths_repairs(real_data: Path) -> None:
    repairs = {r.name: r.count for r in ucdp.read(real_data / "ged241_west_africa.csv").repairs}
    assert repairs == {"deaths_bounds_widened": 64}


def test_the_small_event_is_like_a_real_one(real_data: Path) -> None:
    real = pd.read_csv(real_data / "ged241_west_africa.csv", nrows=5)
    assert set(EVENT) <= set(real.columns)
