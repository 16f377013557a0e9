"""A back-test gives the same bits in one process, in two, and on a cluster."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import PoissonRegressor

from harmattan.data.snapshot import load_snapshot
from harmattan.features import Lag, Sum
from harmattan.features.recipe import Recipe
from harmattan.training.evaluation import backtest
from harmattan.training.models.base import Problem
from harmattan.training.own import Regressor

MINE = Regressor(PoissonRegressor(alpha=1.0), features=Recipe([Lag(0), Sum(12)]), name="mine")
MEMBERS = ("conflictology_12", "endemic_epidemic", "boosted", MINE)
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


def test_records_do_not_depend_on_where_they_were_made(scheduler: str) -> None:
    panel = load_snapshot().panel.until("2020-06").select(countries=["MLI", "BFA"])
    problem = Problem(panel, Recipe.default().build(panel))
    origins = tuple(pd.period_range("2019-11", "2020-01", freq="M"))
    one, *others = (
        backtest.run_backtest(
            problem, origins, (1, 3), panel.region_ids, members=MEMBERS, warm_up=13, **where
        )
        for where in ({"workers": 1}, {"workers": 2}, {"scheduler": scheduler})
    )
    assert [record.horizon for record in one] == [1, 3]
    for other in others:
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a.observed, b.observed)
            np.testing.assert_array_equal(a.history, b.history)
            pd.testing.assert_frame_equal(a.weights, b.weights, check_exact=True)
            assert a.members == b.members
            for name, values in a.values.items():
                np.testing.assert_array_equal(values, b.values[name])
            np.testing.assert_array_equal(a.errors.score, b.errors.score)
