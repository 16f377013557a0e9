"""Kernels and nearest events: against plain loops, with cells and without, and audited for what they cannot know."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from harmattan.data.errors import ConfigError, UsageError
from harmattan.data.panel import Panel, located
from harmattan.data.snapshot import load_snapshot
from harmattan.features import Approach, Kernel, Nearest, Recipe
from harmattan.features.audit import audit

HERE = ["MLI-gao", "BFA-est", "BEN-alibori", "TGO-savanes", "NER-tillaberi"]


@pytest.fixture(scope="module")
def panel() -> Panel:
    whole = load_snapshot().panel.until("2022-12")
    kept = [*HERE, *(r for r in whole.region_ids if r.startswith("BFA-") and r != "BFA-est")]
    return whole.select(regions=kept)


def distances(panel: Panel, measure: str) -> tuple[np.ndarray, np.ndarray]:
    assert panel.cells is not None
    assert panel.cells.outlines is not None
    cells, counts = located(panel, measure)
    return panel.cells.outlines.km(cells), counts


def values(panel: Panel, *terms: Kernel | Nearest | Approach) -> np.ndarray:
    return Recipe(list(terms)).build(panel).values


def test_kernel_is_a_sum_over_events(panel: Panel) -> None:
    got = values(panel, Kernel(of="events_jnim", km=40, half_life=5))[:, :, 0]
    km, counts = distances(panel, "events_jnim")
    rng = np.random.default_rng(3)
    for t, r in zip(rng.integers(330, 408, 12), rng.integers(0, panel.shape[1], 12), strict=True):
        expected = math.fsum(
            counts[s, c] * math.exp(-km[r, c] / 40) * 0.5 ** ((t - s) / 5)
            for s, c in zip(*np.nonzero(counts[: t + 1]), strict=True)
            if math.exp(-km[r, c] / 40) >= 1e-3
        )
        assert got[t, r] == pytest.approx(expected, rel=1e-5, abs=1e-9)
    assert got.max() > 1


def test_nearest_and_approach_by_plain_loops(panel: Panel) -> None:
    built = values(panel, Nearest(of="events_jnim", months=3), Approach(of="events_jnim", months=4, window=3))
    km, counts = distances(panel, "events_jnim")

    def nearest(t: int, r: int) -> float:
        hit = [
            km[r, c] for c in range(km.shape[1]) if counts[max(t - 2, 0) : t + 1, c].any() and km[r, c] <= 500
        ]
        return min(hit, default=math.nan)

    for t in (300, 320, 350, 380, 400):
        for r in range(panel.shape[1]):
            assert built[t, r, 0] == pytest.approx(nearest(t, r), rel=1e-5, nan_ok=True)
            closer = np.nan_to_num(nearest(t - 4, r), nan=500) - np.nan_to_num(nearest(t, r), nan=500)
            assert built[t, r, 1] == pytest.approx(closer, rel=1e-4, abs=1e-3, nan_ok=True)
    assert np.isfinite(built[:, :, 1]).any()


def test_without_cells_the_points_of_regions_stand_in(make_panel: Callable[..., Panel]) -> None:
    panel = make_panel(5, gaps=False)
    static = panel.attrs["static"]
    lon, lat = np.radians(static["longitude"].to_numpy()), np.radians(static["latitude"].to_numpy())
    cosine = np.sin(lat[:, None]) * np.sin(lat) + np.cos(lat[:, None]) * np.cos(lat) * np.cos(
        lon[:, None] - lon
    )
    km = 6371.0088 * np.arccos(np.clip(cosine, -1, 1))
    np.fill_diagonal(km, 0)
    weights = np.where(np.exp(-km / 150) >= 1e-3, np.exp(-km / 150), 0)
    state = np.zeros(len(km))
    got = values(panel, Kernel(km=150, half_life=2))[:, :, 0]
    for t, row in enumerate(panel.measures["events"]):
        state = state * 0.5**0.5 + row
        np.testing.assert_allclose(got[t], weights @ state, rtol=1e-4)


@pytest.mark.slow
def test_the_audit_passes(panel: Panel) -> None:
    recipe = Recipe([Kernel(of="events_jnim"), Kernel(km=60), Nearest(of="events_jnim"), Approach()])
    small = panel.select(countries=["BFA", "BEN"]).until("2021-12")
    report = audit(recipe, small, origins=3)
    assert report.passed, str(report)


def test_refusals() -> None:
    bare = Panel.from_frame(load_snapshot().panel.select(countries=["TGO"]).to_frame())
    with pytest.raises(UsageError, match="static table"):
        Recipe([Kernel()]).build(bare)
    with pytest.raises(ConfigError, match="half-life"):
        Kernel(half_life=0)
    with pytest.raises(ConfigError, match="window"):
        Nearest(months=0)
