"""No month after the one a feature may see changes a single bit of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harmattan.data.panel import Panel
from harmattan.features import (
    Approach,
    DaysSince,
    Ewm,
    Kernel,
    Lag,
    Log1p,
    Mean,
    Nearest,
    NearestActive,
    Neighbours,
    Recipe,
    Static,
    Sum,
)

EVERYTHING = Recipe(
    [
        *(f.term for f in Recipe.default()),
        DaysSince(),
        NearestActive(3),
        NearestActive(12, measured_in="km"),
        Static("population"),
        Kernel(of="events_jnim", km=200, half_life=3),
        Nearest(),
        Approach(months=3),
        Log1p(of=Sum(6)),
        Mean(5, of="deaths_best"),
        Lag(2, of=Ewm(4.0)),
        Neighbours(of=Sum(4), order=2),
    ]
)


def change_after(panel: Panel, origin: int, seed: int) -> Panel:
    """Another future: other figures (whole or not), other coverage, or none at all."""
    rng = np.random.default_rng(seed)
    kind = seed % 5
    if kind == 0:
        return panel.until(panel.months[origin])
    observed = panel.observed.copy()
    if kind in (2, 3):
        observed[origin + 1 :] = rng.random(observed[origin + 1 :].shape) < rng.random()
    measures = {}
    for name, values in panel.measures.items():
        other = values.copy()
        other[origin + 1 :] = rng.poisson(rng.choice([0.0, 1.0, 500.0]), size=other[origin + 1 :].shape) / (
            3 if kind == 4 else 1
        )
        measures[name] = np.where(observed, np.nan_to_num(other), np.nan).astype(np.float32)
    return replace(panel, measures=measures, observed=observed)


def same_bits(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Per feature, whether every bit is equal."""
    left, right = (np.ascontiguousarray(x.transpose(2, 0, 1)).view(np.uint32) for x in (a, b))
    return (left == right).all(axis=(1, 2))


@given(seed=st.integers(0, 10_000), origin=st.integers(3, 38), gaps=st.booleans())
def test_no_feature_sees_the_future(make_panel, seed: int, origin: int, gaps: bool) -> None:
    panel = make_panel(seed % 50, gaps=gaps)
    recipe = EVERYTHING.served(panel, missing="drop")[0]
    before = recipe.build(panel, missing="raise").values[: origin + 1]
    other = change_after(panel, origin, seed)
    recipe_now = [f for f in recipe if f.term.earliest is None or f.term.earliest < len(other.months)]
    after = Recipe(recipe_now).build(other).values[: origin + 1]
    kept = [recipe.names.index(f.name) for f in recipe_now]
    same = same_bits(before[:, :, kept], after)
    assert [f.name for f, ok in zip(recipe_now, same, strict=True) if not ok] == []


@pytest.mark.parametrize("data_lag", [0, 1, 2, 3])
@settings(max_examples=8)
@given(seed=st.integers(0, 10_000), horizon=st.integers(1, 6))
def test_a_design_uses_only_what_was_published(make_panel, data_lag: int, seed: int, horizon: int) -> None:
    panel, at = make_panel(seed % 50), 30
    origin = panel.months[at]
    other = change_after(panel, at - data_lag, seed + (seed % 5 == 0))
    recipe = EVERYTHING.served(panel, missing="drop")[0]
    rows = []
    for world in (panel, other):
        cube = recipe.build(world)
        past = cube.training_origins(origin, horizon, data_lag)
        train = cube.design(past, horizon, data_lag=data_lag)
        now = cube.design(origin, horizon, data_lag=data_lag)
        rows.append([train.X.to_numpy(), train.y.to_numpy(), now.X.to_numpy()])
    for before, after in zip(*rows, strict=True):
        assert before.tobytes() == after.tobytes()
