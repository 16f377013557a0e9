"""Releases: complete or absent, the same bytes for the same numbers, safe to open."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import os
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st
from make_result import HOSTILE, make_result

from harmattan.data.errors import LockError, ReleaseError
from harmattan.forecast.release import files as locks
from harmattan.forecast.release import write as publish
from harmattan.forecast.result import ForecastResult
from harmattan.training.distribution import Draws

HTML = "<!doctype html><title>Report</title>"
FILES = {
    "SHA256SUMS",
    "checks.csv",
    "contributions.csv",
    "countries.csv",
    "draws.parquet",
    "forecast.csv",
    "forecast.geojson",
    "forecast.parquet",
    "hub/hub-config/admin.json",
    "hub/hub-config/model-metadata-schema.json",
    "hub/hub-config/tasks.json",
    "hub/model-metadata/harmattan-pool.yml",
    "hub/model-output/harmattan-pool/2023-12-31-harmattan-pool.parquet",
    "history.parquet",
    "manifest.json",
    "pairs.csv",
    "rehearsal.csv",
    "judged.csv",
    "outlook.csv",
    "warnings.csv",
    "reliability.csv",
    "report.html",
    "scores.csv",
    "spillover.csv",
    "status.json",
    "views/about.json",
    "views/cm_deaths.parquet",
    "views/cm_events.parquet",
    "views/harmattan_admin1_deaths.parquet",
    "views/harmattan_admin1_events.parquet",
    "webmap.json",
    "wide.csv",
    "withheld.csv",
}


@pytest.fixture(scope="module")
def result() -> ForecastResult:
    return make_result()


def contents(folder: Path) -> dict[str, bytes]:
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    return {name: found[name] for name in sorted(found)}


def visible(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir() if path.name != ".lock")


def test_a_release_is_one_folder_with_every_file(result: ForecastResult, tmp_path: Path) -> None:
    folder = publish.write_release(result, HTML, tmp_path / "deep" / "releases")
    assert folder == tmp_path / "deep" / "releases" / "2023-12"
    assert set(contents(folder)) == FILES
    assert visible(folder.parent) == ["2023-12"]
    assert (folder / "report.html").read_text(encoding="utf-8") == HTML


def test_the_checksums_are_those_of_the_files(result: ForecastResult, tmp_path: Path) -> None:
    files = contents(publish.write_release(result, HTML, tmp_path))
    lines = files.pop("SHA256SUMS").decode().splitlines()
    assert lines == [f"{hashlib.sha256(data).hexdigest()}  {name}" for name, data in files.items()]


def test_two_empty_folders_get_the_same_bytes(result: ForecastResult, tmp_path: Path) -> None:
    elsewhere = replace(
        result, settings={**result.settings, "workers": 2, "out": Path("/b")}, timings={"fit": 9.0}
    )
    here = replace(result, settings={**result.settings, "workers": 1, "out": Path("/a")})
    one = contents(publish.write_release(here, HTML, tmp_path / "one"))
    two = contents(publish.write_release(elsewhere, HTML, tmp_path / "two"))
    assert one == two


def test_the_day_of_the_run_changes_nothing_but_the_status(result: ForecastResult, tmp_path: Path) -> None:
    one = contents(publish.write_release(result, HTML, tmp_path / "one"))
    two = contents(publish.write_release(replace(result, run_date=date(2030, 1, 1)), HTML, tmp_path / "two"))
    assert {name for name in one if one[name] != two[name]} == {"status.json", "SHA256SUMS"}


def test_no_file_holds_a_path_or_a_clock(result: ForecastResult, tmp_path: Path) -> None:
    settings = {
        "panel": tmp_path / "mine.parquet",
        "mlruns": tmp_path,
        "tracking_uri": "http://user:secret@host",
    }
    folder = publish.write_release(replace(result, settings=settings), HTML, tmp_path)
    for name, data in contents(folder).items():
        assert str(tmp_path).encode() not in data, name
        assert b"secret" not in data, name
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["settings"] == {"panel": "mine.parquet"}


def test_the_manifest_says_what_the_numbers_came_from(result: ForecastResult, tmp_path: Path) -> None:
    result = replace(result, panel=replace(result.panel, source="UCDP GED 24.1"))
    folder = publish.write_release(result, HTML, tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["data"]["sha256"] == result.panel.digest()
    assert manifest["data"]["coverage"][0] == {
        "country": "MLI",
        "first_month": "2019-01",
        "last_month": "2023-12",
    }
    assert manifest["versions"]["numpy"] == np.__version__
    assert manifest["seed"] == result.seed
    assert "CC BY 4.0" in manifest["licences"]["events"]


def test_again_with_the_same_bytes_changes_nothing(result: ForecastResult, tmp_path: Path) -> None:
    first = publish.publish_release(result, HTML, tmp_path)
    before = {p: p.stat().st_mtime_ns for p in first.path.iterdir()}
    second = publish.publish_release(replace(result, run_date=date(2030, 1, 1)), HTML, tmp_path)
    assert (first.status, second.status, second.path) == ("written", "identical", first.path)
    assert {p: p.stat().st_mtime_ns for p in first.path.iterdir()} == before
    assert visible(tmp_path) == ["2023-12"]


@pytest.mark.slow
def test_other_numbers_stand_beside_the_first_with_a_reason(result: ForecastResult, tmp_path: Path) -> None:
    first = publish.write_release(result, HTML, tmp_path)
    before = contents(first)
    second = publish.publish_release(make_result(seed=8), HTML, tmp_path)
    third = publish.publish_release(make_result(seed=9), HTML, tmp_path)
    assert (second.status, second.path.name, third.path.name) == ("revised", "2023-12_r2", "2023-12_r3")
    assert "seed: 7 -> 8" in second.reason
    assert any(line.startswith("data.sha256: ") for line in second.reason)
    status = json.loads((second.path / "status.json").read_text(encoding="utf-8"))
    assert status["revision_reason"] == list(second.reason)
    assert publish.read_sums(second.path) == publish.sums_of(second.path)
    assert contents(first) == before
    assert publish.publish_release(make_result(seed=8), HTML, tmp_path).status == "identical"


def test_a_new_report_of_the_same_inputs_names_the_file(result: ForecastResult, tmp_path: Path) -> None:
    publish.write_release(result, HTML, tmp_path)
    assert publish.publish_release(result, HTML + "!", tmp_path).reason == ("report.html differs",)


def test_a_damaged_release_is_not_taken_for_the_same(result: ForecastResult, tmp_path: Path) -> None:
    first = publish.write_release(result, HTML, tmp_path)
    (first / "forecast.csv").write_bytes(b"nothing")
    again = publish.publish_release(result, HTML, tmp_path)
    assert (again.status, again.reason) == ("revised", ("2023-12/forecast.csv is damaged",))


def test_revisions_are_in_order_of_number(tmp_path: Path) -> None:
    for name in ("2023-12_r10", "2023-12", "2023-12_r2", "2023-11", "2023-12_x"):
        (tmp_path / name).mkdir()
    assert [p.name for p in publish.revisions(tmp_path, "2023-12")] == [
        "2023-12",
        "2023-12_r2",
        "2023-12_r10",
    ]


def test_what_a_killed_job_left_is_cleared(result: ForecastResult, tmp_path: Path) -> None:
    (tmp_path / ".tmp-2023-11").mkdir()
    (tmp_path / ".tmp-2023-11" / "half.csv").write_text("x", encoding="utf-8")
    publish.write_release(result, HTML, tmp_path)
    assert visible(tmp_path) == ["2023-12"]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=[pytest.mark.slow] if i % 6 else [])
        for i, n in enumerate(sorted(FILES - {"SHA256SUMS"}))
    ],
)
def test_a_failure_at_any_file_leaves_nothing(result: ForecastResult, tmp_path: Path, name: str) -> None:
    def full(file: str) -> None:
        if file == name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), file)

    with pytest.raises(ReleaseError, match="No space left on device"):
        publish.publish_release(result, HTML, tmp_path, on_file=full)
    assert visible(tmp_path) == []


def test_a_folder_that_cannot_be_made(result: ForecastResult, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ReleaseError, match="cannot be written") as caught:
        publish.write_release(result, HTML, tmp_path / "file" / "releases")
    assert caught.value.exit_code == 5


def test_a_second_job_is_turned_away(
    result: ForecastResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0.0)
    with FileLock(tmp_path / ".lock"), pytest.raises(LockError, match="another job") as caught:
        publish.write_release(result, HTML, tmp_path)
    assert caught.value.exit_code == 7
    assert visible(tmp_path) == []


def test_broken_numbers_are_not_published(result: ForecastResult, tmp_path: Path) -> None:
    events = result.draws["events"]
    mean = events.mean().copy()
    mean[0, 0] = np.nan
    draws = {**result.draws, "events": replace(events, analytic_mean=mean)}
    with pytest.raises(ReleaseError, match="break the check 'no missing'"):
        publish.write_release(replace(result, draws=draws), HTML, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("region", ["../evil", "a/b", "a\\b", ".hidden", "", "a\nb"])
def test_a_region_id_cannot_leave_the_folder(tmp_path: Path, region: str) -> None:
    result = make_result()
    panel = replace(result.panel, region_ids=(region, *result.panel.region_ids[1:]))
    with pytest.raises(ReleaseError, match="cannot be a file's name"):
        publish.write_release(replace(result, panel=panel), HTML, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_no_text_cell_of_any_file_starts_a_formula(tmp_path: Path) -> None:
    result = make_result()
    names = ("=1+1", "+1", "-1", "@x", "\tx", "\rx", HOSTILE) * 2
    folder = publish.write_release(replace(result, panel=replace(result.panel, names=names)), HTML, tmp_path)
    with (folder / "wide.csv").open(encoding="utf-8", newline="") as lines:
        cells = {row["name"] for row in csv.DictReader(lines)}
    assert {"'=1+1", "'+1", "'-1", "'@x", "'\tx", "'\rx", HOSTILE} == cells
    for path in folder.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as lines:
            for cell in (cell for row in csv.reader(lines) for cell in row):
                assert not cell.startswith(("=", "@", "\t", "\r")), path.name
                assert not cell.startswith(("+", "-")) or np.isfinite(float(cell)), path.name


@given(st.lists(st.text() | st.text("=+-@\t\r\n'\",a"), min_size=1, max_size=5))
def test_text_survives_a_csv(texts: list[str]) -> None:
    text = publish.csv_text(pd.DataFrame({"n": -1.5, "name": texts}))
    rows = list(csv.reader(io.StringIO(text, newline="")))[1:]
    assert [row[0] for row in rows] == ["-1.5"] * len(texts)
    assert [row[1].removeprefix("'") for row in rows] == [t.removeprefix("'") for t in texts]


def test_a_csv_is_the_same_however_many_rows_are_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    table = pd.DataFrame({"n": [1.5, np.nan, 3.0, 4.0, 5.0], "name": ["a", "=b", None, "c,d", 'e"f']})
    whole = publish.csv_text(table)
    for rows in (1, 2, 4, 5):
        monkeypatch.setattr(publish, "ROWS_AT_ONCE", rows)
        assert publish.csv_text(table) == whole


def test_the_parquet_files_read_back_as_they_were(result: ForecastResult, tmp_path: Path) -> None:
    folder = publish.write_release(result, HTML, tmp_path)
    table = pd.read_parquet(folder / "forecast.parquet")
    sheet = pd.read_csv(folder / "forecast.csv", dtype={"output_type_id": str})
    np.testing.assert_allclose(table["value"], sheet["value"], rtol=0, atol=1e-9)
    assert table["target_end_date"].astype(str).tolist() == sheet["target_end_date"].tolist()
    draws = pd.read_parquet(folder / "draws.parquet")
    events = Draws.from_frame(draws[draws.target == "events"])
    np.testing.assert_array_equal(events.values, result.draws["events"].values)


def test_parquet_files_carry_no_pandas_version(result: ForecastResult, tmp_path: Path) -> None:
    folder = publish.write_release(result, HTML, tmp_path)
    for path in folder.rglob("*.parquet"):
        assert b"pandas" not in path.read_bytes()


def test_country_figures_are_in_the_same_layout(result: ForecastResult, tmp_path: Path) -> None:
    folder = publish.write_release(result, HTML, tmp_path)
    countries = pd.read_csv(folder / "countries.csv", dtype={"output_type_id": str})
    assert set(countries["location"]) == {"MLI", "BFA", "NER", "BEN"}
    row = countries.query(
        "target == 'events' and location == 'MLI' and horizon == 1 and output_type == 'mean'"
    )
    regions = pd.read_csv(folder / "wide.csv").query(
        "target == 'events' and country == 'MLI' and horizon == 1"
    )
    assert row["value"].item() == pytest.approx(regions["mean"].sum(), abs=1e-4)
