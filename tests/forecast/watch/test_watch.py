"""The watch list: as tables, in words, in a file, through every door; and what must not be named."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from front_world import regions_frame, regions_of, world

from harmattan.data.errors import HarmattanError, UsageError
from harmattan.data.geography import Regions, links_of
from harmattan.data.panel import Panel, with_outlines
from harmattan.forecast.release.verify_tables import _check_routes, _check_watch
from harmattan.forecast.settings import Settings
from harmattan.forecast.watch import (
    ONSET_COLUMNS,
    RECORD_COLUMNS,
    ROUTE_COLUMNS,
    WATCHLIST_COLUMNS,
    WatchList,
    evaluate,
    fit_watch,
    numbers_supported,
    record_sentences,
    record_table,
    run_watch,
    watch_list,
)
from harmattan.forecast.watch.evaluation import cases_of
from harmattan.forecast.watch.rivals import Rivals
from harmattan.forecast.watch.scores import figures, gains, ratio_interval
from harmattan.forecast.watch.tables import chances_of, route_table
from harmattan.forecast.watch.words import notes_on_list
from harmattan.training.onset import OnsetFits, OnsetModels, at_risk, history_of
from harmattan.training.problems import build_problems

SPANS = ["p_1", "p_3", "p_6"]


@pytest.fixture(scope="module")
def panel() -> Panel:
    """A front that has come half way across the border."""
    return world(1, spread=True).until("2009-12")


@pytest.fixture(scope="module")
def fits(panel: Panel) -> OnsetFits:
    shapes = np.array([shapely.box(6, 6, 7, 8)])
    frame = regions_frame(["CCC-a"], ["CCC"])
    around = Regions(frame, shapes, links_of(frame, shapes))
    return OnsetFits(history_of(panel, (), around), build_problems(panel, ["events"])["events"])


@pytest.fixture(scope="module")
def found(fits: OnsetFits) -> WatchList:
    return watch_list(fits, fits.history.months[-1])


def test_tables_are_ordered_and_agree(found: WatchList) -> None:
    assert tuple(found.watchlist.columns) == WATCHLIST_COLUMNS
    assert tuple(found.onsets.columns) == ONSET_COLUMNS
    assert tuple(found.record.columns) == RECORD_COLUMNS
    for table in (found.watchlist, found.onsets):
        chances = table[SPANS].dropna().to_numpy()
        assert ((chances > 0) & (chances < 1)).all()
        assert (np.diff(chances, axis=1) >= 0).all()
    by_group = found.watchlist.pivot_table(index="region_id", columns="group", values="p_6")
    both = by_group.dropna()
    assert len(both)
    assert (both["jnim"] <= both["any"] + 1e-9).all()
    onset = found.onsets.set_index("region_id")["p_6"]
    quiet = by_group["any"].dropna().index.intersection(onset.index)
    assert len(quiet)
    assert (by_group.loc[quiet, "any"] <= onset[quiet] + 1e-9).all()


def test_pressure_names_the_nearest_violence(found: WatchList, fits: OnsetFits) -> None:
    first = found.watchlist.iloc[0]
    assert first["main_source_region"] in fits.history.region_ids
    assert first["nearest_km"] < 200
    assert first["pressure"] > 0


def test_any_group_is_no_likelier_than_all_of_them_together(panel: Panel) -> None:
    """Where one of two groups has been silent for long, any of them is the other one."""
    away = np.random.default_rng(4).poisson(0.1, panel.shape)
    away[:, :30] = 0
    away[100:] = 0
    counts = {"events_islamic_state": away.astype(np.float32), "events": panel.measures["events"] + away}
    both = with_outlines(
        replace(panel, cells=None, measures={**panel.measures, **counts}), panel.cells.outlines.geometry
    )  # type: ignore[union-attr]
    fits = OnsetFits(history_of(both), build_problems(both, ["events"])["events"])
    month = panel.months[-1]
    entry = chances_of(fits.at(month), fits.history, fits.problem, month).entry
    groups = np.stack([np.nan_to_num(entry[g]) for g in fits.history.groups])
    known = ~np.isnan(entry["any"])
    alone = known & (groups > 0).any(axis=0) & (groups == 0).any(axis=0)
    assert alone.any()
    np.testing.assert_array_equal(entry["any"][alone], groups.sum(axis=0)[alone])
    assert (entry["any"] <= groups.sum(axis=0) + 1e-12)[known].all()


def test_routes_are_shares_of_the_kernel(found: WatchList, fits: OnsetFits) -> None:
    """Against a plain loop over months and cells; the largest is the list's main source."""
    history, row = fits.history, fits.history.row(found.origin)
    routes, listed = found.routes, found.watchlist[found.watchlist["group"] == "jnim"]
    assert tuple(routes.columns) == ROUTE_COLUMNS
    assert set(routes["group"]) == {"", "any", "jnim"}
    assert history.km is not None
    for where in listed["region_id"].head(5):
        at = history.region_ids.index(where)
        pressing: dict[str, float] = {}
        recent: dict[str, float] = {}
        for t, cell in zip(*np.nonzero(history.cells["jnim"][: row + 1]), strict=True):
            source, events = str(history.whereabouts(row)[0][cell]), history.cells["jnim"][t, cell]
            weight = events * 0.5 ** ((row - t) / 6) * np.exp(-history.km[at, cell] / 60)
            pressing[source] = pressing.get(source, 0) + weight
            recent[source] = recent.get(source, 0) + events * (t > row - 6)
        here = routes[(routes["group"] == "jnim") & (routes["region_id"] == where)]
        total = sum(pressing.values())
        expected = {name: value / total for name, value in pressing.items() if value / total >= 0.1}
        assert dict(zip(here["source_region"], here["share"], strict=True)) == pytest.approx(
            expected, abs=6e-4
        )
        assert here["events_6"].tolist() == [recent[name] for name in here["source_region"]]
        main = listed.set_index("region_id").loc[where, "main_source_region"]
        assert here["source_region"].iloc[0] == main
    # a group's few events in a country are not counted out
    few = history.cells["jnim"].copy()
    there = history.whereabouts(row)[1] == "BBB"
    few[:, there] = 0
    few[row, np.flatnonzero(there)[0]] = 9
    thin = replace(history, cells={**history.cells, "jnim": few})
    shown = route_table(found.watchlist, found.onsets, thin, found.origin)
    rare = shown[(shown["group"] == "jnim") & (shown["source_country"] == "BBB")]
    assert len(rare)
    assert rare["events_6"].isna().all()


