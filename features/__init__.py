"""A panel in, numbers that a model can use out; knows nothing of models."""

from typing import TYPE_CHECKING

from ..data.lazy import lazy_names

if TYPE_CHECKING:
    from .cube import Design, FeatureCube, TrainingOrigins
    from .recipe import Recipe
    from .splits import RollingOrigin
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
        with_last_day,
        with_places,
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
    "RollingOrigin",
    "Share",
    "Spells",
    "Static",
    "Sum",
    "Term",
    "TrainingOrigins",
    "Trend",
    "with_last_day",
    "with_places",
    "write_parquet",
]
