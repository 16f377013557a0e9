"""What it would have meant to act on a threshold: hits, false alarms, misses, warning, and when acting pays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .joint import ordered_draws
from .reliability import THRESHOLDS, ForecastRecord

if TYPE_CHECKING:
    from ..record import Record

#: Chances at which somebody might act.
TRIGGER_CHANCES = (0.1, 0.2, 0.3, 0.5, 0.7)
TRIGGER_COLUMNS = (
    *("target", "at_least", "within", "horizon", "place", "state", "chance", "cases"),
    *("hits", "false_alarms", "misses", "warning", "pays_from", "pays_to"),
)
#: A place in any state, or where the last ``within`` months had fewer than what the trigger is about.
ANY, NEW = "any", "not yet"


def contingency(
    happened: np.ndarray, chance: np.ndarray, level: float, reached: np.ndarray | None = None
) -> dict[str, float]:
    """Alarms against outcomes, and when acting on them pays.

    Parameters
    ----------
    happened : numpy.ndarray
        (cases,), bool.
    chance : numpy.ndarray
        (cases,), 0..1; an alarm is raised above ``level``.
    level : float
        0..1.
    reached : numpy.ndarray, optional
        (cases,), the month from 1 in which it happened; NaN elsewhere.

    Returns
    -------
    dict
        ``cases, hits, false_alarms, misses``; ``warning``, the mean month in which what was warned of came; acting on
        the alarms costs less than never acting and than always acting where the cost of acting is between
        ``pays_from`` and ``pays_to`` of the loss that it avoids (Richardson 2000, doi:10.1002/qj.49712656313).

    Examples
    --------
    >>> came, said = np.array([1, 1, 0, 0, 0], bool), np.array([0.6, 0.1, 0.7, 0.2, 0.0])
    >>> table = contingency(came, said, 0.5)
    >>> table["hits"], table["false_alarms"], table["misses"], round(table["pays_from"], 3), table["pays_to"]
    (1, 1, 1, 0.333, 0.5)
    """
    alarm = chance > level
    hits, false = int((alarm & happened).sum()), int((alarm & ~happened).sum())
    misses, quiet = int((~alarm & happened).sum()), int((~alarm & ~happened).sum())
    months = np.array([]) if reached is None else reached[alarm & happened]
    return {
        "chance": level,
        "cases": len(happened),
        "hits": hits,
        "false_alarms": false,
        "misses": misses,
        "warning": float(months.mean()) if len(months) else np.nan,
        "pays_from": misses / (misses + quiet) if misses + quiet else np.nan,
        "pays_to": hits / (hits + false) if hits + false else np.nan,
    }


def monthly_triggers(forecasts: Mapping[tuple[str, int], ForecastRecord]) -> pd.DataFrame:
    """Thresholds of single months in the recent record: :data:`TRIGGER_COLUMNS`, regions together."""
    rows = []
    for (target, horizon), record in forecasts.items():
        seen = np.isfinite(record.observed)
        for k in THRESHOLDS:
            for level in TRIGGER_CHANCES:
                found = contingency(record.observed[seen] >= k, record.chance[k][seen], level)
                about = {"target": target, "at_least": k, "within": 1, "horizon": horizon}
                rows.append({**about, "place": "regions", "state": ANY, **found})
    return pd.DataFrame(rows, columns=list(TRIGGER_COLUMNS))


def trigger_table(
    records: Sequence[Record],
    at_least: int,
    within: int,
    rng: np.random.Generator,
    chances: Sequence[float] = TRIGGER_CHANCES,
) -> pd.DataFrame:
    """Thresholds of sums over the next months, from the joint draws of a back-test.

    Parameters
    ----------
    records : sequence of Record
        One per horizon, 1 to ``within`` among them, of one target, with draws of the pool.
    at_least, within : int
        So many events within so many months, both from 1.
    rng : numpy.random.Generator
        Orders the draws.

    Returns
    -------
    pandas.DataFrame
        :data:`TRIGGER_COLUMNS`: for ``regions`` together, ``countries`` (their totals) together, the regions of each
        country and each country's total (``total ISO3``); in ``any`` state, and ``not yet``, where the last ``within``
        months had fewer.

    Raises
    ------
    ValueError
        A month ahead is missing, or records keep no draws.
    """
    by = {r.horizon: r for r in records if r.pool is not None}
    if not set(range(1, within + 1)) <= set(by):
        raise ValueError(f"months 1 to {within} ahead are needed, with draws")
    used = [by[h] for h in range(1, within + 1)]
    first = used[0]
    codes = sorted(set(first.countries))
    groups = np.array([[c == code for code in codes] for c in first.countries], dtype=float)
    parts: dict[str, list[np.ndarray]] = {name: [] for name in ("chance", "came", "before", "reached")}
    for origin, drawn, observed in ordered_draws(used, rng):
        past = first.history[first.origins.index(origin)][-within:].sum(axis=0)
        sums, months = drawn.sum(axis=1, dtype=np.int64), observed.cumsum(axis=0)
        wide = [np.concatenate([v, v @ groups], axis=-1) for v in (sums, months, past)]
        over = wide[1] >= at_least
        parts["chance"].append((wide[0] >= at_least).mean(axis=0))
        parts["came"].append(over[-1])
        parts["reached"].append(np.where(over.any(axis=0), over.argmax(axis=0) + 1.0, np.nan))
        parts["before"].append(wide[2] >= at_least)
    if not parts["came"]:
        return pd.DataFrame(columns=list(TRIGGER_COLUMNS))
    stacked = {name: np.stack(each) for name, each in parts.items()}
    owners = np.asarray(first.countries, dtype=object)
    regions = np.arange(len(owners))
    places = {"regions": regions, "countries": len(owners) + np.arange(len(codes))}
    places |= {code: regions[owners == code] for code in codes}
    places |= {f"total {code}": np.array([len(owners) + i]) for i, code in enumerate(codes)}
    rows = []
    about = {"target": first.target, "at_least": at_least, "within": within, "horizon": within}
    for place, at in places.items():
        mine = {name: each[:, at].ravel() for name, each in stacked.items()}
        for state, keep in ((ANY, np.ones(len(mine["came"]), bool)), (NEW, ~mine["before"].astype(bool))):
            for level in chances:
                found = contingency(mine["came"][keep], mine["chance"][keep], level, mine["reached"][keep])
                rows.append({**about, "place": place, "state": state, **found})
    return pd.DataFrame(rows, columns=list(TRIGGER_COLUMNS))