def test_chances_need_a_record_of_fifty() -> None:
    lists = pd.DataFrame({"of": "entry", "listed": True, "p_6": 0.3, "entered": np.arange(60) % 3 == 0})
    assert numbers_supported(lists, "entry")
    assert not numbers_supported(lists[:49], "entry")
    assert not numbers_supported(lists.assign(p_6=0.6), "entry")
    assert not numbers_supported(lists.assign(listed=False), "entry")
    assert not numbers_supported(lists, "onset")


def test_places_never_entered_get_no_number(fits: OnsetFits) -> None:
    unknown = 0
    for row in (59, 71, 83):
        lists = watch_list(fits, fits.history.months[row]).watchlist
        assert set(lists["record"]) <= {"first-ever", "return", "no record of its own"}
        seen = fits.history.events["jnim"][: row + 1].any(axis=0)
        there = lists["country"].isin(set(np.array(fits.history.countries)[seen]))
        assert lists.loc[~there, SPANS].isna().all(axis=None)
        assert not lists.loc[there, SPANS].isna().any(axis=None)
        unknown += int((~there).sum())
    assert unknown


def test_no_group_is_named_where_it_has_hardly_been(panel: Panel) -> None:
    few = panel.measures["events_jnim"] * 0
    few[-20, 0] = 9
    thin = replace(panel, measures={**panel.measures, "events_jnim": few})
    thin_fits = OnsetFits(history_of(thin), build_problems(thin, ["events"])["events"])
    lists = watch_list(thin_fits, thin.months[-1])
    assert lists.watchlist.empty
    assert any("Too few entries" in s for s in lists.sentences)
    assert any("silent" in s.lower() for s in lists.sentences)
    named = replace(thin, attrs={**thin.attrs, "labels": {"jnim": "The Front"}})
    notes = notes_on_list(thin_fits.at(thin.months[-1]), thin_fits.history, named, thin.months[-1])
    assert notes[0].startswith("Silent everywhere for a year: The Front")


