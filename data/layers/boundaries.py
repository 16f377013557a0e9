"""Newer boundaries that forecasts can be made on: Burkina Faso's regions of July 2025, Ménaka and Taoudénit.

A newer region is an older one under another name, or a part of one; parts fill the older region exactly, so that
counts and borders add up. Counts of earlier years are carried back to the same ground: ``valid_from`` says since when
the region exists in law.

- ``burkina-2025``: the 17 regions of the decree of 2 July 2025. Every old province lies in one of them, so the split of
  the 13 is pure; polygons are dissolved from Natural Earth's provinces (public domain), and the shipped counts of the
  three regions that were split are placed by the coordinates of single events.
- ``mali-2016``: Ménaka (the old cercle, apart from Gao) and Taoudénit (the old cercle of Tombouctou north of 18
  degrees, apart from Timbuktu), by PRIO-GRID cells, for no polygon of them is open. Cells are those of FAO's GAUL 2024
  (CC BY 4.0), as packed in ``views-postprocessing`` (MIT). The southern edge of Taoudénit is not in it: it is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from ..errors import RegionError, UsageError, nearest
from ..geography import Regions, cell_polygons, links_of, with_gaps_closed
from ..panel import build_panel
from .crosswalk import OLD, Crosswalk

if TYPE_CHECKING:
    from ..snapshot import Snapshot

LAYERS = ("burkina-2025", "mali-2016")
#: Where the boundaries of a layer come from, for the line that names a run's sources.
BOUNDARIES = {
    "burkina-2025": "Burkina Faso's regions of July 2025 (Natural Earth, public domain)",
    "mali-2016": "Ménaka and Taoudénit by PRIO-GRID cells (FAO GAUL 2024, CC BY 4.0)",
}
#: Degrees at which a country without data still counts as what a part's border looks at.
_NEAR = 0.1


@dataclass(frozen=True)
class Part:
    """A newer region: the older one that it is or lies in, its name, and its outline where it is not the whole."""

    region_id: str
    name: str
    older: str
    valid_from: str
    outline: shapely.Geometry | None = None


@cache
def parts_of(layer: str) -> tuple[Part, ...]:
    """The newer regions of a layer, in the order of their ids.

    Raises
    ------
    UsageError
        The layer is not known.
    """
    if layer not in LAYERS:
        raise UsageError(f"'{layer}' is not a layer.", "--layer", nearest(layer, LAYERS))
    table = _table(f"{layer}.csv")
    outlines = cell_outlines() if layer == "mali-2016" else _shipped_outlines()
    return tuple(
        Part(row["region_id"], row["name"], row["older"], row["valid_from"], outlines.get(row["region_id"]))
        for row in table.to_dict("records")
    )


def layer_crosswalk(layer: str) -> Crosswalk:
    """From the newer regions of a layer to the older ones: figures add up exactly.

    >>> layer_crosswalk("mali-2016").table["target_id"].tolist()
    ['MLI-gao', 'MLI-gao', 'MLI-timbuktu', 'MLI-timbuktu']
    """
    parts = parts_of(layer)
    table = pd.DataFrame(
        [(p.region_id, p.older, 1.0) for p in parts], columns=["source_id", "target_id", "weight"]
    )
    return Crosswalk(layer, OLD, table, {p.region_id: p.name for p in parts})


def on_layer(regions: Regions, layer: str) -> Regions:
    """The same regions with those of one country on a newer layer.

    Parameters
    ----------
    regions : Regions
        With all older regions that the layer replaces.
    layer : {"burkina-2025", "mali-2016"}

    Returns
    -------
    Regions
        Parts cover the older region to the last point; the kilometres of an older link are shared out over theirs.

    Raises
    ------
    RegionError
        An older region is not there, or the regions are on the layer already.
    """
    parts = parts_of(layer)
    ids = list(regions.region_ids)
    there = {p.region_id for p in parts} & set(ids)
    absent = sorted({p.older for p in parts} - set(ids))
    if absent:
        what = f"the layer {layer} divides '{absent[0]}', and there is no such region."
        already = " These regions are on it already." if there else ""
        raise RegionError(what + already, "regions", "Give the regions of 2014, with the ids of the package.")
    outline, older = dict(zip(ids, regions.geometry, strict=True)), {p.older for p in parts}
    rows: list[dict[Any, Any]] = [r for r in regions.frame.to_dict("records") if r["region_id"] not in older]
    shapes, origin = [outline[r["region_id"]] for r in rows], [r["region_id"] for r in rows]
    of = regions.frame.set_index("region_id")
    for name in sorted(older):
        mine = [p for p in parts if p.older == name]
        for part, piece in zip(mine, _cut(outline[name], [p.outline for p in mine]), strict=True):
            told = {
                "region_id": part.region_id,
                "name": part.name,
                "layer": layer,
                "valid_from": part.valid_from,
            }
            rows.append(dict(of.loc[name]) | told)
            shapes.append(piece)
            origin.append(name)
    frame = pd.DataFrame(rows)[list(regions.frame.columns)]
    order = np.argsort(frame["region_id"].to_numpy(str), kind="stable")
    geometry = np.array([shapes[i] for i in order], dtype=object)
    frame = frame.iloc[order].reset_index(drop=True)
    links = _links(regions.links, frame, geometry, [origin[i] for i in order])
    return Regions(frame, geometry, links, regions.country_names)


def snapshot_on(snapshot: Snapshot, layer: str) -> Snapshot:
    """The shipped snapshot on a newer layer; totals of every month, type and group are what they were.

    Examples
    --------
    >>> from harmattan.data.snapshot import load_snapshot
    >>> newer = snapshot_on(load_snapshot(), "burkina-2025")
    >>> newer.panel.shape, float(newer.panel.measures["events"].sum())
    ((420, 93), 4981.0)
    """
    from ..snapshot import aggregates, shipped_counts

    parts = parts_of(layer)
    counts = shipped_counts()
    whole = {p.older: p.region_id for p in parts if sum(q.older == p.older for q in parts) == 1}
    if layer == "mali-2016":
        cells = _table("mali-2016-cells.csv")
        found = dict(zip(zip(cells["older"], cells["cell"], strict=True), cells["region_id"], strict=True))
        keys = zip(counts["region_id"], counts["cell"], strict=True)
        rest = {p.older: p.region_id for p in parts if p.outline is None}
        counts["region_id"] = [found.get(key, rest.get(key[0], key[0])) for key in keys]
    else:
        split = {p.older for p in parts} - set(whole)
        shipped = _table(f"{layer}-counts.csv").astype(counts.dtypes.to_dict())
        counts = pd.concat([counts[~counts["region_id"].isin(split)], shipped], ignore_index=True)
    counts["region_id"] = counts["region_id"].replace(whole)
    regions = on_layer(snapshot.regions, layer)
    return replace(
        snapshot,
        panel=build_panel(aggregates(counts, snapshot.coverage), regions).panel,
        regions=regions,
        borders=_borders(snapshot, regions, parts),
    )


def _cut(whole: shapely.Geometry, outlines: Sequence[shapely.Geometry | None]) -> list[shapely.Geometry]:
    """A polygon in pieces; what no outline holds goes to the piece without one, or to the one it borders most."""
    if len(outlines) == 1:
        return [whole]
    pieces, rest = [], whole
    for outline in outlines:
        found = shapely.Polygon() if outline is None else shapely.intersection(rest, outline)
        pieces.append(_polygons(found))
        rest = _polygons(shapely.difference(rest, pieces[-1]))
    if None in outlines:
        pieces[outlines.index(None)] = rest
        return pieces
    for sliver in shapely.get_parts(rest):
        touch = [shapely.length(shapely.intersection(shapely.buffer(sliver, 1e-6), p)) for p in pieces]
        near = [shapely.distance(sliver, p) for p in pieces]
        at = int(np.argmax(touch)) if max(touch) > 0 else int(np.argmin(near))
        pieces[at] = _polygons(shapely.union(pieces[at], sliver))
    return pieces


def _polygons(geometry: shapely.Geometry) -> shapely.Geometry:
    """The areas of a geometry; lines and points where pieces touch are no part of it."""
    parts = shapely.get_parts(geometry)
    return shapely.union_all(parts[shapely.get_type_id(parts) == 3])


def _links(
    links: pd.DataFrame, frame: pd.DataFrame, geometry: np.ndarray, origin: Sequence[str]
) -> pd.DataFrame:
    """Links of the parts: older kilometres shared out as the parts' own borders are long, and borders between parts."""
    measured = links_of(frame, with_gaps_closed(geometry))
    of = dict(zip(frame["region_id"], origin, strict=True))
    pairs = zip(measured["region_a"], measured["region_b"], measured["border_km"], strict=True)
    lengths: dict[tuple[str, str], dict[tuple[str, str], float]] = {}
    for a, b, km in pairs:
        older = (min(of[a], of[b]), max(of[a], of[b]))
        lengths.setdefault(older, {})[a, b] = float(km)
    country = dict(zip(frame["region_id"], frame["country"], strict=True))
    shape = dict(zip(frame["region_id"], geometry, strict=True))
    parts: dict[str, list[str]] = {}
    for region, older_id in of.items():
        parts.setdefault(older_id, []).append(region)
    rows = [(a, b, km) for (p, q), own in lengths.items() if p == q for (a, b), km in own.items()]
    for p, q, km in zip(links["region_a"], links["region_b"], links["border_km"], strict=True):
        own = lengths.get((min(p, q), max(p, q)), {})
        if not own:
            every = [(a, b) for a in parts[p] for b in parts[q]]
            own = {min(every, key=lambda ab: shapely.distance(shape[ab[0]], shape[ab[1]])): 1.0}
        whole = sum(own.values())
        rows += [(min(ab), max(ab), float(km) * one / whole) for ab, one in own.items()]
    table = pd.DataFrame(rows, columns=["region_a", "region_b", "border_km"])
    table["crosses_border"] = table["region_a"].map(country) != table["region_b"].map(country)
    return table.sort_values(["region_a", "region_b"], ignore_index=True)


