"""The search: inside its origins, resumable to the bit, worth what a plain loop says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import PoissonRegressor
from tuning_world import months, plan_of, world

from harmattan.data.errors import TrackingError, UsageError
from harmattan.features import Lag, Recipe, Sum
from harmattan.training import tuning
from harmattan.training.models.baselines import Conflictology
from harmattan.training.models.smoothed_conflictology import SmoothedConflictology
from harmattan.training.own import Regressor
from harmattan.training.search_space import SEARCH_SPACE, check_searchable, space_of
from harmattan.training.tuning import Trial, best_trial, block_score, search

pytestmark = pytest.mark.slow

pytest.importorskip("optuna")


def test_every_declared_parameter_is_one_and_its_default_lies_inside() -> None:
    for member, space in SEARCH_SPACE.items():
        shipped = replace(plan_of(), member=member).defaults
        for name, part in space.items():
            assert part.low <= shipped[name] <= part.high, (member, name)


def test_the_shipped_parameters_come_first_and_score_what_a_loop_says(tmp_path: Path) -> None:
    problem, plan = world(), plan_of()
    (first,) = search(problem, plan, 1, tmp_path)
    assert first.params == plan_of().defaults
    ratios = []
    for h in plan.horizons:
        sums = np.zeros(2)
        for block in plan.blocks:
            for i, member in enumerate((SmoothedConflictology(), Conflictology(12))):
                member.fit(problem, block[0], h)
                for origin in block:
                    counts = problem.counts[problem.row(origin) + h].astype(int)
                    sums[i] += member.margins(problem, origin).crps(counts).sum()
        ratios.append(sums[0] / sums[1])
    assert first.score == pytest.approx(np.mean(ratios), rel=1e-12)


@pytest.fixture(scope="module")
def sixteen(tmp_path_factory: pytest.TempPathFactory) -> list[Trial]:
    """A search that nobody stopped."""
    return list(search(world(), plan_of(), 16, tmp_path_factory.mktemp("whole")))


@pytest.mark.slow
def test_a_search_that_was_stopped_ends_as_one_that_was_not(sixteen: list[Trial], tmp_path: Path) -> None:
    problem, plan = world(), plan_of()
    whole = sixteen[:11]
    search(problem, plan, 4, tmp_path / "parts")
    parts = search(problem, plan, 11, tmp_path / "parts")
    assert whole == list(parts)
    assert len(whole) == 11
    assert search(problem, plan, 5, tmp_path / "parts") == parts


def test_a_trial_that_a_killed_process_left_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem, plan = world(), plan_of()
    search(problem, plan, 1, tmp_path)
    real = tuning.block_score

    def killed(*given: object) -> float:
        if given[1] == "smoothed_conflictology":
            raise KeyboardInterrupt
        return real(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(tuning, "block_score", killed)
        with pytest.raises(KeyboardInterrupt):
            search(problem, plan, 2, tmp_path)
    assert len([t for t in search(problem, plan, 2, tmp_path) if t.state == "complete"]) == 2


KILLED = """
import os, sys
from pathlib import Path
from tuning_world import plan_of, world
from harmattan.features import Lag, Recipe, Sum
from harmattan.training import tuning

real = tuning.block_score
def killed(*given):
    if given[1] != "conflictology_12":
        os.kill(os.getpid(), 9)
    return real(*given)
tuning.block_score = killed
tuning.search(world(), plan_of(), 3, Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_a_search_that_was_killed_in_its_first_trial_begins_with_what_is_shipped(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "killed")], env=environment)
    assert done.returncode == -signal.SIGKILL
    taken_up = search(world(), plan_of(), 3, tmp_path / "killed")
    assert taken_up[0].params == plan_of().defaults
    assert taken_up == search(world(), plan_of(), 3, tmp_path / "whole")


def test_a_search_that_was_interrupted_in_its_first_trial_begins_with_what_is_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*given: object) -> float:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tuning, "_try", interrupted)
        with pytest.raises(KeyboardInterrupt):
            search(world(), plan_of(), 3, tmp_path)
    (first,) = search(world(), plan_of(), 1, tmp_path)
    assert first.params == plan_of().defaults


@pytest.mark.slow
def test_hopeless_trials_are_given_up(tmp_path: Path) -> None:
    found = search(world(), plan_of(years=3), 16, tmp_path)
    pruned = [t for t in found if t.state == "pruned"]
    assert pruned
    assert all(t.score is None and len(t.steps) < 3 for t in pruned)


