"""Distributions on the grid of counts, held against dense sums over every count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from harmattan.training.calibration import LEVELS as CALIBRATED
from harmattan.training.calibration import fit_pit_map
from harmattan.training.count_grid import EXACT, GRID, LARGEST, WIDTH, bin_of, points_for
from harmattan.training.margins import (
    Margins,
    coordinates,
    empirical,
    from_cdf,
    mix,
    negative_binomial,
    negative_binomial_cdf,
    stack,
)


def dense(margins: Margins, largest: int) -> np.ndarray:
    """Cumulative probabilities of every count 0..largest by the grid's rule, in plain Python's way."""
    out = np.empty((len(margins.mean), largest + 1))
    for case, cdf in enumerate(margins.cdf):
        out[case] = np.interp(np.arange(largest + 1), GRID[: margins.points], cdf)
    return out


@pytest.mark.parametrize("counts", [GRID[:700], GRID[:5], GRID[::40], np.arange(3, 600, 7)])
def test_negative_binomials_of_any_mean_and_size_are_scipys(counts: np.ndarray) -> None:
    rng = np.random.default_rng(4)
    mean, size = np.exp(rng.uniform(-12, 16, 200)), np.exp(rng.uniform(-5, 6, 200))
    mean[:3] = 0
    expected = special.betainc(size[:, None], counts + 1.0, (size / (size + mean))[:, None])
    found = negative_binomial_cdf(mean, size, counts)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert (np.diff(found, axis=1) >= 0).all()


LEVELS = st.sampled_from([0.01, 0.4, 3.0, 40.0, 150.0, 700.0, 3000.0])
SIZES = st.sampled_from([0.05, 0.3, 1.0, 5.0, 400.0])


@st.composite
def some_margins(draw: st.DrawFn) -> Margins:
    """Three cases: negative binomial, empirical, a pool of them, a calibrated one or one with another zero."""
    first = negative_binomial(
        np.array([draw(LEVELS) for _ in range(3)]), np.array([draw(SIZES) for _ in range(3)])
    )
    counts = draw(st.lists(st.integers(0, 5000), min_size=9, max_size=9))
    second = empirical(np.array(counts).reshape(3, 3))
    pool = mix([first, second], np.array([0.3, 0.7]))
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    lower = rng.random(200) * 0.8
    calibrated = fit_pit_map(lower, lower + 0.1, np.full(200, 50.0), prior=10.0).apply(pool)
    zero = pool.zero_adjusted(rng.random(3))
    return draw(st.sampled_from([first, second, pool, calibrated, zero]))


@settings(max_examples=60, deadline=None)
@given(some_margins(), st.lists(st.integers(0, 6000), min_size=3, max_size=3))
def test_scores_equal_the_sums_over_every_count(margins: Margins, outcomes: list[int]) -> None:
    y = np.array(outcomes)
    largest = int(max(GRID[margins.points - 1], y.max())) + 2
    f, k = dense(margins, largest), np.arange(largest + 1)
    above = k >= y[:, None]
    np.testing.assert_allclose(margins.crps(y), ((f - above) ** 2).sum(axis=1), rtol=1e-9, atol=1e-9)
    steps = np.log((k + 2) / (k + 1))
    np.testing.assert_allclose(
        margins.crps(y, log=True), (steps * (f - above) ** 2).sum(axis=1), rtol=2e-5, atol=1e-7
    )
    np.testing.assert_allclose(
        margins.absolute_error(y), np.where(above, 1 - f, f).sum(axis=1), rtol=1e-9, atol=1e-9
    )
    at = np.take_along_axis(f, y[:, None], axis=1)[:, 0]
    before = np.where(y > 0, np.take_along_axis(f, np.maximum(y - 1, 0)[:, None], axis=1)[:, 0], 0)
    np.testing.assert_allclose(margins.pit(y, np.array(0.3)), before + 0.3 * (at - before), atol=1e-12)
    np.testing.assert_allclose(margins.prob_at_least(y), 1 - before, atol=1e-12)
    np.testing.assert_allclose(from_cdf(margins.cdf.copy()).mean, (1 - f).sum(axis=1), rtol=1e-9, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(some_margins(), some_margins())
def test_distances_equal_the_sums_over_every_count(one: Margins, other: Margins) -> None:
    largest = int(max(GRID[one.points - 1], GRID[other.points - 1])) + 1
    f, g = dense(one, largest), dense(other, largest)
    np.testing.assert_allclose(
        one.distance(other), (f * (1 - g) + g * (1 - f)).sum(axis=1), rtol=1e-9, atol=1e-7
    )
    points = max(one.points, other.points)
    below = coordinates(one.widened(points).cdf)
    above = coordinates(1 - other.widened(points).cdf)
    np.testing.assert_allclose((below * above).sum(axis=1), (f * (1 - g)).sum(axis=1), rtol=1e-9, atol=1e-7)


@settings(max_examples=25, deadline=None)
@given(some_margins(), some_margins(), st.floats(0, 1), st.tuples(*[st.floats(0, 1)] * 3), st.integers(0, 9))
def test_pools_maps_and_other_zeros_are_those_of_every_count(
    one: Margins, other: Margins, share: float, zeros: tuple[float, float, float], seed: int
) -> None:
    """What is linear in the cumulative probability is exact at every count; a map is applied at the grid's points."""
    largest = int(max(GRID[one.points - 1], GRID[other.points - 1])) + 1
    f, g = dense(one, largest), dense(other, largest)
    pool = mix([one, other], np.array([share, 1 - share]))
    np.testing.assert_allclose(dense(pool, largest), share * f + (1 - share) * g, atol=1e-12)
    np.testing.assert_allclose(pool.mean, share * one.mean + (1 - share) * other.mean)
    second = stack([one, other]).select(np.array(1))
    np.testing.assert_array_equal(dense(second, largest), g)
    zero, some = np.array(zeros), 1 - f[:, :1]
    # Where hardly anything is above zero, scaling it up says nothing.
    there = some[:, 0] > 1e-6
    moved = 1 - (1 - zero[:, None]) * (1 - f) / np.where(some > 0, some, 1)
    moved[:, 0] = zero
    np.testing.assert_allclose(dense(one.zero_adjusted(zero), largest)[there], moved[there], atol=1e-9)
    rng = np.random.default_rng(seed)
    lower = rng.random(200) * 0.8
    pit = fit_pit_map(lower, lower + 0.1, np.full(200, 50.0), prior=10.0)
    at = GRID[: one.points]
    level = np.searchsorted(np.array(CALIBRATED), one.mean)
    knots = np.linspace(0, 1, pit.heights.shape[1])
    for case, (had, got) in enumerate(zip(f[:, at], dense(pit.apply(one), largest)[:, at], strict=True)):
        np.testing.assert_allclose(got[:-1], np.interp(had, knots, pit.heights[level[case]])[:-1], atol=1e-12)
    asked = rng.integers(-1, largest, 3)
    there_of = np.take_along_axis(f, np.maximum(asked, 0)[:, None], axis=1)[:, 0]
    np.testing.assert_allclose(one.at(asked), np.where(asked < 0, 0, there_of), atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(some_margins(), st.sampled_from([7, 100, 1000]))
def test_quantiles_and_draws_are_those_of_every_count(margins: Margins, draws: int) -> None:
    f = dense(margins, int(GRID[margins.points - 1]))
    levels = np.array([0.001, 0.1, 0.5, 0.9, 0.999])
    for level, counts in zip(levels, margins.quantile(levels), strict=True):
        reached = np.take_along_axis(f, counts[:, None], axis=1)[:, 0]
        short = np.take_along_axis(f, np.maximum(counts - 1, 0)[:, None], axis=1)[:, 0]
        assert (reached >= level - 1e-9).all()
        assert (short[counts > 0] < level + 1e-9).all()
    strata = np.minimum(np.floor(f * draws + 0.5 + 1e-9), draws).astype(int)
    x = margins.stratified(draws)
    assert (np.diff(x, axis=0) >= 0).all()
    for case in range(3):
        counts = np.searchsorted(np.sort(x[:, case]), np.arange(f.shape[1]), side="right")
        exact = np.arange(f.shape[1]) <= EXACT
        np.testing.assert_array_equal(counts[exact], strata[case][exact])
        assert np.abs(counts - strata[case]).max() <= 1


@pytest.mark.parametrize("size", [0.05, 0.7, 8.0, 400.0, 1e6])
@pytest.mark.parametrize("mean", [0.001, 1.0, 100.0, 5e3, 1e7])
def test_negative_binomials_are_right_at_any_scale(mean: float, size: float) -> None:
    margins = negative_binomial(np.array([mean]), np.array([size]))
    truth = special.betainc(size, GRID[: margins.points] + 1.0, size / (size + mean))
    np.testing.assert_allclose(margins.cdf[0, :-1], truth[:-1], atol=2e-9)
    assert 1 - truth[-1] <= 1e-7
    if 0.1 < size < 1e3:
        spread = np.sqrt(mean + mean**2 / size)
        assert abs(from_cdf(margins.cdf.copy()).mean[0] - mean) <= 1e-3 * spread + 1e-9


@pytest.mark.parametrize("mean", [0.01, 1.0, 100.0, 100_000.0])
def test_the_transform_of_simulated_outcomes_is_uniform(mean: float) -> None:
    """Would catch a shift by one count or a bin read from its wrong end."""
    rng = np.random.default_rng(4)
    cases, size = 4000, 0.8
    margins = negative_binomial(np.full(cases, mean), np.array(size))
    observed = rng.negative_binomial(size, size / (size + mean), cases)
    pit = margins.pit(observed, rng.random(cases))
    assert stats.kstest(pit, "uniform").pvalue > 0.01


@settings(max_examples=30, deadline=None)
@given(st.integers(0, LARGEST), st.floats(1e2, 1e12), SIZES)
def test_the_score_on_the_grid_is_that_of_the_distribution(outcome: int, mean: float, size: float) -> None:
    """Far beyond what a dense row could hold scores stay finite, and close to those of many draws."""
    outcome = min(outcome, int(20 * mean))
    margins = negative_binomial(np.array([mean]), np.array([size]))
    draws = special.gdtrix(size / mean, size, (np.arange(4000) + 0.5) / 4000)
    near = np.abs(draws - outcome).mean() - (draws * (2 * np.arange(4000) - 3999)).sum() / 4000**2
    assert margins.crps(np.array([outcome]))[0] == pytest.approx(near, rel=0.02, abs=0.02 * mean)
    assert margins.quantile([0.5])[0, 0] == pytest.approx(np.median(draws), rel=0.03, abs=3)


def test_the_grid_has_every_small_count_and_32_points_per_doubling() -> None:
    assert GRID[: EXACT + 1].tolist() == list(range(EXACT + 1))
    assert points_for(60_000) == 412
    assert GRID[-1] == LARGEST
    for power in range(7, 52):
        assert ((2**power <= GRID) & (2 ** (power + 1) > GRID)).sum() == 32
    counts = np.array([0, 127, 128, 131, 132, 10_000_000])
    low = bin_of(counts)
    assert (GRID[low] <= counts).all()
    assert (counts < GRID[low] + WIDTH[low]).all()


@pytest.mark.parametrize("outcome", [int(GRID[-2]), int(GRID[-2]) + 1, LARGEST - 1])
def test_the_largest_counts_that_are_read_are_scored(outcome: int) -> None:
    last = empirical(np.array([[outcome], [outcome]]))
    small = empirical(np.array([[3], [3]]))
    assert small.crps(np.array([outcome]))[0] == pytest.approx(outcome - 3, rel=1e-12)
    assert small.absolute_error(np.array([outcome]))[0] == pytest.approx(outcome - 3, rel=1e-12)
    assert 0 <= last.crps(np.array([outcome]))[0] < WIDTH[-1]
    assert 0 <= last.absolute_error(np.array([outcome]))[0] <= WIDTH[-1]


def test_another_probability_of_zero_rescales_the_rest() -> None:
    plain = negative_binomial(np.array([2.0, 900.0]), np.array([0.5, 2.0]))
    moved = plain.zero_adjusted(np.array([0.9, 0.0]))
    np.testing.assert_allclose(moved.cdf[:, 0], [0.9, 0.0], atol=1e-12)
    np.testing.assert_allclose(from_cdf(moved.cdf.copy()).mean, moved.mean, rtol=1e-4)
    nothing = Margins(np.ones((1, 2)), np.zeros(1)).zero_adjusted(np.array([0.25]))
    assert nothing.cdf.tolist() == [[0.25, 1.0]]
    assert nothing.mean.tolist() == [0.75]
