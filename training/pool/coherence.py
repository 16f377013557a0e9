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
#: Half-life of months that are counted, and months of its country's share that a region starts with, its country of
#: everybody's, and everybody of a half.
HALF_LIFE, START, FIRST = 60.0, 20.0, 1.0


def shares_without_deaths(panel: Panel, origin: pd.Period) -> np.ndarray:
    """How often a month with so many events has no recorded death, by region and class of :data:`CLASSES`.

    Learned from months up to ``origin``: a region's share is pulled to its country's, and that to everybody's; sources
    record events in which nobody is known to have died, some many and some none, and in some places events seldom kill.

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
    at = (np.searchsorted(CLASSES, n, side="right") - 1, regions)
    months, silent = np.zeros((2, len(CLASSES), len(country)))
    np.add.at(months, at, weight)
    np.add.at(silent, at, weight * (died == 0))
    of = np.eye(country.max(initial=0) + 1)[country]
    everybody = (silent.sum(axis=1) + FIRST / 2) / (months.sum(axis=1) + FIRST)
    usual = (silent @ of + START * everybody[:, None]) / (months @ of + START)
    usual = np.minimum.accumulate(usual, axis=0)[:, country]
    shares = (silent + START * usual) / (months + START)
    # Where many events seldom kill, fewer kill no more often.
    return np.asarray(np.maximum.accumulate(shares[::-1], axis=0)[::-1].T)


def coherent_deaths(deaths: Margins, chance: np.ndarray) -> Margins:
    """Deaths that are as likely as an event with a recorded death, and no likelier to be many once there are some.

    Parameters
    ----------
    deaths : Margins
        Of one month, (regions,).
    chance : numpy.ndarray
        :func:`chance_of_death`, (regions,).

    Returns
    -------
    Margins
        ``1 - chance`` at zero, and ``chance`` times the deaths given at least one.
    """
    return deaths.zero_adjusted(1 - chance)


def chance_of_death(events: Margins, without: np.ndarray) -> np.ndarray:
    """Of an event with a recorded death in a month, (regions,): that of an event, less those in which nobody died.

    Parameters
    ----------
    events : Margins
        Of the month, (regions,).
    without : numpy.ndarray
        :func:`shares_without_deaths`, (regions, classes).
    """
    reach = np.stack([events.prob_at_least(k) for k in CLASSES], axis=-1)
    share = reach - np.concatenate([reach[:, 1:], np.zeros((len(reach), 1))], axis=1)
    return np.asarray((share * (1 - without)).sum(axis=1))
