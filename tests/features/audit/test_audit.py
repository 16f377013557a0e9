"""The audit finds every planted leak and blames no honest feature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from harmattan.data.errors import UsageError
from harmattan.data.panel import Panel
from harmattan.features import DaysSince, Ewm, Lag, NearestActive, Neighbours, Recipe, Static, Sum
from harmattan.features.audit import audit
from harmattan.features.recipe.compute import view_of
from harmattan.features.series.neighbours import weights


def events(panel: Panel) -> np.ndarray:
    return panel.measure("events", fill=0).astype(float)


def shifted(values: np.ndarray, months: int) -> np.ndarray:
    """``values`` moved down by some months (up if negative), zeros where nothing is."""
    out = np.zeros_like(values)
    if months >= 0:
        out[months:] = values[: len(values) - months]
    else:
        out[:months] = values[-months:]
    return out


def centred_window(panel: Panel) -> np.ndarray:
    return sum(shifted(events(panel), k) for k in (-1, 0, 1)) / 3


def global_scaling(panel: Panel) -> np.ndarray:
    values = events(panel)
    return (values - values.mean()) / (values.std() + 1e-9)


def target_encoding(panel: Panel) -> np.ndarray:
    return np.broadcast_to(events(panel).mean(axis=0), panel.shape)


def revised_value(panel: Panel) -> np.ndarray:
    return panel.measure("events_revised", fill=0)


def off_by_one(panel: Panel) -> np.ndarray:
    return events(panel)


def neighbours_ahead(panel: Panel) -> np.ndarray:
    return shifted(events(panel), -1) @ weights(view_of(panel)).T


def coverage_from_the_future(panel: Panel) -> np.ndarray:
    return np.broadcast_to(panel.observed.sum(axis=0), panel.shape).astype(float)


def calendar_of_the_outcome(panel: Panel) -> np.ndarray:
    month = panel.months.month.to_numpy()
    means = np.array([events(panel)[month == m].mean() for m in range(1, 13)])
    return np.broadcast_to(means[month - 1][:, None], panel.shape)


def sorted_by_outcome(panel: Panel) -> np.ndarray:
    order = np.argsort(events(panel).sum(axis=0), kind="stable")
    return np.broadcast_to(np.argsort(order), panel.shape).astype(float)


@pytest.fixture(scope="module")
def panel(make_panel: Callable[..., Panel]) -> Panel:
    """Long enough for every window; one measure is a later revision."""
    made = make_panel(5, months=110, gaps=False)
    rng = np.random.default_rng(1)
    revised = made.measure("events") + rng.poisson(0.5, made.shape).astype(np.float32)
    table = made.attrs["static"].assign(history=made.measure("events").mean(axis=0))
    return replace(made, measures={**made.measures, "events_revised": revised}, attrs={"static": table})


LEAKS = {
    "centred window": (centred_window, 0),
    "global scaling": (global_scaling, 0),
    "target encoding": (target_encoding, 0),
    "revised value": (revised_value, 0),
    "off by one": (off_by_one, 1),
    "neighbours ahead": (neighbours_ahead, 0),
    "coverage from the future": (coverage_from_the_future, 0),
    "calendar of the outcome": (calendar_of_the_outcome, None),
    "sorted by outcome": (sorted_by_outcome, None),
}


@pytest.fixture(scope="module")
def report(panel: Panel) -> pd.DataFrame:
    recipe = Recipe([("static from the future", Static("history")), *Recipe.default()])
    for name, (function, latest) in LEAKS.items():
        recipe = recipe.add(name, function, latest=latest)
    return audit(recipe, panel, delays={"events_revised": 3}, origins=2).table.set_index("feature")


@pytest.mark.parametrize("leak", [*LEAKS, "static from the future"])
def test_a_planted_leak_is_caught(report: pd.DataFrame, leak: str) -> None:
    assert not report.loc[leak, "passed"]
    assert report.loc[leak, "reason"]


def test_no_default_feature_is_blamed(report: pd.DataFrame) -> None:
    own = report.loc[list(Recipe.default().names)]
    assert own[~own["passed"]].to_dict("index") == {}


def test_every_declared_month_is_the_one_really_read(report: pd.DataFrame) -> None:
    own = report.loc[list(Recipe.default().names)]
    assert (own["declared"] == own["found"]).all()


def test_the_rest_of_the_terms_are_honest_too(panel: Panel) -> None:
    recipe = Recipe(
        [
            DaysSince(),
            NearestActive(),
            NearestActive(6, measured_in="km"),
            Static("population"),
            Lag(2, of=Ewm(4.0)),
            Neighbours(of=Sum(4), order=2),
            Sum(3, of=Lag(2)),
        ]
    )
    assert audit(recipe, panel, origins=2).failed == ()


def test_figures_remembered_from_elsewhere_are_caught(panel: Panel) -> None:
    final = events(panel)
    recipe = Recipe([]).add("kept", lambda p: p.measure("events", fill=0) + final[: len(p.months)])
    assert "depends on the order or the names of regions" in str(audit(recipe, panel, origins=2))


def test_a_look_up_by_region_name_is_caught(panel: Panel) -> None:
    final = dict(zip(panel.region_ids, events(panel).sum(axis=0), strict=True))

    def looked_up(p: Panel) -> np.ndarray:
        return p.measure("events", fill=0) + np.array([final[r] for r in p.region_ids])

    assert "other names" in str(audit(Recipe([]).add("looked up", looked_up), panel, origins=2))


def test_the_position_in_a_sorted_panel_is_caught(panel: Panel) -> None:
    recipe = Recipe([]).add(
        "position", lambda p: np.tile(np.arange(p.shape[1]), (p.shape[0], 1)), latest=None
    )
    assert audit(recipe, panel, origins=2).failed == ("position",)


def test_a_feature_that_reads_nothing_must_say_so(panel: Panel) -> None:
    recipe = Recipe([]).add("constant", lambda p: np.ones(p.shape))
    assert "reads none" in str(audit(recipe, panel, origins=2))


def test_a_feature_that_raises_in_another_world_is_reported_not_raised(panel: Panel) -> None:
    def brittle(p: Panel) -> np.ndarray:
        if len(p.months) < 110:
            raise ValueError("too short")
        return p.measure("events")

    report = audit(Recipe([Lag(0)]).add("brittle", brittle), panel, origins=2)
    assert report.failed == ("brittle",)
    assert "raised ValueError: too short" in str(report)


@pytest.mark.slow
def test_a_panel_without_quiet_times_blames_no_feature_for_them(panel: Panel) -> None:
    busy = replace(panel, measures={k: v + 1 for k, v in panel.measures.items()})
    assert audit(Recipe.default(), busy, origins=1).failed == ()


def test_a_panel_too_small_to_tell_is_refused(panel: Panel) -> None:
    with pytest.raises(UsageError, match="too small for an audit"):
        audit(Recipe([Lag(0)]), panel.until(panel.months[10]))
