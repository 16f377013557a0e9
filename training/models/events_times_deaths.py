"""Deaths as events times deaths per event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from scipy import sparse, special

from ...data.panel import TARGETS
from ..count_grid import EXACT, GRID, WIDTH
from ..margins import Margins, closed, negative_binomial
from .base import Member, Problem
from .boosted import BoostedEndemicEpidemic

#: What the law of the spread is chosen from: size of one event's deaths, and how it grows with their number.
SIZES = (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5)
POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)
#: Chance of more events than are distinguished.
RARE = 1e-5


class EventsTimesDeaths(Member):
    """The distribution of events, compounded with that of deaths given so many events.

    Deaths of ``n`` events are negative binomial with mean ``n m`` and size ``k n^a``: a sum of independent events would
    have ``a = 1``, battles that come in waves have less. Deaths per event ``m`` are the region's own of late, pulled to
    its country's, and these to everybody's.

    Parameters
    ----------
    events : BoostedEndemicEpidemic, optional
        A member fitted on events, of the same origin and horizon; fitted here when absent.
    half_life : float
        Months after which an event counts half in the deaths per event.
    region_events, country_events : float
        Events at the country's, and at everybody's, deaths per event that each region and country starts with.
    recency_half_life : float
        Months after which a region and month counts half when the spread is learned.
    """

    name: ClassVar[str] = "events_times_deaths"

    def __init__(
        self,
        events: BoostedEndemicEpidemic | None = None,
        half_life: float = 24.0,
        region_events: float = 10.0,
        country_events: float = 20.0,
        recency_half_life: float = 60.0,
    ) -> None:
        self.events = events
        self.half_life = half_life
        self.region_events = region_events
        self.country_events = country_events
        self.recency_half_life = recency_half_life

    def fit(self, problem: Problem, origin: pd.Period, horizon: int) -> Self:
        """Fit the events, then the spread of deaths given events, on everything known at ``origin``."""
        self.horizon_ = horizon
        events = self.events
        if events is None or getattr(events, "horizon_", None) != horizon:
            events = BoostedEndemicEpidemic().fit(as_events(problem), origin, horizon)
        self.events_ = events
        self.size_, self.power_ = self._spread(problem, origin)
        return self

    def deaths_per_event(self, problem: Problem, origin: pd.Period) -> np.ndarray:
        """Expected deaths of one event, (regions,), > 0."""
        events, deaths = self._known(problem, origin)
        weight = 0.5 ** (np.arange(len(events))[::-1, None] / self.half_life)
        n, died = (weight * events).sum(axis=0), (weight * deaths).sum(axis=0)
        everybody = (died.sum() + 1.0) / (n.sum() + 1.0)
        codes = pd.factorize(np.asarray(problem.panel.countries, dtype=object), sort=True)[0]
        by_country = (np.bincount(codes, died) + self.country_events * everybody) / (
            np.bincount(codes, n) + self.country_events
        )
        return np.asarray((died + self.region_events * by_country[codes]) / (n + self.region_events))

    def _known(self, problem: Problem, origin: pd.Period) -> tuple[np.ndarray, np.ndarray]:
        """Events and deaths up to the origin, both zero where deaths are not known, (months, regions) each."""
        stop = problem.row(origin) + 1
        events = problem.panel.measure(TARGETS["events"])[:stop].astype(float)
        return np.where(problem.observed[:stop], np.nan_to_num(events), 0.0), problem.counts[:stop]

    def _spread(self, problem: Problem, origin: pd.Period) -> tuple[float, float]:
        """Size and power with the highest weighted likelihood, from a small grid."""
        events, deaths = self._known(problem, origin)
        some = events > 0
        if not some.any():
            return 0.5, 1.0
        n, y = events[some], deaths[some]
        mean = (events * self.deaths_per_event(problem, origin))[some]
        age = np.arange(len(events))[::-1, None]
        weight = np.broadcast_to(0.5 ** (age / self.recency_half_life), events.shape)[some]

        def loglike(size: float, power: float) -> float:
            r = size * n**power
            value = special.gammaln(y + r) - special.gammaln(r) - r * np.log1p(mean / r)
            return float(weight @ (value + y * np.log(mean / (r + mean))))

        return max(((k, a) for k in SIZES for a in POWERS), key=lambda law: loglike(*law))

    def margins(self, problem: Problem, origin: pd.Period) -> Margins:
        """Compound margins, (regions,)."""
        events = self.events_.margins(as_events(problem), origin)
        each = self.deaths_per_event(problem, origin)
        none, region, n, weight = _event_numbers(events)
        given = negative_binomial(n * each[region], self.size_ * n**self.power_, RARE)
        cdf = (
            none[:, None]
            + sparse.csr_array((weight, np.arange(len(n)), np.searchsorted(region, np.arange(len(each) + 1))))
            @ given.cdf
        )
        return Margins(np.minimum(closed(cdf), 1.0), events.mean * each)

    def to_text(self) -> str:
        """The trees behind the events, in LightGBM's own text format; empty where there are none."""
        return self.events_.to_text()

    def to_json(self) -> dict[str, Any]:
        """What the text of the trees does not hold."""
        return {
            "name": self.name,
            "horizon": self.horizon_,
            "size": self.size_,
            "power": self.power_,
            "half_life": self.half_life,
            "region_events": self.region_events,
            "country_events": self.country_events,
            "events": self.events_.to_json(),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], trees: str = "") -> Self:
        """A fitted member from what :meth:`to_json` and :meth:`to_text` wrote."""
        names = ("half_life", "region_events", "country_events")
        member = cls(**{name: stored[name] for name in names})
        member.horizon_, member.size_, member.power_ = int(stored["horizon"]), stored["size"], stored["power"]
        member.events_ = BoostedEndemicEpidemic.from_json(stored["events"], trees)
        return member


def _event_numbers(events: Margins) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Chance of no event, (regions,); then region, number of events and its chance, in the order of regions.

    Numbers beyond what all but :data:`RARE` stay below count as the last one; those of a bin of the grid as its middle.
    """
    share = np.diff(events.cdf, axis=1, prepend=0.0)
    beyond = share[:, ::-1].cumsum(axis=1)[:, ::-1]
    kept = beyond > RARE
    kept[:, :2] = True
    last = kept.sum(axis=1) - 1
    share[np.arange(len(last)), last] = beyond[np.arange(len(last)), last]
    region, at = np.nonzero(kept[:, 1:])
    numbers = GRID[: events.points].astype(float)
    numbers[EXACT + 1 :] -= (WIDTH[EXACT : events.points - 1] - 1) / 2
    return share[:, 0], region, numbers[at + 1], share[region, at + 1]


def as_events(problem: Problem) -> Problem:
    """The same panel and features with events as target; made once, so that what it computes is kept."""
    cache: dict[str, Any] = problem.__dict__
    if "_as_events" not in cache:
        others = tuple(replace(other, target="events") for other in problem.also)
        cache["_as_events"] = replace(problem, target="events", also=others)
    found: Problem = cache["_as_events"]
    return found
