"""How published forecasts did: scores against what was observed since, alarms, drift of inputs."""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .job import ScoredReleases, run_score
    from .scores import with_alarms
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "ScoredReleases",
    "run_score",
    "with_alarms",
]
