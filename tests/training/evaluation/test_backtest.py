"""Rolling origins and the scores made of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scoringrules
from small_worlds import ladder_panel, problem_of

from harmattan.data.panel import Panel
from harmattan.training.evaluation.backtest import (
    REFERENCE,
    HorizonRecord,
    leaderboard,
    recent_origins,
    score_horizon,
)
from harmattan.training.evaluation.scores import block_bootstrap_skill, crps, interval_coverage
from harmattan.training.models.baselines import Conflictology
from harmattan.training.pool.fitted import fit_pool

DRAWS = 200


def changed_after(panel: Panel, row: int) -> Panel:
    """Other events and deaths after a row."""
    rng = np.random.default_rng(5)
    measures = {k: v.copy() for k, v in panel.measures.items()}
    for values in measures.values():
        values[row + 1 :] = rng.poisson(20.0, size=values[row + 1 :].shape)
    return replace(panel, measures=measures)


@pytest.fixture(scope="module")
def panel() -> Panel:
    observed = np.ones((72, 8), dtype=bool)
    observed[66, 2] = False
    return ladder_panel(3, 72, observed)


@pytest.fixture(scope="module")
def record(panel: Panel) -> HorizonRecord:
    problem = problem_of(panel)
    return score_horizon(problem, 2, tuple(panel.months[60:66]), np.random.default_rng(1), DRAWS, 3)


def test_a_record_has_one_score_per_origin_and_region(panel: Panel, record: HorizonRecord) -> None:
    assert record.origins == tuple(panel.months[60:66])
    for name in ("pool", REFERENCE, "endemic_epidemic", "boosted", "exponential_nb"):
        assert record.crps[name].shape == (6, 8)
        assert np.nanmin(record.crps[name]) >= 0
        assert np.nanmin(record.pit[name]) >= 0
        assert np.nanmax(record.pit[name]) <= 1


def test_an_unobserved_outcome_is_not_scored(record: HorizonRecord) -> None:
    for values in [*record.crps.values(), *record.pit.values()]:
        assert np.argwhere(np.isnan(values)).tolist() == [[4, 2]]


def test_the_score_of_one_case_is_a_direct_double_sum(panel: Panel, record: HorizonRecord) -> None:
    problem = problem_of(panel)
    draws = Conflictology(12).margins(problem, panel.months[62]).stratified(DRAWS)[:, 4].astype(float)
    y = float(panel.measure("events")[64, 4])
    direct = np.abs(draws - y).mean() - 0.5 * np.abs(draws[:, None] - draws).mean()
    assert record.crps[REFERENCE][2, 4] == pytest.approx(direct, abs=1e-9)


def test_between_refits_parameters_stay_and_months_go_on(panel: Panel, record: HorizonRecord) -> None:
    problem = problem_of(panel)
    pool = fit_pool(problem, panel.months[63], 2)
    margins = pool.margins(problem, panel.months[65])["pool"]
    expected = crps(panel.measure("events")[67], margins.stratified(DRAWS))
    np.testing.assert_allclose(record.crps["pool"][5], expected, rtol=1e-9)


def test_no_outcome_changes_an_earlier_forecast(panel: Panel, record: HorizonRecord) -> None:
    other = score_horizon(
        problem_of(changed_after(panel, 64)), 2, record.origins, np.random.default_rng(1), DRAWS, 3
    )
    for name in record.crps:
        # Origins 60, 61, 62 have their outcomes in rows 62, 63, 64: as before, to the bit.
        assert record.crps[name][:3].tobytes() == other.crps[name][:3].tobytes(), name
        assert record.pit[name][:3].tobytes() == other.pit[name][:3].tobytes(), name
        assert (record.crps[name][3:] != other.crps[name][3:]).any(), name


def test_recent_origins_are_those_whose_outcome_is_known(panel: Panel) -> None:
    problem = problem_of(panel)
    origins = recent_origins(problem, panel.months[70], 3, 4)
    assert origins == tuple(panel.months[64:68])
    assert recent_origins(problem, panel.months[4], 3, 12) == tuple(panel.months[:2])


def test_the_leaderboard_is_made_of_the_record(record: HorizonRecord) -> None:
    board = leaderboard(record, "events", np.random.default_rng(2)).set_index("member")
    assert set(board.index) == set(record.crps)
    assert (board.cases == 47).all()
    assert board.crps["pool"] == pytest.approx(np.nanmean(record.crps["pool"]))
    by_month = {n: np.nanmean(record.crps[n], axis=1).mean() for n in ("pool", REFERENCE)}
    assert board.skill_vs_conflictology["pool"] == pytest.approx(1 - by_month["pool"] / by_month[REFERENCE])
    assert board.skill_vs_conflictology[REFERENCE] == 0
    assert (board.skill_low <= board.skill_vs_conflictology).all()
    assert (board.skill_high >= board.skill_vs_conflictology).all()
    assert (board.coverage_50 <= board.coverage_80).all()
    assert (board.coverage_80 <= board.coverage_90).all()


def test_an_origin_without_any_outcome_does_not_spoil_the_board(record: HorizonRecord) -> None:
    def emptied(values: np.ndarray) -> np.ndarray:
        out = values.copy()
        out[1] = np.nan
        return out

    hollow = replace(
        record,
        crps={k: emptied(v) for k, v in record.crps.items()},
        pit={k: emptied(v) for k, v in record.pit.items()},
    )
    board = leaderboard(hollow, "events", np.random.default_rng(2))
    assert board.notna().all(axis=None)
    assert (board.cases == 39).all()


# --- scores ------------------------------------------------------------------------------------------------------


def test_crps_is_scoringrules_and_the_double_sum() -> None:
    rng = np.random.default_rng(3)
    draws, y = rng.poisson(3.0, size=(50, 4)).astype(float), rng.poisson(3.0, size=4).astype(float)
    direct = np.abs(draws - y).mean(axis=0) - 0.5 * np.abs(draws[:, None] - draws).mean(axis=(0, 1))
    np.testing.assert_allclose(crps(y, draws), direct)
    np.testing.assert_allclose(
        crps(y, draws), scoringrules.crps_ensemble(y, draws, m_axis=0, estimator="nrg")
    )


def test_coverage_of_uniform_pit_is_nominal_and_of_clustered_pit_is_not() -> None:
    uniform = (np.arange(1000) + 0.5) / 1000
    assert interval_coverage(uniform) == pytest.approx({0.5: 0.5, 0.8: 0.8, 0.9: 0.9}, abs=2e-3)
    assert interval_coverage(np.full(10, 0.5))[0.5] == 1.0
    assert interval_coverage(np.full(10, 0.01))[0.9] == 0.0


def test_a_score_without_skill_has_an_interval_around_zero() -> None:
    rng = np.random.default_rng(4)
    base = rng.gamma(4.0, 0.1, size=60)
    skill, low, high = block_bootstrap_skill(base, base, rng)
    assert (skill, low, high) == (0.0, 0.0, 0.0)
    skill, low, high = block_bootstrap_skill(base + rng.normal(0, 0.02, 60), base, rng)
    assert low < 0 < high
    assert low < skill < high


def test_clear_skill_has_an_interval_above_zero() -> None:
    rng = np.random.default_rng(5)
    base = rng.gamma(4.0, 0.1, size=60)
    skill, low, high = block_bootstrap_skill(0.8 * base + rng.normal(0, 0.005, 60), base, rng)
    assert skill == pytest.approx(0.2, abs=0.01)
    assert 0.15 < low < high < 0.25


def test_blocks_keep_the_dependence_of_neighbouring_months() -> None:
    wave = 1 + 0.5 * np.sin(np.arange(60) / 6)
    base = np.ones(60)
    width = [
        np.diff(block_bootstrap_skill(wave, base, np.random.default_rng(7), block=block)[1:])[0]
        for block in (1, 12)
    ]
    assert width[1] > 1.3 * width[0]


def test_skill_against_a_perfect_reference_is_not_a_number() -> None:
    skill, low, high = block_bootstrap_skill(np.ones(12), np.zeros(12), np.random.default_rng(8))
    assert np.isnan([skill, low, high]).all()


def test_one_origin_is_enough_for_a_board(panel: Panel) -> None:
    record = score_horizon(problem_of(panel), 1, (panel.months[60],), np.random.default_rng(1), 100)
    board = leaderboard(record, "deaths", np.random.default_rng(2))
    assert isinstance(board, pd.DataFrame)
    assert (board.target == "deaths").all()
