"""Who comes next: the chance that violence begins in a quiet region, and that an armed group enters one."""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .entry import EntryModel, at_risk, columns_of, silence_record
    from .event_history import ANY, EventHistory, armed_measures, history_of, watched_groups
    from .hazard import AHEAD, Hazard
    from .model import OnsetFits, OnsetModels
    from .onset import QUIET, OnsetModel, pressure
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "AHEAD",
    "ANY",
    "QUIET",
    "EntryModel",
    "EventHistory",
    "Hazard",
    "OnsetFits",
    "OnsetModel",
    "OnsetModels",
    "armed_measures",
    "at_risk",
    "columns_of",
    "history_of",
    "pressure",
    "silence_record",
    "watched_groups",
]
