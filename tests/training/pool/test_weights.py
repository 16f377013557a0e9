"""Weights of the pool: the quadratic programme against the CRPS itself and against a grid."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from harmattan.training.margins import mix, negative_binomial
from harmattan.training.pool.weights import (
    SHRINKAGES,
    USUAL_SHRINKAGE,
    best_weights,
    choose_shrinkage,
    pool_terms,
    shrunk,
    trial_scores,
)


@pytest.fixture
def members() -> list:
    means = np.array([0.3, 2.0, 6.0])
    return [negative_binomial(means * f, np.full(3, s)) for f, s in ((1.0, 1.0), (0.5, 3.0), (1.6, 0.5))]


def test_the_terms_give_the_crps_of_any_mixture(members: list) -> None:
    observed, seen = np.array([1, 0, 9]), np.ones(3, dtype=bool)
    error, distance = pool_terms(members, observed, seen)
    for weights in ([1.0, 0.0, 0.0], [0.2, 0.5, 0.3]):
        w = np.array(weights)
        expected = mix(members, w).crps(observed).mean()
        assert w @ error - 0.5 * w @ distance @ w == pytest.approx(expected, abs=1e-9)


def test_regions_without_an_outcome_do_not_count(members: list) -> None:
    some = pool_terms(members, np.array([1.0, np.nan, 9.0]), np.array([True, False, True]))
    narrowed = [type(m)(m.cdf[[0, 2]], m.mean[[0, 2]]) for m in members]
    alone = pool_terms(narrowed, np.array([1, 9]), np.ones(2, dtype=bool))
    for a, b in zip(some, alone, strict=True):
        np.testing.assert_allclose(a, b)


def test_the_weights_are_the_best_on_a_grid(members: list) -> None:
    rng = np.random.default_rng(1)
    truth = negative_binomial(np.array([0.3, 1.6, 4.0]), np.full(3, 1.2))
    terms = [pool_terms(members, truth.quantile(rng.random(1))[0], np.ones(3, dtype=bool)) for _ in range(60)]
    error, distance = (np.mean([t[i] for t in terms], axis=0) for i in (0, 1))

    def score(w: np.ndarray) -> float:
        return float(w @ error - 0.5 * w @ distance @ w)

    best = best_weights(error, distance)
    grid = [
        np.array([a, b, 20 - a - b]) / 20 for a, b in itertools.product(range(21), repeat=2) if a + b <= 20
    ]
    assert score(best) <= min(score(w) for w in grid) + 1e-9
    assert best.sum() == pytest.approx(1.0)


def test_a_member_that_is_of_no_use_is_dropped(members: list) -> None:
    truth = members[0]
    rng = np.random.default_rng(3)
    wild = negative_binomial(np.array([40.0, 40.0, 90.0]), np.full(3, 0.3))
    terms = [
        pool_terms([*members, wild], truth.quantile(rng.random(1))[0], np.ones(3, dtype=bool))
        for _ in range(60)
    ]
    best = best_weights(*(np.mean([t[i] for t in terms], axis=0) for i in (0, 1)))
    assert best[-1] == 0.0
    np.testing.assert_allclose(shrunk(best, 0.1)[-1], 0.1 / 4)


def test_a_trial_is_the_score_that_a_pull_would_have_had(members: list) -> None:
    observed, seen = np.array([1, 0, 9]), np.ones(3, dtype=bool)
    best = np.array([0.7, 0.3, 0.0])
    trials = trial_scores(best, *pool_terms(members, observed, seen))
    expected = [mix(members, shrunk(best, pull)).crps(observed).mean() for pull in SHRINKAGES]
    np.testing.assert_allclose(trials, expected, atol=1e-9)


def test_the_usual_pull_stays_until_another_was_clearly_better() -> None:
    def after(origins: int, *scores: float) -> float:
        return choose_shrinkage(np.array([scores] * origins))

    assert after(60, 1.0, 1.0, 1.0, 0.9) == 0.5
    assert after(60, 1.0, 1.0, 1.0, 0.998) == USUAL_SHRINKAGE
    assert after(12, 0.9, 1.0, 1.0, 1.0) == 0.5, "a dozen origins know little"
