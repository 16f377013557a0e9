"""What parts are called in words."""

from __future__ import annotations

from ...data import AGAINST_CIVILIANS, TYPE_LABELS
from ...data.panel import Panel
from ...data.sources import GroupTable

#: Parts that no table of groups names.
LABELS = {
    **TYPE_LABELS,
    "state_only": "the state against civilians",
    "other_groups": "other groups",
    "other": "other groups",
}


def part_label(target: str, panel: Panel | None = None) -> str:
    """A part in words: as the panel's own table of groups, or else the shipped one, calls it; else by its name.

    >>> part_label("events_jnim_vs_is"), part_label("events_al_shabaab"), part_label("deaths_civilians")
    ('JNIM against Islamic State', 'al shabaab', 'civilian deaths')
    """
    if target == "deaths_civilians":
        return "civilian deaths"
    bare = target.removeprefix("events_")
    own = None if panel is None else panel.attrs.get("labels")
    known = {**LABELS, **(GroupTable.shipped().labels if own is None else own)}
    if bare not in known and "_vs_" in bare:
        return " against ".join(part_label(name, panel) for name in bare.split("_vs_"))
    return str(known.get(bare, bare.replace("_", " ")))


def sides_of(measure: str, panel: Panel) -> tuple[str, ...]:
    """The groups whose clash a measure counts, as measures; none for events of a single group.

    >>> from harmattan.data.snapshot import load_snapshot
    >>> sides_of("events_jnim_vs_is", load_snapshot().panel)
    ('events_jnim', 'events_islamic_state')
    """
    from ...training.onset import watched_groups

    watched = watched_groups(panel).items()
    known = tuple(f"events_{g}" for g, parts in watched if measure in parts and measure != f"events_{g}")
    bare = measure.removeprefix("events_").split("_vs_")
    return known if len(known) > 1 else tuple(f"events_{g}" for g in bare if len(bare) > 1)


def against_civilians(panel: Panel) -> str | None:
    """The measure of events against civilians; None where a panel has none."""
    return next((f"events_{t}" for t in AGAINST_CIVILIANS if f"events_{t}" in panel.measures), None)
