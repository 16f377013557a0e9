"""Border shares stay sparse, so that a grid of cells fits in memory, and mean what they say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from harmattan.data.panel import Panel
from harmattan.training.models.base import Problem
from harmattan.training.models.baselines import Conflictology, NeighbourConflictology
from harmattan.training.models.excitation import border_shares, border_weights

KM = {("AAA-1", "AAA-2"): 30.0, ("AAA-2", "BBB-1"): 10.0, ("AAA-1", "BBB-1"): 90.0}


def panel(regions: tuple[str, ...] = ("AAA-1", "AAA-2", "AAA-3", "BBB-1")) -> Panel:
    """Three regions that border each other, and an island."""
    rng = np.random.default_rng(4)
    months = pd.period_range("2020-01", periods=30, freq="M")
    rows = [
        {"month": m, "region_id": r, "events": rng.poisson(i + 1)}
        for m in months
        for i, r in enumerate(regions)
    ]
    links = pd.DataFrame(
        [
            {"region_a": a, "region_b": b, "border_km": k, "crosses_border": a[:3] != b[:3]}
            for (a, b), k in KM.items()
        ]
    )
    return Panel.from_frame(pd.DataFrame(rows), links)


@pytest.mark.parametrize("crossing", [False, True, None])
def test_a_share_is_a_part_of_the_whole_border(crossing: bool | None) -> None:
    one = panel()
    shares = border_shares(one, crossing).toarray()
    for i, a in enumerate(one.region_ids):
        whole = sum(k for pair, k in KM.items() if a in pair)
        for j, b in enumerate(one.region_ids):
            km = KM.get((a, b), KM.get((b, a), 0.0))
            asked = crossing is None or crossing == (a[:3] != b[:3])
            assert shares[i, j] == pytest.approx(km / whole if km and asked else 0.0)


def test_shares_are_sparse_and_weights_are_the_same_numbers() -> None:
    one = panel()
    shares = border_shares(one, True)
    assert sparse.issparse(shares)
    assert shares.nnz == 4
    np.testing.assert_array_equal(shares.toarray(), border_weights(one, True))


def test_neighbours_months_are_mixed_in_by_shared_border() -> None:
    one = panel()
    problem, origin = Problem(one, None), one.months[-1]  # type: ignore[arg-type]
    own = Conflictology(12).margins(problem, origin)
    mixed = NeighbourConflictology(12, share=0.2).margins(problem, origin)
    first = 0.8 * own.cdf[0] + 0.2 * (0.25 * own.cdf[1] + 0.75 * own.cdf[3])
    np.testing.assert_allclose(mixed.cdf[0], first, atol=1e-12)
    np.testing.assert_allclose(mixed.cdf[2], own.cdf[2], atol=1e-12)
    np.testing.assert_allclose(mixed.mean, (mixed.cdf[:, -1:] - mixed.cdf).sum(axis=1), atol=1e-9)
