"""The model of how violence spreads, made to be simulated; and whether a border carries a signal."""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .border_signal import (
        GRADES,
        NONE_SHOWN,
        PAIR_COLUMNS,
        SOME,
        STRONG,
        TOO_FEW,
        current_names,
        judge_borders,
        with_grades,
    )
    from .design import Design, Term, lag_states, make_design
    from .fit import PERMUTATIONS, assemble, fit_diffusion
    from .kernel import Kernel
    from .model import Diffusion
    from .newton import FitResult
    from .refits import permuted_estimates
    from .simulation import mean_paths, means_along, simulate, size_at_origin
    from .uncertainty import Ensemble, Expected, risk_spread, size_of, spread
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "GRADES",
    "NONE_SHOWN",
    "PAIR_COLUMNS",
    "PERMUTATIONS",
    "SOME",
    "STRONG",
    "TOO_FEW",
    "Design",
    "Diffusion",
    "Ensemble",
    "Expected",
    "FitResult",
    "Kernel",
    "Term",
    "assemble",
    "current_names",
    "fit_diffusion",
    "judge_borders",
    "lag_states",
    "make_design",
    "mean_paths",
    "means_along",
    "permuted_estimates",
    "risk_spread",
    "simulate",
    "size_at_origin",
    "size_of",
    "spread",
    "with_grades",
]
