"""A finished forecast as an MLflow run."""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .late import leave_note, remove_note, track_release, why_untracked
    from .model_card import card_text
    from .plots import draw_plots
    from .runs import (
        POOL,
        children,
        describe,
        headline_metrics,
        metrics,
        part_metrics,
        profile,
        quiet_metrics,
        record_of,
        seconds,
        state_of_code,
        watch_table,
        year_metrics,
    )
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "POOL",
    "card_text",
    "children",
    "describe",
    "draw_plots",
    "headline_metrics",
    "leave_note",
    "metrics",
    "part_metrics",
    "profile",
    "quiet_metrics",
    "record_of",
    "remove_note",
    "seconds",
    "state_of_code",
    "track_release",
    "watch_table",
    "why_untracked",
    "year_metrics",
]
