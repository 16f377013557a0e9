"""Armed groups of events by the table of names of the theatre that comes with the package."""

from __future__ import annotations

import pandas as pd

from .group_table import OTHER, STATE_ONLY, GroupTable

#: Every group of the shipped table, in the order in which it is looked for.
GROUPS = GroupTable.shipped().groups


def armed_group(side_a: str, side_b: str) -> str:
    """The one armed group that an event is counted under; one of :data:`GROUPS`.

    Examples
    --------
    >>> armed_group("JNIM", "IS")
    'jnim_vs_is'
    >>> armed_group("Government of Mali", "AQIM, JAS, MUJAO")
    'jnim'
    >>> armed_group("Government of Mali", "Civilians")
    'state_only'
    >>> armed_group("Dan na Ambassagou", "Civilians")
    'other'
    """
    return GroupTable.shipped().group_of(side_a, side_b)


def groups_in(found: pd.Series) -> tuple[str, ...]:
    """The groups of the shipped table that some events are of: elsewhere nobody is watched who has never been there."""
    there = set(found) | {STATE_ONLY, OTHER}
    return tuple(g for g in GROUPS if g in there)


def armed_groups(side_a: pd.Series, side_b: pd.Series) -> pd.Series:
    """:func:`armed_group` of every row; each distinct pair of names is looked up once."""
    return GroupTable.shipped().groups_of(side_a, side_b)
