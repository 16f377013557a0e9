"""What a forecast of quiet regions follows, in a release and in a back-test alike: the model of onsets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...data.errors import ModelError
from ..margins import Margins
from ..onset import AHEAD, QUIET, OnsetFits, OnsetModel, OnsetModels
from .quiet import with_chance


@dataclass(frozen=True)
class OnsetsAhead:
    """The chance of a first event where it has been quiet, and how often others follow it.

    Attributes
    ----------
    model : OnsetModel
    within : numpy.ndarray
        ``P(first event within 1..6 months)``, (6, regions).
    quiet : numpy.ndarray
        Regions that were seen through six months without an event, bool (regions,).
    """

    model: OnsetModel
    within: np.ndarray
    quiet: np.ndarray

    @classmethod
    def of(cls, models: OnsetModels, fits: OnsetFits, month: pd.Period | None = None) -> OnsetsAhead:
        """Seen from a month; from the last one of the history where None."""
        from threadpoolctl import threadpool_limits

        history = fits.history
        month = history.months[-1] if month is None else month
        with threadpool_limits(1):
            within = models.onset_within(history, fits.problem, month)
        return cls(models.onset, within, history.quiet("all", QUIET)[history.row(month), : within.shape[1]])

    def chances(self) -> np.ndarray:
        """Of any event 1..6 months on, (6, regions); NaN where it has not been quiet."""
        return np.where(self.quiet, self.model.monthly(self.within), np.nan)

    def margins(self, pool: Margins, horizon: int) -> Margins:
        """The pool of events, (regions,), with the month's chance of any event where it has been quiet."""
        return pool if horizon > AHEAD else with_chance(pool, self.chances()[horizon - 1])

    def in_order(self, ranks: np.ndarray) -> np.ndarray:
        """Ranks of draws from the first month on, (draws, months, regions), in the order of first events."""
        out, months = ranks.copy(), min(ranks.shape[1], AHEAD)
        quiet = np.flatnonzero(self.quiet)
        out[:, :months, quiet] = self.model.in_order(ranks[:, :months, quiet], self.within[:, quiet])
        return out


def onset_chances(
    fits: OnsetFits, months: Sequence[pd.Period], models: OnsetModels | None = None
) -> dict[pd.Period, np.ndarray]:
    """What a release from each month would say of an event where it has been quiet.

    Parameters
    ----------
    fits : OnsetFits
        Of a history that holds the months.
    months : sequence of pandas.Period
        The last ones seen.
    models : OnsetModels, optional
        Those of the last December until each month where None.

    Returns
    -------
    dict of pandas.Period to numpy.ndarray
        Chance of at least one event 1..6 months after each month, (6, regions), NaN where it has not been quiet;
        without the months whose history is too short.
    """
    from threadpoolctl import threadpool_limits

    kept: dict[pd.Period, np.ndarray] = fits.kept if models is None else {}
    for month in months:
        if month not in kept:
            try:
                with threadpool_limits(1):
                    known = fits.at(month) if models is None else models
            except ModelError:
                continue
            kept[month] = OnsetsAhead.of(known, fits, month).chances()
    return {month: kept[month] for month in months if month in kept}
