"""The spillover table: what it counts, what it says, and what it keeps to itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_worlds import diffusion, ladder_panel, problem_of

from harmattan.data.panel import Panel
from harmattan.forecast.spillover.attribution import (
    SPANS,
    SPILLOVER_COLUMNS,
    THRESHOLDS,
    PublishedMargins,
    Worlds,
    _disagree,
    simulate_worlds,
    spillover_table,
    stratified_uniforms,
)
from harmattan.forecast.spillover.words import DISAGREE, SHOCK_NOTE
from harmattan.training.diffusion.model import Diffusion
from harmattan.training.distribution import Draws
from harmattan.training.models.base import Problem

PATHS = 300


def pool_of(panel: Panel, horizons: tuple[int, ...] = (1, 2, 3, 4, 5, 6)) -> Draws:
    values = np.random.default_rng(1).poisson(1.5, size=(200, len(horizons), panel.shape[1]))
    return Draws(values.astype(np.int32), panel.months[-1], horizons, panel.region_ids, "events")


def worlds_of(model: Diffusion, problem: Problem, seed: int = 1, months: int = 6) -> Worlds:
    rng = np.random.default_rng(seed)
    return simulate_worlds(model, problem, problem.panel.months[-1], months, PATHS, rng)


@pytest.fixture(scope="module")
def problem() -> Problem:
    return problem_of(ladder_panel(2, 60))


@pytest.fixture(scope="module")
def borders(problem: Problem) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "region_id": list(problem.panel.region_ids[:6]),
            "international_km": [100.0, 100.0, 100.0, 0.0, 100.0, 200.0],
            "observed_km": [59.0, 60.0, 100.0, 0.0, 0.0, 150.0],
            "blind_towards": ["DZA", "DZA", "", "", "NGA, GHA", "GHA"],
        }
    )


@pytest.fixture(scope="module")
def table(problem: Problem, borders: pd.DataFrame) -> pd.DataFrame:
    model = diffusion(a_to_b=0.6, b_to_a=0.3, declared=(True, False))
    return spillover_table(model, worlds_of(model, problem), problem.panel, pool_of(problem.panel), borders)


def test_one_row_per_source_target_span_and_threshold(table: pd.DataFrame) -> None:
    assert tuple(table.columns) == SPILLOVER_COLUMNS
    assert len(table) == 2 * 4 * len(SPANS) * len(THRESHOLDS)
    keys = ["source_country", "target_region", "horizon", "threshold"]
    assert not table.duplicated(keys).any()
    assert (table.source_country != table.target_country).all()
    assert (table.target_region.str[:3] == table.target_country).all()


@settings(max_examples=15)
@given(
    a_to_b=st.floats(0.01, 0.8),
    b_to_a=st.floats(0, 0.5),
    own=st.floats(0, 0.5),
    endemic=st.floats(0.01, 3),
    seed=st.integers(0, 1000),
)
def test_shares_and_risks_are_coherent(
    a_to_b: float, b_to_a: float, own: float, endemic: float, seed: int
) -> None:
    problem = problem_of(ladder_panel(2, 60))
    model = diffusion(a_to_b=a_to_b, b_to_a=b_to_a, own=own, endemic=endemic)
    rows = spillover_table(
        model, worlds_of(model, problem, seed), problem.panel, pool_of(problem.panel), None
    )
    for column in ("share_direct", "share_total", "risk_factual", "risk_cut", "risk_difference", "pool_risk"):
        assert rows[column].between(-1e-12, 1 + 1e-12).all(), column
    assert (rows.risk_difference >= 0).all()
    np.testing.assert_allclose(rows.risk_factual - rows.risk_cut, rows.risk_difference)
    assert (rows.share_total >= rows.share_direct - 1e-9).all()
    one = rows[rows.horizon == 1]
    np.testing.assert_allclose(one.share_total, one.share_direct, atol=1e-9)


def test_with_the_border_a_risk_is_the_published_one_and_without_it_as_much_less(problem: Problem) -> None:
    model = diffusion(a_to_b=0.6)
    worlds, panel, pool = worlds_of(model, problem), problem.panel, pool_of(problem.panel)
    table = spillover_table(model, worlds, panel, pool, None).set_index(
        ["target_region", "horizon", "threshold"]
    )
    at = panel.region_ids.index("BBB-2")
    for span, threshold in ((1, 1), (3, 5), (6, 25)):
        row = table.loc[("BBB-2", span, threshold)]
        factual = worlds.paths[:, :span, at].sum(axis=1)
        assert row.model_risk == np.mean(factual >= threshold)
        published = np.mean(pool.values[:, :span, at].sum(axis=1) >= threshold)
        assert row.risk_factual == row.pool_risk == published
        assert 0 <= row.risk_cut <= published
        share = 1 - worlds.cut_mean["AAA"][:span, at].sum() / worlds.mean[:span, at].sum()
        assert row.share_total == pytest.approx(share)
    assert (table.risk_difference > 0).any()


def test_mapped_paths_have_the_published_margins_and_never_rise_by_a_cut(problem: Problem) -> None:
    worlds, pool = worlds_of(diffusion(a_to_b=0.6), problem), pool_of(problem.panel)
    mapping = PublishedMargins.of(worlds, pool)
    assert mapping is not None
    to = np.arange(4, 8)
    with_, without = (mapping.mapped(world[:, :, to], to) for world in (worlds.paths, worlds.cut["AAA"]))
    assert (without <= with_).all()
    assert (without < with_).any()
    same = worlds.paths[:, :, to] == worlds.cut["AAA"][:, :, to]
    np.testing.assert_array_equal(with_[same], without[same])
    np.testing.assert_allclose(with_.mean(axis=0), pool.values[:, :, to].mean(axis=0), atol=0.25)


def test_a_row_says_where_path_model_and_forecast_disagree(problem: Problem) -> None:
    model, panel = diffusion(a_to_b=0.6, endemic=0.01), problem.panel
    worlds = worlds_of(model, problem)
    same = Draws(worlds.paths, panel.months[-1], (1, 2, 3, 4, 5, 6), panel.region_ids, "events")
    assert not spillover_table(model, worlds, panel, same, None).models_disagree.any()
    none = replace(same, values=np.zeros_like(worlds.paths))
    rows = spillover_table(model, worlds, panel, none, None)
    assert rows.models_disagree.all()
    assert rows.statement.str.endswith(DISAGREE).all()


@pytest.mark.parametrize(("ours", "theirs"), [(0.004, 0.0065), (0.0065, 0.004), (0.2, 0.31)])
def test_beyond_a_factor_of_one_and_a_half_they_disagree_however_small_both_are(
    problem: Problem, ours: float, theirs: float
) -> None:
    def drawn(chance: float) -> np.ndarray:
        return np.repeat(np.arange(2000) < 2000 * chance, 8).reshape(2000, 1, 8).astype(np.int32)

    panel, worlds = problem.panel, worlds_of(diffusion(), problem, months=1)
    own = replace(worlds, paths=drawn(ours))
    pool = Draws(drawn(theirs), panel.months[-1], (1,), panel.region_ids, "events")
    assert _disagree(own, pool).all()
    near = replace(pool, values=drawn(1.4 * ours))
    assert not _disagree(own, near).any()


def test_months_up_to_a_hole_are_those_of_the_published_forecast(problem: Problem) -> None:
    """Where the published forecast has a span's months its risk stands, else the path model's."""
    pool = pool_of(problem.panel, (1, 3, 6))
    model = diffusion(a_to_b=0.6)
    rows = spillover_table(model, worlds_of(model, problem), problem.panel, pool, None)
    first, later = rows[rows.horizon == 1], rows[rows.horizon > 1]
    assert (first.risk_factual == first.pool_risk).all()
    assert (first.risk_cut <= first.pool_risk).all()
    assert (first.risk_cut < first.pool_risk).any()
    assert (later.risk_factual == later.model_risk).all()


def test_statements_say_the_robust_end_and_the_grade(table: pd.DataFrame) -> None:
    loud, quiet = table[table.declared], table[~table.declared]
    assert set(loud.source_country) == {"AAA"}
    assert set(quiet.source_country) == {"BBB"}
    assert set(loud.grade) == {"some"}
    assert loud.statement.str.contains(SHOCK_NOTE, regex=False).all()
    assert set(quiet.grade) == {"none shown"}
    assert quiet.statement.str.contains("evidence: none shown", regex=False).all()
    assert not table.statement.str.contains("caused").any()
    longest = max(len(part.split()) for text in table.statement for part in text.split(". "))
    assert longest <= 30


def test_a_region_that_sees_less_than_three_fifths_of_its_border_is_partly_blind(table: pd.DataFrame) -> None:
    rows = table.drop_duplicates("target_region").set_index("target_region")
    share = rows.observed_border_share
    assert share["AAA-1"] == pytest.approx(0.59)
    assert share["AAA-4"] == 1.0
    assert share["BBB-2"] == pytest.approx(0.75)
    assert set(rows.index[rows.partly_blind]) == {"AAA-1", "BBB-1"}
    assert rows.blind_towards["BBB-1"] == "NGA, GHA"
    assert rows.blind_towards["BBB-4"] == ""


def test_without_borders_it_is_not_known_who_is_blind(problem: Problem) -> None:
    model = diffusion()
    rows = spillover_table(model, worlds_of(model, problem), problem.panel, pool_of(problem.panel), None)
    assert rows.observed_border_share.isna().all()
    assert rows.partly_blind.isna().all()
    assert (rows.blind_towards == "").all()


def test_spans_beyond_the_horizons_are_left_out(problem: Problem) -> None:
    model = diffusion()
    pool = pool_of(problem.panel, (1, 2))
    rows = spillover_table(model, worlds_of(model, problem, months=2), problem.panel, pool, None)
    assert set(rows.horizon) == {1}


def test_the_pools_risk_is_missing_where_its_horizons_have_holes(problem: Problem) -> None:
    model = diffusion()
    pool = pool_of(problem.panel, (1, 3, 6))
    rows = spillover_table(model, worlds_of(model, problem), problem.panel, pool, None)
    assert rows.pool_risk[rows.horizon == 1].notna().all()
    assert rows.pool_risk[rows.horizon > 1].isna().all()
    assert rows.risk_factual.notna().all()


def test_a_border_that_nothing_crosses_has_its_rows_all_the_same(problem: Problem) -> None:
    model = diffusion(a_to_b=0.0, b_to_a=0.0)
    rows = spillover_table(model, worlds_of(model, problem), problem.panel, pool_of(problem.panel), None)
    assert tuple(rows.columns) == SPILLOVER_COLUMNS
    assert set(rows.source_country) == {"AAA", "BBB"}
    assert (rows[["share_direct", "share_total", "risk_difference"]] == 0).all(axis=None)


def test_past_imports_stay_in_every_world(problem: Problem) -> None:
    model = diffusion(a_to_b=0.6, b_to_a=0.0)
    worlds = worlds_of(model, problem)
    np.testing.assert_array_equal(worlds.cut["BBB"], worlds.paths)
    home = np.array(model.countries) == "AAA"
    np.testing.assert_array_equal(worlds.cut["AAA"][:, :, home], worlds.paths[:, :, home])
    own = model.endemic + (np.diag(model.own) + model.domestic) @ _lag(problem)
    np.testing.assert_allclose(worlds.cut_mean["AAA"][0], own)


def _lag(problem: Problem) -> np.ndarray:
    """The half-life of two months, by pandas."""
    events = pd.DataFrame(problem.panel.measure("events").astype(float))
    return events.ewm(halflife=2.0).mean().iloc[-1].to_numpy()


def test_more_events_at_the_source_mean_more_spillover() -> None:
    panel = ladder_panel(2, 60)
    model, rows = diffusion(a_to_b=0.6), []
    for extra in (0, 12):
        events = panel.measure("events").copy()
        events[-1, 1] += extra
        problem = problem_of(replace(panel, measures={**panel.measures, "events": events}))
        table = spillover_table(model, worlds_of(model, problem), problem.panel, pool_of(panel), None)
        rows.append(table.query("target_region == 'BBB-2' and horizon == 3 and threshold == 5").iloc[0])
    assert rows[1].share_total > rows[0].share_total
    assert rows[1].model_risk > rows[0].model_risk


def test_uniforms_are_evenly_spread_over_the_paths() -> None:
    u = stratified_uniforms(50, 3, 4, np.random.default_rng(3))
    assert u.shape == (50, 3, 4)
    assert (np.sort(np.floor(u * 50), axis=0) == np.arange(50)[:, None, None]).all()
    assert not np.array_equal(u[:, 0, 0].argsort(), u[:, 0, 1].argsort())
