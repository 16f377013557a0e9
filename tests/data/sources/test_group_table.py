"""Armed groups by a table of one's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harmattan.data.errors import ConfigError, SourceError
from harmattan.data.panel import build_panel
from harmattan.data.sources import GroupTable, read_source, with_groups

TABLE = """
[front]
names = ["Front for X", "FX"]

[army_of_y]
names = ["Army of Y"]
"""


def read(folder: Path, text: str) -> GroupTable:
    (folder / "groups.toml").write_text(text, encoding="utf-8")
    return GroupTable.read(folder / "groups.toml")


def test_every_event_has_one_group_and_counts_for_both_sides(tmp_path: Path, regions_file: Path) -> None:
    from harmattan.data.geography import Regions

    rows = [
        "id,date,latitude,longitude,country,side_a,side_b",
        "1,2020-01-02,14.5,-4.2,MLI,Government of Mali,fx",
        '2,2020-01-03,14.5,-4.2,MLI,"Army of Y, FX",Civilians',
        "3,2020-01-04,14.5,-4.2,MLI,Government of Mali,Civilians",
        "4,2020-01-05,14.5,-4.2,MLI,Others,Civilians",
    ]
    (tmp_path / "events.csv").write_text("\n".join(rows), encoding="utf-8")
    table = read(tmp_path, TABLE)
    incidents = with_groups(read_source(f"table:{tmp_path / 'events.csv'}"), table)
    assert incidents.frame["actor_group"].tolist() == ["front", "front_vs_army_of_y", "state_only", "other"]
    assert table.watched(incidents.groups) == {
        "front": ("front", "front_vs_army_of_y"),
        "army_of_y": ("army_of_y", "front_vs_army_of_y"),
    }
    panel = build_panel(incidents, Regions.read(regions_file)).panel
    assert np.nansum(panel.measures["events_front_vs_army_of_y"]) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[front", "this is no TOML"),
        ("[front]\nname = 'x'", "the group 'front' has no names"),
        ("[front]\nnames = []", "the group 'front' has no names"),
        ("['The Front']\nnames = ['x']", "'The Front' is not a name of a group"),
    ],
)
def test_a_broken_table_is_a_named_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, text)


def test_a_missing_table_and_a_source_without_sides(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        GroupTable.read(tmp_path / "none.toml")
    (tmp_path / "events.csv").write_text(
        "id,date,latitude,longitude,country\n1,2020-01-02,14.5,-4.2,MLI", encoding="utf-8"
    )
    with pytest.raises(ConfigError, match="names no sides"):
        with_groups(read_source(f"table:{tmp_path / 'events.csv'}"), read(tmp_path, TABLE))
