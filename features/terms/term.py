"""What every feature is made of: a frozen description that can compute, name and write down itself.

A term states which months it reads, counted back from the month of its row: ``latest`` is the last of them
(0 is the row's own month, 1 the month before, None no month at all, as for the calendar or a static table)
and ``earliest`` the first (None where the memory has no end). The audit measures both and compares.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any, ClassVar

import numpy as np

from ...data.errors import ConfigError, UsageError
from ...data.violence_types import ACLED_TYPES, UCDP_TYPES
from ..series import Array, View, resolve

OWN = "own history"
RECENCY = "recency"
ONSETS = "onsets"
COMPOSITION = "composition"
SAME_COUNTRY = "domestic neighbours"
ACROSS = "across the border"
NEIGHBOURS = "neighbours"
COUNTRY = "country"
SAHEL = "all regions"
CALENDAR = "calendar"
STATIC = "static"
USER = "user"


@dataclass(frozen=True)
class Term(ABC):
    """A part of a recipe; subclasses are frozen dataclasses whose fields are all there is to know.

    ``NAME`` and ``UNIT`` are filled with the fields; ``{of}`` and ``{of_unit}`` are the name and the unit of what is
    read, ``{least}`` is a threshold where one is set, ``{side}`` says which neighbours.
    """

    group: ClassVar[str] = OWN
    NAME: ClassVar[str] = ""
    UNIT: ClassVar[str] = "{of_unit}"

    def __post_init__(self) -> None:
        for one in fields(self):
            if "check" in one.metadata:
                one.metadata["check"](getattr(self, one.name))

    @property
    def needs_links(self) -> bool:
        """Whether it asks who lies next to whom."""
        return False

    @property
    def family(self) -> str:
        """Family in the table of a recipe."""
        of = getattr(self, "of", None)
        if self.group != OWN or not isinstance(of, str):
            return self.group if self.group != OWN or of is None else of.family
        if of == "late_events":
            return RECENCY
        return COMPOSITION if of.startswith("events_") else OWN

    @property
    def name(self) -> str:
        """The feature's name in a cube, made of its settings."""
        return self._fill(self.NAME)

    @property
    def unit(self) -> str:
        """The unit of its values."""
        return self._fill(self.UNIT)

    def _fill(self, text: str) -> str:
        words = self.settings()
        if (of := words.get("of")) is not None:
            words |= {"of": label(of), "of_unit": unit_of(of)}
        least = words.get("at_least", 0)
        words |= {"least": f"_from{least:g}" if least else "", "side": getattr(self, "side", "")}
        return text.format(**words)

    def months_read(self) -> tuple[int, int | None] | None:
        """The last and the first month read of ``of``, counted back; no first one: no bound; None: no month at all."""
        return 0, getattr(self, "window", 1) - 1

    @property
    def latest(self) -> int | None:
        """The last month that is read, counted back from the row's month; None if no month is read."""
        read = self.months_read()
        return None if read is None else self._shift(read[0])

    @property
    def earliest(self) -> int | None:
        """The first month that is read, counted back; None where there is no bound or no month is read."""
        read = self.months_read()
        return None if read is None or read[1] is None else self._reach(read[1])

    @abstractmethod
    def compute(self, view: View, out: Array) -> None:
        """Write the values, float32 (months, regions of the view), NaN where they are not known."""

    def check(self, view: View) -> None:
        """Refuse a panel that lacks what is read; terms made of others ask them too."""
        if self.needs_links and view.panel.links is None:
            raise UsageError(
                "this panel has no links, so nothing is known about neighbours.",
                remedy="Give links (region_a, region_b, border_km), or leave neighbour features out.",
            )
        for of in self.reads():
            if isinstance(of, Term):
                of.check(view)
            else:
                resolve(view.panel, of)

    def marks(self, view: View) -> Array:
        """Where the values rest on unobserved months, bool (months, regions of the view)."""
        first = 0 if self.earliest is None else self.earliest
        marked = np.zeros(view.shape, dtype=bool)
        if self.latest is None:
            return marked
        for of in self.reads():
            marked |= rests_on_gaps(
                view.series(of).whole(), self.latest, first, endless=self.earliest is None
            )
        return marked

    def reads(self) -> tuple[str | Term, ...]:
        """The measures or terms that are read through the view."""
        of = getattr(self, "of", None)
        return () if of is None else (of,)

    def settings(self) -> dict[str, Any]:
        """Fields by name, nested terms as they are."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def _shift(self, months: int) -> int:
        """``months`` back from the latest month of what is read."""
        inner = [of.latest or 0 for of in self.reads() if isinstance(of, Term)]
        return months + min(inner, default=0)

    def _reach(self, months: int) -> int | None:
        """The first month read when this term looks ``months`` back on what it reads."""
        inner = [(of.earliest, of.latest) for of in self.reads() if isinstance(of, Term)]
        if any(e is None and last is not None for e, last in inner):
            return None
        return months + max((e or 0 for e, _ in inner), default=0)


def label(of: str | Term) -> str:
    """The part of a feature's name that says what is read."""
    return of if isinstance(of, str) else of.name


