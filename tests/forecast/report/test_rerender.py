"""A page made again from a finished release, and scores, on the command line."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from make_result import make_result
from typer.testing import CliRunner

from harmattan.data.errors import ReleaseError, WithdrawnError
from harmattan.forecast.cli.entry import app
from harmattan.forecast.jobs import forecasting as main_job
from harmattan.forecast.release.catalogue import WithdrawalNote, note_of
from harmattan.forecast.release.read import newest_before
from harmattan.forecast.release.write import publish_release
from harmattan.forecast.report.page import render
from harmattan.forecast.report.rerender import read_result, render_again, write_page
from harmattan.forecast.settings import Settings


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release with a hostile name, and the one of the month before."""
    folder = tmp_path_factory.mktemp("releases")
    for month in ("2023-11", "2023-12"):
        result = make_result(origin=month, hostile=True)
        before = newest_before(folder, result.origin, result.panel.region_ids)
        publish_release(result, render(result, before), folder)
    return folder


@pytest.fixture
def copied(shelf: Path, tmp_path: Path) -> Path:
    """The releases, to be changed."""
    return Path(shutil.copytree(shelf, tmp_path / "releases"))


def test_the_page_made_again_is_the_page_that_was_published(shelf: Path) -> None:
    for name in ("2023-11", "2023-12"):
        assert render_again(shelf / name) == (shelf / name / "report.html").read_text(encoding="utf-8")


def test_the_page_made_again_knows_the_release_before(shelf: Path, copied: Path) -> None:
    shutil.rmtree(copied / "2023-11")
    assert "the release of 2023-11 expected" in render_again(shelf / "2023-12")
    assert "No earlier release stands beside this one" in render_again(copied / "2023-12")


def test_the_main_job_looks_back_and_stays_the_same(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(copied / "2023-12")
    monkeypatch.setattr("harmattan.forecast.run.run_forecast", lambda *given, **about: make_result())
    settings = replace(Settings.load({}, environ={}, cwd=copied), out=copied, track=False)
    first, again = (main_job.run_main_job(settings).release for _ in range(2))
    assert (first.status, again.status) == ("written", "identical")
    assert "the release of 2023-11 expected" in (first.path / "report.html").read_text(encoding="utf-8")


def test_a_changed_release_is_refused(copied: Path) -> None:
    path = copied / "2023-12" / "scores.csv"
    path.write_text(path.read_text().replace("pool", "pond"))
    with pytest.raises(ReleaseError, match="other bytes than were released"):
        render_again(copied / "2023-12")


def test_a_withdrawn_release_is_refused(copied: Path) -> None:
    note_of(copied / "2023-12").write_text(WithdrawalNote("2023-12", "wrong counts", "2024-01-09").text())
    with pytest.raises(WithdrawnError, match="wrong counts"):
        render_again(copied / "2023-12")


def test_a_withdrawn_release_is_no_past_forecast(copied: Path) -> None:
    note_of(copied / "2023-11").write_text(WithdrawalNote("2023-11", "wrong counts", "2024-01-09").text())
    assert newest_before(copied, pd.Period("2023-12", "M"), ("MLI-north",)) is None


def test_a_damaged_release_is_no_past_forecast(copied: Path) -> None:
    (copied / "2023-11" / "wide.csv").write_text("")
    assert newest_before(copied, pd.Period("2023-12", "M"), ("MLI-north",)) is None


def test_a_release_of_other_regions_is_no_past_forecast(copied: Path) -> None:
    assert newest_before(copied, pd.Period("2023-12", "M"), ("NGA-borno",)) is None


def test_no_page_is_written_into_a_release(copied: Path) -> None:
    with pytest.raises(ReleaseError, match="never changed"):
        write_page("", copied / "2023-12" / "report.html")


def test_report_writes_where_it_is_told(shelf: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = CliRunner().invoke(app, ["report", "2023-12", "--out", str(shelf), "--to", str(page), "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["bytes"] == page.stat().st_size
    assert page.read_bytes() == (shelf / "2023-12" / "report.html").read_bytes()


def test_report_writes_nothing_on_a_dry_run(shelf: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = CliRunner().invoke(app, ["report", "2023-12", "--out", str(shelf), "--to", str(page), "--dry-run"])
    assert done.exit_code == 0
    assert not page.exists()


def test_score_prints_what_came_of_each_month(shelf: Path, tmp_path: Path) -> None:
    result = make_result(hostile=True)
    result.panel.write_parquet(tmp_path / "panel.parquet")
    given = ["--panel", str(tmp_path / "panel.parquet"), "--out", str(shelf), "--no-track", "--dry-run"]
    done = CliRunner().invoke(app, ["score", *given])
    observed = result.panel.measure("events")[-1].sum()
    line = next(text for text in done.stdout.splitlines() if text.startswith("events  2023-12"))
    assert line.split()[4] == f"{observed:.0f}"
    told = json.loads(CliRunner().invoke(app, ["score", *given, "--json"]).stdout)
    assert told["new"] == told["scores"] == 2
    assert not (shelf / "monitoring.csv").exists()


def test_scores_before_any_release_say_so(tmp_path: Path) -> None:
    result = make_result()
    result.panel.write_parquet(tmp_path / "panel.parquet")
    (tmp_path / "out").mkdir()
    given = ["--panel", str(tmp_path / "panel.parquet"), "--out", str(tmp_path / "out"), "--no-track"]
    done = CliRunner().invoke(app, ["score", *given])
    assert done.exit_code == 0
    assert "No release has a month that was observed since" in done.stdout


@pytest.mark.slow
def test_scores_of_one_model_are_one_run_in_mlflow(shelf: Path, tmp_path: Path) -> None:
    result = make_result(hostile=True)
    result.panel.write_parquet(tmp_path / "panel.parquet")
    out = Path(shutil.copytree(shelf, tmp_path / "out"))
    given = ["--panel", str(tmp_path / "panel.parquet"), "--out", str(out), "--mlruns", str(tmp_path / "ml")]
    first, again = (
        json.loads(CliRunner().invoke(app, ["score", *given, "--json"]).stdout)["runs"] for _ in range(2)
    )
    assert first == again
    assert len(first) == 1


def test_a_release_without_its_counts_says_what_is_left(copied: Path) -> None:
    (copied / "2023-12" / "history.parquet").unlink()
    with pytest.raises(ReleaseError, match="are not kept in it"):
        read_result(copied / "2023-12")
