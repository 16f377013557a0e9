"""No value of a month after the origin can change one bit of a forecast from it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_worlds import ladder_panel

from harmattan.data.panel import Panel
from harmattan.features import Recipe
from harmattan.training.evaluation.backtest import run_backtest
from harmattan.training.models.base import Member, Problem
from harmattan.training.models.boosted import BoostedEndemicEpidemic
from harmattan.training.models.catalogue import MEMBERS, fit_members
from harmattan.training.onset import OnsetFits, history_of
from harmattan.training.pool import onset_chances
from harmattan.training.pool.fitted import fit_pool

MONTHS, AT = 66, 54


def fitted(name: str, problem: Problem, origin: pd.Period, horizon: int) -> Member:
    """One member; the trees are few, but they do split."""
    if name == "boosted":
        return BoostedEndemicEpidemic(trees=8, min_leaf=30).fit(problem, origin, horizon)
    return fit_members(problem, origin, horizon, [name])[name]


def gappy(seed: int) -> Panel:
    """A panel with holes in its coverage before the origin too."""
    observed = np.random.default_rng([seed, 2]).random((MONTHS, 8)) < 0.9
    return ladder_panel(seed, MONTHS, observed)


def with_another_future(panel: Panel, seed: int) -> Panel:
    """Every measure and the mask changed at random after the origin."""
    rng = np.random.default_rng([seed, 3])
    observed = panel.observed.copy()
    observed[AT + 1 :] = rng.random(observed[AT + 1 :].shape) < rng.random()
    measures = {}
    for name, values in panel.measures.items():
        changed = values.copy()
        changed[AT + 1 :] = rng.poisson(rng.gamma(0.5, 40.0, size=changed[AT + 1 :].shape))
        measures[name] = np.where(observed, changed, np.nan).astype(np.float32)
    return replace(panel, measures=measures, observed=observed)


def problem_with(panel: Panel, target: str, also: Panel | None = None) -> Problem:
    others = () if also is None else (problem_with(also, target),)
    return Problem(panel, Recipe.default().build(panel), target, others)


@cache
def same_until_the_origin(seed: int, target: str) -> tuple[Problem, Problem]:
    """One problem with two futures, its own and that of the panel it also learns from."""
    panel, other = gappy(seed), gappy(seed + 1)
    changed = with_another_future(panel, seed), with_another_future(other, seed + 1)
    return problem_with(panel, target, other), problem_with(changed[0], target, changed[1])


@pytest.mark.parametrize(("seed", "horizon", "target"), [(0, 1, "events"), (1234, 3, "deaths")])
@pytest.mark.parametrize("name", MEMBERS)
def test_a_member_forecasts_the_same_whatever_comes(name: str, seed: int, horizon: int, target: str) -> None:
    bits = []
    for problem in same_until_the_origin(seed, target):
        origin = problem.panel.months[AT]
        margins = fitted(name, problem, origin, horizon).margins(problem, origin)
        bits.append((margins.cdf.tobytes(), np.asarray(margins.mean, dtype=float).tobytes()))
    assert bits[0] == bits[1]


@settings(max_examples=2)
@given(seed=st.integers(0, 10_000), horizon=st.sampled_from([1, 3]))
def test_the_pool_forecasts_the_same_whatever_comes(seed: int, horizon: int) -> None:
    panel = gappy(seed)
    bits = []
    for world in (panel, with_another_future(panel, seed), panel.until(panel.months[AT])):
        problem, origin = problem_with(world, "events"), panel.months[AT]
        margins = fit_pool(problem, origin, horizon).margins(problem, origin)
        bits.append({name: m.cdf.tobytes() for name, m in margins.items()})
    for other in bits[1:]:
        assert [name for name in bits[0] if bits[0][name] != other[name]] == []


def test_the_present_does_change_a_forecast() -> None:
    panel = gappy(1)
    events, observed = panel.measure("events").copy(), panel.observed.copy()
    events[AT, 0], observed[AT, 0] = 17, True
    world = replace(panel, measures={**panel.measures, "events": events}, observed=observed)
    for name in sorted(set(MEMBERS) - {"zero"}):
        bits = []
        for each in (panel, world):
            problem, origin = problem_with(each, "events"), panel.months[AT]
            bits.append(fitted(name, problem, origin, 1).margins(problem, origin).cdf.tobytes())
        assert bits[0] != bits[1], name


def test_chances_in_quiet_places_are_the_same_whatever_comes() -> None:
    panel = ladder_panel(3, MONTHS, np.ones((MONTHS, 8), dtype=bool))
    months, found = panel.months[AT - 2 : AT + 1], []
    for world in (panel, with_another_future(panel, 3)):
        made = onset_chances(OnsetFits(history_of(world), problem_with(world, "events")), months)
        found.append({month: chances.tobytes() for month, chances in made.items()})
    assert list(found[0]) == list(months)
    assert found[0] == found[1]
    assert np.isfinite(np.frombuffer(found[0][months[-1]])).any()


@pytest.mark.parametrize(
    "targets", [("events",), pytest.param(("events", "deaths"), marks=pytest.mark.slow)], ids="-".join
)
@settings(max_examples=2)
@given(seed=st.integers(0, 10_000), lag=st.integers(0, 3))
def test_weights_and_calibration_of_a_back_test_learn_nothing_from_later_months(
    targets: tuple[str, ...], seed: int, lag: int
) -> None:
    panel = gappy(seed)
    origins = panel.months[AT - 2 : AT + 1]
    bits = []
    for world in (panel, with_another_future(panel, seed)):
        problems = [problem_with(world, target) for target in targets]
        records = run_backtest(
            problems,
            list(origins),
            [2],
            members=["conflictology_12", "smoothed_conflictology"],
            data_lag=lag,
            warm_up=24,
        )
        known = ("mean", "low", "high", "p1", "p5", "p10")
        pools = ("pool", "pool_uncalibrated")
        bits.append([r.of(name, m).tobytes() for r in records for name in pools for m in known])
        bits[-1] += [record.weights.to_csv().encode() for record in records]
    assert bits[0] == bits[1]


@pytest.mark.parametrize("lag", [1, 2, 3])
def test_a_data_lag_hides_the_last_months(lag: int) -> None:
    panel = gappy(3)
    events = panel.measure("events").copy()
    events[AT - lag + 1 : AT + 1] += 50
    world = replace(panel, measures={**panel.measures, "events": events})
    said = [
        run_backtest(
            problem_with(each, "events"),
            [panel.months[AT]],
            [1],
            members=["smoothed_conflictology"],
            data_lag=lag,
        )[0].of("smoothed_conflictology", "p1")
        for each in (panel, world)
    ]
    assert said[0].tobytes() == said[1].tobytes()
