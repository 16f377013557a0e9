"""Margins and draws against closed forms, direct sums and scoringrules."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scoringrules
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harmattan.data.errors import ModelError
from harmattan.training.count_grid import GRID
from harmattan.training.distribution import Draws, independent_ranks, joint_draws, ranks_of, whole_numbers
from harmattan.training.margins import Margins, empirical, mix, negative_binomial, stack

ORIGIN = pd.Period("2023-12", "M")
means = st.floats(0, 60)
sizes = st.floats(0.05, 50)


def pmf_of(margins: Margins) -> np.ndarray:
    return np.diff(margins.cdf, axis=-1, prepend=0)


def draws_of(values: np.ndarray, target: str = "events") -> Draws:
    _, h, r = values.shape
    ids = tuple(f"AAA-{i}" for i in range(r))
    return Draws(values.astype(np.int32), ORIGIN, tuple(range(1, h + 1)), ids, target)


# --- margins -----------------------------------------------------------------------------------------------------


@given(mean=means, size=sizes)
def test_a_negative_binomial_is_scipys(mean: float, size: float) -> None:
    margins = negative_binomial(np.array([mean]), np.array([size]))
    k = GRID[: margins.points - 1]
    expected = stats.nbinom.cdf(k, size, size / (size + mean))
    np.testing.assert_allclose(margins.cdf[0, :-1], expected, atol=1e-9)
    assert margins.cdf[0, -1] == 1
    assert 1 - stats.nbinom.cdf(GRID[margins.points - 1], size, size / (size + mean)) <= 1e-6
    assert margins.mean.tolist() == [mean]


def test_a_very_large_size_is_a_poisson() -> None:
    margins = negative_binomial(np.array([0.3, 4.0, 30.0]), np.array(1e6))
    k = GRID[: margins.points - 1]
    expected = stats.poisson.cdf(k, np.array([[0.3], [4.0], [30.0]]))
    np.testing.assert_allclose(margins.cdf[:, :-1], expected, atol=1e-4)


def test_a_mean_of_zero_is_certainly_zero() -> None:
    margins = negative_binomial(np.zeros(3), np.array([1e-3, 1.0, 1e3]))
    assert (margins.cdf == 1).all()
    assert (margins.stratified(50) == 0).all()


def test_a_mean_that_is_absurd_has_quantiles_all_the_same() -> None:
    margins = negative_binomial(np.array([1e7]), np.array([0.1]))
    levels = [0.5, 0.9, 0.9999]
    expected = stats.gamma.ppf(levels, 0.1, scale=1e8)
    np.testing.assert_allclose(margins.quantile(levels)[:, 0], expected, rtol=0.01)
    assert np.isfinite(margins.cdf).all()


def test_no_case_at_all_is_no_error() -> None:
    assert negative_binomial(np.zeros(0), np.ones(0)).cdf.shape[0] == 0


@given(mean=st.lists(means, min_size=1, max_size=4), size=sizes, n=st.integers(1, 60))
def test_quantiles_are_whole_never_negative_and_rise_with_the_level(
    mean: list[float], size: float, n: int
) -> None:
    margins = negative_binomial(np.array(mean), np.array(size))
    quantiles = margins.quantile(np.linspace(0, 1, n))
    assert quantiles.dtype == np.int64
    assert quantiles.min() >= 0
    assert (np.diff(quantiles, axis=0) >= 0).all()
    assert quantiles.max() <= GRID[margins.points - 1]


def test_quantiles_are_scipys() -> None:
    levels = np.array([0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99])
    mean, size = np.array([0.2, 1.0, 7.5, 40.0]), np.array([0.3, 1.0, 2.0, 8.0])
    expected = stats.nbinom.ppf(levels[:, None], size, size / (size + mean))
    np.testing.assert_array_equal(negative_binomial(mean, size).quantile(levels), expected)


@given(mean=st.lists(means, min_size=1, max_size=3), size=sizes, draws=st.integers(1, 300))
def test_stratified_draws_are_quantiles_at_the_middle_of_each_stratum(
    mean: list[float], size: float, draws: int
) -> None:
    margins = negative_binomial(np.array(mean), np.array(size))
    levels = (np.arange(draws) + 0.5) / draws
    np.testing.assert_array_equal(margins.stratified(draws), margins.quantile(levels - 1e-9))


def test_stratified_draws_keep_the_shape_of_the_cases() -> None:
    margins = stack([negative_binomial(np.array([1.0, 5.0, 0.0]), np.array(1.0)) for _ in range(2)])
    draws = margins.stratified(40)
    assert draws.shape == (40, 2, 3)
    np.testing.assert_array_equal(draws[:, 0], draws[:, 1])
    assert draws[:, 0, 1].mean() > draws[:, 0, 0].mean() > draws[:, 0, 2].mean()


def test_draws_of_an_empirical_distribution_are_its_sample() -> None:
    sample = np.array([[3, 0], [1, 0], [1, 7], [0, 0]])
    np.testing.assert_array_equal(empirical(sample).stratified(4), np.sort(sample, axis=0))


def test_an_empirical_distribution_gives_each_sample_the_same_weight() -> None:
    margins = empirical(np.array([[0], [2], [2], [5]]))
    np.testing.assert_allclose(pmf_of(margins)[0], [0.25, 0, 0.5, 0, 0, 0.25])
    assert margins.mean.tolist() == [2.25]


@given(
    sample=st.lists(st.integers(0, 30), min_size=1, max_size=12),
    observed=st.integers(0, 60),
)
def test_crps_is_a_direct_double_sum(sample: list[int], observed: int) -> None:
    x = np.array(sample)
    direct = np.abs(x - observed).mean() - 0.5 * np.abs(x[:, None] - x).mean()
    margins = empirical(x[:, None])
    assert margins.crps(np.array([observed]))[0] == pytest.approx(direct, abs=1e-10)
    assert margins.absolute_error(np.array([observed]))[0] == pytest.approx(np.abs(x - observed).mean())
    assert margins.distance(margins)[0] == pytest.approx(np.abs(x[:, None] - x).mean(), abs=1e-10)


def test_crps_of_a_negative_binomial_is_scoringrules() -> None:
    mean, size = np.array([0.4, 3.0, 12.0]), np.array([0.5, 1.5, 4.0])
    observed = np.array([0, 9, 3])
    expected = scoringrules.crps_negbinom(observed, size, size / (size + mean))
    margins = negative_binomial(mean, size, tail=1e-9)
    np.testing.assert_allclose(margins.crps(observed), expected, rtol=1e-4)


def test_crps_of_many_draws_comes_near_the_exact_one() -> None:
    mean, observed = np.array([0.4, 3.0, 12.0]), np.array([0, 9, 3])
    margins = negative_binomial(mean, np.array(1.5))
    ensemble = scoringrules.crps_ensemble(
        observed.astype(float), margins.stratified(2000).astype(float), m_axis=0, estimator="qd"
    )
    np.testing.assert_allclose(margins.crps(observed), ensemble, rtol=5e-3, atol=1e-3)


def test_an_outcome_beyond_the_support_is_scored_in_full() -> None:
    margins = Margins(np.array([[0.5, 1.0]]), np.array([0.5]))
    direct = (100 + 99) / 2 - 0.25
    assert margins.crps(np.array([100]))[0] == pytest.approx(direct)
    assert margins.pit(np.array([100]), np.array([0.3]))[0] == 1.0


@given(mean=st.tuples(means, means), size=st.tuples(sizes, sizes), observed=st.integers(0, 40))
def test_a_pool_scores_by_the_quadratic_form_of_its_members(
    mean: tuple[float, float], size: tuple[float, float], observed: int
) -> None:
    a, b = (negative_binomial(np.array([m]), np.array([s])) for m, s in zip(mean, size, strict=True))
    pool = mix([a, b], np.array([0.3, 0.7]))
    y = np.array([observed])
    linear = 0.3 * a.absolute_error(y) + 0.7 * b.absolute_error(y)
    square = 0.09 * a.distance(a) + 0.42 * a.distance(b) + 0.49 * b.distance(b)
    np.testing.assert_allclose(pool.crps(y), linear - square / 2, atol=1e-7)
    np.testing.assert_allclose(pool.mean, 0.3 * mean[0] + 0.7 * mean[1])


def test_a_mixture_of_distributions_mixes_their_probabilities() -> None:
    one, two = empirical(np.array([[0], [1]])), empirical(np.array([[4], [4]]))
    np.testing.assert_allclose(pmf_of(mix([one, two], np.array([0.25, 0.75])))[0], [0.125, 0.125, 0, 0, 0.75])


def test_the_pit_of_a_perfect_forecaster_is_uniform() -> None:
    rng = np.random.default_rng(11)
    mean = rng.gamma(0.5, 3.0, size=4000)
    observed = rng.poisson(rng.gamma(1.2, mean / 1.2))
    pit = negative_binomial(mean, np.array(1.2)).pit(observed, rng.random(4000))
    assert stats.kstest(pit, "uniform").pvalue > 0.05
    assert pit.min() >= 0
    assert pit.max() <= 1


def test_the_pit_of_a_forecaster_who_is_too_low_is_not_uniform() -> None:
    rng = np.random.default_rng(12)
    observed = rng.poisson(4.0, size=2000)
    pit = negative_binomial(np.full(2000, 3.0), np.array(1e4)).pit(observed, rng.random(2000))
    assert stats.kstest(pit, "uniform").pvalue < 1e-6


# --- draws -------------------------------------------------------------------------------------------------------


def test_draws_answer_from_their_values() -> None:
    values = np.random.default_rng(1).poisson(3.0, size=(101, 2, 3))
    draws = draws_of(values)
    np.testing.assert_allclose(draws.mean(), values.mean(axis=0))
    np.testing.assert_allclose(draws.prob_at_least(4), (values >= 4).mean(axis=0))
    np.testing.assert_array_equal(draws.quantile([0.5])[0], np.median(values, axis=0))
    assert draws.quantile([0.1, 0.9]).shape == (2, 2, 3)


@given(seed=st.integers(0, 10_000), levels=st.lists(st.floats(0, 1), min_size=2, max_size=9))
def test_quantiles_of_draws_are_whole_and_never_cross(seed: int, levels: list[float]) -> None:
    values = np.random.default_rng(seed).negative_binomial(0.7, 0.1, size=(60, 2, 2))
    quantiles = draws_of(values).quantile(sorted(levels))
    assert np.issubdtype(quantiles.dtype, np.integer)
    assert (np.diff(quantiles, axis=0) >= 0).all()
    assert quantiles.min() >= 0


def test_totals_are_sums_draw_by_draw_in_sorted_groups() -> None:
    values = np.random.default_rng(2).poisson(3.0, size=(50, 2, 4))
    draws = Draws(
        values.astype(np.int32), ORIGIN, (1, 2), ("a", "b", "c", "d"), "events", values.mean(axis=0) + 0.5
    )
    total = draws.total(["Y", "X", "Y", "X"])
    assert total.region_ids == ("X", "Y")
    np.testing.assert_array_equal(total.values[..., 0], values[..., 1] + values[..., 3])
    np.testing.assert_array_equal(total.values[..., 1], values[..., 0] + values[..., 2])
    np.testing.assert_allclose(total.mean()[:, 0], draws.mean()[:, 1] + draws.mean()[:, 3])


def test_independent_margins_have_totals_whose_variances_add_up() -> None:
    rng = np.random.default_rng(3)
    margins = stack([negative_binomial(np.full(8, 4.0), np.array(2.0))])
    ranks = independent_ranks(4000, (1, 8), rng)
    draws = draws_of(joint_draws(margins, ranks))
    apart, together = draws.values.var(axis=0).sum(), draws.total(["X"] * 8).values.var()
    assert together == pytest.approx(apart, rel=0.08)


def test_a_template_of_equal_paths_gives_the_widest_totals() -> None:
    margins = stack([negative_binomial(np.full(2, 4.0), np.array(2.0))])
    path = np.random.default_rng(4).random((500, 1, 1)).repeat(2, axis=2) * 1e6
    draws = draws_of(joint_draws(margins, ranks_of(path, np.random.default_rng(5))))
    np.testing.assert_array_equal(draws.values[..., 0], draws.values[..., 1])


@given(seed=st.integers(0, 10_000), draws=st.integers(1, 40))
def test_ranks_are_permutations_that_follow_the_paths(seed: int, draws: int) -> None:
    rng = np.random.default_rng(seed)
    paths = rng.integers(0, 4, size=(draws, 2, 3))
    ranks = ranks_of(paths, rng)
    np.testing.assert_array_equal(np.sort(ranks, axis=0), np.arange(draws)[:, None, None] + np.zeros((2, 3)))
    lower = paths[:, None] < paths[None]
    assert (ranks[:, None] < ranks[None])[lower].all()


@given(seed=st.integers(0, 10_000))
def test_independent_ranks_are_permutations(seed: int) -> None:
    ranks = independent_ranks(25, (2, 3), np.random.default_rng(seed))
    np.testing.assert_array_equal(np.sort(ranks, axis=0), np.arange(25)[:, None, None] + np.zeros((2, 3)))


def test_joint_draws_keep_every_margin() -> None:
    rng = np.random.default_rng(6)
    margins = stack([negative_binomial(np.array([0.5, 3.0, 9.0]), np.array(1.0)) for _ in range(2)])
    ordered = margins.stratified(200)
    joint = joint_draws(margins, ranks_of(rng.poisson(2.0, size=(200, 2, 3)), rng))
    np.testing.assert_array_equal(np.sort(joint, axis=0), ordered)
    assert (np.diff(joint, axis=0) < 0).any()


def test_draws_come_back_from_their_table() -> None:
    values = np.random.default_rng(7).poisson(2.0, size=(30, 3, 4))
    draws = draws_of(values, target="deaths")
    frame = draws.to_frame()
    back = Draws.from_frame(frame.sample(frac=1.0, random_state=1))
    np.testing.assert_array_equal(back.values, draws.values)
    assert (back.origin, back.horizons, back.region_ids, back.target) == (
        draws.origin,
        draws.horizons,
        draws.region_ids,
        "deaths",
    )


def test_the_table_of_draws_is_read_back_from_parquet(tmp_path) -> None:
    draws = draws_of(np.random.default_rng(8).poisson(2.0, size=(10, 1, 2)))
    draws.to_parquet(tmp_path / "draws.parquet")
    back = Draws.from_frame(pd.read_parquet(tmp_path / "draws.parquet"))
    np.testing.assert_array_equal(back.values, draws.values)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.zeros((5, 2, 2), dtype=np.int32), r"shape \(5, 2, 2\), expected \(draws, 1, 2\)"),
        (np.zeros((5, 2), dtype=np.int32), "shape"),
        (np.full((5, 1, 2), -1, dtype=np.int32), "whole numbers"),
        (np.full((5, 1, 2), 0.5), "whole numbers"),
    ],
)
def test_draws_of_a_wrong_shape_or_kind_are_refused(values: np.ndarray, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        Draws(values, ORIGIN, (1,), ("a", "b"), "events")


def test_draws_beyond_what_32_bits_hold_stay_whole_in_totals_and_tables(tmp_path) -> None:
    values = np.array([[[3_000_000_000, 1]], [[5, 2_000_000_000]]])
    draws = Draws(values, ORIGIN, (1,), ("AAA-0", "AAA-1"), "displaced")
    assert draws.total(["X", "X"]).values.ravel().tolist() == [3_000_000_001, 2_000_000_005]
    assert draws.total(["X", "Y"]).quantile([1.0]).max() == 3_000_000_000
    draws.to_parquet(tmp_path / "draws.parquet")
    back = Draws.from_frame(pd.read_parquet(tmp_path / "draws.parquet"))
    np.testing.assert_array_equal(back.values, values)
    assert whole_numbers(np.array([7])).dtype == np.int32