#: Types of violence, which terms call without ``events_``.
_TYPES = {*UCDP_TYPES.values(), *ACLED_TYPES.values()}


def unit_of(of: str | Term) -> str:
    """The unit of what is read: events, deaths, that of a term; of a covariate what it counts itself.

    >>> unit_of("late_events"), unit_of("one_sided"), unit_of("deaths_best"), unit_of("rain")
    ('events', 'events', 'deaths', 'rain')
    """
    if not isinstance(of, str):
        return of.unit
    if of.startswith("deaths"):
        return "deaths"
    counted = of.startswith(("events", "late_events")) or of in _TYPES
    return "events" if counted else of


def whole_number(value: object, name: str, least: int = 1) -> None:
    """Refuse a setting that is not a whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"{name} is {value!r}.", remedy=f"Give a whole number of months, {least} or more.")


def positive(value: object, name: str) -> None:
    """Refuse a setting that is not a finite number above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < np.inf:
        raise ConfigError(f"{name} is {value!r}.", remedy="Give a number above 0.")


def not_negative(value: object, name: str) -> None:
    """Refuse a setting that is not a finite number of 0 or more."""
    if value != 0:
        positive(value, name)


def whole(default: int, name: str, least: int = 1) -> Any:
    """A field that is a checked :func:`whole_number`."""
    return field(default=default, metadata={"check": partial(whole_number, name=name, least=least)})


def number(default: float, name: str, check: Callable[[object, str], None] = not_negative) -> Any:
    """A field that is a checked number: :func:`positive` or :func:`not_negative`."""
    return field(default=default, metadata={"check": lambda value: check(value, name)})


def rests_on_gaps(whole: Array, latest: int, earliest: int, endless: bool = False) -> Array:
    """Rows whose months ``earliest`` to ``latest`` back hold one that was not observed.

    Months before the panel's first are unobserved, but do not count where the memory is endless: a history
    has to begin somewhere.
    """
    n_months = whole.shape[0]
    gaps = np.zeros((n_months + 1, whole.shape[1]), dtype=np.int32)
    np.cumsum(~whole, axis=0, out=gaps[1:])
    rows = np.arange(n_months)
    stop = np.maximum(rows + 1 - latest, 0)
    start = np.zeros_like(rows) if endless else np.maximum(rows - earliest, 0)
    marked: Array = gaps[stop] > gaps[np.minimum(start, stop)]
    if not endless:
        marked[: min(earliest, n_months)] = True
    return marked


@dataclass(frozen=True)
class Feature:
    """A term under a name.

    Attributes
    ----------
    name : str
        Column name in a cube.
    term : Term
    optional : bool
        Whether a panel that cannot serve it may go without (and the cube say so), or is an error.
    """

    name: str
    term: Term
    optional: bool = False


class SideOfBorder:
    """For terms with ``across_border``: neighbours in another country, in the same one, or both."""

    across_border: bool | None

    @property
    def side(self) -> str:
        """The part of a name that says which neighbours."""
        return {True: "abroad", False: "home", None: "near"}[self.across_border]

    @property
    def family(self) -> str:
        """Family in the table of a recipe."""
        return {True: ACROSS, False: SAME_COUNTRY, None: NEIGHBOURS}[self.across_border]

    @property
    def needs_links(self) -> bool:
        """Links are needed."""
        return True
