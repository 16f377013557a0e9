"""Where inside its region an event lies: counts by PRIO-GRID cell, and how far each cell is from each region."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..errors import SchemaError
from ..frames import read_only
from ..geography import LAST_CELL, centre_of, gid_of, nearest_km

Array = np.ndarray[Any, Any]
#: A degree of latitude where it is shortest; cells whose surroundings are looked at together.
_KM_A_DEGREE, _CHUNK = 110.5, 500
#: Column of a panel's table in which the cells of a row's events stand.
CELLS = "cells"


@dataclass(frozen=True)
class Outlines:
    """Polygons of regions, and their distances to cells, computed once.

    Attributes
    ----------
    geometry : numpy.ndarray
        Polygons in degrees, (regions,).
    """

    geometry: Array = field(repr=False)
    _kept: dict[bytes, Array] = field(default_factory=dict, repr=False, compare=False)

    def km(self, cells: Array) -> Array:
        """Geodesic km from the middle of each cell to the nearest edge of each region, 0 inside.

        Parameters
        ----------
        cells : numpy.ndarray of int64
            PRIO-GRID ids.

        Returns
        -------
        numpy.ndarray
            float64, (regions, cells).

        Examples
        --------
        >>> import shapely
        >>> square = Outlines(np.array([shapely.box(0, 0, 1, 1)]))
        >>> square.km(np.array([130681, 130685])).round().tolist()
        [[0.0, 139.0]]
        """
        key = np.ascontiguousarray(cells, dtype=np.int64).tobytes()
        if key not in self._kept:
            self._kept[key] = _kilometres(self.geometry, np.asarray(cells))
        return self._kept[key]

    def within(self, cells: Array, reach: float) -> tuple[Array, Array, Array]:
        """The pairs no farther apart than ``reach`` km, of :meth:`km`, without the others being looked at.

        Returns
        -------
        tuple of numpy.ndarray
            Positions of regions and of cells, int64 (pairs,), and km, float64.

        Examples
        --------
        >>> import shapely
        >>> squares = Outlines(np.array([shapely.box(0, 0, 1, 1), shapely.box(3, 0, 4, 1)]))
        >>> region, cell, km = squares.within(np.array([130681, 130685]), 100)
        >>> region.tolist(), cell.tolist(), km.round().tolist()
        ([0, 1], [0, 1], [0.0, 83.0])
        """
        import shapely

        shapely.prepare(self.geometry)
        tree = shapely.STRtree(self.geometry)
        x, y = centre_of(np.asarray(cells))
        angle = np.radians(1.01 * reach / _KM_A_DEGREE)
        around = np.sin(min(angle, np.pi / 2)) / np.maximum(np.cos(np.radians(y)), 1e-9)
        wide = np.where(around < 1, np.degrees(np.arcsin(np.minimum(around, 1))), 360)
        boxes = shapely.box(x - wide, y - np.degrees(angle), x + wide, y + np.degrees(angle))
        points, parts = shapely.points(x, y), []
        for start in range(0, len(boxes), _CHUNK):
            cell, region = tree.query(boxes[start : start + _CHUNK])
            cell = cell + start
            km = nearest_km(points[cell], self.geometry[region])
            near = km <= reach
            parts.append((region[near], cell[near], km[near]))
        region, cell, km = (np.concatenate([p[i] for p in parts]) for i in range(3))
        return region, cell, km

    def home(self) -> Array:
        """The cell of a point inside each region, int64 (regions,)."""
        import shapely

        points = shapely.point_on_surface(self.geometry)
        return gid_of(shapely.get_x(points), shapely.get_y(points))


def _kilometres(geometry: Array, cells: Array) -> Array:
    import shapely

    shapely.prepare(geometry)
    points = shapely.points(*centre_of(cells))
    return nearest_km(points[None, :], geometry[:, None])


@dataclass(frozen=True)
class CellCounts:
    """Counts of a panel by month, region and cell; a cell in two regions has a row for each.

    Attributes
    ----------
    month, region : numpy.ndarray of int64
        Row and column of the panel, (rows,), in order.
    cell : numpy.ndarray of int64
        PRIO-GRID id, (rows,).
    measures : mapping of str to numpy.ndarray
        float32, (rows,): ``events`` and its parts by type of violence and armed group; their sums over the cells of a
        region are the panel's.
    home : numpy.ndarray of int64
        Cell of each region in which that stands whose cell is not known, (regions,).
    outlines : Outlines or None
        Polygons of the regions; None where they have none.
    """

    month: Array
    region: Array
    cell: Array
    measures: Mapping[str, Array]
    home: Array
    outlines: Outlines | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Hand out arrays that cannot be written to."""
        for name in ("month", "region", "cell", "home"):
            object.__setattr__(self, name, read_only(getattr(self, name)))
        object.__setattr__(self, "measures", {n: read_only(v) for n, v in self.measures.items()})

    def until(self, months: int) -> CellCounts:
        """The counts of the first ``months`` months."""
        return self._rows(slice(0, int(np.searchsorted(self.month, months))))

    def select(self, regions: Array) -> CellCounts:
        """The counts of some regions, given by position."""
        moved = np.full(len(self.home), -1, dtype=np.int64)
        moved[regions] = np.arange(len(regions))
        kept = self._rows(moved[self.region] >= 0)
        outlines = None if self.outlines is None else Outlines(self.outlines.geometry[regions])
        return replace(kept, region=moved[kept.region], home=self.home[regions], outlines=outlines)

    def to_notes(self) -> dict[str, list[Any]]:
        """Plain numbers by name, for the metadata of a file; polygons are not among them."""
        whole = {n: getattr(self, n).tolist() for n in ("month", "region", "cell", "home")}
        return {**whole, **{n: v.tolist() for n, v in self.measures.items()}}

    @classmethod
    def from_notes(cls, notes: Mapping[str, list[Any]]) -> CellCounts:
        """The inverse of :meth:`to_notes`."""
        keys = ("month", "region", "cell", "home")
        month, region, cell, home = (np.asarray(notes[n], dtype=np.int64) for n in keys)
        measures = {n: np.asarray(v, dtype=np.float32) for n, v in notes.items() if n not in keys}
        return cls(month, region, cell, measures, home)

    def to_texts(self, shape: tuple[int, int]) -> list[str]:
        """One text for each month and region, in the order of a panel's table: JSON, or nothing where no event lies.

        Examples
        --------
        >>> one = np.zeros(1, dtype=np.int64)
        >>> cells = CellCounts(one, one, one + 130681, {"events": np.ones(1, dtype=np.float32)}, one)
        >>> cells.to_texts((1, 2))
        ['{"130681":{"events":1}}', '']
        """
        found: dict[int, dict[str, dict[str, float]]] = {}
        for i, at in enumerate((self.month * shape[1] + self.region).tolist()):
            counts = {n: float(v[i]) for n, v in self.measures.items() if v[i]}
            whole = {n: int(v) if v.is_integer() else v for n, v in counts.items()}
            found.setdefault(at, {})[str(self.cell[i])] = whole
        texts = {at: json.dumps(each, separators=(",", ":")) for at, each in found.items()}
        return [texts.get(at, "") for at in range(shape[0] * shape[1])]

    @classmethod
    def from_texts(cls, texts: Any, months: Any, regions: Any, panel: Any, home: Array) -> CellCounts:
        """The inverse of :meth:`to_texts`, whose rows may stand in any order.

        Parameters
        ----------
        texts, months, regions : columns of a table
            What :meth:`to_texts` gave, and the month and region id of each row.
        panel : Panel
            Whose months and regions these are.
        home : numpy.ndarray of int64
            See the attribute.

        Raises
        ------
        SchemaError
            A text that is none of these.
        """
        known = {r: i for i, r in enumerate(panel.region_ids)}
        rows = []
        for line, (text, month, region) in enumerate(zip(texts, months, regions, strict=True)):
            if not isinstance(text, str) or not text:
                continue
            row, column = panel.position(month), known[str(region)]
            try:
                rows += [
                    (row, column, int(cell), {str(n): float(v) for n, v in counts.items()})
                    for cell, counts in json.loads(text).items()
                ]
            except (ValueError, AttributeError, TypeError):
                remedy = 'Write {"131402": {"events": 2}}, or nothing.'
                raise SchemaError(
                    f"'{text[:40]}' names no cells.", f"cells, row {line + 2}", remedy
                ) from None
        rows.sort(key=lambda each: each[:3])
        names = list(dict.fromkeys(n for *_, counts in rows for n in counts))
        place = np.array([each[:3] for each in rows], dtype=np.int64).reshape(-1, 3)
        measures = {n: np.array([c.get(n, 0.0) for *_, c in rows], dtype=np.float32) for n in names}
        month, region, cell = place.T
        return cls(month, region, cell, measures, home)

    def _rows(self, keep: Any) -> CellCounts:
        return replace(
            self,
            month=self.month[keep],
            region=self.region[keep],
            cell=self.cell[keep],
            measures={n: v[keep] for n, v in self.measures.items()},
        )


