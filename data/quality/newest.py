"""Checks of the newest month: whether it is what was expected, and whether its delivery shows signs of a fault.

Genuine months surprise, so that a surprise alone is amber; together with a sign of a faulty delivery it is red. What
is red here stops a publication until somebody has looked and says why the month is to be believed.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from ..errors import listed
from ..panel import BuiltPanel, Panel, release_rank
from ..schemas import PLACED
from .panel_checks import Check, Limits, verdict

#: Rows of a monthly release of the whole world that have been seen, and countries in it.
USUAL_ROWS, FEWEST_COUNTRIES = (1200, 2500), 40
#: A release that names at most so many countries is an extract, which has no usual size.
EXTRACT = 12
#: Fewer events than this in the newest month show no composition.
ENOUGH = 20
#: Share of the newest month's events that are alike in all but the id: the most in a real month is .09.
ALIKE = 0.2
#: Share of a monthly release of the world that one office may be the source of: the most in a real one is .11.
ONE_OFFICE = 0.5
#: The same of an extract of few countries: the most in a real one is .47.
ONE_OFFICE_OF_EXTRACT = 0.9
#: A country with so many events in each of the 12 months before, and so many in the mean, has some in the newest month:
#: so it was in all 142 such months of the Sahel from 2012 on, and all 154 of East Africa to 2016.
NEVER_WITHOUT, IN_THE_MEAN = 3.0, 5.0
#: Share of the newest month's events, and number of them, that may lie outside of the country they name.
MISPLACED, FEW_MISPLACED, FAR_KM = 0.01, 2, 50.0
#: Checks that speak of the newest month only: red ones can be accepted with a reason.
NEWEST = ("low_month", "surprise", "composition", "repeated_month", "delivery", "alike", "ids", "misplaced")


def surprise(panel: Panel, expected: pd.DataFrame) -> Check:
    """The newest month lies within the 1 and 99 % points of what the last release expected of a first release.

    Parameters
    ----------
    expected : pandas.DataFrame
        ``measure, place, low, high`` (counts of the newest month; ``place`` is a country, or ``all``).
    """
    countries = np.asarray(panel.countries, dtype=object)
    rows = []
    for measure, place, low, high in expected[["measure", "place", "low", "high"]].itertuples(index=False):
        at = np.ones(len(countries), bool) if place == "all" else countries == place
        if measure not in panel.measures or not panel.observed[-1, at].all() or not at.any():
            continue
        count = float(panel.measures[measure][-1, at].sum(dtype=float))
        if not low <= count <= high:
            rows.append((measure, place, str(panel.last_month), count, low, high))
    found = pd.DataFrame(rows, columns=["measure", "place", "month", "count", "low", "high"])
    counts = listed((f"{n:g} {m} in {p} ({a:g} to {b:g})" for m, p, _, n, a, b in rows), 6)
    message = f"{panel.last_month} is not what the last release expected: {counts}."
    return verdict(
        "surprise", found, "amber", message, f"{panel.last_month} lies within what was expected of it."
    )


def composition(panel: Panel) -> Check:
    """The newest month has deaths, two types of violence and every country, where each month of the last year had."""
    events = _totals(panel, panel.main)
    deviations: list[str] = []
    if len(events) > 12 and events[-1] >= ENOUGH:
        if "deaths_best" in panel.measures:
            deaths = _totals(panel, "deaths_best")
            if deaths[-1] == 0 and (deaths[-13:-1] > 0).all():
                deviations.append("no event has a death")
        kinds = [
            n for n in ("events_state_based", "events_non_state", "events_one_sided") if n in panel.measures
        ]
        types = np.sum([_totals(panel, n) > 0 for n in kinds], axis=0) if kinds else np.zeros(len(events))
        if types[-1] == 1 and (types[-13:-1] > 1).all():
            deviations.append("all events are of one type")
    gone = _countries_gone(panel)
    since = any(" since " in g for g in gone)
    deviations += [f"there is no event in {listed(gone)}"] if gone else []
    found = pd.DataFrame({"month": str(panel.last_month), "found": deviations})
    before = "the 12 months before that" if since else "the 12 months before"
    message = f"In {panel.last_month} {' and '.join(deviations)}, unlike in any of {before}."
    return verdict(
        "composition",
        found,
        "red",
        message,
        "The newest month has deaths and more than one type of violence, where the year before had.",
    )


def _countries_gone(panel: Panel) -> list[str]:
    """Countries without an event in the newest months that had some in each of the 12 months before.

    Several months without are as bad as one: a table whose missing months were filled with zeros looks like that.
    One month without, where there were many, is judged by ``low_month``. Deaths are too uneven to tell.
    """
    if panel.main != "events":
        return []
    of, values = np.asarray(panel.countries, dtype=object), panel.measures[panel.main]
    gone = []
    for country in sorted(set(panel.countries)):
        sums = (
            values[:, of == country].astype(float).sum(axis=1)
        )  # a month that was not observed is no number
        some = np.flatnonzero(sums != 0)
        last = some[-1] + 1 if len(some) else 0
        year = sums[max(last - 12, 0) : last]
        if not 12 <= last < len(sums) or (year < NEVER_WITHOUT).any() or year.mean() < IN_THE_MEAN:
            continue
        if last < len(sums) - 1:
            gone.append(f"{country} since {panel.months[last]}")
        elif min(year.mean(), year[-3:].mean()) < Limits().low_month_mean:
            gone.append(country)
    return gone


def repeated_month(panel: Panel) -> Check:
    """The newest month is not one of the year before again."""
    counts = np.nan_to_num(panel.measures[panel.main])
    back = [k for k in range(1, min(13, len(counts))) if np.array_equal(counts[-1], counts[-1 - k])]
    again = back if counts[-1].sum() >= ENOUGH / 2 and np.count_nonzero(counts[-1]) > 2 else []
    found = pd.DataFrame(
        {"month": str(panel.last_month), "same_as": [str(panel.last_month - k) for k in again]}
    )
    message = f"{panel.last_month} has in every region the count of {', '.join(found['same_as'])}."
    return verdict(
        "repeated_month", found, "red", message, "The newest month is none of the twelve before again."
    )


def delivery(built: BuiltPanel) -> Check:
    """The newest monthly release has its usual size, over the world."""
    frame = _newest_rows(built)
    n, countries = len(frame), frame["country"].nunique()
    low, high = USUAL_ROWS
    office, share = _main_office(frame)
    if not n or (countries <= EXTRACT and (n < ENOUGH or share <= ONE_OFFICE_OF_EXTRACT)):
        return Check(
            "delivery", "green", "There is no monthly release of the world whose size could be judged."
        )
    deviations = []
    if share > (ONE_OFFICE_OF_EXTRACT if countries <= EXTRACT else ONE_OFFICE):
        deviations.append(f"has {office} as the source of {share:.0%} of its rows")
    if countries > EXTRACT and not low <= n <= high:
        deviations.append(f"has {n} rows, where such releases have {low} to {high}")
    if EXTRACT < countries < FEWEST_COUNTRIES:
        deviations.append(
            f"names {countries} countries, where such releases name more than {FEWEST_COUNTRIES}"
        )
    if countries > EXTRACT and n % 500 == 0:
        deviations.append(f"ends at a round number of rows ({n})")
    found = pd.DataFrame({"release": frame["release"].iloc[0], "rows": n, "found": deviations})
    message = f"The release {frame['release'].iloc[0]} {' and '.join(deviations)}: it may be cut off, or sent twice."
    return verdict("delivery", found, "red", message, f"The newest release has its usual size ({n} rows).")


def _main_office(frame: pd.DataFrame) -> tuple[str, float]:
    """The office that most rows have as a source, and their share; rows may name several, or none."""
    offices = frame["office"][frame["office"] != ""].str.split(";").explode().str.strip()
    counts = offices.groupby(level=0).unique().explode().value_counts()
    return (str(counts.index[0]), float(counts.iloc[0]) / len(frame)) if len(counts) else ("", 0.0)


def alike(built: BuiltPanel) -> Check:
    """Few events of the newest month are alike in all but their id."""
    frame = built.incidents
    at = (frame["record"] == "event") & (frame["excluded"] == PLACED)
    recent = frame[at & (frame["date_end"].dt.to_period("M") == built.panel.last_month)]
    keys = ["date_start", "date_end", "latitude", "longitude", "actor_a", "actor_b", "deaths_best"]
    twins = recent[recent.duplicated(keys, keep=False)]
    share = len(twins) / max(len(recent), 1)
    found = (
        twins[["incident_id", "row", *keys]]
        if share > ALIKE and len(recent) >= ENOUGH / 2
        else twins.iloc[:0]
    )
    message = (
        f"{len(twins)} of {len(recent)} events of {built.panel.last_month} are alike in all but their id."
    )
    return verdict(
        "alike", found, "red", message, "Few events of the newest month are alike in all but their id."
    )


def misplaced(built: BuiltPanel) -> Check:
    """Few events of the newest month lie far outside of the country that they name."""
    frame, last = built.incidents, built.panel.last_month
    recent = frame[(frame["date_end"].dt.to_period("M") == last) & (frame["excluded"] != "outside_regions")]
    snapped = built.ledger.snapped
    far = recent["incident_id"].isin(snapped.loc[snapped["snap_km"] > FAR_KM, "incident_id"])
    lost = recent["excluded"].isin(["outside_country", "no_coordinates", "inside_another_country"])
    found = recent.loc[far | lost, ["incident_id", "country", "latitude", "longitude", "row"]]
    few = len(found) <= max(FEW_MISPLACED, MISPLACED * len(recent))
    far_away = f"lie more than {FAR_KM:g} km outside of the country they name"
    message = f"{len(found)} of {len(recent)} events of {last} {far_away}."
    return verdict(
        "misplaced",
        found.iloc[: 0 if few else None],
        "red",
        message,
        "The newest month's events lie in the countries they name.",
    )


def ids(built: BuiltPanel) -> Check:
    """Ids of the newest monthly release were not used by an earlier one for events of other months."""
    frame = built.incidents
    newest = _newest_rows(built)
    names = [r for r in frame["release"].unique() if _is_monthly(r) and r not in set(newest["release"])]
    monthly = frame[frame["release"].isin(names)]
    both = newest.merge(monthly, on="incident_id", suffixes=("", "_before"))
    moved = both[both["date_end"].dt.to_period("M") != both["date_end_before"].dt.to_period("M")]
    few = len(moved) <= 0.02 * max(len(newest), 1)
    found = moved.iloc[: 0 if few else None][
        ["incident_id", "release", "date_end", "release_before", "date_end_before"]
    ]
    message = f"{len(moved)} ids of the newest release stood for events of other months in an earlier one."
    return verdict(
        "ids", found, "red", message, "No id of the newest release stood for another event before."
    )


def together(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    """A surprise is red where a red check of the newest month, or losses, say that the delivery is at fault."""
    signs = [c.name for c in checks if c.status == "red" and c.name in NEWEST and c.name != "surprise"]
    return tuple(
        replace(
            c, status="red", message=f"{c.message} There is a sign of a faulty delivery: {', '.join(signs)}."
        )
        if c.name == "surprise" and c.status == "amber" and signs
        else c
        for c in checks
    )


def accepted(checks: tuple[Check, ...], reason: str) -> tuple[Check, ...]:
    """Red checks of the newest month as amber ones, with the reason why the month is believed."""
    return tuple(
        replace(c, status="amber", message=f"{c.message} Accepted: {reason}.")
        if c.status == "red" and c.name in NEWEST
        else c
        for c in checks
    )


def _totals(panel: Panel, measure: str) -> np.ndarray:
    return np.asarray(np.nansum(panel.measures[measure], axis=1, dtype=float))


def _is_monthly(release: str) -> bool:
    return release.count(".") == 2


def _newest_rows(built: BuiltPanel) -> pd.DataFrame:
    """Every row of the newest monthly release, where it is the one of the panel's last month."""
    frame = built.incidents
    names = sorted({r for r in frame["release"].unique() if _is_monthly(r)}, key=release_rank)
    month = f"{built.panel.last_month:%y}.0.{built.panel.last_month.month}"
    return frame[frame["release"] == month] if names and names[-1] == month else frame.iloc[:0]
