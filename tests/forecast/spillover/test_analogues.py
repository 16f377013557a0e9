"""Past cases: the nearest ones are found, none knows the future, and what is said of them is a plain count."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from small_worlds import LADDER, ladder_links, ladder_panel, panel_of

from harmattan.data.errors import OriginError, RegionError
from harmattan.data.panel import Panel
from harmattan.forecast.spillover import find_analogues, past_changes, scenario_warnings
from harmattan.forecast.spillover.analogues import APART


def world(months: int = 190) -> Panel:
    """Quiet regions but for one, which has three events in a month, five in the next, and then a year of none."""
    events = np.zeros((months, len(LADDER)))
    for t in range(15, months - 15, 15):
        events[t, 0], events[t + 1, 0] = 3, 5
    events[-1, 0] = 3
    return panel_of(events, links=ladder_links())


def test_what_always_followed_is_what_is_said() -> None:
    found = find_analogues(world(), LADDER[0])
    same = found.cases[found.cases["distance"] == 0]
    assert len(same) >= 9
    assert set(same["region_id"]) == {LADDER[0]}
    assert (same["after_1"] == 5).all()
    assert (same["last_1"] == 3).all()


def test_every_number_of_a_case_is_a_sum_of_the_panel() -> None:
    panel = ladder_panel(3, 96)
    counts = panel.measure("events")
    links = {frozenset(p) for p in panel.links[["region_a", "region_b"]].to_numpy().tolist()}
    for row in find_analogues(panel, "AAA-1").cases.itertuples():
        t, i = panel.position(row.month), panel.region_ids.index(row.region_id)
        near = [j for j, r in enumerate(panel.region_ids) if frozenset((row.region_id, r)) in links]
        for n in (1, 3, 12):
            assert getattr(row, f"last_{n}") == counts[t - n + 1 : t + 1, i].sum()
        for n in (1, 3, 6):
            assert getattr(row, f"after_{n}") == counts[t + 1 : t + 1 + n, i].sum()
            assert getattr(row, f"next_door_after_{n}") == counts[t + 1 : t + 1 + n][:, near].sum()


def test_cases_end_before_the_origin_and_lie_apart() -> None:
    panel = ladder_panel(3, 96)
    cases = find_analogues(panel, "AAA-1").cases
    rows = pd.Series([panel.position(m) for m in cases["month"]])
    assert rows.max() + 6 <= len(panel.months) - 1
    for _, of_one in rows.groupby(cases["region_id"].to_numpy()):
        assert (np.diff(np.sort(of_one)) >= APART).all()


def test_the_future_changes_nothing() -> None:
    panel = ladder_panel(3, 96)
    counts = panel.measure("events").copy()
    counts[80:] += 7
    other = panel_of(counts, links=ladder_links())
    first, second = (find_analogues(p.until(panel.months[79]), "AAA-1") for p in (panel, other))
    pd.testing.assert_frame_equal(first.cases, second.cases)


def test_an_unknown_region_and_a_short_record_are_refused() -> None:
    with pytest.raises(RegionError, match="Did you mean 'AAA-1'"):
        find_analogues(ladder_panel(), "AAB-1")
    with pytest.raises(OriginError, match="too few to sum up"):
        find_analogues(ladder_panel(0, 20), "AAA-1")


def test_without_links_nothing_is_said_of_next_door() -> None:
    panel = panel_of(ladder_panel().measure("events"))
    found = find_analogues(panel, "AAA-1")
    assert set(found.summary["place"]) == {"here"}


def test_a_change_that_no_month_had_has_no_cases() -> None:
    changed = pd.DataFrame({"region_id": [LADDER[0]] * 2, "level": [5.0, 4000.0]})
    usual, unheard = past_changes(world(), changed, 1).itertuples()
    assert usual.cases >= 9
    assert usual.cases_level == 5
    assert usual.cases_before == 1
    assert unheard.cases == 0
    assert np.isnan(unheard.next_door_during)


def result_of(region: str, scenario: float, baseline: float) -> pd.DataFrame:
    row = {"level": "region", "place": region, "month": "2011-01", "set": True}
    return pd.DataFrame([{**row, "scenario": scenario, "baseline": baseline}])


def test_a_level_beyond_the_record_is_said() -> None:
    (said,) = scenario_warnings(world(), result_of(LADDER[0], 100.0, 2.0))
    assert "100 events in a month, 20 times its largest (5)" in said
    assert "not its size" in said
    assert not scenario_warnings(world(), result_of(LADDER[0], 9.0, 2.0))


def test_a_year_with_fewer_events_than_expected_is_said_to_be_no_scenario_of_lost_ground() -> None:
    low = result_of(LADDER[0], 0.3, 2.0)
    (said,) = scenario_warnings(world(), low, [(LADDER[0], 2003)])
    assert "as in 2003 means 0.3 events a month, not 2.0. Counts say" in said
    assert not scenario_warnings(world(), result_of(LADDER[0], 2.3, 2.0), [(LADDER[0], 2003)])
