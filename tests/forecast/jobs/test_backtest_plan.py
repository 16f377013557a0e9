"""Panels that are hardly any: a correct back-test, or an error that names what is wrong; never NaN in a forecast."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from small_worlds import ladder_counts, ladder_links, panel_of

import harmattan
from harmattan.data.errors import HarmattanError, OriginError, SchemaError, UsageError
from harmattan.data.layers import snapshot_on
from harmattan.data.panel import Panel
from harmattan.data.snapshot import load_snapshot
from harmattan.forecast.jobs.backtest_plan import BacktestSettings, inputs_of, make_plan
from harmattan.forecast.settings import Settings

MONTHS = 96
MEMBERS = ("smoothed_conflictology", "exponential_nb")


def with_gaps() -> Panel:
    """A user's table with empty cells, read as it comes."""
    frame = panel_of(ladder_counts(1, MONTHS), links=ladder_links()).to_frame()
    frame = frame[["month", "region_id", "events", "country"]].astype({"events": float})
    frame.loc[np.random.default_rng(3).random(len(frame)) < 0.1, "events"] = np.nan
    return Panel.from_frame(frame, ladder_links())


def unseen_at_the_origin() -> Panel:
    """One country's coverage ends months before the first origin and comes back after it."""
    observed = np.ones((MONTHS, 8), dtype=bool)
    observed[70:85, 4:] = False
    return panel_of(ladder_counts(1, MONTHS), links=ladder_links(), observed=observed)


def quiet_region() -> Panel:
    counts = ladder_counts(1, MONTHS)
    counts[:, 1] = 0
    return panel_of(counts, links=ladder_links())


PANELS: dict[str, Callable[[], Panel]] = {
    "a region without any event": quiet_region,
    "no event anywhere": lambda: panel_of(np.zeros((MONTHS, 8), dtype=int), links=ladder_links()),
    "one region": lambda: panel_of(ladder_counts(1, MONTHS)[:, :1], ids=["AAA-1"]),
    "features that never change": lambda: panel_of(np.full((MONTHS, 8), 2), links=ladder_links()),
    "no coverage at the origin": unseen_at_the_origin,
    "empty cells": with_gaps,
    "no links": lambda: panel_of(ladder_counts(1, MONTHS)),
}


@pytest.mark.parametrize("what", PANELS)
@pytest.mark.slow
def test_every_forecast_is_a_number(what: str) -> None:
    panel = PANELS[what]()
    tables = harmattan.backtest(
        panel, origins=("2007-06", "2007-08"), horizons=(1, 3), members=MEMBERS, workers=1
    )
    cases = tables.cases
    assert set(MEMBERS) | {"pool"} <= set(cases["member"])
    for column in ("crps", "crps_log", "ignorance", "interval_90", "mean", "pit", "p1", "p5", "p10"):
        assert np.isfinite(cases[column]).all(), column
    assert (cases["mean"] >= 0).all()
    board = tables.leaderboard
    assert np.isfinite(board[["crps", "ignorance", "coverage_50", "coverage_90"]]).all().all()
    assert board["verdict"].ne("").all()
    outcomes = np.where(panel.observed, panel.measure("events"), np.nan)[75:83]
    assert cases["observed"].max() <= np.nanmax(outcomes)
    if not panel.measure("events").any():  # a quiet world is forecast quiet
        pool = cases[cases["member"] == "pool"]
        assert pool["mean"].max() < 0.05
        assert pool["crps"].max() < 0.01


@pytest.mark.parametrize("horizon", [14, 36])
def test_far_horizons_are_forecast(horizon: int) -> None:
    panel = panel_of(ladder_counts(1, 200), links=ladder_links())
    first = str(panel.months[200 - 6 - horizon])
    tables = harmattan.backtest(
        panel, origins=(first, str(pd.Period(first) + 2)), horizons=(horizon,), members=MEMBERS, workers=1
    )
    assert tables.leaderboard["horizon"].unique().tolist() == [horizon]
    assert np.isfinite(tables.cases["crps"]).all()


