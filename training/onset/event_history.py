"""What models of onset and entry look at: events by region and group, the cells they lie in, and how far those are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ...data.geography import Regions
from ...data.panel import Outlines, Panel, located
from ...data.sources import GroupTable
from ...features.series import border_km
from ...features.terms import decayed, kernel_weights

Array = np.ndarray[Any, Any]

#: Any of the watched groups.
ANY = "any"
#: Events that are no armed group's own.
NO_GROUP = frozenset({"state_only", "other"})
#: Polygons closer than this (degrees) touch.
_TOUCH = 0.02


@dataclass(frozen=True)
class EventHistory:
    """Months, regions and cells; the last regions may be places without a record of their own.

    Attributes
    ----------
    months : pandas.PeriodIndex
    region_ids, countries : tuple of str
        (regions,).
    recorded : numpy.ndarray
        bool, (regions,): whether the region's own events are known.
    observed : numpy.ndarray
        bool, (months, regions).
    events : mapping of str to numpy.ndarray
        By watched group, ``any`` watched group and ``all`` events: float, (months, regions).
    cells : mapping of str to numpy.ndarray
        By watched group, ``any`` and ``armed``: float, (months, cells); empty where places are not known.
    places : tuple of (str, str)
        Region and country of every region whose events are known, and of those around.
    sightings : numpy.ndarray
        int64, (3, rows): the month, cell and place of what was counted in cells, by row and position.
    closest : numpy.ndarray
        Position of the place nearest to each cell, (cells,).
    km : numpy.ndarray or None
        From each region's edge to the middle of each cell, (regions, cells).
    adjoining : numpy.ndarray
        bool, (regions, regions).
    """

    months: pd.PeriodIndex
    region_ids: tuple[str, ...]
    countries: tuple[str, ...]
    recorded: Array
    observed: Array
    events: Mapping[str, Array]
    cells: Mapping[str, Array]
    places: tuple[tuple[str, str], ...]
    sightings: Array
    closest: Array
    km: Array | None
    adjoining: Array
    _kept: dict[Any, Array] = field(default_factory=dict, repr=False, compare=False)

    @property
    def groups(self) -> tuple[str, ...]:
        """The watched groups."""
        return tuple(g for g in self.events if g not in (ANY, "all"))

    @cached_property
    def country_codes(self) -> Array:
        """ISO3 of each region, (regions,)."""
        return np.array(self.countries, dtype=object)

    def window(self, of: str, months: int) -> Array:
        """Events of the last ``months`` months by region, (months, regions)."""
        key = ("window", of, months)
        if key not in self._kept:
            self._kept[key] = sums(self.events[of], months)
        return self._kept[key]

    def kernel(self, of: str, km: float, half_life: float) -> Array:
        """Events around, weighted by distance and age, (months, regions); zero where places are not known."""
        key = ("kernel", of, km, half_life)
        if key not in self._kept:
            if self.km is None or of not in self.cells:
                self._kept[key] = np.zeros_like(self.events["all"])
            else:
                weights = kernel_weights(self.km, km)
                state = decayed(self.cells[of], half_life)
                self._kept[key] = np.stack([weights @ row for row in state])
        return self._kept[key]

    def active(self, of: str, km: float, months: int) -> Array:
        """Whether the group was active within ``km`` in the last ``months`` months, bool (months, regions)."""
        key = ("active", of, km, months)
        if key not in self._kept:
            if self.km is None:
                self._kept[key] = np.zeros(self.observed.shape, dtype=bool)
            else:
                recent = (sums(self.cells[of], months) > 0).astype(np.float32)
                self._kept[key] = recent @ (self.km <= km).astype(np.float32).T > 0
        return self._kept[key]

    def seen_inside(self, of: str) -> Array:
        """Whether any cell inside the region has had such an event so far, bool (months, regions)."""
        key = ("inside", of)
        if key not in self._kept:
            if self.km is None:
                self._kept[key] = np.zeros(self.observed.shape, dtype=bool)
            else:
                ever = (np.cumsum(self.cells[of], axis=0) > 0).astype(np.float32)
                self._kept[key] = ever @ (self.km == 0).astype(np.float32).T > 0
        return self._kept[key]

    def whereabouts(self, row: int) -> tuple[Array, Array]:
        """Region and country that each cell was mostly seen in until ``row``, else those nearest; str (cells,) each."""
        key = ("where", row)
        if key not in self._kept:
            at = self.closest.copy()
            month, cell, place = self.sightings
            pairs, often = np.unique(np.stack([cell, place])[:, month <= row], axis=1, return_counts=True)
            order = np.lexsort((-pairs[1], often))
            at[pairs[0][order]] = pairs[1][order]
            self._kept[key] = np.array(self.places, dtype=str).reshape(-1, 2)[at].T
        region, country = self._kept[key]
        return region, country

    def quiet(self, of: str, months: int) -> Array:
        """Whether the region was seen through the last ``months`` months without such an event, bool."""
        key = ("quiet", of, months)
        if key not in self._kept:
            seen = sums((~self.observed).astype(float), months) == 0
            seen[: months - 1] = False
            self._kept[key] = seen & (self.window(of, months) == 0)
        return self._kept[key]

    def row(self, month: pd.Period) -> int:
        """Row of a month."""
        return int(month.ordinal - self.months[0].ordinal)


def sums(values: Array, months: int) -> Array:
    """Sums over the last ``months`` rows; fewer at the start.

    >>> sums(np.array([[1.0], [2.0], [3.0]]), 2).ravel().tolist()
    [1.0, 3.0, 5.0]
    """
    total = np.cumsum(values, axis=0, dtype=np.float64)
    total[months:] -= total[:-months].copy()
    return total


def watched_groups(panel: Panel) -> dict[str, tuple[str, ...]]:
    """The groups whose entries are forecast, and the measures that count for each; empty where none is distinguished.

    A panel may name its own: ``attrs["watched"]``, label to parts; else they are those of the shipped theatre.
    """
    given, shipped = panel.attrs.get("watched"), GroupTable.shipped()
    table: Mapping[str, Sequence[str]] = shipped.watched(shipped.groups)
    if isinstance(given, Mapping):
        table = given
    found = {
        str(label): tuple(f"events_{p}" for p in parts if f"events_{p}" in panel.measures)
        for label, parts in table.items()
    }
    return {label: parts for label, parts in found.items() if parts}


def armed_measures(panel: Panel) -> tuple[str, ...]:
    """The measures of all armed groups, each once; some press that are too seldom seen to be watched."""
    named = (p for parts in watched_groups(panel).values() for p in parts)
    every = [g for g in panel.attrs.get("groups") or GroupTable.shipped().groups if g not in NO_GROUP]
    also = (f"events_{g}" for g in every if f"events_{g}" in panel.measures)
    return tuple(dict.fromkeys((*named, *also)))


def history_of(panel: Panel, training: Sequence[Panel] = (), around: Regions | None = None) -> EventHistory:
    """The history of a panel.

    Parameters
    ----------
    panel : Panel
        Regions to watch; with cells and polygons, or only onsets can be forecast.
    training : sequence of Panel
        Other regions whose events press on these.
    around : Regions, optional
        Places without a record of their own, watched for entries only.
    """
    groups = watched_groups(panel)
    extra = 0 if around is None or panel.cells is None or panel.cells.outlines is None else len(around)
    shape = (panel.shape[0], panel.shape[1] + extra)
    events = {"all": _summed(panel, ("events",), shape)}
    events |= {g: _summed(panel, parts, shape) for g, parts in groups.items()}
    union = tuple(dict.fromkeys(p for parts in groups.values() for p in parts))
    if groups:
        events[ANY] = _summed(panel, union, shape)
    armed = armed_measures(panel)
    asked = {**groups, ANY: union, "armed": armed} if groups else {"armed": ("events",)}
    cells, sightings, km = _pressing(panel, training, asked, around if extra else None)
    none = np.zeros(0, dtype=np.int64)
    observed = np.zeros(shape, dtype=bool)
    observed[:, : panel.shape[1]] = panel.observed
    recorded = np.arange(shape[1]) < panel.shape[1]
    others = around.frame if around is not None and extra else None
    return EventHistory(
        months=panel.months,
        region_ids=(*panel.region_ids, *(others["region_id"] if others is not None else ())),
        countries=(*panel.countries, *(others["country"] if others is not None else ())),
        recorded=recorded,
        observed=observed,
        events=events,
        cells=cells,
        places=tuple(p for s in (panel, *training) for p in zip(s.region_ids, s.countries, strict=True)),
        sightings=sightings,
        closest=none if km is None else km[: panel.shape[1]].argmin(axis=0),
        km=km,
        adjoining=_adjoining(panel, around if extra else None, shape[1]),
    )


def _summed(panel: Panel, measures: Sequence[str], shape: tuple[int, int]) -> Array:
    out = np.zeros(shape)
    for name in measures:
        out[:, : panel.shape[1]] += panel.measure(name, fill=0)
    return out


def _pressing(
    panel: Panel,
    training: Sequence[Panel],
    asked: Mapping[str, Sequence[str]],
    around: Regions | None,
) -> tuple[dict[str, Array], Array, Array | None]:
    """Counts by month and cell of each group, when and where cells were seen, and distances."""
    if panel.cells is None or panel.cells.outlines is None:
        return {}, np.zeros((3, 0), dtype=np.int64), None
    sources = [p for p in (panel, *training) if p.cells is not None]
    parts = {
        (i, name): located(p, name)
        for i, p in enumerate(sources)
        for name in {m for names in asked.values() for m in names}
        if name in p.measures
    }
    every = np.unique(np.concatenate([gid for gid, _ in parts.values()]))
    cells = {group: np.zeros((panel.shape[0], len(every))) for group in asked}
    for group, names in asked.items():
        for (i, name), (gid, counts) in parts.items():
            if name in names:
                start = int(sources[i].months[0].ordinal - panel.months[0].ordinal)
                rows = np.arange(len(counts)) + start
                inside = (rows >= 0) & (rows < panel.shape[0])
                cells[group][rows[inside][:, None], np.searchsorted(every, gid)] += counts[inside]
    geometry = panel.cells.outlines.geometry
    if around is None:
        km = panel.cells.outlines.km(every)
    else:
        km = Outlines(np.concatenate([geometry, around.geometry])).km(every)
    return cells, _sightings((panel, *training), every, panel.months[0]), km


def _sightings(sources: Sequence[Panel], every: Array, first: pd.Period) -> Array:
    """Month, cell and place of every row of counts in cells, by position, (3, rows)."""
    parts, before = [], 0
    for source in sources:
        known = source.cells
        if known is not None:
            cell = np.minimum(np.searchsorted(every, known.cell), len(every) - 1)
            rows = np.stack(
                [known.month + source.months[0].ordinal - first.ordinal, cell, known.region + before]
            )
            parts.append(rows[:, every[cell] == known.cell])
        before += source.shape[1]
    return np.concatenate(parts, axis=1).astype(np.int64)


def _adjoining(panel: Panel, around: Regions | None, n: int) -> Array:
    """Who lies next to whom, by the panel's links and, for places around, by their polygons."""
    import shapely

    out = np.zeros((n, n), dtype=bool)
    own = panel.shape[1]
    if panel.links is not None:
        out[:own, :own] = border_km(panel).toarray() > 0
    if around is not None and panel.cells is not None and panel.cells.outlines is not None:
        tree = shapely.STRtree(panel.cells.outlines.geometry)
        there, here = tree.query(around.geometry, "dwithin", _TOUCH)
        out[own + there, here] = out[here, own + there] = True
    return out
