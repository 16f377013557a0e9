"""The size law: learned by minimum CRPS, equal to the CRPS it says it minimises, and pulled where data are few."""

from __future__ import annotations

import numpy as np
import pytest

from harmattan.training.margins import negative_binomial
from harmattan.training.models.dispersion import SHRINKAGE, count_grid, crps_on_grid, fit_size, size_at


def test_a_known_law_is_recovered() -> None:
    rng = np.random.default_rng(3)
    mean = np.exp(rng.uniform(-3, 3, size=40_000))
    size = size_at(mean, 0.2, 0.7)
    counts = rng.negative_binomial(size, size / (size + mean))
    # The pull of events is too strong to see a law through it.
    law = fit_size(counts, mean, np.ones(len(mean)), "deaths")
    levels = np.array([2.0, 10.0])
    np.testing.assert_allclose(law.at(levels), size_at(levels, 0.2, 0.7), rtol=0.25)


def test_few_rows_hardly_move_the_law() -> None:
    law = fit_size(np.array([0.0, 2.0, 5.0]), np.array([0.5, 2.0, 3.0]), np.ones(3))
    assert (law.intercept, law.slope) == pytest.approx(
        (SHRINKAGE["events"].intercept, SHRINKAGE["events"].slope), abs=1.0
    )


def test_an_empty_record_gives_a_law_all_the_same() -> None:
    law = fit_size(np.zeros(200), np.full(200, 0.01), np.ones(200))
    assert 0.005 < law.at(np.array([0.01])) < 500


def test_the_running_sums_are_the_crps_of_every_count() -> None:
    margins = negative_binomial(np.array([0.4, 3.0]), np.array([0.7, 2.0]), tail=1e-9)
    grid = count_grid(12)
    table = crps_on_grid(margins.widened(int(grid[-1]) + 1).cdf[:, grid], grid)
    for count in range(12):
        np.testing.assert_allclose(table[:, count], margins.crps(np.full(2, count)), atol=1e-6)


def test_the_grid_reaches_far_past_the_largest_count_in_few_points() -> None:
    grid = count_grid(900)
    assert grid[:41].tolist() == list(range(41))
    assert grid[-1] >= 3600
    assert len(grid) < 100


def test_heavier_rows_count_for_more() -> None:
    rng = np.random.default_rng(4)
    mean = np.full(6000, 3.0)
    narrow, wide = rng.poisson(3.0, 3000), rng.negative_binomial(0.5, 0.5 / 3.5, 3000)
    counts = np.concatenate([narrow, wide])
    of_narrow = fit_size(counts, mean, np.repeat([10.0, 1.0], 3000)).at(mean[:1])
    of_wide = fit_size(counts, mean, np.repeat([1.0, 10.0], 3000)).at(mean[:1])
    assert of_narrow > 1.5 * of_wide
