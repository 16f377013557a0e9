"""What the README tells people to type is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer

from harmattan.forecast.cli import entry as cli
from harmattan.forecast.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("harmattan ")]


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_and_option_exists(line: str) -> None:
    words = line.split("#")[0].split()[1:]
    command: Any = typer.main.get_command(cli.app)
    while words and hasattr(command, "get_command"):
        command = command.get_command(None, words.pop(0))
        assert command is not None, line
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= known


def test_there_are_commands_to_check() -> None:
    assert len(COMMANDS) >= 3


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", README, flags=re.MULTILINE))
    assert {"forecast", "test"} <= named
    assert {name for name in named if not re.search(rf"^{name}:", makefile, flags=re.MULTILINE)} == set()


def test_the_settings_shown_are_settings(tmp_path: Path) -> None:
    (text,) = blocks("toml")
    (tmp_path / "harmattan.toml").write_text(text, encoding="utf-8")
    settings = Settings.load({}, environ={}, cwd=tmp_path)
    assert settings.countries == ("BFA", "MLI", "NER")
    assert len(tomllib.loads(text)) == 5


def test_the_python_shown_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    from make_result import make_result

    (code,) = blocks("python")
    monkeypatch.setattr("harmattan.forecast.run.run_forecast", lambda settings, *_: make_result())
    monkeypatch.delitem(vars(__import__("harmattan")), "run_forecast", raising=False)
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["settings"].as_of == "2023-08"
    monkeypatch.delitem(vars(__import__("harmattan")), "run_forecast", raising=False)


def test_every_linked_file_exists() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_file_of_a_release_is_described(tmp_path: Path) -> None:
    from make_result import make_result

    from harmattan.forecast.release.write import write_release

    tables = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")
    files = {path.name for path in write_release(make_result(), "<p>", tmp_path).iterdir()}
    assert {name for name in files if f"`{name}" not in tables} == set()


def test_the_skill_stated_is_that_of_the_page_about_skill() -> None:
    skill = (ROOT / "docs" / "skill.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (?:targets \d|East Africa \|).*", skill, flags=re.MULTILINE)[:3]
    cells = [[cell.strip(" +") for cell in row.split("|")[2:-2]] for row in rows]
    text = " ".join(README.split())
    stated = re.search(
        r"the pool gains ([\d., and]+) % \(2012-2017\) and ([\d., and]+) % \(2018-2022\).* as well, ([\d., and]+) %\.",
        text,
    )
    assert stated
    assert [re.findall(r"\d+\.\d", part) for part in stated.groups()] == [[c[0], c[2], c[5]] for c in cells]
