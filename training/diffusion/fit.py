"""Fit the diffusion model at one origin, and judge every border."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd
from threadpoolctl import ThreadpoolController

from ..models.base import Problem
from .border_signal import judge_borders
from .design import Design, Term, make_design
from .kernel import LINEAR, Kernel
from .model import Alternatives, Diffusion, _coefficients, stationary
from .newton import FitResult

#: Refits under permuted borders, for every border that passes the likelihood-ratio test.
PERMUTATIONS = 400
#: Sets of coefficients that stand for the uncertainty of the fit.
SETS = 100
#: They are spread this much wider than the fit's own errors say: without it simulated shares were held too seldom.
WIDER = 1.25


def fit_diffusion(
    problem: Problem,
    origin: pd.Period,
    recency_half_life: float | None = None,
    burn_in: int = 24,
    pooling: float = 2.0,
    *,
    permutations: int = PERMUTATIONS,
    rng: np.random.Generator | None = None,
    intervals: bool | Collection[tuple[str, str]] = True,
    kernel: Kernel = LINEAR,
) -> Diffusion:
    """Fit the model to everything known at ``origin`` and judge every border, direction by direction.

    Parameters
    ----------
    problem : Problem
        Counts and links; the cube is not used.
    origin : pandas.Period
        Last month used.
    recency_half_life : float or None
        Months after which a row counts half; the likelihood-ratio test holds for None, where all count alike.
    pooling : float
        Precision of the prior that pulls the regions' background levels to their common mean.
    permutations : int
        Refits under permuted borders, for every border that passes the likelihood-ratio test.
    rng : numpy.random.Generator, optional
        Draws the permutations. Without it they are left out, and no signal is declared.
    intervals : bool or collection of (str, str)
        Whether to compute the profile intervals of the coefficients; or of which borders, by source and target country.
    kernel : Kernel
        Weights of neighbours, and saturation; linear over shared borders by default.

    Returns
    -------
    Diffusion
        Stationary; its ``pairs`` carry the verdicts.

    Raises
    ------
    ModelError
        Without links, or without any link across a border: there is no border to test.
    """
    # Products this small lose more to the threads' meeting than they gain, and one thread adds in one order.
    with _threads().limit(limits=1):
        design, shares = make_design(problem, origin, recency_half_life, burn_in, pooling, kernel)
        likelihood = design.likelihood()
        best = design.fit(likelihood, design.start())
        free = design.freed()
        loose = free.fit(likelihood.under(free.prior()), best.params)
        bounded = None if isinstance(intervals, bool) else intervals
        pairs = judge_borders(
            design, likelihood, best, permutations, rng, (free, loose) if intervals else None, bounded
        )
        model = assemble(design, best, pairs, shares)
        return model if rng is None else replace(model, alternatives=_alternatives(free, loose, rng))


@lru_cache(maxsize=1)
def _threads() -> ThreadpoolController:
    """The threads of the libraries that are loaded; to look for them takes longer than many a fit."""
    return ThreadpoolController()


def _alternatives(design: Design, best: FitResult, rng: np.random.Generator) -> Alternatives:
    """Coefficients around the maximum, by the normal approximation; none is negative."""
    info = best.information + 1e-6 * np.eye(len(best.params))
    root = np.linalg.cholesky(np.linalg.inv((info + info.T) / 2))
    n = len(design.country)
    drawn = best.params + WIDER * rng.standard_normal((SETS, len(best.params))) @ root.T
    slopes = np.maximum(drawn[:, 1 + n : -2], 0.0)
    at = {term: i for i, term in enumerate(design.terms)}
    own = [at[Term("own", c, c)] for c in sorted(set(design.problem.panel.countries))]
    across = [i for i, term in enumerate(design.terms) if term.kind == "across"]
    # Levels of regions without any event are hardly known; the normal approximation ends where they vanish.
    levels = np.exp(np.clip(drawn[:, 1 : 1 + n], -20.0, best.params[1 : 1 + n] + 2.0))
    return Alternatives(levels, slopes[:, own], slopes[:, at[Term("domestic")]], slopes[:, across])


def assemble(design: Design, best: FitResult, pairs: pd.DataFrame, shares: np.ndarray) -> Diffusion:
    """Put the coefficients where the simulation needs them."""
    countries = design.problem.panel.countries
    n = len(countries)

    def slope(term: Term) -> float:
        return float(best.params[design.position(term)])

    phi = slope(Term("domestic"))
    model = Diffusion(
        endemic=np.exp(best.params[1 : 1 + n]),
        lag_shares=shares,
        own=np.array([slope(Term("own", c, c)) for c in countries]),
        domestic=phi * design.near,
        across=_coefficients(pairs, countries) * design.far,
        spread=float(best.params[-2]),
        slope=float(best.params[-1]),
        pairs=pairs,
        countries=countries,
        scaled_by=1.0,
        account={
            "converged": best.converged,
            "iterations": best.iterations,
            "loglike": best.loglike,
        },
        border=design.far,
        phi=phi,
        kernel=design.kernel,
    )
    return stationary(model)
