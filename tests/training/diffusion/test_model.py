"""The diffusion model: its quantiles, its couplings, and whether it finds the borders that are open."""

from __future__ import annotations

import gc
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats
from small_worlds import LADDER, diffusion, few_features, ladder_links, panel_of, problem_of, world_of
from statsmodels.stats.multitest import multipletests

from harmattan.data.errors import ModelError
from harmattan.training.diffusion.border_signal import holm
from harmattan.training.diffusion.design import LAG_HALF_LIVES
from harmattan.training.diffusion.fit import fit_diffusion
from harmattan.training.diffusion.model import LARGEST_RADIUS, Diffusion, stationary
from harmattan.training.diffusion.simulation import (
    mean_paths,
    negative_binomial_quantile,
    simulate,
    size_at_origin,
)

unit = st.floats(0, 1, exclude_max=True)


def fitted(counts: np.ndarray) -> Diffusion:
    problem = problem_of(panel_of(counts, links=ladder_links()))
    return fit_diffusion(problem, problem.panel.months[-1], permutations=200, rng=np.random.default_rng(99))


def pair(model: Diffusion, source: str, target: str) -> pd.Series:
    rows = model.pairs
    return rows[(rows.source_country == source) & (rows.target_country == target)].iloc[0]


# --- quantiles ---------------------------------------------------------------------------------------------------


def test_the_quantile_is_scipys() -> None:
    rng = np.random.default_rng(1)
    u, size = rng.random(20_000), np.exp(rng.uniform(-4, 7, 20_000))
    mean = np.exp(rng.uniform(-8, 6, 20_000))
    expected = stats.nbinom.ppf(u, size, size / (size + mean))
    np.testing.assert_array_equal(negative_binomial_quantile(u, mean, size), expected)


@pytest.mark.parametrize(("mean", "size"), [(2000.0, 1096.0), (5000.0, 900.0), (1e5, 50.0), (800.0, 1000.0)])
def test_the_quantile_of_a_large_count_is_scipys(mean: float, size: float) -> None:
    u = np.array([0.0, 1e-6, 0.1, 0.5, 0.9, 0.999999])
    found = negative_binomial_quantile(u, np.array(mean), np.array(size))
    expected = stats.nbinom.ppf(u, size, size / (size + mean)).clip(min=0)
    np.testing.assert_allclose(found[1:], expected[1:], atol=1)
    assert found[0] == 0


def test_a_mean_of_zero_has_no_events() -> None:
    assert (
        negative_binomial_quantile(np.array([0.0, 0.5, 1.0]), np.array(0.0), np.array(2.0)).tolist()
        == [0] * 3
    )


@given(u=unit, mean=st.floats(1e-6, 2000), rise=st.floats(1e-6, 2.0), size=st.floats(1e-3, 1096))
@example(u=0.9999999999999998, mean=420.0, rise=1e-06, size=0.001)
@example(u=0.99989, mean=1.0, rise=1e-06, size=0.001)
@example(u=4.551243811102045e-84, mean=343.0, rise=2.0, size=874.0)
def test_no_count_falls_when_its_mean_rises(u: float, mean: float, rise: float, size: float) -> None:
    means = mean * np.array([1.0, 1 + rise])
    low, high = negative_binomial_quantile(np.array(u), means, np.array(size))
    assert low <= high


# --- paths -------------------------------------------------------------------------------------------------------

models = st.builds(
    diffusion,
    a_to_b=st.floats(0, 0.8),
    b_to_a=st.floats(0, 0.5),
    own=st.floats(0, 0.6),
    domestic=st.floats(0.01, 0.4),
    endemic=st.floats(0.01, 3.0),
    spread=st.floats(-2, 3),
    slope=st.floats(0, 1),
)


def states_of(rng: np.random.Generator) -> np.ndarray:
    return rng.gamma(0.6, 3.0, size=(8, len(LAG_HALF_LIVES)))


