"""Which armed group an event belongs to: exactly one, by a table of names that is data and can be replaced.

The two sides of an event are split at commas, quotes are dropped, and case and accents are ignored. A name matches a
whole side, or its beginning up to a hyphen or a space, so that ``MFDC - FN`` is ``MFDC`` but ``ISGS`` is not ``IS``.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import ConfigError, SourceError
from ..panel import Incidents

#: The table that comes with the package.
SHIPPED = "groups.toml"
#: Events of the government against civilians, and all that no name is known for.
STATE_ONLY, OTHER = "state_only", "other"

_GOVERNMENT = re.compile(r"^(government of|military forces of|police forces of)\b")
_CIVILIANS = re.compile(r"^civilians\b")


def plain_name(text: str) -> str:
    """Lower case, no accents, no quotes, single spaces."""
    bare = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
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

    @classmethod
    def read(cls, path: str | Path) -> GroupTable:
        """A table from TOML: ``[group]`` with ``names = ["...", ...]``, or ``between = ["a", "b"]``; ``label = "..."``.

        Raises
        ------
        SourceError
            There is no such file.
        ConfigError
            It is no TOML, a group has no names, or one between others names two that are not there.
        """
        if not Path(path).is_file():
            raise SourceError("there is no such file.", str(path), "Correct the path.")
        try:
            stored = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as reason:
            raise ConfigError(
                f"this is no TOML ({reason}).", str(path), 'Write [group] and names = ["..."].'
            ) from None
        for group, entry in stored.items():
            _check(str(group), entry, stored, str(path))
        between = {g: tuple(e["between"]) for g, e in stored.items() if "between" in e}
        names = {g: tuple(e["names"]) for g, e in stored.items() if "names" in e}
        labels = {g: str(e["label"]) for g, e in stored.items() if "label" in e}
        if not names:
            raise ConfigError("there is no group.", str(path), 'Write [group] and names = ["..."].')
        return cls(names, between, labels)

    @classmethod
    def shipped(cls) -> GroupTable:
        """The table that comes with the package."""
        return _shipped()

    @cached_property
    def _lookup(self) -> dict[str, str]:
        return {plain_name(n): group for group, names in self.names.items() for n in names}

    def _of_side(self, side: str) -> str | None:
        """The named group of one side, or None."""
        if side in self._lookup:
            return self._lookup[side]
        before_colon = side.split(":")[0].strip()
        head = re.split(r"\s*\(|\s+-\s+", before_colon)[0].strip()
        return self._lookup.get(before_colon) or self._lookup.get(head)

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
        return {g: tuple(e for e in every if g in pairs[e] or g == e) for g in self.names}


@cache
def _shipped() -> GroupTable:
    return GroupTable.read(Path(str(files(__package__))) / SHIPPED)


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
    frame = incidents.frame.assign(actor_group=table.groups_of(a, b))
    frame["actor_group"] = frame["actor_group"].astype("str")
    return replace(incidents, frame=frame, groups=tuple(sorted(set(frame["actor_group"]) | set(table.names))))
