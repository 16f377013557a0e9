"""Every example in a docstring runs and is true."""

from __future__ import annotations

import doctest
import pkgutil
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"][
    "packages"
]


def modules() -> list[str]:
    """Every module of every package, by import name."""
    found = set(PACKAGES)
    for package in PACKAGES:
        where = import_module(package).__path__
        found |= {f"{package}.{m.name}" for m in pkgutil.iter_modules(where) if not m.ispkg}
    return sorted(found)


@pytest.mark.parametrize("name", modules())
def test_examples(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert doctest.testmod(import_module(name), optionflags=flags).failed == 0
