"""Who is where: events of each armed group in each region, as the record has them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...data.panel import Panel
from ..release import enough_events
from .names import part_label

#: Windows of months that events are counted over.
WINDOWS = (1, 3, 12)
ACTOR_COLUMNS = (
    *("region_id", "name", "country", "group", "label", "events_1", "events_3", "events_12"),
    *("events_all", "first_event", "last_event", "one_sided_share", "past_events"),
)


def group_measures(panel: Panel) -> dict[str, str]:
    """Armed groups of a panel by name, with their measures; the rest, which is no group, is left out."""
    from ...training.parts import groups_of

    return {g: f"events_{g}" for g in groups_of(panel) if g != "other"}


def actors_table(panel: Panel) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every armed group in every region where it has been, and what is withheld.

    Parameters
    ----------
    panel : Panel
        Up to the origin.

    Returns
    -------
    kept, withheld : pandas.DataFrame
        :data:`ACTOR_COLUMNS`: events of the last 1, 3 and 12 months and of all, the first and last month with an
        event, the share of them that were against civilians (0..1; missing where that is not known), and the group's
        events in the whole country. Groups of too few past events in a country are withheld.

    Examples
    --------
    >>> frame = pd.DataFrame({"month": ["2023-01", "2023-02"], "region_id": "MLI-gao", "events": [9, 5]})
    >>> actors_table(Panel.from_frame(frame.assign(events_adf=[9, 2])))[0][["group", "events_3"]].values.tolist()
    [['adf', 11]]
    """
    countries, months = np.asarray(panel.countries, dtype=object), panel.months.astype(str).to_numpy()
    rows = []
    for group, measure in group_measures(panel).items():
        events = np.nan_to_num(panel.measure(measure)).astype(float)
        civil = panel.measures.get(f"against_civilians_{group}")
        for i in np.flatnonzero(events.sum(axis=0) > 0):
            own, there = events[:, i], np.flatnonzero(events[:, i] > 0)
            counted = [round(float(own[-w:].sum())) for w in WINDOWS]
            share = np.nan if civil is None else float(np.nansum(civil[:, i]) / own.sum())
            share = share if share <= 1 else np.nan
            past = round(float(events[:, countries == countries[i]].sum()))
            about = (panel.region_ids[i], panel.names[i], countries[i], group, part_label(measure, panel))
            span = (round(float(own.sum())), months[there[0]], months[there[-1]])
            rows.append((*about, *counted, *span, round(share, 4), past))
    table = pd.DataFrame(rows, columns=list(ACTOR_COLUMNS)).astype({"past_events": "Int64"})
    table = table.sort_values(["region_id", "group"], ignore_index=True)
    kept, withheld = enough_events(table.assign(source_country=table["country"]))
    return kept[list(ACTOR_COLUMNS)], withheld.assign(file="actors.csv")
