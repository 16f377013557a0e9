"""How often and how long ago violence began: a spell follows ``quiet`` observed months without an event."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..series import Array, Series, View, months_since, write_window
from .term import ONSETS, Term, whole


@dataclass(frozen=True)
class _Spell(Term):
    """Something about the beginnings of spells."""

    group: ClassVar[str] = ONSETS

    quiet: int = whole(6, "the quiet time before a spell")
    of: str | Term = "events"

    def months_read(self) -> tuple[int, int | None]:
        """No bound."""
        return 0, None


@dataclass(frozen=True)
class MonthsSinceSpell(_Spell):
    """Months since the last spell began; missing before the first, and from a gap to the next."""

    NAME: ClassVar[str] = "months_since_{of}_spell{quiet}"
    UNIT: ClassVar[str] = "months"

    def compute(self, view: View, out: Array) -> None:
        """Write the values."""
        series = view.series(self.of)
        months_since(np.stack(list(onsets(series, self.quiet))), series.observed, out)


@dataclass(frozen=True)
class Spells(_Spell):
    """Number of spells that began in the last ``window`` months, scaled by the share that was observed."""

    NAME: ClassVar[str] = "{of}_spells{window}_{quiet}"
    UNIT: ClassVar[str] = "spells"

    window: int = whole(60, "the window")

    def months_read(self) -> tuple[int, int]:
        """An onset in the first month of the window rests on the quiet months before it."""
        return 0, self.window - 1 + self.quiet

    def compute(self, view: View, out: Array) -> None:
        """Write the values."""
        series = view.series(self.of)
        began = np.stack(list(onsets(series, self.quiet))).astype(np.float32)
        write_window(Series(began, series.observed), self.window, out, scale=float(self.window))


def onsets(series: Series, quiet: int) -> Iterator[Array]:
    """Month by month, whether a spell begins: an event after ``quiet`` observed months without one."""
    calm = np.zeros(series.values.shape[1], dtype=np.int32)
    for t, row in enumerate(series.values):
        hit = row > 0
        yield hit & (calm >= quiet)
        calm += 1
        calm[hit] = 0
        if series.observed is not None:
            calm[~series.observed[t]] = 0
