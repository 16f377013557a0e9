"""What surrounds a region: its neighbours at home and across the border, its country, all regions.

Each of these terms holds another term and computes it on the series of the surroundings in place of the
region's own: ``Neighbours(of=Ewm(3), across_border=True)`` is the exponential mean of what happened across
the border.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from ...data.errors import ConfigError
from ..series import Array, Series, View, border_km, others, product, side, surroundings
from .history import Sum
from .term import COUNTRY, SAHEL, STATIC, SideOfBorder, Term, number, positive, rests_on_gaps, whole


@dataclass(frozen=True)
class _Around(Term):
    """Another term, computed on surroundings."""

    of: Term = field(default_factory=lambda: Sum(3))

    def __post_init__(self) -> None:
        if not isinstance(self.of, Term):
            raise ConfigError(
                f"{type(self).__name__} is made of {self.of!r}.", remedy="Give a term, such as of=Lag(0)."
            )

    @property
    def latest(self) -> int | None:
        """Last month read."""
        return self.of.latest

    @property
    def earliest(self) -> int | None:
        """First month read."""
        return self.of.earliest

    @abstractmethod
    def around(self, view: View) -> View:
        """The view in which the inner term is computed."""

    def compute(self, view: View, out: Array) -> None:
        """Write the values."""
        self.of.compute(self.around(view), out)

    def marks(self, view: View) -> Array:
        """Where the values rest on unobserved months."""
        return self.of.marks(self.around(view))


@dataclass(frozen=True)
class Neighbours(SideOfBorder, _Around):
    """A term on the weighted sum of neighbours; a weight is a share of the region's whole border.

    ``order=2`` takes the neighbours' neighbours; ``across_border`` True takes those in another country,
    False those in the same one, None both. A region without such neighbours has no value.
    """

    NAME: ClassVar[str] = "{side}{order}_{of}"

    order: int = 1
    across_border: bool | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.order not in (1, 2):
            raise ConfigError(f"the order of neighbours is {self.order!r}.", remedy="Give 1 or 2.")
        if self.across_border not in (True, False, None):
            raise ConfigError(f"across_border is {self.across_border!r}.", remedy="Give True, False or None.")

    def around(self, view: View) -> View:
        """The view of neighbours."""
        return view.through(
            ("neighbours", self.order, self.across_border),
            lambda v, measure: surroundings(v, measure, self.order, self.across_border),
        )


@dataclass(frozen=True)
class Country(_Around):
    """A term on the total of the other regions of the same country."""

    group: ClassVar[str] = COUNTRY
    NAME: ClassVar[str] = "country_{of}"

    def around(self, view: View) -> View:
        """The view of the country."""
        return view.through(("country",), lambda v, measure: others(v, measure, same_country=True))


@dataclass(frozen=True)
class Everywhere(_Around):
    """A term on the total of all other regions of the panel."""

    group: ClassVar[str] = SAHEL
    NAME: ClassVar[str] = "everywhere_{of}"

    def around(self, view: View) -> View:
        """The view of all regions."""
        return view.through(("everywhere",), lambda v, measure: others(v, measure, same_country=False))


@dataclass(frozen=True)
class ActiveBorder(SideOfBorder, Term):
    """Length of the border with regions that had an event in the last ``window`` months, km.

    Border with regions that were not observed is set to the mean of the others; missing where none was
    observed.
    """

    UNIT: ClassVar[str] = "km"

    window: int = whole(3, "the window")
    across_border: bool | None = True
    of: str = "events"
    at_least: float = number(1.0, "the threshold", positive)

    @property
    def name(self) -> str:
        """Name in a cube."""
        return f"{self.side}_border_active{self.window}" + ("" if self.of == "events" else f"_{self.of}")

    def compute(self, view: View, out: Array) -> None:
        """Write the values."""
        series = self._km_of_active(view)
        out[:] = series.values
        if series.observed is not None:
            np.copyto(out, np.float32(np.nan), where=~series.observed)

    def marks(self, view: View) -> Array:
        """Where the values rest on unobserved months."""
        series = view.everywhere(self.of)
        partial = rests_on_gaps(series.whole(), 0, self.window - 1).astype(np.float32)
        return product(self._rows(view), partial) > 0

    def _rows(self, view: View) -> Array:
        return view.once(
            ("km", self.across_border),
            lambda: side(border_km(view.panel), view.panel, self.across_border)[view.columns].astype(
                np.float32
            ),
        )

    def _km_of_active(self, view: View) -> Series:
        active, seen = recently_active(view, self.of, self.window, self.at_least)
        rows = self._rows(view)
        total = rows @ np.ones(rows.shape[1], dtype=np.float32)
        known, km = product(rows, seen), product(rows, active)
        some = known > 0
        scale = np.divide(total, known, out=np.ones_like(known), where=some)
        return Series(np.where(some, km * scale, np.float32(0)), some)


def recently_active(view: View, of: str, window: int, at_least: float) -> tuple[Array, Array]:
    """Two masks (months, all regions): ``at_least`` in a month of the window; any observed month in it."""

    def make() -> tuple[Array, Array]:
        series = view.everywhere(of)
        return _any_of_last(series.values >= at_least, window), _any_of_last(series.mask(), window)

    return view.once(("active", of, window, at_least), make, shared=True)


def _any_of_last(hit: Array, window: int) -> Array:
    count = np.cumsum(hit, axis=0, dtype=np.int32)
    count[window:] -= count[:-window].copy()
    return count > 0


@dataclass(frozen=True)
class Border(Term):
    """Length of a region's border with the other regions of the panel, km; it does not change."""

    group: ClassVar[str] = STATIC
    UNIT: ClassVar[str] = "km"

    across_border: bool | None = True

    @property
    def name(self) -> str:
        """Name in a cube."""
        return {True: "border_abroad", False: "border_home", None: "border"}[self.across_border]

    @property
    def needs_links(self) -> bool:
        """Links are needed."""
        return True

    def months_read(self) -> None:
        """No month is read."""

    def compute(self, view: View, out: Array) -> None:
        """Write the values."""
        km = side(border_km(view.panel), view.panel, self.across_border)
        out[:] = np.asarray(km.sum(axis=1)).ravel()[view.columns]
