"""Each room has one public face: ``__all__`` of its ``__init__.py`` is what other rooms may import, no more."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent


def name_of(path: Path) -> str:
    """The import name of a module or package of the checkout."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    name = ".".join(parts if parts[:2] != ("forecast", "harmattan") else parts[2:])
    return f"harmattan.{name}".removesuffix("__init__").rstrip(".")


FILES = {
    name_of(path): path
    for top in ("data", "features", "training", "forecast")
    for path in sorted((ROOT / top).rglob("*.py"))
}
ROOMS = sorted(name for name, path in FILES.items() if path.name == "__init__.py")


class Import(NamedTuple):
    """``from module import name``, written in a module of ``room``."""

    room: str
    line: str
    module: str
    name: str


def room_of(module: str) -> str:
    """The room a module lies in; a room lies in itself."""
    return module if module in ROOMS else module.rpartition(".")[0]


def imports() -> Iterator[Import]:
    """Every name that a module of the package imports from another one of it."""
    for importer, path in FILES.items():
        room = room_of(importer)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                base = room.split(".")[: len(room.split(".")) - node.level + 1]
                module = ".".join([*base, *([node.module] if node.module else [])])
                for alias in node.names:
                    yield Import(room, f"{path.relative_to(ROOT)}:{node.lineno}", module, alias.name)


def is_abroad(one: Import) -> bool:
    """Whether it comes from a room that is neither the importer's own nor one around it."""
    return not f"{one.room}.".startswith(f"{room_of(one.module)}.")


def face(room: str) -> ModuleType:
    """The room, imported."""
    return import_module(room)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_it_is_for_and_lists_its_names_once(room: str) -> None:
    assert face(room).__doc__
    assert len(set(face(room).__all__)) == len(face(room).__all__)
    assert [name for name in face(room).__all__ if name.startswith("_")] == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_listed_name_is_there_and_documented(room: str) -> None:
    listed = {name: getattr(face(room), name) for name in face(room).__all__}
    assert [n for n, value in listed.items() if callable(value) and not value.__doc__] == []
    assert set(listed) <= set(dir(face(room)))


@pytest.mark.parametrize("room", [room for room in ROOMS if room != "harmattan.forecast.cli"])
def test_a_face_is_not_hidden_by_a_module_of_the_same_name(room: str) -> None:
    assert [name for name in face(room).__all__ if f"{room}.{name}" in FILES] == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_name_that_is_not_there_is_an_attribute_error(room: str) -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing_of_the_kind'"):
        face(room).nothing_of_the_kind  # noqa: B018


def test_what_is_private_to_a_room_stays_there() -> None:
    private = [i for i in imports() if room_of(i.module) != i.room and i.name.startswith("_")]
    assert [f"{i.line}: {i.name} of {i.module}" for i in private] == []


def test_rooms_take_from_each_other_only_what_a_face_lists() -> None:
    wrong = [
        f"{i.line}: {i.name} of {i.module}"
        for i in imports()
        if is_abroad(i)
        and i.name not in face(room_of(i.module)).__all__
        and f"{i.module}.{i.name}" not in ROOMS
    ]
    assert wrong == []


def test_a_face_costs_nothing_to_import() -> None:
    heavy = ("numpy", "pandas", "scipy", "sklearn", "statsmodels", "lightgbm", "mlflow", "pandera", "shapely")
    rooms = [room for room in ROOMS if room != "harmattan.forecast.cli"]
    code = f"import sys, {', '.join(rooms)}; print(*[m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
