"""A back-test on vintages: at each origin models see what had been released by then, and outcomes are final."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_files import EVENT, SQUARES
from stand_in import stand_in

import harmattan
from harmattan.data.errors import OriginError, SourceError, UsageError
from harmattan.data.geography import Regions
from harmattan.data.panel import Panel
from harmattan.data.sources import ucdp
from harmattan.data.vintages import VintageStore, panel_as_of
from harmattan.forecast.jobs.backtest_plan import BacktestSettings, make_plan
from harmattan.forecast.jobs.backtest_vintages import known_on, vintage_problems
from harmattan.forecast.jobs.backtesting import run_backtest_job
from harmattan.forecast.settings import Settings

pytestmark = pytest.mark.slow

FIRST, LAST = "2014-01", "2018-12"
ORIGINS = pd.period_range("2018-02", "2018-05", freq="M")
PLACES = {"MLI": (("Mali", 14.5, -3.5), ("Mali", 14.5, -2.5)), "BFA": (("Burkina Faso", 13.5, -3.5),)}


def everything() -> pd.DataFrame:
    """Five years of events in three of the four squares."""
    rng = np.random.default_rng(4)
    rows = []
    for month in pd.period_range(FIRST, LAST, freq="M"):
        for country, lat, lon in (p for places in PLACES.values() for p in places):
            day = f"{month}-{rng.integers(1, 28):02d}"
            one = {**EVENT, "country": country, "country_id": 432 if country == "Mali" else 439}
            one |= {"latitude": lat, "longitude": lon, "date_start": day, "date_end": day}
            rows += [dict(one) for _ in range(rng.poisson(2.0))]
    return pd.DataFrame(rows).assign(id=lambda f: np.arange(len(f)) + 1)


def keep(
    store: VintageStore, rows: pd.DataFrame, name: str, months: tuple[str, str], day: date, at: Path
) -> None:
    """One release of some months, in the store as of a day."""
    month = rows["date_end"].str[:7]
    path = at / name
    rows[month.between(*months)].to_csv(path, index=False)
    store.add(ucdp.read(path, coverage=dict.fromkeys(PLACES, months), today=date(2022, 1, 1)), day)


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Regions:
    path = tmp_path_factory.mktemp("regions") / "regions.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": SQUARES}), encoding="utf-8")
    return Regions.read(path)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> VintageStore:
    """A yearly release, five monthly ones that know two events in three, and the final one."""
    folder, rows = tmp_path_factory.mktemp("vintages"), everything()
    store = VintageStore(folder / "store")
    keep(store, rows, "GEDEvent_v18_1.csv", (FIRST, "2017-12"), date(2018, 1, 15), folder)
    for n, month in enumerate(pd.period_range("2018-01", "2018-05", freq="M"), start=1):
        some = rows[rows["id"] % 3 > 0]
        name = f"GEDEvent_v18_0_{n}.csv"
        keep(store, some, name, (str(month), str(month)), (month + 1).end_time.date(), folder)
    keep(store, rows, "GEDEvent_v19_1.csv", (FIRST, LAST), date(2019, 5, 1), folder)
    return store


@pytest.fixture(scope="module")
def final(store: VintageStore, regions: Regions) -> Panel:
    return panel_as_of(store, date(2020, 1, 1), regions)


def test_each_origin_sees_its_first_release_and_nothing_later(
    store: VintageStore, regions: Regions, final: Panel
) -> None:
    known, _ = vintage_problems(store, final, regions, ORIGINS)
    month = np.array([str(m) for m in final.months])
    for origin in ORIGINS:
        seen = known.panels[str(origin)]
        assert (seen.months[-1], seen.region_ids) == (origin, final.region_ids)
        whole = final.measure("events")[month <= str(origin)]
        first = month[month <= str(origin)] >= "2018-01"
        np.testing.assert_array_equal(seen.measure("events")[~first], whole[~first])
        assert 0.4 < np.nansum(seen.measure("events")[first]) / np.nansum(whole[first]) < 0.9


def test_a_later_release_changes_no_bit_of_what_was_known(
    store: VintageStore, regions: Regions, final: Panel, tmp_path: Path
) -> None:
    other = VintageStore(tmp_path / "other")
    other.root.mkdir()
    for vintage in store.vintages():
        if vintage.as_of < date(2019, 1, 1):
            (other.root / vintage.path.name).write_bytes(vintage.path.read_bytes())
    rows = pd.concat([everything()] * 3, ignore_index=True).assign(id=lambda f: np.arange(len(f)) + 1)
    # Released one day after the last origin's day.
    day = known_on(ORIGINS[-1]) + pd.Timedelta(days=1).to_pytimedelta()
    keep(other, rows, "GEDEvent_v18_5.csv", (FIRST, "2018-05"), day, tmp_path)
    before, after = (vintage_problems(s, final, regions, ORIGINS)[0].panels for s in (store, other))
    assert {o: p.digest() for o, p in before.items()} == {o: p.digest() for o, p in after.items()}


@pytest.mark.slow
def test_forecasts_come_from_vintages_and_outcomes_are_final(
    store: VintageStore, regions: Regions, final: Panel
) -> None:
    kw: dict[str, Any] = {"origins": ("2018-02", "2018-05"), "horizons": (1,), "workers": 1}
    kw |= {"members": ["conflictology_12"], "regions": regions}
    shown, hidden = (harmattan.backtest(final, vintages=v, **kw).cases for v in (None, store))
    at = ["member", "origin", "region_id"]
    assert shown[at].equals(hidden[at])
    np.testing.assert_array_equal(shown["observed"], hidden["observed"])
    twelve = shown["member"] == "conflictology_12"
    assert (hidden["mean"][twelve] < shown["mean"][twelve]).any()
    assert not (hidden["mean"][twelve] > shown["mean"][twelve]).any()


def test_it_goes_back_as_far_as_the_store_does(store: VintageStore, regions: Regions, final: Panel) -> None:
    known, served = vintage_problems(store, final, regions, ORIGINS, warm_up=12)
    # The yearly release was out when 2017-12 was the newest month; before it there is nothing.
    assert served == 2
    assert sorted(known.panels) == ["2017-12", "2018-01", *map(str, ORIGINS)]
    assert [r["release"] for r in known.releases] == ["18.1", *(f"18.0.{n}" for n in range(1, 6))]


def test_a_month_that_was_not_out_asks_for_a_longer_lag(
    store: VintageStore, regions: Regions, final: Panel
) -> None:
    june = pd.period_range("2018-06", "2018-06", freq="M")
    with pytest.raises(OriginError, match=r"2018-06 had not been released by 2018-07-31.*data_lag"):
        vintage_problems(store, final, regions, june)
    # The release of May came on the last day of June.
    known, _ = vintage_problems(store, final, regions, june, data_lag=1)
    assert str(known.panels["2018-06"].months[-1]) == "2018-05"


def test_what_cannot_be_looked_into(
    store: VintageStore, regions: Regions, final: Panel, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="need polygons to be placed in"):
        vintage_problems(store, final, None, ORIGINS)
    with pytest.raises(SourceError, match="there is no release here"):
        vintage_problems(tmp_path / "empty", final, regions, ORIGINS)


@pytest.mark.slow
def test_the_files_name_the_releases_that_models_saw(
    store: VintageStore, regions: Regions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr("harmattan.training.evaluation.backtest.run_backtest", stand_in(calls))
    path = tmp_path / "regions.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": SQUARES}), encoding="utf-8")
    base = Settings(source=f"store:{store.root}@2020-01-01", regions=path, horizons=(1,), track=False)
    settings = BacktestSettings(base=base, origins=(ORIGINS[0], ORIGINS[-1]), out=tmp_path / "out")
    assert "Models saw final counts" in " ".join(make_plan(settings).notes)
    settings = replace(settings, vintages=store.root)
    assert make_plan(settings).notes == ()
    run_backtest_job(settings)
    told = json.loads((tmp_path / "out" / "leaderboard.json").read_text())
    assert next((r["release"], r["as_of"]) for r in told["vintages"]) == ("18.1", "2018-01-15")
    assert len(told["vintages"]) == 6
    assert str(store.root) not in json.dumps(told)
    assert calls[0]["warm_up"] == 2


def test_the_benchmark_has_no_vintages(store: VintageStore, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="vintages: the benchmark's protocol is fixed"):
        run_backtest_job(
            replace(
                BacktestSettings(base=Settings(track=False)), benchmark=True, vintages=store, out=tmp_path
            )
        )
