"""Who and how: forecasts by type of violence and by armed group, civilian deaths, and the record in words."""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .actors import ACTOR_COLUMNS, actors_table
    from .facts import FACT_COLUMNS, capital, facts_table, record_of
    from .forecasting import ChosenParts, choose_parts, draw_parts, main_targets
    from .names import against_civilians, part_label, sides_of
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "ACTOR_COLUMNS",
    "FACT_COLUMNS",
    "ChosenParts",
    "actors_table",
    "against_civilians",
    "capital",
    "choose_parts",
    "draw_parts",
    "facts_table",
    "main_targets",
    "part_label",
    "record_of",
    "sides_of",
]
