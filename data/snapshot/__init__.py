"""The counts that come with the package: how they are read and how they are made."""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .delay import load_delay, make_delay, reporting_delay, share_of
    from .load import Snapshot, aggregates, load_snapshot, shipped_counts
    from .make import COUNTRIES, TRAINING_COVERAGE, counts_of, make_snapshot
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "COUNTRIES",
    "TRAINING_COVERAGE",
    "Snapshot",
    "aggregates",
    "counts_of",
    "load_delay",
    "load_snapshot",
    "make_delay",
    "make_snapshot",
    "reporting_delay",
    "share_of",
    "shipped_counts",
]
