"""Civilian deaths: which of a month's deaths were civilians, given the types of its events."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy import special

from ...data import AGAINST_CIVILIANS
from ...data.panel import Panel
from ..distribution import Draws
from .divisions import Division

#: The target.
CIVILIANS = "deaths_civilians"
#: Months after which a month counts half; deaths that each share starts with.
HALF_LIFE, START = 36.0, 10.0
#: Concentrations that are tried.
SIZES = (0.3, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
EDGE = 1e-3


@dataclass(frozen=True)
class CivilianShare:
    """The share of civilians among deaths: beta, around the mean that the types of a month's events give.

    Attributes
    ----------
    against, otherwise : float
        Share of civilians among the deaths of events against civilians, and of all others, 0..1.
    weight : float
        Deaths of an event against civilians for each death of another event.
    size : float
        Concentration of the beta distribution.
    name : str
        The part that events against civilians are.
    """

    against: float
    otherwise: float
    weight: float
    size: float
    name: str

    @classmethod
    def fit(cls, panel: Panel, row: int) -> Self | None:
        """Learned from the months up to a row; None where types, deaths or civilian deaths are not known."""
        known = [f"events_{t}" for t in AGAINST_CIVILIANS if f"events_{t}" in panel.measures]
        if not known or not {"events", "deaths_best", CIVILIANS} <= set(panel.measures):
            return None
        month = slice(row + 1)
        events, deaths, civil = (
            np.nan_to_num(panel.measure(m)[month]).astype(float) for m in ("events", "deaths_best", CIVILIANS)
        )
        against = np.nan_to_num(panel.measure(known[0])[month]).astype(float)
        weight = np.broadcast_to(0.5 ** (np.arange(row, -1, -1)[:, None] / HALF_LIFE), events.shape)
        only, none = (against == events) & (events > 0), (against == 0) & (events > 0)

        def share(of: np.ndarray, by: np.ndarray, rows: np.ndarray, start: float) -> float:
            kept = weight[rows]
            return float(((kept * of[rows]).sum() + START * start) / ((kept * by[rows]).sum() + START))

        found = cls(
            share(civil, deaths, only, 1.0),
            share(civil, deaths, none, 0.05),
            share(deaths, events, only, 4.0) / share(deaths, events, none, 4.0),
            1.0,
            known[0],
        )
        some = (deaths > 0) & (events > 0)
        mean = found.mean(against[some], (events - against)[some])
        dead, civilians = deaths[some], np.minimum(civil, deaths)[some]
        scores = [(weight[some] * _log_likelihood(civilians, dead, mean, s)).sum() for s in SIZES]
        return replace(found, size=float(SIZES[int(np.argmax(scores))]))

    def mean(self, against: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Expected share of civilians, given events against civilians and other events (or their shares)."""
        heavy = self.weight * against
        whole = np.maximum(heavy + other, 1e-12)
        share = (heavy * self.against + other * self.otherwise) / whole
        return np.asarray(np.clip(share, EDGE, 1 - EDGE))

    def counts(
        self, deaths: np.ndarray, against: np.ndarray, events: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Civilian deaths for drawn deaths, events against civilians and all events, of one shape."""
        some = deaths > 0
        share = self.mean(against[some].astype(float), np.maximum(events - against, 0)[some].astype(float))
        values = np.zeros_like(deaths)
        values[some] = rng.binomial(deaths[some], rng.beta(self.size * share, self.size * (1 - share)))
        return values

    def draw(self, deaths: Draws, against: np.ndarray, events: np.ndarray, rng: np.random.Generator) -> Draws:
        """Draws of civilian deaths: never more than the deaths of the same draw.

        Parameters
        ----------
        deaths : Draws
        against, events : numpy.ndarray
            Events against civilians and all events of the same draws, (draws, horizons, regions).
        rng : numpy.random.Generator
        """
        values = self.counts(deaths.values, against, events, rng)
        mean = None
        if deaths.analytic_mean is not None:
            whole = np.maximum(deaths.values.mean(axis=0), 1e-12)
            mean = deaths.analytic_mean * (values.mean(axis=0) / whole)
        return replace(deaths, values=values, target=CIVILIANS, analytic_mean=mean)


def civilian_division(panel: Panel) -> Division:
    """Deaths divided into those of civilians and of all others."""
    civil, deaths = (np.nan_to_num(panel.measure(m)).astype(float) for m in (CIVILIANS, "deaths_best"))
    counts = np.stack([civil, np.maximum(deaths - civil, 0)], axis=-1)
    return Division.plain("deaths", "civilians", (CIVILIANS, "deaths_others"), counts, panel.observed)


def _log_likelihood(k: np.ndarray, n: np.ndarray, mean: np.ndarray, size: float) -> np.ndarray:
    """Of the beta-binomial distribution."""
    a, b = size * mean, size * (1 - mean)
    return np.asarray(special.betaln(a + k, b + n - k) - special.betaln(a, b))
