"""Checks of a build: what single events show and monthly figures hide."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..errors import listed
from ..frames import rows_of
from ..geography import COUNTRY_NAMES
from ..panel import BuiltPanel, repairs_frame
from ..schemas import PLACED
from .panel_checks import Check, Limits, Status, verdict


def repairs(built: BuiltPanel, limits: Limits) -> Check:
    """What was repaired while reading."""
    table = repairs_frame(built.ledger.repairs)
    done = " ".join(
        f"{m} ({c:,})." for m, c in zip(table["message"].str.rstrip("."), table["count"], strict=True)
    )
    return Check(
        "repairs", "green", f"Repaired while reading: {done}" if done else "Nothing was repaired.", table
    )


def duplicates(built: BuiltPanel, limits: Limits) -> Check:
    """No event stands there twice, under the same id or another."""
    frame = built.incidents
    singles = frame[(frame["record"] == "event") & (frame["excluded"] == PLACED)]
    keys = ["date_start", "date_end", "latitude", "longitude", "actor_a", "actor_b", "deaths_best"]
    twins = singles[singles.duplicated(keys, keep=False)]
    share = len(twins) / max(len(singles), 1)
    rows = pd.concat([twins, frame[frame["excluded"] == "duplicate"]])[["incident_id", "row", *keys]]
    if not len(rows):
        return Check("duplicates", "green", "No event stands there twice.", rows)
    status: Status = "red" if share > 0.2 else "amber"
    repeated = int((frame["excluded"] == "duplicate").sum())
    return Check(
        "duplicates",
        status,
        f"Events alike in all but their id: {len(twins)} ({share:.1%}). Repeated rows, left out: {repeated}.",
        rows,
    )


def outside(built: BuiltPanel, limits: Limits) -> Check:
    """Coordinates lie in or near the country they are said to be in."""
    frame, snapped = built.incidents, built.ledger.snapped
    far = snapped[snapped["snap_km"] > limits.snap_km]
    lost = frame[frame["excluded"].isin(["outside_country", "no_coordinates"])]
    rows = pd.concat(
        [
            far,
            lost[["incident_id", "country", "latitude", "longitude", "row"]].assign(
                region_id="", snap_km=np.nan
            ),
        ]
    )
    ours = int((frame["excluded"] != "outside_regions").sum())
    share = len(rows) / max(ours, 1)
    if not len(rows):
        return Check("coordinates", "green", "All coordinates lie in or near their country.", rows)
    status: Status = "red" if share > limits.outside_share and len(rows) > 2 else "amber"
    return Check(
        "coordinates",
        status,
        f"{len(rows)} events ({share:.1%}) lie more than {limits.snap_km:g} km outside their country.",
        rows,
    )


def another_country(built: BuiltPanel, limits: Limits) -> Check:
    """No country's events lie deep inside another one: names or codes of countries may mean something else there."""
    frame = built.incidents
    lost = frame[frame["excluded"] == "inside_another_country"]
    strays = built.ledger.snapped[built.ledger.snapped["inside"] != ""].reset_index(drop=True)
    if not len(lost):
        return verdict(
            "another_country",
            strays.iloc[:0],
            "green",
            "",
            f"{len(strays)} events lie just over a border and were counted in their own country."
            if len(strays)
            else "No event lies inside another country.",
        )
    into = lost["inside"].str.split("-").str[0]
    sizes = frame[~frame["excluded"].isin(NOT_OURS)].groupby("country").size()
    pairs = lost.groupby([lost["country"], into.rename("into")]).size().reset_index(name="n")
    parts = [
        f"{row.n} of {sizes[row.country]} events of {row.country} lie inside {row.into}"
        for row in rows_of(pairs)
    ]
    rows = lost[["incident_id", "country", "latitude", "longitude", "row", "inside"]].reset_index(drop=True)
    message = ", ".join(parts) + ", and were left out: see what the codes of countries mean in the file."
    return Check("another_country", "red" if len(lost) > 2 else "amber", message, rows)


