"""The reference form of the endemic-epidemic model: worlds with known truth, and other ways to the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from reference_model import Reference, ReferenceModel, fit_reference, row_normalised
from scipy import optimize, stats

from harmattan.data.errors import ModelError, SchemaError

TRUTH = {"sin": 0.4, "cos": -0.3, "own": 0.35, "near": 0.25, "log_size": np.log(1.5)}


def ring(units: int) -> np.ndarray:
    return np.roll(np.eye(units), 1, axis=1) + np.roll(np.eye(units), -1, axis=1)


def world(seed: int, months: int = 240, units: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Counts that follow the model, and the levels behind them."""
    rng = np.random.default_rng(seed)
    levels = np.linspace(-1.5, 0.5, units)
    spill, size = ring(units) / 2, np.exp(TRUTH["log_size"])
    counts = np.zeros((months + 48, units))
    for t in range(1, len(counts)):
        wave = TRUTH["sin"] * np.sin(np.pi * t / 6) + TRUTH["cos"] * np.cos(np.pi * t / 6)
        excited = TRUTH["own"] * counts[t - 1] + TRUTH["near"] * spill @ counts[t - 1]
        counts[t] = rng.negative_binomial(size, size / (size + np.exp(levels + wave) + excited))
    return counts[48:], levels


@pytest.fixture(scope="module")
def fits() -> list[Reference]:
    return [fit_reference(world(seed)[0], ring(12)) for seed in range(40)]


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return np.array([*world(0)[1], *TRUTH.values()])


def test_many_worlds_recover_the_truth(fits: list[Reference], truth: np.ndarray) -> None:
    found = np.array([f.params for f in fits])
    spread = found.std(axis=0, ddof=1) / np.sqrt(len(fits))
    # Levels and size are biased by about a tenth of their standard error in worlds of this length.
    assert (np.abs(found.mean(axis=0) - truth) < 4 * spread).all()


def test_standard_errors_are_the_spread_over_worlds(fits: list[Reference]) -> None:
    found, errors = np.array([f.params for f in fits]), np.array([f.errors for f in fits])
    ratio = np.sqrt((errors**2).mean(axis=0)) / found.std(axis=0, ddof=1)
    # A standard deviation of 40 worlds is known to 11 %; over all parameters, much better.
    assert ((ratio > 0.65) & (ratio < 1.5)).all()
    assert np.exp(np.log(ratio).mean()) == pytest.approx(1.0, abs=0.1)


def test_intervals_cover_the_truth(fits: list[Reference], truth: np.ndarray) -> None:
    inside = [np.abs(f.params - truth) < 1.96 * f.errors for f in fits]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.03)


