"""Months, six months, lists, totals, parts and spillover of a release come from the same draws."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from front_world import regions_of, world

from harmattan.forecast.formats import hub_rows
from harmattan.forecast.release import verify_release, write_release
from harmattan.forecast.report import render
from harmattan.forecast.report.phrases import Phrases
from harmattan.forecast.report.rerender import read_result
from harmattan.forecast.result import ForecastResult
from harmattan.forecast.run import run_forecast
from harmattan.forecast.settings import Settings
from harmattan.forecast.watch import run_watch
from harmattan.training.distribution import Draws
from harmattan.training.onset import watched_groups

DRAWS, SPANS, SAY = 400, (1, 3, 6), Phrases()
pytestmark = pytest.mark.slow


def settings(folder: Path, **more: object) -> Settings:
    """A front half way across a border, with deaths."""
    if not (folder / "panel.parquet").exists():
        panel = world(1, spread=True).until("2009-12")
        deaths = np.where(panel.measures["events"] > 1, 2 * panel.measures["events"], 0).astype(np.float32)
        replace(panel, measures={**panel.measures, "deaths_best": deaths}).write_parquet(
            folder / "panel.parquet"
        )
        regions_of(panel).to_geojson(folder / "regions.geojson")
    asked = {"panel": folder / "panel.parquet", "regions": folder / "regions.geojson"}
    return Settings.load({**asked, "draws": DRAWS, "backtest_origins": 4, "workers": 1, **more})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("world")


@pytest.fixture(scope="module")
def result(folder: Path) -> ForecastResult:
    return run_forecast(settings(folder))


def any_within(draws: Draws, months: int) -> pd.Series:
    """How many of the draws have any event in the next months, by region."""
    return pd.Series((draws.values[:, :months] > 0).any(axis=1).mean(axis=0), index=list(draws.region_ids))


def test_the_list_of_onsets_is_what_the_draws_say(result: ForecastResult) -> None:
    onsets = result.watch["onsets.csv"].set_index("region_id")
    assert len(onsets) > 10
    for months in SPANS:
        drawn = any_within(result.draws["events"], months)[onsets.index]
        np.testing.assert_allclose(drawn, onsets[f"p_{months}"], atol=1 / DRAWS)
    entries = result.watch["watchlist.csv"]
    for row in entries[entries["region_id"].isin(onsets.index)].dropna(subset="p_6").itertuples():
        assert row.p_6 <= onsets.loc[row.region_id, "p_6"] + 1e-9


def test_a_group_enters_in_as_many_draws_as_the_list_says(result: ForecastResult) -> None:
    listed, checked = result.watch["watchlist.csv"].dropna(subset="p_6"), 0
    groups = watched_groups(result.panel)
    for group, measures in {**groups, "any": {m for each in groups.values() for m in each}}.items():
        parts = [result.draws[m] for m in measures if m in result.draws]
        for row in listed[listed["group"] == group].to_dict("records"):
            region = row["region_id"]
            own = [d.values[:, :, d.region_ids.index(region)] for d in parts if region in d.region_ids]
            for months in SPANS if own else ():
                drawn = (np.sum(own, axis=0)[:, :months] > 0).any(axis=1).mean()
                assert drawn == pytest.approx(row[f"p_{months}"], abs=1 / DRAWS), (group, region, months)
                checked += 1
    assert checked > 10
    named, other = result.draws["events_jnim"], result.draws["events_other_groups"]
    assert named.region_ids == other.region_ids
    assert (named.values + other.values == result.draws["events"].values).all()


def test_the_release_has_the_list_of_its_month(result: ForecastResult, folder: Path) -> None:
    """What ``watch --as-of`` gives is what is published, to the last digit."""
    alone = run_watch(settings(folder, as_of=str(result.origin)))
    for name, table in alone.tables.items():
        pd.testing.assert_frame_equal(result.watch[name], table, check_dtype=False, check_exact=True)
    assert list(result.watch_notes) == list(alone.notes)


def test_every_published_table_says_the_same(result: ForecastResult, tmp_path: Path) -> None:
    html = render(result)
    written = write_release(result, html, tmp_path)
    assert verify_release(written).whole
    onsets = pd.read_csv(written / "onsets.csv").set_index("region_id")
    wide = pd.read_csv(written / "wide.csv")
    month = wide[(wide["target"] == "events") & (wide["horizon"] == 1)].set_index("region_id")["p_ge_1"]
    np.testing.assert_allclose(month[onsets.index], onsets["p_1"], atol=1 / DRAWS)
    spillover = pd.read_csv(written / "spillover.csv")
    spillover = spillover[(spillover["threshold"] == 1) & spillover["target_region"].isin(onsets.index)]
    assert len(spillover)
    for row in spillover.itertuples():
        assert row.pool_risk == pytest.approx(
            onsets.loc[row.target_region, f"p_{row.horizon}"], abs=1 / DRAWS
        )
    hub = hub_rows(result.draws).query("target == 'events' and horizon == 1 and output_type_id == '0'")
    none = hub[hub["output_type"] == "cdf"].set_index("location")["value"]
    np.testing.assert_allclose(1 - none[onsets.index], onsets["p_1"], atol=1 / DRAWS)
    first = onsets.sort_values("rank").iloc[0]
    # one short record supports no class above a tenth
    assert f"({SAY.about(first['p_6'])}), within six months" in html
    again = read_result(written)
    assert again.watch_notes == result.watch_notes
    pd.testing.assert_frame_equal(
        again.watch["watch_routes.csv"], result.watch["watch_routes.csv"], check_dtype=False
    )


def test_totals_parts_and_deaths_follow(result: ForecastResult) -> None:
    events, deaths = result.draws["events"].values, result.draws["deaths"].values
    assert not (deaths[events == 0] > 0).any()
    onsets = result.watch["onsets.csv"]["region_id"]
    drawn = any_within(result.draws["deaths"], 6)[onsets]
    assert (drawn <= any_within(result.draws["events"], 6)[onsets]).all()
    part = result.draws["events_state_based"].values
    assert (part <= events).all()
    for country, total in zip(
        result.countries["events"].region_ids,
        result.countries["events"].values.transpose(2, 0, 1),
        strict=True,
    ):
        here = np.array(result.panel.countries) == country
        assert (total == events[:, :, here].sum(axis=2)).all()


def test_months_that_are_not_published_count_and_workers_do_not(result: ForecastResult, folder: Path) -> None:
    """Of months one and six alone an event in the second is in neither; and the same draws from two workers."""
    few = run_forecast(settings(folder, horizons="1,6", targets="events"))
    onsets = few.watch["onsets.csv"].set_index("region_id")
    ends = any_within(few.draws["events"], 2)[onsets.index]
    assert (ends <= onsets["p_6"] + 1 / DRAWS).all()
    again = run_forecast(settings(folder, workers=2))
    for target, draws in result.draws.items():
        assert (again.draws[target].values == draws.values).all()
