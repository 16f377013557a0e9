"""A panel in, numbers that a model can use out; knows nothing of models."""

from .calendar import Calendar
from .composition import DaysSince, Ratio, Share
from .cube import Design, FeatureCube
from .onsets import MonthsSinceSpell, Spells
from .places import NearestActive
from .recipe import Feature, Recipe
from .spatial import ActiveBorder, Border, Country, Everywhere, Neighbours
from .static import Static
from .temporal import Active, Ewm, Lag, Log1p, Max, Mean, MonthsSince, Sum, Trend
from .terms import Term
from .user import Function

__all__ = [
    "Active",
    "ActiveBorder",
    "Border",
    "Calendar",
    "Country",
    "DaysSince",
    "Design",
    "Everywhere",
    "Ewm",
    "Feature",
    "FeatureCube",
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
    "Recipe",
    "Share",
    "Spells",
    "Static",
    "Sum",
    "Term",
    "Trend",
]
