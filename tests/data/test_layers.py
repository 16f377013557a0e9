"""Boundary vintages: names, crosswalks, countries."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harmattan.data.errors import RegionError
from harmattan.data.layers import (
    by_country,
    crosswalk_by_area,
    named_crosswalk,
    resolve,
)
from harmattan.data.panel import Panel
from harmattan.data.simulation import grid_regions
from harmattan.data.snapshot import load_snapshot


def panel_of(ids: list[str]) -> Panel:
    rng = np.random.default_rng(1)
    rows = [(m, r, int(rng.integers(0, 9))) for m in ("2024-01", "2024-02") for r in ids]
    return Panel.from_frame(pd.DataFrame(rows, columns=["month", "region_id", "events"]))


def test_every_shipped_region_has_its_newer_ones() -> None:
    names = load_snapshot().regions.frame.set_index("name")["country"]
    for country, newer in (("MLI", 20), ("BFA", 17)):
        walk = named_crosswalk(country)
        assert {walk.names[i] for i in walk.table["target_id"]} == set(names.index[names == country])
        assert len(walk.table) == newer


@pytest.mark.parametrize(
    ("name", "country", "layer", "region"),
    [
        ("Ménaka", None, None, "MLI-menaka-2023"),
        ("MENAKA", "MLI", None, "MLI-menaka-2023"),
        ("Est", "BFA", None, "BFA-est"),
        ("Goulmou", None, None, "BFA-goulmou-2025"),
        ("Timbuktu", None, None, "MLI-timbuktu"),
        ("Tombouctou", None, "natural-earth-2014", "MLI-timbuktu"),
        ("Gao", None, "mali-2023", "MLI-gao-2023"),
        ("Centre", "TGO", None, "TGO-centre"),
    ],
)
def test_old_and_new_names_resolve(name: str, country: str | None, layer: str | None, region: str) -> None:
    assert resolve(name, country, layer) == region


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("Centre", "BFA-centre (natural-earth-2014), TGO-centre (natural-earth-2014)"),
        ("Gao", "MLI-gao (natural-earth-2014), MLI-gao-2023 (mali-2023)"),
        ("Savanes", "CIV-savanes (natural-earth-2014), TGO-savanes (natural-earth-2014)"),
    ],
)
def test_ambiguous_names_list_their_candidates(name: str, listed: str) -> None:
    with pytest.raises(RegionError) as caught:
        resolve(name)
    assert caught.value.what == f"'{name}' is ambiguous: {listed}."


def test_unknown_names_are_refused() -> None:
    with pytest.raises(RegionError, match="no region is called 'Azawad'"):
        resolve("Azawad")


@pytest.mark.parametrize("country", ["MLI", "BFA"])
def test_newer_figures_add_up_to_the_older_regions(country: str) -> None:
    walk = named_crosswalk(country)
    newer = panel_of(sorted(walk.table["source_id"]))
    older = walk.carry(newer)
    assert older.measures["events"].sum() == newer.measures["events"].sum()
    assert set(older.region_ids) <= set(load_snapshot().panel.region_ids)
    part = walk.table.set_index("source_id")["target_id"]
    for region in older.region_ids:
        mine = [i for i, r in enumerate(newer.region_ids) if part[r] == region]
        at = older.region_ids.index(region)
        assert (
            older.measures["events"][:, at].tolist() == newer.measures["events"][:, mine].sum(axis=1).tolist()
        )


def test_older_figures_are_not_shared_out_without_weights() -> None:
    back = named_crosswalk("MLI").reversed()
    assert back.kind == "unweighted"
    with pytest.raises(
        RegionError, match="'MLI-gao' would have to be shared out over MLI-gao-2023, MLI-menaka-2023"
    ):
        back.carry(panel_of(["MLI-gao", "MLI-kidal"]))
    shares = {("MLI-gao", "MLI-gao-2023"): 0.75, ("MLI-gao", "MLI-menaka-2023"): 0.25}
    with pytest.raises(RegionError, match="do not add up to one"):
        named_crosswalk("MLI").reversed(
            {("MLI-gao", "MLI-gao-2023"): 0.75, ("MLI-gao", "MLI-menaka-2023"): 0.5}
        )
    panel = panel_of(["MLI-gao"])
    carried = named_crosswalk("MLI").reversed(shares).carry(panel)
    assert carried.measures["events"][:, 0].tolist() == (panel.measures["events"][:, 0] * 0.75).tolist()


def test_a_part_that_was_not_observed_leaves_the_whole_unknown() -> None:
    walk = named_crosswalk("MLI")
    frame = panel_of(sorted(walk.table["source_id"])).to_frame()
    gap = (frame["region_id"] == "MLI-menaka-2023") & (frame["month"] == "2024-01")
    carried = walk.carry(Panel.from_frame(frame[~gap]))
    gao = carried.region_ids.index("MLI-gao")
    assert carried.observed[:, gao].tolist() == [False, True]
    assert np.isnan(carried.measures["events"][0, gao])


def test_areas_weigh_where_polygons_are_at_hand() -> None:
    fine, coarse = (
        grid_regions(("MLI",), rows=2, columns=4),
        by_country(grid_regions(("MLI",), rows=2, columns=4)),
    )
    walk = crosswalk_by_area(coarse, fine)
    assert walk.kind == "weighted"
    assert walk.table["weight"].tolist() == pytest.approx([1 / 8] * 8)
    assert crosswalk_by_area(fine, coarse).table["weight"].tolist() == [1.0] * 8


def test_countries_as_regions() -> None:
    countries = by_country(load_snapshot().regions)
    pairs = {a + b for a, b in zip(countries.links["region_a"], countries.links["region_b"], strict=True)}
    assert len(countries) == 8
    assert {"BFAMLI", "MLINER", "BENTGO", "MLISEN"} <= pairs
    assert "BENMLI" not in pairs