def test_the_list_of_a_month_is_the_same_from_every_door(
    fits: OnsetFits, found: WatchList, panel: Panel, tmp_path: Path
) -> None:
    """As of then, from a stored model, and from files on the command line."""
    month = panel.months[110]
    now = watch_list(fits, month)
    then = panel.until(month)
    alone = OnsetFits(history_of(then), build_problems(then, ["events"])["events"])
    stored, tables = fit_watch(alone.problem, month)
    assert stored is not None
    again = watch_list(alone, month, models=OnsetModels.from_text(stored), record=tables["watch_record"])
    own = now.watchlist[now.watchlist["record"] != "no record of its own"]
    ranked = again.watchlist.drop(columns="rank")
    pd.testing.assert_frame_equal(own.drop(columns="rank").reset_index(drop=True), ranked)
    pd.testing.assert_frame_equal(now.onsets, again.onsets)
    pd.testing.assert_frame_equal(now.record, again.record)
    panel.write_parquet(tmp_path / "panel.parquet")
    regions_of(panel).to_geojson(tmp_path / "regions.geojson")
    settings = {
        "panel": tmp_path / "panel.parquet",
        "regions": tmp_path / "regions.geojson",
        "as_of": str(month),
    }
    pd.testing.assert_frame_equal(run_watch(Settings.load(settings)).onsets, now.onsets)


def test_the_forecast_follows_the_list_and_not_without_it(panel: Panel, tmp_path: Path) -> None:
    """Where it has been quiet, a month's chance of any event is the onset model's; leaving it out changes the draws."""
    from harmattan.forecast.report import render
    from harmattan.forecast.run import run_forecast
    from harmattan.training.trained_model import ONSET, TrainedModel

    panel.write_parquet(tmp_path / "panel.parquet")
    regions_of(panel).to_geojson(tmp_path / "regions.geojson")
    asked = {
        "panel": tmp_path / "panel.parquet",
        "regions": tmp_path / "regions.geojson",
        "targets": "events",
    }
    settings = Settings.load({**asked, "horizons": "1,3", "draws": 400, "backtest_origins": 0, "workers": 1})
    result = run_forecast(settings)
    onsets = result.watch["onsets.csv"].set_index("region_id")
    assert len(onsets) > 3
    chance = dict(zip(panel.region_ids, result.draws["events"].prob_at_least(1)[0], strict=True))
    for region, row in onsets.iterrows():
        assert chance[region] == pytest.approx(row["p_1"], abs=1.5 / 400)
    parts = result.contributions[result.contributions["horizon"] == 1].groupby("region_id")["value"].sum()
    mean = dict(zip(panel.region_ids, result.draws["events"].mean()[0], strict=True))
    assert all(parts[r] == pytest.approx(mean[r], abs=1e-6) for r in panel.region_ids)
    whole = TrainedModel.from_files(result.models)
    card = {k: v for k, v in whole.card.items() if k != "files"}
    without = TrainedModel(card, {n: t for n, t in whole.files.items() if n != ONSET})
    bare = run_forecast(settings, trained=without)
    assert bare.watch == {}
    assert (bare.draws["events"].values != result.draws["events"].values).any()
    page = render(result)
    assert "Who comes next" in page
    assert all(note in page for note in result.watch_notes)
    assert " in six months), " in page
    # thirty rows are no record: chances above a tenth are one class
    assert "1 in 10 or more (quiet places usually" in page
    assert "Who comes next" not in render(bare)


def test_the_record_counts_what_came(found: WatchList, fits: OnsetFits) -> None:
    history = fits.history
    assert set(found.record["of"]) == {"entry", "onset"}
    for row in found.record.itertuples():
        start = history.row(pd.Period(row.origin_date, freq="M")) + 1
        events = history.events[row.group or "all"]
        assert events[start : start + 6, history.region_ids.index(row.region_id)].any() == row.entered
    said = record_sentences(found.record)
    assert said[0].startswith("Of ")
    assert "quiet regions that stood first, violence began in" in said[-1]
    assert len(record_sentences(found.record[found.record["of"] == "onset"])) == 1
    assert record_sentences(found.record[found.record["of"] == "onset"][:1])[0].startswith(
        "Of 1 quiet region that"
    )
    assert record_sentences(found.record[:0])[0].startswith("There is no earlier list")


