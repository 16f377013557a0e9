"""How a panel's total divides: events by type of violence and by armed group, each event once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from ...data.panel import Panel
from ...data.violence_types import ACLED_TYPES, UCDP_TYPES

#: Events that an armed group needs in the panel to be a part of its own.
FEWEST = 80
#: Events that it needs in a country to be one there; fewer are never told of, and count for other groups.
FEWEST_THERE = 10
#: All other groups together; events whose type a source does not give.
OTHER_GROUPS, OTHER_TYPES = "events_other_groups", "events_other_types"
#: Types of violence that sources distinguish, where a panel does not say what its measures are.
TYPES: tuple[str, ...] = (*UCDP_TYPES.values(), *ACLED_TYPES.values())
#: Rows that a sentence names.
NAMED = 3


@dataclass(frozen=True)
class Division:
    """One way to divide a total.

    Attributes
    ----------
    total : str
        The target that is divided.
    kind : str
        ``type``, ``group`` or ``civilians``.
    names : tuple of str
        The parts, as targets.
    counts : numpy.ndarray
        float64, (months, regions, parts), >= 0; zero where not observed. Over the parts they add up to the total.
    observed : numpy.ndarray
        bool, (months, regions).
    known : numpy.ndarray
        Whether a part is one of its own in a region, (regions, parts); elsewhere it counts for the last one.
    """

    total: str
    kind: str
    names: tuple[str, ...]
    counts: np.ndarray
    observed: np.ndarray
    known: np.ndarray

    @classmethod
    def plain(cls, total: str, kind: str, names: Sequence[str], counts: np.ndarray, seen: np.ndarray) -> Self:
        """A division whose parts are their own everywhere."""
        return cls(total, kind, tuple(names), counts, seen, np.ones(counts.shape[1:], bool))


@dataclass(frozen=True)
class Divisions:
    """Every division of a panel, what has to be said of those that are not there, and groups of too few events."""

    found: tuple[Division, ...]
    notes: tuple[str, ...] = ()
    small: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every part."""
        return tuple(name for division in self.found for name in division.names)

    def of(self, kind: str) -> Division | None:
        """The division of a kind; None where there is none."""
        return next((d for d in self.found if d.kind == kind), None)


def divisions_of(panel: Panel) -> Divisions:
    """What a panel's events divide into: types of violence, and armed groups of at least :data:`FEWEST` events.

    A panel says in ``attrs["types"]`` and ``attrs["groups"]`` what its measures ``events_<name>`` are; of one that does
    not, the names that sources give to types are types, and all others groups.

    Examples
    --------
    >>> from harmattan.data.snapshot import load_snapshot
    >>> [len(d.names) for d in divisions_of(load_snapshot().panel).found]
    [3, 6]
    """
    if "events" not in panel.measures:
        return Divisions(())
    groups = groups_of(panel)
    each = [_types(panel, types_of(panel)), _groups(panel, groups)]
    found = tuple(d for d, _ in each if d is not None)
    parts = {name for division in found for name in division.names}
    small = tuple(f"events_{n}" for n in groups if n != "other" and f"events_{n}" not in parts)
    return Divisions(found, tuple(note for _, notes in each for note in notes), small)


def types_of(panel: Panel) -> list[str]:
    """The types of violence that a panel counts."""
    named, given = _named(panel), panel.attrs.get("types")
    return [n for n in (given or named) if n in named and (given or n in TYPES)]


def groups_of(panel: Panel) -> list[str]:
    """The armed groups that a panel counts, with what is of none."""
    named, given, types = _named(panel), panel.attrs.get("groups"), types_of(panel)
    return [n for n in (given or named) if n in named and n not in types]


def _named(panel: Panel) -> list[str]:
    return [m.removeprefix("events_") for m in panel.measures if m.startswith("events_")]


def _types(panel: Panel, names: Sequence[str]) -> tuple[Division | None, list[str]]:
    if not names:
        return None, ["The data do not give types of violence: there are no forecasts by type."]
    counts, rest, wrong = _counts(panel, names)
    if wrong:
        return None, [f"Types of violence add up to more than all events {wrong}: no forecasts by type."]
    parts = [f"events_{n}" for n in names]
    notes = []
    if rest.any():
        where = _rows(panel, rest > 0)
        notes.append(f"Types of violence add up to fewer than all events {where}: the rest is {OTHER_TYPES}.")
        counts, parts = np.concatenate([counts, rest[..., None]], axis=-1), [*parts, OTHER_TYPES]
    return _division(panel, "type", parts, counts), notes


