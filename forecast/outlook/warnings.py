"""At most eight places to look at first, in four classes, each with how often such places did so before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ...data.frames import rows_of
from ...data.panel import Panel
from .groups import group_measures
from .places import HALF_MORE, YEAR

#: The classes in the order of the page, and how many places each names at most: eight in all.
CLASSES = {"breaking out": 3, "likely to worsen": 2, "could begin": 2, "easing": 1}
#: Fewer events than this, in the month or the months that a class is about, are nothing to name a place for.
FEWEST = 3
#: A class names places whose chance is at least this, and that many times the usual share.
LEAST_CHANCE, TIMES_USUAL = 0.2, 1.25
#: A fall is named from this ratio to both pasts on.
FALL = 0.75
#: A group is back after so many months; it is named where it has had so many events there and next door.
AWAY, GROUP_EVENTS = 24, 10
#: Months of the past that the usual shares are counted in.
LOOK_BACK = 120

WARNING_COLUMNS = (
    "rank",
    "class",
    "region_id",
    "name",
    "country",
    "group",
    "chance",
    "usual",
    "months",
    "last_month",
    "last",
    "year",
    "next",
    "next_low",
    "next_high",
    "expected",
    "low_90",
    "high_90",
    "highest_months",
    "record_months",
    "year_highest",
    "away_months",
    "source_region",
    "source_country",
    "cases",
    "came",
)
Rows = list[dict[str, Any]]


def warnings_table(
    outlook: pd.DataFrame, judged: pd.DataFrame, panel: Panel, watch: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """The places to look at first: :data:`WARNING_COLUMNS`, by class and rank.

    Parameters
    ----------
    outlook : pandas.DataFrame
        See :func:`harmattan.forecast.outlook.places.outlook_table`.
    judged : pandas.DataFrame
        The last month against its forecast; empty where none was made.
    panel : Panel
        Counts up to the origin, by armed group where they are known.
    watch : mapping of str to pandas.DataFrame
        ``watchlist.csv, onsets.csv, watch_record.csv``; empty where there is no watch list.

    Notes
    -----
    ``cases`` and ``came`` are a class's past: months of the last ten years in which a place was at a high of a year or
    more, and those after which it stayed above its year; places with three events or more in as many months, and those
    that then had half as many again, or a quarter less than in both pasts; places on earlier watch lists, and those
    that were entered. ``usual`` is the share of that, and for the watch list the mean chance on it.
    """
    regions = outlook[(outlook["level"] == "region") & (outlook["target"] == "events")]
    if regions.empty:
        return pd.DataFrame(columns=list(WARNING_COLUMNS))
    past = _past(panel, int(regions["months"].iloc[0]))
    judged = judged[judged["level"] == "region"] if len(judged) else judged
    ends = (
        judged.set_index("location")[["expected", "low_90", "high_90", "p_as_high"]] if len(judged) else None
    )
    columns = ["expected", "low_90", "high_90", "p_as_high"]
    regions = (
        regions.join(ends, on="location")
        if ends is not None
        else regions.assign(**dict.fromkeys(columns, np.nan))
    )
    found: dict[str, Rows] = {
        "breaking out": _breaking_out(regions, panel, past["breaking out"]),
        "likely to worsen": _worsening(regions, past["likely to worsen"]),
        "could begin": _beginning(watch, regions),
        "easing": _easing(regions, past["easing"]),
    }
    rows = _chosen(found)
    table = pd.DataFrame(rows, columns=list(WARNING_COLUMNS))
    return table.assign(rank=np.arange(1, len(table) + 1))


def _chosen(found: Mapping[str, Rows]) -> Rows:
    """Every class's first places, no place twice."""
    named: set[str] = set()
    queues: dict[str, Rows] = {}
    for kind, rows in found.items():
        queues[kind] = []
        for row in rows:
            if row["region_id"] not in named and len(queues[kind]) < CLASSES[kind]:
                named.add(row["region_id"])
                queues[kind].append({"class": kind, **row})
    return [row for rows in queues.values() for row in rows]


