"""Tables of a back-test: they find the better forecaster, and say so only where it is sure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from make_records import make_margins, make_record, record_from

from harmattan.data.errors import ModelError
from harmattan.training.evaluation.case_scores import CaseScores, score_record
from harmattan.training.evaluation.diagnostics import binned_reliability, coverage, pit_table, pooled_rankings
from harmattan.training.evaluation.leaderboard import best_baseline, evaluate, leaderboard, splits


@pytest.fixture(scope="module")
def scored() -> list[CaseScores]:
    return [score_record(make_record(h, regions=20, draws=400), np.random.default_rng(1)) for h in (1, 3)]


@pytest.fixture(scope="module")
def board(scored: list[CaseScores]) -> pd.DataFrame:
    return leaderboard(scored, np.random.default_rng(2)).set_index(["member", "horizon"])


def test_a_score_is_the_mean_of_its_cases(scored: list[CaseScores], board: pd.DataFrame) -> None:
    for s in scored:
        cases = s.to_frame()
        for member, part in cases.groupby("member", observed=True):
            assert board.loc[(member, s.horizon), "crps"] == pytest.approx(part["crps"].mean(), rel=1e-5)
            assert board.loc[(member, s.horizon), "cases"] == len(part)


def test_crps_of_zero_is_the_count_itself(scored: list[CaseScores], board: pd.DataFrame) -> None:
    assert board.loc[("zero", 1), "crps"] == pytest.approx(scored[0].observed.mean(), abs=1e-9)


def test_the_forecaster_who_knows_the_truth_is_clearly_better(board: pd.DataFrame) -> None:
    row = board.loc[("pool", 1)]
    assert row["best_low"] > 0
    assert row["clear"]
    assert row["verdict"] == f"better than {row['best_baseline']}"
    assert row["dm_p"] < 0.01
    assert row["ignorance_low"] > 0


def test_the_best_baseline_is_no_better_than_itself(board: pd.DataFrame) -> None:
    best = board.loc[("pool", 1), "best_baseline"]
    row = board.loc[(best, 1)]
    assert (row["skill_vs_best"], row["best_low"], row["best_high"]) == (0, 0, 0)
    assert not row["clear"]
    assert row["verdict"] == "the best baseline at this horizon"
    assert np.isnan(row["dm_p"])


def test_an_interval_over_zero_is_said_in_words() -> None:
    scored = [score_record(make_record(months=24, regions=2, draws=200), np.random.default_rng(1))]
    table = leaderboard(scored, np.random.default_rng(2)).set_index("member")
    unsure = table[
        (table["best_low"] <= 0) & (table["best_high"] >= 0) & (table.index != table["best_baseline"])
    ]
    assert len(unsure)
    assert not unsure["clear"].any()
    assert unsure["verdict"].str.contains("the interval covers zero").all()


def test_too_few_months_are_never_clear() -> None:
    scored = [score_record(make_record(months=23, regions=20, draws=200), np.random.default_rng(1))]
    table = leaderboard(scored, np.random.default_rng(2)).set_index("member")
    assert table.loc["pool", "best_low"] > 0
    assert not table["clear"].any()
    assert not table["ignorance_clear"].any()
    assert "too few months" in table.loc["pool", "verdict"]


def test_the_best_baseline_is_chosen_by_crps(scored: list[CaseScores]) -> None:
    s = scored[0]
    means = {m: np.nanmean(s.of(m, "crps")) for m in ("zero", "conflictology_12")}
    assert best_baseline(s) == min(means, key=lambda m: means[m])


def test_without_a_baseline_nothing_is_compared() -> None:
    alone = make_record().of_members(("pool",))
    row = leaderboard([score_record(alone, np.random.default_rng(1))], np.random.default_rng(2)).iloc[0]
    assert row["best_baseline"] is None
    assert np.isnan(row["skill_vs_best"])
    assert row["verdict"].startswith("cannot be compared")


def test_what_was_not_observed_is_not_scored() -> None:
    full, holed = make_record(), make_record(missing=True)
    one, other = (score_record(r, np.random.default_rng(1)) for r in (full, holed))
    hole = np.isnan(holed.observed)
    assert hole.any()
    for name in ("crps", "ignorance", "p1"):
        assert np.isnan(other.values[name][:, hole]).all()
        np.testing.assert_array_equal(other.values[name][:, ~hole], one.values[name][:, ~hole])
    assert leaderboard([other], np.random.default_rng(2))["cases"].unique().tolist() == [int((~hole).sum())]


def test_the_same_seed_gives_the_same_tables() -> None:
    tables = [evaluate([make_record()], np.random.default_rng(3)).tables() for _ in range(2)]
    for name, table in tables[0].items():
        pd.testing.assert_frame_equal(table, tables[1][name])


def test_cases_of_unlike_horizons_stand_below_each_other_and_names_take_little_room() -> None:
    some, more = make_record(months=30), make_record(horizon=3, regions=5)
    both = evaluate(
        [some.of_members(("zero", "conflictology_12", "pool")), more], np.random.default_rng(3)
    ).cases
    rng = np.random.default_rng(3)
    each = [
        score_record(r, rng).to_frame() for r in (some.of_members(("zero", "conflictology_12", "pool")), more)
    ]
    names = ["target", "member", "origin", "region_id"]
    apart = pd.concat([frame.astype(dict.fromkeys(names, "str")) for frame in each], ignore_index=True)
    pd.testing.assert_frame_equal(both.astype(dict.fromkeys(names, "str")), apart)
    assert (both["origin"] >= "2000-01").any()
    assert (
        both.memory_usage(index=False).sum()
        < 1.5 * both.select_dtypes("number").memory_usage(index=False).sum()
    )


def test_splits_of_one_kind_add_up_to_the_whole(scored: list[CaseScores], board: pd.DataFrame) -> None:
    border = {r: r.startswith("AAA-north") for r in scored[0].region_ids}
    table = splits(scored, np.random.default_rng(2), border)
    assert set(table["split"]) == {"country", "place", "outcome", "year"}
    for (_, member, horizon), part in table.groupby(["split", "member", "horizon"]):
        whole = board.loc[(member, horizon)]
        assert part["cases"].sum() == whole["cases"]
        assert (part["crps"] * part["cases"]).sum() == pytest.approx(whole["crps"] * whole["cases"])


def test_a_split_is_the_evaluation_of_its_part(scored: list[CaseScores]) -> None:
    table = splits(scored[:1], np.random.default_rng(2)).set_index(["part", "member"])
    s = scored[0]
    at = np.array(s.countries) == "AAA"
    by_hand = 1 - np.nanmean(s.of("pool", "crps")[:, at]) / np.nanmean(
        s.of("conflictology_12", "crps")[:, at]
    )
    assert table.loc[("AAA", "pool"), "skill_vs_conflictology"] == pytest.approx(by_hand)


def test_years_are_those_of_the_target_month(scored: list[CaseScores]) -> None:
    table = splits(scored[1:], np.random.default_rng(2))
    years = table[(table["split"] == "year") & (table["member"] == "pool")].set_index("part")["cases"]
    assert years.loc["2018"] == 9 * 20  # origins 2018-01.. at three months: targets 2018-04..2018-12


def test_coverage_finds_who_is_calibrated(scored: list[CaseScores]) -> None:
    table = coverage(scored).set_index(["member", "horizon", "predicted_mean"])
    whole = table.loc[("pool", 0, "all")]
    for level in (50, 80, 90):
        assert whole[f"coverage_{level}"] == pytest.approx(level / 100, abs=0.03)
    assert not table.loc[("zero", 0, "all"), "in_band"]


def test_a_small_bin_is_named_and_not_judged() -> None:
    table = coverage([score_record(make_record(months=30, draws=100), np.random.default_rng(1))])
    small = table[table["cases"] < 100]
    assert len(small)
    assert small["in_band"].isna().all()
    assert (small["note"] == "fewer than 100 cases: not judged").all()


def test_bins_go_by_the_predicted_mean_not_by_the_outcome(scored: list[CaseScores]) -> None:
    table = coverage(scored[:1]).set_index(["member", "predicted_mean"])
    mean = scored[0].of("pool", "mean")
    assert table.loc[("pool", "0.5-2"), "cases"] == ((mean >= 0.5) & (mean < 2)).sum()
    assert table.loc[("zero", "<0.5"), "cases"] == mean.size


def test_onsets_are_asked_only_of_quiet_regions(scored: list[CaseScores]) -> None:
    table = pooled_rankings(scored, np.random.default_rng(2))
    onset = table[table["question"] == "onset"].set_index("member")
    asked = sum(int(s.onset.sum()) for s in scored)
    happened = sum(int((s.observed[s.onset] >= 1).sum()) for s in scored)
    assert onset["cases"].unique().tolist() == [asked]
    assert onset["happened"].unique().tolist() == [happened]
    assert onset.loc["zero", "average_precision"] == pytest.approx(happened / asked)
    assert onset.loc["pool", "low"] <= onset.loc["pool", "difference"] <= onset.loc["pool", "high"]


def test_reliability_of_the_truth_lies_on_the_diagonal(scored: list[CaseScores]) -> None:
    table = binned_reliability(scored)
    full = table[(table["member"] == "pool") & (table["question"] == "1") & (table["cases"] > 300)]
    assert len(full) >= 2
    np.testing.assert_allclose(full["frequency"], full["forecast"], atol=0.06)


def test_pit_bars_have_mean_height_one(scored: list[CaseScores]) -> None:
    heights = pit_table(scored).groupby(["member", "horizon"])["height"].mean()
    np.testing.assert_allclose(heights, 1.0)


def test_a_member_that_says_nan_is_an_error() -> None:
    record = make_record()
    mean = record.values["mean"].copy()
    mean[record.members.index("pool"), 0] = np.nan
    with pytest.raises(ModelError, match="pool, horizon 1: the mean of a forecast is not a number"):
        score_record(replace(record, values={**record.values, "mean": mean}), np.random.default_rng(1))


def test_a_horizon_without_any_outcome_is_a_row_without_figures() -> None:
    unseen = make_record(3)
    records = [make_record(1), replace(unseen, observed=np.full_like(unseen.observed, np.nan))]
    tables = evaluate(records, np.random.default_rng(3))
    rows = tables.leaderboard[tables.leaderboard["horizon"] == 3]
    assert rows["cases"].unique().tolist() == [0]
    assert rows[["crps", "ignorance", "skill_vs_best", "dm_p", "coverage_50"]].isna().all().all()
    assert not rows["clear"].any()
    assert set(tables.splits["horizon"]) == {1}


@pytest.mark.parametrize("regions", [1, 3])
def test_a_world_without_events_is_scored_without_warnings(regions: int) -> None:
    margins, observed, history = make_margins(regions=regions)
    quiet = record_from(margins, 0 * observed, 0 * history)
    tables = evaluate([quiet], np.random.default_rng(3))
    board = tables.leaderboard.set_index("member")
    assert board.loc["zero", "crps"] == 0
    assert board.loc["pool", "crps"] > 0
    assert board["ap_onset"].isna().all()
    assert board.loc["pool", "verdict"].startswith("cannot be compared")
    assert tables.onsets["happened"].unique().tolist() == [0]
