"""Training rows of the diffusion model: which column belongs to which coefficient, and how borders are permuted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ...data.errors import ModelError
from ...data.frames import read_only
from ..models.base import Problem
from ..models.dispersion import size_at
from ..models.excitation import exponential_means
from .additive import Block, Likelihood, Prior
from .kernel import LINEAR, Kernel
from .newton import FitResult, maximise

#: Half-lives (months) whose mixture is the distributed lag; the shares are learned from regions' own histories.
LAG_HALF_LIVES = (0.5, 2.0, 6.0, 24.0)
#: Precision of the prior on the coefficient of every border: a tiny border with a few chance coincidences would
#: otherwise get a coefficient in the tens. The likelihood ratio of the penalised fit is the smaller one.
BORDER_PRECISION = 1.0
#: The same where an interval is wanted: the likelihood speaks nearly alone, so that nothing is pulled to zero.
LOOSE_PRECISION = 0.1
#: Rounds in which the shares of the half-lives and all other coefficients take turns.
_ROUNDS = 1
_WEAK = 1e-3
_WEAK_SIZE = 1e-2


class Term(NamedTuple):
    """One coefficient: ``own`` of a country, ``domestic``, or ``across`` from a source to a target country."""

    kind: str
    source: str = ""
    target: str = ""


@dataclass(frozen=True)
class Design:
    """Everything the likelihood of one origin is made of.

    Attributes
    ----------
    problem : Problem
    lag : numpy.ndarray
        What the distributed lag of the counts excites, (months, regions): the lag itself unless the kernel saturates.
    rows, regions : numpy.ndarray
        Month row and region of every training row.
    counts, weights : numpy.ndarray
        (rows,): outcome one month later, and its weight.
    terms : tuple of Term
        One per coefficient.
    shares : numpy.ndarray
        Shares of the half-lives in ``lag``, (lags,).
    pooling : float
        Precision with which the log levels are pulled together.
    border_precision : float
        Precision with which the coefficients of borders are pulled to zero.
    kernel : Kernel
        Weights of neighbours, and saturation.
    warm : numpy.ndarray or None
        Parameters to begin a fit with, from a fit with almost the same lag.
    """

    problem: Problem
    lag: np.ndarray
    rows: np.ndarray
    regions: np.ndarray
    counts: np.ndarray
    weights: np.ndarray
    terms: tuple[Term, ...]
    shares: np.ndarray
    near: np.ndarray
    far: np.ndarray
    pooling: float
    border_precision: float = BORDER_PRECISION
    kernel: Kernel = LINEAR
    warm: np.ndarray | None = None

    @cached_property
    def domestic(self) -> np.ndarray:
        """What arrives in each region from the rest of its country, (months, regions)."""
        return np.asarray(self.lag @ self.near.T)

    @cached_property
    def country(self) -> np.ndarray:
        """Country of every region."""
        return np.array(self.problem.panel.countries)

    @property
    def size(self) -> int:
        """Number of parameters: centre, levels, coefficients, two of the size."""
        return 1 + len(self.country) + len(self.terms) + 2

    def position(self, term: Term) -> int:
        """Where a coefficient lies in the parameter vector."""
        return 1 + len(self.country) + self.terms.index(term)

    def prior(self) -> Prior:
        """Levels pulled together, borders pulled to zero, the rest nearly free."""
        n = len(self.country)
        across = [self.border_precision if t.kind == "across" else _WEAK for t in self.terms]
        precision = np.array([0.0, *[self.pooling] * n, *across, _WEAK_SIZE, _WEAK_SIZE])
        levels = np.zeros(len(precision), dtype=bool)
        levels[1 : 1 + n] = True
        return Prior(precision, levels)

    def freed(self) -> Design:
        """The same with borders that hardly anything pulls to zero."""
        return replace(self, border_precision=LOOSE_PRECISION)

    def block(self, target: str) -> Block:
        """Rows of one receiving country."""
        bare, rows, regions = self.bare_block(target)
        columns, slopes = [], []
        for term in self.terms:
            if term.kind == "own" and term.source == target:
                values = self.lag[rows, regions]
            elif term.kind == "domestic":
                values = self.domestic[rows, regions]
            elif term.kind == "across" and term.target == target:
                here, there = self.country == target, self.country == term.source
                values = (self.lag[:, there] @ self.far[np.ix_(here, there)].T)[rows, bare.region]
            else:
                continue
            columns.append(values)
            slopes.append(self.position(term))
        return replace(bare, columns=np.column_stack(columns), slopes=np.array(slopes))

    def bare_block(self, target: str) -> tuple[Block, np.ndarray, np.ndarray]:
        """Rows of one receiving country without any column; their months and regions."""
        inside = np.flatnonzero(self.country == target)
        place = np.full(len(self.country), -1)
        place[inside] = np.arange(len(inside))
        mine = np.flatnonzero(place[self.regions] >= 0)
        rows, regions = self.rows[mine], self.regions[mine]
        none = np.empty((len(mine), 0))
        counts, weights = self.counts[mine], self.weights[mine]
        bare = Block(counts, weights, place[regions], none, 1 + inside, np.empty(0, dtype=int))
        return bare, rows, regions

    def likelihood(self) -> Likelihood:
        """The whole likelihood, one block per country."""
        seen = sorted(set(self.country[np.unique(self.regions)]))
        return Likelihood([self.block(c) for c in seen], self.prior())

    def propagation(self, params: np.ndarray) -> np.ndarray:
        """Expected events in each region (row) per unit of lag in another (column), as fitted."""
        of = self.country
        out = np.zeros((len(of), len(of)))
        for term in self.terms:
            slope = params[self.position(term)]
            if term.kind == "own":
                out[np.diag_indices_from(out)] += slope * (of == term.source)
            elif term.kind == "domestic":
                out += slope * self.near
            else:
                out += slope * self.far * ((of == term.target)[:, None] & (of == term.source)[None, :])
        return out

    def mean_after(self, params: np.ndarray, row: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean and size of every region in the month after ``row``, as fitted, (regions,) each."""
        mean = np.exp(params[1 : 1 + len(self.country)]) + self.propagation(params) @ self.lag[row]
        return mean, size_at(mean, float(params[-2]), float(params[-1]))

    def start(self) -> np.ndarray:
        """Where an earlier fit ended, or where much is background and something follows every column."""
        if self.warm is not None:
            return self.warm.copy()
        level = np.log(0.3 * max(float(np.average(self.counts, weights=self.weights)), 1e-3))
        n = len(self.country)
        return np.concatenate([np.full(1 + n, level), np.full(len(self.terms), 0.1), [0.0, 0.5]])

    def fit(self, likelihood: Likelihood, start: np.ndarray, closed: Sequence[Term] = ()) -> FitResult:
        """Maximise, with the coefficients of ``closed`` held at zero."""
        free, begin = np.ones(self.size, dtype=bool), start.copy()
        for term in closed:
            free[self.position(term)] = False
            begin[self.position(term)] = 0.0
        return maximise(likelihood, begin, free)


