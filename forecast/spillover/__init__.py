"""What crosses a border: attribution, breakdown, stress tests, scenarios."""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .attribution import (
        DISTINGUISHABLE_NOTE,
        NO_SIGNAL,
        SHOCK_NOTE,
        SHOCK_RATE_DISTINGUISHABLE,
        SHOCK_RATES,
        SPANS,
        SPILLOVER_COLUMNS,
        Worlds,
        distinguishable_pairs,
        note_on,
        simulate_worlds,
        spillover_table,
    )
    from .breakdown import ModelAtOrigin, exact_answers
    from .job import Spillover, border_rng, kernel_of, prepare, run_spillover
    from .scenario import Plan, effects, parse_change, plan_from_table, plan_of, read_paths, run_scenario
    from .scenario_call import simulate_scenario
    from .stress import stress_response
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "DISTINGUISHABLE_NOTE",
    "NO_SIGNAL",
    "SHOCK_NOTE",
    "SHOCK_RATES",
    "SHOCK_RATE_DISTINGUISHABLE",
    "SPANS",
    "SPILLOVER_COLUMNS",
    "ModelAtOrigin",
    "Plan",
    "Spillover",
    "Worlds",
    "border_rng",
    "distinguishable_pairs",
    "effects",
    "exact_answers",
    "kernel_of",
    "note_on",
    "parse_change",
    "plan_from_table",
    "plan_of",
    "prepare",
    "read_paths",
    "run_scenario",
    "run_spillover",
    "simulate_scenario",
    "simulate_worlds",
    "spillover_table",
    "stress_response",
]
