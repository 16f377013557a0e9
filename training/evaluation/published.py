"""What a release makes of its pools, done in a back-test too, so that what is judged is what is published."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ...data.errors import ModelError
from ..margins import Margins
from ..models.base import Problem
from ..onset import AHEAD, OnsetFits
from ..pool.coherence import chance_of_death, coherent_deaths, shares_without_deaths
from ..pool.onsets import onset_chances
from ..pool.quiet import with_chance

#: Regions beyond which they are cells, for which no onsets are forecast.
MOST_REGIONS = 1000


def events_first(problems: Iterable[Problem]) -> list[Problem]:
    """In the order in which they are forecast: what deaths there can be hangs on the events."""
    return sorted(problems, key=lambda p: p.target != "events")


def onsets_seen(
    problem: Problem,
    origins: Sequence[pd.Period],
    data_lag: int,
    refit_every: int,
    as_of: Callable[[Problem, pd.Period], Problem] | None,
) -> dict[pd.Period, np.ndarray]:
    """What releases from some origins say of quiet places, by the last month seen; only of events."""
    if problem.target != "events":
        return {}
    if as_of is None:
        return onset_chances(OnsetFits.of(problem), [origin - data_lag for origin in origins])
    found: dict[pd.Period, np.ndarray] = {}
    models = None
    for i, origin in enumerate(origins):
        fits, month = OnsetFits.of(as_of(problem, origin)), origin - data_lag
        if i % refit_every == 0:
            try:
                models = fits.at(month)
            except ModelError:  # too early to have learned anything
                continue
        if models is not None:
            found |= onset_chances(fits, [month], models)
    return found


@dataclass(frozen=True)
class Publication:
    """The last steps of one horizon's forecasts, target by target, events first.

    Attributes
    ----------
    onsets : mapping of pandas.Period to numpy.ndarray
        What :func:`onsets_seen` gives.
    ahead : int
        Months from the last one seen to the one that is forecast.
    keep : numpy.ndarray
        The scored regions, by position.
    seen : callable or None
        Gives the problem as it stood at an origin, where deaths are forecast too.
    deadly : dict
        By origin, the chance of an event with a recorded death, (scored regions,).
    """

    onsets: Mapping[pd.Period, np.ndarray]
    ahead: int
    keep: np.ndarray
    seen: Callable[[Problem, pd.Period], Problem] | None
    deadly: dict[pd.Period, np.ndarray] = field(default_factory=dict)

    def of(self, problem: Problem, origin: pd.Period, month: pd.Period, pool: Margins) -> Margins:
        """The pool of one target, (scored regions,), as it is published; ``month`` is the last one seen.

        Where it has been quiet events follow the model of onsets; deaths are as likely as an event with one.
        """
        if problem.target == "deaths" and origin in self.deadly:
            return coherent_deaths(pool, self.deadly[origin])
        if problem.target != "events":
            return pool
        if month in self.onsets and self.ahead <= AHEAD:
            pool = with_chance(pool, self.onsets[month][self.ahead - 1][self.keep])
        if self.seen is not None:
            panel = self.seen(problem, origin).panel
            self.deadly[origin] = chance_of_death(pool, shares_without_deaths(panel, month)[self.keep])
        return pool
