"""The command line: outcomes, messages and exit codes, as a user meets them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import Run
from make_result import make_result

from harmattan.data.errors import SourceError, TrackingError
from harmattan.forecast.cli import entry as cli
from harmattan.forecast.jobs import forecasting as main_job

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def small_world(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The models replaced by a finished result, MLflow by a list; gives the settings that were used."""
    seen: list[Any] = []

    def forecast(settings: Any, progress: Any, *chosen: Any, **about: Any) -> Any:
        seen.append(settings)
        progress("models", 0.5)
        return make_result(seed=settings.seed)

    monkeypatch.setattr("harmattan.forecast.run.run_forecast", forecast)
    monkeypatch.setattr(main_job, "track_forecast", lambda *given: "run-1")
    return seen


def test_forecast_says_where_everything_is(run: Run, small_world: list[Any], tmp_path: Path) -> None:
    code, out, err = run("forecast", "--seed", "7")
    assert (code, err) == (0, "")
    assert f"Release  {tmp_path}/releases/2023-12  (new)" in out
    assert out.splitlines()[-1] == f"Report   {tmp_path}/releases/2023-12/report.html"
    assert "MLflow   run run-1" in out
    assert "Demonstration on data to 2023-12, not current." in out
    assert (tmp_path / "releases" / "2023-12" / "report.html").is_file()


def test_forecast_again_is_no_error(run: Run, small_world: list[Any]) -> None:
    run("forecast")
    code, out, _ = run("forecast")
    assert code == 0
    assert "(already there, identical)" in out


@pytest.mark.slow
def test_other_numbers_say_what_they_revise(run: Run, small_world: list[Any]) -> None:
    run("forecast", "--seed", "1")
    code, out, _ = run("forecast", "--seed", "2")
    assert code == 0
    assert "2023-12_r2  (revises an earlier one)" in out
    assert "seed: 1 -> 2" in out or "data.sha256" in out


def test_json_is_all_that_is_printed(run: Run, small_world: list[Any], tmp_path: Path) -> None:
    code, out, err = run("forecast", "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert found["release"] == str(tmp_path / "releases" / "2023-12")
    assert (found["status"], found["run_id"], found["level"]) == ("written", "run-1", "amber")


def test_quiet_prints_nothing(run: Run, small_world: list[Any]) -> None:
    assert run("forecast", "--quiet") == (0, "", "")


def test_options_reach_the_settings(run: Run, small_world: list[Any], tmp_path: Path) -> None:
    run(
        "forecast", "--horizons", "1,3", "--workers", "1", "--out", "here", "--as-of", "2023-12", "--no-track"
    )
    settings = small_world[0]
    assert (settings.horizons, settings.workers, settings.as_of) == ((1, 3), 1, "2023-12")
    assert settings.out == tmp_path / "here"
    assert settings.track is False


def test_no_track_records_nothing(
    run: Run, small_world: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main_job, "track_forecast", lambda *given: pytest.fail("recorded"))
    code, out, _ = run("forecast", "--no-track")
    assert code == 0
    assert "MLflow" not in out
    assert not (tmp_path / "mlruns").exists()


def test_a_failing_mlflow_loses_no_release(
    run: Run, small_world: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: Any) -> str:
        raise TrackingError("the run could not be recorded.", remedy="The release is complete.")

    monkeypatch.setattr(main_job, "track_forecast", fail)
    code, out, err = run("forecast")
    assert code == 8
    assert err == "error: the run could not be recorded. The release is complete.\n"
    assert out.splitlines()[-1].endswith("report.html")
    assert (tmp_path / "releases" / "2023-12" / "SHA256SUMS").is_file()


def test_broken_data_write_nothing(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(settings: Any, progress: Any, *chosen: Any, **about: Any) -> Any:
        raise SourceError("the file is empty.", "ged.csv", "Download it again.")

    monkeypatch.setattr("harmattan.forecast.run.run_forecast", fail)
    assert run("forecast") == (3, "", "error: ged.csv: the file is empty. Download it again.\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--horizons", "0:3"),
            "error: --horizons: horizons start at 1, the month after the last one seen. Write 1:3.\n",
        ),
        (("--as-of", "never"), "error: --as-of: 'never' is not a month. Write it as 2023-08.\n"),
        (
            ("--config", "no.toml"),
            "error: no.toml: there is no such file. Correct the path, or leave it out.\n",
        ),
    ],
)
def test_a_wrong_request(run: Run, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    assert run("forecast", *arguments) == (2, "", message)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "the file does not exist"),
        (b"", "the file is empty"),
        (b"month,region_id\n2023-01,MLI-gao\n", "the column 'events' is missing"),
        (b"month,region_id,events\n2023-01,MLI-ga\xe9,3\n", "is not UTF-8 text"),
        (b"month,region_id,events\n2023-01,MLI-gao,many\n", "'many'"),
        (b"month,region_id,events\n2023-01,MLI-gao,-3\n", "-3"),
    ],
    ids=["missing", "empty", "no column", "encoding", "no number", "negative"],
)
def test_a_broken_panel_is_named_and_nothing_written(
    run: Run, tmp_path: Path, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "counts.csv").write_bytes(content)
    code, out, err = run("forecast", "--panel", "counts.csv")
    assert (code, out) == (3, "")
    assert err.startswith(f"error: {tmp_path}/counts.csv")
    assert words in err
    assert err.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} <= {"counts.csv"}


