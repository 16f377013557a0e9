"""Boundary vintages: which region of one layer is which of another, and layers that can be forecast on."""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .boundaries import BOUNDARIES, LAYERS, layer_crosswalk, on_layer, snapshot_on
    from .crosswalk import Crosswalk, by_country, crosswalk_by_area, named_crosswalk, resolve
    from .make import make_layers
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "BOUNDARIES",
    "LAYERS",
    "Crosswalk",
    "by_country",
    "crosswalk_by_area",
    "layer_crosswalk",
    "make_layers",
    "named_crosswalk",
    "on_layer",
    "resolve",
    "snapshot_on",
]