def test_hopeless_trials_are_given_up_in_as_many_origins_as_are_usual(sixteen: list[Trial]) -> None:
    """24 origins are two years: a trial can only be given up after the first."""
    assert len(plan_of().blocks) == 2
    pruned = [t for t in sixteen if t.state == "pruned"]
    assert pruned
    assert all(t.score is None and len(t.steps) == 1 for t in pruned)


def test_no_month_after_the_last_outcome_matters() -> None:
    problem, plan = world(), plan_of()
    keep = np.ones(8, dtype=bool)
    last = problem.row(plan.origins[-1]) + max(plan.horizons)
    changed = world(lambda counts: np.where(np.arange(len(counts))[:, None] > last, 99, counts))
    for block in plan.blocks:
        one, other = (
            block_score(p, "smoothed_conflictology", {}, 2, block, keep) for p in (problem, changed)
        )
        assert one == other


def test_another_past_is_another_study() -> None:
    one, other = plan_of(), plan_of(years=3)
    assert one.name != other.name
    assert one.name == plan_of().name


@pytest.mark.parametrize("member", ["boosted_", "zero"])
def test_a_member_without_a_space(member: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no parameters of"):
        check_searchable(member)


def test_a_study_that_cannot_be_kept(tmp_path: Path) -> None:
    (tmp_path / "tuning.db").write_text("this is not a database" * 50, encoding="utf-8")
    with pytest.raises(TrackingError, match="cannot be remembered"):
        search(world(), plan_of(), 1, tmp_path)


def test_origins_without_events(tmp_path: Path) -> None:
    def quiet(counts: np.ndarray) -> np.ndarray:
        return np.where(np.arange(len(counts))[:, None] >= 60, 0, counts)

    with pytest.raises(UsageError, match="nothing happens"):
        search(world(quiet), plan_of(first=months()[80]), 1, tmp_path)


def test_the_best_is_the_lowest_that_was_finished() -> None:
    trials = [
        Trial(0, {}, "complete", 0.9, {}),
        Trial(1, {}, "pruned", None, {0: 0.1}),
        Trial(2, {}, "complete", 0.8, {}),
        Trial(3, {}, "complete", 0.8, {}),
    ]
    winner = best_trial(trials)
    assert winner is not None
    assert winner.number == 2
    assert best_trial(trials[1:2]) is None


def mine() -> Regressor:
    return Regressor(PoissonRegressor(alpha=1.0), features=Recipe([Lag(0), Sum(12)]), name="mine")


SPACE = {"estimator__alpha": (0.01, 100.0), "recency_half_life": (12.0, 120.0)}


def own_plan() -> tuning.Search:
    return replace(plan_of(), member="mine", own=mine(), given=space_of(mine(), SPACE))


@pytest.mark.filterwarnings("default")
def test_one_s_own_member_is_searched_alike_here_and_on_two_worker_processes(
    scheduler: str, tmp_path: Path
) -> None:
    here = search(world(), own_plan(), 3, tmp_path / "here")
    assert here[0].params == {"estimator__alpha": 1.0, "recency_half_life": 60.0}
    assert len({trial.score for trial in here}) == 3
    assert search(world(), own_plan(), 3, tmp_path / "there", scheduler=scheduler) == here
    other = replace(own_plan(), own=mine().set_params(size=3.0))
    assert other.name != own_plan().name


def test_one_s_own_member_sees_nothing_after_its_origin() -> None:
    plan = own_plan()
    block, keep = plan.blocks[0][:1], np.ones(8, dtype=bool)
    end = months().get_loc(block[0])

    def later(counts: np.ndarray) -> np.ndarray:
        changed = counts.copy()
        changed[end + 2 :] = 50
        return changed

    one, two = (block_score(w, mine(), {}, 1, block, keep) for w in (world(), world(later)))
    assert one == two


@pytest.mark.parametrize(
    ("member", "space", "words"),
    [
        (mine(), None, "what is to be searched is not said"),
        (
            mine(),
            {"estimator__alfa": (0, 1)},
            "'estimator__alfa' is no parameter.*Did you mean 'estimator__alpha'",
        ),
        (mine(), {"estimator__alpha": (2.0, 9.0)}, "no range of estimator__alpha, which is 1.0"),
        (mine(), {"name": ("a", "b")}, "no range of name"),
        ("boosted", SPACE, "is declared"),
        (object(), SPACE, r"has no get_params\(\)"),
    ],
)
def test_what_cannot_be_searched_is_named(member: object, space: dict | None, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check_searchable(member, space)
