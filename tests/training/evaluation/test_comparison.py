"""Skill intervals and the test of equal accuracy: right when something is there, quiet when nothing is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from harmattan.data.errors import UsageError
from harmattan.training.evaluation.comparison import (
    block_bootstrap_skill,
    diebold_mariano,
    month_blocks,
    skill_from_blocks,
)


def autocorrelated(rng: np.random.Generator, months: int, rho: float = 0.6) -> np.ndarray:
    """A stationary series of mean zero and variance one."""
    noise = rng.normal(size=months) * np.sqrt(1 - rho**2)
    series = np.empty(months)
    series[0] = rng.normal()
    for t in range(1, months):
        series[t] = rho * series[t - 1] + noise[t]
    return series


def test_blocks_keep_neighbours_together() -> None:
    blocks = month_blocks(24, np.random.default_rng(1), block=6, samples=400)
    together = np.corrcoef(blocks[:, 3], blocks[:, 4])[0, 1]
    apart = np.corrcoef(blocks[:, 3], blocks[:, 15])[0, 1]
    assert together > 0.6
    assert apart < 0.1


def test_skill_is_one_minus_the_ratio_of_sums() -> None:
    rng = np.random.default_rng(2)
    score, reference = rng.uniform(0.5, 1, 30), rng.uniform(1, 2, 30)
    skill, low, high = block_bootstrap_skill(score, reference, rng)
    assert skill == pytest.approx(1 - score.mean() / reference.mean())
    assert low < skill < high


def test_interval_widens_with_autocorrelation() -> None:
    rng = np.random.default_rng(4)
    steps = 1 + 0.3 * np.repeat(rng.choice([-1, 1], 10), 6)
    mixed = rng.permutation(steps)

    def width(series: np.ndarray) -> float:
        _, low, high = block_bootstrap_skill(series, np.ones(60), np.random.default_rng(7))
        return high - low

    assert width(steps) > 1.5 * width(mixed)


def test_interval_covers_the_truth() -> None:
    rng = np.random.default_rng(8)
    hits = 0
    for _ in range(300):
        score = 0.9 + 0.1 * autocorrelated(rng, 120, 0.4)
        _, low, high = block_bootstrap_skill(score, np.ones(120), rng, samples=400)
        hits += low <= 0.1 <= high
    assert 0.87 <= hits / 300 <= 0.98


def test_months_without_cases_change_nothing() -> None:
    rng = np.random.default_rng(2)
    score, reference = rng.uniform(0.5, 1, 30), rng.uniform(1, 2, 30)
    score[10:15] = reference[10:15] = 0.0
    skill, low, high = skill_from_blocks(score, reference, month_blocks(30, rng))
    assert skill == pytest.approx(1 - score.sum() / reference.sum())
    assert np.isfinite([low, high]).all()


def test_skill_against_nothing_is_unknown() -> None:
    assert np.isnan(skill_from_blocks(np.ones(5), np.zeros(5), np.ones((2, 5)))).all()


def test_without_autocorrelation_the_test_is_nearly_a_t_test() -> None:
    d = np.random.default_rng(3).normal(0.0, 1, 400)
    assert diebold_mariano(d, 1) == pytest.approx(stats.ttest_1samp(d, 0).pvalue, abs=0.05)


@pytest.mark.parametrize(("months", "horizon", "lags"), [(9, 1, 2), (60, 1, 3), (41, 12, 11)])
def test_p_values_are_those_of_statsmodels(months: int, horizon: int, lags: int) -> None:
    from statsmodels.regression.linear_model import OLS

    d = autocorrelated(np.random.default_rng(months), months, 0.4) + 0.2
    how = {"maxlags": lags, "use_correction": True}
    expected = OLS(d, np.ones(months)).fit(cov_type="HAC", cov_kwds=how, use_t=True).pvalues[0]
    assert diebold_mariano(d, horizon) == pytest.approx(float(expected), rel=1e-9)


def test_equal_forecasts_are_rarely_called_different() -> None:
    rng = np.random.default_rng(5)
    p = [diebold_mariano(autocorrelated(rng, 120, 0.3), 3) for _ in range(300)]
    assert np.mean(np.array(p) < 0.05) < 0.12


def test_autocorrelation_makes_the_test_more_careful() -> None:
    rng = np.random.default_rng(6)
    d = np.repeat(rng.normal(0.25, 1, 30), 6)
    assert diebold_mariano(d, 6) > 5 * stats.ttest_1samp(d, 0).pvalue


def test_swapping_the_forecasts_leaves_p_alone() -> None:
    d = np.random.default_rng(7).normal(0.3, 1, 60)
    assert diebold_mariano(d, 2) == pytest.approx(diebold_mariano(-d, 2))


@pytest.mark.parametrize("difference", [np.zeros(40), np.arange(5.0), np.full(40, np.nan)])
def test_no_p_value_where_there_is_nothing_to_test(difference: np.ndarray) -> None:
    assert np.isnan(diebold_mariano(difference, 1))


def test_two_members_are_compared_with_a_test_in_one_call() -> None:
    """A member that is better by a tenth in every month is found out; equal ones are not."""
    from harmattan.training.evaluation.comparison import compare_members

    rng = np.random.default_rng(2)
    months, regions = [str(m) for m in pd.period_range("2019-01", periods=36, freq="M")], ["a", "b", "c"]
    score = rng.gamma(4, 1, (36, 3))
    each = {"worse": score, "better": 0.9 * score + rng.normal(0, 0.01, (36, 3)), "same": score[::-1]}
    rows = [
        ("events", name, 1, m, r, values[i, j])
        for name, values in each.items()
        for i, m in enumerate(months)
        for j, r in enumerate(regions)
        if (name, m) != ("same", months[0])
    ]
    cases = pd.DataFrame(rows, columns=["target", "member", "horizon", "origin", "region_id", "crps"])
    (row,) = compare_members(cases, "better", "worse").to_dict("records")
    assert row["verdict"] == "better than worse"
    assert row["skill"] == pytest.approx(1 - each["better"].sum() / score.sum())
    assert row["p"] < 0.01
    every = compare_members(cases).set_index(["first", "second"])
    assert len(every) == 3
    assert every.loc[("better", "same"), "months"] == 35
    assert every.loc[("worse", "same"), "verdict"].startswith("no clear difference")
    for wrong in (("beter", "worse"), ("better", None), ("better", "better")):
        with pytest.raises(UsageError):
            compare_members(cases, *wrong)
