"""Model A: the chance that violence of any kind begins in a region that has been quiet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from .event_history import EventHistory
from .hazard import AHEAD, Array, Hazard, cumulative, landmarks

#: Months without an event after which a region counts as quiet.
QUIET = 6
#: Kernels whose mean logarithm presses: km and half-life in months.
KERNELS = ((15.0, 6.0), (60.0, 6.0), (30.0, 24.0))
#: Added to a kernel before its logarithm.
FLOOR = 0.01
#: Fewest onsets that slopes are learned from.
FEWEST = 15


def pressure(history: EventHistory) -> Array:
    """Mean logarithm of the kernels of all armed groups, (months, regions)."""
    each = [np.log(history.kernel("armed", km, half_life) + FLOOR) for km, half_life in KERNELS]
    return np.asarray(np.mean(each, axis=0))


@dataclass(frozen=True)
class OnsetModel:
    """``log hazard_j = a + b cloglog(member's P(>= 1) at j) + c pressure``, in regions quiet for six months.

    Attributes
    ----------
    hazard : Hazard
    after : tuple of float
        Chance of an event 0 to 5 months after a first one.
    """

    hazard: Hazard
    after: tuple[float, ...]

    @classmethod
    def fit(cls, history: EventHistory, link: Array, first: int, last: int) -> Self:
        """Learn from every quiet region whose outcome is known at row ``last``.

        Parameters
        ----------
        link : numpy.ndarray
            ``cloglog`` of the member's out-of-sample chances, (6, months, regions with a record).
        first, last : int
            Rows of the first landmark, and of the last outcome.
        """
        own = int(history.recorded.sum())
        quiet = history.quiet("all", QUIET)[:, :own]
        events, observed = history.events["all"][:, :own], history.observed[:, :own]
        rows = landmarks(quiet & np.isfinite(link).all(axis=0), events, observed, first, last)
        columns = np.column_stack(
            [link[rows.ahead - 1, rows.row, rows.region], pressure(history)[rows.row, rows.region]]
        )
        names = ("chance", "pressure")
        if rows.happened[rows.ahead == 1].sum() < FEWEST:
            columns = columns * 0
        return cls(Hazard.fit(names, columns, rows.happened), _after(quiet, events, observed, last))

    def within(self, link: Array, pressing: Array, lag: int = 0) -> Array:
        """``P(first event within 1..6 months)``, (6, regions).

        Parameters
        ----------
        link : numpy.ndarray
            (6, regions) at the last month seen.
        pressing : numpy.ndarray
            (regions,).
        """
        return cumulative(lambda j: self.hazard.log_hazard(np.column_stack([link[j - 1], pressing])), lag)

    def monthly(self, within: Array) -> Array:
        """``P(>= 1 event in month j)``, (6, regions), from the chance of a first event within 1..6 months.

        A first event in month i is followed by another in month j with the chance learned for ``j - i``.
        """
        first = np.diff(within, axis=0, prepend=0.0)
        out = np.zeros_like(first)
        for j in range(AHEAD):
            for i in range(j + 1):
                out[j] += first[i] * self.after[j - i]
        return out

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, from which :meth:`from_json` gives the same again."""
        return {"hazard": self.hazard.to_json(), "after": list(self.after)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`to_json`."""
        return cls(Hazard.from_json(stored["hazard"]), tuple(float(q) for q in stored["after"]))


def _after(quiet: Array, events: Array, observed: Array, last: int) -> tuple[float, ...]:
    """How often a first event is followed by another 0 to 5 months later; half a case more of both where few."""
    began = np.zeros(events.shape, dtype=bool)
    began[1:] = quiet[:-1] & (events[1:] > 0) & observed[1:]
    out = [1.0]
    for k in range(1, AHEAD):
        row, region = np.nonzero(began[: max(last + 1 - k, 0)])
        seen = observed[row + k, region]
        again = (events[row + k, region] > 0)[seen]
        out.append(float((again.sum() + 0.5) / (len(again) + 1)))
    return tuple(out)
