"""Whether a border's signal can be distinguished from a shock that both of its sides share.

What A sends to B reaches B afterwards: A's past tells of B's present, A's future does not. A shock on both sides moves
A before, at and after the same time, so that A's future tells at least as much as its past. The past and its mirror
image, the future under the same weights, therefore get a coefficient each, and the past's has to be the larger one;
after Sims (1972), "Money, income, and causality", American Economic Review 62(4). What B itself is fitted to send to A
is taken out of A's future first, or a border that is open both ways would hide its own signal.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from .additive import Likelihood, Prior
from .design import LAG_HALF_LIVES, Design, Term
from .newton import FitResult, maximise

if TYPE_CHECKING:
    from .additive import Block

#: Level of the test, one-sided: under a shock that is as strong before as after, a tenth would pass.
SHOCK_TEST_LEVEL = 0.10


def shock_p_value(design: Design, best: FitResult, term: Term) -> float:
    """p-value of "the source's future tells as much as its past" for one border.

    Background levels and all coefficients of the receiving country are fitted, with one coefficient for past and
    future, and with one for each; what all countries share stays at its estimate.

    Returns
    -------
    float
        0..1; small where the past tells more, 1 where it tells less.
    """
    block, at = design.block(term.target), design.position(term)
    mirror = _mirror(design, best, term, block)
    separate = _with_mirror(design, best, block, at, mirror)
    past, future = float(separate.params[at]), float(separate.params[-3])
    together = _tied(design, separate, block, at, mirror)
    ratio = 2 * (separate.loglike - together.loglike)
    return 0.5 * float(stats.chi2.sf(ratio, 1)) if past > future and ratio > 0 else 1.0


def lead_means(counts: np.ndarray, half_life: float) -> np.ndarray:
    """Exponential mean of the months after each month, (months, regions); the last month has none, and zero.

    Examples
    --------
    >>> lead_means(np.array([[9.0], [2.0], [4.0]]), 1.0).ravel().round(3).tolist()
    [2.667, 4.0, 0.0]
    """
    out, decay = np.zeros(counts.shape), 0.5 ** (1 / half_life)
    total, weight = np.zeros(counts.shape[1]), 0.0
    for t in range(len(counts) - 2, -1, -1):
        total, weight = counts[t + 1] + decay * total, 1 + decay * weight
        out[t] = total / weight
    return out


def _mirror(design: Design, best: FitResult, term: Term, block: Block) -> np.ndarray:
    """What the source's future would send into every row of the block under the weights of the lag, (rows,)."""
    here, there = (np.flatnonzero(design.country == c) for c in (term.target, term.source))
    # Rows end one month before the last outcome, which is the last month that may be seen.
    seen = int(design.rows.max()) + 2
    counts = design.problem.counts[:seen, there].copy()
    back = Term("across", term.target, term.source)
    if back in design.terms:
        fed = design.lag[: seen - 1, here] @ design.far[np.ix_(there, here)].T
        counts[1:] -= float(best.params[design.position(back)]) * fed
    counts = np.maximum(counts, 0.0)
    leads = [share * lead_means(counts, h) for share, h in zip(design.shares, LAG_HALF_LIVES, strict=True)]
    mine = np.flatnonzero(design.country[design.regions] == term.target)
    arriving = design.kernel.excites(np.sum(leads, axis=0)) @ design.far[np.ix_(here, there)].T
    return np.asarray(arriving[design.rows[mine], block.region])


def _with_mirror(design: Design, best: FitResult, block: Block, at: int, mirror: np.ndarray) -> FitResult:
    """The receiver's fit with the future beside the past; its coefficient is the last before the size's law."""
    before, prior = design.size - 2, design.prior()
    precision = np.insert(prior.precision, before, prior.precision[at])
    rows = replace(
        block,
        columns=np.column_stack([block.columns, mirror]),
        slopes=np.append(block.slopes, before),
    )
    likelihood = Likelihood([rows], Prior(precision, np.insert(prior.levels, before, False)))
    return maximise(likelihood, np.insert(best.params, before, 0.05), _free(design, rows, design.size + 1))


def _tied(design: Design, separate: FitResult, block: Block, at: int, mirror: np.ndarray) -> FitResult:
    """The receiver's fit with one coefficient for past and future."""
    columns, prior = block.columns.copy(), design.prior()
    columns[:, np.flatnonzero(block.slopes == at)[0]] += mirror
    precision, start = prior.precision.copy(), np.delete(separate.params, -3)
    # One coefficient pays the penalty of both.
    precision[at] *= 2
    start[at] = (separate.params[at] + separate.params[-3]) / 2
    rows = replace(block, columns=columns)
    return maximise(
        Likelihood([rows], Prior(precision, prior.levels)), start, _free(design, rows, design.size)
    )


def _free(design: Design, rows: Block, size: int) -> np.ndarray:
    free = np.zeros(size, dtype=bool)
    free[np.concatenate([rows.levels, rows.slopes])] = True
    free[-2:] = True
    free[design.position(Term("domestic"))] = False
    return free
