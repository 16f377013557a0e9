"""Countries that have split."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import shapely

from harmattan.data.geography import Regions, links_of
from harmattan.data.panel import build_panel
from harmattan.data.quality import check_build
from harmattan.data.sources import tabular


def polygons(*countries: str) -> Regions:
    """Square regions side by side, two degrees each."""
    geometry = np.array([shapely.box(2 * i, 0, 2 * i + 2, 2) for i in range(len(countries))], dtype=object)
    frame = pd.DataFrame({"region_id": [f"{c}-a" for c in countries], "name": "A", "country": countries})
    frame = frame.assign(layer="", valid_from="", valid_to="")
    return Regions(frame, geometry, links_of(frame, geometry))


def table(folder: Path, *rows: tuple[str, float, str]) -> Path:
    days, x, countries = zip(*rows, strict=True)
    path = folder / "events.csv"
    frame = pd.DataFrame({"date": days, "latitude": 1.0, "longitude": x, "country": countries})
    frame.to_csv(path, index=False)
    return path


def test_events_before_a_country_was_founded_count_where_they_lie(tmp_path: Path) -> None:
    # Long ago in the south, the same after the split (a stray), in the north, and a later one of the new country.
    rows = [("2005-03-01", 3.5, "Sudan"), ("2012-03-01", 2.01, "Sudan"), ("2005-04-01", 1.0, "Sudan")]
    path = table(tmp_path, *rows, *[("2011-01-01", 1.0, "Sudan")] * 30, ("2013-01-01", 3.0, "South Sudan"))
    built = build_panel(tabular.read(path), polygons("SDN", "SSD"))
    assert built.incidents["region_id"].tolist()[:3] == ["SSD-a", "SDN-a", "SDN-a"]
    assert built.panel.observed.all()
    split = [r for r in built.ledger.repairs if r.name == "split_SSD"]
    assert [(r.count, r.message) for r in split] == [
        (1, "Events under Sudan before 2011-07 lie in South Sudan, and count there.")
    ]
    (check,) = (c for c in check_build(built, run_date=date(2013, 2, 28)).checks if c.name == "repairs")
    assert "Events under Sudan before 2011-07 lie in South Sudan, and count there (1)." in check.message


def test_a_newer_country_that_the_source_never_names_has_the_record_of_the_older(tmp_path: Path) -> None:
    rows = [("1990-01-01", 3.5, "Ethiopia"), ("1990-03-01", 1.0, "Ethiopia"), ("1995-01-01", 1.0, "Ethiopia")]
    found = build_panel(tabular.read(table(tmp_path, *rows)), polygons("ETH", "ERI")).panel
    assert found.observed.all()
    assert dict(zip(found.countries, found.measures["events"].sum(axis=0), strict=True)) == {
        "ETH": 2,
        "ERI": 1,
    }


def test_without_polygons_of_the_newer_country_nothing_changes(tmp_path: Path) -> None:
    built = build_panel(tabular.read(table(tmp_path, ("2005-03-01", 1.5, "Sudan"))), polygons("SDN"))
    assert built.ledger.repairs == ()