def _shared(row: Any, cases: tuple[int, int], chance: float = np.nan, **more: Any) -> dict[str, Any]:
    """What every class says of a place."""
    names = (
        *("name", "country", "months", "last_month", "last", "year", "next", "next_low", "next_high"),
        *("expected", "low_90", "high_90", "highest_months", "record_months", "year_highest"),
    )
    usual = cases[1] / cases[0] if cases[0] else np.nan
    kept = {name: getattr(row, name) for name in names}
    blank = {"group": "", "away_months": np.nan, "source_region": "", "source_country": ""}
    return {
        "region_id": row.location,
        **blank,
        **kept,
        "chance": chance,
        "usual": usual,
        "cases": cases[0],
        "came": cases[1],
        **more,
    }


def _breaking_out(regions: pd.DataFrame, panel: Panel, cases: tuple[int, int]) -> Rows:
    """Above the forecast's 90 % interval, at a high of a year or more, in its worst twelve months on record and above
    them by half of late, or with a group back; most signs first."""
    back = returned(panel)
    rows = []
    for row in rows_of(regions):
        above = row.last_month >= FEWEST and row.last_month > row.high_90
        high = row.last_month >= FEWEST and row.highest_months >= YEAR
        group, away = back.get(str(row.location), ("", np.nan))
        worst = bool(row.year_highest) and row.last >= max(FEWEST, HALF_MORE * row.year)
        signs = int(above) + int(high) + int(bool(group)) + int(worst)
        if signs:
            tail = float(row.p_as_high) if above else 1.0
            away_first = -float(np.nan_to_num(away))
            order = (-signs, not above, tail, -int(row.highest_months), away_first, -row.last, row.location)
            rows.append((order, _shared(row, cases, group=group, away_months=away)))
    return [row for _, row in sorted(rows, key=lambda each: each[0])]


def returned(panel: Panel) -> dict[str, tuple[str, float]]:
    """Regions with an armed group's first events in two years or more, last month: the group, and months since.

    The group is named only where it has had ten events in the region and next door. NaN where it was never there.
    """
    linked = np.eye(panel.shape[1], dtype=bool)
    if panel.links is not None:
        at = {region: i for i, region in enumerate(panel.region_ids)}
        for a, b in zip(panel.links["region_a"], panel.links["region_b"], strict=True):
            linked[at[a], at[b]] = linked[at[b], at[a]] = True
    found: dict[str, tuple[str, float]] = {}
    for code, name in sorted(group_measures(panel).items()):
        events = panel.measure(name, fill=0)
        enough = linked @ events.sum(axis=0) >= GROUP_EVENTS
        seen = events[:-1][::-1] > 0
        away = np.where(seen.any(axis=0), seen.argmax(axis=0).astype(float), np.nan)
        for i in np.flatnonzero((events[-1] > 0) & enough & ~(away < AWAY)):
            known = found.get(panel.region_ids[i])
            if known is None or events[-1, i] > panel.measure(f"events_{known[0]}", fill=0)[-1, i]:
                found[panel.region_ids[i]] = (code, float(away[i]) + 1 if np.isfinite(away[i]) else np.nan)
    return found


def _worsening(regions: pd.DataFrame, cases: tuple[int, int]) -> Rows:
    """Likeliest to have half as many again, and expected above both the last months and the year."""
    usual = cases[1] / cases[0] if cases[0] else 0.0
    up = regions[
        (regions["next"] >= FEWEST)
        & (regions["last"] >= FEWEST)
        & (regions["p_half_more"] >= max(LEAST_CHANCE, TIMES_USUAL * usual))
        & (regions["next"] > regions[["last", "year"]].max(axis=1))
    ]
    up = up.sort_values(["p_half_more", "next", "location"], ascending=[False, False, True])
    return [_shared(row, cases, float(row.p_half_more)) for row in rows_of(up)]


