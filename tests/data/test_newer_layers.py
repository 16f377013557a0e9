"""Layers to forecast on: parts add up to what they are parts of, in counts, areas and borders."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely

from harmattan.data.errors import ConfigError, RegionError, UsageError
from harmattan.data.layers import LAYERS, layer_crosswalk, make_layers, named_crosswalk, on_layer, snapshot_on
from harmattan.data.panel import build_panel
from harmattan.data.quality import check_panel
from harmattan.data.snapshot import Snapshot, load_snapshot
from harmattan.data.sources import read_ucdp
from harmattan.forecast.jobs import run_main_job
from harmattan.forecast.loading import load_inputs
from harmattan.forecast.release import verify_release
from harmattan.forecast.settings import Settings


@cache
def _shipped_on(layer: str) -> Snapshot:
    return snapshot_on(load_snapshot(), layer)


@pytest.mark.parametrize(("layer", "more", "split"), [("burkina-2025", 4, 3), ("mali-2016", 2, 2)])
@pytest.mark.slow
def test_counts_of_a_layer_add_up_to_the_older_ones(layer: str, more: int, split: int) -> None:
    old = load_snapshot()
    new = _shipped_on(layer)
    walk = layer_crosswalk(layer)
    older = walk.table["target_id"]
    assert len(new.regions) == len(old.regions) + more
    assert older.duplicated(keep=False).sum() == split + more
    assert list(new.panel.measures) == list(old.panel.measures)
    touched = new.panel.select(regions=walk.table["source_id"].tolist())
    carried = walk.carry(touched)
    for name, values in old.panel.measures.items():
        at = [old.panel.region_ids.index(r) for r in carried.region_ids]
        np.testing.assert_array_equal(carried.measures[name], values[:, at], err_msg=name)
        rest = [i for i, r in enumerate(old.panel.region_ids) if r not in set(older)]
        same = [new.panel.region_ids.index(old.panel.region_ids[i]) for i in rest]
        np.testing.assert_array_equal(new.panel.measures[name][:, same], values[:, rest], err_msg=name)
    assert check_panel(new.panel, run_date=date(2024, 1, 31)).status == "green"


@pytest.mark.slow
@pytest.mark.parametrize("layer", LAYERS)
def test_parts_fill_the_older_region_and_share_out_its_borders(layer: str) -> None:
    old, new = load_snapshot().regions, _shipped_on(layer).regions
    walk = layer_crosswalk(layer).table
    outline = dict(zip(new.region_ids, new.geometry, strict=True))
    for name, whole in zip(old.region_ids, old.geometry, strict=True):
        mine = [outline[r] for r in walk.loc[walk["target_id"] == name, "source_id"]] or [outline[name]]
        assert shapely.area(shapely.symmetric_difference(shapely.union_all(mine), whole)) < 1e-9
        assert abs(sum(map(shapely.area, mine)) - shapely.area(whole)) < 1e-9
        assert len(mine) == 1 or min(map(shapely.area, mine)) > 0.1
    of = {r: r for r in new.region_ids} | dict(zip(walk["source_id"], walk["target_id"], strict=True))
    links = new.links.assign(a=new.links["region_a"].map(of), b=new.links["region_b"].map(of))
    links = links[links["a"] != links["b"]]
    ends = np.sort(links[["a", "b"]].to_numpy(str), axis=1)
    summed = links["border_km"].groupby([ends[:, 0], ends[:, 1]]).sum()
    before = old.links.set_index(["region_a", "region_b"])["border_km"]
    pd.testing.assert_series_equal(summed, before.sort_index(), check_names=False)
    assert not new.islands
    borders = _shipped_on(layer).borders.set_index("region_id")
    shipped = load_snapshot().borders.set_index("region_id")
    for column in ("international_km", "observed_km"):
        assert borders[column].sum() == pytest.approx(shipped[column].sum(), abs=0.05)


def test_menaka_lies_apart_from_gao() -> None:
    new = _shipped_on("mali-2016")
    menaka = shapely.Point(2.4, 15.92)  # the town
    at, _ = new.regions.assign(np.array([2.4, -0.04]), np.array([15.92, 16.27]), np.array(["MLI", "MLI"]))
    assert [new.regions.region_ids[i] for i in at] == ["MLI-menaka-2016", "MLI-gao-2016"]
    inside = dict(zip(new.regions.region_ids, new.regions.geometry, strict=True))
    assert shapely.contains(inside["MLI-menaka-2016"], menaka)
    assert {*new.regions.frame.set_index("region_id").loc[["MLI-menaka-2016"], "valid_from"]} == {
        "2016-01-01"
    }


def test_the_names_of_the_layer_are_those_of_the_crosswalk() -> None:
    ours, named = (
        w.table.sort_values("source_id") for w in (layer_crosswalk("burkina-2025"), named_crosswalk("BFA"))
    )
    assert ours.to_numpy().tolist() == named.to_numpy().tolist()


@pytest.mark.slow
def test_a_layer_is_made_once_and_of_the_older_regions() -> None:
    regions = load_snapshot().regions
    with pytest.raises(UsageError, match=r"'burkina-2026' is not a layer\. Did you mean 'burkina-2025'"):
        on_layer(regions, "burkina-2026")
    with pytest.raises(RegionError, match=r"there is no such region\. These regions are on it already"):
        on_layer(on_layer(regions, "burkina-2025"), "burkina-2025")
    with pytest.raises(RegionError, match="divides 'BFA-boucle-du-mouhoun'"):
        on_layer(regions.select(["MLI"]), "burkina-2025")


def test_settings_lead_to_the_layer_and_the_month_rule(tmp_path: Path) -> None:
    inputs = load_inputs(Settings(layer="burkina-2025"))
    assert len(inputs.panel.region_ids) == 93
    assert inputs.panel.source.endswith(
        "; Burkina Faso's regions of July 2025 (Natural Earth, public domain)"
    )
    assert inputs.regions is not None
    assert inputs.regions.region_ids == inputs.panel.region_ids
    with pytest.raises(ConfigError, match="month_rule: the months of a table of counts are given"):
        load_inputs(Settings(month_rule="even"))
    with pytest.raises(ConfigError, match="layer: a ready panel has regions of its own"):
        load_inputs(Settings(layer="mali-2016", panel=tmp_path / "p.csv"))


@pytest.mark.slow
def test_the_shipped_files_are_made_from_the_real_ones(real_data: Path, tmp_path: Path, root: Path) -> None:
    regions = real_data / "regions"
    made = make_layers(
        real_data / "ged241_west_africa.csv",
        regions / "admin1_west_africa.geojson",
        regions / "burkina_faso_17_regions_2025.geojson",
        regions / "priogrid_to_admin1.parquet",
        tmp_path,
    )
    assert len(made) == 5
    for path in made:
        assert path.read_bytes() == (root / "data" / "layers" / path.name).read_bytes(), path.name


@pytest.mark.slow
def test_real_events_fall_into_the_same_regions_as_the_shipped_counts(real_data: Path) -> None:
    events = read_ucdp(real_data / "ged241_west_africa.csv")
    for layer in LAYERS:
        shipped = _shipped_on(layer)
        built = build_panel(events, shipped.regions).panel
        a, b = (p.measures["events"].sum(axis=0) for p in (built, shipped.panel))
        assert np.abs(a - b).sum() <= 0.01 * b.sum()  # simplified outlines move points at a border


@pytest.mark.slow
def test_a_release_on_a_layer_is_whole(tmp_path: Path) -> None:
    settings = Settings(
        layer="burkina-2025",
        targets=("events",),
        horizons=(1, 2),
        draws=50,
        backtest_origins=0,
        parts=False,
        workers=1,
        track=False,
        out=tmp_path,
    )
    outcome = run_main_job(settings)
    verify_release(outcome.release.path)
    wide = pd.read_csv(outcome.release.path / "wide.csv")
    assert {r for r in wide["region_id"] if r.endswith("-2025")} == {
        r for r in outcome.result.panel.region_ids if r.startswith("BFA")
    }
    assert wide["region_id"].nunique() == 93
