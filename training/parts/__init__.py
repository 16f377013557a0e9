"""Parts of a total: events by type of violence and by armed group, civilian deaths; they add up in every draw."""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .civilians import CIVILIANS, CivilianShare, civilian_division
    from .divisions import (
        FEWEST,
        FEWEST_THERE,
        OTHER_GROUPS,
        Division,
        Divisions,
        divisions_of,
        groups_of,
        part_of,
        types_of,
        with_parts,
    )
    from .entries import Entries
    from .shares import ShareModel, Shares
    from .split import split_draws
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "CIVILIANS",
    "FEWEST",
    "FEWEST_THERE",
    "OTHER_GROUPS",
    "CivilianShare",
    "Division",
    "Divisions",
    "Entries",
    "ShareModel",
    "Shares",
    "civilian_division",
    "divisions_of",
    "groups_of",
    "part_of",
    "split_draws",
    "types_of",
    "with_parts",
]
