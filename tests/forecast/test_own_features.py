"""Covariates, recipes and functions of one's own from the settings to a forecast."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import PoissonRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_worlds import LADDER, ladder_panel

from harmattan.data.errors import ConfigError, SchemaError, UsageError
from harmattan.features import Lag, Mean, Recipe, Sum
from harmattan.forecast.jobs import backtest, train
from harmattan.forecast.loading import load_inputs
from harmattan.forecast.own_features import recipe_of
from harmattan.forecast.publishing import publish
from harmattan.forecast.run import run_forecast
from harmattan.forecast.settings import Settings
from harmattan.training.own import Regressor


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A panel, a table of rain with a lag of a month, and a recipe that uses both."""
    folder = tmp_path_factory.mktemp("own")
    panel = ladder_panel(months=120)
    panel.write_parquet(folder / "panel.parquet")
    rng = np.random.default_rng(4)
    rain = pd.DataFrame({"month": panel.months[:-1].repeat(8).astype(str), "region_id": list(LADDER) * 119})
    rain.assign(rain=rng.gamma(2, 10, len(rain)).round(1)).to_csv(folder / "rain.csv", index=False)
    wet = Lag(1, of="rain")
    (folder / "mine.toml").write_text(Recipe([Lag(0), Sum(12), wet, Sum(3, of=wet)]).to_toml())
    return Settings(
        panel=folder / "panel.parquet",
        covariates=(f"{folder}/rain.csv:lag=1",),
        recipe=folder / "mine.toml",
        horizons=(1,),
        targets=("events",),
        members=("boosted", "conflictology_12"),
        draws=50,
        workers=1,
        backtest_origins=0,
        mlruns=folder / "mlruns",
        out=folder / "releases",
        track=False,
        parts=False,
    )


def test_covariates_of_the_settings_are_measures_and_the_recipe_reads_them(world: Settings) -> None:
    panel = load_inputs(world).panel
    assert panel.attrs["delays"] == {"rain": 1}
    assert recipe_of(world, panel).names[-2:] == ("rain_lag1", "rain_lag1_sum3")
    usual = recipe_of(replace(world, recipe=None), panel).names
    assert {"rain_lag1", "rain_lag1_mean12"} <= set(usual)


def test_features_of_a_covariate_are_in_its_own_unit_and_those_of_a_group_in_events() -> None:
    panel = ladder_panel(months=60)
    panel = replace(panel, measures={**panel.measures, "events_mine": panel.measures["events"]})
    rain = pd.DataFrame({"month": panel.months.astype(str), "country": panel.countries[0], "rain": 3.0})
    wet = panel.with_covariates(rain, lag=0)
    recipe = Recipe(
        [
            Lag(0),
            Lag(1, of="rain"),
            Sum(3, of=Lag(1, of="rain")),
            Lag(0, of="mine"),
            Mean(3, of=Lag(0, of="mine")),
        ]
    )
    assert recipe.build(wet).units == ("events", "rain", "rain", "events", "events per month")


@pytest.mark.slow
def test_what_the_settings_bring_changes_the_forecast_of_one_s_own_model(world: Settings) -> None:
    estimator = make_pipeline(SimpleImputer(), StandardScaler(), PoissonRegressor(alpha=0.1))
    mine = ["conflictology_12", Regressor(estimator, name="wet")]
    one = run_forecast(world, members=mine).draws["events"].values
    wet = pd.read_csv(world.covariates[0].split(":")[0])
    other = Path(world.covariates[0].split(":")[0]).with_name("wetter.csv")
    wet.assign(rain=wet["rain"].sample(frac=1, random_state=1).to_numpy()).to_csv(other, index=False)
    assert (
        run_forecast(replace(world, covariates=(f"{other}:lag=1",)), members=mine).draws["events"].values
        != one
    ).any()


@pytest.mark.slow
def test_covariates_and_recipe_go_through_back_test_training_registry_and_publication(
    world: Settings,
) -> None:
    panel = load_inputs(world).panel
    board = backtest(
        panel, origins=("2009-01", "2009-12"), horizons=[1], recipe=world.recipe, workers=1
    ).leaderboard
    assert "pool" in set(board["member"])
    outcome = train(world)
    assert outcome.training.trained.recipe.names[-1] == "rain_lag1_sum3"
    served = replace(world, model=outcome.version, recipe=None, members=(), run_date=date(2011, 1, 20))
    assert publish(served).model["version"] == outcome.version


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"covariates": ("rain.csv",)}, ConfigError, "is no table with a lag"),
        ({"covariates": ("rain.csv:lag=x",)}, ConfigError, "is no table with a lag"),
        ({"functions": ("wave=os.nothing",)}, ConfigError, "'os.nothing' cannot be imported"),
        ({"functions": ("wave=math.sin",)}, ConfigError, "the recipe has no function 'wave'"),
        ({"functions": ("wave=math.sin",), "recipe": None}, ConfigError, "no recipe that has them"),
    ],
)
def test_what_cannot_be_meant_is_refused(world: Settings, changes: dict, kind: type, words: str) -> None:
    with pytest.raises(kind, match=words):
        recipe_of(replace(world, **changes), load_inputs(replace(world, **changes)).panel)


def test_a_recipe_that_ignores_the_lag_or_a_table_that_ends_stops_the_run(
    world: Settings, tmp_path: Path
) -> None:
    (tmp_path / "early.toml").write_text(Recipe([Lag(0), Lag(0, of="rain")]).to_toml())
    with pytest.raises(UsageError, match=r"rain_lag0.*published after 1 months"):
        run_forecast(replace(world, recipe=tmp_path / "early.toml"))
    file = Path(world.covariates[0].split(":")[0])
    lines = file.read_text().splitlines(keepends=True)
    (tmp_path / "short.csv").write_text("".join(lines[:-16]))
    with pytest.raises(SchemaError, match="rain of AAA-1 and 7 more regions ends in"):
        run_forecast(replace(world, covariates=(f"{tmp_path}/short.csv:lag=1",)))
    inputs = load_inputs(replace(world, covariates=(f"{tmp_path}/short.csv:lag=1:last",)))
    assert (
        "Last known values stand for newer ones: rain for 2 months."
        in inputs.verdict(inputs.quality(pd.Timestamp("2010-12-31").date()))[1]
    )
