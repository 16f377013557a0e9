"""Incidents to panel: rules, coverage, the balancing ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from small_files import BURKINA, Write

from harmattan.data.errors import LedgerError, UsageError
from harmattan.data.geography import Regions
from harmattan.data.panel import Rules, build_panel, coverage_table
from harmattan.data.quality import check_panel
from harmattan.data.sources import build_from_files, ucdp

EIGHT = ("BEN", "BFA", "CIV", "GNB", "MLI", "NER", "SEN", "TGO")


def at(panel, month: str, region: str, measure: str = "events") -> float:  # type: ignore[no-untyped-def]
    return float(panel.measures[measure][panel.position(month), panel.region_ids.index(region)])


def test_even_months_share_events_and_deaths_alike(ucdp_file: Write, regions: Regions) -> None:
    incidents = ucdp.read(
        ucdp_file({"date_start": "2020-01-25", "date_end": "2020-03-02", "best": 9, "high": 9})
    )
    panel = build_panel(incidents, regions, month_rule="even", window=("2020-01", "2020-03")).panel
    at = panel.region_ids.index("MLI-mopti")
    np.testing.assert_allclose(panel.measures["events"][:, at], 1 / 3, rtol=1e-6)
    np.testing.assert_allclose(panel.measures["deaths_best"][:, at], 3.0)
    assert check_panel(panel, run_date=date(2020, 4, 20))["values"].status == "green"


def test_month_is_that_of_the_last_day(ucdp_file: Write, regions: Regions) -> None:
    incidents = ucdp.read(ucdp_file({"date_start": "2020-03-30", "date_end": "2020-04-02"}))
    assert at(build_panel(incidents, regions).panel, "2020-04", "MLI-mopti") == 1
    assert at(build_panel(incidents, regions, month_rule="start").panel, "2020-03", "MLI-mopti") == 1
    spread = build_panel(incidents, regions, month_rule="spread").panel
    assert at(spread, "2020-03", "MLI-mopti") == at(spread, "2020-04", "MLI-mopti") == 0.5


def test_late_events_are_those_of_the_last_ten_days(ucdp_file: Write, regions: Regions) -> None:
    days = [{"date_start": f"2020-04-{d}", "date_end": f"2020-04-{d}"} for d in (20, 21, 30)]
    panel = build_panel(ucdp.read(ucdp_file(*days)), regions).panel
    assert at(panel, "2020-04", "MLI-mopti", "late_events") == 2


def test_reasons_are_booked(ucdp_file: Write, regions: Regions) -> None:
    path = ucdp_file(
        {},
        {"where_prec": 6},
        {"where_prec": 4},
        {"where_prec": ""},
        {"date_prec": 5},
        {"country": "Ghana", "country_id": 452},
        {"longitude": 14.5, "latitude": -3.5},
        {"date_end": "2021-02-01"},
        {"code_status": "Check deaths"},
    )
    built = build_panel(ucdp.read(path, unclear="drop"), regions, coverage={"MLI": ("2020-01", "2020-12")})
    outcomes = built.ledger.by("outcome").set_index("outcome")["events"].to_dict()
    assert outcomes == {
        "placed": 3,
        "imprecise_place": 1,
        "imprecise_date": 1,
        "outside_regions": 1,
        "outside_country": 1,
        "outside_window": 1,
        "unclear": 1,
    }


def test_months_outside_coverage_are_missing(ucdp_file: Write, regions: Regions) -> None:
    coverage = {"MLI": ("2020-01", "2020-12"), "BFA": ("2020-03", "2020-06")}
    panel = build_panel(ucdp.read(ucdp_file({}, BURKINA)), regions, coverage=coverage).panel
    assert np.isnan(at(panel, "2020-02", "BFA-nord"))
    assert at(panel, "2020-03", "BFA-nord") == 1
    assert np.isnan(at(panel, "2020-07", "BFA-nord"))
    assert at(panel, "2020-07", "MLI-gao") == 0


def test_a_country_not_in_an_extract_is_not_observed(ucdp_file: Write, regions: Regions) -> None:
    panel = build_panel(ucdp.read(ucdp_file({})), regions).panel
    assert panel.observed[:, [c == "MLI" for c in panel.countries]].all()
    assert not panel.observed[:, [c == "BFA" for c in panel.countries]].any()


def test_vague_places_are_shared_out_by_the_past_only(ucdp_file: Write, regions: Regions) -> None:
    later = {"date_start": "2020-05-01", "date_end": "2020-05-01", "longitude": -2.5}
    path = ucdp_file({}, {}, {"longitude": -2.5}, {"where_prec": 6}, later, later, later)
    panel = build_panel(ucdp.read(path), regions, place_rule="spread").panel
    assert at(panel, "2020-03", "MLI-mopti") == pytest.approx(2 + 2 / 3)
    assert at(panel, "2020-03", "MLI-gao") == pytest.approx(1 + 1 / 3)


@settings(max_examples=30, phases=[Phase.generate])
@given(
    st.lists(
        st.tuples(
            st.integers(0, 700),
            st.integers(0, 70),
            st.sampled_from([1, 4, 6, 7]),
            st.integers(0, 40),
            st.floats(-4.2, -1.8),
        ),
        min_size=1,
        max_size=25,
    ),
    st.sampled_from(["end", "start", "spread", "even"]),
    st.sampled_from(["drop", "keep", "spread"]),
)
@pytest.mark.slow
def test_nothing_is_lost_under_any_rule(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[int, ...]], month_rule: str, place_rule: str
) -> None:
    from small_files import EVENT, SQUARES

    folder = tmp_path_factory.mktemp("world")
    rows = []
    for i, (start, days, where, best, x) in enumerate(events):
        first = pd.Timestamp("2019-12-01") + pd.Timedelta(days=start)
        last = first + pd.Timedelta(days=days)
        rows.append(
            {**EVENT, "id": i, "where_prec": where, "best": best, "low": 0, "high": best, "longitude": x}
            | {"date_start": str(first.date()), "date_end": str(last.date())}
        )
    path = folder / "events.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    import json

    (folder / "r.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": SQUARES}))
    built = build_from_files(
        str(path),
        folder / "r.geojson",
        coverage={"MLI": ("2020-01", "2021-06")},
        rules=Rules(month_rule=month_rule, place_rule=place_rule),
    )
    summary = built.ledger.summary().set_index("outcome")
    assert summary.loc["read", "events"] == pytest.approx(len(events))
    assert summary.loc["read", "deaths_best"] == pytest.approx(sum(e[3] for e in events))
    placed = summary["deaths_best"].get("placed", 0.0)
    assert np.nansum(built.panel.measures["deaths_best"], dtype=float) == pytest.approx(placed, rel=1e-5)


def test_a_ledger_that_does_not_balance_stops_the_build(ucdp_file: Write, regions: Regions) -> None:
    ledger = build_panel(ucdp.read(ucdp_file({}, {})), regions).ledger
    read = pd.DataFrame(
        {"violence_type": ["state_based"], "events": 3, "deaths_best": 6, "deaths_low": 4, "deaths_high": 10}
    )
    with pytest.raises(LedgerError, match="events of type state_based: 3 read but 2 accounted for"):
        ledger.check(read, {})
    with pytest.raises(LedgerError, match="2 booked as placed but 1 in the panel"):
        ledger.check(read.assign(events=2), {"events": 1.0})


def test_same_panel_whatever_the_order_of_rows(ucdp_file: Write, regions: Regions) -> None:
    incidents = ucdp.read(ucdp_file({}, {"longitude": -2.5, "best": 7}, {"date_end": "2020-05-01"}))
    turned = replace(incidents, frame=incidents.frame.iloc[::-1].reset_index(drop=True))
    assert build_panel(incidents, regions).panel.digest() == build_panel(turned, regions).panel.digest()


def test_unknown_rule_is_refused(ucdp_file: Write, regions: Regions) -> None:
    with pytest.raises(UsageError, match=r"month_rule='ends' is not known\. Did you mean 'end'\?"):
        build_panel(ucdp.read(ucdp_file()), regions, month_rule="ends")


def test_coverage_of_other_countries_is_refused(ucdp_file: Write, regions: Regions) -> None:
    incidents = replace(ucdp.read(ucdp_file()), coverage=coverage_table([("GHA", "2020-01", "2020-02")]))
    with pytest.raises(UsageError, match="covers none of the regions"):
        build_panel(incidents, regions)


def test_real_events_equal_the_known_facts(real_data: Path) -> None:
    built = build_from_files(
        f"ucdp:{real_data / 'ged241_west_africa.csv'}",
        real_data / "regions" / "admin1_west_africa.geojson",
        countries=EIGHT,
    )
    by_year = built.ledger.by("country", "year").set_index(["country", "year"])["events"]
    facts = {
        "MLI": [236, 199, 232, 215, 408, 319],
        "BFA": [65, 222, 166, 191, 236, 595],
        "NER": [25, 72, 68, 78, 70, 97],
    }
    for country, expected in facts.items():
        assert [by_year[country, y] for y in range(2018, 2024)] == expected
    totals = built.ledger.by("country").set_index("country")["events"].to_dict()
    assert totals == {
        "MLI": 2120, "BFA": 1504, "NER": 588, "CIV": 360, "SEN": 308, "TGO": 135, "BEN": 36, "GNB": 22,
    }  # fmt: skip
    raw = pd.read_csv(real_data / "ged241_west_africa.csv")
    kept = raw[(raw["where_prec"].fillna(1) <= 5) & (raw["date_prec"] <= 4)]
    by_month = kept.groupby(kept["date_end"].str[:7]).size()
    ours = pd.Series(built.panel.measures["events"].sum(axis=1), index=built.panel.months.astype(str))
    assert (ours[ours > 0] == by_month).all()
    assert float(np.nansum(built.panel.measures["events_jnim_vs_is"])) <= 96
    assert int((built.incidents["actor_group"] == "jnim_vs_is").sum()) == 96
    assert (
        pd.to_datetime(raw["date_start"]).dt.to_period("M")
        != pd.to_datetime(raw["date_end"]).dt.to_period("M")
    ).sum() == 155


@pytest.mark.slow
def test_a_country_whose_coverage_ends_early(real_data: Path) -> None:
    built = build_from_files(
        f"ucdp:{real_data / 'ged221_nigeria.csv.gz'}",
        real_data / "regions" / "admin1_west_africa.geojson",
        countries=("NGA", "NER"),
        coverage={"NGA": ("1989-01", "2021-12"), "NER": ("1989-01", "2023-12")},
    )
    nigeria = [c == "NGA" for c in built.panel.countries]
    assert not built.panel.observed[built.panel.position("2022-01") :, nigeria].any()
    assert built.panel.observed[built.panel.position("2021-12"), nigeria].all()
    assert {r.name: r.count for r in built.ledger.repairs}["deaths_bounds_missing"] == 1124
