"""A rival for sharpness: a negative binomial fitted to nothing but a region's own last months. Frozen code."""

from __future__ import annotations

import numpy as np
from scipy import special

from ..margins import Margins, negative_binomial

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
    return [_most_likely(*each) for each in zip(counts, seen, mean, strict=True)]


def _most_likely(counts: np.ndarray, seen: np.ndarray, mean: np.ndarray) -> Margins:
    """Of one origin: counts and whether they were observed, (months, regions), and their mean, (regions,)."""
    size = np.full(mean.shape, SIZES[0])
    some = mean > 0
    y, m, s = counts[:, some], mean[some], SIZES[:, None, None]
    each = special.gammaln(s + y) - special.gammaln(s)
    each += s * np.log(s / (s + m)) + special.xlogy(y, m / (s + m))
    size[some] = SIZES[np.where(seen[:, some], each, 0.0).sum(axis=1).argmax(axis=0)]
    return negative_binomial(mean, size)
