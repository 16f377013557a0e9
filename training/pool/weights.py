"""Weights of the linear pool: a small quadratic programme per horizon, over origins already scored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import optimize

from ..margins import Margins, coordinates, stack

#: How far learned weights are pulled to equal ones; few origins know little about many members.
SHRINKAGE = 0.5


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


def best_weights(error: np.ndarray, distance: np.ndarray, shrinkage: float = SHRINKAGE) -> np.ndarray:
    """Weights on the simplex with the lowest CRPS, pulled to equal ones.

    Parameters
    ----------
    error, distance : numpy.ndarray
        Mean of :func:`pool_terms` over past origins.
    shrinkage : float
        0 for the optimum itself, 1 for equal weights.

    Examples
    --------
    >>> best_weights(np.array([1.0, 5.0]), np.array([[0.5, 1.0], [1.0, 0.5]]), shrinkage=0.0).round(3).tolist()
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
    )
    best = np.clip(found.x, 0.0, None)
    weights = (1 - shrinkage) * best / best.sum() + shrinkage / n
    return np.asarray(weights / weights.sum())
