"""What a command answers: its exit code, its output and its errors, as the fixture ``run`` gives them."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from harmattan.forecast.cli import entry as cli

Run = Callable[..., tuple[int, str, str]]


def caller(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A function that runs ``harmattan`` with the words it is given, in this process and this folder."""

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["harmattan", *map(str, words)])
        code: str | int | None = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code
        said = capsys.readouterr()
        return int(code or 0), said.out, said.err

    return call
