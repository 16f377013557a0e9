"""What users touch: runs, releases, reports, the command line."""

from typing import TYPE_CHECKING

from ..data.lazy import lazy_names

if TYPE_CHECKING:
    from .result import ForecastResult
    from .run import run_forecast
    from .settings import Settings
    from .version import package_version
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "ForecastResult",
    "Settings",
    "package_version",
    "run_forecast",
]
