"""Countries that have split: events of the time before are placed where they lie, whichever country a source names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import shapely

from ..geography import SPLITS, Regions, country_name
from .incidents import Incidents, Repair, coverage_rows, coverage_table


def after_splits(incidents: Incidents, regions: Regions) -> Incidents:
    """The incidents with the country of today where a source names the one that it was a part of then.

    An event of a day before a country was founded counts for it where the event lies in its polygons and not in those
    of the country that is named. The record of the older country then speaks for the newer one too.

    Parameters
    ----------
    incidents : Incidents
    regions : Regions
        All polygons.

    Returns
    -------
    Incidents
        With a repair for each such country that says how many events.
    """
    frame, countries = incidents.frame, np.asarray(regions.countries, dtype=object)
    x, y = (frame[c].to_numpy(np.float64, na_value=np.nan) for c in ("longitude", "latitude"))
    country = frame["country"].to_numpy(dtype=object).copy()
    single = (frame["record"] != "aggregate").to_numpy() & (frame["region_id"] == "").to_numpy()
    single &= ~np.isnan(x) & ~np.isnan(y)
    repairs: list[Repair] = []
    spans = coverage_rows(incidents.coverage)
    known = {c for c, _, _ in spans}
    for newer, (older, day) in SPLITS.items():
        if newer not in countries:
            continue
        then = (frame["date_end"] < pd.Timestamp(day)).to_numpy()
        rows = np.flatnonzero(single & then & (country == older))
        if len(rows):
            points = shapely.points(x[rows], y[rows])
            rows = rows[
                _within(points, regions, countries == newer) & ~_within(points, regions, countries == older)
            ]
        if not len(rows):
            continue
        country[rows] = newer
        words = f"Events under {country_name(older)} before {day[:7]} lie in {country_name(newer)}, and count there."
        places = frame["row"].to_numpy()[rows] if "row" in frame else rows
        repairs.append(
            Repair(f"split_{newer}", len(rows), words, incidents.source, tuple(map(int, places[:20])))
        )
        before = pd.Period(day, freq="M")
        spans += [
            (newer, first, min(last, before) if newer in known else last)
            for code, first, last in coverage_rows(incidents.coverage)
            if code == older and first <= before
        ]
    if not repairs:
        return incidents
    return replace(
        incidents,
        frame=frame.assign(country=pd.Series(country, index=frame.index, dtype="str")),
        coverage=coverage_table(spans),
        repairs=(*incidents.repairs, *repairs),
    )


def _within(points: np.ndarray, regions: Regions, kept: np.ndarray) -> np.ndarray:
    """Which points lie in some of the polygons."""
    found = np.zeros(len(points), dtype=bool)
    if kept.any():
        found[shapely.STRtree(regions.geometry[kept]).query(points, predicate="within")[0]] = True
    return found
