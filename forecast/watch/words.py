"""Every sentence of the watch list: chances, where a threat comes from, how earlier lists did, what is missing."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...data.errors import listed
from ...data.frames import rows_of
from ...data.panel import Panel
from ...training.onset import EventHistory, OnsetModels, armed_measures
from ..outlook import group_label
from .record import LISTED
from .tables import silent_groups

#: Chances above this are all stated as one class, unless a record of enough such rows supports it.
WIDEST = 0.10
#: Rows at or above :data:`WIDEST` that a record needs before higher chances are said.
ENOUGH = 50
#: Half the side of a grid cell in km, rounded up: no event is known to be nearer.
HALF_CELL = 30
_ODDS = (5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000)


def in_words(chance: float, supported: bool = False) -> str:
    """A chance as people say it.

    Parameters
    ----------
    chance : float
        0..1; NaN where there is none.
    supported : bool
        Whether a record supports chances above ten percent.

    Examples
    --------
    >>> [in_words(p) for p in (0.0002, 0.012, 0.052, 0.3, float("nan"))]
    ['below 1 in 1,000', 'about 1 in 75', 'about 1 in 20', '10 % or more', 'no number']
    >>> in_words(0.33, supported=True)
    'about 33 %'
    """
    if np.isnan(chance):
        return "no number"
    if chance >= WIDEST:
        return f"about {chance:.0%}".replace("%", " %") if supported else "10 % or more"
    if chance < 1 / _ODDS[-1]:
        return f"below 1 in {_ODDS[-1]:,}"
    nearest = min(_ODDS, key=lambda n: abs(np.log(n * chance)))
    return f"about 1 in {nearest:,}"


def numbers_supported(record: pd.DataFrame, of: str) -> bool:
    """Whether a record supports chances above :data:`WIDEST`: of rows listed at twice that as many came as was said.

    Parameters
    ----------
    record : pandas.DataFrame
        Earlier lists and what came.
    of : str
        ``entry`` or ``onset``.

    Examples
    --------
    >>> lists = pd.DataFrame({"of": "onset", "listed": True, "p_6": 0.4, "entered": [True, False, False] * 20})
    >>> [numbers_supported(lists, "onset"), numbers_supported(lists[:40], "onset"), numbers_supported(lists, "entry")]
    [True, False, False]
    """
    from scipy.stats import beta

    if record.empty:
        return False
    high = record[(record["of"] == of) & record["listed"].astype(bool) & (record["p_6"] >= 2 * WIDEST)]
    came = int(high["entered"].astype(bool).sum())
    low, most = beta.ppf([0.025, 0.975], came + 0.5, len(high) - came + 0.5)
    return bool(len(high) >= ENOUGH and low <= high["p_6"].mean() <= most)


def notes_on_list(models: OnsetModels, history: EventHistory, panel: Panel, month: pd.Period) -> list[str]:
    """What stands below the lists beside their record: which groups are silent, and what is missing."""
    lines = [*_silent_groups_sentence(history, panel, month), *_unseen_sentence(history, month)]
    if models.entry is None:
        why = "no group has been near a region for long enough."
        if not history.groups:
            why = "the data do not say which armed group an event belongs to."
        elif history.km is None:
            why = "where inside regions events lie is unknown."
        lines.append(f"No forecast of which group may enter: {why}")
    elif not any(models.entry.hazard.coefficients[1:]):
        lines.append(
            "Too few entries to learn from: every region that a group may enter next gets the same chance."
        )
    elif not models.entry.learned:
        lines.append(
            "Few entries to learn from: the weight of neighbours and distance is a rule of thumb, the level is learned."
        )
    if not any(models.onset.hazard.coefficients[1:]):
        lines.append("Too few onsets to learn from: every quiet region gets the same chance.")
    if history.km is not None and panel.cells is not None and not len(panel.cells.cell):
        lines.append("Where inside regions events lie is unknown: distances are from the middle of a region.")
    return lines


def record_sentences(record: pd.DataFrame) -> list[str]:
    """What the record says of lists like these, with its counts."""
    entries, onsets = record[record["of"] == "entry"], record[record["of"] == "onset"]
    lines = [] if len(record) else ["There is no earlier list to look back on."]
    if len(entries):
        listed, came, beside = _hits(entries)
        lines.append(
            f"Of {_some(listed, 'region')} on earlier lists of five, {came} were entered within six months; counting a "
            f"group's events next door would have found {beside} with as many; {int(entries['entered'].sum())} were "
            "entered in all."
        )
        high = entries[entries["listed"].astype(bool) & (entries["p_6"] >= WIDEST)]
        if len(high):
            share = f"{100 * high['entered'].astype(bool).mean():.0f} %"
            lines.append(
                f"Of {_some(len(high), 'region')} listed at 10 % or more, {share} were entered within six months."
            )
    if len(onsets):
        listed, came, beside = _hits(onsets)
        lines.append(
            f"Of {_some(listed, 'quiet region')} that stood first, violence began in {came} within six months; "
            f"counting events next door would have found {beside}; it began in {int(onsets['entered'].sum())} in all."
        )
    return lines


def pressing_words(routes: pd.DataFrame, most: int = 2) -> str:
    """Where the pressure on one region comes from: shares, and how far and how many the first one's events are.

    Parameters
    ----------
    routes : pandas.DataFrame
        Rows of one group and region, the most pressing first.

    Examples
    --------
    >>> rows = {"source_region": ["BFA-est", "BEN-alibori"], "share": [0.52, 0.38], "km": [60.2, 90]}
    >>> pressing_words(pd.DataFrame(rows).assign(events_6=[14, 2]))
    'BFA-est (52 %, 60 km away, 14 events in six months), BEN-alibori (38 %)'
    """
    found = []
    for i, row in enumerate(rows_of(routes.head(most))):
        parts = [f"{100 * row.share:.0f} %"]
        if i == 0 and not np.isnan(row.km):
            parts += [f"{row.km:.0f} km away" if row.km >= HALF_CELL else f"under {HALF_CELL} km away"]
            parts += [f"{_some(int(row.events_6), 'event')} in six months"] * (not np.isnan(row.events_6))
        found.append(f"{row.source_region} ({', '.join(parts)})")
    return ", ".join(found)


def _some(count: int, of: str) -> str:
    """A number with its noun."""
    return f"{count} {of}" if count == 1 else f"{count} {of}s"


def _unseen_sentence(history: EventHistory, month: pd.Period) -> list[str]:
    """Countries of which nothing is known of late: none of their regions can be called quiet."""
    row = history.row(month)
    seen = history.observed[: row + 1][:, history.recorded]
    country = history.country_codes[history.recorded]
    ended = []
    for code in sorted(set(country[~seen[-1]]) - set(country[seen[-1]])):
        known = np.flatnonzero(seen[:, country == code].any(axis=1))
        ended.append(f"{code} ({f'after {history.months[known[-1]]}' if len(known) else 'ever'})")
    return [f"On no list, for want of data: {', '.join(ended)}."] if ended else []


def _hits(record: pd.DataFrame) -> tuple[int, int, int]:
    """Rows listed; those of them where it came; and as many by the count next door."""
    listed, came = record["listed"].astype(bool), record["entered"].astype(bool)
    return (
        int(listed.sum()),
        int((listed & came).sum()),
        int(((record["rank_next_door"] <= LISTED) & came).sum()),
    )


def _silent_groups_sentence(history: EventHistory, panel: Panel, month: pd.Period) -> list[str]:
    """Groups that are silent, and how often such groups came back."""
    series = {n.removeprefix("events_"): panel.measure(n, fill=0).sum(axis=1) for n in armed_measures(panel)}
    silent, past = silent_groups(history, month, series)
    if not silent or not past["spells"]:
        return []
    names = listed([group_label(group, panel) for group in silent])
    share = f"{100 * past['returns'] / past['spells']:.0f} %"
    return [
        f"Silent everywhere for a year: {names}. Of {_some(past['spells'], 'month')} in which a group had "
        f"been so, {past['returns']} ({share}) saw it back within six months; no chance of its own is given."
    ]
