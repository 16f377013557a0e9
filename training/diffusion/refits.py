"""Refits of one receiving country: under permuted borders, and with a border's coefficient held at some value."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import stats

from .additive import Likelihood, Moving, Prior
from .design import Design, Term
from .newton import FitResult, maximise, maximise_all

#: Probability that the profile intervals claim.
INTERVAL = 0.90
#: Refits of a border need no more precision than this in log-likelihood; those for an interval, than this.
_REFIT_TOLERANCE, _PROFILE_TOLERANCE = 1e-4, 1e-3
#: Refits between two looks at whether the verdict is known.
_LOOK = 50
#: Yields where it wants to know how far the profile has fallen too much, is sent it, and returns what it found.
Search = Generator[float, Any, float]


def permuted_estimates(
    design: Design,
    best: FitResult,
    term: Term,
    permutations: int,
    rng: np.random.Generator,
    ends: str = "both",
    passed: int | None = None,
) -> np.ndarray:
    """Estimates of one border's coefficient when its pieces join other regions, (permutations,) or fewer.

    Every refit relabels the regions at both ends of the border: the lengths and pattern of the border stay, but it
    joins regions drawn at random in the two countries. Background levels and all other coefficients of the
    receiving country are fitted again; what all countries share stays at its estimate.

    Parameters
    ----------
    ends : {"both", "source", "target"}
        Which end is relabelled.
    passed : int, optional
        Enough estimates as large as the border's own to know the verdict: no refit is begun once there are so many
        (Besag & Clifford 1991, doi:10.1093/biomet/78.2.301). All permutations are drawn nevertheless.
    """
    here, there = (np.flatnonzero(design.country == c) for c in (term.target, term.source))
    likelihood, kept, free = _receiver(design, term.target, best, term)
    at, weights = int(np.searchsorted(kept, design.position(term))), design.far[np.ix_(here, there)]
    moved = np.empty((permutations, *weights.shape))
    for i in range(permutations):
        to = rng.permutation(len(here)) if ends != "source" else np.arange(len(here))
        by = rng.permutation(len(there)) if ends != "target" else np.arange(len(there))
        moved[i] = weights[np.ix_(to, by)]
    mine = design.country[design.regions] == term.target
    lag = likelihood.spread(design.lag[design.rows[mine]][:, there].T)
    lag = lag.reshape(len(there), len(here), -1).transpose(1, 2, 0)
    # Most permuted borders carry little: from the fit without the border half of them arrive at once.
    shut, begin = free & (np.arange(len(kept)) != at), best.params[kept]
    begin[at] = 0.0
    closed = maximise(likelihood, begin, shut, 40, _REFIT_TOLERANCE).params
    ahead = likelihood.onward(closed, free, at)
    out: list[float] = []
    own, step = float(best.params[design.position(term)]), permutations if passed is None else _LOOK
    for first in range(0, permutations, step):
        if passed is not None and sum(estimate >= own for estimate in out) >= passed:
            break
        part = slice(first, first + step)
        arriving = np.matmul(lag, moved[part].transpose(1, 2, 0)).transpose(2, 0, 1)
        columns = arriving.reshape(len(arriving), -1)
        # Where nothing moved the estimate is the border's own; where the likelihood falls from zero on, it is zero.
        same = (moved[part] == weights).all(axis=(1, 2))
        starts = ahead(columns)
        rising = (starts[:, at] > 0) & ~same
        every = np.broadcast_to(free, (int(rising.sum()), len(free)))
        column = Moving(at, columns[rising])
        fits = maximise_all(likelihood, starts[rising], every, 40, _REFIT_TOLERANCE, column, closed, 1)
        estimates = np.where(same, own, 0.0)
        estimates[rising] = [fit.params[at] for fit in fits]
        out += estimates.tolist()
    return np.array(out)


def _receiver(
    design: Design, target: str, best: FitResult, left_out: Term | None = None
) -> tuple[Likelihood, np.ndarray, np.ndarray]:
    """The rows of one receiving country; the parameters that they need; and which of them are free in a refit.

    What all countries share (the coefficient of domestic neighbours, the size's law) is not. ``left_out`` has a
    parameter, and no column.
    """
    block, prior, near = design.block(target), design.prior(), design.position(Term("domestic"))
    mine = block.slopes != near
    if left_out is not None:
        mine &= block.slopes != design.position(left_out)
    others = block.slopes[block.slopes != near]
    kept = np.unique([0, *block.levels, *others, design.size - 2, design.size - 1])
    own = replace(
        block,
        columns=block.columns[:, mine],
        levels=np.searchsorted(kept, block.levels),
        slopes=np.searchsorted(kept, block.slopes[mine]),
    )
    offset = best.params[near] * block.columns[:, block.slopes == near].sum(axis=1)
    free = np.isin(kept, [*block.levels, *others])
    return Likelihood([own], Prior(prior.precision[kept], prior.levels[kept]), [offset]), kept, free


def profile_intervals(
    design: Design, best: FitResult, terms: Sequence[Term], sds: Sequence[float], level: float = INTERVAL
) -> list[tuple[float, float]]:
    """Intervals of the borders into one country from their profile likelihoods; ``low`` is 0 where 0 is not excluded.

    What all countries share stays at its estimate: it is known far better than any border.
    """
    likelihood, kept, free = _receiver(design, terms[0].target, best)
    params, drop = best.params[kept], float(stats.chi2.ppf(level, 1))
    top = likelihood.value(params)
    searches, held = [], []
    for term, sd in zip(terms, sds, strict=True):
        at = int(np.searchsorted(kept, design.position(term)))
        centre = float(params[at])
        searches += [_lower_end(centre, drop), _crossing(centre, centre + 1.64 * max(sd, 1e-3), drop)]
        held += [at, at]

    def excess(which: Sequence[int], values: Sequence[float]) -> np.ndarray:
        at = np.array(held)[list(which)]
        starts, mine = (np.repeat(x[None], len(at), axis=0) for x in (params, free))
        starts[np.arange(len(at)), at] = values
        mine[np.arange(len(at)), at] = False
        fits = maximise_all(likelihood, starts, mine, 60, _PROFILE_TOLERANCE)
        return np.array([2 * (top - fit.loglike) - drop for fit in fits])

    ends = _together(searches, excess)
    return list(zip(ends[::2], ends[1::2], strict=True))


def _together(
    searches: Sequence[Search], excess: Callable[[Sequence[int], Sequence[float]], np.ndarray]
) -> list[float]:
    """Run searches side by side: each yields where it wants to know the excess, and returns what it found."""
    found, answers = [np.nan] * len(searches), dict.fromkeys(range(len(searches)))
    while answers:
        asked = {}
        for i, answer in answers.items():
            try:
                asked[i] = searches[i].send(answer)
            except StopIteration as end:
                found[i] = end.value
        if not asked:
            break
        answers = dict(zip(asked, excess([*asked], [*asked.values()]).tolist(), strict=True))
    return found


def _lower_end(centre: float, drop: float) -> Search:
    """Where the profile has fallen by ``drop`` below the centre; 0 where it never does."""
    if centre > 0 and (yield 0.0) > 0:
        return (yield from _crossing(centre, centre / 2, drop, floor=0.0))
    return 0.0


def _crossing(centre: float, guess: float, drop: float, floor: float | None = None) -> Search:
    """Where the profile has fallen by ``drop``, by secants on the root of the fall, kept inside a bracket."""
    inside, outside = centre, floor
    known = (centre, -np.sqrt(drop))
    for _ in range(10):
        root = np.sqrt(max((yield guess) + drop, 0.0)) - np.sqrt(drop)
        if abs(root) < 0.02:
            break
        inside, outside = (guess, outside) if root < 0 else (inside, guess)
        slope = (root - known[1]) / (guess - known[0])
        known, before = (guess, root), guess
        guess = guess - root / slope if slope else np.nan
        if outside is None:
            # Not yet passed: at most four times as far from the centre as before.
            far = centre + 4 * (before - centre)
            guess = min(guess, far) if guess > before else far
        elif not min(inside, outside) < guess < max(inside, outside):
            guess = (inside + outside) / 2
    return float(guess)
