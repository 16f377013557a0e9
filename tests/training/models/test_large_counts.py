"""Counts from zero to tens of millions in one panel: every member fits, and nothing is cut off in silence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harmattan.data.panel import Panel
from harmattan.training.margins import Margins
from harmattan.training.models.base import Problem
from harmattan.training.models.catalogue import MEMBERS, fit_members
from harmattan.training.models.likelihood import AdditiveMeanNB
from harmattan.training.problems import build_problems

LEVELS = np.array([0.0, 0.3, 10.0, 1e3, 1e5, 1e7])


def counts_of(kind: str) -> np.ndarray:
    """84 months of six countries."""
    rng = np.random.default_rng(1)
    level = np.maximum(LEVELS, 1e-9)
    counts = rng.negative_binomial(3, 3 / (3 + level), (84, 6))
    if kind == "zeros":
        return np.zeros_like(counts)
    if kind == "a million times the others":
        counts = rng.poisson(np.tile([0.5, 1.0, 2.0, 4.0, 8.0, 16.0], (84, 1)))
        counts[:, 5] *= 1_000_000
    if kind == "a month larger than all history":
        counts = rng.poisson(np.tile([0.5, 1.0, 2.0, 4.0, 8.0, 16.0], (84, 1)))
        counts[-1, 2] = 20_000_001
    return counts


def members_of(counts: np.ndarray) -> tuple[Problem, dict[str, Margins]]:
    months = pd.period_range("2015-01", periods=len(counts), freq="M")
    frame = pd.DataFrame(
        {
            "month": np.repeat(months.astype(str), counts.shape[1]),
            "region_id": np.tile([f"C{i}" for i in range(counts.shape[1])], len(counts)),
            "events": counts.ravel(),
        }
    )
    problem = build_problems(Panel.from_frame(frame), ["events"])["events"]
    fitted = fit_members(problem, months[-1], 1, MEMBERS)
    return problem, {name: member.margins(problem, months[-1]) for name, member in fitted.items()}


@pytest.mark.parametrize(
    "kind", ["to ten million", "a million times the others", "zeros", "a month larger than all history"]
)
@pytest.mark.slow
def test_every_member_forecasts_them(kind: str) -> None:
    counts = counts_of(kind)
    problem, members = members_of(counts)
    # Beyond 2^24 a float32 would round them.
    np.testing.assert_array_equal(problem.counts, counts)
    recent = counts[-24:].mean(axis=0)
    for name, margins in members.items():
        assert np.isfinite(margins.cdf).all(), name
        assert np.isfinite(margins.mean).all(), name
        assert (np.diff(margins.cdf, axis=-1) >= 0).all(), name
        if kind in ("to ten million", "a million times the others") and name != "zero":
            largest = margins.quantile([0.5])[0, -1]
            assert 0.3 * recent[-1] < largest < 3 * recent[-1], name
        if kind == "zeros":
            assert (margins.prob_at_least(1) < 0.01).all(), name


def test_the_endemic_epidemic_member_keeps_small_countries_apart_from_a_large_one() -> None:
    counts = counts_of("to ten million")
    _, members = members_of(counts)
    means, recent = members["endemic_epidemic"].mean, counts[-24:].mean(axis=0)
    assert (means[1:] < 3 * recent[1:]).all()
    assert (means[1:] > recent[1:] / 3).all()
    assert means[0] < 1e-3


def test_a_background_of_ten_million_is_found() -> None:
    rng = np.random.default_rng(2)
    counts = rng.negative_binomial(5.0, 5.0 / (5.0 + 1e7), 400).astype(float)
    ones = np.ones((400, 1))
    model = AdditiveMeanNB(counts, ones, np.zeros((400, 1)), ones, np.ones(400))
    params, account = model.fit_bounded(np.array([10.0, 0.0, 0.0, 0.0]))
    assert account["converged"]
    assert np.exp(params[0]) == pytest.approx(counts.mean(), rel=0.05)


def test_draws_beyond_two_thousand_million_are_whole_and_wide_enough() -> None:
    counts = counts_of("to ten million").astype(np.int64)
    counts[:, 5] *= 1_000
    _, members = members_of(counts)
    draws = members["conflictology_12"].stratified(100)
    assert draws.dtype == np.int64
    # A baseline's sample is smeared over a bin of at most one 32nd of its size.
    assert draws[:, 5].max() == pytest.approx(counts[-12:, 5].max(), rel=1 / 32)
