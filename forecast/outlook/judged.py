"""The last month against its forecast: all places together first, then each country, then each region."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...data.frames import rows_of
from ...training.distribution import joint_draws
from ...training.margins import stack
from ..release import outcome_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...data.panel import Panel
    from ...training.margins import Margins
    from ...training.pool import Template
    from ..release import PastRelease

JUDGED_COLUMNS = (
    "location",
    "level",
    "release",
    "origin",
    "month",
    "expected",
    "low_80",
    "high_80",
    "low_90",
    "high_90",
    "observed",
    "p_as_low",
    "p_as_high",
)
#: The place that stands for all of them.
ALL = "all"
_ENDS = (0.1, 0.9, 0.05, 0.95)


def judge(
    values: np.ndarray,
    mean: np.ndarray,
    region_ids: Sequence[str],
    countries: Sequence[str],
    observed: np.ndarray,
    months: tuple[pd.Period, pd.Period],
    release: str = "",
) -> pd.DataFrame:
    """What a forecast expected of one month, and what was counted.

    Parameters
    ----------
    values : numpy.ndarray
        Joint draws of the month, counts, (draws, regions).
    mean : numpy.ndarray
        Expected counts, (regions,).
    region_ids, countries : sequence of str
        Of each region.
    observed : numpy.ndarray
        Counts, (regions,); NaN where not observed: such a region is in no total.
    months : tuple of pandas.Period
        The last month that the forecast had seen, and the month that it is about.
    release : str
        The release that made it; empty for a forecast made again.

    Returns
    -------
    pandas.DataFrame
        :data:`JUDGED_COLUMNS`, one row for ``all``, then one per country and region: the ends of the 80 and 90 %
        intervals, and the forecast's own probability of so few events, and of so many.

    Examples
    --------
    >>> draws, month = np.array([[0, 1], [2, 3], [4, 5], [6, 7]]), pd.Period("2023-12", "M")
    >>> table = judge(draws, draws.mean(0), ["a", "b"], ["X", "X"], np.array([9.0, 4.0]), (month - 1, month))
    >>> table[["location", "observed", "high_90", "p_as_high"]].to_numpy().tolist()[0]
    ['all', 13.0, 13.0, 0.25]
    """
    keep = np.flatnonzero(np.isfinite(observed))
    owners = np.asarray(countries, dtype=object)[keep]
    known = sorted(set(owners))
    groups = [keep, *(keep[owners == c] for c in known), *(keep[i : i + 1] for i in range(len(keep)))]
    names = [ALL, *known, *(region_ids[i] for i in keep.tolist())]
    levels = [ALL, *["country"] * len(known), *["region"] * len(keep)]
    rows = []
    for name, level, at in zip(names, levels, groups, strict=True):
        drawn, came = values[:, at].sum(axis=1), float(observed[at].sum())
        ends = np.quantile(drawn, _ENDS, method="inverted_cdf").astype(float)
        tails = float((drawn <= came).mean()), float((drawn >= came).mean())
        about = (name, level, release, str(months[0]), str(months[1]))
        rows.append((*about, float(mean[at].sum()), *ends, came, *tails))
    return pd.DataFrame(rows if len(keep) else [], columns=list(JUDGED_COLUMNS))


def judge_margins(
    margins: Margins,
    template: Template,
    draws: int,
    places: tuple[Sequence[str], Sequence[str]],
    observed: np.ndarray,
    months: tuple[pd.Period, pd.Period],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """:func:`judge` of a forecast that is known by region, joined by the dependence of its first month.

    Parameters
    ----------
    margins : Margins
        (regions,).
    template : Template
        What regions have in common.
    draws : int
    places : tuple
        Region ids, and the country of each.
    observed, months
        See :func:`judge`.
    rng : numpy.random.Generator
    """
    ranks = template.ranks(draws, places[1], rng)[:, :1]
    values = joint_draws(stack([margins]), ranks)[:, 0]
    return judge(values, margins.mean, *places, observed, months)


def of_release(past: PastRelease, panel: Panel, origin: pd.Period) -> pd.DataFrame | None:
    """The month ``origin`` against an earlier release; None where that did not reach it, or nothing was observed."""
    draws = past.draws.get("events")
    ahead = 0 if draws is None else int(origin.ordinal - draws.origin.ordinal)
    if draws is None or ahead not in draws.horizons:
        return None
    seen = outcome_of(past, "events", ahead, panel.until(origin))
    if seen is None:
        return None
    row, at = draws.horizons.index(ahead), seen.positions
    country = dict(zip(panel.region_ids, panel.countries, strict=True))
    regions = [draws.region_ids[i] for i in at]
    return judge(
        draws.values[:, row, at],
        draws.mean()[row, at],
        regions,
        [country[r] for r in regions],
        seen.observed.astype(float),
        (draws.origin, origin),
        past.name,
    )


def judged_totals(judged: pd.DataFrame) -> pd.DataFrame:
    """Rows of totals, all first, with ``outside``: whether the count lies outside the 90 % interval."""
    totals = judged[judged["level"] != "region"] if len(judged) else judged
    return totals.assign(
        outside=(totals["observed"] < totals["low_90"]) | (totals["observed"] > totals["high_90"])
    )


def chances_of_so_few(judged: pd.DataFrame) -> dict[str, float]:
    """The chance that the month's forecast gave so few events, by country."""
    rows = judged[judged["level"] == "country"] if len(judged) else judged
    return dict(zip(rows["location"], rows["p_as_low"].astype(float), strict=True)) if len(rows) else {}


def totals_check(judged: pd.DataFrame) -> tuple[str, str, str, int] | None:
    """The check of the totals as ``name, status, message, rows``; None where no forecast was judged.

    A miss says something of the world or of the model, not that the data are faulty: it does not lower a run's level.
    """
    totals = judged_totals(judged)
    if totals.empty:
        return None
    rule = "The rule: each total of the last month lies inside the 90 % interval of its forecast."
    out = totals[totals["outside"]]
    named = ", ".join(
        f"{row.location} {row.observed:,.0f} against {row.low_90:,.0f} to {row.high_90:,.0f}"
        for row in rows_of(out)
    )
    found = f"Outside: {named}." if named else f"All {len(totals)} do."
    return "totals", "amber" if named else "green", f"{rule} {found}", len(out)
