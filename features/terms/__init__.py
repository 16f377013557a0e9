"""The features: one module per family, each term frozen, able to compute, name and write itself."""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .calendar import Calendar
    from .composition import DaysSince, Ratio, Share
    from .function import Function
    from .history import Active, Ewm, Lag, Log1p, Max, Mean, MonthsSince, Sum, Trend
    from .location import NearestActive, with_places
    from .spells import MonthsSinceSpell, Spells
    from .static import Static, static_columns
    from .surroundings import ActiveBorder, Border, Country, Everywhere, Neighbours
    from .term import Feature, Term
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "Active",
    "ActiveBorder",
    "Border",
    "Calendar",
    "Country",
    "DaysSince",
    "Everywhere",
    "Ewm",
    "Feature",
    "Function",
    "Lag",
    "Log1p",
    "Max",
    "Mean",
    "MonthsSince",
    "MonthsSinceSpell",
    "NearestActive",
    "Neighbours",
    "Ratio",
    "Share",
    "Spells",
    "Static",
    "Sum",
    "Term",
    "Trend",
    "static_columns",
    "with_places",
]
