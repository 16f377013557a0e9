"""Spread is distinguished from a shock that both sides of a border share."""

from __future__ import annotations

import numpy as np
import pytest
from small_worlds import diffusion, ladder_links, panel_of, problem_of, world_of

from harmattan.training.diffusion.design import Term, make_design
from harmattan.training.diffusion.shared_shock import SHOCK_TEST_LEVEL, lead_means, shock_p_value

THERE = Term("across", "AAA", "BBB")


def p_value(counts: np.ndarray, origin: int = -1) -> float:
    problem = problem_of(panel_of(counts, links=ladder_links()))
    design, _ = make_design(problem, problem.panel.months[origin], None, 24, 2.0)
    best = design.fit(design.likelihood(), design.start())
    return shock_p_value(design, best, THERE)


def spreading(seed: int, back: float = 0.0) -> np.ndarray:
    truth = diffusion(a_to_b=0.8, b_to_a=back, own=0.2, domestic=0.2, endemic=0.2)
    truth.endemic[:4] = 2.0
    return world_of(truth, 300, np.random.default_rng(seed), size=1.0)


def shared(seed: int) -> np.ndarray:
    """Both sides follow one lasting shock; nothing crosses."""
    rng, state, out = np.random.default_rng(seed), 0.0, []
    for _ in range(300):
        state = 0.8 * state + rng.normal(scale=0.7)
        out.append(rng.poisson(rng.gamma(2.0, 0.5 * np.exp(state), size=8)))
    return np.array(out)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_spread_is_told_apart_from_a_shock(seed: int) -> None:
    assert p_value(spreading(seed)) < SHOCK_TEST_LEVEL


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_shared_shock_is_not_told_apart(seed: int) -> None:
    assert p_value(shared(seed)) > SHOCK_TEST_LEVEL


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_comes_back_does_not_hide_what_went_there(seed: int) -> None:
    assert p_value(spreading(seed, back=0.3)) < SHOCK_TEST_LEVEL


def test_no_month_after_the_origin_is_seen() -> None:
    counts = spreading(4)
    other = counts.copy()
    other[250:] = 99
    assert p_value(counts, 249) == p_value(other, 249)


def test_leads_are_plain_averages_of_what_came() -> None:
    counts = np.random.default_rng(3).poisson(2.0, size=(12, 2)).astype(float)
    found = lead_means(counts, 2.0)
    for t in range(11):
        weights = 0.5 ** (np.arange(11 - t) / 2.0)
        np.testing.assert_allclose(found[t], weights @ counts[t + 1 :] / weights.sum())
    assert (found[-1] == 0).all()
