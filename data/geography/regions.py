"""Regions: polygons made one valid coverage, points assigned to them, neighbours by shared border."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import shapely

from ..errors import RegionError, nearest
from ..frames import pandas_of, read_only
from ..schemas import LINK_COLUMNS
from ..show import Brief
from .geojson import parse_features, read_features, region_slug, write_geojson
from .links import border_exposure, links_of, nearest_km, with_gaps_closed

__all__ = ["Regions", "checked_links", "region_slug"]


@dataclass(frozen=True, repr=False)
class Regions(Brief):
    """Named polygons of one boundary vintage, and who borders whom.

    Attributes
    ----------
    frame : pandas.DataFrame
        ``region_id, name, country, layer, valid_from, valid_to``, sorted by id.
    geometry : numpy.ndarray
        Polygons in degrees (EPSG:4326), one per row of ``frame``.
    links : pandas.DataFrame
        ``region_a, region_b, border_km, crosses_border``, each pair once.
    country_names : mapping of str
        ISO3 to the name in the file.
    closed : numpy.ndarray or None
        The polygons with narrow gaps closed, where that was done when the file was read.
    """

    frame: pd.DataFrame
    geometry: np.ndarray
    links: pd.DataFrame
    country_names: dict[str, str] = field(default_factory=dict)
    closed: np.ndarray | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Hand out polygons that cannot be replaced."""
        object.__setattr__(self, "geometry", read_only(np.asarray(self.geometry)))

    def __len__(self) -> int:
        """How many regions."""
        return len(self.frame)

    @property
    def region_ids(self) -> tuple[str, ...]:
        """The ids, sorted."""
        return tuple(self.frame["region_id"])

    @property
    def countries(self) -> tuple[str, ...]:
        """ISO3 of each region."""
        return tuple(self.frame["country"])

    @property
    def islands(self) -> tuple[str, ...]:
        """Regions that border no other."""
        linked = {*self.links["region_a"], *self.links["region_b"]}
        return tuple(r for r in self.region_ids if r not in linked)

    @classmethod
    def read(
        cls,
        path: str | Path,
        countries: Collection[str] | None = None,
        *,
        layer: str = "",
        links: pd.DataFrame | None = None,
        clean: bool = True,
    ) -> Regions:
        """Regions from a GeoJSON, GeoPackage or GeoParquet file.

        Parameters
        ----------
        path : path
            A FeatureCollection of polygons with a country (``iso3``) and a name (``adm1_name`` or ``name``)
            each.
        countries : collection of str, optional
            ISO3 codes to keep; the polygons are made one coverage before, with all of the file.
        layer : str
            The boundary vintage, such as ``natural-earth-2014``; taken from the file where empty.
        links : pandas.DataFrame, optional
            Neighbours to use in place of computed ones.
        clean : bool
            Make the polygons one valid coverage first (gaps and overlaps of neighbours closed).

        Returns
        -------
        Regions

        Raises
        ------
        SourceError
            The file is missing or is no GeoJSON.
        RegionError
            A polygon, name or country cannot be used.
        """
        features, title = read_features(Path(path))
        frame, geometry, names = parse_features(features, str(path))
        frame["layer"] = layer or frame["layer"].mask(frame["layer"] == "", title)
        order = np.argsort(frame["region_id"].to_numpy(str), kind="stable")
        frame, geometry = frame.iloc[order].reset_index(drop=True), geometry[order]
        _refuse_unusable(frame, geometry, str(path))
        _refuse_overlaps(frame, geometry, str(path))
        if clean:
            geometry = _cleaned(frame, geometry, str(path))
        measured = with_gaps_closed(geometry) if clean else None
        found = (
            links_of(frame, geometry, measured)
            if links is None
            else checked_links(links, frame, "the links table")
        )
        regions = cls(frame, geometry, found, names, measured)
        return regions if countries is None else regions.select(countries)

    def select(self, countries: Collection[str]) -> Regions:
        """The regions of some countries, links between them kept."""
        unknown = sorted(set(countries) - set(self.countries))
        if unknown:
            raise RegionError(
                f"there are no regions of '{unknown[0]}'.", remedy=nearest(unknown[0], set(self.countries))
            )
        keep = self.frame["country"].isin(set(countries)).to_numpy()
        frame = self.frame[keep].reset_index(drop=True)
        ids = set(frame["region_id"])
        links = self.links[self.links["region_a"].isin(ids) & self.links["region_b"].isin(ids)]
        names = {c: n for c, n in self.country_names.items() if c in set(countries)}
        return Regions(frame, self.geometry[keep], links.reset_index(drop=True), names)

    def with_links(self, links: pd.DataFrame) -> Regions:
        """The same regions with another table of neighbours."""
        return replace(self, links=checked_links(links, self.frame, "the links table"))

    def border_exposure(self, observed: Collection[str]) -> pd.DataFrame:
        """How much of each region's international border looks at countries with data.

        Parameters
        ----------
        observed : collection of str
            ISO3 codes of the countries with data.

        Returns
        -------
        pandas.DataFrame
            ``region_id, international_km, observed_km, blind_towards`` (names of the countries without data,
            longest border first, separated by ``;``), one row per region of an observed country; no lengths for
            countries that do not lie on the world's land.
        """
        closed = with_gaps_closed(self.geometry) if self.closed is None else self.closed
        return border_exposure(self.frame, closed, self.links, self.country_names, set(observed))

    def assign(
        self, longitude: np.ndarray, latitude: np.ndarray, country: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The region of each point, always inside the point's own country.

        Parameters
        ----------
        longitude, latitude : numpy.ndarray
            Degrees.
        country : numpy.ndarray of str
            ISO3 of each point.

        Returns
        -------
        position : numpy.ndarray of int64
            Row of ``frame``; -1 where the country has no polygon.
        snap_km : numpy.ndarray
            Geodesic distance to that polygon in km, 0 inside it, NaN where there is none.

        Examples
        --------
        >>> square = shapely.box(0, 0, 1, 1)
        >>> frame = pd.DataFrame({"region_id": ["AAA-a"], "name": ["A"], "country": ["AAA"]})
        >>> regions = Regions(frame, np.array([square]), pd.DataFrame(columns=["region_a", "region_b"]))
        >>> at, km = regions.assign(np.array([0.5, 1.1]), np.array([0.5, 0.5]), np.array(["AAA", "AAA"]))
        >>> at.tolist(), km.round().tolist()
        ([0, 0], [0.0, 11.0])
        """
        points = np.rint(np.column_stack([longitude, latitude]) * 1e7)
        codes = pd.factorize(np.asarray(country, dtype=object))[0]
        key = pd.DataFrame({"c": codes, "x": points[:, 0], "y": points[:, 1]})
        first = ~key.duplicated().to_numpy()
        group = key.groupby(["c", "x", "y"], sort=False).ngroup().to_numpy()
        at, km = self._assign(
            np.asarray(longitude)[first], np.asarray(latitude)[first], np.asarray(country)[first]
        )
        return at[group], km[group]

    def _assign(self, x: np.ndarray, y: np.ndarray, country: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        position = np.full(len(x), -1, dtype=np.int64)
        km = np.full(len(x), np.nan)
        points = shapely.points(x, y)
        own = np.asarray(self.countries, dtype=object)
        for code in sorted(set(country) & set(own)):
            rows, cols = np.flatnonzero(country == code), np.flatnonzero(own == code)
            polygons = self.geometry[cols]
            shapely.prepare(polygons)
            point_at, polygon_at = shapely.STRtree(points[rows]).query(polygons, predicate="intersects")[::-1]
            hit = np.full(len(rows), len(cols))
            np.minimum.at(hit, point_at, polygon_at)
            inside = hit < len(cols)
            position[rows[inside]] = cols[hit[inside]]
            km[rows[inside]] = 0.0
            out = rows[~inside]
            if len(out):
                close = shapely.STRtree(polygons).nearest(points[out])
                position[out] = cols[close]
                km[out] = nearest_km(points[out], polygons[close])
        return position, km

    def simplify(self, tolerance: float = 0.02, digits: int = 4) -> Regions:
        """Coarser polygons with topology kept; links keep the kilometres of the full ones.

        Parameters
        ----------
        tolerance : float
            Degrees (square root of the area that may be cut off a corner).
        digits : int
            Decimal places that coordinates are rounded to.

        Raises
        ------
        RegionError
            The coarser polygons have other neighbours than the full ones.
        """
        coarse = shapely.coverage_simplify(self.geometry, tolerance)
        coarse = shapely.transform(coarse, lambda c: np.round(c, digits))
        if not shapely.coverage_is_valid(coarse):
            coarse = np.array(shapely.coverage_clean(coarse), dtype=object)
        before = set(zip(self.links["region_a"], self.links["region_b"], strict=True))
        found = links_of(self.frame, coarse)
        after = set(zip(found["region_a"], found["region_b"], strict=True))
        if before != after:
            raise RegionError(
                f"simplifying changes {len(before ^ after)} pairs of neighbours, one {min(before ^ after)}.",
                remedy="Use a smaller tolerance.",
            )
        return replace(self, geometry=np.array(coarse, dtype=object), closed=None)

    def to_geojson(self, path: str | Path, digits: int = 4) -> None:
        """Write a GeoJSON file, one feature per line, in a fixed order."""
        write_geojson(path, self.frame, self.geometry, self.country_names, digits)


def checked_links(links: pd.DataFrame, frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """Links whose regions are known, each pair once and in order; a :class:`RegionError` otherwise.

    Checked by hand: this stands between the command line and the shipped figures, and pandera is slow to import.
    """
    links = pandas_of(links)
    missing = [c for c in ("region_a", "region_b", "border_km") if c not in links]
    if missing:
        raise RegionError(
            f"the column '{missing[0]}' is missing.", where=where, remedy="Give " + ", ".join(LINK_COLUMNS)
        )
    country = dict(zip(frame["region_id"], frame["country"], strict=True))
    pairs = np.sort(links[["region_a", "region_b"]].astype(str).to_numpy(dtype=object), axis=1)
    kilometres = pd.to_numeric(links["border_km"], errors="coerce").to_numpy(float)
    seen: set[tuple[str, str]] = set()
    for at, (a, b) in enumerate(pairs):
        spot = f"{where}, row {at + 2}"
        for name in (a, b):
            if name not in country:
                raise RegionError(
                    f"'{name}' is not a known region.", where=spot, remedy=nearest(name, country)
                )
        if a == b or (a, b) in seen:
            why = "is linked to itself" if a == b else f"and '{b}' are given twice"
            raise RegionError(f"'{a}' {why}.", where=spot, remedy="Give each pair of neighbours once.")
        seen.add((a, b))
        if not 0 < kilometres[at] < np.inf:
            raise RegionError(
                f"'{str(links['border_km'].iloc[at])[:40]}' is not a length in kilometres.",
                where=spot,
                remedy="Write plain digits, more than zero.",
            )
    out = pd.DataFrame({"region_a": pairs[:, 0], "region_b": pairs[:, 1], "border_km": kilometres})
    out["crosses_border"] = (out["region_a"].map(country) != out["region_b"].map(country)).astype(bool)
    return out.sort_values(["region_a", "region_b"], ignore_index=True)


def _cleaned(frame: pd.DataFrame, geometry: np.ndarray, path: str) -> np.ndarray:
    """Polygons with gaps and overlaps of neighbours closed, none of them lost."""
    out = np.array(shapely.coverage_clean(geometry), dtype=object)
    lost = np.flatnonzero(shapely.is_empty(out) | (shapely.area(out) == 0))
    if len(lost):
        ids = frame["region_id"].to_numpy(dtype=object)
        close = shapely.STRtree(geometry[np.arange(len(ids)) != lost[0]]).nearest(geometry[lost[0]])
        other = np.delete(ids, lost[0])[close]
        raise RegionError(
            f"{ids[lost[0]]} has no area left when the borders of neighbours are made to fit.",
            where=path,
            remedy=f"Look at where it meets {other}: give polygons of one boundary vintage.",
        )
    return out


def _refuse_overlaps(frame: pd.DataFrame, geometry: np.ndarray, path: str) -> None:
    """Slivers between neighbours are normal and cleaned; regions that share much area are not."""
    tree = shapely.STRtree(geometry)
    a, b = tree.query(geometry, predicate="intersects")
    a, b = a[a < b], b[a < b]
    smaller = np.minimum(shapely.area(geometry[a]), shapely.area(geometry[b]))
    shared = shapely.area(shapely.intersection(geometry[a], geometry[b]))
    bad = np.flatnonzero(shared > 0.05 * smaller)
    if len(bad):
        part = shared[bad[0]] / smaller[bad[0]]
        one, two = sorted((frame["region_id"].iloc[a[bad[0]]], frame["region_id"].iloc[b[bad[0]]]))
        raise RegionError(
            f"the regions {one} and {two} overlap by {part:.0%} of the smaller one.",
            where=path,
            remedy="Give polygons of one boundary vintage.",
        )


def _refuse_unusable(frame: pd.DataFrame, geometry: np.ndarray, path: str) -> None:
    empty = np.flatnonzero(shapely.is_empty(geometry) | (shapely.area(geometry) == 0))
    if len(empty):
        raise RegionError(
            f"the polygon of {frame['region_id'].iloc[empty[0]]} has no area.",
            where=path,
            remedy="Mend it, or export the polygons again.",
        )
