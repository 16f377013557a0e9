"""The main job from files to release, with the real models on a small world."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from make_result import grid_regions, make_panel

from harmattan.data.panel import Panel
from harmattan.forecast.jobs.forecasting import Outcome, run_main_job
from harmattan.forecast.release.write import read_sums, sums_of
from harmattan.forecast.settings import Settings

CHANGED = ("MLI-centre", "2023-11")


def write_world(folder: Path, change: float = 0.0) -> None:
    """A panel and polygons as files; ``change`` is added to the events of one month of one region."""
    regions = grid_regions()
    frame = make_panel(regions, "2023-12", np.random.default_rng(1)).to_frame()
    frame.loc[(frame.region_id == CHANGED[0]) & (frame.month == CHANGED[1]), "events"] += change
    frame.to_csv(folder / "counts.csv", index=False)
    features = [
        {
            "type": "Feature",
            "properties": {"region_id": row.region_id, "name": row.name, "country": row.country},
            "geometry": json.loads(shapely.to_geojson(shape)),
        }
        for row, shape in zip(regions.frame.itertuples(index=False), regions.geometry, strict=True)
    ]
    (folder / "regions.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8"
    )


@pytest.fixture(scope="module")
def forecast(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Outcome]:
    """Run the main job on a small world; the same request is run once."""
    done: dict[Any, Outcome] = {}

    def run(workers: int = 1, change: float = 0.0, run_date: str | None = None) -> Outcome:
        key = (workers, change, run_date)
        if key not in done:
            folder = tmp_path_factory.mktemp("world")
            write_world(folder, change)
            options = {
                "panel": "counts.csv",
                "regions": "regions.geojson",
                "targets": "events",
                "horizons": "1,3",
                "draws": 100,
                "backtest_origins": 1,
                "workers": workers,
                "track": False,
                "run_date": run_date,
            }
            done[key] = run_main_job(Settings.load(options, environ={}, cwd=folder))
        return done[key]

    return run


def table(outcome: Outcome, name: str) -> pd.DataFrame:
    return pd.read_csv(outcome.release.path / name, dtype={"output_type_id": str})


@pytest.mark.slow
def test_one_worker_and_two_give_the_same_bytes(forecast: Callable[..., Outcome]) -> None:
    one, two = forecast(workers=1), forecast(workers=2)
    assert one.release.path != two.release.path
    assert read_sums(one.release.path) == read_sums(two.release.path)
    assert one.result.models == two.result.models


def test_the_release_is_whole(forecast: Callable[..., Outcome]) -> None:
    path = forecast().release.path
    assert read_sums(path) == sums_of(path)
    assert forecast().report.read_text(encoding="utf-8").lower().startswith("<!doctype html>")
    assert [p.name for p in path.parent.iterdir() if p.name.startswith(".tmp")] == []


def test_forecasts_follow_the_counts(forecast: Callable[..., Outcome]) -> None:
    outcome = forecast()
    wide = table(outcome, "wide.csv").query("horizon == 1").set_index("region_id")
    panel: Panel = outcome.result.panel
    recent = pd.Series(panel.measure("events")[-12:].mean(axis=0), index=list(panel.region_ids))
    assert wide["mean"].corr(recent, method="spearman") > 0.8


def test_one_month_changes_its_region_and_what_crosses_the_border(forecast: Callable[..., Outcome]) -> None:
    before, after = forecast(), forecast(change=60.0)
    means = [table(o, "wide.csv").set_index(["region_id", "horizon"])["mean"] for o in (before, after)]
    assert means[1][(CHANGED[0], 1)] > means[0][(CHANGED[0], 1)] * 1.05
    risk = [
        table(o, "spillover.csv").query("source_country == 'MLI' and target_country == 'BFA'").risk_factual
        for o in (before, after)
    ]
    assert len(risk[0])
    assert not np.allclose(risk[0], risk[1])
    assert before.result.data_hash != after.result.data_hash


def test_countries_are_sums_of_the_published_draws(forecast: Callable[..., Outcome]) -> None:
    path = forecast().release.path
    draws = pd.read_parquet(path / "draws.parquet").query("horizon == 3")
    mali = draws[draws.region_id.str.startswith("MLI")].groupby("draw")["value"].sum()
    rows = table(forecast(), "countries.csv").query("location == 'MLI' and horizon == 3")
    published = rows[rows.output_type == "quantile"].set_index("output_type_id")["value"]
    for level in ("0.1", "0.5", "0.9"):
        assert published[level] == np.quantile(mali, float(level), method="inverted_cdf")
