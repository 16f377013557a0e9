"""The quality gate: named checks of a panel and of the build behind it."""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .gate import ERRORS, Quality, check_build, check_panel
    from .newest import NEWEST
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "ERRORS",
    "NEWEST",
    "Quality",
    "check_build",
    "check_panel",
]
