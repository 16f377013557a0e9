"""The progress bar: drawn on a terminal, and nowhere else."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from harmattan.data.errors import GateError
from harmattan.forecast.cli.output import Output, bar


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def drawn(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, quiet: bool = False) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with bar(quiet=quiet) as progress:
        progress("models", 0.5)
    return stream.getvalue()


def test_a_terminal_shows_the_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "models" in drawn(Terminal(), monkeypatch)


def test_a_log_file_stays_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn(io.StringIO(), monkeypatch) == ""


def test_quiet_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn(Terminal(), monkeypatch, quiet=True) == ""


def test_the_bar_is_cleared_when_a_run_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)

    def fail() -> None:
        with bar() as progress:
            progress("models", 0.5)
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    assert stream.getvalue().endswith("\x1b[2K")


def test_a_log_has_each_stage_of_a_command_and_how_it_ended(tmp_path: Path) -> None:
    log = tmp_path / "job.jsonl"
    with Output(True, True, "train", str(log)).bar() as progress:
        for stage, share in [("data", 0.0), ("models", 0.2), ("models", 0.6), ("record", 0.9)]:
            progress(stage, share)

    def fail() -> None:
        with Output(True, True, "backfill", str(log)).bar() as progress:
            progress("2023-11", 0.0)
            raise GateError("the data are partial.")

    with pytest.raises(GateError):
        fail()
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    told = [(line["stage"], line["state"]) for line in lines]
    done = [("data", "begin"), ("data", "done"), ("models", "begin"), ("models", "done"), ("record", "begin")]
    assert told[:8] == [("train", "begin"), *done, ("record", "done"), ("train", "done")]
    assert told[8:] == [
        ("backfill", "begin"),
        ("2023-11", "begin"),
        ("2023-11", "failed"),
        ("backfill", "failed"),
    ]
    assert all(line["seconds"] >= 0 for line in lines if line["state"] == "done")
    assert (lines[-1]["error"], lines[-1]["message"]) == ("GateError", "the data are partial.")
