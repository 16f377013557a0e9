"""One table of exit codes: the errors, the help and the documentation agree with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from harmattan.data import errors
from harmattan.data.errors import HarmattanError
from harmattan.forecast.cli.exit_codes import EXIT_CODES, in_help, in_markdown

ROOT = Path(__file__).resolve().parents[3]


def kinds(kind: type[HarmattanError] = HarmattanError) -> list[type[HarmattanError]]:
    return [kind, *(k for sub in kind.__subclasses__() for k in kinds(sub))]


def test_every_error_stands_in_the_table_under_its_code() -> None:
    told = {name: entry.code for entry in EXIT_CODES for name in entry.errors}
    assert told == {kind.__name__: kind.exit_code for kind in kinds()}


def test_the_codes_are_counted_through_and_say_what_to_do() -> None:
    assert [entry.code for entry in EXIT_CODES] == list(range(len(EXIT_CODES)))
    assert all(entry.meaning for entry in EXIT_CODES)
    assert all(entry.remedy for entry in EXIT_CODES if entry.code)


def test_the_tree_of_errors_shows_every_code() -> None:
    words = [line.replace("│", " ").split() for line in (errors.__doc__ or "").splitlines()]
    shown = {line[1]: int(line[2]) for line in words if line[:1] in (["├──"], ["└──"])}
    assert shown == {kind.__name__: kind.exit_code for kind in kinds()[1:]}


def test_the_page_holds_the_table() -> None:
    page = (ROOT / "docs" / "exit_codes.md").read_text(encoding="utf-8")
    assert in_markdown() in page


def test_the_help_holds_the_table() -> None:
    command = [str(Path(sys.executable).parent / "harmattan"), "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    shown = [line.strip() for line in told.splitlines()]
    assert [line for line in shown if line in {x.strip() for x in in_help().splitlines()}] == [
        line.strip() for line in in_help().splitlines()
    ]
