"""Draws in the layout of the VIEWS prediction challenge."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from make_result import make_result

from harmattan.forecast.formats import views
from harmattan.forecast.formats.views import challenge_table, check_views, chosen_draws, views_files
from harmattan.training.distribution import Draws

RESULT = make_result()
FILES = views_files(RESULT.draws, RESULT.countries)


def frame(name: str) -> pd.DataFrame:
    table = FILES[f"views/{name}.parquet"]
    assert isinstance(table, pa.Table)
    return table.to_pandas()


def test_there_is_a_file_for_each_level_and_target() -> None:
    assert sorted(FILES) == [
        "views/about.json",
        "views/cm_deaths.parquet",
        "views/cm_events.parquet",
        "views/harmattan_admin1_deaths.parquet",
        "views/harmattan_admin1_events.parquet",
    ]


def test_every_country_and_month_has_exactly_a_thousand_draws() -> None:
    table = frame("cm_deaths")
    assert list(table.columns) == ["month_id", "country_id", "draw", "outcome"]
    assert len(table) == 6 * 4 * 1000
    counts = table.groupby(["month_id", "country_id"])["draw"].agg(["nunique", "min", "max"])
    assert (counts["nunique"] == 1000).all()
    assert set(counts["min"]) == {0}
    assert set(counts["max"]) == {999}
    assert sorted(table["month_id"].unique()) == [529, 530, 531, 532, 533, 534]
    assert sorted(table["country_id"].unique()) == [47, 50, 74, 78]


def test_outcomes_are_the_draws_of_the_country() -> None:
    draws = RESULT.countries["events"]
    mali = draws.values[:, 1, draws.region_ids.index("MLI")]
    rows = frame("cm_events").query("country_id == 50 and month_id == 530").sort_values("draw")
    assert rows["outcome"].tolist() == np.repeat(mali, 5).tolist()
    assert rows["outcome"].mean() == pytest.approx(mali.mean())


def test_draws_of_regions_add_up_to_those_of_the_country() -> None:
    regions = frame("harmattan_admin1_events")
    mali = regions[regions["region_id"].str.startswith("MLI-")].groupby(["month_id", "draw"])["outcome"].sum()
    country = frame("cm_events").query("country_id == 50").set_index(["month_id", "draw"])["outcome"]
    pd.testing.assert_series_equal(mali.sort_index(), country.sort_index(), check_dtype=False)


@pytest.mark.parametrize(
    ("available", "most", "distinct"), [(1000, 1, 1000), (200, 5, 200), (1500, 1, 1000), (300, 4, 300)]
)
def test_any_number_of_draws_becomes_a_thousand_evenly(available: int, most: int, distinct: int) -> None:
    chosen = chosen_draws(available)
    assert len(chosen) == 1000
    times = np.bincount(chosen, minlength=available)
    assert times.max() == most
    assert (times > 0).sum() == distinct
    assert times[times > 0].min() >= most - 1


def test_cells_carry_their_number_and_no_region_id() -> None:
    values = np.arange(8, dtype=np.int32).reshape(2, 2, 2)
    draws = Draws(values, pd.Period("2023-12", "M"), (1, 2), ("pg-152000", "pg-152001"), "deaths")
    files = views_files({"deaths": draws}, {"deaths": draws.total(["MLI", "MLI"])})
    table = files["views/pgm_deaths.parquet"]
    assert isinstance(table, pa.Table)
    assert table.column_names == ["month_id", "priogrid_gid", "draw", "outcome"]
    assert set(table["priogrid_gid"].to_pylist()) == {152000, 152001}
    assert "views/harmattan_admin1_deaths.parquet" not in files


def test_a_country_unknown_to_views_is_said_to_be_left_out() -> None:
    draws = {"events": replace(RESULT.countries["events"], region_ids=("AAA", "BBB", "MLI", "NER"))}
    files = views_files(RESULT.draws, draws)
    assert "views/cm_events.parquet" not in files
    about = json.loads(str(files["views/about.json"]))
    assert about["left_out"] == [
        {"file": "cm_events.parquet", "reason": "VIEWS has no country_id for 'AAA'."}
    ]


def test_about_says_that_deaths_are_not_the_challenges_own_outcome() -> None:
    about = json.loads(str(FILES["views/about.json"]))
    assert "state-based only" in about["outcome"]["deaths"]
    assert (about["draws"], about["drawn_from"], about["left_out"]) == (1000, 200, [])


def test_own_tables_pass_every_check() -> None:
    for name in FILES:
        if name.endswith(".parquet"):
            table = frame(name.removeprefix("views/").removesuffix(".parquet"))
            found = check_views(table, views.unit_of(name))
            assert {check: len(rows) for check, rows in found.items()} == dict.fromkeys(found, 0)


def small() -> pd.DataFrame:
    draws = Draws(np.array([[[1, 2]]]), pd.Period("2023-12", "M"), (1,), ("MLI", "NER"), "events")
    return challenge_table(draws, "country_id", np.array([50, 78])).to_pandas()


@pytest.mark.parametrize(
    ("check", "column", "value", "row"),
    [
        ("views outcome", "outcome", -1, 1500),
        ("views outcome", "outcome", 0.5, 3),
        ("views outcome", "outcome", np.nan, 0),
        ("views units", "country_id", 9999, 0),
    ],
)
def test_a_check_returns_the_broken_row(check: str, column: str, value: float, row: int) -> None:
    table = small()
    table[column] = table[column].astype(float)
    table.loc[row, column] = value
    assert row in check_views(table, "country_id")[check].index


def test_a_lost_draw_and_a_double_one_are_found() -> None:
    lost = check_views(small().drop(index=1700), "country_id")["views draws"]
    assert lost.values.tolist() == [[529, 78, 999]]
    double = small()
    double.loc[3, "draw"] = 4
    assert check_views(double, "country_id")["views draws"].values.tolist() == [[529, 50, 1000]]


def test_a_month_that_one_country_lacks_is_found() -> None:
    table = small()
    more = table[table.country_id == 50].assign(month_id=530)
    found = check_views(pd.concat([table, more]), "country_id")["views draws"]
    assert found.values.tolist() == [[530, 78, 0]]


def test_wrong_columns_are_named() -> None:
    found = check_views(small().rename(columns={"outcome": "value"}), "country_id")
    assert found["views columns"].values.tolist() == [["outcome", "missing"], ["value", "unknown"]]


def test_files_of_the_same_regions_share_the_columns_that_number_them() -> None:
    first, second = (FILES[f"views/harmattan_admin1_{target}.parquet"] for target in ("events", "deaths"))
    assert isinstance(first, pa.Table)
    assert isinstance(second, pa.Table)
    alone = challenge_table(
        RESULT.draws["deaths"], "region_id", np.array(RESULT.panel.region_ids, dtype=object)
    )
    assert second.equals(alone)
    for column in ("month_id", "region_id", "draw"):
        places = [t[column].chunk(0).buffers()[-1].address for t in (first, second)]
        assert places[0] == places[1], column
