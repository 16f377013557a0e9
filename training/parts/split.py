"""Draws of a total divided into draws of its parts, which add up in every draw.

Shares are Dirichlet in every month, that is gamma variables over their sum. From one month to the next a country's
shares stay as they are, or are drawn anew with the chance that gives them their persistence, so that every month has
the same distribution. A region takes part of its gamma variables from its country's, by thinning: beta times gamma is
gamma again. Given its shares, a month's total is multinomial.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..distribution import Draws
from .entries import Entering, Entries
from .shares import Shares


def split_draws(
    total: Draws, shares: Shares, rng: np.random.Generator, entries: Entries | None = None
) -> dict[str, Draws]:
    """Draws of the parts of a total.

    Parameters
    ----------
    total : Draws
        (draws, horizons, regions), counts >= 0.
    shares : Shares
        Of the same regions.
    rng : numpy.random.Generator
    entries : Entries, optional
        How often groups enter regions, where that is known; the shares decide elsewhere.

    Returns
    -------
    dict of str to Draws
        By part; draw by draw, region by region and month by month they add up to the total, and so do their means.
    """
    n, horizons, regions = total.values.shape
    out = np.zeros((len(shares.names), n, horizons, regions), dtype=total.values.dtype)
    draw, region = np.nonzero(total.values.any(axis=1))
    home = shares.countries[region]
    state = np.empty((len(draw), len(shares.names)))
    renewed: np.ndarray = np.ones((n, shares.countries.max(initial=-1) + 1), dtype=bool)
    entering = None if entries is None else Entering(entries, n, rng.spawn(1)[0])
    before = total.horizons[0]
    for h, ahead in enumerate(total.horizons):
        if h:
            renewed = rng.random(renewed.shape) >= shares.model.persistence ** (ahead - before)
        before = ahead
        anew = renewed[draw, home]
        state[anew] = _gamma(shares, n, draw[anew], region[anew], rng)
        counts = total.values[draw, h, region]
        some = counts > 0
        share = _shares_of(state[some], shares.mean[region[some]])
        parts = rng.multinomial(counts[some], share)
        if entering is not None:
            entering.follow(ahead, draw[some], region[some], share, parts)
        out[:, draw[some], h, region[some]] = parts.T
    expected = np.broadcast_to(shares.mean.T[:, None], (len(out), horizons, regions)).copy()
    if entering is not None:
        drawn, whole = out.mean(axis=1), total.values.mean(axis=0)
        listed = entering.listed.any(axis=0) & (whole > 0)
        expected[:, listed] = drawn[:, listed] / whole[listed]
    means = total.analytic_mean
    return {
        name: replace(
            total, values=out[k], target=name, analytic_mean=None if means is None else means * expected[k]
        )
        for k, name in enumerate(shares.names)
    }


def _gamma(
    shares: Shares, n: int, draw: np.ndarray, region: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Gamma variables for each pair of draw and region, partly those of the country, (pairs, parts)."""
    shape = shares.shape
    joint = shares.model.common * shape
    largest = np.zeros((shares.countries.max(initial=-1) + 1, shape.shape[1]))
    np.maximum.at(largest, shares.countries, joint)
    national = rng.standard_gamma(np.broadcast_to(largest, (n, *largest.shape)))
    rest = np.maximum(largest[shares.countries] - joint, 0)
    part = _beta(joint[region], rest[region], rng) * national[draw, shares.countries[region]]
    return np.asarray(part + rng.standard_gamma((shape - joint)[region]))


def _beta(a: np.ndarray, b: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Beta variables; 1 where nothing is taken away, 0 where nothing is left."""
    out = rng.beta(np.where(a > 0, a, 1.0), np.where(b > 0, b, 1.0))
    return np.asarray(np.where(a <= 0, 0.0, np.where(b <= 0, 1.0, out)))


def _shares_of(state: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Shares of gamma variables; the expected ones where all of these are too small to be told from zero."""
    whole = state.sum(axis=1, keepdims=True)
    share = np.where(whole > 1e-300, state / np.maximum(whole, 1e-300), mean)
    return np.asarray(share / share.sum(axis=1, keepdims=True))
