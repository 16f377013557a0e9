"""Anybody's own table."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harmattan.data.errors import ConfigError
from harmattan.data.geography import Regions
from harmattan.data.panel import build_panel
from harmattan.data.schemas import validate
from harmattan.data.snapshot import load_snapshot
from harmattan.data.sources import GroupTable, tabular, with_groups

TODAY = date(2024, 1, 1)
MAPPING = {"date": "Day", "latitude": "Lat", "longitude": "Lon", "country": "Country", "deaths": "Killed"}


def mine(folder: Path, **change: object) -> Path:
    base = {
        "Day": ["2020-03-05", "2020-04-01"],
        "Lat": [14.5, 13.5],
        "Lon": [-3.5, -2.5],
        "Country": ["Mali", "BFA"],
        "Killed": [3, 0],
    }
    path = folder / "mine.csv"
    pd.DataFrame({**base, **change}).to_csv(path, index=False)
    return path


def test_columns_by_name(tmp_path: Path, regions: Regions) -> None:
    incidents = tabular.read(mine(tmp_path), columns=MAPPING, today=TODAY)
    validate("incidents", incidents.frame)
    panel = build_panel(incidents, regions).panel
    assert panel.measures["deaths_best"][0, panel.region_ids.index("MLI-mopti")] == 3
    assert panel.measures["events"][1, panel.region_ids.index("BFA-sahel")] == 1
    assert not any(n.startswith("events_") for n in panel.measures)


def test_columns_from_toml(tmp_path: Path) -> None:
    settings = tmp_path / "map.toml"
    settings.write_text("[columns]\n" + "\n".join(f'{k} = "{v}"' for k, v in MAPPING.items()))
    assert tabular.mapping_of(settings) == MAPPING
    assert len(tabular.read(mine(tmp_path), columns=tabular.mapping_of(settings), today=TODAY)) == 2


def test_types_and_sides_become_measures(tmp_path: Path, regions: Regions) -> None:
    path = mine(tmp_path, Kind=["Raid", "Car bomb"], A=["JNIM", "IS"], B=["Civilians", "JNIM"])
    more = MAPPING | {"type": "Kind", "side_a": "A", "side_b": "B"}
    panel = build_panel(tabular.read(path, columns=more, today=TODAY), regions).panel
    sums = {n: float(np.nansum(v)) for n, v in panel.measures.items()}
    assert sums["events_raid"] == sums["events_car_bomb"] == 1
    assert sums["events_jnim_vs_is"] == 1


def test_one_side_alone_is_taken(tmp_path: Path) -> None:
    incidents = tabular.read(mine(tmp_path, A=["JNIM", "IS"]), columns=MAPPING | {"side_a": "A"}, today=TODAY)
    assert incidents.frame["actor_group"].tolist() == ["jnim", "islamic_state"]
    assert incidents.groups


def test_bounds_without_deaths_are_named_as_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = mine(tmp_path, low=[1, 0], high=[4, 1])
    with caplog.at_level(logging.WARNING, "harmattan"):
        tabular.read(path, columns={k: v for k, v in MAPPING.items() if k != "deaths"}, today=TODAY)
    assert "not used: killed, low, high." in caplog.text


def test_types_in_any_script_stay_apart(tmp_path: Path, regions: Regions) -> None:
    path = mine(tmp_path, Kind=["Überfall", "Взрыв"])
    incidents = tabular.read(path, columns=MAPPING | {"type": "Kind"}, today=TODAY)
    assert incidents.types == ("uberfall", "vzryv")


def test_a_type_called_other_is_no_group(tmp_path: Path, regions: Regions) -> None:
    path = mine(tmp_path, Kind=["Other", "Raid"], A=["A", "B"], B=["C", "D"])
    incidents = tabular.read(
        path, columns=MAPPING | {"type": "Kind", "side_a": "A", "side_b": "B"}, today=TODAY
    )
    measures = build_panel(incidents, regions).panel.measures
    sums = {n: float(np.nansum(measures[f"events_{n}"])) for n in ("other_type", "raid", "other")}
    assert sums == {"other_type": 1, "raid": 1, "other": 2}
    table = GroupTable({"raid": ("A",)})
    with pytest.raises(ConfigError, match="'raid' is a group and a type of violence"):
        with_groups(incidents, table)


def test_regions_by_name_need_no_coordinates(tmp_path: Path, regions: Regions) -> None:
    path = tmp_path / "mine.csv"
    rows = {"date": "2020-03-05", "country": "Mali", "region": ["Mopti", "MLI-gao", "Atlantis"]}
    pd.DataFrame(rows).to_csv(path, index=False)
    built = build_panel(tabular.read(path, today=TODAY), regions)
    assert built.incidents["region_id"].tolist() == ["MLI-mopti", "MLI-gao", ""]
    assert built.ledger.by("outcome").set_index("outcome")["events"].to_dict() == {
        "placed": 2,
        "outside_regions": 1,
    }


def test_a_ready_panel(tmp_path: Path) -> None:
    snapshot = replace(load_snapshot().panel.select(countries=["MLI"]), cells=None)
    snapshot.to_frame().to_csv(tmp_path / "panel.csv", index=False)
    panel = tabular.read_panel(tmp_path / "panel.csv", links=snapshot.links)
    assert panel.digest() == snapshot.digest()
    assert tabular.is_panel(tmp_path / "panel.csv")
    assert not tabular.is_panel(mine(tmp_path))


def test_a_panel_with_names_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "panel.csv"
    pd.DataFrame({"Period": ["2020-01"], "Unit": ["MLI-gao"], "N": [4]}).to_csv(path, index=False)
    panel = tabular.read_panel(path, columns={"month": "Period", "region_id": "Unit", "events": "N"})
    assert panel.measure("events").tolist() == [[4]]


def test_a_mapping_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'date:Day' is not a column mapping"):
        tabular.mapping_of("date:Day")
    with pytest.raises(ConfigError, match="does not exist"):
        tabular.mapping_of(tmp_path / "none.toml")


def test_usual_names_of_columns_are_taken_and_others_are_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = {
        **{
            "event_id": ["e1", "e2"],
            "event_date": ["2020-03-05", "2020-04-01"],
            "lat": [14.5, 13.5],
            "lon": -3.5,
        },
        **{"iso3": ["MLI", "BFA"], "type_of_violence": [1, 3], "actor1": ["A", "B"], "actor2": "Civilians"},
        **{"best": [3, 5], "low": [1, 5], "high": [9, 4], "date_prec": [1, 5], "where_prec": [2, 6]},
        **{"admin1": "elsewhere", "source_office": "x", "notes": "y"},
    }
    path = tmp_path / "theirs.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    with caplog.at_level("WARNING", "harmattan"):
        found = tabular.read(path, today=TODAY)
    frame = found.frame
    assert frame["incident_id"].tolist() == ["e1", "e2"]
    assert frame["violence_type"].tolist() == ["state_based", "one_sided"]
    assert frame[["deaths_low", "deaths_best", "deaths_high"]].values.tolist() == [[1, 3, 9], [5, 5, 5]]
    assert frame[["date_precision", "where_precision"]].values.tolist() == [[1, 2], [5, 6]]
    assert frame["actor_a"].tolist() == ["A", "B"]
    assert (frame["region_id"] == "").all()
    assert len(caplog.records) == 1
    assert "theirs.csv: not used: admin1, source_office, notes." in caplog.text
    assert [r.count for r in found.repairs if r.name == "deaths_bounds_widened"] == [1]


def test_our_own_names_go_before_usual_ones(tmp_path: Path) -> None:
    path = mine(tmp_path, best=[7, 7], low=[2, 2])
    frame = tabular.read(path, columns=MAPPING, today=TODAY).frame
    assert frame["deaths_best"].tolist() == [3, 0]
    assert frame["deaths_low"].tolist() == [2, 0]
