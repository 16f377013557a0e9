"""A small made-up theatre in East Africa, from a table of single events to its file, for tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import shapely

from harmattan.data.simulation import World, grid_regions, simulate

COUNTRIES = ("KEN", "TZA", "UGA")
#: From where grids are made to the Rift.
EAST, SOUTH = 38.0, -14.0
SIDES = {"JNIM": "Front of the Lake", "IS": "Army of the Rift", "CMA": "Clan Council"}
THEATRE = """
name = "The Rift"
source = "table:events.csv"
regions = "regions.geojson"
level = "admin1"
timezone = "Africa/Nairobi"
attribution = "The Rift Monitor"
countries = ["KEN", "TZA", "UGA"]

[licences]
events = "The Rift Monitor, by agreement"
forecasts = "for partners of the Rift Monitor"

[groups.lake]
label = "Front of the Lake"
names = ["Front of the Lake"]

[groups.rift]
label = "Army of the Rift"
names = ["Army of the *"]

[places]
Port-on-the-Lake = [33.0, -1.0]
"""


def write_theatre(folder: Path, months: int = 96, seed: int = 5) -> Path:
    """``theatre.toml`` with its table of events and its polygons."""
    regions = grid_regions(COUNTRIES, rows=2, columns=2)
    moved = shapely.transform(regions.geometry, lambda xy: xy + np.array([EAST, SOUTH]))
    frame = regions.frame.assign(layer="survey of 2010")
    regions = replace(regions, geometry=moved, frame=frame)
    world = World(months=months, start="2010-01", endemic=0.4, permeability={("KEN", "UGA"): 1.0})
    events = simulate(world, regions, np.random.default_rng(seed)).incidents.frame
    table = events.rename(
        columns={"incident_id": "event_id", "date_end": "event_date", "violence_type": "type"}
    )
    for ours, theirs in (("actor_a", "side_a"), ("actor_b", "side_b")):
        table[theirs] = table[ours].astype(str).replace(SIDES).replace({"Dan na Ambassagou": "Herders"})
    table = table.rename(columns={"deaths_best": "best", "deaths_low": "low", "deaths_high": "high"})
    kept = ["event_id", "event_date", "latitude", "longitude", "country", "type", "side_a", "side_b"]
    table[[*kept, "best", "low", "high"]].assign(notes="text").to_csv(folder / "events.csv", index=False)
    regions.to_geojson(folder / "regions.geojson")
    (folder / "theatre.toml").write_text(THEATRE, encoding="utf-8")
    return folder / "theatre.toml"
