"""A rival for sharpness: a negative binomial fitted to nothing but a region's own last months. Frozen code."""

from __future__ import annotations

import numpy as np
from scipy import special

from ..distribution import Margins, negative_binomial

#: What it is called in tables.
RIVAL = "negative_binomial_12"
#: Sizes that are tried; the largest is as good as a Poisson distribution.
SIZES = np.geomspace(0.05, 1e4, 120)


def rival_margins(history: np.ndarray) -> list[Margins]:
    """Maximum-likelihood negative binomials of the last months, one set per origin.

    The mean is that of the months; the size has the highest likelihood on a grid. Months that were not observed are
    left out, and a region without an event is certain to have none.

    Parameters
    ----------
    history : numpy.ndarray
        Counts, (origins, months, regions); NaN where not observed.

    Returns
    -------
    list of Margins
        One per origin, (regions,) each.

    Examples
    --------
    >>> m = rival_margins(np.array([[[0.0, 2.0], [0.0, 4.0]]]))[0]
    >>> m.mean.tolist(), m.cdf[0, 0].tolist()
    ([0.0, 3.0], 1.0)
    """
    seen = np.isfinite(history)
    counts = np.where(seen, history, 0.0)
    mean = counts.sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    best, size = np.full(mean.shape, -np.inf), np.full(mean.shape, SIZES[-1])
    for s in SIZES:
        center = mean[:, None]
        each = special.gammaln(s + counts) - special.gammaln(s)
        each += s * np.log(s / (s + center)) + special.xlogy(counts, center / (s + center))
        likelihood = np.where(seen, each, 0.0).sum(axis=1)
        size = np.where(likelihood > best, s, size)
        best = np.maximum(best, likelihood)
    return [negative_binomial(m, k) for m, k in zip(mean, size, strict=True)]
