"""The dependence template finds the correlations of a known world, and leaves every margin alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from small_worlds import ladder_panel, problem_of

from harmattan.training.distribution import Draws, joint_draws
from harmattan.training.evaluation.backtest import recent_origins, run_backtest
from harmattan.training.margins import negative_binomial, stack
from harmattan.training.pool.dependence import SERIAL, Template, fit_template, normal_scores
from harmattan.training.record import PastErrors

COUNTRIES = ("AAA",) * 6 + ("BBB",) * 6
MONTHS = pd.period_range("2001-01", periods=400, freq="M")


def correlated(near: float, far: float, n: int, rng: np.random.Generator, serial: float = 0.0) -> np.ndarray:
    """Normal values (n, 2, 12) of two horizons with known correlations."""
    code = np.array([0] * 6 + [1] * 6)
    root = np.linalg.cholesky(np.array([[1, serial], [serial, 1]]))

    def factor(columns: int) -> np.ndarray:
        return np.einsum("hk,nkr->nhr", root, rng.normal(size=(n, 2, columns)))

    return (
        np.sqrt(far) * factor(1) + np.sqrt(near - far) * factor(2)[..., code] + np.sqrt(1 - near) * factor(12)
    )


def past_errors(values: np.ndarray, mean: np.ndarray) -> dict[int, PastErrors]:
    """Errors of a forecaster who knows the margins of a world of negative binomials."""
    law = negative_binomial(mean, np.full(12, 2.0), tail=1e-9)
    past = {}
    for h in range(2):
        counts = stats.nbinom.ppf(stats.norm.cdf(values[:, h]), 2.0, 2.0 / (2.0 + mean)).astype(int)
        scores = [normal_scores(law, row, np.ones(12, dtype=bool)) for row in counts]
        past[h + 1] = PastErrors(
            tuple(MONTHS[: len(values)]), np.array([s for s, _ in scores]), np.array([v for _, v in scores])
        )
    return past


def test_correlations_of_a_known_world_are_found_although_half_of_it_is_quiet() -> None:
    rng = np.random.default_rng(11)
    mean = np.tile([8.0, 0.05, 1.0], 4)
    past = past_errors(correlated(0.3, 0.1, 400, rng, serial=0.6), mean)
    found = fit_template(past, COUNTRIES, (1, 2), shrinkage=0.0)
    np.testing.assert_allclose(found.near, 0.3, atol=0.08)
    np.testing.assert_allclose(found.far, 0.1, atol=0.05)
    assert found.serial[0] * found.serial[1] == pytest.approx(0.6, abs=0.06)


def test_a_dozen_origins_say_little_about_how_months_err_together() -> None:
    rng = np.random.default_rng(21)
    mean = np.tile([8.0, 0.05, 1.0], 4)
    after_one_month = []
    for _ in range(25):
        past = past_errors(correlated(0.3, 0.1, 12, rng, serial=0.6), mean)
        height, decay = fit_template(past, COUNTRIES, (1, 2)).serial
        after_one_month.append(height * decay)
    # Taken at their word, a dozen origins answer anything between none and all.
    assert min(after_one_month) > 0.35
    assert max(after_one_month) < 0.8


def test_a_world_without_dependence_has_a_template_without() -> None:
    past = past_errors(correlated(0.0, 0.0, 400, np.random.default_rng(12)), np.full(12, 3.0))
    found = fit_template(past, COUNTRIES, (1, 2), shrinkage=0.0)
    assert max(found.near) < 0.04
    assert found.serial[0] * found.serial[1] < 0.08


def test_scores_have_the_variance_that_they_announce() -> None:
    rng, mean = np.random.default_rng(3), np.array([0.02, 0.5, 6.0])
    law = negative_binomial(mean, np.full(3, 1.5), tail=1e-12)
    counts = rng.negative_binomial(1.5, 1.5 / (1.5 + mean), size=(20_000, 3))
    seen = np.ones(3, dtype=bool)
    rows, which = np.unique(counts, axis=0, return_inverse=True)
    scores = np.array([normal_scores(law, row, seen)[0] for row in rows])[which.ravel()]
    announced = normal_scores(law, counts[0], seen)[1]
    np.testing.assert_allclose(scores.mean(axis=0), 0.0, atol=0.02)
    np.testing.assert_allclose(scores.var(axis=0), announced, rtol=0.06)
    assert announced[0] < 0.2 < 0.9 < announced[2]


def test_what_was_not_observed_says_nothing() -> None:
    law = negative_binomial(np.array([1.0, 1.0]), np.array([2.0, 2.0]))
    score, spread = normal_scores(law, np.array([np.nan, 9.0]), np.array([False, True]))
    assert (score[0], spread[0]) == (0.0, 0.0)
    assert score[1] > 1


def totals(template: Template, mean: float = 3.0, draws: int = 4000) -> Draws:
    margins = stack([negative_binomial(np.full(12, mean), np.full(12, 1.0))] * 2)
    values = joint_draws(margins, template.ranks(draws, COUNTRIES, np.random.default_rng(6)))
    ids = tuple(f"r{i}" for i in range(12))
    return Draws(values, MONTHS[0], (1, 2), ids, "events")


def test_an_independence_template_gives_independent_totals() -> None:
    draws = totals(Template((1, 2), (0.0, 0.0), (0.0, 0.0), (0.0, 1.0)))
    sums = draws.total(COUNTRIES).values
    alone = draws.values.var(axis=0)
    expected = np.stack([alone[:, :6].sum(axis=1), alone[:, 6:].sum(axis=1)], axis=1)
    np.testing.assert_allclose(sums.var(axis=0), expected, rtol=0.1)
    assert abs(np.corrcoef(sums[:, 0, 0], sums[:, 0, 1])[0, 1]) < 0.05
    assert abs(np.corrcoef(sums[:, 0, 0], sums[:, 1, 0])[0, 1]) < 0.05


def test_dependence_widens_totals_and_no_margin() -> None:
    none = totals(Template((1, 2), (0.0, 0.0), (0.0, 0.0)))
    some = totals(Template((1, 2), (0.3, 0.3), (0.1, 0.1)))
    np.testing.assert_array_equal(np.sort(none.values, axis=0), np.sort(some.values, axis=0))
    assert (some.total(COUNTRIES).values.std(axis=0) > 1.3 * none.total(COUNTRIES).values.std(axis=0)).all()
    months = some.total(COUNTRIES).values[:, :, 0]
    assert np.corrcoef(months.T)[0, 1] > 0.3


def test_shrinkage_pulls_to_none() -> None:
    past = past_errors(correlated(0.5, 0.2, 60, np.random.default_rng(2)), np.full(12, 3.0))
    whole, half = (fit_template(past, COUNTRIES, (1, 2), shrinkage=s) for s in (0.0, 0.5))
    np.testing.assert_allclose(np.array(half.near), np.array(whole.near) / 2)


def test_horizons_beyond_the_record_stay_as_the_longest_one() -> None:
    past = past_errors(correlated(0.5, 0.2, 60, np.random.default_rng(2)), np.full(12, 3.0))
    found = fit_template(past, COUNTRIES, (1, 2, 14))
    assert found.near[2] == found.near[1]


def test_one_country_or_one_horizon_or_no_pair_is_enough() -> None:
    past = past_errors(correlated(0.5, 0.5, 60, np.random.default_rng(2)), np.full(12, 3.0))
    alone = fit_template({1: past[1]}, ["AAA"] * 12, (1,))
    assert alone.far == (0.0,)
    assert alone.near[0] > 0.1
    assert alone.serial == SERIAL
    single = {1: PastErrors(past[1].origins, past[1].score[:, :1], past[1].spread[:, :1])}
    template = fit_template(single, ["AAA"], (1,))
    assert template.near == (0.0,)
    assert sorted(template.ranks(50, ["AAA"], np.random.default_rng(1))[:, 0, 0]) == list(range(50))


def test_the_pools_past_errors_know_only_outcomes_before_the_origin() -> None:
    problem = problem_of(ladder_panel(1, 80))
    last = problem.panel.months[-1]
    origins = recent_origins(problem, last, 2, 3)
    record = run_backtest(problem, origins, (2,), learns=False, draws=50)[0]
    assert record.errors.origins == origins
    assert origins[-1] + 2 == last
    assert record.errors.score.shape == record.errors.spread.shape == (3, 8)
    counts = problem.counts[[problem.row(o) + 2 for o in origins]]
    # Whoever had more than expected errs upwards.
    assert np.corrcoef(record.errors.score[:, 0], counts[:, 0])[0, 1] > 0.8
