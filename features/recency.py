"""The day of a region's last event in each month, where incidents carry days."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from ..data.errors import SchemaError, UsageError, nearest
from ..data.panel import Panel


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
