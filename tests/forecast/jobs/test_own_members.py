"""A user's own member from the training to the publication: pooled, registered, read again, published."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import PoissonRegressor
from small_worlds import ladder_panel

from harmattan.data.errors import ModelError
from harmattan.features import Lag, Recipe, Sum
from harmattan.forecast.jobs import select_model, train
from harmattan.forecast.publishing import publish
from harmattan.forecast.run import run_forecast
from harmattan.forecast.settings import Settings
from harmattan.training.own import Regressor

MINE = Regressor(PoissonRegressor(alpha=1.0), features=Recipe([Lag(0), Sum(3), Sum(12)]), name="mine")
TRUSTED = ("sklearn.linear_model.PoissonRegressor",)


def settings_of(folder: Path) -> Settings:
    panel = folder / "panel.parquet"
    ladder_panel(months=120).write_parquet(panel)
    return Settings(
        panel=panel,
        horizons=(1, 2),
        targets=("events",),
        draws=100,
        workers=1,
        seed=5,
        backtest_origins=14,
        out=folder / "releases",
        mlruns=folder / "mlruns",
        track=False,
        parts=False,
    )


@pytest.mark.slow
def test_an_own_member_is_trained_registered_and_published(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    outcome = train(settings, members=["...", MINE])
    board = outcome.training.evaluation["events"].leaderboard
    assert {"mine", "pool"} <= set(board["member"])
    weights = outcome.training.trained.pools["events", 1].weights
    assert 0 <= weights["mine"] <= 1
    champion = replace(settings, model=outcome.version)
    # Another session of the same user: what was declared is imported, nothing else.
    with pytest.raises(ModelError, match="PoissonRegressor, which is not declared"):
        run_forecast(champion, trained=select_model(champion).trained)
    trusting = replace(champion, trusted=TRUSTED)
    here = run_forecast(trusting, trained=outcome.training.trained).draws["events"]
    there = run_forecast(trusting, trained=select_model(trusting).trained).draws["events"]
    np.testing.assert_array_equal(here.values, there.values)
    done = publish(replace(trusting, run_date=date(2011, 1, 20)))
    assert done.model["version"] == outcome.version
    assert "reason" not in done.model


@pytest.mark.slow
def test_leaving_an_own_member_out_changes_the_forecast(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    with_it = run_forecast(settings, members=["...", MINE])
    without = run_forecast(settings)
    assert "mine" in set(with_it.scores["member"])
    assert (with_it.draws["events"].values != without.draws["events"].values).any()
    assert with_it.draws["events"].values.shape == without.draws["events"].values.shape
