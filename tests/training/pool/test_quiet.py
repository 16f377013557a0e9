"""The chance of anything where it is quiet: from the panel's own history, never the future, and used by the pool."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from harmattan.data.panel import Panel
from harmattan.training.margins import negative_binomial
from harmattan.training.models.base import Problem
from harmattan.training.pool.fitted import FittedPool, fit_pool
from harmattan.training.pool.quiet import (
    QuietChance,
    QuietStack,
    fit_quiet_chance,
    learn_stack,
    quiet_regions,
    with_chance,
)
from harmattan.training.problems import build_problems

MONTHS = pd.period_range("2000-01", periods=180, freq="M")


def world(rate: float, regions: int = 40, seed: int = 3) -> Problem:
    """Quiet places that wake at a known rate beside a few that never rest, in two countries."""
    rng = np.random.default_rng(seed)
    counts = (rng.random((len(MONTHS), regions)) < rate).astype(int) * rng.integers(
        1, 4, (len(MONTHS), regions)
    )
    counts[:, :4] = rng.poisson(6, (len(MONTHS), 4))
    frame = pd.DataFrame(
        {
            "month": np.repeat(MONTHS.astype(str), regions),
            "region_id": [f"{'AAA' if i % 2 else 'BBB'}-r{i:02d}" for i in range(regions)] * len(MONTHS),
            "events": counts.ravel(),
        }
    )
    return build_problems(Panel.from_frame(frame), ["events"])["events"]


@pytest.mark.parametrize("rate", [0.002, 0.02])
def test_it_is_how_often_quiet_places_of_the_panel_woke_up(rate: float) -> None:
    problem = world(rate)
    for horizon in (1, 6):
        law = fit_quiet_chance(problem, MONTHS[-1], horizon)
        chance = law.chance(problem, MONTHS[-1])
        quiet = quiet_regions(problem, MONTHS[-1])
        assert np.isfinite(chance).tolist() == quiet.tolist()
        assert np.nanmean(chance) == pytest.approx(rate, rel=0.35)


@pytest.mark.parametrize("months", [24, 36])
@pytest.mark.parametrize("horizon", [1, 6, 14])
def test_a_short_record_is_counted_too(months: int, horizon: int) -> None:
    """With 24 months, or 36 and a year ahead, a chance of .01 was assumed everywhere: a third of what came."""
    frame = world(0.08, regions=120).panel.to_frame()
    short = Panel.from_frame(frame[frame["month"].astype(str) >= str(MONTHS[-months])])
    problem = build_problems(short, ["events"])["events"]
    chance = fit_quiet_chance(problem, MONTHS[-1], horizon).chance(problem, MONTHS[-1])
    assert np.nanmean(chance) == pytest.approx(0.08, rel=0.35)
    assert np.nanmax(chance) < 0.25


def test_no_later_month_changes_it() -> None:
    problem = world(0.02)
    origin = MONTHS[120]
    changed = problem.panel.measure("events").copy()
    changed[121:] += 5
    other = replace(problem, panel=replace(problem.panel, measures={"events": changed}))
    one, two = (fit_quiet_chance(p, origin, 3) for p in (problem, other))
    assert one == two
    np.testing.assert_array_equal(one.chance(problem, origin), two.chance(other, origin))


@pytest.mark.parametrize("value", [0, 3])
def test_a_panel_of_nothing_or_of_nothing_quiet(value: int) -> None:
    problem = world(0.0)
    counts = np.full_like(problem.panel.measure("events"), value)
    still = build_problems(replace(problem.panel, measures={"events": counts}), ["events"])["events"]
    chance = fit_quiet_chance(still, MONTHS[-1], 6).chance(still, MONTHS[-1])
    assert (chance < 0.001).all() if value == 0 else np.isnan(chance).all()


def test_text_and_back() -> None:
    law = fit_quiet_chance(world(0.02), MONTHS[-1], 2)
    assert QuietChance.from_json(law.to_json()) == law


def test_a_pool_that_states_far_too_much_is_corrected() -> None:
    rng = np.random.default_rng(1)
    history = rng.uniform(0.005, 0.03, 4000)
    hit = rng.random(4000) < history
    pool = np.clip(history * 8, 0, 0.5)
    stack = learn_stack(history, pool, hit, np.zeros(4000))
    assert stack.chance(history, pool).mean() == pytest.approx(hit.mean(), rel=0.1)
    assert learn_stack(history[:10], pool[:10], hit[:10], np.zeros(10)) == QuietStack()


def test_only_the_chance_of_any_changes() -> None:
    before = negative_binomial(np.array([0.5, 0.5]), np.array([0.7, 0.7]))
    after = with_chance(before, np.array([0.01, np.nan]))
    assert after.prob_at_least(1)[0] == pytest.approx(0.01)
    given = [m.prob_at_least(3)[0] / m.prob_at_least(1)[0] for m in (before, after)]
    assert given[0] == pytest.approx(given[1])
    assert after.mean[0] == pytest.approx(before.mean[0] * 0.01 / before.prob_at_least(1)[0])
    assert after.cdf[1].tobytes() == before.widened(after.points).cdf[1].tobytes()


def test_the_pool_states_it_and_keeps_it_in_text() -> None:
    problem = world(0.01)
    pool = fit_pool(problem, MONTHS[-1], 1, ("conflictology_12", "negative_binomial_12", "exponential_nb"))
    stated = pool.margins(problem, MONTHS[-1])["pool"].prob_at_least(1)
    quiet = quiet_regions(problem, MONTHS[-1])
    expected = fit_quiet_chance(problem, MONTHS[-1], 1).chance(problem, MONTHS[-1])
    np.testing.assert_allclose(stated[quiet], expected[quiet], rtol=1e-9)
    again = FittedPool.from_files(pool.to_files())
    assert (
        again.margins(problem, MONTHS[-1])["pool"].cdf.tobytes()
        == pool.margins(problem, MONTHS[-1])["pool"].cdf.tobytes()
    )
    alone = fit_pool(problem, MONTHS[-1], 1, ("conflictology_12",))
    assert alone.quiet is None
