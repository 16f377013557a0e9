"""Each check finds what it is for, and only that."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from harmattan.data.errors import GateError
from harmattan.data.panel import BuiltPanel, Panel, build_panel
from harmattan.data.quality import Quality, check_build, check_panel
from harmattan.data.simulation import World, grid_regions, simulate
from harmattan.data.snapshot import load_snapshot

NEXT = date(2024, 1, 31)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return load_snapshot().panel


@pytest.fixture(scope="module")
def built() -> BuiltPanel:
    world = simulate(World(months=48, endemic=1.0), grid_regions(), np.random.default_rng(1))
    return build_panel(world.incidents, world.regions)


def changed(panel: Panel, country: str, factor: float, months: slice) -> Panel:
    measures = {k: v.copy() for k, v in panel.measures.items()}
    at = np.flatnonzero([c == country for c in panel.countries])
    for values in measures.values():
        values[months, at[0] : at[-1] + 1] = np.floor(values[months, at[0] : at[-1] + 1] * factor)
    return replace(panel, measures=measures)


def statuses(quality: Quality) -> dict[str, str]:
    return {c.name: c.status for c in quality.checks if c.status != "green"}


def test_the_snapshot_is_green_a_month_later(panel: Panel) -> None:
    assert statuses(check_panel(panel, run_date=NEXT, previous=panel)) == {}


@pytest.mark.parametrize(
    ("day", "status"),
    [
        (date(2024, 3, 2), "green"),
        (date(2024, 3, 4), "amber"),
        (date(2024, 6, 1), "red"),
        (date(2023, 12, 30), "red"),
    ],
)
def test_age_is_measured_against_the_run_date(panel: Panel, day: date, status: str) -> None:
    assert check_panel(panel, run_date=day)["freshness"].status == status


def test_a_month_that_lost_nearly_everything_is_red(panel: Panel) -> None:
    broken = check_panel(changed(panel, "BFA", 0.1, slice(-1, None)), run_date=NEXT)
    assert statuses(broken) == {"low_month": "red"}
    assert broken["low_month"].rows["country"].tolist() == ["BFA"]
    with pytest.raises(
        GateError, match="quality gate, low_month: The last month has implausibly few events: BFA"
    ):
        broken.require()


def test_where_a_forecast_is_known_it_says_what_is_too_low(panel: Panel) -> None:
    low = changed(panel, "BFA", 0.1, slice(-1, None))
    possible = check_panel(low, run_date=NEXT, so_few={"BFA": 0.02})["low_month"]
    assert possible.status == "green"
    assert "1 chance in 1,000" in possible.message
    broken = check_panel(low, run_date=NEXT, so_few={"BFA": 0.0})["low_month"]
    assert broken.status == "red"
    assert broken.rows["country"].tolist() == ["BFA"]
    assert "its forecast gave so few a chance of 0" in broken.message
    # A country without a forecast is still held against its mean.
    assert check_panel(low, run_date=NEXT, so_few={"MLI": 0.5})["low_month"].status == "red"


@pytest.mark.slow
def test_the_gate_would_seldom_have_stopped_real_months(panel: Panel) -> None:
    stopped = sum(
        check_panel(panel.until(m), run_date=m.end_time.date())["low_month"].status == "red"
        for m in panel.months[-72:]
    )
    assert stopped <= 2


def test_five_percent_of_settled_events_missing_are_found(panel: Panel) -> None:
    rng = np.random.default_rng(0)
    measures = {k: v.copy() for k, v in panel.measures.items()}
    measures["events"] = rng.binomial(np.nan_to_num(panel.measures["events"]).astype(int), 0.95).astype(
        np.float32
    )
    quality = check_panel(replace(panel, measures=measures), run_date=NEXT, previous=panel)
    assert quality["losses"].status == "red"
    assert {"MLI", "BFA", "NER"} <= set(quality["losses"].rows["country"])


def test_one_month_that_lost_most_of_its_events_is_red(panel: Panel) -> None:
    quality = check_panel(changed(panel, "NER", 0.2, slice(-4, -3)), run_date=NEXT, previous=panel)
    assert quality["losses"].status == "red"
    assert set(quality["losses"].rows["months"]) == {"2023-09"}
    assert set(quality["losses"].rows["country"]) == {"NER"}


def test_a_country_that_disappears_is_red(panel: Panel) -> None:
    quality = check_panel(panel.select(countries=["MLI", "BFA"]), run_date=NEXT, previous=panel)
    assert "NER" in quality["countries"].message
    assert quality["countries"].status == "red"


def test_coverage_that_ends_early_and_holes_are_amber(panel: Panel) -> None:
    observed = panel.observed.copy()
    observed[-3:, :12] = False
    observed[100, 40] = False
    measures = {k: np.where(observed, v, np.nan).astype(np.float32) for k, v in panel.measures.items()}
    quality = check_panel(replace(panel, observed=observed, measures=measures), run_date=NEXT)
    assert statuses(quality) == {"holes": "amber", "coverage": "amber"}
    assert "BEN (2023-09)" in quality["coverage"].message
    assert quality["holes"].rows.to_dict("records") == [
        {"month": "1997-05", "region_id": panel.region_ids[40]}
    ]


def test_deaths_piled_on_one_region_are_seen(panel: Panel) -> None:
    measures = {k: v.copy() for k, v in panel.measures.items()}
    for name in ("deaths_best", "deaths_high"):
        measures[name][-2, 5] = 273_076
    found = check_panel(replace(panel, measures=measures), run_date=NEXT)["jumps"]
    assert found.status == "amber"
    assert found.rows["value"].tolist() == [273_076]


def test_values_outside_their_bounds_are_red(panel: Panel) -> None:
    measures = {k: v.copy() for k, v in panel.measures.items()}
    measures["deaths_low"][-1, 3] = 99_999
    assert check_panel(replace(panel, measures=measures), run_date=NEXT)["values"].status == "red"


def test_deaths_that_are_not_known_are_amber_and_all_counted(panel: Panel) -> None:
    measures = {k: v.copy() for k, v in panel.measures.items()}
    for name in ("deaths_low", "deaths_best", "deaths_high"):
        measures[name][-10:-2] = np.nan
    found = check_panel(replace(panel, measures=measures), run_date=NEXT)["values"]
    assert found.status == "amber"
    several = int(panel.observed[-10:-2].sum())
    assert f"deaths_best in {several:,}" in found.message
    measures["events"] = measures["events"].copy()
    measures["events"][-10:-2] = -1
    assert (
        f"their bounds: {several}."
        in check_panel(replace(panel, measures=measures), run_date=NEXT)["values"].message
    )


def test_shares_of_events_are_amber(panel: Panel) -> None:
    measures = {**panel.measures, "events": panel.measures["events"] * np.float32(0.5)}
    assert check_panel(replace(panel, measures=measures), run_date=NEXT)["values"].status == "amber"


def test_types_that_swap_places_are_amber(panel: Panel) -> None:
    measures = {k: v.copy() for k, v in panel.measures.items()}
    measures["events_non_state"][-3:] += (
        measures["events_one_sided"][-3:] + measures["events_state_based"][-3:]
    )
    measures["events_one_sided"][-3:] = 0
    measures["events_state_based"][-3:] = 0
    assert check_panel(replace(panel, measures=measures), run_date=NEXT)["mix"].status == "amber"


def test_no_links_is_amber(panel: Panel) -> None:
    assert statuses(check_panel(replace(panel, links=None), run_date=NEXT)) == {"links": "amber"}


def test_a_clean_build_is_green(built: BuiltPanel) -> None:
    last = built.panel.last_month
    quality = check_build(built, run_date=(last + 1).end_time.date())
    assert statuses(quality) == {}
    assert json.loads(json.dumps(quality.to_dict()))["status"] == "green"


def test_swapped_coordinates_are_red(built: BuiltPanel) -> None:
    world = simulate(World(months=48, endemic=1.0), grid_regions(), np.random.default_rng(1))
    frame = world.incidents.frame.copy()
    wrong = frame.index % 40 == 0
    frame.loc[wrong, ["latitude", "longitude"]] = frame.loc[wrong, ["longitude", "latitude"]].to_numpy()
    again = build_panel(replace(world.incidents, frame=frame), world.regions)
    check = check_build(again, run_date=NEXT)["coordinates"]
    assert check.status == "red"
    assert set(check.rows["incident_id"]) == set(frame.loc[wrong, "incident_id"])


def test_twin_events_are_listed(built: BuiltPanel) -> None:
    world = simulate(World(months=48, endemic=1.0), grid_regions(), np.random.default_rng(1))
    frame = world.incidents.frame
    twin = frame.iloc[[7]].assign(incident_id="other")
    again = build_panel(
        replace(world.incidents, frame=pd.concat([frame, twin], ignore_index=True)), world.regions
    )
    check = check_build(again, run_date=NEXT)["duplicates"]
    assert (check.status, set(check.rows["incident_id"])) == (
        "amber",
        {"other", frame["incident_id"].iloc[7]},
    )


def test_events_piled_on_one_point_are_seen() -> None:
    world = simulate(World(months=48, imprecise_share=0.5), grid_regions(), np.random.default_rng(1))
    kept = build_panel(world.incidents, world.regions, place_rule="keep")
    assert check_build(kept, run_date=NEXT)["piled"].status == "amber"
    dropped = build_panel(world.incidents, world.regions)
    assert check_build(dropped, run_date=NEXT)["piled"].status == "green"
    assert check_build(dropped, run_date=NEXT)["left_out"].status == "amber"
