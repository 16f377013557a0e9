"""The watch list of one month: data, models, tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...data.errors import ModelError, OriginError
from ...data.panel import Panel
from ...data.show import Brief
from ...training.models.base import Problem
from ...training.onset import (
    OnsetFits,
    OnsetModels,
    history_of,
)
from .past import score_recent
from .record import RECORD_COLUMNS, record_table
from .tables import chances_of, entry_table, listed_chances, onset_table, route_table
from .words import notes_on_list, record_sentences

if TYPE_CHECKING:
    from ...data.geography import Regions
    from ...training.trained_model import TrainedModel
    from ..inputs import Inputs
    from ..settings import Settings

#: More regions than this are cells, and a map of risk at that scale is too weak to be published.
MOST_REGIONS = 1500


@dataclass(frozen=True, repr=False)
class WatchList(Brief):
    """Who comes next, seen from one month.

    Attributes
    ----------
    origin : pandas.Period
    watchlist, onsets, record : pandas.DataFrame
        Entries by group and region, onsets of any violence, earlier lists and what came.
    routes : pandas.DataFrame
        Where the pressure on each region of the lists comes from.
    notes : tuple of str
        How often silent groups came back, and what is missing.
    entering : mapping of str to numpy.ndarray
        By group, ``P(entry within 1..6 months)`` where the list has one, (6, regions with a record); NaN elsewhere.
    """

    origin: pd.Period
    watchlist: pd.DataFrame
    onsets: pd.DataFrame
    record: pd.DataFrame
    routes: pd.DataFrame
    notes: tuple[str, ...] = field(default=())
    entering: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """By the name of their file."""
        return {
            "watchlist.csv": self.watchlist,
            "onsets.csv": self.onsets,
            "watch_routes.csv": self.routes,
            "watch_record.csv": self.record,
        }

    @property
    def sentences(self) -> tuple[str, ...]:
        """What the record says, and the notes."""
        return (*record_sentences(self.record), *self.notes)


def watch_list(
    fits: OnsetFits,
    origin: pd.Period,
    lag: int = 0,
    models: OnsetModels | None = None,
    record: pd.DataFrame | None = None,
) -> WatchList:
    """The lists of one month.

    Parameters
    ----------
    fits : OnsetFits
        Of the history and problem up to ``origin``, at least.
    origin : pandas.Period
        The last month that is over; the last published is ``lag`` months before.
    models : OnsetModels, optional
        Trained ones; fitted at the last December where None.
    record : pandas.DataFrame, optional
        Earlier lists and what came, where they are known already.
    """
    history, month = fits.history, origin - lag
    models = models or fits.at(month)
    found = chances_of(models, history, fits.problem, month, lag)
    past = record_table(fits, month) if record is None else record
    notes = notes_on_list(models, history, fits.problem.panel, month)
    entries, onsets = entry_table(found, history, month), onset_table(found, history, month)
    entering = listed_chances(found, entries, fits.problem.panel.region_ids)
    routes = route_table(entries, onsets, history, month)
    return WatchList(origin, entries, onsets, past, routes, tuple(notes), entering)


def fit_watch(
    problem: Problem, origin: pd.Period, scored: int = 0
) -> tuple[str | None, dict[str, pd.DataFrame]]:
    """Models of onset and entry as text, None where the history is too short, and what earlier lists were worth.

    Returns
    -------
    tuple of (str or None, dict)
        The models, and tables by name: ``watch_record``, and where ``scored`` past lists are asked for also those of
        :func:`score_recent`.
    """
    fits = OnsetFits.of(problem)
    try:
        text, tables = fits.at(origin).to_text(), {"watch_record": record_table(fits, origin)}
    except ModelError:
        return None, {"watch_record": pd.DataFrame(columns=list(RECORD_COLUMNS))}
    if scored:
        tables |= score_recent(fits, origin, scored)
    return text, tables


def served_fits(
    trained: TrainedModel, problem: Problem, training: Sequence[Panel], around: Regions | None
) -> OnsetFits | None:
    """What a trained model's onset and entry models look at, up to a problem's last month; None where it has none."""
    if trained.onset is None:
        return None
    origin = problem.panel.months[-1]
    others = [p.until(min(origin, p.months[-1])) for p in training]
    return OnsetFits(history_of(problem.panel, others, around), problem)


def list_of(trained: TrainedModel, fits: OnsetFits) -> WatchList:
    """The list of a trained model at the last month of what it looks at."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        record = trained.table("watch_record")
        if "of" not in record:  # trained before onsets were recorded
            record = record.assign(of="entry")[list(RECORD_COLUMNS)]
        return watch_list(fits, fits.history.months[-1], models=trained.onset, record=record)


def run_watch(
    settings: Settings, inputs: Inputs | None = None, progress: Callable[[str, float], None] | None = None
) -> WatchList:
    """The watch list of the settings' origin.

    Parameters
    ----------
    settings : Settings
        Source, origin.
    inputs : Inputs, optional
        What was read already.

    Raises
    ------
    HarmattanError
        Input that cannot be read, or a history that is too short.
    """
    from threadpoolctl import threadpool_limits

    say = progress or (lambda stage, share: None)
    say("data", 0.0)
    fits = fits_of(settings, inputs)
    say("models", 0.2)
    with threadpool_limits(1):
        return watch_list(fits, fits.history.months[-1])


def fits_of(settings: Settings, inputs: Inputs | None = None, last: pd.Period | None = None) -> OnsetFits:
    """History and problem of the settings, up to the origin, with nothing fitted yet."""
    from ...training.problems import build_problems
    from ..loading import load_inputs

    read = load_inputs(settings) if inputs is None else inputs
    newest = read.panel.last_month
    origin = newest if settings.as_of is None else pd.Period(settings.as_of, freq="M")
    if origin > newest:
        raise OriginError(
            f"{origin} is after the last month of data, {newest}.", remedy="Choose an earlier month."
        )
    if last is not None:
        origin = min(origin, last)
    panel = read.panel.until(origin)
    if panel.shape[1] > MOST_REGIONS:
        raise ModelError(
            f"{panel.shape[1]} regions are too fine for a watch list.", remedy="Give first-level regions."
        )
    training = [p.until(min(origin, p.months[-1])) for p in read.training]
    problem = build_problems(panel, ["events"], training)["events"]
    return OnsetFits(history_of(panel, training, read.around), problem)
