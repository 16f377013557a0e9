"""Many versions of one model at once: each is what it would be alone, and intervals say how far they lie apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from small_worlds import diffusion, ladder_links, panel_of

from harmattan.training.diffusion.model import LARGEST_RADIUS, Alternatives, Diffusion, stationary
from harmattan.training.diffusion.simulation import mean_paths, simulate, size_at_origin
from harmattan.training.diffusion.uncertainty import Ensemble, risk_spread, size_of, spread, tail
from harmattan.training.models.excitation import border_weights


def with_alternatives(sets: int = 30, scaled_by: float = 1.0, growth: float = 1.0) -> Diffusion:
    """The ladder with other coefficients around its own."""
    model, rng = diffusion(a_to_b=0.5, b_to_a=0.2), np.random.default_rng(8)
    panel = panel_of(np.zeros((3, 8)), links=ladder_links())
    factor = rng.uniform(0.6, 1.4, size=(sets, 4))
    return replace(
        model,
        border=border_weights(panel, crossing=True),
        phi=0.15 / scaled_by,
        scaled_by=scaled_by,
        alternatives=Alternatives(
            endemic=0.5 * factor[:, [0] * 8],
            own=0.3 * growth * factor[:, [1, 1]],
            phi=0.15 * factor[:, 2],
            across=factor[:, [3, 3]] * [0.5, 0.2],
        ),
    )


def alone(model: Diffusion, number: int) -> Diffusion:
    """One version as a model of its own, by the equation."""
    other, of = model.alternatives, np.array(model.countries)
    assert other is not None
    assert model.border is not None
    gamma = np.zeros((8, 8))
    gamma[np.ix_(of == "BBB", of == "AAA")] = other.across[number, 0]
    gamma[np.ix_(of == "AAA", of == "BBB")] = other.across[number, 1]
    near = model.domestic / 0.15
    version = replace(
        model,
        endemic=other.endemic[number],
        own=np.where(of == "AAA", other.own[number, 0], other.own[number, 1]),
        domestic=other.phi[number] * near,
        across=gamma * model.border,
    )
    return stationary(version)


@pytest.fixture(scope="module")
def states() -> np.ndarray:
    return np.random.default_rng(2).gamma(0.6, 3.0, size=(8, 4))


@pytest.mark.parametrize(("scaled_by", "growth"), [(1.0, 1.0), (0.9, 1.0), (0.9, 4.0)])
def test_every_version_is_what_it_would_be_alone(states: np.ndarray, scaled_by: float, growth: float) -> None:
    model = with_alternatives(scaled_by=scaled_by, growth=growth)
    ensemble = Ensemble.of(model)
    found = ensemble.expect(states, 5)
    np.testing.assert_allclose(found.mean[:, 0], mean_paths(model, states, 5)[0])
    for number in (0, 7, 29):
        mean, lag = mean_paths(alone(model, number), states, 5)
        np.testing.assert_allclose(found.lag[:, 1 + number], lag, rtol=1e-6)
        np.testing.assert_allclose(found.mean[:, 1 + number], mean, rtol=1e-6)


def test_no_version_explodes() -> None:
    model = with_alternatives(growth=4.0)
    other = model.alternatives
    assert other is not None
    ensemble = Ensemble.of(model)
    assert ensemble.radii()[0] == pytest.approx(model.radius, rel=1e-6)
    assert (ensemble.radii() <= LARGEST_RADIUS * (1 + 1e-6)).all()
    scaled = [np.isclose(alone(model, i).radius, LARGEST_RADIUS) for i in range(len(other.phi))]
    assert sum(scaled) > len(scaled) / 2
    np.testing.assert_allclose(
        ensemble.radii()[1:], [alone(model, i).radius for i in range(len(scaled))], rtol=1e-6
    )


def test_closed_links_are_those_of_a_cut_model(states: np.ndarray) -> None:
    model = with_alternatives()
    ensemble = Ensemble.of(model)
    sender = np.array(model.countries) == "AAA"
    found = ensemble.expect(states, 4, ensemble.closed(sender)).mean[:, 0]
    np.testing.assert_allclose(found, mean_paths(model.cut("AAA"), states, 4)[0])
    one = np.arange(8) == 5
    into = ensemble.expect(states, 4, ensemble.closed(sender, one)).mean[:, 0]
    np.testing.assert_allclose(into, mean_paths(model.without(sender, one), states, 4)[0])


def test_what_is_set_has_the_mean_of_many_paths(states: np.ndarray) -> None:
    model, rng = with_alternatives(), np.random.default_rng(5)
    set_ = np.full((4, 8), np.nan)
    set_[:2, 1], set_[:3, 0] = 4.0, 9.0
    exact = Ensemble.of(model).expect(states, 4, given=set_).mean[:, 0]
    paths = simulate(model, states, size_at_origin(model, states), rng.random((20_000, 4, 8)), set_)
    error = paths.std(axis=0) / np.sqrt(len(paths))
    assert (np.abs(paths.mean(axis=0) - exact) < 4.5 * error).all()


def test_without_alternatives_there_is_no_interval(states: np.ndarray) -> None:
    ensemble = Ensemble.of(diffusion())
    assert len(ensemble) == 1
    best, low, high = spread(ensemble.expect(states, 2).totals[-1])
    assert np.isfinite(best).all()
    assert np.isnan(low).all()
    assert np.isnan(high).all()


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=30))
def test_an_interval_holds_the_value_of_the_fit(values: list[float]) -> None:
    best, low, high = spread(np.array(values))
    assert low <= best <= high


@pytest.mark.parametrize("threshold", [1, 5, 25])
def test_the_tail_is_scipys(threshold: int) -> None:
    mean, size = np.array([0.01, 1.0, 30.0]), np.array([0.2, 3.0, 50.0])
    expected = stats.nbinom.sf(threshold - 1, size, size / (size + mean))
    np.testing.assert_allclose(tail(mean, size, threshold), expected)


def test_the_interval_of_a_risk_is_about_that_of_simulating_every_version(states: np.ndarray) -> None:
    model, rng = with_alternatives(sets=20), np.random.default_rng(6)
    ensemble, sender = Ensemble.of(model), np.array(model.countries) == "AAA"
    uniforms, to = rng.random((4000, 3, 8)), slice(4, 8)
    size = size_at_origin(model, states)

    def risks(one: Diffusion) -> tuple[np.ndarray, np.ndarray]:
        totals = simulate(one, states, size, uniforms)[:, :, to].sum(axis=1)
        cut = simulate(one.cut("AAA"), states, size, uniforms)[:, :, to].sum(axis=1)
        return (totals >= 5).mean(axis=0) - (cut >= 5).mean(axis=0), size_of(totals)

    best, dispersion = risks(model)
    with_, without = (
        ensemble.expect(states, 3, links).totals[-1][:, to] for links in (None, ensemble.closed(sender))
    )
    low, high = risk_spread(best, with_, without, dispersion, 5)
    _, plain_low, plain_high = spread(np.array([best, *(risks(alone(model, i))[0] for i in range(20))]))
    np.testing.assert_allclose(low, plain_low, atol=0.03)
    np.testing.assert_allclose(high, plain_high, atol=0.03)


def test_alternatives_are_stored_to_the_bit() -> None:
    other = with_alternatives().alternatives
    assert other is not None
    again = Alternatives.from_json(other.to_json())
    for name in ("endemic", "own", "phi", "across"):
        np.testing.assert_array_equal(getattr(again, name), getattr(other, name))
