"""The main families computed again in SQL over the long table."""

from __future__ import annotations

from collections.abc import Callable

import duckdb
import numpy as np
import pandas as pd
import pytest

from harmattan.data.panel import Panel
from harmattan.features import Lag, Mean, MonthsSince, Neighbours, Recipe, Share, Sum, Term

Tables = tuple[Panel, duckdb.DuckDBPyConnection]


@pytest.fixture(scope="module", params=[11, 12])
def tables(request: pytest.FixtureRequest, make_panel: Callable[..., Panel]) -> Tables:
    panel = make_panel(request.param, months=36)
    long = panel.to_frame()
    long["t"] = np.repeat(np.arange(panel.shape[0]), panel.shape[1])
    links = pd.concat(
        [panel.links, panel.links.rename(columns={"region_a": "region_b", "region_b": "region_a"})]
    )
    base = duckdb.connect()
    base.register("long_in", long.drop(columns=["name"]))
    base.register("links", links)
    base.execute(
        "create table long as select * replace (case when observed then events end as events) from long_in"
    )
    return panel, base


def assert_same_as_sql(tables: Tables, term: Term, query: str) -> None:
    panel, base = tables
    found = base.execute(f"select t, region_id, x from ({query})").df()
    want = found.pivot(index="t", columns="region_id", values="x").reindex(columns=list(panel.region_ids))
    got = Recipe([term]).build(panel).values[:, :, 0]
    np.testing.assert_allclose(got, want.to_numpy(float), rtol=1e-6, atol=1e-6, equal_nan=True)


def test_lag(tables: Tables) -> None:
    assert_same_as_sql(
        tables,
        Lag(3),
        "select t, region_id, lag(events, 3) over (partition by region_id order by t) x from long",
    )


@pytest.mark.parametrize("window", [3, 12])
def test_windows(tables: Tables, window: int) -> None:
    over = f"over (partition by region_id order by t rows {window - 1} preceding)"
    assert_same_as_sql(tables, Mean(window), f"select t, region_id, avg(events) {over} x from long")
    assert_same_as_sql(tables, Sum(window), f"select t, region_id, {window} * avg(events) {over} x from long")


def test_share(tables: Tables) -> None:
    over = "over (partition by region_id order by t rows 5 preceding)"
    top = f"sum(case when observed then events_one_sided end) {over}"
    assert_same_as_sql(
        tables,
        Share("one_sided", 6),
        f"select t, region_id, {top} / nullif(sum(events) {over}, 0) x from long",
    )


def test_months_since(tables: Tables) -> None:
    last = "max(case when {} then t end) over (partition by region_id order by t)"
    hit, gap = last.format("events >= 1"), last.format("not observed")
    assert_same_as_sql(
        tables,
        MonthsSince(),
        f"select t, region_id, case when gap is null or hit > gap then t - hit end x "
        f"from (select t, region_id, {hit} hit, {gap} gap from long)",
    )


@pytest.mark.parametrize(("across", "rule"), [(True, "c <> d"), (False, "c = d"), (None, "true")])
def test_neighbours(tables: Tables, across: bool | None, rule: str) -> None:
    share = (
        "select region_a, region_b, border_km / sum(border_km) over (partition by region_a) w, "
        "split_part(region_a, '-', 1) c, split_part(region_b, '-', 1) d from links"
    )
    near = (
        f"select l.t, region_a region_id, sum(w * events) * sum(w) / sum(w) filter (events is not null) x "
        f"from ({share}) s join long l on l.region_id = s.region_b where {rule} group by 1, 2"
    )
    every = f"select l.t, l.region_id, x from long l left join ({near}) n using (t, region_id)"
    assert_same_as_sql(tables, Neighbours(of=Lag(0), across_border=across), every)
