"""An ordered list of named features, written and read as a file, computed to a cube."""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .recipe import Recipe, month_label
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "Recipe",
    "month_label",
]
