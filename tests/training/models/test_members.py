"""Every member against known truth, against hand counting, and on panels that are hardly any."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats
from small_worlds import ladder_links, ladder_panel, panel_of, problem_of

from harmattan.data.errors import ModelError, OriginError
from harmattan.features import Recipe
from harmattan.training.models import exponential_nb
from harmattan.training.models.base import Member, Problem
from harmattan.training.models.baselines import Conflictology, LastValue, Zero
from harmattan.training.models.boosted import BoostedEndemicEpidemic
from harmattan.training.models.endemic_epidemic import EndemicEpidemic
from harmattan.training.models.excitation import HalfLives, border_weights
from harmattan.training.models.exponential_nb import ExponentialNB
from harmattan.training.models.smoothed_conflictology import SmoothedConflictology
from harmattan.training.pool.fitted import fit_pool
from harmattan.training.pool.quiet import quiet_regions

MEMBERS: dict[str, Callable[[], Member]] = {
    "zero": Zero,
    "last_value": LastValue,
    "conflictology": Conflictology,
    "exponential_nb": ExponentialNB,
    "endemic_epidemic": EndemicEpidemic,
    "boosted": lambda: BoostedEndemicEpidemic(trees=10, min_leaf=40),
}


def last(panel) -> pd.Period:
    return panel.months[-1]


# --- what may be learned from ------------------------------------------------------------------------------------


@pytest.mark.parametrize("horizon", [1, 3])
def test_training_pairs_are_those_known_at_the_origin(horizon: int) -> None:
    observed = np.random.default_rng(1).random((60, 8)) < 0.8
    problem = problem_of(ladder_panel(1, 60, observed))
    sample = problem.sample(problem.panel.months[40], horizon, burn_in=10, thinned=False)
    _, rows, regions, _ = sample.pieces[0]
    expected = [
        (t, r)
        for t in range(10, 41 - horizon)
        for r in range(8)
        if observed[t, r] and observed[t + horizon, r]
    ]
    assert list(zip(rows.tolist(), regions.tolist(), strict=True)) == expected
    np.testing.assert_array_equal(sample.counts, [problem.counts[t + horizon, r] for t, r in expected])


def test_a_quiet_row_stands_for_those_left_out_and_no_other_row_is_left_out() -> None:
    panel = ladder_panel(1, 120)
    events = panel.measures["events"].copy()
    events[:, 4:] = 0
    problem = problem_of(replace(panel, measures={"events": events}))
    whole = problem.sample(panel.months[-1], 1, burn_in=30, thinned=False)
    thin = problem.sample(panel.months[-1], 1, burn_in=30)
    assert whole.counts.sum() == thin.counts.sum()
    assert thin.weights(None).sum() == pytest.approx(whole.weights(None).sum(), rel=0.02)
    assert len(thin.counts) < 0.7 * len(whole.counts)


def test_a_short_record_gives_up_half_of_its_burn_in() -> None:
    problem = problem_of(ladder_panel(1, 60))
    assert problem.sample(problem.panel.months[20], 6, burn_in=24).pieces[0].rows.min() == 7


def test_too_short_a_history_is_an_origin_error() -> None:
    problem = problem_of(ladder_panel(1, 60))
    with pytest.raises(OriginError, match="3 months of history are too few for a horizon of 6"):
        problem.sample(problem.panel.months[2], 6, burn_in=24)


def test_a_panel_without_one_pair_is_a_model_error() -> None:
    observed = np.zeros((60, 8), dtype=bool)
    observed[::2] = True
    problem = problem_of(ladder_panel(1, 60, observed))
    with pytest.raises(ModelError, match="no region is observed both at a month and 1 months later"):
        problem.sample(problem.panel.months[-1], 1, burn_in=24)


def test_weights_halve_with_age() -> None:
    problem = problem_of(ladder_panel(1, 60))
    sample = problem.sample(problem.panel.months[-1], 3, burn_in=10, thinned=False)
    rows, weights = sample.pieces[0].rows, sample.weights(12.0)
    assert weights[rows == 56].tolist() == [1.0] * 8
    assert weights[rows == 44].tolist() == [0.5] * 8
    assert weights[rows == 20].tolist() == [0.125] * 8
    assert (sample.weights(None) == 1).all()


def test_other_regions_are_learned_from_until_their_own_coverage_ends() -> None:
    main, other = problem_of(ladder_panel(1, 60)), problem_of(ladder_panel(2, 50))
    sample = replace(main, also=(other,)).sample(main.panel.months[-1], 2, burn_in=10)
    assert sample.pieces[1].rows.max() == 47
    assert (
        sample.counts[: len(sample.pieces[0].rows)].tolist()
        == main.sample(main.panel.months[-1], 2, 10).counts.tolist()
    )
    assert len(sample.counts) == len(sample.pieces[0].rows) + len(sample.pieces[1].rows)
    early = replace(main, also=(other,)).sample(main.panel.months[30], 2, burn_in=10)
    assert early.pieces[1].rows.max() == 28


def test_border_weights_are_shares_of_a_regions_whole_land_border() -> None:
    panel = ladder_panel(1)
    domestic, across = border_weights(panel, crossing=False), border_weights(panel, crossing=True)
    np.testing.assert_allclose((domestic + across).sum(axis=1), 1.0)
    np.testing.assert_allclose(domestic[0], [0, 0.5, 0, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(across[1], [0, 0, 0, 0, 0, 1 / 3, 0, 0])


# --- baselines, by hand ------------------------------------------------------------------------------------------


def test_zero_is_certain_of_zero() -> None:
    panel = ladder_panel(2)
    margins = Zero().fit(problem_of(panel), last(panel), 1).margins(problem_of(panel), last(panel))
    assert (margins.cdf == 1).all()
    assert margins.mean.tolist() == [0.0] * 8


def test_last_value_is_a_poisson_around_the_last_count() -> None:
    panel = ladder_panel(2)
    origin = panel.months[70]
    margins = LastValue().fit(problem_of(panel), origin, 1).margins(problem_of(panel), origin)
    counts = panel.measure("events")[70]
    expected = stats.poisson.cdf(np.arange(margins.points - 1), counts[:, None])
    np.testing.assert_allclose(margins.cdf[:, :-1], expected, atol=1e-4)


@pytest.mark.parametrize("window", [6, 12, 24])
def test_conflictology_is_the_share_of_recent_months(window: int) -> None:
    panel = ladder_panel(2)
    origin = panel.months[70]
    margins = Conflictology(window).fit(problem_of(panel), origin, 1).margins(problem_of(panel), origin)
    recent = panel.measure("events")[71 - window : 71]
    for k in range(margins.points):
        np.testing.assert_allclose(margins.cdf[:, k], (recent <= k).mean(axis=0))
    np.testing.assert_allclose(margins.mean, recent.mean(axis=0))


def test_conflictology_early_in_the_record_uses_what_there_is() -> None:
    panel = ladder_panel(2)
    margins = Conflictology(12).margins(problem_of(panel), panel.months[4])
    np.testing.assert_allclose(margins.mean, panel.measure("events")[:5].mean(axis=0))


def test_baselines_do_not_take_an_unobserved_month_for_a_quiet_one() -> None:
    observed = np.ones((60, 8), dtype=bool)
    observed[-3:, 4] = False
    observed[:52, 5] = False
    observed[:, 6] = False
    counts = np.random.default_rng(8).poisson(4.0, size=(60, 8))
    problem = problem_of(panel_of(counts, links=ladder_links(), observed=observed))
    origin = last(problem.panel)
    expected = [counts[observed[:, r], r][-12:].mean() if r != 6 else 0.0 for r in range(8)]
    conflictology = Conflictology(12).margins(problem, origin)
    np.testing.assert_allclose(conflictology.mean, expected)
    np.testing.assert_allclose(conflictology.cdf[5, 4], (counts[52:, 5] <= 4).mean())
    expected = [counts[observed[:, r], r][-1] if r != 6 else 0 for r in range(8)]
    np.testing.assert_allclose(LastValue().margins(problem, origin).mean, expected)


# --- known truth -------------------------------------------------------------------------------------------------


def excited_world(seed: int, months: int = 150) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts on the ladder, and mean and size of the month after each: own, domestic and cross-border excitation."""
    rng = np.random.default_rng(seed)
    panel = panel_of(np.zeros((2, 8)), links=ladder_links())
    reach = 0.35 * np.eye(8) + 0.4 * (border_weights(panel, False) + 0.5 * border_weights(panel, True))
    endemic = np.where(np.array(panel.countries) == "AAA", 0.8, 0.2)
    step, state = 1 - 0.5**0.5, np.full(8, 1.0)
    counts, means, sizes = [], [], []
    for _ in range(months + 40):
        mean = endemic + reach @ state
        size = np.exp(0.4 + 0.5 * np.log(mean + 0.1))
        now = rng.poisson(rng.gamma(size, mean / size))
        counts.append(now)
        means.append(mean)
        sizes.append(size)
        state = state + step * (now - state)
    return np.array(counts[40:]), np.array(means[40:]), np.array(sizes[40:])


