"""Monthly series as features see them, and array functions over their months and neighbours."""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .neighbours import border_km, country_codes, others, product, side, surroundings
    from .view import Array, Series, View, resolve
    from .windows import exponential_means, months_since, reached, window_means, write_window
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "Array",
    "Series",
    "View",
    "border_km",
    "country_codes",
    "exponential_means",
    "months_since",
    "others",
    "product",
    "reached",
    "resolve",
    "side",
    "surroundings",
    "window_means",
    "write_window",
]
