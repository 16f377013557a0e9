"""The members of the pool."""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .base import Member, Problem
    from .baselines import Conflictology, NeighbourConflictology
    from .boosted import BoostedEndemicEpidemic
    from .catalogue import BASELINES, RIVAL, check_names, fit_members, pooled_members
    from .dispersion import LEVEL_FLOOR, size_at
    from .endemic_epidemic import EndemicEpidemic
    from .events_times_deaths import EventsTimesDeaths, as_events
    from .excitation import ACROSS, COUNTRY, DOMESTIC, OWN, border_shares, border_weights, exponential_means
    from .exponential_nb import ExponentialNB
    from .leaf_calibrated import LeafCalibrated
    from .serialization import json_text, member_files, read_members
    from .smoothed_conflictology import SmoothedConflictology
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "ACROSS",
    "BASELINES",
    "COUNTRY",
    "DOMESTIC",
    "LEVEL_FLOOR",
    "OWN",
    "RIVAL",
    "BoostedEndemicEpidemic",
    "Conflictology",
    "EndemicEpidemic",
    "EventsTimesDeaths",
    "ExponentialNB",
    "LeafCalibrated",
    "Member",
    "NeighbourConflictology",
    "Problem",
    "SmoothedConflictology",
    "as_events",
    "border_shares",
    "border_weights",
    "check_names",
    "exponential_means",
    "fit_members",
    "json_text",
    "member_files",
    "pooled_members",
    "read_members",
    "size_at",
]
