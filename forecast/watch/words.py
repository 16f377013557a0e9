"""Every sentence of the watch list: chances, where a threat comes from, how earlier lists did, what is missing."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...data.panel import Panel
from ...training.onset import EventHistory, OnsetModels, armed_measures
from .record import LISTED
from .tables import silent_groups

#: Chances above this are all stated as one class, unless a record of enough such rows supports it.
WIDEST = 0.10
#: Rows at or above :data:`WIDEST` that a record needs before higher chances are said.
ENOUGH = 50
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


def notes_on_list(
    models: OnsetModels, record: pd.DataFrame, history: EventHistory, panel: Panel, month: pd.Period
) -> list[str]:
    """What stands below the lists: how earlier ones did, which groups are silent, and what is missing."""
    lines = record_sentences(record) if models.entry is not None or len(record) else []
    lines += _silent_groups_sentence(history, panel, month)
    if models.entry is None:
        why = (
            "where inside regions events lie is unknown."
            if history.groups
            else "the data do not say which armed group an event belongs to."
        )
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
    return lines


def record_sentences(record: pd.DataFrame) -> list[str]:
    """What the record says of lists like these, with its counts."""
    entries, onsets = record[record["of"] == "entry"], record[record["of"] == "onset"]
    if entries.empty:
        lines = ["There is no earlier list to look back on."]
    else:
        listed, came, beside = _hits(entries)
        lines = [
            f"Of {listed} regions on earlier lists of five, {came} were entered within six months; counting a group's "
            f"events next door would have found {beside} with as many; {int(entries['entered'].sum())} were entered in "
            "all."
        ]
        high = entries[entries["listed"].astype(bool) & (entries["p_6"] >= WIDEST)]
        if len(high):
            share = f"{100 * high['entered'].astype(bool).mean():.0f} %"
            lines.append(
                f"Of {len(high)} regions listed at 10 % or more, {share} were entered within six months."
            )
    if len(onsets):
        listed, came, beside = _hits(onsets)
        lines.append(
            f"Of {listed} quiet regions that stood first, violence began in {came} within six months; counting events "
            f"next door would have found {beside}; it began in {int(onsets['entered'].sum())} in all."
        )
    return lines


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
    share = past["returns"] / past["spells"]
    return [
        f"Silent everywhere for a year: {', '.join(silent)}. Of {past['spells']} months in which a group had been so, "
        f"{past['returns']} ({100 * share:.0f} %) saw it back within six months; no chance of its own is given."
    ]
