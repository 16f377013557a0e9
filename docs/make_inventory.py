"""Write docs/inventory.json: what users rely on, from the program itself. `make docs-inventory` runs this.

Commands with their options, exit codes, settings, the public names of every package, and the files of a release with
their columns. A test compares the file with the program, so that every change of it is deliberate.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

from make_cli import commands

from harmattan.forecast.cli.exit_codes import EXIT_CODES
from harmattan.forecast.settings import Settings

PAGE = Path(__file__).with_name("inventory.json")


def command_table() -> dict[str, dict[str, Any]]:
    """Every command: its arguments, and its options with their defaults."""
    table: dict[str, dict[str, Any]] = {}
    for name, command, _ in commands():
        options = {
            " ".join([*p.opts, *p.secondary_opts]): None if callable(p.default) else _plain(p.default)
            for p in command.params
            if p.name != "help"
        }
        table[name] = dict(sorted(options.items()))
    return dict(sorted(table.items()))


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | type(None)) else str(value)


def public_names() -> dict[str, list[str]]:
    """What `__all__` of every room lists; a room without one has no public face."""
    project = tomllib.loads((PAGE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    rooms = project["tool"]["setuptools"]["packages"]
    return {room: sorted(getattr(import_module(room), "__all__", [])) for room in sorted(rooms)}


def settings_table() -> dict[str, Any]:
    """Every setting and its default."""
    shipped = Settings()
    return {f.name: json.loads(json.dumps(getattr(shipped, f.name), default=str)) for f in fields(Settings)}


def released(release: Path) -> dict[str, list[str]]:
    """The files of a release, and the columns of those that are tables."""
    tables = json.loads((release / "manifest.json").read_text(encoding="utf-8"))["tables"]
    files = (p.relative_to(release).as_posix() for p in sorted(release.rglob("*")) if p.is_file())
    return {name: tables.get(name, {}).get("columns", []) for name in files}


def program() -> dict[str, Any]:
    """All of it but the release, which has to be made."""
    return {
        "commands": command_table(),
        "exit_codes": {str(code.code): code.meaning for code in EXIT_CODES},
        "settings": settings_table(),
        "public_names": public_names(),
    }


def text(inventory: dict[str, Any]) -> str:
    """The file's bytes."""
    return json.dumps(inventory, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    made = sorted(Path("releases").glob("20*"))
    release = released(made[-1]) if made else json.loads(PAGE.read_text(encoding="utf-8"))["release"]
    PAGE.write_text(text(program() | {"release": release}), encoding="utf-8")
    print(
        f"{PAGE.name} is written, {f'with the release {made[-1]}' if made else 'its part on releases as before'}."
    )
