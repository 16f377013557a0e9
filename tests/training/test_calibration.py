"""The calibration map: does nothing to a calibrated past, mends a narrow one, never breaks a distribution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harmattan.training.calibration import LEVELS, fit_pit_map
from harmattan.training.margins import negative_binomial


def past(size_said: float, size_true: float, cases: int = 4000, mean: float = 3.0) -> tuple[np.ndarray, ...]:
    """Steps of the transform of outcomes that a law with another size really produced."""
    rng = np.random.default_rng(5)
    counts = stats.nbinom.rvs(size_true, size_true / (size_true + mean), size=cases, random_state=rng)
    said = stats.nbinom(size_said, size_said / (size_said + mean))
    return said.cdf(counts - 1), said.cdf(counts), np.full(cases, mean)


def test_a_calibrated_past_is_left_as_it_is() -> None:
    plain = negative_binomial(np.array([3.0]), np.array([1.5]))
    mapped = fit_pit_map(*past(1.5, 1.5)).apply(plain)
    assert np.abs(mapped.cdf - plain.cdf).max() < 0.02


def test_a_past_that_was_too_narrow_widens_the_forecast() -> None:
    plain = negative_binomial(np.array([3.0]), np.array([5.0]))
    truth = negative_binomial(np.array([3.0]), np.array([0.8]), tail=1e-6)
    mapped = fit_pit_map(*past(5.0, 0.8), prior=100.0).apply(plain)
    near = min(mapped.points, truth.points) - 1
    before, after = (
        np.abs(m.widened(near).cdf[0, :near] - truth.cdf[0, :near]).max() for m in (plain, mapped)
    )
    assert after < 0.4 * before


def test_every_level_has_its_own_map_and_none_without_cases_does_anything() -> None:
    fitted = fit_pit_map(*past(5.0, 0.8))
    quiet = negative_binomial(np.array([0.05]), np.array([1.0]))
    np.testing.assert_allclose(fitted.apply(quiet).cdf, quiet.cdf, atol=1e-12)
    assert len(fitted.heights) == len(LEVELS) + 1


@pytest.mark.parametrize("prior", [1.0, 400.0])
def test_maps_rise_from_zero_to_one(prior: float) -> None:
    heights = fit_pit_map(*past(2.0, 0.5), prior=prior).heights
    assert (np.diff(heights, axis=1) >= 0).all()
    assert (heights[:, 0] == 0).all()
    assert (heights[:, -1] == 1).all()
