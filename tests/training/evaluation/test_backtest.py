"""Rolling origins and the scores made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scoringrules
from small_worlds import ladder_panel, problem_of

from harmattan.data.panel import Panel
from harmattan.training.evaluation import scores
from harmattan.training.evaluation.backtest import recent_origins, run_backtest
from harmattan.training.evaluation.case_scores import REFERENCE, score_board, score_record
from harmattan.training.evaluation.scores import block_bootstrap_skill, crps, interval_coverage
from harmattan.training.margins import Margins
from harmattan.training.models.base import Problem
from harmattan.training.models.baselines import Conflictology
from harmattan.training.onset import OnsetFits, history_of
from harmattan.training.pool import OnsetsAhead
from harmattan.training.pool.fitted import fit_pool
from harmattan.training.record import Record

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


def judge(panel: Panel, horizon: int, origins: Sequence[pd.Period], draws: int = DRAWS) -> Record:
    """The record that a plain run judges its pool by: equal weights, refits every third month."""
    return run_backtest(
        problem_of(panel),
        tuple(origins),
        (horizon,),
        compared=(REFERENCE,),
        learns=False,
        draws=draws,
        refit_every=3,
    )[0]


def published(problem: Problem, origin: pd.Period, pool: Margins) -> Margins:
    """The pool two months ahead as a release has it: onsets by their own model, fitted in the last December."""
    fits = OnsetFits(history_of(problem.panel), problem)
    return OnsetsAhead.of(fits.at(origin), fits, origin).margins(pool, 2)


@pytest.fixture(scope="module")
def record(panel: Panel) -> Record:
    return judge(panel, 2, panel.months[60:66])


def test_a_record_has_one_score_per_origin_and_region(panel: Panel, record: Record) -> None:
    assert record.origins == tuple(panel.months[60:66])
    assert record.fitted == panel.months[63]
    for name in ("pool", REFERENCE, "endemic_epidemic", "boosted", "exponential_nb"):
        assert record.of(name, "crps").shape == (6, 8)
        assert record.of(name, "crps").min() >= 0
        assert (record.of(name, "pit_low") <= record.of(name, "pit_high")).all()
    assert np.argwhere(np.isnan(record.observed)).tolist() == [[4, 2]]


def test_nothing_is_kept_that_grows_with_the_counts(record: Record) -> None:
    """A record of distributions would grow with the largest count; this one holds a few numbers per case."""
    cases = 6 * 8 * len(record.members)
    assert sum(each.size for each in record.values.values()) <= 16 * cases


def test_the_scores_of_one_case_are_those_of_its_draws(panel: Panel, record: Record) -> None:
    problem = problem_of(panel)
    draws = Conflictology(12).margins(problem, panel.months[62]).stratified(DRAWS)[:, 4].astype(float)
    y = float(panel.measure("events")[64, 4])
    direct = np.abs(draws - y).mean() - 0.5 * np.abs(draws[:, None] - draws).mean()
    assert record.of(REFERENCE, "crps")[2, 4] == pytest.approx(direct, abs=1e-9)


@pytest.mark.parametrize("name", ["pool", "boosted", REFERENCE])
def test_every_measure_is_that_of_the_draws(panel: Panel, name: str) -> None:
    origin = panel.months[63]
    record, problem = judge(panel, 2, [origin]), problem_of(panel)
    made = fit_pool(problem, origin, 2).margins(problem, origin)
    made[REFERENCE] = Conflictology(12).margins(problem, origin)
    made["pool"] = published(problem, origin, made["pool"])
    x, y = made[name].stratified(DRAWS), panel.measure("events")[65].astype(np.int64)
    expected = {
        "crps": scores.crps(y, x),
        "crps_log": scores.crps(y, x, log=True),
        "ignorance": scores.ignorance(y, x),
        "interval_90": scores.interval_score(y, x),
    }
    for measure, values in expected.items():
        np.testing.assert_allclose(record.of(name, measure)[0], values, rtol=1e-9, err_msg=measure)
    # scoringutils' decomposition: the score of the median, and what is missing to the score of the outcome.
    median = np.sort(x, axis=0)[(DRAWS - 1) // 2]
    judged = score_record(record, np.random.default_rng(1))
    parts = [judged.of(name, f"crps_{part}")[0] for part in ("dispersion", "over", "under")]
    np.testing.assert_allclose(parts[0], scores.crps(median, x), atol=1e-9)
    np.testing.assert_allclose(sum(parts), expected["crps"], rtol=1e-9)
    assert (np.array(parts) >= -1e-12).all()
    np.testing.assert_allclose(parts[1][y >= median], 0.0, atol=1e-12)
    np.testing.assert_allclose(parts[2][y <= median], 0.0, atol=1e-12)
    uniform = np.random.default_rng(1).random((1, 8))[0]
    np.testing.assert_allclose(judged.of(name, "pit")[0], scores.randomised_pit(y, x, uniform), atol=1e-12)
    for k in (1, 5, 10):
        assert judged.of(name, f"p{k}")[0].tolist() == scores.prob_at_least(x, k).tolist()


def test_between_refits_parameters_stay_and_months_go_on(panel: Panel, record: Record) -> None:
    problem = problem_of(panel)
    pool = fit_pool(problem, panel.months[63], 2)
    margins = published(problem, panel.months[65], pool.margins(problem, panel.months[65])["pool"])
    expected = crps(panel.measure("events")[67], margins.stratified(DRAWS))
    np.testing.assert_allclose(record.of("pool", "crps")[5], expected, rtol=1e-9)


def test_no_outcome_changes_an_earlier_forecast(panel: Panel, record: Record) -> None:
    other = judge(changed_after(panel, 64), 2, record.origins)
    for name in record.members:
        for measure in ("crps", "mean", "pit_high"):
            # Origins 60, 61, 62 have their outcomes in rows 62, 63, 64: as before, to the bit.
            one, two = record.of(name, measure), other.of(name, measure)
            assert one[:3].tobytes() == two[:3].tobytes(), name
            assert (one[3:] != two[3:]).any(), name


@pytest.mark.slow
def test_targets_together_are_as_each_alone(panel: Panel) -> None:
    """What one target has fitted may serve the next, and changes nothing but how likely any death is."""
    events = problem_of(panel)
    deaths = replace(events, target="deaths")
    options = {"horizons": (1,), "warm_up": 13, "refit_every": 7}
    both = run_backtest([events, deaths], tuple(panel.months[60:64]), **options)
    for problem, together in zip((events, deaths), both, strict=True):
        alone = run_backtest(problem, tuple(panel.months[60:64]), **options)[0]
        assert together.target == alone.target == problem.target
        if problem is deaths:
            assert (together.of("pool", "p1") <= both[0].of("pool", "p1")).all()
            # Only how likely any death is follows the events; how many die where anybody does is the pool's own.
            for measure in ("p5", "p10", "mean"):
                shares = [r.of("pool", measure) / r.of("pool", "p1") for r in (together, alone)]
                np.testing.assert_allclose(*shares, rtol=1e-6)
        for measure in alone.values:
            for name in alone.members:
                if problem is events or name != "pool":
                    one, two = alone.of(name, measure), together.of(name, measure)
                    assert one.tobytes() == two.tobytes(), (name, measure)
        assert alone.weights.equals(together.weights)


def test_recent_origins_are_those_whose_outcome_is_known(panel: Panel) -> None:
    problem = problem_of(panel)
    origins = recent_origins(problem, panel.months[70], 3, 4)
    assert origins == tuple(panel.months[64:68])
    assert recent_origins(problem, panel.months[4], 3, 12) == tuple(panel.months[:2])


def board_of(record: Record) -> pd.DataFrame:
    return score_board(record, np.random.default_rng(2), np.full(record.observed.shape, 0.5))


def test_the_leaderboard_is_made_of_the_record(record: Record) -> None:
    board = board_of(record).set_index("member")
    assert set(board.index) == set(record.members) - {"pool_uncalibrated"}
    assert (board.cases == 47).all()
    crps = {n: np.where(np.isfinite(record.observed), record.of(n, "crps"), np.nan) for n in record.members}
    assert board.crps["pool"] == pytest.approx(np.nanmean(crps["pool"]))
    by_month = {n: np.nanmean(crps[n], axis=1).mean() for n in ("pool", REFERENCE)}
    assert board.skill_vs_conflictology["pool"] == pytest.approx(1 - by_month["pool"] / by_month[REFERENCE])
    assert board.skill_vs_conflictology[REFERENCE] == 0
    assert (board.skill_low <= board.skill_vs_conflictology).all()
    assert (board.skill_high >= board.skill_vs_conflictology).all()
    assert (board.coverage_50 <= board.coverage_80).all()
    assert (board.coverage_80 <= board.coverage_90).all()


def test_an_origin_without_any_outcome_does_not_spoil_the_board(record: Record) -> None:
    observed = record.observed.copy()
    observed[1] = np.nan
    board = board_of(replace(record, observed=observed))
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
    board = board_of(judge(panel, 1, [panel.months[60]]))
    assert isinstance(board, pd.DataFrame)
    assert (board.target == "events").all()


def test_horizons_on_origins_of_their_own_are_judged_as_if_alone(panel: Panel) -> None:
    problem, members = problem_of(panel), ("conflictology_12", "last_value")
    own = {1: panel.months[62:65], 2: panel.months[61:64]}
    both = run_backtest(problem, own, (1, 2), members=members, compared=(), warm_up=12)
    for record in both:
        alone = run_backtest(
            problem, own[record.horizon], (record.horizon,), members=members, compared=(), warm_up=12
        )[0]
        assert record.origins == alone.origins
        np.testing.assert_array_equal(record.of("pool", "crps"), alone.of("pool", "crps"))
