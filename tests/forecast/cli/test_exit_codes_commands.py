"""Codes that no other test sees a command leave with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Run
from make_result import make_result
from test_bring_your_own import COLUMNS, incidents, polygons

from harmattan.forecast.release import latest
from harmattan.forecast.release.files import write_sums
from harmattan.forecast.release.write import write_release


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder whose latest release is green and a month old."""
    folder = tmp_path / "out"
    write_release(make_result(level="green", banner="", settings={"panel": "mine.csv"}), "<p>", folder)
    latest.point_latest(folder, "2023-12")
    return folder


def test_incidents_known_to_a_country_only_are_not_published(run: Run, tmp_path: Path) -> None:
    """13: no place is exact enough for a region."""
    table = incidents()
    table["Place"] = 7
    table.to_csv(tmp_path / "hechos.csv", index=False)
    polygons(tmp_path / "estados.geojson")
    columns = f"{COLUMNS},where_precision=Place"
    settings = (
        f'source = "table:hechos.csv"\nregions = "estados.geojson"\ncolumns = "{columns}"\nout = "out"\n'
    )
    (tmp_path / "harmattan.toml").write_text(
        settings + 'mlruns = "mlruns"\ntrack = false\n', encoding="utf-8"
    )
    code, said, err = run("publish", "--run-date", "2020-01-31")
    assert (code, said) == (13, ""), err
    assert "could be placed" in err
    assert not list((tmp_path / "out").glob("2*"))


def test_incidents_of_another_continent_are_a_partial_panel_and_no_fault(run: Run, tmp_path: Path) -> None:
    """6, with every check that is red: nothing at all is left to count."""
    table = incidents()
    table["Lat"] += 20.0
    table.to_csv(tmp_path / "hechos.csv", index=False)
    polygons(tmp_path / "estados.geojson")
    settings = (
        f'source = "table:hechos.csv"\nregions = "estados.geojson"\ncolumns = "{COLUMNS}"\nout = "out"\n'
    )
    (tmp_path / "harmattan.toml").write_text(settings + "track = false\n", encoding="utf-8")
    code, _, err = run("publish", "--run-date", "2020-01-31")
    assert (code, "0.0% of 90 events could be placed" in err) == (6, True), err


def test_a_release_with_too_few_placed_is_told(run: Run, out: Path) -> None:
    check = {"name": "match_rate", "status": "red", "message": "60.0% could be placed.", "rows": 3}
    status = out / "2023-12" / "status.json"
    status.write_text(json.dumps(json.loads(status.read_text("utf-8")) | {"checks": [check]}), "utf-8")
    write_sums(out / "2023-12")
    code, _, err = run("status", "--out", out, "--run-date", "2024-01-25")
    assert (code, "60.0% could be placed" in err) == (13, True)


def test_forecasts_worse_than_the_baseline_are_told(run: Run, out: Path) -> None:
    """15: what monitoring wrote beside the releases."""
    entry = {"name": "skill", "level": "red", "message": "Worse than conflictology for three months."}
    (out / "monitoring.json").write_text(json.dumps({"entries": [entry]}), encoding="utf-8")
    code, _, err = run("status", "--out", out, "--run-date", "2024-01-25")
    assert (code, "Worse than conflictology" in err) == (15, True)