def count_cells(
    month: Array,
    region: Array,
    points: Sequence[Array],
    events: Array,
    parts: Mapping[str, Array],
    geometry: Array,
) -> CellCounts | None:
    """Events by month, region and cell; None where no place is known better than its region.

    Parameters
    ----------
    month, region : numpy.ndarray of int64
        Row and column of the panel, (events,).
    points : longitude and latitude
        Degrees, NaN where only the region is known, (events,) each.
    events : numpy.ndarray
        How many each row stands for, (events,).
    parts : mapping of str to numpy.ndarray
        Name of a type or group to which rows are its, bool (events,).
    geometry : numpy.ndarray
        Polygons of the regions; None in it where a region has none.
    """
    x, y = points
    known = np.isfinite(x) & np.isfinite(y)
    if not known.any():
        return None
    gid = np.zeros(len(x), dtype=np.int64)
    gid[known] = gid_of(np.where(x[known] >= 180, -180.0, x[known]), np.minimum(y[known], 89.9))
    drawn = not any(shape is None for shape in geometry)
    outlines = Outlines(geometry) if drawn else None
    home = _usual(region, gid, len(geometry)) if outlines is None else outlines.home()
    gid[~known] = home[region[~known]]
    key = (month * len(geometry) + region) * (LAST_CELL + 1) + gid
    rows, at = np.unique(key, return_inverse=True)
    place, cell = np.divmod(rows, LAST_CELL + 1)
    each = {"events": np.ones(len(x), dtype=bool), **{f"events_{name}": keep for name, keep in parts.items()}}
    measures = {
        name: np.bincount(at[keep], weights=events[keep], minlength=len(rows)).astype(np.float32)
        for name, keep in each.items()
    }
    return CellCounts(*np.divmod(place, len(geometry)), cell, measures, home, outlines)


def _usual(region: Array, cell: Array, regions: int) -> Array:
    """The cell that stands most often in each region; 1, at the South Pole, where there is none."""
    home = np.ones(regions, dtype=np.int64)
    pairs, often = np.unique(np.stack([region, cell])[:, cell > 0], axis=1, return_counts=True)
    order = np.argsort(often, kind="stable")
    home[pairs[0][order]] = pairs[1][order]
    return home