def _easing(regions: pd.DataFrame, cases: tuple[int, int]) -> Rows:
    """Expected a quarter or more below both the last months and the year, the largest fall first."""
    least = regions[["last", "year"]].min(axis=1)
    down = regions[(least >= FEWEST) & (regions["next"] <= FALL * least)]
    down = down.assign(fall=least.loc[down.index] - down["next"]).sort_values(
        ["fall", "location"], ascending=[False, True]
    )
    return [_shared(row, cases, float(row.p_fewer)) for row in rows_of(down)]


def _beginning(watch: Mapping[str, pd.DataFrame], regions: pd.DataFrame) -> Rows:
    """The likeliest entries of a group and the likeliest onsets, in turn."""
    place = {str(row.location): row for row in rows_of(regions)}
    record = watch.get("watch_record.csv", pd.DataFrame())

    def past(of: str) -> tuple[int, int]:
        here = (
            record[(record["of"] == of) & (record["listed"].astype(str) == "True")] if len(record) else record
        )
        return len(here), int((here["entered"].astype(str) == "True").sum()) if len(here) else 0

    entries = watch.get("watchlist.csv", pd.DataFrame())
    onsets = watch.get("onsets.csv", pd.DataFrame())

    def of(
        table: pd.DataFrame, cases: tuple[int, int], usual: Callable[[Any], float]
    ) -> Iterable[dict[str, Any]]:
        for row in rows_of(table):
            if row.region_id in place and row.p_6 > usual(row):
                yield _shared(
                    place[row.region_id],
                    cases,
                    float(row.p_6),
                    group=getattr(row, "group", ""),
                    away_months=row.months_quiet,
                    source_region=row.main_source_region,
                    source_country=row.main_source_country,
                ) | {"usual": usual(row)}

    both: list[list[dict[str, Any]]] = []
    if len(entries):
        known = entries[(entries["group"] != "any") & entries["p_6"].notna()]
        mean = known.groupby("group")["p_6"].mean()
        known = known.sort_values(["p_6", "region_id"], ascending=[False, True])
        both.append(list(of(known, past("entry"), lambda row: float(mean[row.group]))))
    if len(onsets):
        mean_onset = float(onsets["p_6"].mean())
        ordered = onsets.sort_values(["p_6", "region_id"], ascending=[False, True])
        both.append(list(of(ordered, past("onset"), lambda row: mean_onset)))
    longest = max(map(len, both), default=0)
    return [rows[i] for i in range(longest) for rows in both if i < len(rows)]


def _past(panel: Panel, months: int) -> dict[str, tuple[int, int]]:
    """Cases of each class's rule in the last ten years, and in how many what it is about came."""
    counts = panel.target("events").astype(float)
    total = np.vstack([np.zeros((1, counts.shape[1])), np.nancumsum(counts, axis=0)])
    rows = len(counts)
    out, worse, less, cases = [0, 0], 0, 0, 0
    for t in range(max(YEAR, rows - LOOK_BACK), rows - months):
        after = total[t + 1 + months] - total[t + 1]
        last = total[t + 1] - total[t + 1 - months]
        year = (total[t + 1] - total[t + 1 - YEAR]) * months / YEAR
        fine = np.isfinite(counts[t - YEAR + 1 : t + months + 1]).all(axis=0)
        high = (
            fine
            & (counts[t] >= FEWEST)
            & (counts[t] > np.nan_to_num(counts[t - YEAR : t]).max(axis=0, initial=-1))
        )
        out[0], out[1] = out[0] + int(high.sum()), out[1] + int((high & (after > year)).sum())
        busy = fine & (last >= FEWEST)
        cases += int(busy.sum())
        worse += int((busy & (after >= HALF_MORE * last)).sum())
        less += int((busy & (after <= FALL * np.minimum(last, year))).sum())
    return {"breaking out": (out[0], out[1]), "likely to worsen": (cases, worse), "easing": (cases, less)}
