"""How regions and months err together: a dependence template learned from past errors of the pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from ..margins import Margins
from ..record import PastErrors

#: How far the correlations are pulled to none. Without, half of the country totals fall into too narrow a middle; with
#: more, too many fall outside of the whole (docs/joint.md).
SHRINKAGE = 0.4
#: What one horizon's errors keep of another's where no past origin shows both: ``SERIAL[0] * SERIAL[1] ** months``.
SERIAL = (0.65, 0.92)
#: So many shared origins count as much as that: a dozen answer anything between none and all (docs/joint.md).
SERIAL_ORIGINS = 36.0
#: No correlation is taken to be larger; the rest of an error is always a region's own.
LARGEST = 0.9
#: A single surprise says no more than this many standard deviations.
_FAR_OUT = 4.0


def normal_scores(margins: Margins, observed: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes on the scale of a standard normal, and the variance that the forecast expected of them.

    A count falls on a whole step of its distribution function. The randomised transform draws a point of the step; this
    takes the mean of the normal scores over it, which correlates as they do, without the noise of the drawing.

    Parameters
    ----------
    margins : Margins
        (regions,).
    observed : numpy.ndarray
        Counts, (regions,).
    seen : numpy.ndarray
        bool, (regions,); both results are 0 where it is false.

    Examples
    --------
    >>> fair = Margins(np.array([[0.5, 1.0]]), np.array([0.5]))
    >>> score, spread = normal_scores(fair, np.array([1]), np.array([True]))
    >>> score.round(3).tolist(), spread.round(3).tolist()
    ([0.798], [0.637])
    """
    counts = np.where(seen, observed, 0).astype(np.int64)
    steps = np.concatenate([np.zeros((len(counts), 1)), margins.cdf], axis=1)
    score, share = _step_scores(steps)
    happened = _step_scores(np.stack([margins.at(counts - 1), margins.at(counts)], axis=1))[0][:, 0]
    return np.where(seen, happened, 0.0), np.where(seen, (score**2 * share).sum(axis=1), 0.0)


