"""The pool: weights, calibration, dependence, and what a forecast is made of."""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .coherence import chance_of_death, coherent_deaths, shares_without_deaths
    from .dependence import Template, fit_template, normal_scores
    from .explain import explain_pool
    from .fitted import FittedPool, fit_pool, margins_of, with_learned_weights
    from .learning import LearnedPool, Learner, finished, learn_pool, scored_origin
    from .onsets import OnsetsAhead, onset_chances
    from .quiet import fit_quiet_chance, with_chance
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "FittedPool",
    "LearnedPool",
    "Learner",
    "OnsetsAhead",
    "Template",
    "chance_of_death",
    "coherent_deaths",
    "explain_pool",
    "finished",
    "fit_pool",
    "fit_quiet_chance",
    "fit_template",
    "learn_pool",
    "margins_of",
    "normal_scores",
    "onset_chances",
    "scored_origin",
    "shares_without_deaths",
    "with_chance",
    "with_learned_weights",
]
