"""Armed groups in words."""

from __future__ import annotations

from collections.abc import Mapping

from ...data.panel import Panel

#: Measures of events that are no armed group's own.
NO_GROUP = frozenset({"state_based", "non_state", "one_sided", "state_only", "other"})
#: Up to so many letters a group's code is an abbreviation.
ABBREVIATION = 4


def group_name(code: str) -> str:
    """A group's code as people write it.

    >>> group_name("jnim"), group_name("islamic_state"), group_name("any")
    ('JNIM', 'Islamic State', 'any armed group')
    """
    if code == "any":
        return "any armed group"
    return code.upper() if len(code) <= ABBREVIATION else code.replace("_", " ").title()


def group_measures(panel: Panel) -> Mapping[str, str]:
    """The single armed groups that a panel counts, code to measure; events between two groups are no single one's."""
    codes = {name.removeprefix("events_"): name for name in panel.measures if name.startswith("events_")}
    return {code: name for code, name in codes.items() if code not in NO_GROUP and "_vs_" not in code}