def unknown_places(built: BuiltPanel, limits: Limits) -> Check:
    """Rows of an own table name countries that there are, and regions that have a polygon."""
    frame = built.incidents
    own = frame[(frame["source"] == "own") & ~frame["excluded"].isin(["duplicate", "superseded"])]
    lost = own[own["excluded"] == "outside_regions"]
    here = lost["country"].isin(set(built.panel.countries))
    lost = lost[here | ~lost["country"].isin(set(COUNTRY_NAMES))]
    sizes = (
        lost["named"].where(lost["country"].isin(set(built.panel.countries)), lost["country"]).value_counts()
    )
    names = listed(f"{name or 'no name'} ({n})" for name, n in sizes.items())
    bad: Status = "red" if len(lost) > max(2, limits.unknown_share * len(own)) else "amber"
    return verdict(
        "unknown_places",
        lost[["incident_id", "country", "named", "row"]].reset_index(drop=True),
        bad,
        f"{len(lost)} of {len(own)} rows name a country that is not known or a region without a polygon: {names}.",
        "Every country and region that is named is known.",
    )


#: Outcomes that say nothing about how well events are matched to regions.
NOT_OURS = ("outside_regions", "outside_window", "superseded", "other_kind", "duplicate")


def matched(built: BuiltPanel, limits: Limits) -> Check:
    """Recent events could be placed in a region and a month.

    The two last years count, where they hold enough events: boundaries and names change with time.
    """
    table = built.ledger.by("year", "outcome")
    table = table[~table["outcome"].isin(NOT_OURS)]
    recent = table[table["year"] >= built.panel.last_month.year - 1]
    used = recent if recent["events"].sum() >= limits.match_events else table
    placed, read = used.loc[used["outcome"] == PLACED, "events"].sum(), used["events"].sum()
    if read < limits.match_events:
        return Check("match_rate", "green", "There are too few events for a match rate.", used.head(0))
    rate = placed / read
    status: Status = "red" if rate < limits.match_red else "amber" if rate < limits.match_amber else "green"
    judgement = {"green": "", "amber": " That is few.", "red": " That is too few to publish from."}[status]
    lost = used[used["outcome"] != PLACED].reset_index(drop=True)
    return Check(
        "match_rate", status, f"{rate:.1%} of {read:g} events could be placed in a region.{judgement}", lost
    )


def piled(built: BuiltPanel, limits: Limits) -> Check:
    """No point holds an undue share of a country's events."""
    frame = built.incidents[(built.incidents["excluded"] == PLACED) & (built.incidents["record"] == "event")]
    sizes = frame.groupby("country")["events"].sum()
    piles = frame.groupby(["country", "latitude", "longitude"])["events"].sum().reset_index()
    piles["share"] = piles["events"] / sizes.reindex(piles["country"]).to_numpy(float)
    found = piles[(piles["share"] > limits.piled_share) & (piles["events"] >= 20)].reset_index(drop=True)
    return verdict(
        "piled",
        found,
        "amber",
        f"Single points that hold more than {limits.piled_share:.0%} of a country's events: {len(found)}.",
        "No point holds an undue share of a country's events.",
    )


def left_out(built: BuiltPanel, limits: Limits) -> Check:
    """Few of a country's events are left out for one reason."""
    table = built.ledger.by("country", "outcome")
    table = table[table["outcome"] != "outside_regions"]
    read = table.groupby("country")["events"].transform("sum")
    found = table[(table["outcome"] != PLACED) & (table["events"] > 0.15 * read) & (table["events"] >= 20)]
    found = found[~found["outcome"].isin(["superseded", "other_kind"])].reset_index(drop=True)
    reasons = zip(found["country"], found["outcome"], strict=True)
    names = listed(f"{c} {o.replace('_', ' ')}" for c, o in reasons)
    return verdict(
        "left_out",
        found,
        "amber",
        f"More than 15 % of a country's events are left out: {names}.",
        "Few events are left out.",
    )
