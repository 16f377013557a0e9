"""What the violence consisted of: types, armed groups, days, deaths per event."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd

from ...data.errors import SchemaError, UsageError, nearest
from ...data.panel import Panel
from ..series import Array, View, window_means
from .term import COMPOSITION, RECENCY, Term, whole


@dataclass(frozen=True)
class Ratio(Term):
    """Sum of one measure over the sum of another in the last ``window`` months; missing where that is 0.

    Only months in which both were observed count.
    """

    group: ClassVar[str] = COMPOSITION
    NAME: ClassVar[str] = "{top}_per_{bottom}{window}"
    UNIT: ClassVar[str] = "{top} per {bottom}"

    top: str = "deaths_best"
    bottom: str = "events"
    window: int = whole(12, "the window")

    def reads(self) -> tuple[str | Term, ...]:
        """The two measures."""
        return self.top, self.bottom

    def compute(self, view: View, out: Array) -> None:
        """Write the values."""
        top, bottom = view.series(self.top), view.series(self.bottom)
        if top.observed is not bottom.observed:
            both = top.mask() & bottom.mask()
            top = type(top)(np.where(both, top.values, np.float32(0)), both)
            bottom = type(bottom)(np.where(both, bottom.values, np.float32(0)), both)
        pairs = zip(window_means(top, self.window), window_means(bottom, self.window), strict=True)
        for t, (above, below) in enumerate(pairs):
            out[t] = np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


@dataclass(frozen=True)
class Share(Term):
    """Share of the last ``window`` months' events of one type or armed group; missing without events."""

    group: ClassVar[str] = COMPOSITION
    NAME: ClassVar[str] = "share_{of}{window}"
    UNIT: ClassVar[str] = "share of events"

    of: str = "one_sided"
    window: int = whole(12, "the window")

    def reads(self) -> tuple[str | Term, ...]:
        """The type and all events."""
        return self.of, "events"

    def compute(self, view: View, out: Array) -> None:
        """Write the values."""
        Ratio(self.of, "events", self.window).compute(view, out)


@dataclass(frozen=True)
class DaysSince(Term):
    """Days from the last event to the end of the row's month; needs the measure ``last_day``.

    Missing before the first event, and after an unobserved month until the next event.
    """

    group: ClassVar[str] = RECENCY
    NAME: ClassVar[str] = "days_since_event"
    UNIT: ClassVar[str] = "days"

    of: str = "last_day"

    def months_read(self) -> tuple[int, None]:
        """No bound."""
        return 0, None

    def compute(self, view: View, out: Array) -> None:
        """Write the values."""
        series = view.series(self.of)
        days = view.panel.months.days_in_month.to_numpy()
        state = np.full(out.shape[1], np.nan, dtype=np.float32)
        for t, day in enumerate(series.values):
            state += days[t]
            if series.observed is not None:
                np.copyto(state, np.float32(np.nan), where=~series.observed[t])
            np.copyto(state, (days[t] - day).astype(np.float32), where=day > 0)
            out[t] = state


def with_last_day(panel: Panel, incidents: pd.DataFrame) -> Panel:
    """The panel with the measure ``last_day``: day of the month of the last event, 0 in a month without one.

    Parameters
    ----------
    panel : Panel
        Built from these incidents by the month of their end.
    incidents : pandas.DataFrame
        ``region_id`` and ``date_end`` (the last day on which an event may have happened), one row per event; rows of
        other regions, of other months, without a region, or with a reason in ``excluded`` do not count.

    Returns
    -------
    Panel

    Raises
    ------
    SchemaError
        If a column is missing.
    UsageError
        If there are aggregates among the incidents, which have no day.

    Examples
    --------
    >>> import pandas as pd
    >>> from harmattan.data.panel import Panel
    >>> panel = Panel.from_frame(pd.DataFrame({"month": ["2023-01"], "region_id": ["MLI-gao"], "events": [2]}))
    >>> days = pd.to_datetime(["2023-01-05", "2023-01-19"])
    >>> with_last_day(panel, pd.DataFrame({"region_id": "MLI-gao", "date_end": days})).measure("last_day").item()
    19.0
    """
    for column in ("region_id", "date_end"):
        if column not in incidents.columns:
            raise SchemaError(
                f"incidents have no column '{column}'.", remedy=nearest(column, map(str, incidents.columns))
            )
    if "record" in incidents.columns and (incidents["record"] == "aggregate").any():
        raise UsageError(
            "monthly aggregates carry no day.", remedy="Give single events, or leave DaysSince out."
        )
    rows = incidents
    if "excluded" in rows.columns:
        rows = rows[rows["excluded"].fillna("") == ""]
    rows = rows[rows["region_id"].isin(panel.region_ids)]
    end = pd.DatetimeIndex(rows["date_end"])
    month = np.asarray(end.to_period("M").astype("int64")) - panel.months[0].ordinal
    region = pd.Categorical(rows["region_id"], categories=list(panel.region_ids)).codes
    inside = (month >= 0) & (month < panel.shape[0])
    last = np.zeros(panel.shape, dtype=np.float32)
    np.maximum.at(last, (month[inside], region[inside]), end.day.to_numpy()[inside].astype(np.float32))
    last = np.where(panel.observed, last, np.float32(np.nan))
    return replace(panel, measures={**panel.measures, "last_day": last})
