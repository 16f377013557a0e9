"""Weights of neighbours by order of adjacency, and excitation that saturates."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_worlds import diffusion, ladder_links, ladder_panel, panel_of, problem_of

from harmattan.features.series import border_km
from harmattan.training.diffusion.design import LAG_HALF_LIVES
from harmattan.training.diffusion.fit import fit_diffusion
from harmattan.training.diffusion.kernel import LINEAR, Kernel, adjacency_order
from harmattan.training.diffusion.model import Diffusion
from harmattan.training.diffusion.simulation import mean_paths, simulate, size_at_origin
from harmattan.training.diffusion.uncertainty import Ensemble
from harmattan.training.models.base import Problem

SATURATING = Kernel(saturation=4.0)


def chain() -> Problem:
    """Five regions in a row, two in AAA, two in BBB, one in CCC."""
    ids = ("AAA-1", "AAA-2", "BBB-1", "BBB-2", "CCC-1")
    links = pd.DataFrame({"region_a": ids[:-1], "region_b": ids[1:], "border_km": [5.0, 80.0, 20.0, 1.0]})
    links["crosses_border"] = [a[:3] != b[:3] for a, b in zip(links.region_a, links.region_b, strict=True)]
    return problem_of(panel_of(np.random.default_rng(5).poisson(2.0, (60, 5)), ids=ids, links=links))


def saturating_world(model: Diffusion, months: int, rng: np.random.Generator) -> np.ndarray:
    """Counts (months, regions) by a plain loop, with a half-life of two months."""
    step, lag = 1 - 0.5**0.5, np.full(8, 1.0)
    out = np.zeros((months + 60, 8), dtype=np.int64)
    for t in range(len(out)):
        excited = np.array([4.0 * np.log(1 + x / 4.0) for x in lag])
        mean = model.endemic + model.propagation @ excited
        out[t] = rng.poisson(rng.gamma(0.3, mean / 0.3))
        lag = lag + step * (out[t] - lag)
    return out[60:]


# --- weights -----------------------------------------------------------------------------------------------------


def test_orders_count_borders() -> None:
    order = adjacency_order(chain().panel)
    np.testing.assert_array_equal(order, np.abs(np.subtract.outer(np.arange(5), np.arange(5))))


def test_regions_without_a_way_are_infinitely_far() -> None:
    panel = panel_of(np.ones((3, 8)), links=ladder_links().head(1))
    assert np.isinf(adjacency_order(panel)[0, -1])
    assert np.isfinite(Kernel(decay=1.0).weights(panel)).all()


def test_weights_are_a_power_of_the_order_inside_countries_that_touch() -> None:
    panel = chain().panel
    inside, across = Kernel(decay=2.0).weights(panel)
    # AAA and CCC do not touch, so AAA-1 sees AAA-2, BBB-1 and BBB-2 only.
    np.testing.assert_allclose(inside[0] + across[0], np.array([0, 1, 1 / 4, 1 / 9, 0]) / (1 + 1 / 4 + 1 / 9))
    assert inside[0, 1] > 0
    assert across[0, 1] == 0
    np.testing.assert_allclose((inside + across).sum(axis=1), 1.0)


def test_a_steep_decay_leaves_those_that_touch_alike() -> None:
    panel = chain().panel
    whole = sum(Kernel(decay=60.0).weights(panel))
    np.testing.assert_allclose(whole[1], [0.5, 0, 0.5, 0, 0], atol=1e-12)


def test_the_borders_that_are_tested_stay_the_same() -> None:
    problem = chain()
    pairs = [
        fit_diffusion(problem, problem.panel.months[-1], kernel=kernel, intervals=False).pairs
        for kernel in (LINEAR, Kernel(decay=1.0))
    ]
    keys = [list(zip(p.source_country, p.target_country, strict=True)) for p in pairs]
    assert keys[0] == keys[1] == [("AAA", "BBB"), ("BBB", "AAA"), ("BBB", "CCC"), ("CCC", "BBB")]


# --- saturation --------------------------------------------------------------------------------------------------


@given(lag=st.floats(0, 1e4), more=st.floats(0, 1e4), saturation=st.floats(0.1, 1e4))
def test_excitation_never_falls_and_never_passes_its_level(
    lag: float, more: float, saturation: float
) -> None:
    low, high = Kernel(saturation=saturation).excites(np.array([lag, lag + more]))
    assert 0 <= low <= high <= (lag + more) * (1 + 1e-12)


models = st.builds(
    diffusion,
    a_to_b=st.floats(0, 0.8),
    b_to_a=st.floats(0, 0.5),
    own=st.floats(0, 0.9),
    endemic=st.floats(0.01, 3.0),
)


@given(model=models, seed=st.integers(0, 10_000), saturation=st.floats(0.2, 50.0))
def test_no_path_of_a_cut_world_lies_above_a_saturating_one(
    model: Diffusion, seed: int, saturation: float
) -> None:
    rng, model = np.random.default_rng(seed), replace(model, kernel=Kernel(saturation=saturation))
    states, uniforms = rng.gamma(0.6, 3.0, size=(8, len(LAG_HALF_LIVES))), rng.random((30, 5, 8))
    size = size_at_origin(model, states)
    cut, whole = (simulate(m, states, size, uniforms) for m in (model.cut("AAA"), model))
    assert (cut <= whole).all()


def test_expected_paths_lie_just_above_those_simulated() -> None:
    model = replace(diffusion(own=0.6, endemic=2.0), kernel=Kernel(saturation=10.0))
    rng, states = np.random.default_rng(1), np.full((8, len(LAG_HALF_LIVES)), 5.0)
    paths = simulate(model, states, np.full(8, 5.0), rng.random((20_000, 6, 8))).mean(axis=0)
    expected, _ = mean_paths(model, states, 6)
    assert paths.mean() < expected.mean()
    np.testing.assert_allclose(expected, paths, rtol=0.04)


def test_versions_follow_the_model() -> None:
    model = replace(diffusion(), kernel=SATURATING)
    states = np.random.default_rng(2).gamma(0.6, 9.0, size=(8, len(LAG_HALF_LIVES)))
    np.testing.assert_allclose(
        Ensemble.of(model).expect(states, 5).mean[:, 0], mean_paths(model, states, 5)[0]
    )


def test_parts_of_a_saturating_world_add_up_to_it() -> None:
    ensemble = Ensemble.of(replace(diffusion(b_to_a=0.4), kernel=SATURATING))
    rng = np.random.default_rng(3)
    states = rng.gamma(0.6, 9.0, size=(8, len(LAG_HALF_LIVES)))
    gains, one = ensemble.gains(states, 4), states * rng.random(states.shape)
    whole = ensemble.expect(states, 4).mean
    parts = [
        ensemble.expect(part, 4, background=new, gains=gains).mean
        for part, new in ((one, False), (states - one, False), (0 * states, True))
    ]
    np.testing.assert_allclose(np.sum(parts, axis=0), whole)


def test_a_saturating_world_is_told_from_a_linear_one_and_recovered() -> None:
    truth = diffusion(a_to_b=1.5, own=1.5, domestic=0.3, endemic=0.3)
    counts = saturating_world(truth, 360, np.random.default_rng(9))
    problem = problem_of(panel_of(counts, links=ladder_links()))
    origin = problem.panel.months[-1]
    linear, found = (fit_diffusion(problem, origin, kernel=k, intervals=False) for k in (LINEAR, SATURATING))
    assert found.account["loglike"] > linear.account["loglike"] + 5
    errors = [abs(m.own - 1.5).max() for m in (linear, found)]
    assert errors[1] < 0.2 < 0.6 < errors[0]
    assert found.scaled_by == 1.0


def test_a_kernel_is_stored_with_its_model() -> None:
    problem = chain()
    kernel = Kernel(decay=1.5, saturation=8.0)
    model = fit_diffusion(
        problem, problem.panel.months[-1], rng=np.random.default_rng(1), permutations=20, kernel=kernel
    )
    again = Diffusion.from_json(json.loads(json.dumps(model.to_json(), allow_nan=False)), problem.panel)
    assert again.kernel == kernel
    np.testing.assert_array_equal(again.propagation, model.propagation)


@pytest.mark.parametrize("kernel", [Kernel(decay=1.0), SATURATING, Kernel(0.5, 2.0)])
def test_months_after_the_origin_change_nothing(kernel: Kernel) -> None:
    counts, fits = np.random.default_rng(6).poisson(2.0, size=(80, 8)), []
    for later in (0, 50):
        counts[70:] += later
        problem = problem_of(panel_of(counts, links=ladder_links()))
        fits.append(fit_diffusion(problem, problem.panel.months[69], kernel=kernel).to_json())
    assert json.dumps(fits[0]) == json.dumps(fits[1])


def test_a_small_region_inside_one_neighbour_does_not_get_its_full_force() -> None:
    panel = ladder_panel(2, 60)
    whole = {kind: sum(Kernel(common_border=kind).weights(panel)) for kind in ("length", "share")}
    km = border_km(panel).toarray()
    np.testing.assert_allclose(np.sum(whole["share"], axis=1), 1.0)
    np.testing.assert_allclose(whole["length"], km / km.sum(axis=1).mean())
    np.testing.assert_allclose(whole["length"], np.transpose(whole["length"]))


def test_a_model_stored_before_lengths_keeps_its_shares() -> None:
    assert Kernel.from_json(None) == Kernel.from_json({"decay": None, "saturation": None})
    assert Kernel.from_json(None).common_border == "share"
    assert Kernel.from_json(Kernel(saturation=3.0).to_json()) == Kernel(saturation=3.0)
