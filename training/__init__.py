"""Models, their scores, their calibration, their tracking."""

from typing import TYPE_CHECKING

from ..data.lazy import lazy_names

if TYPE_CHECKING:
    from .distribution import Draws, independent_ranks, joint_draws, ranks_of, whole_numbers
    from .figures import DRAWN, draw_fan, draw_table
    from .margins import Margins, empirical, negative_binomial, stack
    from .parallel import run_tasks
    from .problems import build_problems
    from .record import PastErrors, Record
    from .search_space import SEARCH_SPACE, Space, check_searchable, space_of
    from .trained_model import LIST_SCORES, TrainedModel, at_horizons, make_trained_model
    from .tuning import Search, Trial, best_trial, search
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "DRAWN",
    "LIST_SCORES",
    "SEARCH_SPACE",
    "Draws",
    "Margins",
    "PastErrors",
    "Record",
    "Search",
    "Space",
    "TrainedModel",
    "Trial",
    "at_horizons",
    "best_trial",
    "build_problems",
    "check_searchable",
    "draw_fan",
    "draw_table",
    "empirical",
    "independent_ranks",
    "joint_draws",
    "make_trained_model",
    "negative_binomial",
    "ranks_of",
    "run_tasks",
    "search",
    "space_of",
    "stack",
    "whole_numbers",
]
