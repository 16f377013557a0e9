"""The negative binomial of the last months is the one that fits them best."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

from harmattan.training.margins import Margins
from harmattan.training.models.baselines import most_likely_nb


def rival_margins(history: np.ndarray) -> list[Margins]:
    """One per origin, from (origins, months, regions) with NaN where nothing was observed."""
    return [most_likely_nb(np.nan_to_num(each), np.isfinite(each)) for each in history]


def test_it_is_the_maximum_of_the_likelihood() -> None:
    rng = np.random.default_rng(4)
    history = rng.negative_binomial(0.9, 0.2, size=(1, 12, 6)).astype(float)
    margins = rival_margins(history)[0]
    for region in range(6):
        y = history[0, :, region]
        mean = y.mean()

        def loss(log_size: float, y: np.ndarray = y, mean: float = mean) -> float:
            size = np.exp(log_size)
            return -float(stats.nbinom.logpmf(y, size, size / (size + mean)).sum())

        best = optimize.minimize_scalar(loss, bounds=(np.log(0.05), np.log(1e4)), method="bounded")
        size = np.exp(best.x)
        expected = stats.nbinom.cdf(np.arange(5), size, size / (size + mean))
        np.testing.assert_allclose(margins.cdf[region, :5], expected, atol=0.01)
        assert margins.mean[region] == pytest.approx(mean)


def test_counts_without_spread_give_a_poisson() -> None:
    margins = rival_margins(np.full((1, 12, 1), 3.0))[0]
    np.testing.assert_allclose(margins.cdf[0, :8], stats.poisson.cdf(np.arange(8), 3.0), atol=1e-3)


def test_quiet_regions_are_certain_to_stay_quiet() -> None:
    margins = rival_margins(np.zeros((2, 12, 1)))
    assert [m.cdf[0, 0] for m in margins] == [1.0, 1.0]


def test_months_that_were_not_observed_are_left_out() -> None:
    history = np.array([5.0, 1.0, 0.0, 9.0, 2.0, 3.0])[None, :, None]
    holed = np.concatenate([history, np.full((1, 6, 1), np.nan)], axis=1)
    np.testing.assert_array_equal(rival_margins(holed)[0].cdf, rival_margins(history)[0].cdf)
