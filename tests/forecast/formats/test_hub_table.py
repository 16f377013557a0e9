"""The published tables and the checks that stand before them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make_result import make_result

from harmattan.data.errors import ReleaseError
from harmattan.forecast.formats import hub_table as hub
from harmattan.training.distribution import Draws

RESULT = make_result()
TABLE = hub.hub_rows(RESULT.draws)


def small(values: list[int], target: str = "events") -> dict[str, Draws]:
    array = np.array(values, dtype=np.int32)[:, None, None]
    return {target: Draws(array, pd.Period("2023-12", "M"), (1,), ("MLI-gao",), target)}


def test_the_table_has_the_hub_columns_and_dates() -> None:
    assert tuple(TABLE.columns) == hub.HUB_COLUMNS
    assert set(TABLE["origin_date"]) == {date(2023, 12, 31)}
    ends = TABLE.groupby("horizon")["target_end_date"].unique()
    assert ends[2].tolist() == [date(2024, 2, 29)]
    assert ends[6].tolist() == [date(2024, 6, 30)]


def test_the_levels_are_the_23_of_the_hubs() -> None:
    assert len(hub.LEVELS) == 23
    assert hub.LEVELS[:3] == (0.01, 0.025, 0.05)
    assert hub.LEVELS[-3:] == (0.95, 0.975, 0.99)


def test_every_number_is_that_of_the_draws() -> None:
    events = RESULT.draws["events"]
    region, horizon = events.region_ids[3], 4
    sample = np.sort(events.values[:, 3, 3])
    rows = TABLE[(TABLE.target == "events") & (TABLE.location == region) & (TABLE.horizon == horizon)]
    by_type = {kind: part.set_index("output_type_id")["value"] for kind, part in rows.groupby("output_type")}
    assert by_type["mean"].item() == pytest.approx(sample.mean(), abs=1e-6)
    assert by_type["quantile"]["0.5"] == sample[len(sample) // 2 - 1]
    for k in hub.THRESHOLDS:
        assert by_type["cdf"][str(k)] == pytest.approx(sum(v <= k for v in sample) / len(sample), abs=1e-6)


def test_exceedance_can_be_read_off() -> None:
    table = hub.hub_rows(small([0, 0, 1, 5]))
    cdf = table[table.output_type == "cdf"].set_index("output_type_id")["value"]
    assert 1 - cdf["0"] == 0.5
    assert 1 - cdf["4"] == 0.25


def test_countries_come_from_joint_draws_not_from_quantiles() -> None:
    draws = RESULT.draws["events"]
    total = hub.hub_rows({"events": RESULT.countries["events"]})
    row = total[(total.location == "MLI") & (total.horizon == 1) & (total.output_type_id == "0.9")]
    at = [i for i, c in enumerate(RESULT.panel.countries) if c == "MLI"]
    sums = np.sort(draws.values[:, 0, at].sum(axis=1))
    assert row["value"].item() == sums[int(np.ceil(0.9 * len(sums))) - 1]
    assert row["value"].item() < draws.quantile([0.9])[0, 0, at].sum()


@given(st.lists(st.integers(0, 150), min_size=1, max_size=60))
def test_any_draws_pass_every_check(values: list[int]) -> None:
    draws = small(values)
    found = hub.check_hub_table(hub.hub_rows(draws), draws)
    assert {name: len(rows) for name, rows in found.items()} == dict.fromkeys(found, 0)


def broken(row: int, value: float) -> pd.DataFrame:
    table = hub.hub_rows(small([0, 1, 2, 7, 30]))
    table.loc[row, "value"] = value
    return table


# Rows of a one-case table: 0 the mean, 1-23 the quantiles, 24-28 the probabilities.
@pytest.mark.parametrize(
    ("check", "row", "value"),
    [
        ("no missing", 0, np.nan),
        ("no missing", 5, np.inf),
        ("not negative", 1, -1.0),
        ("not negative", 28, 1.5),
        ("monotone", 23, 3.0),
        ("monotone", 25, 0.1),
        ("coherent", 12, 6.0),
        ("coherent", 20, 3.0),
    ],
)
def test_a_check_returns_the_broken_row(check: str, row: int, value: float) -> None:
    table = broken(row, value)
    assert row in hub.check_hub_table(table, small([0, 1, 2, 7, 30]))[check].index


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(0, 57), st.sampled_from([-1.0, 0.0, 0.3, 1.0, 1.2, 4.0, 9.0, np.nan]))))
def test_a_table_in_order_is_judged_as_one_that_is_sorted_first(changes: list[tuple[int, float]]) -> None:
    draws = {t: replace(small([0, 1, 2, 7, 30])["events"], target=t) for t in ("events", "deaths")}
    table = hub.hub_rows(draws)
    for row, value in changes:
        table.loc[row, "value"] = value
    shuffled = table.sample(frac=1, random_state=1)
    found, again = (hub.check_hub_table(each, draws) for each in (table, shuffled))
    assert {name: set(rows.index) for name, rows in found.items()} == {
        name: set(rows.index) for name, rows in again.items()
    }


def test_a_lost_row_and_a_double_one_are_found() -> None:
    draws = small([1, 2])
    table = hub.hub_rows(draws)
    lost = hub.check_complete(table.drop(index=3), draws)
    assert lost[["output_type_id", "rows"]].values.tolist() == [["0.05", 0]]
    double = hub.check_complete(pd.concat([table, table.tail(1)]), draws)
    assert double[["output_type_id", "rows"]].values.tolist() == [["99", 2]]


def test_a_lost_region_is_found() -> None:
    table = TABLE[TABLE.location != "MLI-delta"]
    assert set(hub.check_complete(table, RESULT.draws)["location"]) == {"MLI-delta"}


def test_rows_become_an_error_that_shows_the_first() -> None:
    table = broken(1, -1.0)
    with pytest.raises(
        ReleaseError, match=r"location MLI-gao.*1 rows .* break the check 'not negative'"
    ) as caught:
        hub.raise_on("not negative", hub.check_not_negative(table))
    assert caught.value.exit_code == 5


def test_no_rows_are_no_error() -> None:
    hub.raise_on("monotone", hub.check_monotone(TABLE))
    assert len(hub.checked_hub_table(RESULT.draws)) == len(TABLE)


def test_the_wide_table_agrees_with_the_hub_table() -> None:
    wide = hub.wide_table(RESULT.draws, RESULT.regions.frame)
    assert len(wide) == 2 * 6 * len(RESULT.panel.region_ids)
    row = wide[(wide.target == "deaths") & (wide.region_id == "BFA-nord") & (wide.month == "2024-03")].iloc[0]
    rows = TABLE[(TABLE.target == "deaths") & (TABLE.location == "BFA-nord") & (TABLE.horizon == 3)]
    by = rows.set_index(["output_type", "output_type_id"])["value"]
    assert (row["name"], row["country"]) == ("Nord", "BFA")
    assert [row["p10"], row["p50"], row["p90"]] == [
        by[("quantile", level)] for level in ("0.1", "0.5", "0.9")
    ]
    assert row["p_ge_5"] == pytest.approx(1 - by[("cdf", "4")])


def test_an_escalation_is_a_month_of_twice_the_last_twelve() -> None:
    ids = RESULT.panel.region_ids
    level = np.full(len(ids), np.nan)
    level[:2] = 1.0, 4.0
    wide = hub.wide_table(RESULT.draws, RESULT.regions.frame, {"events": level})
    rows = wide[(wide.target == "events") & (wide.horizon == 2)].set_index("region_id")
    at = RESULT.draws["events"].horizons.index(2)
    for i, region in enumerate(ids[:2]):
        came = (RESULT.draws["events"].values[:, at, i] >= level[i]).mean()
        assert rows.p_escalation[region] == pytest.approx(came, abs=1e-6)
    assert rows.p_escalation[ids[0]] == pytest.approx(rows.p_ge_1[ids[0]], abs=1e-6)
    assert rows.p_escalation[list(ids[2:])].isna().all()
    assert wide[wide.target == "deaths"].escalation_from.isna().all()
