"""``harmattan doctor``, ``harmattan config show`` and shell completion, as a user meets them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Run

from harmattan.data.errors import ConfigError
from harmattan.forecast.cli.tools import options_in
from harmattan.forecast.settings import PARSERS


def test_each_value_says_where_it_comes_from(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "harmattan.toml").write_text('horizons = "1:3"\ndraws = 100\n', encoding="utf-8")
    monkeypatch.setenv("HARMATTAN_SEED", "7")
    code, out, _ = run("config", "show", "--draws", "500", "--no-track", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["horizons"] == {"value": [1, 2, 3], "from": str(tmp_path / "harmattan.toml")}
    assert found["seed"] == {"value": 7, "from": "HARMATTAN_SEED"}
    assert found["draws"] == {"value": 500, "from": "--draws"}
    assert found["track"] == {"value": False, "from": "--no-track"}
    assert found["targets"]["from"] == "default"
    assert set(found) == set(PARSERS)


def test_settings_are_shown_one_a_line(run: Run) -> None:
    code, out, err = run("config", "show")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == [*json.loads(run("config", "show", "--json")[1])]


def test_an_unknown_key_stops_with_a_suggestion(run: Run, tmp_path: Path) -> None:
    (tmp_path / "harmattan.toml").write_text("draw = 100\n", encoding="utf-8")
    code, out, err = run("config", "show")
    assert (code, out) == (2, "")
    assert "there is no setting 'draw'. Did you mean 'draws'?" in err


def test_an_unknown_option_stops_with_a_suggestion(run: Run) -> None:
    code, _, err = run("config", "show", "--horizon", "3")
    assert code == 2
    assert "Did you mean 'horizons'?" in err


def test_a_password_is_not_shown(run: Run) -> None:
    _, out, _ = run("config", "show", "--tracking-uri", "https://me:hunter2@example.org/")
    assert "example.org" in out
    assert "hunter2" not in out


@pytest.mark.parametrize(("words", "said"), [(["draws"], "not an option"), (["--draws"], "value is missing")])
def test_options_that_cannot_be_read(words: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        options_in(words)


def test_doctor_says_what_it_found(run: Run) -> None:
    code, out, err = run("doctor")
    assert (code, err) == (0, "")
    assert [line.split()[1] for line in out.splitlines()] == [
        "python", "packages", "openmp", "data", "write", "disk", "store"
    ]  # fmt: skip


def test_doctor_leaves_with_the_code_of_what_failed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "harmattan.toml").write_text('panel = "absent.parquet"\n', encoding="utf-8")
    code, out, err = run("doctor", "--json")
    assert code == 3
    assert "absent.parquet" in err
    assert json.loads(out)["status"] == "failed"


def test_doctor_can_be_silent(run: Run) -> None:
    assert run("doctor", "--quiet") == (0, "", "")


def test_a_silent_command_prints_nothing_but_errors(run: Run) -> None:
    world = ("data", "simulate", "--out", "world", "--geometry", "grid", "--countries", "XXA,XXB")
    assert run(*world, "--months", "24", "--quiet") == (0, "", "")
    code, out, err = run("data", "check", "absent.csv", "--quiet")
    assert (code, out) == (3, "")
    assert "absent.csv" in err


@pytest.mark.parametrize(
    ("words", "at", "offered"),
    [
        ("harmattan fo", 1, "forecast"),
        ("harmattan data ", 2, "fetch"),
        ("harmattan forecast --ba", 2, "--backtest-origins"),
    ],
)
def test_the_shell_completes(words: str, at: int, offered: str) -> None:
    code = "from harmattan.forecast.cli.entry import main; main()"
    asked = {"_HARMATTAN_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(at)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **asked}, check=False
    )
    assert offered in done.stdout.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_installed_by_hand(shell: str) -> None:
    code = "from harmattan.forecast.cli.entry import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--show-completion", shell],
        capture_output=True,
        text=True,
        env={**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        check=False,
    )
    assert "_HARMATTAN_COMPLETE" in done.stdout
