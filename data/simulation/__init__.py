"""Worlds whose truth is known: simulated counts and simulated events."""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .counts import Truth, World, grid_regions, propagation_matrix, simulate_counts
    from .events import simulate
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "Truth",
    "World",
    "grid_regions",
    "propagation_matrix",
    "simulate",
    "simulate_counts",
]
