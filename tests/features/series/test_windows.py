"""Windows, exponential means and months since: each what a plain loop over its months gives."""

from __future__ import annotations

import numpy as np
import pytest

from harmattan.features.series import Series, exponential_means, months_since, window_means

RNG = np.random.default_rng(4)
COUNTS = RNG.poisson(1.5, size=(30, 5)).astype(np.float32)
SEEN = RNG.random((30, 5)) > 0.2


def series(observed: np.ndarray | None) -> Series:
    values = COUNTS if observed is None else np.where(observed, COUNTS, np.float32(0))
    return Series(values, observed)


@pytest.mark.parametrize("observed", [None, SEEN], ids=["whole", "with gaps"])
@pytest.mark.parametrize("window", [1, 6, 24])
def test_a_window_is_the_mean_of_what_was_observed(observed: np.ndarray | None, window: int) -> None:
    found = np.array([row.copy() for row in window_means(series(observed), window)])
    mask = np.ones(COUNTS.shape, dtype=bool) if observed is None else observed
    for t in range(len(COUNTS)):
        for r in range(COUNTS.shape[1]):
            past = slice(max(t - window + 1, 0), t + 1)
            known = COUNTS[past, r][mask[past, r]]
            expected = known.mean() if len(known) else np.nan
            np.testing.assert_allclose(found[t, r], expected, rtol=1e-6)


@pytest.mark.parametrize("observed", [None, SEEN], ids=["whole", "with gaps"])
def test_an_exponential_mean_counts_half_after_its_half_life(observed: np.ndarray | None) -> None:
    out = np.empty(COUNTS.shape, dtype=np.float32)
    exponential_means(series(observed), 3.0, out)
    mask = np.ones(COUNTS.shape, dtype=bool) if observed is None else observed
    for t in range(len(COUNTS)):
        weight = 0.5 ** (np.arange(t, -1, -1) / 3.0)[:, None] * mask[: t + 1]
        with np.errstate(invalid="ignore"):
            expected = (weight * COUNTS[: t + 1]).sum(axis=0) / weight.sum(axis=0)
        np.testing.assert_allclose(out[t], expected, rtol=1e-5)


def test_months_since_the_last_hit_are_unknown_before_the_first_and_after_a_gap() -> None:
    hit = np.array([[0, 1, 0, 0, 0, 1, 0]], dtype=bool).T
    observed = np.array([[1, 1, 1, 0, 1, 1, 1]], dtype=bool).T
    out = np.empty(hit.shape, dtype=np.float32)
    months_since(hit, observed, out)
    np.testing.assert_array_equal(out[:, 0], [np.nan, 0, 1, np.nan, np.nan, 0, 1])