@pytest.fixture(scope="module")
def excited() -> tuple[Problem, np.ndarray, np.ndarray]:
    counts, means, sizes = excited_world(3)
    return problem_of(panel_of(counts, links=ladder_links())), means, sizes


def test_the_endemic_epidemic_member_finds_its_own_world(excited) -> None:
    problem, means, sizes = excited
    member = EndemicEpidemic(recency_half_life=None, half_lives=HalfLives((2.0,), (2.0,), (2.0,), ()))
    member.fit(problem, last(problem.panel), 1)
    rows = np.arange(24, 149)
    mean, size = member.mean_size(problem, rows)
    truth, spread, counts = means[rows + 1], sizes[rows + 1], problem.counts[rows + 1]
    assert np.corrcoef(mean.ravel(), truth.ravel())[0, 1] > 0.97
    assert mean.mean() == pytest.approx(truth.mean(), rel=0.1)
    assert np.abs(mean / truth - 1).mean() < 0.15
    fitted = stats.nbinom.logpmf(counts, size, size / (size + mean)).sum()
    true = stats.nbinom.logpmf(counts, spread, spread / (spread + truth)).sum()
    assert fitted >= true - 3.0  # the pull of the size costs hardly more than the fit gains


def test_contributions_add_up_to_the_mean(excited) -> None:
    problem, _, _ = excited
    origin = last(problem.panel)
    for horizon in (1, 4):
        member = EndemicEpidemic().fit(problem, origin, horizon)
        parts = member.contributions(problem, origin)
        np.testing.assert_allclose(sum(parts.values()), member.margins(problem, origin).mean, rtol=1e-9)
        assert all((part >= 0).all() for family, part in parts.items() if family != "calendar")
        assert set(parts) == {
            "calendar",
            "baseline",
            "own history",
            "domestic neighbours",
            "across the border",
            "country",
        }


