"""What users rely on is written down, and changes only on purpose."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
INVENTORY = json.loads((DOCS / "inventory.json").read_text(encoding="utf-8"))


def _maker() -> Any:
    sys.path.insert(0, str(DOCS))
    try:
        spec = importlib.util.spec_from_file_location("make_inventory", DOCS / "make_inventory.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(DOCS))
    return module


MAKER = _maker()
PROGRAM = MAKER.program()


@pytest.mark.parametrize("part", PROGRAM)
def test_the_inventory_is_that_of_the_program(part: str) -> None:
    assert json.loads(json.dumps(PROGRAM[part])) == INVENTORY[part], "run `make docs-inventory`, and say why"


@pytest.mark.slow
def test_a_release_holds_the_files_and_columns_of_the_inventory(shipped_release: Path) -> None:
    assert MAKER.released(shipped_release) == INVENTORY["release"]
