"""Scores against closed forms, brute force and the definitions of the field."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import average_precision_score

from harmattan.training.evaluation import scores
from harmattan.training.margins import Margins, empirical, negative_binomial


@pytest.fixture
def cases() -> tuple[np.ndarray, np.ndarray]:
    """Counts and 40 draws for each of 30 cases, many of them zero, some very large."""
    rng = np.random.default_rng(11)
    mean = rng.choice([0.1, 1.0, 8.0, 300.0], size=30)
    draws = rng.negative_binomial(0.6, 0.6 / (0.6 + mean), size=(40, 30))
    return rng.negative_binomial(0.6, 0.6 / (0.6 + mean)), draws


def test_crps_is_the_double_sum_with_squared_ensemble_size(cases: tuple[np.ndarray, np.ndarray]) -> None:
    y, x = cases
    near = np.abs(x - y).mean(axis=0)
    spread = np.abs(x[:, None] - x[None]).mean(axis=(0, 1))
    np.testing.assert_allclose(scores.crps(y, x), near - spread / 2, atol=1e-9, rtol=1e-12)


def test_crps_is_the_integral_of_the_squared_difference(cases: tuple[np.ndarray, np.ndarray]) -> None:
    y, x = cases
    exact = (x.max(axis=0) <= 128) & (y <= 128)
    np.testing.assert_allclose(scores.crps(y, x), empirical(x).crps(y), atol=1e-9, rtol=5e-3)
    np.testing.assert_allclose(scores.crps(y, x)[exact], empirical(x).crps(y)[exact], atol=1e-9, rtol=1e-12)


def test_exact_margins_have_the_closed_form_of_a_poisson() -> None:
    # Wei & Held (2014): sum of the squared cumulative differences has a closed form with Bessel functions.
    from scipy.special import ive

    mean, y = np.array([0.3, 2.0, 11.0]), np.array([0, 5, 9])
    cdf, pmf = stats.poisson.cdf(y, mean), stats.poisson.pmf(y, mean)
    closed = (y - mean) * (2 * cdf - 1) + 2 * mean * pmf - mean * (ive(0, 2 * mean) + ive(1, 2 * mean))
    exact = Margins(stats.poisson.cdf(np.arange(80), mean[:, None]), mean)
    np.testing.assert_allclose(exact.crps(y), closed, atol=1e-9)


def test_a_thousand_stratified_draws_nearly_reach_the_exact_score() -> None:
    mean, y = np.array([0.3, 2.0, 11.0]), np.array([0, 5, 90])
    margins = negative_binomial(mean, np.array(0.8), tail=1e-12)
    np.testing.assert_allclose(scores.crps(y, margins.stratified(1000)), margins.crps(y), rtol=2e-3)


def test_crps_of_logs_scores_logs(cases: tuple[np.ndarray, np.ndarray]) -> None:
    y, x = cases
    np.testing.assert_allclose(scores.crps(y, x, log=True), scores.crps(np.log1p(y), np.log1p(x)), atol=1e-12)


def test_ordered_draws_score_the_same(cases: tuple[np.ndarray, np.ndarray]) -> None:
    y, x = cases
    np.testing.assert_array_equal(scores.crps(y, np.sort(x, axis=0), ordered=True), scores.crps(y, x))


def test_a_certain_and_right_forecast_costs_nothing() -> None:
    y = np.array([0, 3, 80])
    x = np.tile(y, (25, 1))
    assert scores.crps(y, x).tolist() == [0, 0, 0]
    assert scores.interval_score(y, x).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("low", "high"),
    [(0, 0), (1, 2), (3, 5), (6, 10), (11, 25), (26, 50), (51, 100), (101, 250), (251, 500), (501, 1000)],
)
def test_ignorance_bins_are_those_of_views(low: int, high: int) -> None:
    draws = np.array([low, high, low, high + 1])[:, None]
    inside, outside = -np.log2(4 / 15), -np.log2(2 / 15)
    assert scores.ignorance(np.array([low]), draws) == pytest.approx(inside, abs=1e-12)
    assert scores.ignorance(np.array([high]), draws) == pytest.approx(inside, abs=1e-12)
    assert scores.ignorance(np.array([high + 1]), draws) == pytest.approx(outside, abs=1e-12)


def test_ignorance_equals_the_views_recipe(cases: tuple[np.ndarray, np.ndarray]) -> None:
    # Their recipe: bin edges between counts, one draw appended to every bin, the share of the observed bin.
    y, x = cases
    edges = [0, 0.5, 2.5, 5.5, 10.5, 25.5, 50.5, 100.5, 250.5, 500.5, 1000.5]
    expected = []
    for case, seen in enumerate(y):
        binned = np.append(np.digitize(x[:, case], edges), np.arange(1, 12))
        expected.append(-np.log2(np.mean(binned == np.digitize(seen, edges))))
    np.testing.assert_allclose(scores.ignorance(y, x), expected, atol=1e-12)


def test_ignorance_of_the_unexpected_is_finite_and_equal_for_all() -> None:
    assert scores.ignorance(np.array([5000]), np.zeros((1000, 1), int)) == pytest.approx(np.log2(1011))


def test_interval_score_by_hand(cases: tuple[np.ndarray, np.ndarray]) -> None:
    y, x = cases
    low, high = np.quantile(x, 0.05, axis=0), np.quantile(x, 0.95, axis=0)
    by_hand = high - low + 20 * np.maximum(low - y, 0) + 20 * np.maximum(y - high, 0)
    np.testing.assert_allclose(scores.interval_score(y, x), by_hand, atol=1e-9)


def test_brier_by_hand() -> None:
    p, hit = np.array([0.0, 0.2, 1.0]), np.array([True, False, True])
    np.testing.assert_allclose(scores.brier(hit, p), [1.0, 0.04, 0.0], atol=1e-12)


@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.5, 0.9]), st.integers(0, 3)),
        min_size=2,
        max_size=30,
    )
)
def test_average_precision_is_sklearns(rows: list[tuple[bool, float, int]]) -> None:
    hit, p, weight = (np.array(column) for column in zip(*rows, strict=True))
    ours = scores.average_precision(hit, p, np.stack([weight, np.ones(len(hit))]))
    for value, w in zip(ours, (weight, np.ones(len(hit))), strict=True):
        if (w * hit).sum() == 0:
            assert np.isnan(value)
        else:
            assert value == pytest.approx(average_precision_score(hit, p, sample_weight=w), abs=1e-12)


def test_onsets_need_six_quiet_months() -> None:
    history = np.zeros((2, 12, 3))
    history[0, 5, 1] = 1  # the month before the quiet six begin
    history[0, 6, 2] = 1
    assert scores.is_onset_case(history).tolist() == [[True, True, False], [True, True, True]]


def test_escalation_is_twice_the_mean() -> None:
    history = np.zeros((12, 3))
    history[:, 1], history[0, 2] = 2.0, 1.0
    level = scores.escalation_level(history)
    assert np.isnan(level[0])
    assert level[1:].tolist() == [4.0, 1.0]


def test_randomised_pit_of_a_perfect_forecaster_is_uniform() -> None:
    rng = np.random.default_rng(3)
    mean = np.array([0.05, 0.7, 4.0])
    y = rng.poisson(mean, size=(7000, 3))
    draws = stats.poisson.ppf((np.arange(200)[:, None] + 0.5) / 200, mean)
    pit = scores.randomised_pit(y, draws[:, None], rng.random(y.shape)).ravel()
    for level, share in scores.interval_coverage(pit).items():
        assert share == pytest.approx(level, abs=0.012)
    np.testing.assert_allclose(scores.pit_histogram(pit), 1.0, atol=0.08)


def test_too_narrow_a_forecast_covers_too_little() -> None:
    rng = np.random.default_rng(3)
    y = rng.negative_binomial(1, 1 / 6, size=5000)
    draws = stats.poisson.ppf((np.arange(200) + 0.5) / 200, 5.0)[:, None]
    pit = scores.randomised_pit(y, draws, rng.random(5000))
    assert scores.interval_coverage(pit)[0.8] < 0.65


def test_coverage_of_nothing_is_unknown() -> None:
    assert np.isnan(list(scores.interval_coverage(np.array([])).values())).all()


def test_reliability_finds_a_forecaster_who_says_half_of_what_comes() -> None:
    rng = np.random.default_rng(5)
    p = rng.uniform(0, 1, 50_000)
    table = scores.reliability(rng.random(len(p)) < p, p / 2)
    full = table["cases"] > 1000
    np.testing.assert_allclose(table["frequency"][full], 2 * table["forecast"][full], atol=0.03)
    assert table["cases"].sum() == len(p)
    assert np.isnan(table["frequency"][-1])
