"""Earlier watch lists of entries and onsets, and what came: how far a list can be trusted."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...data.errors import ModelError
from ...data.frames import rows_of
from ...training.onset import QUIET, EventHistory, OnsetFits, at_risk
from .tables import has_number

#: Length of a list, and months that it is good for.
LISTED, GOOD_FOR = 5, 6
#: Months that lists of entries and of onsets are looked back on; the latter cost more. Months before the first list.
LOOK_BACK, ONSETS_BACK, EARLIEST = 96, 72, 95
RECORD_COLUMNS = (
    "origin_date",
    "of",
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


def record_table(fits: OnsetFits, month: pd.Period, since: pd.Period | None = None) -> pd.DataFrame:
    """Every half-year's lists until ``month``: the five highest, and every region where it came.

    Parameters
    ----------
    fits : OnsetFits
    month : pandas.Period
        The last month seen; a list whose six months are not over is not judged.
    since : pandas.Period, optional
        The first list; eight years back where None, for onsets six: fifty rows or more.

    Returns
    -------
    pandas.DataFrame
        :data:`RECORD_COLUMNS`, ``of`` each group's entries and onsets of any violence. ``rank_next_door`` is the rank
        by events of twelve months in adjoining regions, the rival of every list. Ranks are among all regions
        at risk that have a record; ``p_6`` is missing where the list gave no number.
    """
    history, tables = fits.history, []
    earliest, own = history.months[0] + EARLIEST, int(history.recorded.sum())
    start = max(month - LOOK_BACK if since is None else since, earliest)
    onsets = max(month - ONSETS_BACK if since is None else since, earliest)
    for end in (m for m in history.months if m.month in (6, 12) and start <= m <= month - GOOD_FOR):
        row, model = history.row(end), fits.entry_from(fits.end_of(end))
        for group in history.groups if model is not None else ():
            assert model is not None
            regions = np.flatnonzero(at_risk(history, group)[row] & history.recorded)
            chance = model.within(history, group, row, regions)[GOOD_FOR - 1]
            table = _judged(history, row, regions, chance, group).assign(of="entry", group=group)
            stated = dict(zip(history.region_ids, has_number(history, group, row), strict=True))
            tables.append(table.assign(p_6=table["p_6"].where(table["region_id"].map(stated))))
        if end < onsets:
            continue
        regions = np.flatnonzero(history.quiet("all", QUIET)[row, :own])
        try:
            chance = fits.at(end).onset_within(history, fits.problem, end)[GOOD_FOR - 1, regions]
        except ModelError:  # too early to have learned anything
            continue
        tables.append(_judged(history, row, regions, chance, "all").assign(of="onset", group=""))
    if not tables:
        return pd.DataFrame(columns=list(RECORD_COLUMNS))
    return pd.concat(tables, ignore_index=True)[list(RECORD_COLUMNS)]


def _judged(
    history: EventHistory, row: int, regions: np.ndarray, chance: np.ndarray, of: str
) -> pd.DataFrame:
    """The list seen at ``row`` as it is kept, and what came of such events."""
    beside = (history.window(of, 12)[row] @ history.adjoining.T)[regions]
    later = history.events[of][row + 1 : row + 1 + GOOD_FOR][:, regions] > 0
    table = pd.DataFrame(
        {
            "origin_date": history.months[row].end_time.date().isoformat(),
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
    return table[kept].sort_values("rank")


def _ranks(score: np.ndarray, tie: np.ndarray) -> np.ndarray:
    """Ranks from the highest; equal scores by another, then by place."""
    order = np.lexsort((np.arange(len(score)), -tie, -score))
    out = np.empty(len(score), dtype=np.int64)
    out[order] = np.arange(1, len(score) + 1)
    return out


def lists_page(record: pd.DataFrame) -> str:
    """Every list and what came, as the Markdown of docs/watch_lists.md.

    Parameters
    ----------
    record : pandas.DataFrame
        :func:`record_table`.
    """
    lines = [
        "# Every watch list, and what came",
        "",
        "Written by `harmattan watch --evaluate --out FOLDER` (`lists.md`): for the end of each half-year the five",
        "highest of the list as it would have been made then, in bold where it came within six months. Ranks are",
        "among all regions at risk that have a record, also where the list gave no number or, with fewer than ten",
        "events of the group within 300 km, did not name it.",
    ]
    for (of, group), rows in record.groupby(["of", "group"]):
        lines += ["", f"## Entries: {group}" if of == "entry" else "## Onsets of any violence", ""]
        lines += ["| list of the end of | five highest | came, and not listed |", "|---|---|---|"]
        for end, part in rows.groupby("origin_date"):
            five = [
                f"**{r.region_id}** ({r.first_month})" if r.entered else str(r.region_id)
                for r in rows_of(part[part["listed"]].sort_values("rank"))
            ]
            missed = [
                f"{r.region_id} (rank {r.rank}, next door {r.rank_next_door})"
                for r in rows_of(part[~part["listed"] & part["entered"]])
            ]
            lines.append(f"| {str(end)[:7]} | {', '.join(five)} | {', '.join(missed) or 'none'} |")
    lines += ["", "## Every entry, by country", ""]
    lines += ["| region | group | entered | list of the end of | rank | rank next door | chance stated |"]
    lines += ["|---|---|---|---|---|---|---|"]
    came = record[(record["of"] == "entry") & record["entered"]]
    for r in rows_of(came.sort_values(["country", "first_month", "region_id"])):
        where = f"| {r.region_id} | {r.group} | {r.first_month} | {str(r.origin_date)[:7]} "
        stated = "no number" if np.isnan(r.p_6) else f"{100 * r.p_6:.0f} %"
        lines.append(f"{where}| {r.rank} | {r.rank_next_door} | {stated} |")
    return "\n".join(lines) + "\n"
