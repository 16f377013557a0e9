"""The newest month: a surprise alone is amber, signs of a faulty delivery are red until somebody says why not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from harmattan.data.errors import GateError, SchemaError
from harmattan.data.panel import Panel
from harmattan.data.panel.build import BuiltPanel
from harmattan.data.panel.ledger import Ledger
from harmattan.data.quality import Quality, check_panel
from harmattan.data.quality import newest as checks
from harmattan.data.schemas import PLACED

KINDS = ("events_state_based", "events_non_state", "events_one_sided")
DAY = date(2023, 1, 31)


def _panel(seed: int = 3) -> Panel:
    rng = np.random.default_rng(seed)
    months = pd.period_range("2020-01", "2022-12", freq="M").astype(str)
    frame = pd.DataFrame([(m, f"{c}-{i}", c) for m in months for c in ("AAA", "BBB") for i in range(3)])
    frame.columns = ["month", "region_id", "country"]
    for kind in KINDS:
        frame[kind] = rng.poisson(3.0, len(frame)) + 1
    frame["events"] = frame[list(KINDS)].sum(axis=1)
    frame["deaths_best"] = rng.poisson(5.0, len(frame)) + 1
    return Panel.from_frame(frame)


def _with_last(panel: Panel, **values: object) -> Panel:
    measures = {n: v.copy() for n, v in panel.measures.items()}
    for name, value in values.items():
        measures[name][-1] = value
    return replace(panel, measures=measures)


def _expected(low: float, high: float, place: str = "all") -> pd.DataFrame:
    return pd.DataFrame([("events", place, low, high)], columns=["measure", "place", "low", "high"])


def _check(panel: Panel, expected: pd.DataFrame | None = None) -> Quality:
    return check_panel(panel, run_date=DAY, expected=expected)


def test_an_expected_month_is_green() -> None:
    assert _check(_panel(), _expected(0, 1e6))["surprise"].status == "green"


@pytest.mark.parametrize("place", ["all", "AAA"])
def test_a_surprise_alone_is_amber_and_names_the_place(place: str) -> None:
    check = _check(_panel(), _expected(0, 5, place))["surprise"]
    assert check.status == "amber"
    assert f"in {place} (0 to 5)" in check.message


def test_a_surprise_with_a_sign_of_a_fault_is_red() -> None:
    found = _check(_with_last(_panel(), deaths_best=0), _expected(0, 5))
    assert (found["composition"].status, found["surprise"].status) == ("red", "red")
    assert "composition" in found["surprise"].message


def test_a_month_without_deaths_or_of_one_type_is_red_until_accepted() -> None:
    panel = _with_last(_panel(), deaths_best=0, events_non_state=0, events_one_sided=0)
    found = _check(panel)
    assert found["composition"].message == (
        "In 2022-12 no event has a death and all events are of one type, unlike in any of the 12 months before."
    )
    with pytest.raises(GateError):
        found.require()
    amber = found.accept("the source confirmed it.")
    assert amber.require()["composition"].message.endswith("Accepted: the source confirmed it.")
    assert amber["composition"].status == "amber"


def test_accepting_a_month_accepts_nothing_else() -> None:
    panel = _with_last(_panel(), events=-1.0)
    assert _check(panel).accept("because")["values"].status == "red"


def test_an_earlier_month_again_is_red() -> None:
    panel = _panel()
    found = _check(_with_last(panel, events=panel.measures["events"][-2]))
    assert found["repeated_month"].status == "red"
    assert "2022-11" in found["repeated_month"].message


def test_a_wave_that_has_ebbed_is_no_low_month() -> None:
    measures = {n: v.copy() for n, v in _panel().measures.items()}
    measures["events"][-4:] = 0
    measures["events"][-13:-4] = 20
    assert _check(replace(_panel(), measures=measures))["low_month"].status == "green"


def _built(frame: pd.DataFrame) -> BuiltPanel:
    columns = {
        "record": "event",
        "excluded": PLACED,
        "deaths_best": 1.0,
        "row": 2,
        "actor_a": "a",
        "actor_b": "b",
        "office": [f"Office {i}" for i in range(len(frame))],
    }
    frame = frame.assign(**{c: v for c, v in columns.items() if c not in frame})
    for name in ("date_start", "date_end"):
        frame[name] = pd.to_datetime(frame.get(name, "2022-12-05"))
    return BuiltPanel(_panel(), Ledger(pd.DataFrame()), frame)


def _release(rows: int, countries: int, release: str = "22.0.12") -> pd.DataFrame:
    at = np.arange(rows)
    table = {
        "incident_id": at.astype(str),
        "release": release,
        "country": [f"C{k:02d}" for k in at % countries],
    }
    return pd.DataFrame({**table, "latitude": at / 1000, "longitude": 1.0})


@pytest.mark.parametrize(
    ("rows", "countries", "says"),
    [
        (1701, 47, ""),
        (850, 47, "has 850 rows"),
        (5103, 47, "has 5103 rows"),
        (1701, 20, "names 20 countries"),
        (1500, 47, "round number of rows"),
        (60, 8, ""),
    ],
)
def test_the_size_of_a_delivery(rows: int, countries: int, says: str) -> None:
    check = checks.delivery(_built(_release(rows, countries)))
    assert check.status == ("red" if says else "green")
    assert says in check.message


def test_a_delivery_from_one_office() -> None:
    frame = _release(1701, 47).assign(office=[f"Office {i}; AFP;AFP" for i in range(1701)])
    check = checks.delivery(_built(frame))
    assert (check.status, "has AFP as the source of 100% of its rows" in check.message) == ("red", True)
    frame.loc[:900, "office"] = ""
    assert checks.delivery(_built(frame)).status == "green"
    extract = _release(60, 3).assign(office="AFP")
    assert checks.delivery(_built(extract)).status == "red"
    extract.loc[:9, "office"] = "Other"
    assert checks.delivery(_built(extract)).status == "green"


def test_events_that_lie_in_the_wrong_countries() -> None:
    frame = _release(60, 8).assign(excluded=PLACED)
    lost = frame.assign(excluded=["outside_country"] * 3 + [PLACED] * 57)
    ledger = Ledger(pd.DataFrame(), (), pd.DataFrame({"incident_id": ["0", "1"], "snap_km": [60.0, 5.0]}))
    assert checks.misplaced(replace(_built(frame), ledger=ledger)).status == "green"
    found = checks.misplaced(replace(_built(lost), ledger=ledger))
    assert (found.status, found.rows["incident_id"].tolist()) == ("red", ["0", "1", "2"])


def test_twins_of_the_newest_month() -> None:
    frame = _release(60, 8)
    assert checks.alike(_built(frame)).status == "green"
    twice = pd.concat([frame, frame.assign(incident_id=frame["incident_id"] + "x")], ignore_index=True)
    assert checks.alike(_built(twice)).status == "red"


def test_ids_that_stood_for_other_months() -> None:
    frame = _release(60, 8)
    before = frame.assign(release="22.0.11", date_start="2022-11-05", date_end="2022-11-05")
    both = pd.concat(
        [frame.assign(date_start="2022-12-05", date_end="2022-12-05"), before], ignore_index=True
    )
    assert checks.ids(_built(both)).status == "red"
    assert checks.ids(_built(frame)).status == "green"


def test_a_country_that_is_never_without_events_and_now_is_is_red() -> None:
    panel = _panel()
    of = np.asarray(panel.countries) == "BBB"
    events = panel.measures["events"].copy()
    events[:, of] = 2  # six a month
    events[-1, of] = 0
    found = _check(replace(panel, measures={**panel.measures, "events": events}))
    assert (found["composition"].status, found["low_month"].status) == ("red", "green")
    assert "there is no event in BBB," in found["composition"].message
    events[-5, of] = 0
    found = _check(replace(panel, measures={**panel.measures, "events": events}))
    assert found["composition"].status == "green"


def test_months_filled_with_zeros_are_no_quiet_months() -> None:
    panel = _panel()
    events = panel.measures["events"].copy()
    events[-5:, np.asarray(panel.countries) == "BBB"] = 0
    found = _check(replace(panel, measures={**panel.measures, "events": events}))["composition"]
    assert (found.status, "no event in BBB since 2022-08" in found.message) == ("red", True)


def test_few_deaths_alone_are_never_red() -> None:
    events = _panel().measures["events"].copy()
    events[-1, :3] = 0
    deaths = replace(_panel(), measures={"deaths_best": events})
    assert deaths.main == "deaths_best"
    check = _check(deaths)["low_month"]
    assert (check.status, "few deaths: AAA 0" in check.message) == ("amber", True)
    chance = check_panel(deaths, run_date=DAY, so_few={"AAA": 0.0, "BBB": 0.5})["low_month"]
    assert chance.status == "amber"


@pytest.mark.parametrize("chances", [None, {"AAA": 1e-6, "BBB": 0.5}])
@pytest.mark.parametrize(("left", "status"), [(1, "amber"), (0, "red")])
def test_few_events_alone_are_amber_and_none_at_all_are_red(
    left: int, status: str, chances: dict[str, float] | None
) -> None:
    events = _panel().measures["events"].copy()
    events[-1, :3] = left
    found = check_panel(
        replace(_panel(), measures={**_panel().measures, "events": events}), run_date=DAY, so_few=chances
    )
    assert (found["low_month"].status, found["low_month"].rows["country"].tolist()) == (status, ["AAA"])


@pytest.mark.parametrize(("months", "at"), [(12, -2), (12, -1), (36, 3)])
def test_a_number_that_stands_for_unknown_is_named(months: int, at: int) -> None:
    frame = _panel().to_frame()
    panel = Panel.from_frame(frame[frame["month"].astype(str) >= str(_panel().months[-months])])
    events = panel.measures["events"].copy()
    assert _check(panel)["jumps"].status == "green"
    events[at, :2] = 9999
    check = _check(replace(panel, measures={**panel.measures, "events": events}))["jumps"]
    assert (check.status, check.rows["value"].tolist()) == ("amber", [9999.0, 9999.0])


def test_a_mistyped_year_does_not_make_a_century_of_quiet_months() -> None:
    frame = _panel().to_frame()
    typed = frame.assign(month=frame["month"].astype(str))
    early = typed[typed["month"] == "2020-01"].assign(month="1920-01")
    months = pd.period_range("1920-02", "2019-12", freq="M").astype(str)
    quiet = early.iloc[[0] * len(months)].assign(
        month=months, **dict.fromkeys((*KINDS, "events", "deaths_best"), 0)
    )
    found = _check(Panel.from_frame(pd.concat([early, quiet, typed], ignore_index=True)))["holes"]
    assert (found.status, "After 1920-01 nothing" in found.message) == ("amber", True)


def test_a_missing_cell_of_what_was_observed_is_named() -> None:
    frame = _panel().to_frame()
    frame["observed"] = frame["observed"].astype(object).mask(frame.index == 3)
    with pytest.raises(SchemaError, match="'nan' in column 'observed' breaks the rule not_yes_or_no"):
        Panel.from_frame(frame)
