"""Covariates on a panel: joined by label, masked where unknown, refused where wrong, never read before their lag."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from harmattan.data.errors import HarmattanError, RegionError, SchemaError, UsageError
from harmattan.data.panel import Panel, require_covariates
from harmattan.features import Ewm, Lag, Neighbours, Recipe, Sum
from harmattan.features.audit import audit

MONTHS = pd.period_range("2018-01", periods=48, freq="M")
REGIONS = ("MLI-gao", "MLI-mopti", "NER-diffa")


@pytest.fixture(scope="module")
def panel() -> Panel:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"month": MONTHS.repeat(3).astype(str), "region_id": list(REGIONS) * 48})
    links = pd.DataFrame({"region_a": ["MLI-gao"], "region_b": ["MLI-mopti"], "border_km": 90.0})
    return Panel.from_frame(frame.assign(events=rng.poisson(2, 144)), links)


def rain(first: str = "2018-06", last: str = "2021-12", regions=REGIONS[:2]) -> pd.DataFrame:
    months = pd.period_range(first, last, freq="M")
    rows = [(str(m), r, float(m.month) + 100 * i) for m in months for i, r in enumerate(regions)]
    return pd.DataFrame(rows, columns=["month", "region_id", "rain"])


def test_values_stand_where_their_labels_say_and_nothing_else_changes(panel: Panel) -> None:
    table = rain().sample(frac=1, random_state=3)
    wet = panel.with_covariates(table, lag={"rain": 1})
    got = wet.measure("rain")
    assert np.isnan(got[:5]).all()
    assert np.isnan(got[:, 2]).all()
    assert got[5, 0] == 6
    assert got[47, 1] == 112
    np.testing.assert_array_equal(wet.measure("events"), panel.measure("events"))
    assert wet.digest() != panel.digest()
    np.testing.assert_array_equal(panel.with_covariates(pl.from_pandas(table), 1).measure("rain"), got)


def test_a_country_s_value_is_that_of_all_its_regions(panel: Panel) -> None:
    table = pd.DataFrame({"month": ["2018-01"], "country": ["MLI"], "price": [3.5]})
    got = panel.with_covariates(table, 0).measure("price")
    assert got[0, :2].tolist() == [3.5, 3.5]
    assert np.isnan(got[0, 2])


def test_unknown_months_are_missing_in_features_and_not_zero(panel: Panel) -> None:
    wet = panel.with_covariates(rain(), lag=1)
    newest = Lag(1, of="rain")
    cube = Recipe([newest, Sum(3, of=newest)]).build(wet)
    assert np.isnan(cube.values[5, 0]).all()
    assert cube.values[6, 0].tolist() == [6.0, 18.0]
    assert np.isnan(cube.values[:, 2]).all()


@pytest.mark.parametrize(
    "term", [Lag(0, of="rain"), Sum(3, of="rain"), Neighbours(of=Ewm(3, of="rain"), across_border=False)]
)
def test_a_recipe_that_ignores_the_lag_is_refused(panel: Panel, term: object) -> None:
    wet = panel.with_covariates(rain(), lag=2)
    with pytest.raises(UsageError, match=r"reads rain of 0 months before, which is published after 2 months"):
        Recipe([term]).build(wet)


def test_the_audit_holds_a_function_of_one_s_own_to_the_lag(panel: Panel) -> None:
    wet = panel.with_covariates(rain("2018-01", regions=REGIONS), lag=1)

    def late(p: Panel) -> np.ndarray:
        out = np.full(p.shape, np.nan)
        out[1:] = p.measure("rain")[:-1]
        return out

    recipe = Recipe([Lag(1, of="rain")]).add("early", lambda p: p.measure("rain")).add("late", late, latest=1)
    report = audit(recipe, wet)
    assert report.failed == ("early",)


def test_no_value_published_after_an_origin_changes_a_feature_at_it(panel: Panel) -> None:
    at = 30
    table = rain("2018-01", regions=REGIONS)
    recipe = Recipe.usual(panel.with_covariates(table, lag=2))
    assert any("rain" in name for name in recipe.names)
    later = pd.PeriodIndex(table["month"], freq="M") > MONTHS[at - 2]
    changed = table.assign(rain=np.where(later, 9e3, table["rain"]))
    one, two = (recipe.build(panel.with_covariates(t, lag=2)).values[: at + 1] for t in (table, changed))
    np.testing.assert_array_equal(one, two)


WRONG = {
    "unknown region": (
        rain().replace("MLI-gao", "MLI-goa"),
        1,
        RegionError,
        "row 2: 'MLI-goa' is not a region",
    ),
    "gap": (rain().drop(index=20), 1, SchemaError, "rain has no value for MLI-gao in 2019-04"),
    "twice": (pd.concat([rain(), rain().head(1)]), 1, SchemaError, "row 88: MLI-gao has more than one row"),
    "below zero": (rain().assign(rain=-1.0), 1, SchemaError, "rain"),
    "text": (rain().assign(rain="wet"), 1, SchemaError, "wet"),
    "no lag": (rain(), {}, UsageError, "rain has no publication lag"),
    "wrong lag": (rain(), {"rain": -1}, UsageError, "-1 is no publication lag of rain"),
    "half a month": (rain(), {"rain": 0.5}, UsageError, "0.5 is no publication lag"),
    "another name": (rain(), {"rian": 1}, UsageError, "no covariate 'rian'. Did you mean 'rain'"),
    "a count's name": (rain().rename(columns={"rain": "events_rain"}), 1, SchemaError, "cannot be called"),
    "no month": (rain().drop(columns="month"), 1, SchemaError, "the column 'month' is missing"),
    "elsewhere": (
        rain().replace({"MLI-gao": "FRA-a", "MLI-mopti": "FRA-b"}),
        1,
        RegionError,
        "no region_id of the",
    ),
    "years": (rain().assign(month="2018"), 1, SchemaError, "'2018' is a year"),
}


@pytest.mark.parametrize("how", WRONG)
def test_a_table_that_is_wrong_is_refused_by_column_and_row(panel: Panel, how: str) -> None:
    table, lag, kind, words = WRONG[how]
    with pytest.raises(kind, match=words) as caught:
        panel.with_covariates(table, lag, where="rain.csv")
    assert isinstance(caught.value, HarmattanError)


def test_what_lies_in_other_countries_is_left_aside(panel: Panel) -> None:
    more = pd.concat([rain(), rain(regions=["FRA-paris"])])
    np.testing.assert_array_equal(
        panel.with_covariates(more, 1).measure("rain"), panel.with_covariates(rain(), 1).measure("rain")
    )


def test_a_covariate_that_ends_early_is_an_error_or_carried_where_that_is_declared(panel: Panel) -> None:
    short = rain(last="2021-09")
    wet = panel.with_covariates(short, lag=1)
    require_covariates(wet, MONTHS[-3])
    with pytest.raises(
        SchemaError, match=r"rain of MLI-gao and 1 more regions ends in 2021-09: from 2021-12"
    ):
        require_covariates(wet, MONTHS[-1])
    carried = panel.with_covariates(short, lag=1, carry=["rain"])
    require_covariates(carried, MONTHS[-1])
    assert carried.measure("rain")[-3:, 0].tolist()[:2] == [9.0, 9.0]
    assert np.isnan(carried.measure("rain")[-1]).all()
    assert carried.attrs["carried"] == {"rain": 2}


def test_a_panel_with_covariates_comes_back_from_its_file(panel: Panel, tmp_path) -> None:
    wet = panel.with_covariates(rain(), lag=1)
    wet.write_parquet(tmp_path / "wet.parquet")
    again = Panel.read_parquet(tmp_path / "wet.parquet")
    np.testing.assert_array_equal(again.measure("rain"), wet.measure("rain"))
    assert again.attrs["delays"] == {"rain": 1}
    assert again.digest() == wet.digest()