def test_the_smoother_finds_level_and_dispersion_of_a_steady_world() -> None:
    rng = np.random.default_rng(5)
    level = np.repeat([6.0, 3.0, 1.0, 0.5], 2)
    counts = rng.poisson(rng.gamma(2.0, level / 2.0, size=(150, 8)))
    problem = problem_of(panel_of(counts, links=ladder_links()))
    member = ExponentialNB(fast=12.0, slow=60.0, recency_half_life=None)
    margins = member.fit(problem, last(problem.panel), 1).margins(problem, last(problem.panel))
    np.testing.assert_allclose(margins.mean[:6], level[:6], rtol=0.3)
    assert (np.diff(margins.mean[::2]) < 0).all()
    assert margins.mean.sum() == pytest.approx(level.sum(), rel=0.15)
    k = np.arange(margins.points)
    pmf = np.diff(margins.cdf, axis=-1, prepend=0)
    variance = (pmf * k**2).sum(axis=-1) - (pmf * k).sum(axis=-1) ** 2
    size = margins.mean[:4] ** 2 / (variance[:4] - margins.mean[:4])
    assert 1.0 < size.mean() < 4.0


def test_trees_that_find_nothing_leave_the_base_alone(excited) -> None:
    problem, _, _ = excited
    origin = last(problem.panel)
    base = EndemicEpidemic().fit(problem, origin, 1)
    # Trees that may not split give the start itself.
    start, lifted = (
        np.array([member.mean(problem, month) for month in problem.panel.months[36:149]])
        for member in (
            BoostedEndemicEpidemic(base=base, trees=20, min_leaf=leaf).fit(problem, origin, 1)
            for leaf in (100_000, 100)
        )
    )
    assert (lifted != start).any()
    assert np.abs(np.log(lifted / start)).mean() < 0.06


