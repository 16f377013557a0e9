"""Events times deaths: against simulation, on a world with known deaths per event, and where it must not be asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_worlds import ladder_counts, ladder_links, panel_of, problem_of

from harmattan.data.errors import UsageError
from harmattan.training.margins import from_cdf
from harmattan.training.models.base import Problem
from harmattan.training.models.catalogue import fit_members, pooled_members
from harmattan.training.models.events_times_deaths import EventsTimesDeaths, as_events
from harmattan.training.pool.explain import explain_member


def deadly(seed: int, each: np.ndarray, months: int = 120, size: float = 1.0) -> Problem:
    """Each event kills a negative binomial number, ``each`` on average, independently of all others."""
    rng = np.random.default_rng(seed)
    events = ladder_counts(seed, months)
    size_now = np.maximum(events * size, 1e-9)
    deaths = rng.poisson(np.where(events > 0, rng.gamma(size_now, each / size), 0.0))
    return replace(problem_of(panel_of(events, links=ladder_links(), deaths_best=deaths)), target="deaths")


@pytest.fixture(scope="module")
def world() -> tuple[Problem, np.ndarray, EventsTimesDeaths]:
    each = np.array([2.0, 2.0, 2.0, 2.0, 12.0, 12.0, 12.0, 12.0])
    problem = deadly(4, each)
    return problem, each, EventsTimesDeaths(half_life=60.0).fit(problem, problem.panel.months[-1], 1)


def test_deaths_per_event_of_a_known_world_are_found(world) -> None:
    problem, each, member = world
    found = member.deaths_per_event(problem, problem.panel.months[-1])
    busy = problem.panel.measure("events").sum(axis=0) > 60
    np.testing.assert_allclose(found[busy], each[busy], rtol=0.25)
    # The region without any event is told by its country.
    assert found[3] == pytest.approx(2.0, rel=0.35)
    assert member.power_ >= 0.75


def test_the_distribution_is_that_of_simulated_sums(world) -> None:
    problem, _, member = world
    origin = problem.panel.months[-1]
    said, rng = member.margins(problem, origin), np.random.default_rng(1)
    events = member.events_.margins(as_events(problem), origin)
    each = member.deaths_per_event(problem, origin)
    region = int(np.argmax(said.mean))
    n = np.searchsorted(events.cdf[region], rng.random(60_000))
    size = np.maximum(member.size_ * n**member.power_, 1e-12)
    deaths = np.where(n > 0, rng.poisson(rng.gamma(size, n * each[region] / size)), 0)
    for k in (0, 3, 10, 40):
        at = min(k, said.points - 1)
        assert said.cdf[region, at] == pytest.approx((deaths <= k).mean(), abs=0.01)
    np.testing.assert_allclose(from_cdf(said.cdf.copy()).mean, said.mean, rtol=5e-3, atol=1e-3)


def test_a_region_has_no_deaths_as_often_as_no_events_or_none_that_kill(world) -> None:
    problem, _, member = world
    origin = problem.panel.months[-1]
    events = member.events_.margins(as_events(problem), origin)
    assert (member.margins(problem, origin).cdf[:, 0] >= events.cdf[:, 0]).all()


def test_later_months_change_nothing() -> None:
    problem = deadly(5, np.full(8, 5.0), 90)
    origin = problem.panel.months[70]
    rng = np.random.default_rng(2)
    events, deaths = (problem.panel.measure(m).copy() for m in ("events", "deaths_best"))
    events[71:], deaths[71:] = rng.integers(0, 50, (19, 8)), rng.integers(0, 900, (19, 8))
    other = replace(problem_of(panel_of(events, links=ladder_links(), deaths_best=deaths)), target="deaths")
    one, two = (EventsTimesDeaths().fit(p, origin, 2).margins(p, origin) for p in (problem, other))
    assert one.cdf.tobytes() == two.cdf.tobytes()
    assert one.mean.tobytes() == two.mean.tobytes()


def test_a_world_without_events_expects_hardly_any_deaths() -> None:
    panel = panel_of(np.zeros((60, 8)), links=ladder_links())
    problem = replace(problem_of(panel), target="deaths")
    margins = EventsTimesDeaths().fit(problem, panel.months[-1], 1).margins(problem, panel.months[-1])
    assert np.isfinite(margins.cdf).all()
    assert margins.mean.max() < 0.1


def test_its_parts_sum_to_its_mean(world) -> None:
    problem, _, member = world
    origin = problem.panel.months[-1]
    mean = member.margins(problem, origin).mean
    parts = explain_member(member, problem, origin, mean)
    np.testing.assert_allclose(np.sum(list(parts.values()), axis=0), mean, rtol=1e-9)


def test_it_is_in_the_pool_of_deaths_and_refuses_events(world) -> None:
    problem = as_events(world[0])
    assert "events_times_deaths" in pooled_members("deaths")
    assert "events_times_deaths" not in pooled_members("events")
    with pytest.raises(UsageError, match="'events_times_deaths' forecasts deaths, not events"):
        fit_members(problem, problem.panel.months[-1], 1, ["events_times_deaths"])
