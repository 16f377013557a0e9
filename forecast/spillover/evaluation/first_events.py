"""Where an armed group comes next: its first events in a region, against what was expected to cross the border."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from ....training.diffusion.design import lag_states
from ....training.diffusion.simulation import mean_paths
from ....training.models.excitation import border_weights
from ..breakdown import SMALLEST, ModelAtOrigin, group_measures

#: How many regions an analyst would watch.
WATCHED = 5
#: First origin whose quarter counts.
FIRST = "2015-12"
INFLOW, NAIVE = "expected inflow across the border", "the group's recent events next door"
#: What regions are ranked by: the column, and its words.
SCORES = {
    "inflow": INFLOW,
    "inflow_at_home": "expected inflow inside the country",
    "next_door": NAIVE,
    "any_events": "all events expected without borders",
}
ALL, NEW = "first in the region", "first in the country"
COLUMNS = ("group", "region_id", "country", *SCORES, "new_country", "observed")
_SAMPLES = 400
_LISTED = (
    "origin",
    "group",
    "region_id",
    "country",
    "new_country",
    "inflow",
    "rank_inflow",
    "rank_next_door",
)
_SUMMARY = ("of", "group", "ranked_by", "cases", "entries", "auc", "auc_low", "auc_high", "top5_hit_rate",
            "top5_by_chance", "top5_precision")  # fmt: skip


def first_entries(view: ModelAtOrigin, border: np.ndarray, months: int) -> pd.DataFrame:
    """Border regions that a group has not been seen in, how exposed they are, and whether it came.

    Parameters
    ----------
    border : numpy.ndarray
        Positions of the regions at a border.
    months : int
        After the origin.

    Returns
    -------
    pandas.DataFrame
        ``group, region_id, country``; ``inflow`` and ``inflow_at_home``: the group's events expected to arrive across
        the border, and from inside the country; ``next_door``: its recent events in all regions that touch this one,
        by the lag of the model; ``any_events``: everybody's events expected without borders; ``new_country``: the
        group has not been seen in the country; ``observed``: whether it came.
    """
    panel, model = view.problem.panel, view.model
    alone = replace(model, endemic=np.zeros_like(model.endemic))
    inside = replace(alone, across=np.zeros_like(model.across))
    anything = mean_paths(replace(model, across=inside.across), view.states, months)[0].sum(axis=0)
    touching = (border_weights(panel, crossing=False) > 0) | (border_weights(panel, crossing=True) > 0)
    tables = []
    for group, measure in group_measures(panel).items():
        events = panel.measure(measure, fill=0)
        seen = np.asarray(events[: view.row + 1].any(axis=0))
        fresh = border[~seen[border]]
        counted = replace(panel, measures={**panel.measures, "events": events})
        states = lag_states(replace(view.problem, panel=counted))[view.row]
        home = view.expected(inside, months, states)
        inflow = view.expected(alone, months, states) - home
        table = {
            "group": group,
            "region_id": view.ids[fresh],
            "country": view.country[fresh],
            "inflow": np.where(inflow < SMALLEST, 0.0, inflow)[fresh],
            "inflow_at_home": home[fresh],
            "next_door": (touching @ (states @ model.lag_shares))[fresh],
            "any_events": anything[fresh],
            "new_country": np.isin(view.country[fresh], view.country[seen], invert=True),
            "observed": events[view.row + 1 : view.row + 1 + months, fresh].any(axis=0),
        }
        tables.append(pd.DataFrame(table))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))


def entry_tables(entries: pd.DataFrame, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """How well each ranking found where groups came, and every first event with its ranks.

    Parameters
    ----------
    entries : pandas.DataFrame
        :func:`first_entries` of many quarters, with ``origin``.
    rng : numpy.random.Generator
        Draws quarters for the intervals.

    Returns
    -------
    summary : pandas.DataFrame
        ``of`` (:data:`ALL` or :data:`NEW`), ``group, ranked_by, cases, entries``; ``auc, auc_low, auc_high``: area
        under the curve and its 95 % interval over quarters; ``top5_hit_rate, top5_by_chance``: share of entries among
        the five highest of a quarter and group; ``top5_precision``: share of those five that were entered.
    listed : pandas.DataFrame
        ``origin, group, region_id, country, new_country, inflow, rank_inflow`` (missing where nothing is expected) and
        ``rank_next_door``.
    """
    cases = entries[entries["origin"].astype(str) >= FIRST].copy()
    if cases.empty:
        return pd.DataFrame(columns=list(_SUMMARY)), pd.DataFrame(columns=list(_LISTED))
    for score in SCORES:
        cases[f"rank_{score}"] = cases.groupby(["origin", "group"])[score].rank(ascending=False)
    new = cases[cases["new_country"].astype(bool)]
    asked = [(ALL, "all", cases), *((ALL, str(g), p) for g, p in cases.groupby("group")), (NEW, "all", new)]
    rows = [
        {"of": of, "group": group, "ranked_by": words, **_judged(part, score, rng)}
        for of, group, part in asked
        for score, words in SCORES.items()
    ]
    listed = cases.loc[cases["observed"].astype(bool), list(_LISTED)].reset_index(drop=True)
    listed["rank_inflow"] = listed["rank_inflow"].where(listed["inflow"] > 0)
    return pd.DataFrame(rows), listed


def _judged(part: pd.DataFrame, score: str, rng: np.random.Generator) -> dict[str, float]:
    """One ranking of some cases."""
    observed, values = part["observed"].to_numpy(bool), part[score].to_numpy(float)
    watched = (part[f"rank_{score}"] <= WATCHED).to_numpy(bool)
    chance = (
        (WATCHED / part.groupby(["origin", "group"])["observed"].transform("size"))
        .clip(upper=1)
        .to_numpy(float)
    )
    quarters, of = np.unique(part["origin"].to_numpy(str), return_inverse=True)
    members = [np.flatnonzero(of == q) for q in range(len(quarters))]
    areas = []
    for _ in range(_SAMPLES if observed.any() else 0):
        drawn = np.concatenate([members[q] for q in rng.integers(len(quarters), size=len(quarters))])
        areas.append(area(values[drawn], observed[drawn]))
    low, high = np.nanquantile(areas, [0.025, 0.975]) if areas else (np.nan, np.nan)
    return {
        "cases": len(part),
        "entries": int(observed.sum()),
        "auc": area(values, observed),
        "auc_low": float(low),
        "auc_high": float(high),
        "top5_hit_rate": float(watched[observed].mean()) if observed.any() else np.nan,
        "top5_by_chance": float(chance[observed].mean()) if observed.any() else np.nan,
        "top5_precision": float(observed[watched].mean()) if watched.any() else np.nan,
    }


def area(score: np.ndarray, happened: np.ndarray) -> float:
    """Area under the receiver operating characteristic, by ranks (Mann-Whitney).

    >>> area(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    0.75
    """
    from scipy.stats import rankdata

    hits = int(happened.sum())
    misses = len(happened) - hits
    if not hits or not misses:
        return float("nan")
    return float((rankdata(score)[happened].sum() - hits * (hits + 1) / 2) / (hits * misses))
