"""Armed groups in words."""

from __future__ import annotations

from collections.abc import Mapping

from ...data.panel import Panel
from ...data.sources import GroupTable

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


def group_label(code: str, panel: Panel) -> str:
    """A group as its panel's own table of names, or else the shipped one, calls it; a clash by its two sides.

    >>> from harmattan.data.snapshot import load_snapshot
    >>> group_label("jnim_vs_is", load_snapshot().panel), group_label("adf_vs_m23", load_snapshot().panel)
    ('JNIM against Islamic State', 'ADF against M23')
    """
    own = panel.attrs.get("labels")
    labels = GroupTable.shipped().labels if own is None else own
    if code not in labels and "_vs_" in code:
        return " against ".join(group_label(side, panel) for side in code.split("_vs_"))
    return str(labels.get(code) or group_name(code))


def group_measures(panel: Panel) -> Mapping[str, str]:
    """The single armed groups that a panel counts, code to measure; events between two groups are no single one's."""
    codes = {name.removeprefix("events_"): name for name in panel.measures if name.startswith("events_")}
    return {code: name for code, name in codes.items() if code not in NO_GROUP and "_vs_" not in code}