def test_trees_learn_a_step_that_the_base_cannot_know() -> None:
    rng = np.random.default_rng(7)
    switch = np.repeat(rng.random(30) < 0.4, 5)[:, None].repeat(8, axis=1).astype(float)
    counts = rng.poisson(np.where(np.roll(switch, 1, axis=0) > 0, 6.0, 1.0))
    panel = panel_of(counts, links=ladder_links())
    recipe = Recipe([]).add("switch", lambda p: switch[: p.shape[0]].astype(np.float32))
    problem = Problem(panel, recipe.build(panel))
    origin = panel.months[120]
    base = EndemicEpidemic().fit(problem, origin, 1)
    boosted = BoostedEndemicEpidemic(base=base, min_leaf=100, learning_rate=0.1, feature_share=1.0)
    boosted.fit(problem, origin, 1)
    truth = np.where(switch[120:149] > 0, 6.0, 1.0)
    lifted = np.array([boosted.mean(problem, m) for m in panel.months[120:149]])
    started, _ = base.mean_size(problem, np.arange(120, 149))
    assert np.abs(lifted - truth).mean() < 0.75 * np.abs(started - truth).mean()


def test_trees_do_not_depend_on_the_number_of_threads(excited) -> None:
    problem, _, _ = excited
    origin = last(problem.panel)
    texts = [
        BoostedEndemicEpidemic(trees=5, min_leaf=40, threads=threads)
        .fit(problem, origin, 1)
        .margins(problem, origin)
        for threads in (1, 2)
    ]
    np.testing.assert_array_equal(texts[0].cdf, texts[1].cdf)


def test_a_member_of_another_horizon_is_no_base(excited) -> None:
    problem, _, _ = excited
    origin = last(problem.panel)
    base = EndemicEpidemic().fit(problem, origin, 1)
    boosted = BoostedEndemicEpidemic(base=base, trees=5, min_leaf=40).fit(problem, origin, 3)
    alone = BoostedEndemicEpidemic(trees=5, min_leaf=40).fit(problem, origin, 3)
    np.testing.assert_array_equal(boosted.mean(problem, origin), alone.mean(problem, origin))


@pytest.mark.parametrize("name", MEMBERS)
def test_members_can_be_cloned_and_claim_to_be_no_estimators_of_scikit_learn(name: str) -> None:
    """``fit(problem, origin, horizon)`` is not its ``fit(X, y)``: its checks would fail."""
    from sklearn.base import BaseEstimator, clone

    member = MEMBERS[name]()
    assert clone(member).get_params(deep=False) == member.get_params(deep=False)
    assert not isinstance(member, BaseEstimator)


# --- the pool ----------------------------------------------------------------------------------------------------


def test_the_pool_is_the_weighted_mixture_of_its_members() -> None:
    panel = ladder_panel(4, 80)
    problem = problem_of(panel)
    pool = fit_pool(problem, last(panel), 2)
    margins = pool.margins(problem, last(panel))
    assert {*pool.members, "pool"} == set(margins)
    weights = pool.weights or {n: 1 / len(pool.members) for n in pool.members}
    assert sum(weights.values()) == pytest.approx(1.0)
    assert min(weights.values()) >= 0
    points = margins["pool"].points
    mixed = sum(w * margins[n].widened(points).cdf for n, w in weights.items())
    # Where it is quiet the pool has a chance of its own.
    busy = ~quiet_regions(problem, last(panel))
    assert busy.any()
    np.testing.assert_allclose(margins["pool"].cdf[busy], mixed[busy], atol=1e-12)
    mean = sum(w * margins[n].mean for n, w in weights.items())
    np.testing.assert_allclose(margins["pool"].mean[busy], mean[busy])


# --- panels that are hardly any ----------------------------------------------------------------------------------


