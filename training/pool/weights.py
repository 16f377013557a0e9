"""Weights of the linear pool: a small quadratic programme per horizon, over origins already scored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import optimize

from ..margins import Margins, coordinates, stack

#: How far learned weights may be pulled to those of the start: few origins know little about many members. Which is
#: best is learned from past origins; another than the usual one has to have been better by a share of the CRPS.
SHRINKAGES = (0.0, 0.1, 0.25, 0.5)
USUAL_SHRINKAGE, CLEARLY = 0.1, 0.005
#: So many origins, divided by those that were scored, is the least pull: a dozen know half of it.
UNSURE = 6.0


def pool_terms(
    members: Sequence[Margins], observed: np.ndarray, seen: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The two terms of the pool's CRPS at one origin, averaged over the observed regions.

    The CRPS of a linear pool is ``w a - 1/2 w B w`` with ``a_m = E|X_m - y|`` and ``B_mn = E|X_m - X'_n|``.

    Parameters
    ----------
    members : sequence of Margins
        (regions,) each.
    observed : numpy.ndarray
        Outcomes, (regions,), counts.
    seen : numpy.ndarray
        Whether each was observed, bool, (regions,).

    Returns
    -------
    tuple of numpy.ndarray
        ``a`` (members,), ``B`` (members, members), in counts.
    """
    counts = np.where(seen, observed, 0).astype(np.int64)
    error = np.array([m.absolute_error(counts)[seen].mean() for m in members])
    # sum_k F(1 - G) + G(1 - F), for all pairs at once.
    cdf = stack(members).cdf[:, seen]
    below, above = (coordinates(f).reshape(len(members), -1) for f in (cdf, 1 - cdf))
    across = below @ above.T
    return error, (across + across.T) / max(int(seen.sum()), 1)


def best_weights(error: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Weights on the simplex with the lowest CRPS; any of them may be zero.

    Parameters
    ----------
    error, distance : numpy.ndarray
        Mean of :func:`pool_terms` over past origins.

    Examples
    --------
    >>> best_weights(np.array([1.0, 5.0]), np.array([[0.5, 1.0], [1.0, 0.5]])).round(3).tolist()
    [1.0, 0.0]
    """
    n = len(error)
    found = optimize.minimize(
        lambda w: w @ error - 0.5 * w @ distance @ w,
        np.full(n, 1 / n),
        jac=lambda w: error - distance @ w,
        bounds=[(0.0, 1.0)] * n,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones(n)},
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 300},
    )
    # What the search leaves of a member that is of no use is dust.
    best = np.where(found.x > 1e-9, found.x, 0.0)
    return np.asarray(best / best.sum())


def shrunk(weights: np.ndarray, pull: float, start: np.ndarray | None = None) -> np.ndarray:
    """Weights (members,) moved towards those of the start, or equal ones: 0 leaves them, 1 makes them those."""
    aim = np.full(len(weights), 1 / len(weights)) if start is None else start
    return np.asarray((1 - pull) * weights + pull * aim)


def trial_scores(
    best: np.ndarray, error: np.ndarray, distance: np.ndarray, start: np.ndarray | None = None
) -> np.ndarray:
    """CRPS of each of :data:`SHRINKAGES` at one origin, (shrinkages,), given the best weights of then."""
    each = np.array([shrunk(best, pull, start) for pull in SHRINKAGES])
    return np.asarray(each @ error - 0.5 * np.einsum("pm,mn,pn->p", each, distance, each))


def choose_shrinkage(trials: np.ndarray) -> float:
    """The pull that did best at past origins, (origins, pulls); the usual one where none was clearly better.

    Examples
    --------
    >>> better, hardly = np.array([[1.0, 1.0, 0.9, 1.0]]), np.array([[0.999, 1.0, 1.0, 1.0]])
    >>> [choose_shrinkage(each.repeat(n, axis=0)) for each, n in ((better, 60), (hardly, 60), (hardly, 12))]
    [0.25, 0.1, 0.5]
    """
    score = trials.mean(axis=0)
    usual = SHRINKAGES.index(USUAL_SHRINKAGE)
    pull = SHRINKAGES[int(score.argmin())] if score.min() < (1 - CLEARLY) * score[usual] else USUAL_SHRINKAGE
    return max(pull, min(UNSURE / len(trials), 1.0))
