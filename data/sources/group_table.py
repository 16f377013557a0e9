"""Armed groups of one's own: a table of names as data, in place of the package's."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from ..errors import ConfigError, SourceError
from ..panel import Incidents
from .actors import plain_name, side_names


@dataclass(frozen=True)
class GroupTable:
    """Names of sides, sorted into groups; an event between two of them counts for both.

    Attributes
    ----------
    names : mapping of str to tuple of str
        Group to the names of its sides, as the source writes them.

    Examples
    --------
    >>> table = GroupTable({"adf": ("ADF",), "m23": ("M23",)})
    >>> table.group_of("Government of Uganda", "ADF"), table.group_of("M23", "ADF")
    ('adf', 'adf_vs_m23')
    >>> table.group_of("Government of Uganda", "Civilians"), table.group_of("Pokot", "Turkana")
    ('state_only', 'other')
    """

    names: Mapping[str, tuple[str, ...]]

    @classmethod
    def read(cls, path: str | Path) -> GroupTable:
        """A table from TOML: ``[group]`` with ``names = ["...", ...]`` for each group.

        Raises
        ------
        SourceError
            There is no such file.
        ConfigError
            It is no TOML, or a group has no names.
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
            names = entry.get("names") if isinstance(entry, dict) else None
            if not (isinstance(names, list) and names and all(isinstance(n, str) for n in names)):
                raise ConfigError(
                    f"the group '{group}' has no names.", str(path), 'Write names = ["..."] below it.'
                )
            if not str(group).isidentifier() or group != group.lower():
                raise ConfigError(
                    f"'{group}' is not a name of a group.",
                    str(path),
                    "Use small letters, digits and underscores.",
                )
        return cls({str(g): tuple(entry["names"]) for g, entry in stored.items()})

    def group_of(self, side_a: str, side_b: str) -> str:
        """The one group that an event is counted under; two are joined by ``_vs_``."""
        lookup = {plain_name(n): group for group, names in self.names.items() for n in names}
        sides = side_names(side_a, side_b)
        found = {lookup[s] for s in sides if s in lookup}
        if found:
            return "_vs_".join(g for g in self.names if g in found)
        state = any(s.startswith("government of") for s in sides)
        return "state_only" if state and any(s.startswith("civilians") for s in sides) else "other"

    def watched(self, groups: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Each group of the table, and all groups of events that count for it."""
        every = list(groups)
        return {g: tuple(e for e in every if g in e.split("_vs_")) for g in self.names}


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
            "the source names no sides, so no groups can be told apart.", "groups", "Leave it out."
        )
    codes, pairs = pd.factorize(a + "\x1f" + b)
    found = pd.Series([table.group_of(*pair.split("\x1f")) for pair in pairs], dtype="str")
    frame = incidents.frame.assign(actor_group=found.to_numpy()[codes])
    frame["actor_group"] = frame["actor_group"].astype("str")
    return replace(incidents, frame=frame, groups=tuple(sorted(set(frame["actor_group"]) | set(table.names))))
