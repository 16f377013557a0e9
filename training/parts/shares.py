"""Shares of a total: exponentially weighted own history, shrunk to the country's and the whole's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .divisions import Division


@dataclass(frozen=True)
class ShareModel:
    """How shares are learned and how they move; chosen on 2012-2017 and 2018-2022 together (docs/parts.md).

    Attributes
    ----------
    half_life : float
        Months after which an event counts half.
    country, region : float
        Events of the whole's shares that a country starts with, and of the country's that a region does.
    ceiling : float
        Events that the longest history is worth at most: shares are never known better.
    persistence : float
        Correlation of a region's share with that of the month before, 0..1.
    common : float
        How much of a region's share moves with its country's, 0..1.
    """

    half_life: float = 9.0
    country: float = 3.0
    region: float = 4.0
    ceiling: float = 4.0
    persistence: float = 0.8
    common: float = 0.4

    def at(self, division: Division, countries: Sequence[str], row: int) -> Shares:
        """Shares as they are known at a row of the panel; later rows are not looked at.

        Parameters
        ----------
        division : Division
        countries : sequence of str
            Country of each region.
        row : int
            The origin's row.
        """
        weight = 0.5 ** (np.arange(row, -1, -1) / self.half_life)
        own = np.tensordot(weight, division.counts[: row + 1], axes=1)
        of_country = pd.factorize(np.asarray(countries, dtype=object), sort=True)[0]
        home = np.eye(of_country.max(initial=-1) + 1)[of_country]
        national = home.T @ own
        whole = national.sum(axis=0) + 0.5 / own.shape[1]
        whole = whole / whole.sum()
        level = (national + self.country * whole) / (national.sum(axis=1, keepdims=True) + self.country)
        known = own.sum(axis=1)
        mean = (own + self.region * level[of_country]) / (known + self.region)[:, None]
        unknown = np.where(division.known, 0.0, mean)
        mean = mean - unknown
        mean[:, -1] += unknown.sum(axis=1)
        size = 1 / (1 / (known + self.region) + 1 / self.ceiling)
        return Shares(division.names, mean, size, of_country, self)


@dataclass(frozen=True)
class Shares:
    """Shares at one origin: Dirichlet in every month.

    Attributes
    ----------
    names : tuple of str
        The parts.
    mean : numpy.ndarray
        Expected share of each part, (regions, parts); adds up to 1.
    size : numpy.ndarray
        Concentration of the Dirichlet distribution, (regions,).
    countries : numpy.ndarray
        Number of each region's country, (regions,).
    model : ShareModel
    """

    names: tuple[str, ...]
    mean: np.ndarray
    size: np.ndarray
    countries: np.ndarray
    model: ShareModel

    @property
    def shape(self) -> np.ndarray:
        """Parameters of the Dirichlet distributions, (regions, parts)."""
        return np.asarray(self.mean * self.size[:, None])
