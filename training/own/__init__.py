"""What users make members of: any scikit-learn regressor, and any table of forecasts."""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .regressor import Regressor
    from .table import ForecastTable, TableMember
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "ForecastTable",
    "Regressor",
    "TableMember",
]