def _borders(snapshot: Snapshot, regions: Regions, parts: Sequence[Part]) -> pd.DataFrame:
    """How much of each region's international border looks at countries with data, the older figures shared out."""
    shape = dict(zip(regions.region_ids, regions.geometry, strict=True))
    across = regions.links[regions.links["crosses_border"]]
    sums = (
        pd.concat([across.set_index(c)["border_km"] for c in ("region_a", "region_b")]).groupby(level=0).sum()
    )
    rows: list[dict[Any, Any]] = []
    for row in snapshot.borders.to_dict("records"):
        mine = [p.region_id for p in parts if p.older == row["region_id"]] or [row["region_id"]]
        if len(mine) == 1:
            rows.append({**row, "region_id": mine[0]})
            continue
        country = np.asarray(regions.countries, dtype=object) == mine[0][:3]
        edge = shapely.buffer(shapely.boundary(shapely.union_all(regions.geometry[country])), 1e-6)
        own = [shapely.length(shapely.intersection(shapely.boundary(shape[r]), edge)) for r in mine]
        shares = np.array(own) / sum(own) if sum(own) > 0 else np.ones(len(mine)) / len(mine)
        blind = row["international_km"] - row["observed_km"]
        for region, share in zip(mine, shares, strict=True):
            seen = round(float(sums.get(region, 0.0)), 3)
            names = [
                n for n in str(row["blind_towards"]).split(";") if n and _looks_at(snapshot, shape[region], n)
            ]
            unseen = round(float(blind * share), 3) if names else 0.0
            told = {"observed_km": seen, "international_km": seen + unseen, "blind_towards": ";".join(names)}
            rows.append(dict(told, region_id=region))
    return pd.DataFrame(rows)[list(snapshot.borders.columns)].sort_values("region_id", ignore_index=True)


def _looks_at(snapshot: Snapshot, shape: shapely.Geometry, name: str) -> bool:
    """Whether a country without data lies at a region; one without polygons may."""
    around = snapshot.neighbours
    codes = [] if around is None else [c for c, n in around.country_names.items() if n == name]
    if around is None or not codes:
        return True
    there = np.asarray(around.countries, dtype=object) == codes[0]
    return bool(shapely.dwithin(shape, around.geometry[there], _NEAR).any())


def cell_outlines() -> dict[str, shapely.Geometry]:
    """The cells of Ménaka and Taoudénit as polygons; their older regions keep what is left."""
    table = _table("mali-2016-cells.csv")
    return {
        str(region): shapely.union_all(cell_polygons(own["cell"].to_numpy(np.int64)))
        for region, own in table.groupby("region_id")
    }


def _shipped_outlines() -> dict[str, shapely.Geometry]:
    read = Regions.read(Path(str(files(__package__) / "burkina-2025.geojson")), clean=False)
    return dict(zip(read.region_ids, read.geometry, strict=True))


def _table(name: str) -> pd.DataFrame:
    return pd.read_csv(str(files(__package__) / name), keep_default_na=False)
