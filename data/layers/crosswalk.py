"""Which region of one boundary vintage is which of another, and what a name means.

Weights are areas where polygons of both layers are at hand. The maps that come with the package know names only,
in ``layers.csv``: Mali by law 2023-006 of March 2023,
Burkina Faso by decree of 2 July 2025, in which every region was renamed. They are marked ``unweighted``: figures of
newer regions add up to the older ones exactly, but a figure of an older region cannot be shared out without weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd
import shapely

from ..errors import RegionError
from ..geography import Regions, links_of, region_slug
from ..panel import Panel

#: The layer of the shipped polygons.
OLD = "natural-earth-2014"
#: Other spellings: (country, name) to the name in the older layer.
SPELLINGS = {
    ("MLI", "Tombouctou"): "Timbuktu",
    ("MLI", "Taoudéni"): "Taoudénit",
    ("MLI", "Nioro du Sahel"): "Nioro",
}


@dataclass(frozen=True)
class Crosswalk:
    """How regions of one layer make up those of another.

    Attributes
    ----------
    source, target : str
        Names of the layers.
    table : pandas.DataFrame
        ``source_id, target_id, weight``: the share of the source region that lies in the target; missing where only
        names are known.
    names : mapping of str
        Name of each region id of either layer.
    """

    source: str
    target: str
    table: pd.DataFrame
    names: Mapping[str, str]

    @property
    def weighted(self) -> bool:
        """Whether shares are known."""
        return bool(self.table["weight"].notna().all())

    @property
    def kind(self) -> str:
        """``weighted`` or ``unweighted``."""
        return "weighted" if self.weighted else "unweighted"

    def reversed(self, weights: Mapping[tuple[str, str], float] | None = None) -> Crosswalk:
        """The way back; ``weights`` (source id, target id) are the shares of what is then the source."""
        table = self.table.rename(columns={"source_id": "target_id", "target_id": "source_id"})
        pairs = zip(table["source_id"], table["target_id"], strict=True)
        one = table.groupby("source_id")["target_id"].transform("size") == 1
        given = [np.nan if weights is None else weights.get(p, np.nan) for p in pairs]
        table = table.assign(weight=np.where(one, 1.0, given))[["source_id", "target_id", "weight"]]
        if weights is not None:
            _refuse_bad_weights(table)
        return Crosswalk(
            self.target,
            self.source,
            table.sort_values(["source_id", "target_id"], ignore_index=True),
            self.names,
        )

    def carry(self, panel: Panel) -> Panel:
        """A panel of the source layer as one of the target layer; totals are kept, links and polygons are not.

        Raises
        ------
        RegionError
            A region is not in the crosswalk, or would have to be shared out without weights.
        """
        missing = sorted(set(panel.region_ids) - set(self.table["source_id"]))
        if missing:
            raise RegionError(
                f"'{missing[0]}' is not in the layer {self.source}.",
                where="crosswalk",
                remedy="Choose the crosswalk of the panel's own layer.",
            )
        table = self.table[self.table["source_id"].isin(panel.region_ids)]
        loose = table[table["weight"].isna()]
        if len(loose):
            name = loose["source_id"].iloc[0]
            into = ", ".join(loose.loc[loose["source_id"] == name, "target_id"])
            raise RegionError(
                f"'{name}' would have to be shared out over {into}, and the shares are not known.",
                where=f"crosswalk {self.source} to {self.target} (unweighted)",
                remedy="Give weights, or polygons of both layers to crosswalk_by_area.",
            )
        targets = sorted(set(table["target_id"]))
        matrix = np.zeros((len(panel.region_ids), len(targets)))
        rows = [panel.region_ids.index(s) for s in table["source_id"]]
        matrix[rows, [targets.index(t) for t in table["target_id"]]] = table["weight"]
        seen = (panel.observed.astype(float) @ (matrix > 0)) == (matrix > 0).sum(axis=0)
        measures = {
            n: np.where(seen, np.nan_to_num(v).astype(float) @ matrix, np.nan).astype(np.float32)
            for n, v in panel.measures.items()
        }
        country = {t: panel.countries[rows[i]] for i, t in enumerate(table["target_id"])}
        return replace(
            panel,
            region_ids=tuple(targets),
            names=tuple(self.names.get(t, t) for t in targets),
            countries=tuple(country[t] for t in targets),
            measures=measures,
            observed=seen,
            links=None,
        )


def _refuse_bad_weights(table: pd.DataFrame) -> None:
    sums = table.groupby("source_id")["weight"].sum(min_count=1).dropna()
    bad = sums[~np.isclose(sums, 1.0, atol=1e-6)]
    if len(bad) or (table["weight"] < 0).any():
        name = bad.index[0] if len(bad) else table.loc[table["weight"] < 0, "source_id"].iloc[0]
        raise RegionError(
            f"the weights of '{name}' do not add up to one.",
            where="crosswalk",
            remedy="Give a share for every part.",
        )


def named_crosswalk(country: str) -> Crosswalk:
    """From a country's newer regions to the older ones, by name.

    Parameters
    ----------
    country : {"MLI", "BFA"}

    Returns
    -------
    Crosswalk
        Every newer region lies in one older region, so figures can be carried exactly.

    Examples
    --------
    >>> walk = named_crosswalk("MLI")
    >>> len(walk.table), walk.reversed().kind
    (20, 'unweighted')
    """
    table = _names_of_layers()
    table = table[table["country"] == country]
    if table.empty:
        raise RegionError(
            f"there is no crosswalk by name for '{country}'.",
            remedy="Known: BFA, MLI; or use crosswalk_by_area.",
        )
    layer = str(table["layer"].iloc[0])
    older = [region_slug(country, name) for name in table["older"]]
    # newer regions carry their year: a new Gao without Menaka is not the old Gao
    newer = [f"{region_slug(country, name)}-{layer.rsplit('-', 1)[1]}" for name in table["newer"]]
    names = dict(zip(older, table["older"], strict=True)) | dict(zip(newer, table["newer"], strict=True))
    frame = pd.DataFrame({"source_id": newer, "target_id": older, "weight": 1.0})
    return Crosswalk(layer, OLD, frame.sort_values("source_id", ignore_index=True), names)


@cache
def _names_of_layers() -> pd.DataFrame:
    """``country, layer, older, newer``: each newer region and the older one that it lies in."""
    return pd.read_csv(str(files(__package__) / "layers.csv"))


def resolve(name: str, country: str | None = None, layer: str | None = None) -> str:
    """The region that a name means.

    Parameters
    ----------
    name : str
        Old or new, in any spelling of accents and case.
    country : str, optional
        ISO3.
    layer : str, optional
        ``natural-earth-2014``, ``mali-2023`` or ``burkina-2025``.

    Returns
    -------
    str
        A region id.

    Raises
    ------
    RegionError
        The name is unknown, or means several regions; the candidates are listed.

    Examples
    --------
    >>> resolve("Menaka"), resolve("Gao", layer="natural-earth-2014"), resolve("Yaadga")
    ('MLI-menaka-2023', 'MLI-gao', 'BFA-yaadga-2025')
    """
    found = sorted(
        {
            (region, of)
            for region, label, code, of in _known_names()
            if region_slug("", label) == region_slug("", name)
            and country in (None, code)
            and layer in (None, of)
        }
    )
    if not found:
        raise RegionError(
            f"no region is called '{name}'.", remedy="Check the spelling, the country and the layer."
        )
    if len(found) > 1:
        listed = ", ".join(f"{region} ({of})" for region, of in found)
        raise RegionError(
            f"'{name}' is ambiguous: {listed}.", remedy="Name the country or the layer as well."
        )
    return found[0][0]


def _known_names() -> list[tuple[str, str, str, str]]:
    """``(region id, name, country, layer)`` of every region of the shipped layers, other spellings included."""
    from ..snapshot import load_snapshot

    frame = load_snapshot().regions.frame
    rows = [
        (r, n, c, OLD) for r, n, c in zip(frame["region_id"], frame["name"], frame["country"], strict=True)
    ]
    for country in _names_of_layers()["country"].unique():
        walk = named_crosswalk(country)
        rows += [(r, walk.names[r], country, walk.source) for r in walk.table["source_id"]]
    for (country, spelling), usual in SPELLINGS.items():
        rows += [(r, spelling, c, of) for r, n, c, of in list(rows) if c == country and n == usual]
    return rows


def crosswalk_by_area(source: Regions, target: Regions, *, least: float = 0.005) -> Crosswalk:
    """Shares of area between two layers of polygons, inside each country.

    Parameters
    ----------
    source, target : Regions
        Two vintages.
    least : float
        Shares below this are slivers and are dropped; the rest is scaled to one.

    Examples
    --------
    >>> from harmattan.data.simulation import grid_regions
    >>> coarse, fine = grid_regions(("MLI",), 1, 1), grid_regions(("MLI",), 1, 1)
    >>> crosswalk_by_area(fine, coarse).table["weight"].tolist()
    [1.0]
    """
    at, on = shapely.STRtree(target.geometry).query(source.geometry, predicate="intersects")
    same = np.asarray(source.countries, dtype=object)[at] == np.asarray(target.countries, dtype=object)[on]
    at, on = at[same], on[same]
    share = shapely.area(shapely.intersection(source.geometry[at], target.geometry[on])) / shapely.area(
        source.geometry[at]
    )
    table = pd.DataFrame(
        {
            "source_id": np.asarray(source.region_ids, dtype=object)[at],
            "target_id": np.asarray(target.region_ids, dtype=object)[on],
            "weight": share,
        }
    )
    table = table[table["weight"] >= least]
    table["weight"] /= table.groupby("source_id")["weight"].transform("sum")
    lost = sorted(set(source.region_ids) - set(table["source_id"]))
    if lost:
        raise RegionError(
            f"'{lost[0]}' lies in no region of the other layer.",
            where="crosswalk",
            remedy="Give layers of the same area.",
        )
    names = dict(zip(source.region_ids, source.frame["name"], strict=True))
    names |= dict(zip(target.region_ids, target.frame["name"], strict=True))
    of, to = (str(r.frame["layer"].iloc[0]) for r in (source, target))
    return Crosswalk(of, to, table.sort_values(["source_id", "target_id"], ignore_index=True), names)


def by_country(regions: Regions) -> Regions:
    """Whole countries as regions.

    Examples
    --------
    >>> from harmattan.data.simulation import grid_regions
    >>> by_country(grid_regions(("MLI", "BFA"))).links["crosses_border"].tolist()
    [True]
    """
    of = np.asarray(regions.countries, dtype=object)
    codes = sorted(set(of))
    shapes = np.array([shapely.coverage_union_all(regions.geometry[of == c]) for c in codes], dtype=object)
    names = [regions.country_names.get(c, c) for c in codes]
    frame = pd.DataFrame({"region_id": codes, "name": names, "country": codes, "layer": "country"})
    frame = frame.assign(valid_from="", valid_to="")
    return Regions(frame, shapes, links_of(frame, shapes), dict(regions.country_names))