@given(model=models, seed=st.integers(0, 10_000), source=st.sampled_from(["AAA", "BBB"]))
def test_no_path_of_a_cut_world_lies_above_the_factual_one(model: Diffusion, seed: int, source: str) -> None:
    rng = np.random.default_rng(seed)
    states, uniforms = states_of(rng), rng.random((30, 5, 8))
    size = size_at_origin(model, states)
    factual = simulate(model, states, size, uniforms)
    cut = simulate(model.cut(source), states, size, uniforms)
    assert (cut <= factual).all()
    sender = np.array(model.countries) == source
    assert (cut[:, 0, sender] == factual[:, 0, sender]).all()


@given(model=models, seed=st.integers(0, 10_000), rise=st.floats(0, 1), region=st.integers(0, 7))
def test_no_path_falls_when_a_background_rises(model: Diffusion, seed: int, rise: float, region: int) -> None:
    from dataclasses import replace

    rng = np.random.default_rng(seed)
    states, uniforms = states_of(rng), rng.random((30, 5, 8))
    size = size_at_origin(model, states)
    more = model.endemic.copy()
    more[region] += rise
    before = simulate(model, states, size, uniforms)
    assert (simulate(replace(model, endemic=more), states, size, uniforms) >= before).all()


def test_exact_means_are_those_of_many_paths() -> None:
    rng = np.random.default_rng(2)
    model, states = diffusion(a_to_b=0.4), states_of(rng)
    size = size_at_origin(model, states)
    paths = simulate(model, states, size, rng.random((20_000, 6, 8)))
    means, _ = mean_paths(model, states, 6)
    error = paths.std(axis=0) / np.sqrt(len(paths))
    assert (np.abs(paths.mean(axis=0) - means) < 4.5 * error).all()


def test_means_follow_the_equation_of_the_model() -> None:
    model, states = diffusion(a_to_b=0.4), states_of(np.random.default_rng(3))
    means, lags = mean_paths(model, states, 2)
    lag = states[:, LAG_HALF_LIVES.index(2.0)]
    np.testing.assert_allclose(lags[0], lag)
    first = model.endemic + model.own * lag + model.domestic @ lag + model.across @ lag
    np.testing.assert_allclose(means[0], first)
    np.testing.assert_allclose(lags[1], lag + (1 - 0.5**0.5) * (first - lag))


