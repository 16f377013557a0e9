"""Single events of a simulated world: days, places, actors, deaths, and how they come to be known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import shapely

from ..geography import Regions
from ..panel import Incidents, coverage_table
from ..schemas import empty_incidents
from ..sources import GROUPS, armed_groups
from ..violence_types import UCDP_TYPES
from .counts import Truth, World, simulate_counts

_SIDES = {
    "state_based": (("Government", "JNIM"), ("Government", "IS"), ("Government", "CMA")),
    "non_state": (("JNIM", "IS"), ("Dan na Ambassagou", "JNIM")),
    "one_sided": (("JNIM", "Civilians"), ("IS", "Civilians"), ("Government", "Civilians")),
}


@dataclass(frozen=True)
class SimulatedWorld:
    """Incidents as a source would give them, and the truth behind.

    Attributes
    ----------
    incidents : Incidents
        Every event, however late it was reported; events after a country's coverage are not in it.
    truth : Truth
        Counts, means and shares.
    reported : pandas.Series
        Month of the first report of each incident (aligned with ``incidents.frame``).
    true_region : pandas.Series
        Where each incident really was.
    """

    incidents: Incidents
    truth: Truth
    reported: pd.Series
    true_region: pd.Series

    @property
    def regions(self) -> Regions:
        """The geometry."""
        return self.truth.regions

    def as_of(self, month: pd.Period | str) -> Incidents:
        """What was known at the end of a month: events until then that had been reported by then."""
        last = pd.Period(month, freq="M")
        known = (self.reported <= last).to_numpy()
        rows = [
            (c, a, min(b, last))
            for c, a, b in zip(
                *(self.incidents.coverage[k] for k in ("country", "first", "last")), strict=True
            )
        ]
        frame = self.incidents.frame[known].reset_index(drop=True)
        return Incidents(
            frame=frame,
            coverage=coverage_table(r for r in rows if r[1] <= r[2]),
            source=self.incidents.source,
            types=self.incidents.types,
            groups=self.incidents.groups,
        )

    def write(self, folder: str | Path) -> list[Path]:
        """Write ``events.csv`` (UCDP's columns), ``regions.geojson``, ``means.csv``, ``shares.csv``, ``links.csv``."""
        out = Path(folder)
        out.mkdir(parents=True, exist_ok=True)
        _ucdp(self.incidents.frame).to_csv(out / "events.csv", index=False, lineterminator="\n")
        self.regions.to_geojson(out / "regions.geojson")
        self.regions.links.to_csv(out / "links.csv", index=False, lineterminator="\n")
        means = pd.DataFrame(self.truth.means.round(6), columns=list(self.regions.region_ids))
        means.insert(0, "month", self.truth.months.astype(str))
        means.to_csv(out / "means.csv", index=False, lineterminator="\n")
        self.truth.shares().round(6).to_csv(out / "shares.csv", index=False, lineterminator="\n")
        return sorted(
            out / n for n in ("events.csv", "regions.geojson", "links.csv", "means.csv", "shares.csv")
        )


def simulate(world: World, regions: Regions, rng: np.random.Generator) -> SimulatedWorld:
    """A world at the level of single events.

    Parameters
    ----------
    world : World
        The truth.
    regions : Regions
        Geometry with links.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    SimulatedWorld

    Examples
    --------
    >>> from harmattan.data.panel import build_panel
    >>> from harmattan.data.simulation import grid_regions
    >>> world = simulate(World(months=24), grid_regions(), np.random.default_rng(3))
    >>> built = build_panel(world.incidents, world.regions)
    >>> bool((built.panel.measures["events"] == world.truth.counts).all())
    True
    """
    truth = simulate_counts(world, regions, rng)
    month, region = np.nonzero(truth.counts)
    times = truth.counts[month, region]
    month, region = np.repeat(month, times), np.repeat(region, times)
    n = len(month)
    frame = empty_incidents(n)
    start, end = _days(world, truth, month, rng)
    frame["date_start"], frame["date_end"] = start, end
    x, y = _points(regions, region, rng)
    of = np.asarray(regions.countries, dtype=object)[region]
    vague = rng.random(n) < world.imprecise_share
    centre = {
        c: regions.geometry[np.flatnonzero(np.asarray(regions.countries) == c)[0]].representative_point()
        for c in set(of)
    }
    x = np.where(vague, [centre[c].x for c in of], x)
    y = np.where(vague, [centre[c].y for c in of], y)
    frame["longitude"], frame["latitude"] = x.round(6), y.round(6)
    frame["where_precision"] = np.where(vague, 6.0, 1.0)
    frame["date_precision"] = 1.0
    frame["country"] = pd.Series(of, dtype="str")
    frame["incident_id"] = pd.Series([f"s{i}" for i in range(n)], dtype="str")
    frame["source"] = "simulated"
    _people(frame, of, world, rng)
    covered = _covered(world, truth, frame)
    reported = pd.PeriodIndex(frame["date_end"], freq="M") + (
        rng.geometric(1 / (1 + world.delay), n) - 1 if world.delay else 0
    )
    keep = np.flatnonzero(covered)
    first, last = truth.months[0], truth.months[-1]
    ends = {
        c: min(pd.Period(world.coverage_end.get(c, str(last)), freq="M"), last)
        for c in set(regions.countries)
    }
    incidents = Incidents(
        frame=frame.iloc[keep].reset_index(drop=True).assign(row=np.arange(len(keep)) + 2),
        coverage=coverage_table((c, first, ends[c]) for c in sorted(ends)),
        source="simulated world",
        types=tuple(UCDP_TYPES.values()),
        groups=GROUPS,
    )
    ids = np.asarray(regions.region_ids, dtype=object)
    return SimulatedWorld(
        incidents, truth, pd.Series(reported[keep]), pd.Series(ids[region[keep]], dtype="str")
    )


def _days(
    world: World, truth: Truth, month: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """First and last day; the last day lies in the month of the count, the first may lie in the one before."""
    begin = truth.months.start_time.to_numpy().astype("datetime64[D]")[month]
    length = truth.months.days_in_month.to_numpy()[month]
    end = begin + (rng.random(len(month)) * length).astype(int).astype("timedelta64[D]")
    crossing = rng.random(len(month)) < world.crossing_share
    start = np.where(crossing & (month > 0), begin - np.timedelta64(1, "D"), end)
    return start.astype("datetime64[us]"), end.astype("datetime64[us]")


def _points(regions: Regions, region: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Uniform points inside each region, by rejection from its bounding box."""
    x, y = np.zeros(len(region)), np.zeros(len(region))
    shapely.prepare(regions.geometry)
    for at in np.unique(region):
        rows = np.flatnonzero(region == at)
        polygon = regions.geometry[at]
        west, south, east, north = polygon.bounds
        while len(rows):
            px, py = rng.uniform(west, east, len(rows)), rng.uniform(south, north, len(rows))
            inside = shapely.contains_xy(polygon, px.round(6), py.round(6))
            x[rows[inside]], y[rows[inside]] = px[inside], py[inside]
            rows = rows[~inside]
    return x, y


def _people(frame: pd.DataFrame, country: np.ndarray, world: World, rng: np.random.Generator) -> None:
    """Type, sides, armed group and deaths of each event, into ``frame``."""
    n = len(frame)
    kinds = np.array(list(_SIDES), dtype=object)
    kind = kinds[rng.choice(3, n, p=[0.45, 0.1, 0.45])]
    pick = rng.integers(0, 60, n)
    sides = [_SIDES[k][p % len(_SIDES[k])] for k, p in zip(kind, pick, strict=True)]
    named = [
        f"Government of {c}" if a == "Government" else a for (a, _), c in zip(sides, country, strict=True)
    ]
    frame["violence_type"] = pd.Series(kind, dtype="str")
    frame["actor_a"] = pd.Series(named, dtype="str")
    frame["actor_b"] = pd.Series([b for _, b in sides], dtype="str")
    frame["actor_group"] = armed_groups(frame["actor_a"], frame["actor_b"])
    best = (
        rng.negative_binomial(0.7, 0.7 / (0.7 + world.deaths_per_event), n)
        if world.deaths_per_event
        else np.zeros(n, int)
    )
    frame["deaths_best"] = best.astype(float)
    frame["deaths_low"] = np.floor(best * 0.8)
    frame["deaths_high"] = best + rng.poisson(0.2 * best)
    frame["deaths_civilians"] = np.where(kind == "one_sided", best, 0).astype(float)


def _covered(world: World, truth: Truth, frame: pd.DataFrame) -> np.ndarray:
    month = pd.PeriodIndex(frame["date_end"], freq="M")
    covered = np.ones(len(frame), dtype=bool)
    for country, last in world.coverage_end.items():
        covered &= ~((frame["country"] == country).to_numpy() & np.asarray(month > pd.Period(last, freq="M")))
    return covered


def _ucdp(frame: pd.DataFrame) -> pd.DataFrame:
    """Incidents in UCDP's columns."""
    types = {name: number for number, name in UCDP_TYPES.items()}
    return pd.DataFrame(
        {
            "id": frame["incident_id"],
            "code_status": "Clear",
            "type_of_violence": frame["violence_type"].map(types),
            "side_a": frame["actor_a"],
            "side_b": frame["actor_b"],
            "where_prec": frame["where_precision"].astype(int),
            "latitude": frame["latitude"],
            "longitude": frame["longitude"],
            "country": frame["country"],
            "date_prec": frame["date_precision"].astype(int),
            "date_start": frame["date_start"].dt.strftime("%Y-%m-%d"),
            "date_end": frame["date_end"].dt.strftime("%Y-%m-%d"),
            "deaths_civilians": frame["deaths_civilians"].astype(int),
            "best": frame["deaths_best"].astype(int),
            "high": frame["deaths_high"].astype(int),
            "low": frame["deaths_low"].astype(int),
        }
    )
