"""Leaving a member out costs what it was worth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from make_records import make_margins, make_record

from harmattan.training.evaluation.leave_one_out import _verdict, leave_one_out
from harmattan.training.margins import mix
from harmattan.training.record import Record

MEMBERS = ("conflictology_12", "twice", "pool")


def record_of(members: tuple[str, ...] = MEMBERS, missing: bool = False) -> Record:
    return make_record(missing=missing, pooled=members)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return leave_one_out([record_of()], np.random.default_rng(1)).set_index("left_out")


def test_who_knows_the_truth_is_worth_most_and_who_doubles_it_is_worth_least(table: pd.DataFrame) -> None:
    assert list(table.index) == ["", *MEMBERS]
    assert table.loss_without["pool"] > 0 > table.loss_without["twice"]
    assert table.loss_without.drop("").idxmax() == "pool"
    assert (table.loss_without_low <= table.loss_without).all()
    assert (table.loss_without <= table.loss_without_high).all()


@pytest.mark.parametrize("missing", [False, True])
def test_figures_are_those_of_a_plain_loop(missing: bool) -> None:
    record = record_of(missing=missing)
    table = leave_one_out([record], np.random.default_rng(1)).set_index("left_out")
    margins, _, _ = make_margins()
    errors = []
    for i, observed in enumerate(record.observed):
        two = mix([margins[n][i] for n in ("conflictology_12", "pool")], np.array([0.5, 0.5]))
        for region, y in enumerate(observed):
            if np.isfinite(y):
                wide = two.widened(int(y) + 2)
                steps = np.arange(wide.points) >= y
                errors.append(float(((wide.cdf[region] - steps) ** 2).sum()))
    assert table.crps["twice"] == pytest.approx(np.mean(errors), rel=1e-9)
    assert table.loss_without["twice"] == pytest.approx(1 - table.crps[""] / table.crps["twice"], rel=1e-9)
    assert table.best_baseline[""] == "conflictology_12"


def test_a_pool_of_one_has_nobody_to_leave_out() -> None:
    table = leave_one_out([record_of(("pool",))], np.random.default_rng(1))
    assert table.left_out.tolist() == [""]
    assert table.loss_without.tolist() == [0.0]


def test_every_member_has_a_verdict(table: pd.DataFrame) -> None:
    assert table.verdict[""] == "the whole pool"
    assert table.verdict["pool"] == "of use"
    assert table.verdict["twice"] == "no measurable use: the interval covers zero"
    assert table.skill_vs_zero["pool"] > table.skill_vs_zero["twice"] > 0


def test_a_member_that_the_pool_is_clearly_better_without_is_to_be_dropped() -> None:
    assert _verdict("twice", (-0.02, -0.03, -0.01), beats_zero=True) == "in the way: to be dropped"


def test_a_member_that_does_not_beat_zero_is_to_be_dropped() -> None:
    table = leave_one_out([record_of(("pool", "zero"))], np.random.default_rng(1)).set_index("left_out")
    assert table.verdict["zero"] == "no better than zero: to be dropped"
    assert table.skill_vs_zero["zero"] == pytest.approx(0.0)
