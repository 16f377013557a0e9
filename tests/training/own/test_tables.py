"""Forecasts of others: three layouts read alike, wrong ones refused by row, distributions that keep their quantiles."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_worlds import LADDER, ladder_panel, problem_of

from harmattan.data.errors import HarmattanError, ModelError, SchemaError, UsageError
from harmattan.training import Draws, negative_binomial
from harmattan.training.evaluation import run_backtest
from harmattan.training.own import ForecastTable, TableMember
from harmattan.training.own.quantiles import from_probabilities, from_quantiles
from harmattan.training.pool.fitted import FittedPool, fit_pool

LEVELS = np.array([0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975])


@given(
    st.lists(st.integers(0, 120), min_size=7, max_size=7),
    st.lists(st.integers(0, 100_000), min_size=7, max_size=7),
)
def test_quantiles_come_back(small: list[int], large: list[int]) -> None:
    values = np.sort(np.array([small, large]), axis=1)
    made = from_quantiles(LEVELS, values)
    got = made.quantile(LEVELS).T
    np.testing.assert_array_equal(got[0], values[0])
    assert (np.abs(got[1] - values[1]) <= 1 + 0.04 * values[1]).all()
    assert (np.diff(made.cdf, axis=1) >= 0).all()
    assert np.isfinite(made.mean).all()


def test_a_law_given_by_its_quantiles_or_probabilities_scores_like_the_law_itself() -> None:
    law = negative_binomial(np.array([0.4, 5.0, 60.0]), np.array([0.5, 1.0, 3.0]))
    levels = np.linspace(0.01, 0.99, 99)
    counts = np.unique(np.round(np.geomspace(1, 400, 60))).astype(int)
    counts = np.append(0, counts)
    observed = np.array([1, 9, 40])
    quantiles = from_quantiles(levels, law.quantile(levels).T)
    probabilities = from_probabilities(counts, np.stack([law.at(np.full(3, k)) for k in counts], axis=1))
    np.testing.assert_allclose(quantiles.crps(observed), law.crps(observed), rtol=0.05)
    np.testing.assert_allclose(probabilities.crps(observed), law.crps(observed), rtol=0.02)
    np.testing.assert_allclose(probabilities.mean, law.mean, rtol=0.03)


def draws(origin: str = "2009-01", seed: int = 1) -> Draws:
    values = np.random.default_rng(seed).poisson(3, (200, 2, 8)).astype(np.int32)
    return Draws(values, pd.Period(origin, "M"), (1, 2), LADDER, "events")


def hubverse(kind: str = "quantile") -> pd.DataFrame:
    made = draws()
    rows = []
    for j, h in enumerate(made.horizons):
        for i, r in enumerate(made.region_ids):
            column = made.values[:, j, i]
            known = {
                "quantile": [(p, float(np.quantile(column, p, method="inverted_cdf"))) for p in LEVELS],
                "cdf": [(k, float((column <= k).mean())) for k in (0, 1, 2, 3, 4, 6, 9, 15)],
                "sample": [(f"draw{k}", float(v)) for k, v in enumerate(column)],
            }[kind]
            end = (made.origin + h).end_time.date()
            rows += [("2009-01-31", "events", h, str(end), r, kind, str(p), v) for p, v in known]
            rows.append(("2009-01-31", "events", h, str(end), r, "mean", None, float(column.mean())))
    columns = [
        "origin_date",
        "target",
        "horizon",
        "target_end_date",
        "location",
        "output_type",
        "output_type_id",
        "value",
    ]
    return pd.DataFrame(rows, columns=columns)


def tidy(origins: tuple[str, ...] = ("2009-01",)) -> pd.DataFrame:
    parts = []
    for k, origin in enumerate(origins):
        made = draws(origin, k)
        frame = pd.DataFrame({"unique_id": np.tile(LADDER, 2)})
        frame["ds"] = np.repeat([str((made.origin + h).start_time.date()) for h in made.horizons], 8)
        frame["cutoff"] = str(made.origin.start_time.date())
        frame["chronos"] = made.quantile([0.5])[0].ravel()
        for side, half in (("lo", 0.1), ("hi", 0.9)):
            frame[f"chronos-{side}-80"] = made.quantile([half])[0].ravel()
        parts.append(frame)
    return pd.concat(parts, ignore_index=True)


def views() -> pd.DataFrame:
    made = draws()
    frame = made.to_frame()
    months = [(made.origin + int(h)).ordinal - pd.Period("1979-12", "M").ordinal for h in frame["horizon"]]
    return pd.DataFrame(
        {
            "month_id": months,
            "region_id": frame["region_id"],
            "draw": frame["draw"],
            "outcome": frame["value"],
        }
    )


@pytest.mark.parametrize("kind", ["quantile", "cdf", "sample", "tidy", "views"])
def test_every_layout_gives_the_forecasters_distribution(kind: str) -> None:
    given_draws = draws()
    frame = tidy() if kind == "tidy" else views() if kind == "views" else hubverse(kind)
    more = {"target": "events"} if kind in ("tidy", "views") else {}
    more |= {"origin": "2009-01"} if kind == "views" else {}
    table = ForecastTable.read(frame, **more)
    assert table.keys == {(pd.Period("2009-01", "M"), 1), (pd.Period("2009-01", "M"), 2)}
    for h in (1, 2):
        got = table.margins(pd.Period("2009-01", "M"), h, LADDER)
        np.testing.assert_allclose(
            got.quantile([0.1, 0.5, 0.9]), given_draws.quantile([0.1, 0.5, 0.9])[:, h - 1], atol=1
        )
    again = ForecastTable.read(pl.from_pandas(frame), **more)
    pd.testing.assert_frame_equal(again.rows, table.rows)
    pd.testing.assert_frame_equal(ForecastTable.from_text(table.to_text()).rows, table.rows)


def changed(**values: object) -> pd.DataFrame:
    frame = hubverse()
    for column, value in values.items():
        frame[column] = frame[column].astype(object)
        frame.loc[3, column] = value
    return frame


WRONG = {
    "not a number": (changed(value="many"), "row 5.*the value is no finite number"),
    "below zero": (changed(value=-1.0), "row 5.*the value is below zero"),
    "crossing": (changed(value=0.0), "row 5.*the quantiles of AAA-1 from 2009-01 cross at 0.5"),
    "a level of 2": (changed(output_type_id="2"), "row 5.*the level of a quantile is not between 0 and 1"),
    "twice": (pd.concat([hubverse(), hubverse().head(1)]), "the same number stands twice"),
    "overlap": (
        hubverse().assign(origin_date="2009-02-28").drop(columns="horizon"),
        "not after the origin: forecast and data overlap",
    ),
    "disagrees": (changed(horizon=7), "row 5.*horizon and target_end_date disagree"),
    "a year": (changed(origin_date="2009"), "row 5.*'2009' is a year"),
    "only means": (hubverse().query("output_type == 'mean'"), "there are no quantile, sample, cdf rows"),
    "another layout": (pd.DataFrame({"a": [1]}), "none of the known layouts"),
    "no rows": (hubverse().head(0), "there are no rows"),
}


@pytest.mark.parametrize("how", WRONG)
def test_a_table_that_is_wrong_is_refused_by_row(how: str) -> None:
    frame, words = WRONG[how]
    with pytest.raises(HarmattanError, match=words):
        ForecastTable.read(frame)


def test_what_a_table_does_not_say_has_to_be_said() -> None:
    with pytest.raises(UsageError, match="does not say what it forecasts"):
        TableMember(tidy())
    with pytest.raises(UsageError, match="does not say from when it is"):
        TableMember(views(), target="events")
    two = pd.concat([hubverse().assign(model_id="a"), hubverse().assign(model_id="b")])
    with pytest.raises(UsageError, match=r"the table holds a, b\. Name one"):
        TableMember(two)
    assert TableMember(two, model="b").name == "b"
    with pytest.raises(UsageError, match="it was trained on months to 2010-06, and forecasts from 2009-01"):
        TableMember(hubverse(), trained_to="2010-06")


def test_a_missing_region_is_named() -> None:
    frame = hubverse().query("location != 'BBB-2'")
    table = ForecastTable.read(frame)
    with pytest.raises(SchemaError, match="there is no forecast for BBB-2 from 2009-01, 1 months ahead"):
        table.margins(pd.Period("2009-01", "M"), 1, LADDER)
    assert table.margins(pd.Period("2009-01", "M"), 1, LADDER, needed=LADDER[:3]).mean.shape == (8,)
    assert table.margins(pd.Period("2008-01", "M"), 1, LADDER) is None


def test_a_table_is_a_member_where_it_has_forecasts_and_absent_elsewhere() -> None:
    problem = problem_of(ladder_panel(months=120))
    origins = problem.panel.months[80:110]
    table = tidy(tuple(str(o) for o in origins[:25]))
    member = TableMember(table, target="events")
    (record,) = run_backtest(
        problem, origins, [1], members=["conflictology_12", member], compared=(), warm_up=0
    )
    weights = record.weights.pivot_table(index="origin", columns="member", values="weight")["chronos"]
    assert weights.iloc[:12].tolist() == [0.5] * 12
    assert (weights.iloc[25:] == 0).all()
    assert np.isnan(record.of("chronos", "crps")[25:]).all()
    pool = fit_pool(problem, origins[3], 1, ["conflictology_12", member])
    again = FittedPool.from_files(pool.to_files())
    np.testing.assert_array_equal(
        again.margins(problem, origins[3])["pool"].cdf, pool.margins(problem, origins[3])["pool"].cdf
    )
    with pytest.raises(ModelError, match="'chronos' has no forecast from any origin"):
        run_backtest(problem, problem.panel.months[112:114], [1], members=["zero", member], warm_up=0)
