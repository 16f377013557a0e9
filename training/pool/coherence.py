"""What is said of two targets must fit together: no death without an event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...data.panel import TARGETS
from ..margins import Margins

if TYPE_CHECKING:
    from ...data.panel import Panel

#: Lower edges of the classes of a month's events.
CLASSES = (1, 2, 3, 5, 10)
#: Half-life of months that are counted, and months of everybody's share that a country starts with, and everybody too
#: (half of those without a recorded death).
HALF_LIFE, START, FIRST = 60.0, 20.0, 1.0


def shares_without_deaths(panel: Panel, origin: pd.Period) -> np.ndarray:
    """How often a month with so many events has no recorded death, by region and class of :data:`CLASSES`.

    Learned from months up to ``origin``, country by country, pulled to everybody's share; sources record events in
    which nobody is known to have died, some many and some none.

    Parameters
    ----------
    panel : Panel
        With events and deaths; a month in which deaths are not known teaches nothing.
    origin : pandas.Period

    Returns
    -------
    numpy.ndarray
        (regions, classes), 0..1, never rising with the number of events.
    """
    stop = panel.position(origin) + 1
    events, deaths = (panel.measure(TARGETS[t])[:stop].astype(float) for t in ("events", "deaths"))
    rows, regions = np.nonzero((np.nan_to_num(events) >= 1) & np.isfinite(deaths))
    n, died = events[rows, regions], deaths[rows, regions]
    weight = 0.5 ** ((stop - 1 - rows) / HALF_LIFE)
    country = pd.factorize(np.asarray(panel.countries, dtype=object), sort=True)[0]
    at = (np.searchsorted(CLASSES, n, side="right") - 1, country[regions])
    months, silent = np.zeros((2, len(CLASSES), country.max(initial=0) + 1))
    np.add.at(months, at, weight)
    np.add.at(silent, at, weight * (died == 0))
    everybody = (silent.sum(axis=1) + FIRST / 2) / (months.sum(axis=1) + FIRST)
    shares = (silent + START * everybody[:, None]) / (months + START)
    return np.asarray(np.minimum.accumulate(shares, axis=0).T[country])


def coherent_deaths(deaths: Margins, events: Margins, without: np.ndarray) -> Margins:
    """Deaths whose chance of at least one is no more than that of an event with a recorded death.

    Parameters
    ----------
    deaths, events : Margins
        Of one month, (regions,).
    without : numpy.ndarray
        :func:`shares_without_deaths`, (regions, classes).

    Returns
    -------
    Margins
        ``deaths`` where they fit already; elsewhere ``1 - p`` at zero and ``p`` times the deaths given at least one.
    """
    return at_most(deaths, chance_of_death(events, without))


def chance_of_death(events: Margins, without: np.ndarray) -> np.ndarray:
    """Of an event with a recorded death, (regions,); parameters as for :func:`coherent_deaths`."""
    reach = np.stack([events.prob_at_least(k) for k in CLASSES], axis=-1)
    share = reach - np.concatenate([reach[:, 1:], np.zeros((len(reach), 1))], axis=1)
    return np.asarray((share * (1 - without)).sum(axis=1))


def at_most(deaths: Margins, limit: np.ndarray) -> Margins:
    """Deaths whose chance of at least one is no more than ``limit``, (regions,)."""
    too_much = deaths.prob_at_least(1) > limit
    if not too_much.any():
        return deaths
    moved = deaths.zero_adjusted(np.where(too_much, 1 - limit, deaths.cdf[:, 0]))
    return Margins(
        np.where(too_much[:, None], moved.cdf, deaths.widened(moved.points).cdf),
        np.where(too_much, moved.mean, deaths.mean),
    )
