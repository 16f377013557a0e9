"""Model E1: the chance that an armed group enters a region where it has not been for two years, or ever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from .event_history import ANY, EventHistory
from .hazard import Array, Hazard, cumulative, landmarks

#: Months without an event of the group after which it would enter anew.
QUIET = 24
#: The group must have been active this close, in km, within so many months.
REACH, ACTIVE = 500.0, 12
#: Where the three columns end: more says nothing more, here or elsewhere.
NEXT_DOOR, PRESSING, OWN = 10.0, 5.0, 5.0
FLOOR = 0.01
#: Past of a group's level: months after which it counts half, and cases that stand for no change.
HALF_LIFE, PRIOR = 60.0, 10.0
#: Fewest region-months at risk that a level is learned from; none is assumed.
RECORD = 60
#: Fewest entries that slopes are learned from; with fewer a hazard grows as the root of each number.
FEWEST, USUAL = 20, (0.0, 0.5, 0.5, 0.5)


def columns_of(history: EventHistory, group: str) -> Array:
    """The group's events next door, its kernel and violence of any kind, capped and logged, (months, regions, 3)."""
    key = ("entry", group)
    if key not in history._kept:
        beside = history.window(group, 12) @ history.adjoining.T.astype(float)
        near = history.kernel(group, 30.0, 1.0)
        own = history.window("all", 24)
        history._kept[key] = np.stack(
            [
                np.log1p(np.minimum(beside, NEXT_DOOR)),
                np.log(np.minimum(near, PRESSING) + FLOOR),
                np.log1p(np.minimum(own, OWN)),
            ],
            axis=-1,
        )
    return history._kept[key]


def at_risk(history: EventHistory, group: str) -> Array:
    """Whether the group was away and near, bool (months, regions).

    A place without a record is at risk until an event of the group is known to have lain inside.
    """
    away = history.quiet(group, QUIET) | (~history.recorded & ~history.seen_inside(group))
    return np.asarray(away & history.active(group, REACH, ACTIVE))


@dataclass(frozen=True)
class EntryModel:
    """One hazard for all groups, on three capped numbers and the months ahead, and a level by group.

    Attributes
    ----------
    hazard : Hazard
    level : mapping of str to float
        What the hazard of each group is multiplied by.
    """

    hazard: Hazard
    level: Mapping[str, float]

    @property
    def learned(self) -> bool:
        """Whether there were entries enough to learn slopes from."""
        return self.hazard.coefficients[1:] != USUAL

    @classmethod
    def fit(cls, history: EventHistory, groups: Sequence[str], first: int, last: int) -> Self | None:
        """Learn slopes from the entries known at row ``last``; levels of 1. None where no group was near for long."""
        parts = []
        for group in groups:
            risk = at_risk(history, group) & history.recorded
            rows = landmarks(risk, history.events[group], history.observed, first, last)
            numbers = columns_of(history, group)[rows.row, rows.region]
            parts.append((np.column_stack([np.log(rows.ahead), numbers]), rows.happened, rows.ahead == 1))
        columns, happened, ones = (np.concatenate([p[i] for p in parts]) for i in range(3))
        if ones.sum() < RECORD:
            return None
        names = ("log months ahead", "next door", "kernel", "own violence")
        few = happened[ones].sum() < FEWEST
        hazard = Hazard.fit(names, columns, happened, *((np.inf, USUAL) if few else ()))
        return cls(hazard, dict.fromkeys(groups, 1.0))

    def within(self, history: EventHistory, group: str, row: int, regions: Array, lag: int = 0) -> Array:
        """``P(entry within 1..6 months)`` of some regions, (6, regions), seen at ``row``."""
        numbers = columns_of(history, group)[row, regions]
        level = float(np.log(self.level.get(group, 1.0)))

        def log_hazard(ahead: int) -> Array:
            months = np.full(len(numbers), np.log(ahead))
            return self.hazard.log_hazard(np.column_stack([months, numbers])) + level

        return cumulative(log_hazard, lag)

    def levelled(
        self, groups: Sequence[str], past: Sequence[tuple[int, EntryModel]], history: EventHistory, last: int
    ) -> Self:
        """The same slopes with levels learned from what earlier fits forecast, and what came.

        Parameters
        ----------
        groups : sequence of str
            The groups, and any of them.
        past : sequence of (row, EntryModel)
            Earlier fits, oldest first: each forecast the months until the next.
        last : int
            Row of the last outcome.
        """
        stops = [*(row for row, _ in past[1:]), last][: len(past)]
        level = {}
        for group in groups:
            risk, events = at_risk(history, group) & history.recorded, history.events[group]
            expected = observed = 0.0
            for (start, model), stop in zip(past, stops, strict=True):
                rows = slice(start, max(min(stop, last), start))
                after = slice(rows.start + 1, rows.stop + 1)
                at = np.nonzero(risk[rows] & history.observed[after])
                numbers = columns_of(history, group)[rows][at]
                log_hazard = model.hazard.log_hazard(np.column_stack([np.zeros(len(numbers)), numbers]))
                weight = 0.5 ** ((last - start - at[0]) / HALF_LIFE)
                expected += float(weight @ -np.expm1(-np.exp(log_hazard)))
                observed += float(weight @ (events[after][at] > 0))
            level[group] = (observed + PRIOR) / (expected + PRIOR)
        return replace(self, level=level)

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, from which :meth:`from_json` gives the same again."""
        return {"hazard": self.hazard.to_json(), "level": dict(self.level)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`to_json`."""
        return cls(Hazard.from_json(stored["hazard"]), {g: float(v) for g, v in stored["level"].items()})


def silence_record(
    history: EventHistory, groups: Mapping[str, Array], last: int, months: int = 12
) -> dict[str, int]:
    """How often armed groups that were silent everywhere for a year came back within six months.

    Parameters
    ----------
    groups : mapping of str to numpy.ndarray
        Events of each group by month, everywhere, (months,).
    last : int
        Row of the last month known.

    Returns
    -------
    dict
        ``spells``: group-months silent for a year after having been there; ``returns``: an event within six months.
    """
    spells = returns = 0
    for series in groups.values():
        known = np.asarray(series)[: last + 1]
        for t in range(months, len(known) - 6):
            if known[: t + 1].any() and not known[t - months + 1 : t + 1].any():
                spells += 1
                returns += bool(known[t + 1 : t + 7].any())
    return {"spells": spells, "returns": returns}


__all__ = ["ANY", "EntryModel", "at_risk", "columns_of", "silence_record"]
