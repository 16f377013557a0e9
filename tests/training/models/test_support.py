"""No member expects more than its record supports."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harmattan.data.panel import Panel
from harmattan.training.models.base import Problem
from harmattan.training.models.catalogue import fit_members
from harmattan.training.models.support import supported
from harmattan.training.problems import build_problems

MONTHS = pd.period_range("2000-01", periods=120, freq="M")
MODELS = ("exponential_nb", "exponential_nb_long", "endemic_epidemic", "boosted")


def problem_of(counts: np.ndarray) -> Problem:
    regions = counts.shape[1]
    frame = pd.DataFrame(
        {
            "month": np.repeat(MONTHS.astype(str), regions),
            "region_id": [f"AAA-r{i}" for i in range(regions)] * len(MONTHS),
            "events": counts.ravel(),
        }
    )
    return build_problems(Panel.from_frame(frame), ["events"])["events"]


@pytest.fixture(scope="module")
def outbreak() -> np.ndarray:
    """A quiet country with one enormous month in one place, nearly at the end."""
    rng = np.random.default_rng(5)
    counts = rng.poisson(0.4, (len(MONTHS), 8))
    counts[-2, 3] = 5_000
    return counts


def test_what_the_record_supports_is_left_alone_and_what_leaves_it_is_tapered(outbreak: np.ndarray) -> None:
    problem = problem_of(outbreak)
    row = np.array([60])
    own = np.array([pd.Series(outbreak[:61, i]).rolling(6).mean().max() for i in range(8)])
    limit = np.maximum(own, np.median(own))
    np.testing.assert_array_equal(supported(problem, row, limit[None] * 0.9)[0], limit * 0.9)
    np.testing.assert_allclose(supported(problem, row, limit[None] * np.e)[0], 2 * limit)


def test_a_later_month_changes_nothing(outbreak: np.ndarray) -> None:
    changed = outbreak.copy()
    changed[61:] = 900
    row, mean = np.array([60]), np.full((1, 8), 7.0)
    one, two = (supported(problem_of(c), row, mean) for c in (outbreak, changed))
    np.testing.assert_array_equal(one, two)


def test_no_model_explodes_after_one_enormous_outbreak(outbreak: np.ndarray) -> None:
    problem = problem_of(outbreak)
    limit = supported(problem, np.array([119]), np.full((1, 8), 1e9))
    for horizon in (1, 6):
        for name, member in fit_members(problem, MONTHS[-1], horizon, MODELS).items():
            margins = member.margins(problem, MONTHS[-1])
            assert np.isfinite(margins.mean).all(), name
            assert (margins.mean <= limit[0]).all(), name
            # The largest mean of six months is 5,000 / 6; what was expected beyond it is tapered.
            assert margins.mean[3] < 5 * 5_000 / 6, name


@pytest.mark.parametrize("kind", ["zeros", "single"])
def test_panels_of_nearly_nothing_give_nearly_nothing(kind: str) -> None:
    counts = np.zeros((len(MONTHS), 6), dtype=int)
    if kind == "single":
        counts[10, 2] = 1
    problem = problem_of(counts)
    for name, member in fit_members(problem, MONTHS[-1], 6, MODELS).items():
        mean = member.margins(problem, MONTHS[-1]).mean
        assert np.isfinite(mean).all(), name
        assert (mean < 0.05).all(), name
