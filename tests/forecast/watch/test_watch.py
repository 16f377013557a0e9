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
from harmattan.data.panel import Panel
from harmattan.forecast.release.verify_tables import _check_watch
from harmattan.forecast.settings import Settings
from harmattan.forecast.watch import (
    ONSET_COLUMNS,
    RECORD_COLUMNS,
    WATCHLIST_COLUMNS,
    WatchList,
    evaluate,
    fit_watch,
    record_sentences,
    run_watch,
    watch_list,
)
from harmattan.training.onset import OnsetFits, OnsetModels, history_of
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
    assert "Who comes next" in render(result)
    assert "Who comes next" not in render(bare)


def test_the_record_counts_what_came(found: WatchList, fits: OnsetFits) -> None:
    history = fits.history
    for row in found.record.itertuples():
        start = history.row(pd.Period(row.origin_date, freq="M")) + 1
        came = history.events[row.group][start : start + 6, history.region_ids.index(row.region_id)].any()
        assert came == row.entered
    assert record_sentences(found.record)[0].startswith(("Of ", "There is no earlier list"))


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
    assert broken(table.assign(rank=1)) == {"ranks"}


def test_evaluation_has_rivals_and_intervals(fits: OnsetFits) -> None:
    tables = evaluate(fits, fits.history.months[96], lags=(0, 1)).tables
    scores = tables["scores"]
    assert {
        "model",
        "climatology",
        "count next door",
        "neighbours' events",
        "endemic-epidemic member",
    } == set(scores["forecast"])
    assert set(scores["data_lag"]) == {0, 1}
    model = scores[(scores["forecast"] == "model") & (scores["of"] == "onset")]
    assert (model["auc_low"] <= model["auc_gain"]).all()
    years = tables["years"]
    part = years[(years["of"] == "onset") & (years["data_lag"] == 0) & (years["months"] == 1)]
    cases = model[(model["data_lag"] == 0) & (model["months"] == 1)]
    assert part["observed"].sum() == cases["happened"].iloc[0]
    assert (tables["lists"]["hits"] <= tables["lists"]["entries"]).all()


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