def test_without_places_only_onsets_are_said(panel: Panel) -> None:
    plain = replace(panel, cells=None)
    bare = OnsetFits(history_of(plain), build_problems(plain, ["events"])["events"])
    lists = watch_list(bare, panel.months[-1])
    assert lists.watchlist.empty
    assert len(lists.onsets)
    assert any("where inside regions events lie is unknown" in s for s in lists.sentences)


def test_verify_finds_what_was_changed(found: WatchList, tmp_path: Path) -> None:
    def broken(table: pd.DataFrame) -> set[str]:
        table.to_csv(tmp_path / "watchlist.csv", index=False, na_rep="NA")
        return {name for name, rows in _check_watch(tmp_path / "watchlist.csv").items() if len(rows)}

    table = found.watchlist
    assert broken(table) == set()
    assert broken(table.assign(p_6=table["p_1"] / 2)) == {"months agree"}
    assert "chances" in broken(table.assign(p_6=1.5))
    assert "groups agree" in broken(
        table.assign(p_6=table["p_6"].where(table["group"] != "any", table["p_1"]))
    )
    found.routes.to_csv(tmp_path / "watch_routes.csv", index=False, na_rep="NA")
    assert not any(map(len, _check_routes(tmp_path / "watch_routes.csv").values()))
    found.routes.assign(share=0.9).to_csv(tmp_path / "watch_routes.csv", index=False, na_rep="NA")
    assert len(_check_routes(tmp_path / "watch_routes.csv")["shares"])
    assert broken(table.assign(rank=1)) == {"ranks"}


@pytest.mark.slow
def test_evaluation_has_rivals_and_intervals(fits: OnsetFits) -> None:
    tables = evaluate(fits, fits.history.months[96], lags=(0, 1)).tables
    scores = tables["scores"]
    assert {
        "model",
        "climatology",
        "count next door",
        "neighbours' events",
        "endemic-epidemic member",
        "pool",
        "expected inflow",
    } == set(scores["forecast"])
    assert set(scores["data_lag"]) == {0, 1}
    rivals = scores[scores["forecast"] != "model"]
    assert (rivals["auc_low"] <= rivals["auc_high"]).all()
    assert set(rivals.loc[rivals["log_gain"].notna(), "forecast"]) == {
        "pool",
        "climatology",
        "endemic-epidemic member",
    }
    model = scores[(scores["forecast"] == "model") & (scores["of"] == "onset")]
    entries = scores[(scores["forecast"] == "model") & (scores["of"] == "entry") & (scores["group"] == "all")]
    assert {"all", "first-ever"} <= set(entries["kind"]) <= {"all", "first-ever", "return"}
    chances = scores["log_skill"].notna()
    assert (scores["ratio_low"] <= scores["ratio"])[chances].all()
    assert (scores["ratio"] <= scores["ratio_high"])[chances].all()
    assert scores.loc[~chances, "ratio_low"].isna().all()
    years = tables["years"]
    part = years[(years["of"] == "onset") & (years["data_lag"] == 0) & (years["months"] == 1)]
    cases = model[(model["data_lag"] == 0) & (model["months"] == 1)]
    assert part["observed"].sum() == cases["happened"].iloc[0]
    assert (tables["lists"]["hits"] <= tables["lists"]["entries"]).all()
    assert set(tables["lists"]["data_lag"]) == {0, 1}
    classes = tables["classes"]
    assert (classes["observed_low"] <= classes["observed"]).all()
    assert (classes["observed"] <= classes["observed_high"]).all()


def test_what_is_scored_is_what_is_published(fits: OnsetFits) -> None:
    """The evaluation, the record and the list of a month hold the same chances, to the last digit."""
    month = pd.Period("2008-12", freq="M")
    row, listed = fits.history.row(month), watch_list(fits, month)
    own = np.array(fits.history.region_ids, dtype=object)
    for table in cases_of(fits, month, 0):
        of, months = table["of"].iloc[0], int(table["months"].iloc[0])
        if of == "onset":
            where = np.flatnonzero(fits.history.quiet("all", 6)[row, :36])
            known = listed.onsets
        else:
            where = np.flatnonzero(at_risk(fits.history, "jnim")[row] & fits.history.recorded)
            known = listed.watchlist[listed.watchlist["group"] == "jnim"]
        published = known.set_index("region_id")[f"p_{months}"].reindex(own[where])
        scored = table["model"].round(6).to_numpy()
        some = published.notna().to_numpy()
        assert some.sum() > 3
        np.testing.assert_array_equal(scored[some], published.to_numpy()[some])
        if months == 6:
            record = listed_record(fits, month, of)
            # as stated: no number where the list had none
            assert record.notna().equals(pd.Series(some, index=own[where])[record.index])
            record = record.dropna()
            pd.testing.assert_series_equal(
                record, pd.Series(scored, index=own[where])[record.index], check_names=False
            )


