"""Watch lists of data that lack something: an answer that says what is missing, or a named error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from front_world import regions_of, world

from harmattan.data.errors import ModelError
from harmattan.data.panel import Panel
from harmattan.forecast.settings import Settings
from harmattan.forecast.watch import WatchList, run_watch, watch_list
from harmattan.training.onset import OnsetFits, history_of
from harmattan.training.problems import build_problems

pytestmark = pytest.mark.slow


def measured(panel: Panel, **measures: np.ndarray) -> Panel:
    return replace(panel, measures={**panel.measures, **measures})


def no_groups(panel: Panel) -> Panel:
    return replace(panel, measures={"events": panel.measures["events"]})


def no_places(panel: Panel) -> Panel:
    return replace(panel, cells=None)


def no_borders(panel: Panel) -> Panel:
    return replace(panel, links=None)


def one_region(panel: Panel) -> Panel:
    return panel.select(regions=[panel.region_ids[14]])


def two_events(panel: Panel) -> Panel:
    few = panel.measures["events_jnim"] * 0
    few[-20:-18, 0] = 1
    assert panel.cells is not None
    cells = {**panel.cells.measures, "events_jnim": panel.cells.measures["events_jnim"] * 0}
    return replace(measured(panel, events_jnim=few), cells=replace(panel.cells, measures=cells))


def silent(panel: Panel) -> Panel:
    return replace(panel, measures={k: v * 0 for k, v in panel.measures.items()}, cells=None)


def ended(panel: Panel) -> Panel:
    seen = panel.observed.copy()
    seen[-8:, [i for i, c in enumerate(panel.countries) if c == "BBB"]] = False
    return replace(panel, observed=seen)


CASES: dict[Callable[[Panel], Panel], str] = {
    no_groups: "the data do not say which armed group",
    no_places: "where inside regions events lie is unknown",
    no_borders: "",
    one_region: "Too few",
    two_events: "Too few entries to learn from",
    silent: "Too few onsets to learn from",
    ended: "On no list, for want of data: BBB (after 2009-04).",
}


def listed(panel: Panel) -> WatchList:
    fits = OnsetFits(history_of(panel), build_problems(panel, ["events"])["events"])
    return watch_list(fits, panel.months[-1])


@pytest.mark.parametrize("damage", CASES, ids=lambda f: f.__name__)
def test_an_answer_says_what_is_missing(damage: Callable[[Panel], Panel]) -> None:
    panel = damage(world(1, spread=True).until("2009-12"))
    found = listed(panel)
    assert CASES[damage] in " ".join(found.sentences)
    for table in (found.watchlist, found.onsets):
        chances = table[["p_1", "p_3", "p_6"]].dropna().to_numpy()
        assert ((chances >= 0) & (chances < 1)).all()
        assert (np.diff(chances, axis=1) >= 0).all()
    if damage in (no_groups, no_places, two_events, silent):
        assert found.watchlist.empty
    if damage is ended:
        assert set(found.onsets["country"]) == {"AAA"}
        assert "BBB" not in set(found.watchlist["country"])
    if damage is silent:
        assert found.onsets["p_6"].max() < 0.01


def test_counts_with_polygons_use_the_middle_of_regions(tmp_path: Path) -> None:
    """Monthly counts of one's own have no cells: distances are then from where regions have their middle."""
    panel = world(1, spread=True).until("2009-12")
    replace(panel, cells=None).write_parquet(tmp_path / "panel.parquet")
    regions_of(panel).to_geojson(tmp_path / "regions.geojson")
    asked = {"panel": tmp_path / "panel.parquet", "regions": tmp_path / "regions.geojson"}
    found = run_watch(Settings.load(asked))
    assert len(found.watchlist)
    assert found.watchlist["nearest_km"].min() > 0
    assert "distances are from the middle of a region" in found.sentences[-1]


def test_too_short_and_too_fine_are_named() -> None:
    panel = world(1, spread=True)
    with pytest.raises(ModelError, match="months of history are too few"):
        listed(panel.until(panel.months[30]))
