"""The progress bar: drawn on a terminal, and nowhere else."""

from __future__ import annotations

import io
import sys

import pytest

from harmattan.forecast.cli.output import bar


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
