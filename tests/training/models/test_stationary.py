"""Excitation dies out, whatever the record; growth is limited, and what it is made of still adds up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from small_worlds import ladder_links, panel_of, problem_of

from harmattan.data.panel import Panel
from harmattan.training.models.endemic_epidemic import LARGEST_RADIUS, MOST_GROWTH, EndemicEpidemic
from harmattan.training.models.excitation import (
    ACROSS,
    COUNTRY,
    DOMESTIC,
    OWN,
    border_weights,
    spectral_radius,
)
from harmattan.training.problems import build_problems

MONTHS = 84


def growing(kind: str) -> Panel:
    """Records that answer a plain fit with excitation above one."""
    rng, month = np.random.default_rng(8), np.arange(MONTHS)[:, None]
    level = np.array([3.0, 1.0, 0.3, 0.1, 2.0, 0.5, 0.1, 0.8])
    if kind == "doubling every year":
        counts = rng.poisson(0.3 * level * 2 ** (month / 12))
    elif kind == "a war at the end":
        counts = rng.poisson(level * np.where(month >= MONTHS - 8, 40.0 * (month - MONTHS + 9), 0.3))
    elif kind == "everything at once":
        counts = rng.poisson(level * rng.gamma(0.2, 5.0, (MONTHS, 1)) * 1.04**month)
    else:
        counts = rng.poisson(level, (MONTHS, 8))
        counts[-2, 3] = 5_000
    return panel_of(counts, links=ladder_links())


@pytest.mark.parametrize(
    "kind", ["doubling every year", "a war at the end", "everything at once", "one outbreak"]
)
def test_excitation_dies_out_on_every_panel(kind: str) -> None:
    problem = problem_of(growing(kind))
    for horizon in (1, 6):
        member = EndemicEpidemic().fit(problem, problem.panel.months[-1], horizon)
        slopes = member.layout_.split(member.params_)[1]
        gain = member.excitation(problem).gain(slopes)
        whole = gain[OWN] * np.eye(8) + gain[COUNTRY] * (np.kron(np.eye(2), np.ones((4, 4))) - np.eye(8))
        for family in (DOMESTIC, ACROSS):
            whole = whole + gain[family] * border_weights(problem.panel, family == ACROSS)
        assert np.abs(np.linalg.eigvals(whole)).max() <= LARGEST_RADIUS + 1e-6
        assert 1 <= member.growth_ <= MOST_GROWTH
        origin = problem.panel.months[-1]
        parts = member.contributions(problem, origin)
        row = np.array([problem.row(origin)])
        season = float(member.season_.at(origin.ordinal + horizon))
        np.testing.assert_allclose(
            np.sum(list(parts.values()), axis=0), member.plain_mean(problem, row)[0] * season, rtol=1e-9
        )
        again = EndemicEpidemic.from_json(member.to_json())
        np.testing.assert_array_equal(again.mean_size(problem, row)[0], member.mean_size(problem, row)[0])


def test_the_radius_is_the_largest_eigenvalue_and_never_below() -> None:
    panel = growing("doubling every year")
    rng = np.random.default_rng(3)
    for _ in range(20):
        gain = dict(zip((OWN, DOMESTIC, ACROSS, COUNTRY), rng.uniform(0, 0.5, 4), strict=True))
        whole = gain[OWN] * np.eye(8) + gain[COUNTRY] * (np.kron(np.eye(2), np.ones((4, 4))) - np.eye(8))
        for family in (DOMESTIC, ACROSS):
            whole = whole + gain[family] * border_weights(panel, family == ACROSS)
        largest = float(np.abs(np.linalg.eigvals(whole)).max())
        found = spectral_radius(panel, gain)
        assert largest - 1e-9 <= found <= largest * 1.001


def test_a_steady_world_is_left_alone() -> None:
    rng = np.random.default_rng(5)
    problem = problem_of(panel_of(rng.poisson(2.0, (120, 8)), links=ladder_links()))
    member = EndemicEpidemic().fit(problem, pd.Period("2010-12", "M"), 1)
    assert member.growth_ == 1.0
    assert member.radius_ < LARGEST_RADIUS


def test_one_enormous_count_does_not_decide_what_is_expected_elsewhere() -> None:
    """A month of 5,000 beside nines: 1.4 a month where there had never been one, .2 where there are four."""
    rng = np.random.default_rng(7)
    level = np.tile([4.0, 0.8, 0.1, 0.01, 0.0], 3)
    counts = rng.poisson(level, (120, 15))
    plain, struck = counts.copy(), counts.copy()
    struck[-1, 7] = 5_000
    means = []
    for each in (plain, struck):
        ids = [f"{c}-r{i}" for c in ("AAA", "BBB", "CCC") for i in range(5)]
        months = pd.period_range("2014-01", periods=120, freq="M").astype(str)
        frame = pd.DataFrame({"month": months.repeat(15), "region_id": ids * 120, "events": each.ravel()})
        problem = build_problems(Panel.from_frame(frame), ["events"])["events"]
        origin = problem.panel.last_month
        means.append(EndemicEpidemic().fit(problem, origin, 1).margins(problem, origin).mean)
    elsewhere = level != 0.1
    assert (means[1][elsewhere] < 2 * means[0][elsewhere] + 0.3).all()
    assert (means[1][level == 4.0] > 0.5 * means[0][level == 4.0]).all()
