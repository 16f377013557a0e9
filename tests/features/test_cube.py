"""The cube's faces: design matrices, long tables, scikit-learn, and what was observed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import PoissonRegressor, Ridge
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from harmattan.data.errors import HarmattanError, OriginError, RegionError, SchemaError, UsageError
from harmattan.data.panel import Panel
from harmattan.features import Calendar, Ewm, FeatureCube, Lag, MonthsSince, Neighbours, Recipe, Sum
from harmattan.features.splits import RollingOrigin

RECIPE = Recipe([Lag(0), Lag(2), Sum(6), Ewm(3.0), MonthsSince(), Neighbours(of=Ewm(3.0)), Calendar("month")])


@pytest.fixture(scope="module")
def panel(make_panel: Callable[..., Panel]) -> Panel:
    return make_panel(8, months=60)


@pytest.fixture(scope="module")
def cube(panel: Panel) -> FeatureCube:
    return RECIPE.build(panel)


def raised(make: Callable[[], object]) -> HarmattanError:
    with pytest.raises(HarmattanError) as caught:
        make()
    return caught.value


@pytest.mark.parametrize("data_lag", [0, 2])
def test_a_design_row_pairs_the_last_published_month_with_the_target_ahead(
    panel: Panel, cube: FeatureCube, data_lag: int
) -> None:
    X, y, index = cube.design(["2003-01", "2003-05"], horizon=3, data_lag=data_lag)
    assert X.index.equals(index)
    assert y.index.equals(index)
    events = panel.measure("events")
    for (origin, region), row in X.iterrows():
        t, i = panel.position(origin), panel.region_ids.index(region)
        np.testing.assert_array_equal(row.to_numpy(), cube.values[t - data_lag, i])
        np.testing.assert_equal(y[origin, region], np.float64(events[t + 3, i]))


def test_only_known_targets_when_asked(panel: Panel, cube: FeatureCube) -> None:
    every = cube.design(panel.months[20:], horizon=4)
    known = cube.design(panel.months[20:], horizon=4, known=True)
    assert every.y.isna().sum() > 4 * 9 - 1
    assert known.y.notna().all()
    pd.testing.assert_frame_equal(known.X, every.X[every.y.notna()])


def test_a_design_of_some_regions_and_of_an_array(panel: Panel, cube: FeatureCube) -> None:
    part = cube.design("2003-01", 1, regions=["CCC-1", "AAA-2"])
    whole = cube.design("2003-01", 1)
    assert part.index.get_level_values("region_id").tolist() == ["CCC-1", "AAA-2"]
    pd.testing.assert_frame_equal(part.X, whole.X.loc[part.index])
    twice = cube.design("2003-01", 1, 2 * panel.measure("events"))
    np.testing.assert_array_equal(twice.y, 2 * whole.y)


def test_a_target_by_name_is_the_measure_behind_it(panel: Panel, cube: FeatureCube) -> None:
    deaths = cube.design("2003-01", 1, "deaths").y
    np.testing.assert_array_equal(deaths, panel.measure("deaths_best")[panel.position("2003-02")])


def test_training_origins_end_where_targets_are_published(cube: FeatureCube) -> None:
    assert str(cube.training_origins("2003-12", 3)[-1]) == "2003-09"
    assert str(cube.training_origins("2003-12", 3, data_lag=2)[-1]) == "2003-07"
    assert str(cube.training_origins("2003-12", 3, first="2002-05")[0]) == "2002-05"
    assert len(cube.training_origins("2001-02", 3)) == 0


def test_bad_requests_are_named(panel: Panel, cube: FeatureCube) -> None:
    assert isinstance(raised(lambda: cube.design("2010-01", 1)), OriginError)
    assert isinstance(raised(lambda: cube.design("2003-01", 0)), OriginError)
    assert "nothing was published yet" in raised(lambda: cube.design("2001-01", 1, data_lag=1)).message
    error = raised(lambda: cube.design("2003-01", 1, regions=["AAA-9"]))
    assert isinstance(error, RegionError)
    assert "Did you mean" in error.message
    assert isinstance(raised(lambda: cube.design("2003-01", 1, np.zeros((60, 2)))), SchemaError)
    assert "Did you mean 'events_sum6'?" in raised(lambda: cube.feature("events_sum66")).message
    assert "family" in raised(lambda: cube.select(families=["calender"])).message


def test_select_by_name_and_family(cube: FeatureCube) -> None:
    assert cube.select(["month_of_year", "events_lag0"]).names == ("month_of_year", "events_lag0")
    assert cube.select(families=["neighbours", "calendar"]).names == ("near1_events_ewm3", "month_of_year")
    np.testing.assert_array_equal(cube.select(["events_sum6"]).values[:, :, 0], cube.feature("events_sum6"))


def test_until_is_the_cube_of_the_panel_until(panel: Panel, cube: FeatureCube) -> None:
    before, after = cube.until("2003-06"), RECIPE.build(panel.until("2003-06"))
    np.testing.assert_array_equal(before.values, after.values)
    assert before.months.equals(after.months)


def test_the_long_table_holds_every_value(cube: FeatureCube) -> None:
    frame = cube.to_frame()
    assert list(frame.columns) == ["month", "region_id", *cube.names]
    np.testing.assert_array_equal(frame[list(cube.names)].to_numpy().reshape(cube.shape), cube.values)
    assert frame.loc[9, "month"] == "2001-02"
    assert frame.loc[9, "region_id"] == cube.region_ids[0]


def test_long_tables_of_pandas_and_arrow_give_the_same_cube(panel: Panel, cube: FeatureCube) -> None:
    frame = panel.to_frame()
    for data in (frame, pa.Table.from_pandas(frame)):
        made = RECIPE.build(data, links=panel.links)
        np.testing.assert_array_equal(made.values, cube.values)


def test_long_tables_of_polars_give_the_same_cube(panel: Panel, cube: FeatureCube) -> None:
    polars = pytest.importorskip("polars")
    made = RECIPE.build(polars.from_arrow(pa.Table.from_pandas(panel.to_frame())), links=panel.links)
    np.testing.assert_array_equal(made.values, cube.values)


def test_a_window_over_gaps_is_scaled_and_marked_and_never_zero(make_panel: Callable[..., Panel]) -> None:
    panel = make_panel(0, months=24, gaps=False)
    observed = panel.observed.copy()
    observed[10:12, 0] = False
    observed[12:24, 1] = False
    measures = {k: np.where(observed, v, np.nan).astype(np.float32) for k, v in panel.measures.items()}
    gappy = replace(panel, measures=measures, observed=observed)
    recipe = Recipe([Sum(4), Lag(0), MonthsSince(), Neighbours(of=Lag(0))])
    cube = recipe.build(gappy)
    kept = gappy.measures["events"][[8, 9], 0]
    assert cube.feature("events_sum4")[11, 0] == pytest.approx(2 * kept.sum())
    assert np.isnan(cube.feature("events_sum4")[15:, 1]).all()
    assert np.isnan(cube.feature("events_lag0")[10:12, 0]).all()
    assert np.isnan(cube.feature("months_since_events")[10:12, 0]).all()
    marks = recipe.marks(gappy, "events_sum4")
    assert marks[:3].all()
    assert np.flatnonzero(marks[3:, 0]).tolist() == [7, 8, 9, 10, 11]
    assert marks[12:, 1].all()
    near = recipe.marks(gappy, "near1_events_lag0")
    assert near[10:12, gappy.region_ids.index("AAA-3")].all()
    assert not near[10:, gappy.region_ids.index("DDD-island")].any()


def test_every_mark_is_where_a_gap_can_be_felt(make_panel: Callable[..., Panel]) -> None:
    """A value that is not marked is the same whatever was in the months that were not observed."""
    whole = make_panel(21, months=40, gaps=False)
    gappy = make_panel(21, months=40, gaps=True)
    measures = {k: np.where(gappy.observed, v, np.nan).astype(np.float32) for k, v in whole.measures.items()}
    gappy = replace(whole, measures=measures, observed=gappy.observed)
    recipe = Recipe.default().without([n for n in Recipe.default().names if "spells60" in n])
    seen, full = recipe.build(gappy), recipe.build(whole)
    for k, name in enumerate(recipe.names):
        safe = ~recipe.marks(gappy, name)
        np.testing.assert_allclose(
            seen.values[:, :, k][safe], full.values[:, :, k][safe], rtol=1e-5, err_msg=name, equal_nan=True
        )


def test_rolling_origins_never_show_a_target_early(cube: FeatureCube) -> None:
    X, _, index = cube.design(cube.months[12:-3], horizon=3)
    origin = index.get_level_values("origin")
    splits = list(RollingOrigin(n_splits=4, horizon=3, step=2, data_lag=1).split(X))
    assert len(splits) == 4
    for train, test in splits:
        assert origin[train].max() + 3 + 1 == origin[test].min()
        assert origin[test].nunique() == 2
    assert len({i for _, test in splits for i in test}) == 4 * 2 * 9


def test_too_few_origins_are_named(cube: FeatureCube) -> None:
    X = cube.design(cube.months[20:24], horizon=3).X
    assert "too few" in raised(lambda: list(RollingOrigin(3, horizon=3).split(X))).message
    assert "carry no origin" in raised(lambda: list(RollingOrigin(3).split(X.reset_index(drop=True)))).message
    assert isinstance(raised(lambda: RollingOrigin(0)), UsageError)


def test_a_design_works_in_pipelines_and_cross_validation(cube: FeatureCube) -> None:
    X, y, _ = cube.design(cube.training_origins("2005-09", 1, first="2002-01"), 1, known=True)
    linear = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler(), PoissonRegressor(alpha=1.0))
    cv = RollingOrigin(n_splits=3, horizon=1, step=3)
    for model in (linear, HistGradientBoostingRegressor(loss="poisson", max_iter=10)):
        found = cross_validate(model, X, y, cv=cv, scoring="neg_mean_absolute_error", error_score="raise")
        assert np.isfinite(found["test_score"]).all()
    search = GridSearchCV(make_pipeline(SimpleImputer(), Ridge()), {"ridge__alpha": [0.1, 10.0]}, cv=cv)
    assert search.fit(X, y).predict(X).shape == (len(X),)
    assert list(search.best_estimator_[0].feature_names_in_) == list(cube.names)


def test_training_origins_are_for_one_horizon(cube: FeatureCube) -> None:
    past = cube.training_origins("2003-12", 1)
    assert len(cube.design(past).index) == len(past) * 9
    for asked in ({"horizon": 6}, {"data_lag": 1}):
        assert (
            "outcomes after 2003-12 would be used" in raised(lambda a=asked: cube.design(past, **a)).message
        )
    for wrong in (0, -3, 1.5, "3"):
        assert isinstance(raised(lambda h=wrong: cube.training_origins("2003-12", h)), OriginError)
        assert isinstance(raised(lambda h=wrong: cube.design("2003-12", h)), OriginError)
    assert "no horizon" in raised(lambda: cube.design("2003-12")).message


def test_a_target_with_labels_is_aligned(panel: Panel, cube: FeatureCube) -> None:
    table = pd.DataFrame(panel.measure("events"), index=panel.months, columns=list(panel.region_ids))
    turned = table.iloc[::-1, ::-1]
    whole = cube.design("2003-01", 1)
    np.testing.assert_array_equal(cube.design("2003-01", 1, turned).y, whole.y)
    assert isinstance(raised(lambda: cube.design("2003-01", 1, table.iloc[:, 1:])), RegionError)
    assert isinstance(raised(lambda: cube.design("2003-01", 1, table.iloc[1:])), SchemaError)
    assert isinstance(raised(lambda: cube.design("2003-01", 1, panel.measure("events")[:-1])), SchemaError)


def test_values_cannot_be_written_to(cube: FeatureCube) -> None:
    with pytest.raises(ValueError, match="read-only"):
        cube.values[0, 0, 0] = 1.0
