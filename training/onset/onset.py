"""Model A: the chance that violence of any kind begins in a region that has been quiet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ...data.errors import ModelError
from ..margins import draws_with
from .event_history import EventHistory
from .hazard import AHEAD, Array, Hazard, cumulative, landmarks

#: Months without an event after which a region counts as quiet.
QUIET = 6
#: Kernels whose mean logarithm presses: km and half-life in months.
KERNELS = ((15.0, 6.0), (60.0, 6.0), (30.0, 24.0))
#: Added to a kernel before its logarithm.
FLOOR = 0.01
#: Fewest onsets that slopes are learned from, and cases that stand for the mean of months after an onset.
FEWEST, START = 15, 10.0
#: Fewest quiet region-months that a level is learned from; none is assumed.
RECORD = 12


def pressure(history: EventHistory) -> Array:
    """Mean logarithm of the kernels of all armed groups, (months, regions)."""
    each = [np.log(history.kernel("armed", km, half_life) + FLOOR) for km, half_life in KERNELS]
    return np.asarray(np.mean(each, axis=0))


@dataclass(frozen=True)
class OnsetModel:
    """``log hazard_j = a + b cloglog(member's P(>= 1) at j) + c pressure + d log j``, in regions quiet for six months.

    Who has been quiet for long wakes less and less; a model of an earlier version has no ``d``.

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

        Raises
        ------
        ModelError
            Hardly any region has been seen after it was quiet.
        """
        own = int(history.recorded.sum())
        quiet = history.quiet("all", QUIET)[:, :own]
        events, observed = history.events["all"][:, :own], history.observed[:, :own]
        rows = landmarks(quiet & np.isfinite(link).all(axis=0), events, observed, first, last)
        member = link[rows.ahead - 1, rows.row, rows.region]
        columns = np.column_stack([member, pressure(history)[rows.row, rows.region], np.log(rows.ahead)])
        names = ("chance", "pressure", "log_ahead")
        if (rows.ahead == 1).sum() < RECORD:
            raise ModelError(
                "too few months have followed quiet ones to learn where violence begins.",
                remedy="Bring a longer history.",
            )
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
        width = len(self.hazard.names)

        def log_hazard(ahead: int) -> Array:
            columns = [link[ahead - 1], pressing, np.full(len(pressing), np.log(ahead))]
            return self.hazard.log_hazard(np.column_stack(columns[:width]))

        return cumulative(log_hazard, lag)

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

    def in_order(self, ranks: Array, within: Array) -> Array:
        """Ranks of draws in another order: any event within j months becomes as likely as a first one is.

        Whether and when violence begins is drawn first: of the draws in which it has not, those that stand highest in a
        month begin in it. Later months follow as often as was learned from past onsets. Which draws these are, and how
        many events a month has, keeps the order of the ranks, and with it what regions share. No month's distribution
        changes.

        Parameters
        ----------
        ranks : numpy.ndarray
            0..draws-1 in each month from the first, (draws, months, regions), at most six months.
        within : numpy.ndarray
            ``P(first event within 1..6 months)``, (6, regions).

        Examples
        --------
        >>> model = OnsetModel(Hazard((), (0.0,), 0, 0), (1.0, 0.5, 0.5, 0.5, 0.5, 0.5))
        >>> ranks = np.array([[0, 3], [1, 2], [2, 1], [3, 0]])[:, :, None]
        >>> within = np.array([0.5, 0.75, 0.8, 0.8, 0.8, 0.8])[:, None]
        >>> model.in_order(ranks, within)[:, :, 0].tolist()  # two begin, then one of them goes on and one more begins
        [[0, 3], [1, 1], [2, 2], [3, 0]]
        """
        draws, months, regions = ranks.shape
        first, active = draws_with(within, draws), draws_with(self.monthly(within), draws)
        begun, out = np.full((draws, regions), months), np.empty_like(ranks)
        chance = np.ones((months + 1, regions))
        line, column = np.arange(draws)[:, None], np.arange(regions)
        for j in range(months):
            # by the month in which a draw began, last those that have not; within them the highest first
            order = np.argsort(begun * draws - ranks[:, j], axis=0)
            cohort = np.take_along_axis(begun, order, axis=0)
            size = np.stack([(begun == k).sum(axis=0) for k in range(months + 1)])
            place = line - (np.cumsum(size, axis=0) - size)[cohort, column]
            known = draws - size[-1]
            new = np.clip(first[j] - known, np.maximum(active[j] - known, 0), active[j])
            begins = (cohort == months) & (place < new)
            chance[:j] = np.array(self.after[1 : j + 1])[::-1, None]
            wait = np.where(
                cohort < months, (place + 0.5) / size[cohort, column] / chance[cohort, column], np.inf
            )
            again = np.empty_like(begins)
            np.put_along_axis(again, np.argsort(wait, axis=0, kind="stable"), line < active[j] - new, axis=0)
            here = np.empty_like(begins)
            np.put_along_axis(here, order, begins | again, axis=0)
            np.put_along_axis(out[:, j], np.argsort(here * draws + ranks[:, j], axis=0), line, axis=0)
            np.put_along_axis(begun, order, np.where(begins, j, cohort), axis=0)
        return out

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, from which :meth:`from_json` gives the same again."""
        return {"hazard": self.hazard.to_json(), "after": list(self.after)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`to_json`."""
        return cls(Hazard.from_json(stored["hazard"]), tuple(float(q) for q in stored["after"]))


def _after(quiet: Array, events: Array, observed: Array, last: int) -> tuple[float, ...]:
    """How often a first event is followed by another 0 to 5 months later; few cases are pulled to their mean."""
    began = np.zeros(events.shape, dtype=bool)
    began[1:] = quiet[:-1] & (events[1:] > 0) & observed[1:]
    cases, again = np.zeros((2, AHEAD - 1))
    for k in range(1, AHEAD):
        row, region = np.nonzero(began[: max(last + 1 - k, 0)])
        seen = observed[row + k, region]
        cases[k - 1], again[k - 1] = seen.sum(), ((events[row + k, region] > 0) & seen).sum()
    usual = (again.sum() + 0.5) / (cases.sum() + 1)
    return (1.0, *((again + START * usual) / (cases + START)).tolist())
