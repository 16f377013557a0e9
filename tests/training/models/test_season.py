"""The season: found where there is one, absent where there is none, the same after text and back."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small_worlds import ladder_links, panel_of, problem_of

from harmattan.training.models.base import Member
from harmattan.training.models.boosted import BoostedEndemicEpidemic
from harmattan.training.models.endemic_epidemic import EndemicEpidemic
from harmattan.training.models.exponential_nb import ExponentialNB
from harmattan.training.models.season import ELSEWHERE, Season, fit_season, season_of
from harmattan.training.models.smoothed_conflictology import SmoothedConflictology
from harmattan.training.pool.explain import explain_member

MONTHS = np.arange(360) + pd.Period("2001-01", "M").ordinal
TRUTH = Season(sine=0.5, cosine=-0.2)
SEASONED: list[type[Member]] = [SmoothedConflictology, ExponentialNB, EndemicEpidemic, BoostedEndemicEpidemic]


def world(season: Season, months: int = 180, seed: int = 2):
    """Eight regions of one level each, in step with the season."""
    rng = np.random.default_rng(seed)
    level = np.array([6.0, 3.0, 1.0, 0.5] * 2) * season.at(MONTHS[:months])[:, None]
    return problem_of(panel_of(rng.poisson(rng.gamma(3.0, level / 3.0)), links=ladder_links()))


def test_a_season_is_found_among_noise() -> None:
    rng = np.random.default_rng(1)
    mean = np.full(len(MONTHS), 30.0)
    found = fit_season(
        MONTHS, rng.negative_binomial(5, 5 / (5 + mean * TRUTH.at(MONTHS))), mean, np.ones(360)
    )
    assert (found.sine, found.cosine) == pytest.approx((TRUTH.sine, TRUTH.cosine), abs=0.1)


def test_where_there_is_none_hardly_one_is_found() -> None:
    rng = np.random.default_rng(1)
    found = fit_season(MONTHS, rng.negative_binomial(5, 0.25, size=360), np.full(360, 15.0), np.ones(360))
    assert np.hypot(found.sine, found.cosine) < 0.1


def test_few_events_tell_no_season() -> None:
    counts = np.zeros(24)
    counts[2] = 1
    found = fit_season(MONTHS[:24], counts, np.full(24, 1 / 24), np.ones(24))
    assert np.hypot(found.sine, found.cosine) < 0.15


@pytest.mark.parametrize("months", [1, 6, 360])
def test_a_record_without_events_gives_a_finite_season(months: int) -> None:
    found = fit_season(MONTHS[:months], np.zeros(months), np.full(months, 1e-3), np.ones(months))
    assert np.isfinite(found.at(MONTHS)).all()


def test_a_wrong_level_is_no_season() -> None:
    exact = 20 * TRUTH.at(MONTHS)
    right, twice = (fit_season(MONTHS, exact, np.full(360, m), np.ones(360)) for m in (20.0, 10.0))
    assert twice.sine == pytest.approx(right.sine, abs=0.02)


def test_regions_that_are_only_learned_from_count_less() -> None:
    here, there = world(TRUTH), world(Season(sine=-0.5))
    both = replace(here, also=(there,)).sample(here.panel.months[-1], 1, 24)
    found = season_of(both, np.full(len(both.counts), 2.6))
    assert 0 < ELSEWHERE < 1
    assert 0.05 < found.sine < TRUTH.sine - 0.1


@pytest.mark.parametrize("kind", SEASONED)
def test_members_forecast_more_for_the_season_of_violence(kind: type[Member]) -> None:
    problem = world(TRUTH)
    calm, wild = pd.Period("2014-09", "M"), pd.Period("2015-03", "M")
    for horizon in (1, 3):
        member = kind().fit(problem, pd.Period("2013-12", "M"), horizon)
        low, high = (member.margins(problem, m - horizon).mean.sum() for m in (calm, wild))
        expected = float(TRUTH.at(np.array(wild.ordinal)) / TRUTH.at(np.array(calm.ordinal)))
        assert 0.6 * expected < high / low < 1.5 * expected


@pytest.mark.parametrize("kind", SEASONED)
def test_what_the_season_does_is_told_under_calendar(kind: type[Member]) -> None:
    problem = world(TRUTH)
    for target, sign in (("2014-09", -1), ("2014-03", 1)):
        origin = pd.Period(target, "M") - 3
        member = kind().fit(problem, pd.Period("2013-12", "M"), 3)
        mean = member.margins(problem, origin).mean
        parts = explain_member(member, problem, origin, mean)
        np.testing.assert_allclose(sum(parts.values()), mean, rtol=1e-9)
        assert (sign * parts["calendar"] > 0).all()


def test_numbers_come_back_to_the_bit() -> None:
    again = Season(**json.loads(json.dumps(Season(0.1 + 0.2, -1 / 3).to_json())))
    assert again == Season(0.1 + 0.2, -1 / 3)
