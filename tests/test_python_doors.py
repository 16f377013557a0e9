"""Calls in Python that would give a wrong number in silence: each is computed rightly or refused by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import PoissonRegressor

import harmattan
from harmattan.data.errors import HarmattanError, ModelError, RegionError, SchemaError
from harmattan.data.panel import Panel
from harmattan.features import Lag, Recipe
from harmattan.training import negative_binomial
from harmattan.training.models import Guarded
from harmattan.training.models.base import Problem
from harmattan.training.own import ForecastTable, Regressor

MONTHS = pd.period_range("2015-01", periods=48, freq="M")
IDS = ("AAA-a", "AAA-b", "BBB-c")
COUNTS = np.random.default_rng(3).poisson([1, 3, 2], (48, 3))
FRAME = pd.DataFrame({"month": MONTHS.repeat(3).astype(str), "region_id": IDS * 48, "events": COUNTS.ravel()})
PANEL = Panel.from_frame(FRAME)
CUBE = Recipe([Lag(0)]).build(PANEL)
DRAWS = harmattan.Draws(
    np.arange(4).reshape(2, 1, 2), pd.Period("2023-12", "M"), (1,), ("a", "b"), "events", np.ones((1, 2))
)
LINKS = pd.DataFrame({"region_a": ["AAA-a"], "region_b": ["AAA-b"], "border_km": [10.0]})
WIDE = pd.DataFrame(COUNTS, MONTHS, list(IDS))
SETTINGS: Any = {"draws": 500}
NO: Any = "no"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: harmattan.backtest(PANEL, unseal=NO), "'no' is neither True nor False"),
        (lambda: harmattan.backtest(PANEL, benchmark=NO), "benchmark"),
        (lambda: harmattan.backtest(PANEL, leave_one_out=NO), "neither True nor False"),
        (lambda: harmattan.backtest(PANEL, data_lag=True), "no data lag"),
        (lambda: harmattan.backtest(PANEL, target=["events"]), "no target"),
        (lambda: harmattan.backtest(PANEL, regions=5), "holds no polygons"),
        (lambda: harmattan.backtest(regions={}), "belong to a panel"),
        (lambda: harmattan.promote(harmattan.Settings(), force=NO), "force"),
        (lambda: harmattan.score(harmattan.Settings(), dry_run=NO), "dry_run"),
        (lambda: harmattan.train(harmattan.Settings(), promote_if_better=NO), "promote_if_better"),
        (lambda: harmattan.train(SETTINGS), "a dict is no Settings"),
        (lambda: harmattan.publish(SETTINGS), "a dict is no Settings"),
        (lambda: harmattan.simulate_scenario(SETTINGS, ["AAA-a=2x"]), "a dict is no Settings"),
        (
            lambda: harmattan.run_forecast(harmattan.Settings(model="3"), trained=object()),
            "exclude each other",
        ),
        (lambda: CUBE.design(CUBE.training_origins("2018-06", 1)[:5], horizon=6), "horizon 1"),
        (lambda: CUBE.design("2018-01", 1, pd.concat([WIDE, WIDE], axis=1)), "'AAA-a' twice"),
        (lambda: DRAWS.select(horizons=[True]), "no whole number of months"),
        (lambda: DRAWS.select(regions="a"), "not a list"),
        (lambda: DRAWS.select(regions=["a", "a"]), "there twice"),
        (lambda: DRAWS.total({"x", "y"}), "0 groups"),
        (lambda: DRAWS.quantile([80]), "no levels"),
        (lambda: replace(DRAWS, analytic_mean=np.ones((2, 2))), "analytic mean"),
        (lambda: replace(DRAWS, horizons=(0,)), "no horizons"),
        (lambda: harmattan.Draws.from_frame(DRAWS.to_frame().assign(horizon=1.5)), "1.5"),
        (lambda: harmattan.Draws.from_frame(DRAWS.to_frame().assign(draw=[np.nan, 1, 2, 3])), "'draw'"),
        (
            lambda: harmattan.Draws.from_frame(DRAWS.to_frame().assign(region_id=[None, *"bab"])),
            "'region_id'",
        ),
        (lambda: Panel.from_frame(FRAME.assign(country=["AAA", None, "BBB"] * 48)), "country of AAA-b"),
        (lambda: PANEL.select(countries=["AAA"], regions=["BBB-c"]), "no region is selected"),
        (lambda: Regressor(PoissonRegressor(), recency_half_life=-5), "recency_half_life"),
        (lambda: Regressor(PoissonRegressor(), size=np.inf), "size"),
        (lambda: Regressor(PoissonRegressor(), features=[Lag(0)]), "no recipe"),  # type: ignore[arg-type]
        (lambda: Regressor(PoissonRegressor(), quantiles=0.5), "no quantiles"),  # type: ignore[arg-type]
        (lambda: negative_binomial(np.array([1, np.nan]), np.ones(2)), "mean of case 1 is nan"),
        (lambda: negative_binomial(np.ones(2), np.array([1.0, 0.0])), "size of case 1 is 0"),
    ],
)
def test_what_is_unclear_is_refused_by_name(call: Callable[[], object], words: str) -> None:
    with pytest.raises(HarmattanError, match=words):
        call()


@pytest.mark.parametrize(
    "give",
    [
        DRAWS.mean,
        lambda: DRAWS.analytic_mean,
        lambda: negative_binomial(np.ones(2), np.ones(2)).cdf,
        lambda: negative_binomial(np.ones(2), np.ones(2)).mean,
        lambda: Problem(PANEL, CUBE).observed,
    ],
)
def test_arrays_that_are_handed_out_cannot_be_written_to(give: Callable[[], np.ndarray]) -> None:
    with pytest.raises(ValueError, match="read-only"):
        give()[...] = 0


def test_labels_in_other_forms_mean_the_same() -> None:
    assert DRAWS.select(horizons=1).horizons == (1,)
    assert harmattan.Draws.from_frame(pa.Table.from_pandas(DRAWS.to_frame())).region_ids == ("a", "b")
    assert Panel.from_frame(FRAME, pa.Table.from_pandas(LINKS)).links is not None
    by_day = CUBE.design(pd.Timestamp("2018-01-31"), horizon=1).y
    pd.testing.assert_series_equal(by_day, CUBE.design("2018-01", horizon=1).y)
    assert PANEL.select(countries=(c for c in ["AAA"])).region_ids == IDS[:2]  # type: ignore[arg-type]


def test_regions_that_are_not_there_are_named_where_ids_hold_no_country() -> None:
    panel = Panel.from_frame(FRAME.assign(region_id=["a", "b", "c"] * 48, country="XXX"))
    rain = FRAME[["month"]].assign(region_id=["a", "b", "cc"] * 48, rain=1.0)
    with pytest.raises(RegionError, match=r"row 4: 'cc' is not a region"):
        panel.with_covariates(rain, lag=1)


@pytest.mark.parametrize("place", [{"region_id": list(IDS) * 48}, {"country": "AAA"}])
def test_a_covariate_is_refused_by_the_row_of_its_table(place: dict[str, Any]) -> None:
    rain = FRAME[["month"]].assign(rain=1.0, **place)
    rain = rain if "region_id" in place else rain.drop_duplicates("month", ignore_index=True)
    rain.loc[5, "rain"] = -1.0
    with pytest.raises(SchemaError, match=r"row 7: '-1\.0'"):
        PANEL.with_covariates(rain, lag=1)


def test_a_history_that_was_revised_is_no_update() -> None:
    model = harmattan.Forecaster(
        horizons=1, members=["conflictology_12"], backtest_origins=0, draws=50, workers=1
    ).fit(FRAME)
    new = pd.DataFrame({"month": "2019-01", "region_id": IDS, "events": 1})
    revised = FRAME.assign(events=FRAME["events"] + 10 * (FRAME["month"] == "2018-03"))
    with pytest.raises(SchemaError, match=r"events of AAA-a in 2018-03 was"):
        model.update(pd.concat([revised, new]))
    assert str(model.update(pd.concat([FRAME, new])).origin) == "2019-01"


def test_a_table_may_give_samples_from_one_origin_and_quantiles_from_another() -> None:
    rows = {"target": "events", "horizon": 1, "location": "AAA-a", "output_type_id": [0.1, 0.5, 0.9]}
    one = pd.DataFrame({**rows, "origin_date": "2018-01-01", "output_type": "quantile", "value": [0, 1, 3]})
    both = pd.concat([one, one.assign(origin_date="2018-02-01", output_type="sample")])
    assert len(ForecastTable.read(both).origins) == 2


@dataclass
class Doubling:
    """A member that puts other counts in the place of those that all members share."""

    name: str = "doubling"

    def fit(self, problem: Problem, origin: pd.Period, horizon: int) -> None:
        problem.panel.measures["events"] = 2 * problem.panel.measures["events"]  # type: ignore[index]

    def margins(self, problem: Problem, origin: pd.Period) -> None:
        """Nothing."""


def test_a_member_that_replaces_its_input_is_named() -> None:
    with pytest.raises(ModelError, match="'doubling' tried to change its input"):
        Guarded(Doubling(), "doubling").fit(Problem(PANEL, CUBE), pd.Period("2018-06", "M"), 1)


@dataclass
class Broken:
    """A member that never works."""

    alpha: float = 1.0
    name: str = "broken"

    def get_params(self, deep: bool = True) -> dict[str, float]:
        return {"alpha": self.alpha}

    def set_params(self, alpha: float) -> Broken:
        self.alpha = alpha
        return self

    def fit(self, problem: Problem, origin: pd.Period, horizon: int) -> None:
        raise KeyError("rain")

    def margins(self, problem: Problem, origin: pd.Period) -> None:
        """Nothing."""


@pytest.mark.slow
def test_a_search_of_a_member_that_fails_says_so(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "counts.csv", index=False)
    settings = harmattan.Settings(
        panel=tmp_path / "counts.csv",
        targets=("events",),
        horizons=(1,),
        workers=1,
        mlruns=tmp_path,
        track=False,
    )
    months = ("2018-01", "2018-03")
    with pytest.raises(ModelError, match="'broken' raised KeyError: 'rain'"):
        harmattan.tune(settings, Broken(), 1, months, space={"alpha": (0.5, 2.0)})
    for wrong in ({"alpha": 5}, [1]):
        with pytest.raises(HarmattanError, match=r"range"):
            harmattan.tune(settings, Broken(), 1, months, space=wrong)  # type: ignore[arg-type]
