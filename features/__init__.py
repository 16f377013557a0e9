"""A panel in, numbers that a model can use out; knows nothing of models."""

from typing import TYPE_CHECKING

from ..data.lazy import lazy_names

if TYPE_CHECKING:
    from .cube import Design, FeatureCube
    from .recipe import Recipe
    from .store import write_parquet
    from .terms import (
        Active,
        ActiveBorder,
        Approach,
        Border,
        Calendar,
        Country,
        DaysSince,
        Everywhere,
        Ewm,
        Feature,
        Function,
        Kernel,
        Lag,
        Log1p,
        Max,
        Mean,
        MonthsSince,
        MonthsSinceSpell,
        Nearest,
        NearestActive,
        Neighbours,
        Ratio,
        Share,
        Spells,
        Static,
        Sum,
        Term,
        Trend,
    )
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
    "Design",
    "Everywhere",
    "Ewm",
    "Feature",
    "FeatureCube",
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
    "Recipe",
    "Share",
    "Spells",
    "Static",
    "Sum",
    "Term",
    "Trend",
    "write_parquet",
]
