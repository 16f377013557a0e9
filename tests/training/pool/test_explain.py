"""Contributions add up to what they explain, and go where the world has its causes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from small_worlds import ladder_links, ladder_panel, panel_of, problem_of

from harmattan.training.models.base import Problem
from harmattan.training.models.baselines import Conflictology, NeighbourConflictology
from harmattan.training.models.boosted import BoostedEndemicEpidemic
from harmattan.training.models.exponential_nb import ExponentialNB
from harmattan.training.models.leaf_calibrated import LeafCalibrated
from harmattan.training.models.smoothed_conflictology import SmoothedConflictology
from harmattan.training.pool.explain import FAMILIES, explain_member, explain_pool, logarithmic_mean
from harmattan.training.pool.fitted import FittedPool, fit_pool


@pytest.fixture(scope="module")
def problem() -> Problem:
    return problem_of(ladder_panel(4, 120))


@pytest.fixture(scope="module")
def boosted(problem: Problem) -> BoostedEndemicEpidemic:
    return BoostedEndemicEpidemic(trees=40, learning_rate=0.2, min_leaf=20).fit(
        problem, problem.panel.months[-1], 1
    )


def whole(parts: dict[str, np.ndarray]) -> np.ndarray:
    return np.sum(list(parts.values()), axis=0)


@pytest.mark.parametrize("horizon", [1, 4])
def test_the_parts_of_the_pool_sum_to_its_mean(problem: Problem, horizon: int) -> None:
    origin = problem.panel.months[-1]
    pool = fit_pool(problem, origin, horizon)
    said = pool.margins(problem, origin)
    parts = explain_pool(pool, problem, origin, said)
    assert tuple(parts) == FAMILIES
    np.testing.assert_allclose(whole(parts), said["pool"].mean, rtol=1e-9)


def test_weights_of_the_pool_weigh_its_parts(problem: Problem) -> None:
    origin = problem.panel.months[-1]
    members = {
        "conflictology_12": Conflictology(12),
        "smoothed_conflictology": SmoothedConflictology(pull=0.3).fit(problem, origin, 1),
    }
    pool = FittedPool(1, members, {"conflictology_12": 0.25, "smoothed_conflictology": 0.75})
    parts = explain_pool(pool, problem, origin)
    recent = problem.counts[-12:].mean(axis=0)
    np.testing.assert_allclose(parts["own history"], (0.25 + 0.75 * 0.7) * recent, atol=1e-3)
    np.testing.assert_allclose(parts["baseline"], 0.75 * 0.3 * recent.mean(), atol=1e-3)


@pytest.mark.parametrize("kind", ["boosted", "leaf_calibrated"])
def test_trees_are_told_by_the_families_of_their_features(
    problem: Problem, boosted: BoostedEndemicEpidemic, kind: str
) -> None:
    origin = problem.panel.months[-1]
    member = boosted if kind == "boosted" else LeafCalibrated(boosted).fit(problem, origin, 1)
    mean = member.margins(problem, origin).mean
    parts = explain_member(member, problem, origin, mean)
    np.testing.assert_allclose(whole(parts), mean, rtol=1e-9)
    said = boosted.booster_.predict(problem.cube.values[-1], raw_score=True)
    assert np.abs(said).max() > 0.05  # the trees have something to add here


def test_trees_that_never_saw_an_event_leave_their_start(problem: Problem) -> None:
    empty = problem_of(panel_of(np.zeros((60, 8)), links=ladder_links()))
    origin = empty.panel.months[-1]
    member = BoostedEndemicEpidemic().fit(empty, origin, 1)
    parts = explain_member(member, empty, origin, member.mean(empty, origin))
    np.testing.assert_allclose(whole(parts), member.mean(empty, origin), rtol=1e-9)


def test_neighbours_are_told_by_their_side_of_the_border(problem: Problem) -> None:
    origin, member = problem.panel.months[-1], NeighbourConflictology(share=0.4)
    mean = member.margins(problem, origin).mean
    parts = explain_member(member, problem, origin, mean)
    np.testing.assert_allclose(whole(parts), mean, rtol=1e-9)
    recent = problem.counts[-12:].mean(axis=0)
    # The first region's neighbours: the next one at home, and the first one of the other country.
    assert parts["domestic neighbours"][0] == pytest.approx(0.2 * recent[1])
    assert parts["across the border"][0] == pytest.approx(0.2 * recent[4])


def test_the_smoother_splits_into_its_own_and_the_pooled_level(problem: Problem) -> None:
    origin = problem.panel.months[-1]
    member = ExponentialNB().fit(problem, origin, 1)
    mean = member.margins(problem, origin).mean
    parts = explain_member(member, problem, origin, mean)
    np.testing.assert_allclose(whole(parts), mean, rtol=1e-9)
    # The pooled level is one number, and the same pull takes it to every region.
    assert np.ptp(parts["baseline"]) < 1e-5
    assert parts["baseline"].max() > 0


def test_a_country_in_flames_is_told_across_the_border() -> None:
    rng = np.random.default_rng(8)
    fire = np.repeat(rng.gamma(0.3, 20.0, size=(30, 1)), 5, axis=0)[:144]
    home = rng.poisson(np.repeat(fire, 4, axis=1))
    away = rng.poisson(0.4 * np.vstack([home[:1], home[:-1]]))
    problem = problem_of(panel_of(np.hstack([home, away])[:144], links=ladder_links()))
    pool = fit_pool(problem, pd.Period("2012-11", "M"), 1)
    table = explain_pool(pool, problem, pd.Period("2012-11", "M"))
    assert table["across the border"][4:].sum() > table["across the border"][:4].sum()


def test_the_logarithmic_mean_is_between_its_arguments_and_smooth() -> None:
    a, b = np.array([1.0, 1.0, 5.0, 1e-3]), np.array([1.0, 1.0 + 1e-9, 2.0, 10.0])
    found = logarithmic_mean(a, b)
    assert (found >= np.minimum(a, b)).all()
    assert (found <= np.maximum(a, b)).all()
    np.testing.assert_allclose(found[2:] * np.log(a[2:] / b[2:]), a[2:] - b[2:], rtol=1e-12)
