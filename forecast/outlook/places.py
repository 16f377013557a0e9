"""Every place's next months beside its last ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .judged import ALL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...data.panel import Panel
    from ...training.distribution import Draws

OUTLOOK_COLUMNS = (
    "target",
    "location",
    "level",
    "name",
    "country",
    "months",
    "last_month",
    "last",
    "year",
    "next",
    "next_low",
    "next_high",
    "p_half_more",
    "p_fewer",
    "highest_months",
    "lowest_months",
    "record_months",
    "year_highest",
)
#: Months ahead and behind that are set against each other, at most; months of the usual.
SPAN, YEAR = 3, 12
#: From this ratio to a past on, a number is called above or below it.
ABOVE = 1.1
#: More by half is what counts as worse.
HALF_MORE = 1.5


def within(horizons: Sequence[int], most: int = SPAN) -> int:
    """How many of the next months are forecast without a gap, at most ``most``.

    >>> within((1, 2, 3, 4)), within((1, 3)), within((3,))
    (3, 1, 0)
    """
    return next((k for k in range(most, 0, -1) if set(range(1, k + 1)) <= set(horizons)), 0)


def direction(next_: float, last: float, year: float) -> str:
    """How some months ahead stand to as many behind and to as many usual ones of the year: one rule for every page.

    Rising and easing only where both agree, each by a tenth or more.

    >>> direction(60, 40, 30), direction(20, 40, 30), direction(40, 30, 40), direction(40, 40, 38)
    ('rising', 'easing', 'above the last months', 'much as before')
    >>> direction(40, 40, float("nan"))
    'unknown'
    """
    if not np.isfinite(year):
        return "unknown"
    to_last, to_year = (next_ / past if past > 0 else np.inf if next_ > 0 else 1.0 for past in (last, year))
    if min(to_last, to_year) >= ABOVE:
        return "rising"
    if max(to_last, to_year) <= 1 / ABOVE:
        return "easing"
    if max(to_last, to_year) >= ABOVE:
        return "above the last months" if to_last >= ABOVE else "above the year"
    return "much as before"


def sums_of(draws: Draws, months: int) -> np.ndarray:
    """Joint draws of the sum over the next months, (draws, regions)."""
    rows = [draws.horizons.index(h) for h in range(1, months + 1)]
    return np.asarray(draws.values[:, rows].sum(axis=1, dtype=np.int64))


def _runs(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Months before the last that all had fewer; that all had more; that were observed without a gap; (places,).

    >>> highest, lowest, record = _runs(np.array([[9.0], [2.0], [4.0], [5.0]]))
    >>> int(highest[0]), int(lowest[0]), int(record[0])
    (2, 0, 3)
    """
    before, last = counts[:-1][::-1], counts[-1]

    def unbroken(holds: np.ndarray) -> np.ndarray:
        return np.asarray(np.cumprod(holds, axis=0).sum(axis=0))

    return unbroken(before < last), unbroken(before > last), unbroken(np.isfinite(before))


def _worst_year(counts: np.ndarray) -> np.ndarray:
    """Whether the last twelve months had more than any twelve before; bool (places,)."""
    known = np.nan_to_num(counts)
    total = np.vstack([np.zeros((1, known.shape[1])), known.cumsum(axis=0)])
    years = total[YEAR:] - total[:-YEAR]
    return np.asarray((years[-1:] > years[:-1]).all(axis=0) & (len(years) > YEAR))


def outlook_rows(
    draws: Draws, panel: Panel, months: int, groups: Sequence[str], about: pd.DataFrame
) -> pd.DataFrame:
    """One row per group of regions: :data:`OUTLOOK_COLUMNS`.

    Parameters
    ----------
    draws : Draws
        Of one target, regions in the order of the panel.
    panel : Panel
        Counts up to the origin.
    months : int
        How many months are set against each other, from 1.
    groups : sequence of str
        Per region, the place that it counts for.
    about : pandas.DataFrame
        Per place, indexed by it: ``level, name, country``.
    """
    counts = pd.DataFrame(panel.target(draws.target).T.astype(float))
    past = counts.groupby(list(groups)).sum(min_count=1)
    drawn = pd.DataFrame(sums_of(draws, months).T).groupby(list(groups)).sum()
    rows = [draws.horizons.index(h) for h in range(1, months + 1)]
    mean = pd.Series(draws.mean()[rows].sum(axis=0)).groupby(list(groups)).sum()
    order = list(about.index)
    history, sums = past.loc[order].to_numpy().T, drawn.loc[order].to_numpy()
    last, year = history[-months:].sum(axis=0), history[-YEAR:].sum(axis=0) * months / YEAR
    if len(history) < YEAR:
        year = np.full(len(order), np.nan)
    low, high = np.quantile(sums, [0.1, 0.9], axis=1, method="inverted_cdf")
    highest, lowest, record = _runs(history)
    seen = np.isfinite(last)
    more, fewer = (sums >= HALF_MORE * last[:, None]).mean(axis=1), (sums < last[:, None]).mean(axis=1)
    return pd.DataFrame(
        {
            "target": draws.target,
            "location": order,
            **{name: about[name].to_numpy() for name in ("level", "name", "country")},
            "months": months,
            "last_month": history[-1],
            "last": last,
            "year": year,
            "next": mean.loc[order].to_numpy(),
            "next_low": low,
            "next_high": high,
            "p_half_more": np.where(seen, more, np.nan),
            "p_fewer": np.where(seen, fewer, np.nan),
            "highest_months": highest,
            "lowest_months": lowest,
            "record_months": record,
            "year_highest": _worst_year(history),
        }
    )[list(OUTLOOK_COLUMNS)]


def outlook_table(draws: Draws, panel: Panel) -> pd.DataFrame:
    """All places together, every country and every region; empty where the next month is not forecast."""
    months = within(draws.horizons)
    if not months or len(panel.months) < months:
        return pd.DataFrame(columns=list(OUTLOOK_COLUMNS))
    panel = panel if panel.region_ids == draws.region_ids else panel.select(regions=list(draws.region_ids))
    codes = sorted(set(panel.countries))

    def about(level: str, places: Sequence[str], names: Sequence[str], owners: Sequence[str]) -> pd.DataFrame:
        return pd.DataFrame({"level": level, "name": names, "country": owners}, index=list(places))

    ids = panel.region_ids
    parts = [
        ([ALL] * len(ids), about(ALL, [ALL], [ALL], [""])),
        (panel.countries, about("country", codes, codes, codes)),
        (ids, about("region", ids, panel.names, panel.countries)),
    ]
    return pd.concat([outlook_rows(draws, panel, months, g, a) for g, a in parts], ignore_index=True)