def some_params(model: ReferenceModel, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.array([*rng.normal(-0.5, 0.5, model.units), 0.3, -0.2, 0.4, 0.2, rng.normal(0, 0.5), 0.0])


@pytest.mark.parametrize("seed", range(3))
def test_the_hessian_is_the_derivative_of_the_score(seed: int) -> None:
    counts = world(seed, months=60, units=5)[0]
    model = ReferenceModel(counts, row_normalised(ring(5)))
    params = some_params(model, seed)
    numerical = optimize.approx_fprime(params, model.score, 1e-6)
    np.testing.assert_allclose(model.hessian(params)[:-1, :-1], numerical[:-1, :-1], rtol=1e-3, atol=0.05)


def test_the_score_vanishes_at_the_maximum(fits: list[Reference]) -> None:
    model = ReferenceModel(world(0)[0], row_normalised(ring(12)))
    assert np.abs(model.score(np.append(fits[0].params, 0.0))[:-1]).max() < 1e-3


def test_standard_errors_are_those_of_the_inverted_hessian(fits: list[Reference]) -> None:
    model = ReferenceModel(world(0)[0], row_normalised(ring(12)))
    hessian = model.hessian(np.append(fits[0].params, 0.0))[:-1, :-1]
    np.testing.assert_allclose(fits[0].errors, np.sqrt(np.diag(np.linalg.inv(-hessian))), rtol=1e-8)


def test_scoring_steps_climb_where_the_likelihood_is_not_concave() -> None:
    model = ReferenceModel(world(1, months=60, units=5)[0], row_normalised(ring(5)))
    far = np.array([*[3.0] * 5, 0.0, 0.0, 5.0, 5.0, -3.0, 0.0])
    everything = np.ones(10, dtype=bool)
    step = model.arrow(far, expected=True).holding(everything).solve(model.score(far)[:-1])
    assert step is not None
    assert step @ model.score(far)[:-1] > 0


def test_the_loglikelihood_is_scipys(fits: list[Reference]) -> None:
    counts, fit = world(0)[0], fits[0]
    t = np.arange(1, len(counts))[:, None]
    wave = fit.season[0] * np.sin(np.pi * t / 6) + fit.season[1] * np.cos(np.pi * t / 6)
    spill = (np.roll(counts, 1, axis=1) + np.roll(counts, -1, axis=1)) / 2
    mean = np.exp(fit.levels + wave) + fit.own * counts[:-1] + fit.near * spill[:-1]
    size = np.exp(fit.log_size)
    expected = stats.nbinom.logpmf(counts[1:], size, size / (size + mean)).sum()
    assert fit.loglike == pytest.approx(expected, abs=1e-5)


def test_events_are_shared_out_by_their_source() -> None:
    star = np.array([[0, 1, 1], [1, 0, 0], [1, 0, 0]])
    counts = np.array([[4, 0, 0], [0, 1, 0], [1, 1, 1]])
    model = ReferenceModel(counts, row_normalised(star))
    np.testing.assert_allclose(model.lags[:, :, 1], [[0, 2, 2], [1, 0, 0]])


def test_a_unit_without_events_stays_at_the_bound_and_changes_nothing_else() -> None:
    counts = world(3, units=6)[0]
    links = np.zeros((7, 7))
    links[:6, :6] = ring(6)
    with_quiet = fit_reference(np.column_stack([counts, np.zeros(len(counts))]), links)
    alone = fit_reference(counts, ring(6))
    assert with_quiet.levels[6] == -20.0
    assert np.isnan(with_quiet.errors[6])
    assert with_quiet.loglike == pytest.approx(alone.loglike, abs=1e-4)
    np.testing.assert_allclose(np.delete(with_quiet.params, 6), alone.params, atol=1e-4)


def test_a_coefficient_that_wants_to_be_negative_is_zero_and_has_no_error() -> None:
    rng = np.random.default_rng(2)
    # After a month with events always comes one without.
    counts = rng.poisson(3.0, size=(100, 4)) * (np.arange(100)[:, None] % 2)
    fit = fit_reference(counts, ring(4))
    assert fit.own == 0.0
    assert np.isnan(fit.errors[-3])
    assert np.isfinite(fit.errors[:4]).all()


def test_units_without_neighbours_have_no_neighbour_coefficient() -> None:
    fit = fit_reference(world(4, units=4)[0], np.zeros((4, 4)))
    assert fit.near == 0.0
    assert np.isfinite(fit.errors[-3])


@pytest.mark.parametrize(
    ("counts", "links", "message"),
    [
        (np.array([[1.0, np.nan], [0, 1], [2, 0]]), np.eye(2), "nan is not a count"),
        (np.array([[1, -1], [0, 1], [2, 0]]), np.eye(2), "-1.0 is not a count"),
        (np.array([[1, 0.5], [0, 1], [2, 0]]), np.eye(2), "0.5 is not a count"),
        (np.ones((2, 2)), np.eye(2), r"counts have the shape \(2, 2\)"),
        (np.ones((5, 2)), np.eye(3), r"contiguity has the shape \(3, 3\)"),
    ],
)
def test_what_is_no_panel_of_counts_is_refused(counts: np.ndarray, links: np.ndarray, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        fit_reference(counts, links)


def test_a_world_without_events_has_nothing_to_fit() -> None:
    with pytest.raises(ModelError, match="no event"):
        fit_reference(np.zeros((24, 3)), np.zeros((3, 3)))