def thin_panels() -> dict[str, Callable[[], object]]:
    rng = np.random.default_rng(9)
    some = rng.poisson(1.0, size=(60, 8))
    quiet = some.copy()
    quiet[:, 2] = 0
    gone = np.ones((60, 8), dtype=bool)
    gone[40:, 4:] = False
    late = np.ones((60, 8), dtype=bool)
    late[:50, :4] = False
    burst = np.zeros((60, 8), dtype=int)
    burst[30, 3] = 400
    return {
        "one region": lambda: panel_of(some[:, :1], ids=["AAA-1"]),
        "no links": lambda: panel_of(some),
        "an empty table of links": lambda: panel_of(some, links=ladder_links().iloc[:0]),
        "nothing ever": lambda: panel_of(np.zeros((60, 8), dtype=int), links=ladder_links()),
        "a region without events": lambda: panel_of(quiet, links=ladder_links()),
        "always the same": lambda: panel_of(np.full((60, 8), 3), links=ladder_links()),
        "a country that ends early": lambda: panel_of(some, links=ladder_links(), observed=gone),
        "a country that begins late": lambda: panel_of(some, links=ladder_links(), observed=late),
        "one burst": lambda: panel_of(burst, links=ladder_links()),
        "short": lambda: panel_of(some[:20], links=ladder_links()),
    }


@pytest.mark.parametrize("what", thin_panels())
def test_every_member_gives_valid_margins(what: str) -> None:
    panel = thin_panels()[what]()
    problem = problem_of(panel)
    for name, make in MEMBERS.items():
        margins = make().fit(problem, last(panel), 2).margins(problem, last(panel))
        assert np.isfinite(margins.cdf).all(), name
        assert np.isfinite(margins.mean).all(), name
        assert margins.mean.min() >= 0, name
        assert margins.cdf.min() >= 0, name
        assert (np.diff(margins.cdf, axis=-1) >= 0).all(), name
        assert (margins.cdf[:, -1] == 1).all(), name
        assert margins.cdf.shape[:1] == (panel.shape[1],), name


@pytest.mark.parametrize("what", ["one region", "no links", "nothing ever", "always the same"])
def test_plain_panels_are_served_and_not_refused(what: str) -> None:
    panel = thin_panels()[what]()
    problem = problem_of(panel)
    margins = fit_pool(problem, last(panel), 1).margins(problem, last(panel))["pool"]
    assert margins.mean.mean() == pytest.approx(panel.measure("events").mean(), rel=0.5, abs=0.01)


def test_a_quiet_region_is_forecast_quieter_than_the_others() -> None:
    panel = thin_panels()["a region without events"]()
    problem = problem_of(panel)
    margins = fit_pool(problem, last(panel), 1).margins(problem, last(panel))["pool"]
    assert margins.mean.argmin() == 2


def test_fitted_members_are_plain_numbers(excited) -> None:
    import json

    problem, _, _ = excited
    origin = last(problem.panel)
    for name in ("exponential_nb", "endemic_epidemic", "boosted"):
        member = MEMBERS[name]().fit(problem, origin, 2)
        back = json.loads(json.dumps(member.to_json(), allow_nan=False))
        assert back["horizon"] == 2
        assert back["name"] == member.name
    assert "tree" in member.to_text()


def test_months_without_coverage_are_no_quiet_months() -> None:
    rng = np.random.default_rng(4)
    counts = rng.poisson(4.0, size=(120, 8)).astype(float)
    observed = np.ones(counts.shape, dtype=bool)
    observed[-14:, 4:] = False
    panel = panel_of(np.where(observed, counts, np.nan), links=ladder_links(), observed=observed)
    problem = problem_of(panel)
    means = SmoothedConflictology(pull=0.0).fit(problem, last(panel), 1).means(problem)
    np.testing.assert_allclose(means[-1, 4:], counts[-26:-14, 4:].mean(axis=0), atol=2e-3)
    np.testing.assert_allclose(means[-1, :4], counts[-12:, :4].mean(axis=0), atol=2e-3)


def test_the_gradient_of_the_exponential_likelihood_is_numerical() -> None:
    rng = np.random.default_rng(3)
    moments = np.vstack([rng.gamma(0.5, 4.0, (3, 200)), rng.uniform(0, 8, 200)])
    y, weights = rng.negative_binomial(0.7, 0.2, 200).astype(float), rng.uniform(0, 2, 200)
    for _ in range(5):
        params = rng.normal(0, 0.7, 6)
        numerical = optimize.approx_fprime(
            params, lambda p: exponential_nb._loss(p, y, moments, weights)[0], 1e-7
        )
        np.testing.assert_allclose(exponential_nb._loss(params, y, moments, weights)[1], numerical, atol=2e-5)