def test_without_earlier_origins_weights_are_equal() -> None:
    panel = panel_of(ladder_counts(1, 60), links=ladder_links())
    tables = harmattan.backtest(
        panel, origins=("2003-12", "2004-02"), horizons=(6,), members=MEMBERS, workers=1
    )
    assert tables.weights["weight"].unique().tolist() == [0.5]


@pytest.mark.parametrize(
    ("months", "horizon"), [(2, 1), (30, 1), (60, 36)], ids=["two months", "too short", "horizon too long"]
)
def test_a_history_that_is_too_short_is_named(months: int, horizon: int) -> None:
    panel = panel_of(ladder_counts(1, months), links=ladder_links())
    with pytest.raises(OriginError, match=r"Bring a longer history\.|too early an origin"):
        harmattan.backtest(panel, horizons=(horizon,), members=MEMBERS, workers=1)


@pytest.mark.parametrize("bad", [-1.0, np.inf])
def test_a_count_that_cannot_be_is_named(bad: float) -> None:
    frame = panel_of(ladder_counts(1, 40)).to_frame()[["month", "region_id", "events"]]
    frame = frame.astype({"events": float})
    frame.loc[7, "events"] = bad
    with pytest.raises(SchemaError, match=r"row 9: .* in column .events. breaks the rule"):
        Panel.from_frame(frame)


@pytest.mark.parametrize(
    ("links", "said"),
    [
        (None, ("The panel has no links between regions: no model sees neighbours.",)),
        (ladder_links().iloc[:6], ("No link crosses a border: no model sees across one.",)),
        (ladder_links(), ()),
    ],
    ids=["no links", "no border", "links"],
)
def test_the_output_says_what_models_cannot_see(links: pd.DataFrame | None, said: tuple[str, ...]) -> None:
    panel = panel_of(ladder_counts(1, MONTHS), links=links)
    settings = BacktestSettings(base=Settings(horizons=(1,), track=False))
    assert make_plan(settings, inputs_of(panel)).notes == said


def test_the_vault_is_shut_on_shipped_counts_whichever_way_they_come() -> None:
    panel = load_snapshot().panel
    newer = (snapshot_on(load_snapshot(), x).panel for x in ("burkina-2025", "mali-2016"))
    layers = (p.select(countries=[c]) for p, c in zip(newer, ("BFA", "MLI"), strict=True))
    for given in (panel, panel.select(regions=panel.region_ids[:40]), *layers):
        plan = make_plan(BacktestSettings(base=Settings(track=False)), inputs_of(given))
        assert (str(plan.protocol.last_target), plan.unsealed) == ("2022-12", False)
    months = tuple(pd.Period(m, freq="M") for m in ("2023-01", "2023-03"))
    with pytest.raises(UsageError, match="opens the vault"):
        make_plan(BacktestSettings(base=Settings(track=False), origins=months), inputs_of(panel))


@pytest.mark.parametrize(
    ("asked", "what"),
    [
        ({"data_lag": -2}, "'-2' is no data lag"),
        ({"data_lag": 9}, "'9' is no data lag"),
        ({"refit_every": 0}, "'0' is no refit interval"),
        ({"origins": "2016-01"}, "are not a first and a last origin"),
        ({"origins": ("2016-13", "2017-01")}, "'2016-13' is not a month"),
        ({"origins": ("2016", "2017")}, "'2016' is a year, not a month"),
        ({"origins": ("2022-01", "2021-01")}, "'2022-01:2021-01' runs backwards"),
        ({"members": []}, "no member is named"),
        ({"members": ["boosted", "boosted"]}, "a member is named twice"),
        ({"members": "bosted"}, "'bosted'"),
    ],
)
def test_what_makes_no_back_test_is_a_named_error(asked: dict[str, object], what: str) -> None:
    with pytest.raises(HarmattanError, match=what):
        harmattan.backtest(**asked)  # type: ignore[arg-type]
