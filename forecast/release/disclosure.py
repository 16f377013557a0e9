"""What may be published: regions no finer than admin-1, and armed groups with enough past events.

Forecasts of single places or of groups with a handful of events say little and can do harm; both rules hold for
every release, whoever asks for it. How fine regions are is read from the polygons, not from names alone. A country's
regions are judged together, since true first-level regions can be tiny (a capital) or many (Algeria's 48); whoever has
some that look finer declares them: ``level = "admin1"``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely

from ...data.errors import UsageError
from ...training.parts import FEWEST_THERE

if TYPE_CHECKING:
    from ...data.geography import Regions
    from ...data.panel import Panel
    from ..settings import Settings

#: Past events that a group needs in a country before anything is published of it there.
FEWEST_EVENTS = FEWEST_THERE
#: Why forecasts of small places are held back.
WHY_NOT_FINER = (
    "Forecasts finer than admin-1 point at single towns and roads: places in the data are rounded to district "
    "capitals, errors are larger than the signal, and people who live there can be harmed by a wrong number. "
    "See docs/do_no_harm.md."
)
WITHHELD = ("file", "source_country", "group", "past_events", "rows", "reason")
#: Fewer regions of a country than this are not judged by their polygons.
FEWEST_REGIONS = 4
#: More regions of one country than this are not taken for its first level.
MOST_REGIONS = 100
#: More than this many of a country's regions in each shipped first-level region are taken for a lower level: Mali's
#: reform of 2023 made about two of each, Burkina Faso's and Senegal's second levels are more than three.
CROWD = 2.5
#: km²; half of a country's regions below it are a lower level. The smallest of fifteen countries has 3,100.
SMALL_KM2 = 1_000.0
#: km²; smaller rectangles along meridians are cells of a grid, as those of half a degree with 3,100.
CELL_KM2 = 10_000.0
_KM_PER_DEGREE = 111.2
_CELL = re.compile(r"pg-\d+")
_FINE_LAYER = re.compile(r"priogrid|adm(?:in)?[-_ ]?[2-9]", re.IGNORECASE)


def too_many(countries: np.ndarray) -> np.ndarray:
    """Which regions belong to a country with more of them than any first level is taken to have.

    >>> too_many(np.array(["NGA"] * 774 + ["TGO"] * 5)).sum()
    np.int64(774)
    """
    _, group, size = np.unique(countries.astype(str), return_inverse=True, return_counts=True)
    return np.asarray(size[group] > MOST_REGIONS)


def looks_finer(regions: Regions) -> np.ndarray:
    """Which regions belong to a country whose polygons look finer than first-level regions.

    One per region; True for all of a country's or for none.

    >>> import pandas as pd
    >>> from harmattan.data.geography import Regions
    >>> cells = np.array([shapely.box(0.5 * i, 14, 0.5 * i + 0.5, 14.5) for i in range(6)])
    >>> ids = [f"MLI-{i}" for i in range(6)]
    >>> frame = pd.DataFrame({"region_id": ids, "name": ids, "country": "MLI"})
    >>> looks_finer(Regions(frame, cells, pd.DataFrame(columns=["region_a", "region_b"]))).all()
    np.True_
    """
    countries = regions.frame["country"].to_numpy(str)
    area, inside = _km2(regions.geometry), _shipped_at(regions.geometry)
    box = shapely.area(shapely.envelope(regions.geometry))
    cell = (shapely.area(regions.geometry) > 0.999 * box) & (area < CELL_KM2)
    fine = too_many(countries)
    for country in sorted(set(countries)):
        own = countries == country
        if own.sum() < FEWEST_REGIONS:
            continue
        known = inside[own & (inside >= 0)]
        crowded = len(known) > CROWD * max(len(set(known)), 1)
        fine[own] |= crowded or np.median(area[own]) < SMALL_KM2 or cell[own].mean() > 0.5
    return fine


def _km2(geometry: np.ndarray) -> np.ndarray:
    """Area in km², within a per cent or two away from the poles."""
    latitude = np.radians(shapely.get_y(shapely.centroid(geometry)))
    return np.asarray(shapely.area(geometry) * _KM_PER_DEGREE**2 * np.cos(latitude))


def _shipped_at(geometry: np.ndarray) -> np.ndarray:
    """Which of the shipped first-level regions each polygon lies in; -1 for none."""
    points = shapely.point_on_surface(geometry)
    found = np.full(len(geometry), -1, dtype=np.int64)
    point, region = shapely.STRtree(_shipped()).query(points, predicate="within")
    found[point] = region
    return found


@cache
def _shipped() -> np.ndarray:
    from ...data import snapshot

    text = (files(snapshot) / "regions.geojson").read_text(encoding="utf-8")
    return np.asarray(shapely.get_parts(shapely.from_geojson(text)))


def finer_than_admin1(panel: Panel, regions: Regions | None = None, level: str | None = None) -> list[str]:
    """Ids of regions that are smaller than a first-level region, by their ids, their layer and their polygons.

    Parameters
    ----------
    panel : Panel
        Cells of PRIO-GRID are called ``pg-`` and a number.
    regions : Regions, optional
        Polygons whose ``layer`` names a grid or a second level (``priogrid-2``, ``adm2``, ``admin-3``) count too, and
        those that :func:`looks_finer` finds.
    level : str, optional
        ``admin1`` where somebody declares that these are first-level regions: then only ids and layer count.

    Examples
    --------
    >>> frame = pd.DataFrame({"month": "2023-01", "region_id": ["pg-7", "MLI-gao"], "events": [1, 0]})
    >>> from harmattan.data.panel import Panel
    >>> finer_than_admin1(Panel.from_frame(frame.assign(country="MLI")))
    ['pg-7']
    """
    fine = {r for r in panel.region_ids if _CELL.fullmatch(r)}
    if regions is not None:
        named = regions.frame["layer"].fillna("").astype(str)
        fine |= set(regions.frame.loc[[bool(_FINE_LAYER.search(n)) for n in named], "region_id"])
    if level is None:
        fine |= set(np.array(panel.region_ids)[too_many(np.array(panel.countries))])
        if regions is not None:
            fine |= set(regions.frame.loc[looks_finer(regions), "region_id"])
    return [r for r in panel.region_ids if r in fine]


def check_level(panel: Panel, regions: Regions | None, allow_grid: bool, level: str | None = None) -> None:
    """Stop where regions are finer than admin-1 and nobody has allowed that.

    Parameters
    ----------
    panel, regions, level
        See :func:`finer_than_admin1`.
    allow_grid : bool
        Whether finer regions may be released.

    Raises
    ------
    UsageError
        Names how many regions are too small, the first of them, and why.
    """
    fine = [] if allow_grid else finer_than_admin1(panel, regions, level)
    if fine:
        raise UsageError(
            f"{len(fine)} regions are finer than admin-1, the first is '{fine[0]}'. {WHY_NOT_FINER}",
            "--allow-grid",
            "Sum them to admin-1, or give --allow-grid if you answer for it. First-level regions that only look finer "
            'are declared: --level admin1, or level = "admin1" in settings.',
        )


def grid_warning(settings: Settings) -> str:
    """The warning for whoever allows finer regions; empty where nobody does."""
    return f"--allow-grid: {WHY_NOT_FINER}" if settings.allow_grid else ""


def with_past_events(table: pd.DataFrame, panel: Panel, groups: Mapping[str, str]) -> pd.DataFrame:
    """A table by armed group with the column ``past_events``; missing for rows that are not about one group.

    Parameters
    ----------
    table : pandas.DataFrame
        ``group, source_country, ...``.
    panel : Panel
        Counts up to the origin, with every source country.
    groups : mapping of str
        Name of a group to its measure; other names, such as ``other``, are about no group.

    Examples
    --------
    >>> from harmattan.data.panel import Panel
    >>> frame = pd.DataFrame({"month": "2023-01", "region_id": ["MLI-gao"], "events": 5, "events_jnim": 3})
    >>> rows = pd.DataFrame({"group": ["JNIM", "other"], "source_country": "MLI"})
    >>> with_past_events(rows, Panel.from_frame(frame), {"JNIM": "events_jnim"})["past_events"].tolist()
    [3, <NA>]
    """
    countries = np.array(panel.countries)

    @cache
    def events(country: str, group: str) -> int:
        known = groups[group] in panel.measures
        return int(panel.measure(groups[group], fill=0)[:, countries == country].sum()) if known else 0

    pairs = zip(table["source_country"], table["group"], strict=True)
    counts = [events(country, group) if group in groups else pd.NA for country, group in pairs]
    return table.assign(past_events=pd.array(counts, dtype="Int64"))


def enough_events(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A table by armed group without the rows about groups of too few past events, and what was withheld.

    Parameters
    ----------
    table : pandas.DataFrame
        ``group, source_country, past_events, ...``; rows without a count are about no single group and stay.

    Returns
    -------
    kept, withheld : pandas.DataFrame
        The publishable rows; and ``file, source_country, group, past_events, rows, reason``.

    Examples
    --------
    >>> rows = pd.DataFrame({"group": ["JNIM", "other"], "source_country": "MLI", "share": [0.1, 0.2]})
    >>> kept, withheld = enough_events(rows.assign(past_events=pd.array([9, pd.NA], dtype="Int64")))
    >>> kept["group"].tolist(), withheld[["group", "past_events", "rows"]].values.tolist()
    (['other'], [['JNIM', 9, 1]])
    """
    few = (table["past_events"] < FEWEST_EVENTS).fillna(False).to_numpy(bool)
    counted = table[few].groupby(["source_country", "group", "past_events"], as_index=False).size()
    withheld = counted.rename(columns={"size": "rows"}).assign(
        file="spillover_groups.csv", reason=f"fewer than {FEWEST_EVENTS} past events of the group there"
    )
    return table[~few].reset_index(drop=True), withheld[list(WITHHELD)]
