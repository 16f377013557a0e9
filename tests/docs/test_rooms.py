"""What the pages for contributors say of the tree is true: files, rooms and the picture of them."""

from __future__ import annotations

import re
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOPS = ("data", "features", "training", "forecast")
PAGES = ("CONTRIBUTING.md", "docs/architecture.md", "docs/glossary.md")


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(rf"`((?:{'|'.join(TOPS)}|tests|docs)/[\w/.]*)`", text)
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_room_has_its_line() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {
        p.parent.relative_to(ROOT).as_posix() for top in TOPS for p in (ROOT / top).glob("*/**/__init__.py")
    }
    assert {room for room in rooms if f"| `{room}` |" not in text} == set()


def test_the_picture_is_that_of_the_contracts(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_from_file_location("make_rooms", ROOT / "docs" / "make_rooms.py")
    assert spec is not None
    assert spec.loader is not None
    made = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "make_rooms", made)
    spec.loader.exec_module(made)
    drawn = (ROOT / "docs" / "rooms.svg").read_text(encoding="utf-8")
    assert drawn == made.drawing(), "run `make docs-rooms`"
