"""The replay page says what really followed, and which regions it is about."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from harmattan.data.panel import Panel
from harmattan.data.snapshot import load_snapshot

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_replay", DOCS / "make_replay.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def panel() -> Panel:
    return load_snapshot().panel


def came(panel: Panel, columns: list[int]) -> int:
    """Events of the last four months of 2023."""
    return int(panel.measure("events", fill=0)[-4:, columns].sum())


def test_every_region_asked_about_is_on_the_page_with_what_came(maker: ModuleType, panel: Panel) -> None:
    text = (DOCS / "replay.md").read_text(encoding="utf-8")
    for region in (*maker.NAMED, *maker.border_regions(panel)):
        i = panel.region_ids.index(region)
        row = next(line for line in text.splitlines() if re.match(rf"\| {panel.names[i]}( \(.*\))? \|", line))
        assert f"| **{came(panel, [i])}** |" in row, region


def test_the_total_of_mali_is_that_of_the_data(panel: Panel) -> None:
    text = (DOCS / "replay.md").read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith("| Mali |"))
    mali = [i for i, c in enumerate(panel.countries) if c == "MLI"]
    assert f"| **{came(panel, mali)}** |" in row


def test_where_an_outcome_lay_is_said_truly() -> None:
    rows = re.findall(
        r"\| (\d+) to (\d+) \| \*\*(\d+)\*\* \| (\w+) \|", (DOCS / "replay.md").read_text(encoding="utf-8")
    )
    assert len(rows) > 15
    for low, high, value, said in rows:
        inside = int(low) <= int(value) <= int(high)
        assert said == ("yes" if inside else "above" if int(value) > int(high) else "below")


def test_the_ring_is_what_borders_the_countries_at_war(maker: ModuleType, panel: Panel) -> None:
    ring = maker.border_regions(panel)
    assert {"BFA-sahel", "BFA-est", "NER-tillaberi", "BEN-alibori", "BEN-atakora", "TGO-savanes"} <= set(ring)
    assert "BEN-littoral" not in ring
    assert [r[:3] for r in ring] == sorted((r[:3] for r in ring), key=["BFA", "NER", "BEN", "TGO"].index)


def test_misses_are_named(maker: ModuleType) -> None:
    assert (
        maker.missed({"yes": [], "above": ["Kidal"], "below": ["Mopti"]})
        == "Kidal lay above; Mopti lay below."
    )
    assert maker.missed({"yes": ["Gao"], "above": [], "below": []}) == "None lay outside."