def test_a_misspelled_setting(run: Run, tmp_path: Path) -> None:
    (tmp_path / "harmattan.toml").write_text("drows = 3\n", encoding="utf-8")
    code, _, err = run("forecast")
    assert (code, err) == (
        2,
        f"error: {tmp_path}/harmattan.toml: there is no setting 'drows'. Did you mean 'draws'?\n",
    )


def test_a_misspelled_option_and_command(run: Run) -> None:
    code, _, err = run("forecast", "--horizon", "3")
    assert code == 2
    assert "--horizons" in err
    assert run("forecats")[0] == 2


def test_an_output_folder_that_cannot_be(run: Run, small_world: list[Any], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, _, err = run("forecast", "--out", "file/releases")
    assert code == 5
    assert "releases cannot be written here" in err
    assert small_world == []


def test_dry_run_writes_nothing(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("forecast", "--dry-run", "--as-of", "2023-08", "--json")
    plan = json.loads(out)
    assert code == 0
    assert plan["release"] == str(tmp_path / "releases" / "2023-08")
    assert plan["regions"] > 80
    assert list(tmp_path.iterdir()) == []


def test_dry_run_names_a_target_that_is_not_there(run: Run) -> None:
    code, _, err = run("forecast", "--dry-run", "--targets", "events_jnm")
    assert code == 2
    assert "there are no events_jnm in these data" in err


@pytest.mark.parametrize("extra", [(), ("--dry-run",)])
def test_an_origin_outside_the_data(run: Run, tmp_path: Path, extra: tuple[str, ...]) -> None:
    code, _, err = run("forecast", "--as-of", "2050-01", *extra)
    assert code == 2
    assert "2050-01 is outside the data" in err
    assert list(tmp_path.iterdir()) == []


def test_an_unexpected_failure_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(settings: Any, progress: Any, *chosen: Any, **about: Any) -> Any:
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr("harmattan.forecast.run.run_forecast", fail)
    code, out, err = run("forecast")
    assert (code, out) == (1, "")
    assert err.startswith("error: an unexpected ZeroDivisionError: division by zero ")
    assert err.count("\n") == 1
    with pytest.raises(ZeroDivisionError):
        run("forecast", "--debug")


def test_version(run: Run) -> None:
    code, out, _ = run("version", "--json")
    assert code == 0
    assert json.loads(out)["harmattan"] == "0.1.0"
    assert run("version")[1].startswith("python 3.")


def test_no_command_shows_the_help(run: Run) -> None:
    _, out, err = run()
    assert "Usage: harmattan" in out + err


def commands() -> list[tuple[str, ...]]:
    """Every command that there is, groups included."""
    import typer

    found: list[tuple[str, ...]] = []
    root: Any = typer.main.get_command(cli.app)
    for name in root.list_commands(None):
        command = root.get_command(None, name)
        found.append((name,))
        if hasattr(command, "list_commands"):
            found += [(name, inner) for inner in command.list_commands(None)]
    return found


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_has_help_with_an_example(run: Run, command: tuple[str, ...]) -> None:
    code, out, _ = run(*command, "--help")
    assert code == 0
    if "Commands:" not in out:
        assert "harmattan " + " ".join(command) in out.split("Usage:")[1].split("\n", 1)[1]


def test_the_installed_command_runs() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "harmattan"), "forecast", "--horizons", "6:1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: --horizons: '6:1' runs backwards. Write 1:6.\n"
