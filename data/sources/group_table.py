"""Which armed group an event belongs to: exactly one, by a table of names that is data and can be replaced.

The two sides of an event are split at commas, quotes are dropped, case and accents are ignored, and other scripts are
read in Latin letters. A name matches a whole side, or its beginning up to a hyphen or a space, so that ``MFDC - FN`` is
``MFDC`` but ``ISGS`` is not ``IS``; one with a ``*`` matches whatever stands there.
"""

from __future__ import annotations

import difflib
import logging
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from anyascii import anyascii

from ..errors import ConfigError, SourceError, nearest
from ..panel import Incidents

#: The theatre that comes with the package; its groups are the table where nobody names another.
SHIPPED_THEATRE = Path(__file__).parents[1] / "snapshot" / "theatre.toml"
#: Events of the government against civilians, and all that no name is known for.
STATE_ONLY, OTHER = "state_only", "other"

_GOVERNMENT = re.compile(r"^(government of|military forces of|police forces of)\b")
_CIVILIANS = re.compile(r"^civilians\b")
#: What may stand below a group.
_KEYS = ("names", "label", "between", "with", "watched")


def plain_name(text: str) -> str:
    """Lower case, Latin letters without accents, no quotes, single spaces."""
    bare = anyascii(text).lower()
    return re.sub(r"[\"'`]|\s+(?=\s)", "", bare).strip()


def side_names(side_a: str, side_b: str) -> list[str]:
    """Every name on both sides of an event, made plain."""
    return [plain_name(part) for side in (side_a, side_b) for part in side.split(",") if part.strip()]


