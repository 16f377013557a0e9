"""How the champion stands: how old it is, and why the last challenger did not replace it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pandas as pd

from ...data.errors import HarmattanError
from ..release import StatusEntry

if TYPE_CHECKING:
    from ..settings import Settings

#: Months after which a champion counts as old: it is to be fitted anew once a year.
OLD = 15


def champion_entries(settings: Settings, day: date) -> tuple[StatusEntry, ...]:
    """What ``harmattan status`` says of the registry; nothing where no model was ever trained.

    A registry that cannot be read is an entry, not an error: the releases stand as they are.
    """
    from ...training import registry

    place = (settings.mlruns, settings.tracking_uri)
    if registry.is_local(*place) and not (settings.mlruns / "mlflow.db").is_file():
        return ()
    try:
        with registry.open_registry(*place) as client:
            versions = registry.list_versions(client)
    except HarmattanError as error:
        return (StatusEntry("champion", "amber", f"The model registry cannot be read: {error.what}"),)
    if not versions:
        return ()
    named = {alias: version for version in versions for alias in version.aliases}
    champion, challenger = named.get(registry.CHAMPION), named.get(registry.CHALLENGER)
    found = []
    if champion is None:
        found.append(StatusEntry("champion", "amber", "No version of the model is the champion."))
    elif "origin" in champion.tags:
        age = (pd.Period(day, freq="M") - 1 - pd.Period(champion.tags["origin"], freq="M")).n
        words = (
            f"The champion, version {champion.number}, has learned from months to {champion.tags['origin']}"
        )
        old = (
            f"{age} months old: fit it anew with harmattan refit"
            if age > OLD
            else f"{max(age, 0)} months old"
        )
        found.append(StatusEntry("champion", "amber" if age > OLD else "green", f"{words}, and is {old}."))
    if challenger is not None and challenger != champion and challenger.tags.get("gate") == "refuses":
        why = challenger.tags.get("gate_reasons", "").rstrip(".")
        words = f"The last challenger, version {challenger.number}, does not pass the gate: {why}."
        found.append(StatusEntry("challenger", "green", words))
    return tuple(found)
