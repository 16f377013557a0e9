"""The features: one module per family, each term frozen, able to compute, name and write itself."""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .calendar import Calendar
    from .composition import DaysSince, Ratio, Share, with_last_day
    from .function import Function
    from .history import Active, Ewm, Lag, Log1p, Max, Mean, MonthsSince, Sum, Trend
    from .location import NearestActive, with_places
    from .nearby import Approach, Kernel, Nearest, decayed, kernel_weights
    from .spells import MonthsSinceSpell, Spells
    from .static import Static, static_columns
    from .surroundings import ActiveBorder, Border, Country, Everywhere, Neighbours
    from .term import Feature, Term
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "Active",
    "ActiveBorder",
    "Approach",
    "Border",
    "Calendar",
    "Country",
    "DaysSince",
    "Everywhere",
    "Ewm",
    "Feature",
    "Function",
    "Kernel",
    "Lag",
    "Log1p",
    "Max",
    "Mean",
    "MonthsSince",
    "MonthsSinceSpell",
    "Nearest",
    "NearestActive",
    "Neighbours",
    "Ratio",
    "Share",
    "Spells",
    "Static",
    "Sum",
    "Term",
    "Trend",
    "decayed",
    "kernel_weights",
    "static_columns",
    "with_last_day",
    "with_places",
]