def listed_record(fits: OnsetFits, month: pd.Period, of: str) -> pd.Series:
    record = record_table(fits, fits.history.months[-1])
    record = record[(record["origin_date"] == month.end_time.date().isoformat()) & (record["of"] == of)]
    assert len(record) >= 5
    return record.set_index("region_id")["p_6"]


@pytest.mark.slow
def test_scores_against_another_library() -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score

    rng = np.random.default_rng(1)
    score, rival = rng.integers(0, 9, 300) / 10, rng.random(300)
    happened = rng.random(300) < 0.1 + score / 3
    assert figures(score, happened)["auc"] == pytest.approx(roc_auc_score(happened, score))
    assert figures(score, happened)["ap"] == pytest.approx(average_precision_score(happened, score))
    month = np.repeat(np.arange(60), 5)
    found = gains(score, rival, happened, month, False, np.random.default_rng(2))
    assert found["auc_gain"] == pytest.approx(roc_auc_score(happened, score) - roc_auc_score(happened, rival))
    # the same blocks drawn by hand
    drawn = np.random.default_rng(2).multinomial(10, np.full(10, 0.1), size=400)
    apart = []
    for times in drawn:
        weight = np.repeat(times, 30)
        apart.append(
            roc_auc_score(happened, score, sample_weight=weight)
            - roc_auc_score(happened, rival, sample_weight=weight)
        )
    np.testing.assert_allclose([found["auc_low"], found["auc_high"]], np.quantile(apart, [0.025, 0.975]))
    ratio = ratio_interval(score + 0.01, happened, month, np.random.default_rng(2))
    by_hand = [happened @ np.repeat(n, 30) / ((score + 0.01) @ np.repeat(n, 30)) for n in drawn]
    np.testing.assert_allclose(
        [ratio["ratio_low"], ratio["ratio_high"]], np.quantile(by_hand, [0.025, 0.975])
    )
    same = gains(rival, rival, happened, month, True, rng)
    assert same["log_gain"] == same["auc_high"] == same["ap_low"] == 0


@pytest.mark.slow
def test_rivals_are_what_they_are_named_after(fits: OnsetFits) -> None:
    from harmattan.training.pool import fit_pool

    rivals, end, month = Rivals(fits.problem), pd.Period("2008-12", freq="M"), pd.Period("2009-02", freq="M")
    now, late = rivals.pool_within(end, month), rivals.pool_within(end, month, lag=1)
    pool = fit_pool(fits.problem, end, 1).margins(fits.problem, month)["pool"]
    np.testing.assert_allclose(now[0], pool.prob_at_least(1), atol=1e-8)
    np.testing.assert_allclose(late[4], 1 - (1 - now[5]) / (1 - now[0]))
    inflow = rivals.inflow(end, month, ("events_jnim",))
    crossing = rivals.inflow(end, month, ("events_jnim",), crossing=True)
    assert (inflow >= crossing - 1e-12).all()
    row = fits.history.row(month)
    beside = fits.history.window("jnim", 12)[row, :36] @ fits.history.adjoining[:36, :36].T
    assert inflow[beside > 2].mean() > 2 * inflow[beside == 0].mean()


def test_the_command(run: Callable[..., str]) -> None:
    assert "Would make watch lists" in run("watch", "--dry-run")
    assert json.loads(run("watch", "--dry-run", "--json"))["as_of"] is None
    with pytest.raises((UsageError, HarmattanError), match="does nothing by itself"):
        run("watch", "--unseal")


@pytest.fixture
def run() -> Callable[..., str]:
    """Run a command; gives its output, raises its error."""
    from typer.testing import CliRunner

    from harmattan.forecast.cli.entry import app

    def command(*arguments: str) -> str:
        done = CliRunner().invoke(app, list(arguments))
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.output

    return command
