"""Who comes next: the chance that violence begins in a quiet region, and that an armed group enters one."""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .entry import EntryModel, at_risk, columns_of, silence_record
    from .hazard import AHEAD, Hazard
    from .model import OnsetFits, OnsetModels
    from .onset import QUIET, OnsetModel, pressure
    from .scene import ANY, WATCHED, Scene, armed_measures, scene_of, watched_groups
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "AHEAD",
    "ANY",
    "QUIET",
    "WATCHED",
    "EntryModel",
    "Hazard",
    "OnsetFits",
    "OnsetModel",
    "OnsetModels",
    "Scene",
    "armed_measures",
    "at_risk",
    "columns_of",
    "pressure",
    "scene_of",
    "silence_record",
    "watched_groups",
]
