"""The numbers on the page about models are those of the code."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| .+? \| (.+?) \| `([\w.]+:[\w.]+)` \|$", PAGE, flags=re.MULTILINE)


def value(where: str) -> Any:
    """A constant, a default of a class, or one entry of a table of them."""
    module, _, path = where.partition(":")
    name, _, rest = path.partition(".")
    found: Any = getattr(import_module(f"harmattan.{module}"), name)
    if not rest:
        return found
    if isinstance(found, dict):
        return tuple(vars(found[rest]).values())
    return inspect.signature(found).parameters[rest].default


def text(found: Any) -> str:
    parts = found if isinstance(found, tuple) else (found,)
    return ", ".join(f"`{part}`" if isinstance(part, str) else f"{part:g}" for part in parts)


def test_there_is_something_to_compare() -> None:
    assert len(ROWS) > 15


@pytest.mark.parametrize(("said", "where"), ROWS, ids=[where for _, where in ROWS])
def test_a_number_on_the_page_is_that_of_the_code(said: str, where: str) -> None:
    assert said == text(value(where))


def test_every_member_is_described() -> None:
    from harmattan.training.models.catalogue import DEATHS_ONLY, MEMBERS

    described = {name for name in (*MEMBERS, *DEATHS_ONLY) if not name.startswith("conflictology_")}
    assert [name for name in sorted(described) if f"`{name}`" not in PAGE] == []