def _groups(panel: Panel, names: Sequence[str]) -> tuple[Division | None, list[str]]:
    if not names:
        return None, ["The data do not name armed groups: there are no forecasts by group."]
    counts, rest, wrong = _counts(panel, names)
    if wrong:
        return None, [f"Armed groups add up to more than all events {wrong}: no forecasts by group."]
    record = counts.sum(axis=(0, 1)) >= FEWEST
    kept = [i for i, n in enumerate(names) if record[i] and n != "other"]
    if not kept:
        return None, [f"No armed group has {FEWEST} events in the data: there are no forecasts by group."]
    others = [i for i in range(len(names)) if i not in kept]
    remainder = counts[..., others].sum(axis=-1) + rest
    parts = [*(f"events_{names[i]}" for i in kept), OTHER_GROUPS]
    counts = np.concatenate([counts[..., kept], remainder[..., None]], axis=-1)
    return _where_known(panel, _division(panel, "group", parts, counts)), []


def _where_known(panel: Panel, division: Division) -> Division:
    """Groups where they have events enough in the country; all others are among the last part."""
    counts = division.counts
    countries = np.asarray(panel.countries, dtype=object)
    known = np.ones(counts.shape[1:], dtype=bool)
    for country in set(panel.countries):
        home = countries == country
        known[home, :-1] = counts[:, home, :-1].sum(axis=(0, 1)) >= FEWEST_THERE
    few = np.where(known, 0.0, counts)
    moved = counts - few
    moved[..., -1] += few.sum(axis=-1)
    return replace(division, counts=moved, known=known)


def _division(panel: Panel, kind: str, parts: Sequence[str], counts: np.ndarray) -> Division:
    named = len(parts) - (parts[-1] in (OTHER_GROUPS, OTHER_TYPES))
    order = np.argsort(-counts[..., :named].sum(axis=(0, 1)), kind="stable")
    order = np.concatenate([order, np.arange(named, len(parts))])
    return Division.plain("events", kind, [parts[i] for i in order], counts[..., order], panel.observed)


def _counts(panel: Panel, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray, str]:
    """Counts of the parts, what is missing to the total, and where they are more than it (empty: nowhere)."""
    counts = np.stack([np.nan_to_num(panel.measure(f"events_{n}")).astype(float) for n in names], axis=-1)
    total = np.nan_to_num(panel.measure("events")).astype(float)
    rest = total - counts.sum(axis=-1)
    rest[np.abs(rest) < 1e-4 * np.maximum(total, 1)] = 0.0
    return counts, rest, _rows(panel, rest < 0) if (rest < 0).any() else ""


def _rows(panel: Panel, wrong: np.ndarray) -> str:
    """How many months of regions, and the first of them."""
    rows, regions = np.nonzero(wrong)
    first = [f"{panel.region_ids[r]} {panel.months[m]}" for m, r in zip(rows[:NAMED], regions, strict=False)]
    more = f" and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
    return f"in {', '.join(first)}{more}"


def part_of(target: str) -> str | None:
    """The total that a target is a part of by its name; None for a target of its own.

    >>> part_of("events_one_sided"), part_of("deaths_civilians"), part_of("deaths")
    ('events', 'deaths', None)
    """
    if target == "deaths_civilians":
        return "deaths"
    return "events" if target.startswith("events_") else None


def with_parts(panel: Panel, parts: Mapping[str, Sequence[str]]) -> Panel:
    """The panel with a measure for every part, so that forecasts of them can be held against it.

    ``parts`` are the regions that each was forecast for; elsewhere a group counts for the others. A part that a panel
    cannot give, such as a remainder of groups that it does not know, is left out.
    """
    missing = [n for n in parts if n not in panel.measures and part_of(n) == "events"]
    if not missing or "events" not in panel.measures:
        return panel
    known, more = [n for n in parts if n in panel.measures and n.startswith("events_")], {}
    types = set(panel.attrs.get("types") or TYPES)
    for name in missing:
        same = [n for n in known if (n.removeprefix("events_") in types) == (name == OTHER_TYPES)]
        if name in (OTHER_GROUPS, OTHER_TYPES) and same:
            own = [np.isin(panel.region_ids, parts[n]) * panel.measure(n) for n in same]
            more[name] = np.maximum(panel.measure("events") - np.sum(own, axis=0), 0)
    return replace(panel, measures={**panel.measures, **more})