def lag_states(problem: Problem) -> np.ndarray:
    """Exponential means of past counts at every month, (months, regions, lags); made once per problem."""
    known: dict[str, Any] = problem.__dict__
    if "_lag_states" not in known:
        known["_lag_states"] = read_only(exponential_means(problem, LAG_HALF_LIVES))
    found: np.ndarray = known["_lag_states"]
    return found


def make_design(
    problem: Problem,
    origin: pd.Period,
    recency_half_life: float | None,
    burn_in: int,
    pooling: float,
    kernel: Kernel = LINEAR,
) -> tuple[Design, np.ndarray]:
    """The design of one origin, and the shares of the half-lives in its lag.

    Raises
    ------
    ModelError
        Without links, or without any link across a border: there is no border to test.
    """
    panel = problem.panel
    if panel.links is None or not len(panel.links):
        raise ModelError(
            "spillover needs links between regions, and this panel has none.",
            remedy="Pass polygons (--regions) or a table of links (--links).",
        )
    sample = replace(problem, also=()).sample(origin, 1, burn_in, thinned=False)
    _, rows, regions, _ = sample.pieces[0]
    near, far = kernel.weights(panel)
    if not far.any():
        raise ModelError(
            "spillover needs a border, and no link of this panel joins two countries.",
            remedy="Bring the regions of a second country, and their links.",
        )
    states = lag_states(problem)
    design = Design(
        problem=problem,
        lag=states.mean(axis=-1),
        rows=rows,
        regions=regions,
        counts=sample.counts,
        weights=sample.weights(recency_half_life),
        terms=_terms(panel.countries, far),
        shares=np.full(len(LAG_HALF_LIVES), 1 / len(LAG_HALF_LIVES)),
        near=near,
        far=far,
        pooling=pooling,
        kernel=kernel,
    )
    shares = lag_shares(design, [states])
    for _ in range(_ROUNDS):
        design = replace(design, lag=states @ shares, shares=shares)
        design = replace(design, warm=design.fit(design.likelihood(), design.start()).params)
        shares = lag_shares(design, _excited(design, design.start(), states))
    return replace(design, lag=kernel.excites(states @ shares), shares=shares), shares


def _terms(countries: Sequence[str], far: np.ndarray) -> tuple[Term, ...]:
    """Own history by country, domestic neighbours, every border in both directions."""
    country = np.array(countries)
    names = sorted(set(country))
    terms = [Term("own", c, c) for c in names] + [Term("domestic")]
    for a in names:
        terms += [
            Term("across", a, b) for b in names if a != b and far[np.ix_(country == b, country == a)].any()
        ]
    return tuple(terms)


def lag_shares(design: Design, excited: Sequence[np.ndarray]) -> np.ndarray:
    """Shares of the half-lives: coefficients of what each of them excites, scaled to sum to 1.

    Parameters
    ----------
    excited : sequence of numpy.ndarray
        Added up; each (months, regions, lags).
    """
    total = np.sum(list(excited), axis=0)
    lags, n = total.shape[-1], len(design.country)
    blocks = []
    for c in sorted(set(design.country[np.unique(design.regions)])):
        block, rows, regions = design.bare_block(c)
        blocks.append(replace(block, columns=total[rows, regions], slopes=1 + n + np.arange(lags)))
    size = 1 + n + lags + 2
    precision = np.array([0.0, *[design.pooling] * n, *[_WEAK] * lags, _WEAK_SIZE, _WEAK_SIZE])
    levels = np.zeros(size, dtype=bool)
    levels[1 : 1 + n] = True
    first = design.start()
    guess = np.full(lags, 0.15) if design.warm is None else design.shares
    start = np.concatenate([first[: 1 + n], guess, first[-2:]])
    found = maximise(Likelihood(blocks, Prior(precision, levels)), start, np.ones(size, dtype=bool))
    own = found.params[1 + n : -2]
    return np.asarray(own / own.sum()) if own.sum() > 0 else np.full(lags, 1 / lags)


def _excited(design: Design, params: np.ndarray, states: np.ndarray) -> list[np.ndarray]:
    """What every half-life alone would excite, with the coefficients of a fit, (months, regions, lags)."""
    reach = design.propagation(params)
    return [np.einsum("ij,tjl->til", reach, states, optimize=True)]
