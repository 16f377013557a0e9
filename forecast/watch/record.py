"""Earlier watch lists of entries, and what came: how far a list can be trusted."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...training.onset import OnsetFits, at_risk

#: Length of a list, and months that it is good for.
LISTED, GOOD_FOR = 5, 6
#: First month from which lists are looked back on, where the record is long enough.
FIRST = pd.Period("2015-12", freq="M")
RECORD_COLUMNS = (
    "origin_date",
    "group",
    "region_id",
    "country",
    "p_6",
    "rank",
    "rank_next_door",
    "listed",
    "entered",
    "first_month",
)


def record_table(fits: OnsetFits, month: pd.Period) -> pd.DataFrame:
    """Every half-year's list of each group until ``month``: the five highest, and every region that was entered.

    Parameters
    ----------
    fits : OnsetFits
    month : pandas.Period
        The last month seen; a list whose six months are not over is not judged.

    Returns
    -------
    pandas.DataFrame
        :data:`RECORD_COLUMNS`. ``rank_next_door`` is the rank by the group's events of twelve months in adjoining
        regions, the rival of every list.
    """
    history, tables = fits.history, []
    start = max(FIRST, history.months[0] + 95)
    ends = [m for m in history.months if m.month in (6, 12) and start <= m <= month - GOOD_FOR]
    for end in ends:
        model = fits.entry_from(fits.end_of(end))
        if model is None:
            break
        row = history.row(end)
        for group in history.groups:
            regions = np.flatnonzero(at_risk(history, group)[row] & history.recorded)
            chance = model.within(history, group, row, regions)[GOOD_FOR - 1]
            beside = (history.window(group, 12)[row] @ history.adjoining.T)[regions]
            later = history.events[group][row + 1 : row + 1 + GOOD_FOR][:, regions] > 0
            table = pd.DataFrame(
                {
                    "origin_date": end.end_time.date().isoformat(),
                    "group": group,
                    "region_id": np.array(history.region_ids, dtype=object)[regions],
                    "country": history.country_codes[regions],
                    "p_6": np.round(chance, 6),
                    "rank": _ranks(chance, beside),
                    "rank_next_door": _ranks(beside, chance),
                    "entered": later.any(axis=0),
                    "first_month": [
                        str(history.months[row + 1 + int(c.argmax())]) if c.any() else "" for c in later.T
                    ],
                }
            )
            table["listed"] = table["rank"] <= LISTED
            kept = table["listed"] | table["entered"] | (table["rank_next_door"] <= LISTED)
            tables.append(table[kept].sort_values("rank"))
    if not tables:
        return pd.DataFrame(columns=list(RECORD_COLUMNS))
    return pd.concat(tables, ignore_index=True)[list(RECORD_COLUMNS)]


def _ranks(score: np.ndarray, tie: np.ndarray) -> np.ndarray:
    """Ranks from the highest; equal scores by another, then by place."""
    order = np.lexsort((np.arange(len(score)), -tie, -score))
    out = np.empty(len(score), dtype=np.int64)
    out[order] = np.arange(1, len(score) + 1)
    return out
