"""The members of the pool."""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .base import Member, Problem, Sample
    from .baselines import Conflictology, NeighbourConflictology
    from .boosted import BoostedEndemicEpidemic
    from .catalogue import (
        BASELINES,
        RIVAL,
        check_names,
        fit_members,
        pooled_members,
        roster,
        starting_weights,
    )
    from .dispersion import LEVEL_FLOOR, SizeLaw, fit_size, size_at
    from .endemic_epidemic import EndemicEpidemic
    from .events_times_deaths import EventsTimesDeaths, as_events
    from .excitation import ACROSS, COUNTRY, DOMESTIC, OWN, border_shares, border_weights, exponential_means
    from .exponential_nb import ExponentialNB
    from .leaf_calibrated import LeafCalibrated
    from .likelihood import LOG_LEVELS
    from .own import (
        USUAL,
        Guarded,
        MemberLike,
        OwnMember,
        class_path,
        classes_of,
        name_of,
        trusted_class,
    )
    from .serialization import member_files, read_members
    from .smoothed_conflictology import SmoothedConflictology
    from .support import supported
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "ACROSS",
    "BASELINES",
    "COUNTRY",
    "DOMESTIC",
    "LEVEL_FLOOR",
    "LOG_LEVELS",
    "OWN",
    "RIVAL",
    "USUAL",
    "BoostedEndemicEpidemic",
    "Conflictology",
    "EndemicEpidemic",
    "EventsTimesDeaths",
    "ExponentialNB",
    "Guarded",
    "LeafCalibrated",
    "Member",
    "MemberLike",
    "NeighbourConflictology",
    "OwnMember",
    "Problem",
    "Sample",
    "SizeLaw",
    "SmoothedConflictology",
    "as_events",
    "border_shares",
    "border_weights",
    "check_names",
    "class_path",
    "classes_of",
    "exponential_means",
    "fit_members",
    "fit_size",
    "member_files",
    "name_of",
    "pooled_members",
    "read_members",
    "roster",
    "size_at",
    "starting_weights",
    "supported",
    "trusted_class",
]
