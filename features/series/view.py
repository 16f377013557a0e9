"""What a feature is allowed to look at: monthly series of some regions, with what was observed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import RLock
from typing import Any, Protocol, TypeVar

import numpy as np

from ...data.errors import SchemaError, nearest
from ...data.panel import Panel

Array = np.ndarray[Any, Any]
T = TypeVar("T")


class Readable(Protocol):
    """What a view asks of a term: its values, and where they rest on unobserved months."""

    def compute(self, view: View, out: Array) -> None:
        """Write the values, float32 (months, regions of the view)."""

    def marks(self, view: View) -> Array:
        """Where the values rest on unobserved months, bool (months, regions of the view)."""


@dataclass(frozen=True)
class Series:
    """One quantity by month and region.

    Attributes
    ----------
    values : numpy.ndarray
        float, shape (months, regions); 0 where not observed, to be read with ``observed`` only.
    observed : numpy.ndarray or None
        bool, same shape; None says that every month of every region was observed.
    complete : numpy.ndarray, callable or None
        bool, same shape: False where a part of what the value sums over was not observed; or what makes it, because
        only marks ask for it; None says the same as ``observed``.
    """

    values: Array
    observed: Array | None = None
    complete: Array | Callable[[], Array] | None = None

    @cached_property
    def counts(self) -> bool:
        """Whether all values are whole numbers whose sums float32 holds exactly."""
        if self.values.dtype != np.float32 or not self.values.size:
            return False
        largest = max(-float(self.values.min()), float(self.values.max()))
        if largest * len(self.values) >= 2**24:
            return False
        return all(bool((np.rint(row) == row).all()) for row in self.values)

    def mask(self) -> Array:
        """``observed`` as an array."""
        return np.ones(self.values.shape, dtype=bool) if self.observed is None else self.observed

    def whole(self) -> Array:
        """``complete`` as an array."""
        if self.complete is None:
            return self.mask()
        return self.complete() if callable(self.complete) else self.complete


@dataclass(frozen=True)
class View:
    """A panel seen by a feature: some regions (``columns``), all months.

    A view of neighbours or of a country has the same face: :meth:`series` then returns what surrounds each
    region in place of the region's own figures, so that every term written for one works for the other.

    Attributes
    ----------
    panel : Panel
        All regions, because neighbours may lie outside ``columns``.
    columns : slice
        The regions that are asked for.
    around : callable or None
        Turns the name of a measure into the series that surrounds each region.
    static : mapping of str to numpy.ndarray
        Columns of the static table, one value per region of the panel.
    store, shared : dict
        What was computed once and may serve another feature: for this view, and for every view of the panel.
    """

    panel: Panel
    columns: slice
    around: Callable[[View, str], Series] | None = None
    key: tuple[Any, ...] = ()
    static: dict[str, Array] = field(default_factory=dict)
    store: dict[Any, Any] = field(default_factory=dict)
    shared: dict[Any, Any] = field(default_factory=dict)
    lock: Any = field(default_factory=RLock, repr=False, compare=False)

    @property
    def shape(self) -> tuple[int, int]:
        """(months, regions of this view)."""
        start, stop, _ = self.columns.indices(len(self.panel.region_ids))
        return len(self.panel.months), stop - start

    def own(self, measure: str) -> Series:
        """The regions' own series of a measure."""
        whole = self.everywhere(measure)
        if self.shape[1] == len(self.panel.region_ids):
            return whole
        return self.once(("own", resolve(self.panel, measure)), lambda: cut(whole, self.columns))

    def everywhere(self, measure: str) -> Series:
        """The series of a measure for all regions of the panel."""
        name = resolve(self.panel, measure)
        return self.once(
            ("panel", name),
            lambda: from_array(self.panel.measure(name), self.all_observed()),
            shared=True,
        )

    def series(self, of: str | Readable) -> Series:
        """The series a term asks for: a measure by name, or the values of another term."""
        if isinstance(of, str):
            if self.around is None:
                return self.own(of)
            around = self.around
            return self.once((self.key, of), lambda: around(self, of))
        values = np.empty(self.shape, dtype=np.float32)
        of.compute(self, values)
        return from_array(values, None, complete=lambda: ~of.marks(self))

    def all_observed(self) -> Array | None:
        """The panel's mask, or None where there is no gap."""
        return self.once(
            "observed", lambda: None if self.panel.observed.all() else self.panel.observed, shared=True
        )

    def through(self, key: tuple[Any, ...], around: Callable[[View, str], Series]) -> View:
        """The same regions, seen through what surrounds them."""
        return replace(self, around=around, key=key)

    def once(self, key: Any, make: Callable[[], T], shared: bool = False) -> T:
        """A value made on first use and kept for this view, or for every view of the panel."""
        kept = self.shared if shared else self.store
        with self.lock:
            if key not in kept:
                kept[key] = make()
            made: T = kept[key]
            return made


def cut(series: Series, columns: slice) -> Series:
    """The same series for some of its regions, without a copy."""
    return Series(
        series.values[:, columns],
        None if series.observed is None else series.observed[:, columns],
        None if series.complete is None else series.whole()[:, columns],
    )


def from_array(
    values: Array, observed: Array | None, complete: Array | Callable[[], Array] | None = None
) -> Series:
    """A series from an array whose gaps are NaN; a value that is NaN counts as not observed."""
    seen = np.isfinite(values)
    if observed is not None:
        seen &= observed
    if seen.all():
        return Series(values, None, complete)
    return Series(np.where(seen, values, np.zeros((), dtype=values.dtype)), seen, complete)


def resolve(panel: Panel, measure: str) -> str:
    """The panel's name of a measure: itself, or ``events_<name>`` for a type of violence or an armed group.

    Raises
    ------
    SchemaError
        If the panel has neither; the message names the nearest one.
    """
    for name in (measure, f"events_{measure}"):
        if name in panel.measures:
            return name
    raise SchemaError(f"no measure '{measure}' in this panel.", remedy=nearest(measure, panel.measures))
