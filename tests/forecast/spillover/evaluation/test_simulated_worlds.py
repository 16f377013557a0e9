"""The evaluation of spillover: worlds with known truth, the vault, and tables of the record."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score
from small_worlds import ladder_panel

from harmattan.data.errors import OriginError
from harmattan.data.simulation import World, grid_regions
from harmattan.data.snapshot import load_snapshot
from harmattan.forecast.spillover.evaluation.first_events import ALL, INFLOW, NAIVE, NEW, area, entry_tables
from harmattan.forecast.spillover.evaluation.hindcast import gain_table, hindcast
from harmattan.forecast.spillover.evaluation.run import last_month
from harmattan.forecast.spillover.evaluation.simulated_worlds import (
    PAIR,
    Setting,
    Trial,
    evaluate_worlds,
    judge_world,
    shocked,
    wilson,
)
from harmattan.forecast.spillover.job import check_coverage


def test_worlds_are_counted_setting_by_setting() -> None:
    settings = (Setting("closed"), Setting("open", 12.0))
    regions = grid_regions(PAIR, rows=3, columns=3)
    summary, rows = evaluate_worlds(regions, settings, worlds=3, months=120, permutations=20, seed=4)
    assert summary.setting.tolist() == ["closed", "open"]
    assert rows.groupby("setting").size().tolist() == [3, 3]
    closed, open_ = summary.iloc[0], summary.iloc[1]
    assert closed.true_share == 0
    assert open_.true_share > 0.05
    assert open_.mean_estimate > 3 * closed.mean_estimate
    assert open_.declared_a_to_b == rows[rows.setting == 1].a_to_b.mean()


def test_a_world_depends_on_its_number_alone() -> None:
    trial = Trial(grid_regions(PAIR, 2, 2), (Setting("open", 4.0),), 60, 10, 7)
    assert judge_world(trial, 0, 1) == judge_world(trial, 0, 1)
    assert judge_world(trial, 0, 1)["estimate"] != judge_world(trial, 0, 2)["estimate"]


def test_a_shared_shock_moves_both_sides_and_nothing_crosses() -> None:
    regions = grid_regions(PAIR, rows=2, columns=3)
    truth = shocked(World(months=400, own=0.1), regions, 1.5, np.random.default_rng(3))
    links = regions.links
    ends = {*links.region_a[links.crosses_border], *links.region_b[links.crosses_border]}
    hit = np.array([r in ends for r in regions.region_ids])
    log = np.log(truth.endemic)
    assert log[:, ~hit].std(axis=0).max() < 1e-9
    pair = np.flatnonzero(hit)[[0, -1]]
    assert regions.countries[pair[0]] != regions.countries[pair[1]]
    assert np.corrcoef(log[:, pair].T)[0, 1] == pytest.approx(1.0)
    of = np.array(regions.countries)
    assert (truth.propagation[of[:, None] != of[None, :]] == 0).all()


@pytest.mark.slow
def test_the_rule_keeps_its_promise_on_the_snapshots_geometry() -> None:
    settings = (Setting("closed"), Setting("open", 10.0))
    summary, _ = evaluate_worlds(load_snapshot().regions, settings, worlds=20, workers=2)
    assert summary.declared_either[0] <= 0.1
    assert summary.exactly_so[1] >= 0.75


def test_the_interval_of_a_rate_is_scipys() -> None:
    found = stats.binomtest(7, 40).proportion_ci(method="wilson")
    assert wilson(7, 40) == pytest.approx((found.low, found.high), abs=1e-4)


def test_the_area_under_the_curve_is_sklearns() -> None:
    rng = np.random.default_rng(2)
    score, happened = rng.integers(0, 9, 200).astype(float), rng.random(200) < 0.2
    assert area(score, happened) == pytest.approx(roc_auc_score(happened, score))
    assert np.isnan(area(score, np.zeros(200, dtype=bool)))


def test_the_vault_opens_only_when_asked() -> None:
    panel = load_snapshot().panel
    assert str(last_month(None, panel, unseal=False)) == "2022-12"
    assert str(last_month(None, panel, unseal=True)) == "2023-12"
    with pytest.raises(OriginError, match="closed to evaluations"):
        last_month("2023-03", panel, unseal=False)
    assert str(last_month("2023-03", panel, unseal=True)) == "2023-03"


def test_a_country_that_is_no_longer_observed_is_named() -> None:
    observed = np.ones((60, 8), dtype=bool)
    observed[50:, 4:] = False
    with pytest.raises(OriginError, match="BBB is not observed in 2005-12"):
        check_coverage(ladder_panel(2, 60, observed))


@pytest.mark.slow
def test_the_record_of_past_origins_sees_no_future() -> None:
    """Another last year changes nothing that an earlier origin said."""
    panel = ladder_panel(2, 84)
    tables = hindcast(panel, seed=1, first="2006-12")
    history = tables["history"]
    assert set(history.origin) == {str(m) for m in pd.period_range("2006-12", "2007-12", freq="M")}
    short = hindcast(panel.until("2007-06"), seed=1, first="2006-12")["history"]
    kept = history[history.origin.isin(set(short.origin))].reset_index(drop=True)
    pd.testing.assert_frame_equal(short, kept)
    assert set(tables["gain"].measure) == {"crps", "average precision of onsets"}


@pytest.mark.slow
def test_a_useless_term_gains_nothing() -> None:
    rng = np.random.default_rng(1)
    rows = np.repeat(np.arange(30), 4)
    steps = pd.DataFrame(
        {
            "row": rows,
            "events": rng.poisson(0.5, len(rows)).astype(float),
            "quiet": True,
            "crps_with": 1.0,
            "crps_without": 1.0,
            "onset_with": rng.random(len(rows)),
        }
    )
    steps["onset_without"] = steps["onset_with"]
    table = gain_table(steps, rng)
    assert (table.gain == 0).all()
    assert (table.gain_low == 0).all()
    assert (table.gain_high == 0).all()


def test_entries_are_ranked_inside_their_quarter_and_group() -> None:
    cases = pd.DataFrame(
        {
            "origin": "2018-03",
            "group": "JNIM",
            "region_id": [f"BBB-{i}" for i in range(10)],
            "country": "BBB",
            "inflow": [3.0, *[0.0] * 9],
            "inflow_at_home": 0.0,
            "next_door": np.arange(10.0),
            "any_events": np.arange(10.0),
            "new_country": [True] * 5 + [False] * 5,
            "observed": [True] + [False] * 8 + [True],
        }
    )
    summary, listed = entry_tables(cases, np.random.default_rng(1))
    table = summary[(summary.of == ALL) & (summary.group == "all")].set_index("ranked_by")
    row = table.loc[INFLOW]
    # Nine regions share the last places, so none of them is among the five.
    assert (row.auc, row.top5_hit_rate, row.top5_by_chance, row.top5_precision) == (0.75, 0.5, 0.5, 1.0)
    assert table.loc[NAIVE].top5_hit_rate == 0.5
    assert summary[summary.of == NEW].entries.tolist() == [1] * 4
    assert listed.rank_inflow.tolist()[0] == 1.0
    assert np.isnan(listed.rank_inflow.tolist()[1])
    assert listed.rank_next_door.tolist() == [10.0, 1.0]


def test_no_armed_groups_are_no_entries() -> None:
    summary, listed = entry_tables(pd.DataFrame({"origin": []}), np.random.default_rng(1))
    assert summary.empty
    assert listed.empty
    assert "rank_inflow" in listed
