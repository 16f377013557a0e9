"""Onset and entry models together: fitted anew each December, the same in training, back-test and serving."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd

from ...data.errors import ModelError
from ..models.base import Problem
from ..models.endemic_epidemic import EndemicEpidemic
from .chances import Chances, link_of, refits
from .entry import EntryModel, at_risk
from .event_history import ANY, EventHistory, history_of
from .hazard import AHEAD, Array
from .onset import OnsetModel, pressure

#: Years of landmarks that models learn from, and of earlier fits that levels are learned from.
YEARS, PAST_YEARS = 12, 8


@dataclass(frozen=True)
class OnsetModels:
    """What forecasts onsets and entries from the months after ``end``.

    Attributes
    ----------
    end : pandas.Period
        The last month of what was learned from.
    members : tuple of EndemicEpidemic
        Fitted at ``end``.
    onset : OnsetModel
    entry : EntryModel or None
        None where no group is distinguished, places are not known, or no group was near any of them for long.
    """

    end: pd.Period
    members: tuple[EndemicEpidemic, ...]
    onset: OnsetModel
    entry: EntryModel | None

    def onset_within(self, history: EventHistory, problem: Problem, month: pd.Period, lag: int = 0) -> Array:
        """``P(first event within 1..6 months)`` of every region with a record, (6, regions), seen at ``month``.

        Violence is at least as likely to begin as any one group to enter. Only the regions that have been quiet for six
        months mean anything.
        """
        row, own = history.row(month), history.recorded
        link = link_of(self.members, problem, np.array([problem.row(month)]))[:, 0]
        within = self.onset.within(link, pressure(history)[row][own], lag)
        if self.entry is None:
            return within
        for group in history.groups:
            regions = np.flatnonzero(at_risk(history, group)[row] & own)
            entry = self.entry.within(history, group, row, regions, lag)
            within[:, regions] = np.maximum(within[:, regions], entry)
        return within

    def to_text(self) -> str:
        """JSON, from which :meth:`from_text` gives the same again."""
        stored = {
            "end": str(self.end),
            "members": [m.to_json() for m in self.members],
            "onset": self.onset.to_json(),
            "entry": None if self.entry is None else self.entry.to_json(),
        }
        return json.dumps(stored, indent=1) + "\n"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The inverse of :meth:`to_text`.

        Raises
        ------
        ModelError
            Something is missing.
        """
        try:
            stored: dict[str, Any] = json.loads(text)
            entry = stored["entry"]
            return cls(
                pd.Period(stored["end"], freq="M"),
                tuple(EndemicEpidemic.from_json(m) for m in stored["members"]),
                OnsetModel.from_json(stored["onset"]),
                None if entry is None else EntryModel.from_json(entry),
            )
        except (KeyError, TypeError, ValueError):
            raise ModelError(
                "the models of onset and entry are incomplete.", remedy="Train and write the model again."
            ) from None


@dataclass
class OnsetFits:
    """Fits of many origins of one history: members and hazards are shared between them.

    Attributes
    ----------
    history : EventHistory
    problem : Problem
        Of events, over the same months.
    kept : dict
        What is made of the fits month by month.
    """

    history: EventHistory
    problem: Problem
    chances: Chances = field(init=False)
    _entries: dict[pd.Period, EntryModel | None] = field(default_factory=dict, init=False)
    _levelled: dict[pd.Period, EntryModel | None] = field(default_factory=dict, init=False)
    _models: dict[pd.Period, OnsetModels] = field(default_factory=dict, init=False)
    kept: dict[Any, Array] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        """Fits start empty."""
        self.chances = Chances(self.problem)

    @classmethod
    def of(cls, problem: Problem) -> OnsetFits:
        """Those of a problem and of what it also learns from; kept with it."""
        kept: dict[str, Any] = problem.__dict__
        if "_onset_fits" not in kept:
            kept["_onset_fits"] = cls(history_of(problem.panel, [o.panel for o in problem.also]), problem)
        found: OnsetFits = kept["_onset_fits"]
        return found

    def end_of(self, month: pd.Period) -> pd.Period:
        """The last December until ``month`` at which models are fitted.

        Raises
        ------
        ModelError
            The history is too short.
        """
        ends = refits(self.history.months, month, 1)
        if not ends:
            raise ModelError(
                f"{self.history.row(month) + 1} months of history are too few to learn where violence begins.",
                remedy="Bring a longer history.",
            )
        return ends[-1]

    def at(self, month: pd.Period) -> OnsetModels:
        """The models to use at ``month``, the last that is published: fitted at the last December until then.

        Raises
        ------
        ModelError
            The history is too short, or has hardly seen a quiet place.
        """
        end = self.end_of(month)
        if end not in self._models:
            self._models[end] = self._fit(end)
        return self._models[end]

    def link_at(self, models: OnsetModels, month: pd.Period) -> Array:
        """``cloglog`` of the member's own chance of an event 1 to 6 months after ``month``, (6, regions)."""
        return link_of(models.members, self.problem, np.array([self.problem.row(month)]))[:, 0]

    def _fit(self, end: pd.Period) -> OnsetModels:
        ends = refits(self.history.months, end, YEARS + 1)
        members = self.chances.fitted(end)
        if members is None:
            raise ModelError(
                "the endemic-epidemic member cannot be fitted, so onsets cannot be forecast.",
                remedy="Bring a longer history.",
            )
        last = self.history.row(end)
        link = self.chances.between(ends, last)
        onset = OnsetModel.fit(self.history, link, self.history.row(ends[0]), last)
        return OnsetModels(end, tuple(members), onset, self.entry_from(end))

    def entry_from(self, end: pd.Period) -> EntryModel | None:
        """Entries as learned at ``end``; None as :attr:`OnsetModels.entry` is."""
        if not self.history.groups or self.history.km is None:
            return None
        if end not in self._levelled:
            self._levelled[end] = self._level(end)
        return self._levelled[end]

    def _level(self, end: pd.Period) -> EntryModel | None:
        slopes = self._slopes(end)
        if slopes is None:
            return None
        fitted = [
            (self.history.row(e), self._slopes(e))
            for e in refits(self.history.months, end, PAST_YEARS + 1)[:-1]
        ]
        earlier = [(row, model) for row, model in fitted if model is not None]
        return slopes.levelled((*self.history.groups, ANY), earlier, self.history, self.history.row(end))

    def _slopes(self, end: pd.Period) -> EntryModel | None:
        if end not in self._entries:
            last = self.history.row(end)
            self._entries[end] = EntryModel.fit(
                self.history, self.history.groups, max(last - 12 * YEARS, 0), last
            )
        return self._entries[end]


__all__ = ["AHEAD", "OnsetFits", "OnsetModels"]
