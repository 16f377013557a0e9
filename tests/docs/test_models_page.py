"""The numbers on the page about models are those of the code."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "models.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_models", DOCS / "make_models.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_number_on_the_page_is_that_of_the_code(maker: ModuleType) -> None:
    assert len(maker.ROW.findall(PAGE)) > 15
    assert maker.renewed(PAGE) == PAGE, "run `make docs-models`"


def test_a_number_that_is_not_that_of_the_code_is_renewed(maker: ModuleType) -> None:
    name = "training.pool.weights:USUAL_SHRINKAGE"
    assert (
        maker.renewed(f"| what | 7 | `{name}` |") == f"| what | {maker.text(maker.value(name))} | `{name}` |"
    )


def test_every_member_is_described() -> None:
    from harmattan.training.models.catalogue import DEATHS_ONLY, MEMBERS

    described = {name for name in (*MEMBERS, *DEATHS_ONLY) if not name.startswith("conflictology_")}
    assert [name for name in sorted(described) if f"`{name}`" not in PAGE] == []
