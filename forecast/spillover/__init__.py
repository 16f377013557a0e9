"""What crosses a border: attribution, breakdown, stress tests, scenarios."""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .analogues import Analogues, find_analogues, past_changes, scenario_warnings
    from .attribution import (
        SPANS,
        SPILLOVER_COLUMNS,
        Worlds,
        grades_of,
        simulate_worlds,
        spillover_table,
    )
    from .breakdown import ModelAtOrigin, exact_answers
    from .job import Spillover, border_rng, kernel_of, prepare, published_means, run_spillover
    from .scenario import Scenario, effects, parse_change, plan_from_table, plan_of, read_paths, run_scenario
    from .scenario_call import simulate_scenario
    from .stress import stress_response
    from .words import (
        NO_BORDER,
        SHOCK_NOTE,
        SHOCK_RATE_DISTINGUISHABLE,
        SHOCK_RATES,
        crosses,
        robust_share,
        shock_words,
    )
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "NO_BORDER",
    "SHOCK_NOTE",
    "SHOCK_RATES",
    "SHOCK_RATE_DISTINGUISHABLE",
    "SPANS",
    "SPILLOVER_COLUMNS",
    "Analogues",
    "ModelAtOrigin",
    "Scenario",
    "Spillover",
    "Worlds",
    "border_rng",
    "crosses",
    "effects",
    "exact_answers",
    "find_analogues",
    "grades_of",
    "kernel_of",
    "parse_change",
    "past_changes",
    "plan_from_table",
    "plan_of",
    "prepare",
    "published_means",
    "read_paths",
    "robust_share",
    "run_scenario",
    "run_spillover",
    "scenario_warnings",
    "shock_words",
    "simulate_scenario",
    "simulate_worlds",
    "spillover_table",
    "stress_response",
]