@dataclass(frozen=True)
class GroupTable:
    """Names of sides, sorted into groups, in the order in which these are looked for.

    Attributes
    ----------
    names : mapping of str to tuple of str
        Group to the names of its sides, as sources write them.
    between : mapping of str to tuple of str
        Name of an event between two groups, and the two. Where a table names no such pair, any two groups of one event
        are joined by ``_vs_``; where it does, other pairs count for the first of the two.
    labels : mapping of str to str
        What groups are called in words; their name where there is none.
    counted : mapping of str to tuple of str
        Groups whose entries are forecast, and the other groups whose events count for them; every group where empty.

    Examples
    --------
    >>> table = GroupTable({"adf": ("ADF",), "m23": ("M23",)})
    >>> table.group_of("Government of Uganda", "ADF"), table.group_of("M23", "ADF")
    ('adf', 'adf_vs_m23')
    >>> table.group_of("Government of Uganda", "Civilians"), table.group_of("Pokot", "Turkana")
    ('state_only', 'other')
    """

    names: Mapping[str, tuple[str, ...]]
    between: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    counted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: str | Path) -> GroupTable:
        """A table from TOML: ``[group]`` with ``names = ["...", ...]``, or ``between = ["a", "b"]``; ``label = "..."``.

        ``with = ["b"]`` lets events of other groups count for entries of a group, ``watched = false`` leaves one out of
        the lists of entries. The file of a theatre has the same below ``[groups]``.

        Raises
        ------
        SourceError
            There is no such file.
        ConfigError
            It is no TOML, a group has no names, two groups have the same one, one matches every name, or one between
            others names two that are not there.
        """
        if not Path(path).is_file():
            raise SourceError("there is no such file.", str(path), "Correct the path.")
        try:
            stored = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as reason:
            raise ConfigError(
                f"this is no TOML ({reason}).", str(path), 'Write [group] and names = ["..."].'
            ) from None
        inner = stored.get("groups")
        stored = inner if isinstance(inner, dict) and "names" not in inner else stored
        for group, entry in stored.items():
            _check(str(group), entry, stored, str(path))
        between = {g: tuple(e["between"]) for g, e in stored.items() if "between" in e}
        names = {g: tuple(e["names"]) for g, e in stored.items() if "names" in e}
        labels = {g: str(e["label"]) for g, e in stored.items() if "label" in e}
        if not names:
            raise ConfigError("there is no group.", str(path), 'Write [group] and names = ["..."].')
        _refuse_ambiguous(names, str(path))
        left_out = {g for g in names if stored[g].get("watched") is False}
        counted = {g: tuple(stored[g].get("with", ())) for g in names if g not in left_out}
        chosen = bool(left_out) or any(counted.values())
        return cls(names, between, labels, counted if chosen else {})

    @classmethod
    def shipped(cls) -> GroupTable:
        """The table that comes with the package."""
        return _shipped()

    @cached_property
    def _lookup(self) -> dict[str, str]:
        return {plain_name(n): group for group, names in self.names.items() for n in names if "*" not in n}

    @cached_property
    def _patterns(self) -> dict[str, str]:
        return {plain_name(n): group for group, names in self.names.items() for n in names if "*" in n}

    def _of_side(self, side: str) -> str | None:
        """The named group of one side, or None: whole names go before patterns."""
        if side in self._lookup:
            return self._lookup[side]
        before_colon = side.split(":")[0].strip()
        head = re.split(r"\s*\(|\s+-\s+", before_colon)[0].strip()
        named = self._lookup.get(before_colon) or self._lookup.get(head)
        return named or next((g for p, g in self._patterns.items() if fnmatchcase(side, p)), None)

    def group_of(self, side_a: str, side_b: str) -> str:
        """The one group that an event is counted under; several names of one side are separated by commas."""
        sides = side_names(side_a, side_b)
        named = {group for group in map(self._of_side, sides) if group}
        for name, pair in self.between.items():
            if set(pair) <= named:
                return name
        found = [g for g in self.names if g in named]
        if found:
            return found[0] if self.between else "_vs_".join(found)
        state = any(_GOVERNMENT.match(s) for s in sides)
        return STATE_ONLY if state and any(_CIVILIANS.match(s) for s in sides) else OTHER

    def groups_of(self, side_a: pd.Series, side_b: pd.Series) -> pd.Series:
        """:meth:`group_of` of every row; each distinct pair of names is looked up once."""
        pairs = side_a.fillna("").astype(str) + "\x1f" + side_b.fillna("").astype(str)
        codes, distinct = pd.factorize(pairs)
        found = pd.Series([self.group_of(*pair.split("\x1f")) for pair in distinct], dtype="str")
        return pd.Series(found.to_numpy()[codes], index=side_a.index, dtype="str", name="actor_group")

    @property
    def groups(self) -> tuple[str, ...]:
        """Every group in the order in which it is looked for."""
        return (*self.between, *self.names, STATE_ONLY, OTHER)

    def watched(self, groups: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Each group of the table, and all groups of events that count for it."""
        every = list(groups)
        pairs = {g: self.between.get(g) or tuple(g.split("_vs_")) for g in every}
        also = self.counted or dict.fromkeys(self.names, ())
        return {
            g: tuple(e for e in every if g in pairs[e] or g == e or e in more) for g, more in also.items()
        }


@cache
def _shipped() -> GroupTable:
    return GroupTable.read(SHIPPED_THEATRE)


def _refuse_ambiguous(names: Mapping[str, tuple[str, ...]], path: str) -> None:
    """A :class:`ConfigError` where a name belongs to two groups, or matches every side."""
    owner: dict[str, str] = {}
    for group, name in ((g, n) for g, each in names.items() for n in each):
        bare = plain_name(name)
        if not bare.strip("*? "):
            what = f"the name '{name}' of the group '{group}' matches every side of every event."
            raise ConfigError(what, path, "Write the names of the group's sides.")
        if owner.setdefault(bare, group) != group:
            what = f"'{name}' is a name of two groups, '{owner[bare]}' and '{group}'."
            raise ConfigError(what, path, "Leave it with one of them, or join the two.")


def _check(group: str, entry: Any, stored: Mapping[str, Any], path: str) -> None:
    """One entry of a table has a name, and names or the two groups that it lies between."""
    given = entry if isinstance(entry, dict) else {}
    names, pair = given.get("names"), given.get("between")
    texts = names if pair is None else pair
    if not (isinstance(texts, list) and texts and all(isinstance(n, str) for n in texts)):
        raise ConfigError(f"the group '{group}' has no names.", path, 'Write names = ["..."] below it.')
    if not group.isidentifier() or group != group.lower() or group in (STATE_ONLY, OTHER):
        raise ConfigError(
            f"'{group}' is not a name of a group.", path, "Use small letters, digits and underscores."
        )
    if pair is not None and (len(pair) != 2 or not all("names" in stored.get(p, {}) for p in pair)):
        raise ConfigError(
            f"'{group}' lies between groups that are not there.", path, "Name two groups that have names."
        )
    for key in given:
        if key not in _KEYS:
            raise ConfigError(f"the group '{group}' has no key '{key}'.", path, nearest(key, _KEYS))
    for other in given.get("with", ()):
        if other not in stored or other == group:
            raise ConfigError(
                f"'{group}' is counted with '{other}', which is not there.",
                path,
                nearest(str(other), set(stored) - {group}),
            )


def _taken(table: GroupTable, group: str, found: pd.Series, a: pd.Series, b: pd.Series) -> str:
    """Under which other group the events are that a group's own names match as well; empty where they match none."""
    alone = GroupTable({group: table.names[group]}).groups_of(a, b) == group
    return str(found[alone].mode().iloc[0]) if alone.any() else ""


def with_groups(incidents: Incidents, table: GroupTable) -> Incidents:
    """The incidents with their groups by another table of names.

    Raises
    ------
    ConfigError
        The source names no sides.
    """
    a, b = (incidents.frame[c].fillna("").astype(str) for c in ("actor_a", "actor_b"))
    if not (a.ne("").any() or b.ne("").any()):
        raise ConfigError(
            "the source names no sides, so no groups can be distinguished.", "groups", "Leave it out."
        )
    if both := sorted({*table.names, *table.between} & set(incidents.types)):
        what = f"'{both[0]}' is a group and a type of violence in the table."
        raise ConfigError(what, "groups", "Give the group another name.")
    frame = incidents.frame.assign(actor_group=table.groups_of(a, b))
    frame["actor_group"] = frame["actor_group"].astype("str")
    found = set(frame["actor_group"])
    log = logging.getLogger("harmattan")
    for group, parts in GroupTable(table.names, table.between).watched(found).items():
        there = int(frame["actor_group"].isin(parts).sum())
        if there == len(frame):
            log.warning(
                f"The group '{group}' matches all {there:,} events: are its names those of one group?"
            )
        if not there and (under := _taken(table, group, frame["actor_group"], a, b)):
            log.warning(f"The group '{group}' matches events of '{under}' alone, which is looked for first.")
        elif not there:
            sides = {side for pair in zip(a, b, strict=True) for side in pair} - {""}
            near = [n for name in table.names[group] for n in difflib.get_close_matches(name, sides, 1, 0.7)]
            words = f"; '{near[0]}' is the nearest name there" if near else ""
            log.warning(f"The group '{group}' matches no event{words}.")
    return replace(incidents, frame=frame, groups=tuple(sorted(found | set(table.names))))