def test_paths_depend_on_the_uniforms_alone() -> None:
    rng = np.random.default_rng(4)
    model, states, uniforms = diffusion(), states_of(rng), rng.random((20, 3, 8))
    size = size_at_origin(model, states)
    once, again = (simulate(model, states, size, uniforms) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    assert once.dtype == np.int32


def test_an_explosive_model_is_scaled_back_and_says_so() -> None:
    wild = diffusion(own=0.9, domestic=0.5, a_to_b=0.5, b_to_a=0.5)
    assert wild.radius > 1
    tame = stationary(wild)
    assert tame.radius == pytest.approx(LARGEST_RADIUS)
    assert tame.scaled_by == pytest.approx(LARGEST_RADIUS / wild.radius)
    np.testing.assert_allclose(tame.propagation, wild.propagation * tame.scaled_by)
    calm = diffusion()
    assert stationary(calm) is calm


# --- the test of borders -----------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_statsmodels(p: list[float]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "collect", lambda: 0)  # it collects garbage at every call
        expected = multipletests(p, method="holm")[1]
    np.testing.assert_allclose(holm(np.array(p)), expected)


@pytest.mark.parametrize("seed", [2, 4])
def test_an_open_border_is_found_in_its_direction_only(seed: int) -> None:
    truth = diffusion(a_to_b=0.8, b_to_a=0.0, own=0.2, domestic=0.3, endemic=0.2)
    truth.endemic[:4] = 2.0
    model = fitted(world_of(truth, 360, np.random.default_rng(seed), size=1.0))
    open_, shut = pair(model, "AAA", "BBB"), pair(model, "BBB", "AAA")
    assert open_.declared
    assert not shut.declared
    # The prior against chance borders pulls the estimate down.
    assert open_.coefficient == pytest.approx(0.8, abs=0.3)
    assert model.radius < 1


@pytest.mark.slow
def test_closed_borders_are_seldom_declared_open() -> None:
    truth = diffusion(a_to_b=0.0, b_to_a=0.0, own=0.3, domestic=0.3, endemic=1.0)
    models = [fitted(world_of(truth, 150, np.random.default_rng(seed))) for seed in range(20)]
    # At a true rate of 5 % more than three of twenty happen once in sixty times.
    assert sum(bool(m.pairs.declared.any()) for m in models) <= 3
    assert all(m.radius < 1 for m in models)


def test_a_fit_keeps_its_promises() -> None:
    model = fitted(world_of(diffusion(), 120, np.random.default_rng(21)))
    assert model.lag_shares.sum() == pytest.approx(1.0)
    assert (model.lag_shares >= 0).all()
    for block in (model.endemic, model.own, model.domestic, model.across):
        assert np.isfinite(block).all()
        assert (block >= 0).all()
    rows = model.pairs
    assert rows.lr_statistic.min() >= 0
    assert rows.p_value.between(0, 1).all()
    assert (rows.p_holm >= rows.p_value).all()
    assert (rows.declared == ((rows.p_holm < 0.05) & (rows.coefficient > rows.permuted_95))).all()
    assert (rows.coefficient_low <= rows.coefficient + 1e-9).all()
    assert (rows.coefficient_high >= rows.coefficient).all()
    np.testing.assert_allclose(rows.p_holm, multipletests(rows.p_value, method="holm")[1])
    same_country = np.array(model.countries)[:, None] == np.array(model.countries)
    assert (model.across[same_country] == 0).all()
    assert (model.domestic[~same_country] == 0).all()
    json.loads(json.dumps(model.to_json(), allow_nan=False))


def test_a_model_without_a_domestic_border_is_still_plain_numbers() -> None:
    ids = ("AAA-1", "BBB-1")
    links = pd.DataFrame(
        {"region_a": ["AAA-1"], "region_b": ["BBB-1"], "border_km": [50.0], "crosses_border": [True]}
    )
    panel = panel_of(np.random.default_rng(3).poisson(1.0, size=(80, 2)), ids=ids, links=links)
    model = fit_diffusion(problem_of(panel), panel.months[-1])
    text = json.dumps(model.to_json(), allow_nan=False)
    assert len(json.loads(text)["pairs"]) == 2


@pytest.mark.parametrize("what", ["nothing ever", "always the same"])
def test_a_world_without_variation_declares_nothing(what: str) -> None:
    counts = np.full((60, 8), 0 if what == "nothing ever" else 3)
    model = fitted(counts)
    assert not model.pairs.declared.any()
    means, _ = mean_paths(model, np.full((8, len(LAG_HALF_LIVES)), counts[0, 0]), 6)
    np.testing.assert_allclose(means, counts[0, 0], atol=0.3)


def test_without_permutations_nothing_is_declared() -> None:
    truth = diffusion(a_to_b=0.8, b_to_a=0.0, own=0.2, domestic=0.3, endemic=0.2)
    truth.endemic[:4] = 2.0
    problem = problem_of(
        panel_of(world_of(truth, 360, np.random.default_rng(2), size=1.0), links=ladder_links())
    )
    model = fit_diffusion(problem, problem.panel.months[-1])
    row = pair(model, "AAA", "BBB")
    assert row.p_holm < 0.05
    assert row.verdict == "permutation check not run"
    assert not model.pairs.declared.any()


def test_a_border_between_single_regions_cannot_be_declared() -> None:
    ids = ("AAA-1", "BBB-1")
    links = pd.DataFrame(
        {"region_a": ["AAA-1"], "region_b": ["BBB-1"], "border_km": [50.0], "crosses_border": [True]}
    )
    rng = np.random.default_rng(5)
    source = rng.negative_binomial(0.5, 0.1, size=300)
    follower = rng.poisson(0.1 + 0.9 * np.r_[0, source[:-1]])
    panel = panel_of(np.column_stack([source, follower]), ids=ids, links=links)
    problem = problem_of(panel)
    row = pair(fit_diffusion(problem, panel.months[-1], rng=np.random.default_rng(1)), "AAA", "BBB")
    assert row.p_holm < 0.001
    assert not row.declared
    assert row.verdict == "no more than under permuted borders"


@pytest.mark.parametrize("scale", [1, 40])
def test_a_stored_model_comes_back_to_the_bit(scale: int) -> None:
    counts = world_of(diffusion(), 120, np.random.default_rng(21))
    # Growth that has to be scaled back, or none.
    counts = (counts * np.geomspace(1, scale, 120)[:, None]).astype(int)
    model = fitted(counts)
    assert (model.scaled_by < 1) == (scale > 1)
    text = json.dumps(model.to_json(), allow_nan=False)
    stored = json.loads(text)
    panel = panel_of(counts, links=ladder_links())
    again = Diffusion.from_json(stored, panel)
    np.testing.assert_array_equal(again.propagation, model.propagation)
    assert json.dumps(again.to_json(), allow_nan=False) == text
    assert again.alternatives is not None
    for name in ("endemic", "own", "phi", "across"):
        np.testing.assert_array_equal(getattr(again.alternatives, name), getattr(model.alternatives, name))
    with pytest.raises(ModelError, match="8 regions, the panel has 2"):
        Diffusion.from_json(stored, panel.select(regions=["AAA-1", "BBB-1"]))


def test_a_model_stored_under_the_former_name_of_a_column_is_read() -> None:
    panel = panel_of(world_of(diffusion(), 120, np.random.default_rng(21)), links=ladder_links())
    stored = diffusion().to_json()
    current = [{**row, "distinguishable_from_shock": False} for row in stored["pairs"]]
    former = [{**row, "apart": False} for row in stored["pairs"]]
    again = Diffusion.from_json({**stored, "pairs": former}, panel)
    assert again.pairs.equals(Diffusion.from_json({**stored, "pairs": current}, panel).pairs)


def test_links_that_stay_at_home_have_no_border_to_test() -> None:
    links = ladder_links()
    panel = panel_of(np.ones((40, 8)), links=links[~links.crosses_border])
    with pytest.raises(ModelError, match="no link of this panel joins two countries"):
        fit_diffusion(problem_of(panel), panel.months[-1])


def test_without_links_there_is_no_border_to_test() -> None:
    problem = problem_of(panel_of(np.ones((40, 8)), ids=LADDER), recipe=few_features(links=False))
    with pytest.raises(ModelError, match="spillover needs links"):
        fit_diffusion(problem, problem.panel.months[-1])


def test_months_after_the_origin_change_nothing() -> None:
    counts = world_of(diffusion(), 90, np.random.default_rng(31))
    other = counts.copy()
    other[70:] = np.random.default_rng(32).poisson(9.0, size=other[70:].shape)
    fits = []
    for world in (counts, other):
        problem = problem_of(panel_of(world, links=ladder_links()))
        fits.append(json.dumps(fit_diffusion(problem, problem.panel.months[69]).to_json()))
    assert fits[0] == fits[1]


def test_a_permeability_relative_to_nothing_is_no_number_in_json() -> None:
    model = diffusion()
    model.pairs.loc[0, "permeability"] = np.nan
    back = json.loads(json.dumps(model.to_json(), allow_nan=False))
    assert back["pairs"][0]["permeability"] is None
    assert back["pairs"][0]["coefficient"] == 0.3
    assert back["pairs"][0]["declared"] is True
