"""Incidents to the monthly panel, with the ledger that proves nothing was lost."""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .build import BuiltPanel, Rules, build_panel
    from .cells import CELLS, CellCounts, Outlines
    from .covariates import require_covariates, with_covariates_of
    from .coverage import coverage_of
    from .event_places import located, with_outlines
    from .incidents import (
        ANYWHERE,
        OWN,
        Incidents,
        Repair,
        combine,
        coverage_rows,
        coverage_table,
        release_rank,
        repairs_frame,
        repeated_rows,
    )
    from .ledger import Ledger
    from .panel import TARGETS, Panel, is_written_panel
    from .splits import after_splits
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "ANYWHERE",
    "CELLS",
    "OWN",
    "TARGETS",
    "BuiltPanel",
    "CellCounts",
    "Incidents",
    "Ledger",
    "Outlines",
    "Panel",
    "Repair",
    "Rules",
    "after_splits",
    "build_panel",
    "combine",
    "coverage_of",
    "coverage_rows",
    "coverage_table",
    "is_written_panel",
    "located",
    "release_rank",
    "repairs_frame",
    "repeated_rows",
    "require_covariates",
    "with_covariates_of",
    "with_outlines",
]
