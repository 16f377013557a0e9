"""The Python that pages show is Python, and imports what there is."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

import harmattan

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = sorted(p for p in DOCS.rglob("*.md") if "```python" in p.read_text(encoding="utf-8"))


def blocks(path: Path) -> list[ast.Module]:
    """Every block of Python on a page."""
    text = path.read_text(encoding="utf-8")
    return [ast.parse(code) for code in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)]


def missing(tree: ast.Module) -> list[str]:
    """What a block imports from the package, or takes from it, and what is not there."""
    wrong = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "harmattan":
            home = import_module(str(node.module))
            wrong += [f"{node.module}.{a.name}" for a in node.names if not hasattr(home, a.name)]
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "harmattan"
        ):
            wrong += [] if hasattr(harmattan, node.attr) else [f"harmattan.{node.attr}"]
    return wrong


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_names_on_a_page_are_there(path: Path) -> None:
    assert [name for tree in blocks(path) for name in missing(tree)] == []


def test_a_name_that_is_not_there_is_found() -> None:
    assert missing(ast.parse("import harmattan\nharmattan.forcast()")) == ["harmattan.forcast"]


@pytest.mark.parametrize("name", harmattan.__all__)
def test_every_public_name_is_on_the_page_for_data_scientists(name: str) -> None:
    assert f"`{name}" in (DOCS / "data_scientist.md").read_text(encoding="utf-8")