def _step_scores(steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean normal score over each step of a distribution function, and the step's height."""
    quantile = special.ndtri(np.clip(steps, 0.0, 1.0))
    density = np.exp(-0.5 * quantile**2) / np.sqrt(2 * np.pi)
    share = np.diff(steps, axis=1)
    return np.clip(-np.diff(density, axis=1) / np.maximum(share, 1e-12), -_FAR_OUT, _FAR_OUT), share


@dataclass(frozen=True)
class Template:
    """Correlations of a Gaussian copula with one factor for all, one per country and one per region.

    Attributes
    ----------
    horizons : tuple of int
    near, far : tuple of float
        Correlation of two regions of one country, and of two countries, per horizon; 0 <= far <= near < 1.
    serial : tuple of float
        Height and monthly decay of the correlation between two horizons.
    """

    horizons: tuple[int, ...]
    near: tuple[float, ...]
    far: tuple[float, ...]
    serial: tuple[float, float] = SERIAL

    def ranks(self, draws: int, countries: Sequence[str], rng: np.random.Generator) -> np.ndarray:
        """Ranks of correlated normal draws, (draws, horizons, regions), 0..draws-1.

        Examples
        --------
        >>> template = Template((1, 2), (0.5, 0.5), (0.1, 0.1))
        >>> ranks = template.ranks(4, ["MLI", "MLI", "NER"], np.random.default_rng(1))
        >>> ranks.shape, sorted(ranks[:, 0, 2].tolist())
        ((4, 2, 3), [0, 1, 2, 3])
        """
        codes, names = pd.factorize(np.asarray(countries, dtype=object), sort=True)
        near, far = np.array(self.near)[:, None], np.array(self.far)[:, None]
        months = np.array(self.horizons)
        joined = self.serial[0] * self.serial[1] ** np.abs(np.subtract.outer(months, months))
        np.fill_diagonal(joined, 1.0)
        root = np.linalg.cholesky(joined)

        def factor(columns: int) -> np.ndarray:
            return np.asarray(
                np.einsum("hk,dkr->dhr", root, rng.standard_normal((draws, len(months), columns)))
            )

        values = np.sqrt(far) * factor(1)
        values = values + np.sqrt(near - far) * factor(len(names))[:, :, codes]
        values += np.sqrt(1 - near) * factor(len(codes))
        ranks = np.empty(values.shape, dtype=np.int64)
        order = np.argsort(values, axis=0, kind="stable")
        np.put_along_axis(ranks, order, np.arange(draws)[:, None, None], axis=0)
        return ranks


def fit_template(
    past: Mapping[int, PastErrors],
    countries: Sequence[str],
    horizons: Sequence[int],
    shrinkage: float = SHRINKAGE,
) -> Template:
    """Learn the correlations from past errors.

    The correlation of a kind of pair is the sum of the products of their scores over the sum of the products of the
    variances that were expected of them, so that regions which can hardly surprise hardly count; for correlations as
    small as those of conflict counts that is all but exact. Between horizons it follows a straight line, and beyond the
    longest one known it stays as it is there.

    Parameters
    ----------
    past : mapping of int to PastErrors
        By horizon; at least one, and only origins whose outcome is known.
    countries : sequence of str
        Of each region.
    horizons : sequence of int
        Those that the template is for.
    shrinkage : float
        0 for the correlations themselves, 1 for none.

    Notes
    -----
    A Gaussian copula on counts: Panagiotelis, Czado & Joe (2012), doi:10.1080/01621459.2012.682850; learned from the
    errors of past forecasts as in the Schaake shuffle, Clark et al. (2004),
    doi:10.1175/1525-7541(2004)005<0243:TSSAMF>2.0.CO;2.
    """
    codes = pd.factorize(np.asarray(countries, dtype=object), sort=True)[0]
    known = sorted(past)
    at = np.clip(np.array(horizons), known[0], known[-1])
    sums = np.array([_pair_sums(past[h], codes) for h in known])
    near, far = (
        (1 - shrinkage) * _line(np.array(known), sums[:, kind, 0], sums[:, kind, 1], at) for kind in (0, 1)
    )
    near = np.maximum(near, far)
    return Template(tuple(horizons), tuple(near.tolist()), tuple(far.tolist()), _serial(past))


def _pair_sums(errors: PastErrors, codes: np.ndarray) -> np.ndarray:
    """Products of scores and of variances, summed over pairs of one country and of two; (2, 2)."""
    sums = np.zeros((2, 2))
    for column, values in enumerate((errors.score, errors.spread)):
        by_country = np.stack([values[:, codes == c].sum(axis=1) for c in range(codes.max() + 1)])
        home, alone = (by_country**2).sum(), (values**2).sum()
        sums[0, column] = home - alone
        sums[1, column] = (values.sum(axis=1) ** 2).sum() - home
    return sums


def _line(known: np.ndarray, products: np.ndarray, weights: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Correlations along a weighted straight line in the horizon, 0..LARGEST; none where no pair was seen."""
    used = weights > 1e-9
    if not used.any():
        return np.zeros(len(at))
    x, y, w = known[used], products[used] / weights[used], weights[used]
    middle = np.average(x, weights=w)
    across = np.average((x - middle) ** 2, weights=w)
    slope = np.average((x - middle) * y, weights=w) / across if across > 0 else 0.0
    return np.asarray(np.clip(np.average(y, weights=w) + slope * (at - middle), 0.0, LARGEST))


def _serial(past: Mapping[int, PastErrors]) -> tuple[float, float]:
    """Height and decay by least squares over all pairs of horizons that share origins."""
    lags, products, weights, most = [], [], [], 0
    for a in past:
        for b in (b for b in past if b > a):
            shared = sorted(set(past[a].origins) & set(past[b].origins))
            most = max(most, len(shared))
            i, j = ([past[h].origins.index(o) for o in shared] for h in (a, b))
            lags.append(b - a)
            products.append(float((past[a].score[i] * past[b].score[j]).sum()))
            weights.append(float((past[a].spread[i] * past[b].spread[j]).sum()))
    w = np.array(weights)
    if not (w > 1e-9).any():
        return SERIAL
    used = w > 1e-9
    found, lag = np.array(products)[used] / w[used], np.array(lags)[used]
    height, decay = np.meshgrid(np.linspace(0, LARGEST, 19), np.linspace(0.5, 1.0, 26), indexing="ij")
    missed = (w[used] * (height[..., None] * decay[..., None] ** lag - found) ** 2).sum(axis=-1)
    best = np.unravel_index(int(missed.argmin()), missed.shape)
    own = most / (most + SERIAL_ORIGINS)
    usual = [(1 - own) * value for value in SERIAL]
    return own * float(height[best]) + usual[0], own * float(decay[best]) + usual[1]
