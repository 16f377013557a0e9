"""In memory: fit, predict, update, save and load; a forecast without files; draws for other libraries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import PoissonRegressor
from small_worlds import LADDER, ladder_links, ladder_panel

from harmattan.data.errors import ConfigError, HarmattanError, ModelError, SchemaError, UsageError
from harmattan.data.panel import Panel
from harmattan.features import Lag, Recipe, Sum
from harmattan.forecast.jobs import Forecaster, run_forecast
from harmattan.forecast.settings import Settings
from harmattan.training.own import ForecastTable, Regressor

SMALL = {"horizons": [1, 2], "draws": 100, "workers": 1, "backtest_origins": 14}
MINE = Regressor(PoissonRegressor(), features=Recipe([Lag(0), Sum(12)]), name="mine")
MEMBERS = ["conflictology_12", "exponential_nb", MINE]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return ladder_panel(months=100).to_frame().drop(columns=["deaths_best"])


def known(frame: pd.DataFrame, last: str) -> pd.DataFrame:
    return frame[frame["month"] <= last]


@pytest.fixture(scope="module")
def fitted(frame: pd.DataFrame) -> Forecaster:
    return Forecaster(members=MEMBERS, **SMALL).fit(known(frame, "2008-12"), ladder_links())


def test_it_predicts_draws_quantiles_and_probabilities_that_agree(fitted: Forecaster) -> None:
    draws = fitted.predict()
    assert (draws.values.shape, draws.horizons, draws.region_ids) == ((100, 2, 8), (1, 2), LADDER)
    assert draws.origin == pd.Period("2008-12", "M")
    quantiles = fitted.predict_quantiles([0.1, 0.9], horizons=2)
    np.testing.assert_array_equal(quantiles["q0.9"], draws.quantile([0.9])[0, 1])
    assert set(quantiles["month"]) == {"2009-02"}
    chance = fitted.predict_proba(at_least=5)
    np.testing.assert_array_equal(chance["probability"], draws.prob_at_least(5).ravel())
    assert fitted.weights.groupby("horizon")["weight"].sum().tolist() == pytest.approx([1, 1])
    assert "mine" in set(fitted.scores["member"])


@pytest.mark.slow
def test_it_is_the_forecast_of_a_run_without_spillover(frame: pd.DataFrame, fitted: Forecaster) -> None:
    settings = Settings(
        targets=("events",),
        horizons=(1, 2),
        draws=100,
        workers=1,
        backtest_origins=14,
        spillover_regions=0,
        parts=False,
    )
    result = run_forecast(settings, members=MEMBERS, panel=known(frame, "2008-12"), links=ladder_links())
    np.testing.assert_array_equal(result.draws["events"].values, fitted.predict().values)


@pytest.mark.slow
def test_new_months_move_the_origin_and_nothing_that_was_learned(frame: pd.DataFrame, tmp_path: Path) -> None:
    model = Forecaster(members=MEMBERS, **SMALL).fit(known(frame, "2008-12"), ladder_links())
    weights = model.weights
    model.save(tmp_path / "before")
    model.update(pl.from_pandas(frame[(frame["month"] > "2008-12") & (frame["month"] <= "2009-03")]))
    assert model.origin == pd.Period("2009-03", "M")
    pd.testing.assert_frame_equal(model.weights, weights)
    model.save(tmp_path / "after")
    again = Forecaster.load(tmp_path / "after", trusted=MINE.needs(), workers=1)
    np.testing.assert_array_equal(again.predict().values, model.predict().values)
    older = Forecaster.load(tmp_path / "before", trusted=MINE.needs(), workers=1).update(
        known(frame, "2009-03")
    )
    np.testing.assert_array_equal(older.predict().values, model.predict().values)
    assert {p.suffix for p in (tmp_path / "after").rglob("*") if p.is_file()} <= {".json", ".csv", ".txt"}
    with pytest.raises(ModelError, match="which is not declared"):
        Forecaster.load(tmp_path / "after").predict()


def test_what_cannot_be_meant_is_refused(frame: pd.DataFrame, fitted: Forecaster, tmp_path: Path) -> None:
    wrong = {
        "is not fitted": (ModelError, lambda: Forecaster().predict()),
        "horizons start at 1": (ConfigError, lambda: Forecaster(horizons=[0, 1])),
        "is not a target": (ConfigError, lambda: Forecaster(target="event")),
        "the horizon 9 was not forecast": (UsageError, lambda: fitted.predict(9)),
        "are no levels": (UsageError, lambda: fitted.predict_quantiles([10])),
        "0 is no count": (UsageError, lambda: fitted.predict_proba(at_least=0)),
        "Begin with 2009-01": (SchemaError, lambda: fitted.update(known(frame, "2008-11"))),
        "leave none out": (SchemaError, lambda: fitted.update(frame[frame["month"] > "2009-02"])),
        "is not in both": (SchemaError, lambda: fitted.update(frame[frame["region_id"] != "AAA-1"])),
        "there are no deaths": (UsageError, lambda: Forecaster(target="deaths").fit(frame)),
        "no stored forecaster": (ModelError, lambda: Forecaster.load(tmp_path)),
        "a panel has its links": (UsageError, lambda: Forecaster().fit(ladder_panel(), ladder_links())),
    }
    for words, (kind, call) in wrong.items():
        with pytest.raises(kind, match=words) as caught:
            call()
        assert isinstance(caught.value, HarmattanError)


def test_a_run_in_memory_takes_polygons_and_refuses_what_it_does_not_do(
    frame: pd.DataFrame, tmp_path: Path
) -> None:
    features = [
        {
            "type": "Feature",
            "properties": {"region_id": r, "name": r, "country": r[:3]},
            "geometry": {
                "type": "Polygon",
                "coordinates": [
                    [
                        [i % 4, i // 4],
                        [i % 4 + 1, i // 4],
                        [i % 4 + 1, i // 4 + 1],
                        [i % 4, i // 4 + 1],
                        [i % 4, i // 4],
                    ]
                ],
            },
        }
        for i, r in enumerate(LADDER)
    ]
    geojson = {"type": "FeatureCollection", "features": features}
    small = Settings(
        targets=("events",),
        horizons=(1,),
        draws=50,
        workers=1,
        backtest_origins=0,
        spillover_regions=0,
        parts=False,
    )
    result = run_forecast(small, members=["conflictology_12"], panel=frame, regions=geojson)
    assert result.regions is not None
    assert result.panel.links is not None
    assert len(result.panel.links) == 10
    only_deaths = frame.rename(columns={"events": "deaths"})
    assert set(
        run_forecast(
            Settings(horizons=(1,), draws=50, workers=1, backtest_origins=0, spillover_regions=0),
            members=["conflictology_12"],
            panel=only_deaths,
        ).draws
    ) >= {"deaths"}
    for words, call in {
        "makes no run": lambda: run_forecast(Settings(track=True), panel=frame),
        "no model has been trained here": lambda: run_forecast(
            Settings(model="nosuch", mlruns=tmp_path), panel=frame
        ),
        "has its members": lambda: run_forecast(Settings(model="champion"), members=["zero"], panel=frame),
        "exclude each other": lambda: run_forecast(Settings(panel=tmp_path / "x.csv"), panel=frame),
        "holds no polygons": lambda: run_forecast(small, panel=frame, regions=7),
        "belong to a panel": lambda: run_forecast(small, regions=geojson),
        "is no Settings": lambda: run_forecast({"horizons": 3}),
    }.items():
        with pytest.raises(HarmattanError, match=words):
            call()


def test_draws_go_to_the_tables_of_other_libraries(fitted: Forecaster) -> None:
    draws = fitted.predict()
    table = draws.to_long(levels=[50, 90], model="mine")
    assert list(table.columns) == [
        *("unique_id", "ds", "cutoff", "model", "target", "mean", "median"),
        *("lo-50", "hi-50", "lo-90", "hi-90"),
    ]
    np.testing.assert_array_equal(table["hi-90"], draws.quantile([0.95])[0].ravel())
    # What is written can be read, and scored.
    read = ForecastTable.read(table)
    assert read.models == ("mine",)
    assert read.target == "events"
    got = read.margins(draws.origin, 2, draws.region_ids).quantile([0.05, 0.5, 0.95])
    np.testing.assert_array_equal(got, draws.quantile([0.05, 0.5, 0.95])[:, 1])
    with pytest.raises(UsageError, match="no width"):
        draws.to_long([0.8])
    pytest.importorskip("xarray")
    array = draws.to_xarray()
    np.testing.assert_array_equal(array.sel(region_id="AAA-2").values, draws.values[:, :, 1])


def doubled(panel: Panel) -> np.ndarray:
    """A feature of one's own."""
    return panel.measure("events", fill=0) * 2


def test_a_member_whose_features_are_functions_forecasts_and_is_read_again_with_them(
    frame: pd.DataFrame, tmp_path: Path
) -> None:
    recipe = Recipe([Lag(0)]).add("doubled", doubled)
    mine = Regressor(PoissonRegressor(), recipe, name="mine")
    asked = {"horizons": 1, "draws": 50, "backtest_origins": 0, "workers": 1}
    model = Forecaster(members=["conflictology_12", mine], **asked).fit(frame)
    said = model.predict().values
    trusted = ("sklearn.linear_model.PoissonRegressor",)
    place = model.save(tmp_path / "model")
    again = Forecaster.load(place, trusted, workers=1, functions={"doubled": doubled})
    np.testing.assert_array_equal(again.predict().values, said)
    with pytest.raises(ConfigError, match="function of one's own"):
        Forecaster.load(place, trusted, workers=1).predict()
