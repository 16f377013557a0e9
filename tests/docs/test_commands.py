"""Every command is documented, and what the documents tell people to type is there."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from harmattan.forecast.cli.entry import app

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def _maker() -> Any:
    spec = importlib.util.spec_from_file_location("make_cli", DOCS / "make_cli.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


COMMANDS = {name: (command, context) for name, command, context in _maker().commands()}
LEAVES = {name: pair for name, pair in COMMANDS.items() if not hasattr(pair[0], "list_commands")}
PAGES = sorted(DOCS.rglob("*.md"))


def shell_lines(text: str) -> list[str]:
    """Lines that begin with ``harmattan`` in blocks of code, continued lines joined, comments cut."""
    blocks = re.findall(r"^ *```\w*\n(.*?)^ *```", text, flags=re.DOTALL | re.MULTILINE)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.split(" #")[0].strip() for line in lines if re.match(r"\s*harmattan [a-z-]", line)]


def check(line: str) -> None:
    """The command and every option of a line are there."""
    words = shlex.split(line)[1:]
    command: Any = typer.main.get_command(app)
    while words and hasattr(command, "get_command"):
        command = command.get_command(None, words.pop(0))
        assert command is not None, line
    known = {o for p in command.params for o in (*p.opts, *p.secondary_opts)} | {"--help", "-h", "--debug"}
    if command.context_settings.get("ignore_unknown_options"):
        return
    assert {w.split("=")[0] for w in words if re.match(r"--?[a-z]", w)} <= known, line


def test_the_page_of_commands_is_current() -> None:
    assert (DOCS / "cli.md").read_text(encoding="utf-8") == _maker().page(), "run `make docs-cli`"


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_says_what_it_does_with_an_example(name: str) -> None:
    command, context = LEAVES[name]
    text = command.get_help(context)
    examples = re.search(r"Examples?:\n((?: {4,}.*\n)+)", text)
    assert examples, "give an Examples block after \\b"
    lines = [line.strip() for line in examples[1].splitlines() if line.strip().startswith("harmattan")]
    assert lines
    assert all(line.startswith(name) for line in lines)
    for line in lines:
        check(line)


@pytest.mark.parametrize("name", LEAVES)
def test_help_is_of_no_theatre(name: str) -> None:
    command, context = LEAVES[name]
    # Newer boundaries of the shipped regions are called by their own names.
    text = command.get_help(context).replace("burkina-2025", "").replace("mali-2016", "")
    words = r"\b(MLI|BFA|NER|BEN|TGO|NGA|CIV|SEN|GNB|jnim|sahel|mali|niger|burkina|gao|kidal|mopti|atakora)\b"
    assert re.findall(words, text, re.IGNORECASE) == []


@pytest.mark.parametrize("name", LEAVES)
def test_every_option_is_explained(name: str) -> None:
    command, _ = LEAVES[name]
    options = [p for p in command.params if p.param_type_name == "option"]
    assert [p.name for p in options if not p.help] == []


#: Commands that do nothing but print.
PRINTING = {"version", "show", "list", "diff"}


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_speaks_json_and_can_be_silent(name: str) -> None:
    options = {o for p in LEAVES[name][0].params for o in p.opts}
    assert "--json" in options
    assert "--quiet" in options or name.split()[-1] in PRINTING


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(DOCS).as_posix())
def test_what_a_page_tells_people_to_type_is_there(path: Path) -> None:
    if path.name != "cli.md":
        for line in shell_lines(path.read_text(encoding="utf-8")):
            check(line)


def test_there_is_something_to_check() -> None:
    assert len(LEAVES) > 15
    assert sum(len(shell_lines(p.read_text(encoding="utf-8"))) for p in PAGES if p.name != "cli.md") > 10
