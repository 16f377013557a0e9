"""What was known on which day: a store of every release of the sources."""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .store import Vintage, VintageStore, diff_panels, panel_as_of
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "Vintage",
    "VintageStore",
    "diff_panels",
    "panel_as_of",
]
