"""Incidents and regions to a panel, with the ledger that proves nothing was lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from ..errors import UsageError, nearest
from ..geography import PrioGrid, Regions
from ..schemas import FIGURES, LEDGER_FIGURES, PLACED
from ..show import Brief
from ..violence_types import AGAINST_CIVILIANS
from .allocate import MONTH_RULES, PLACE_RULES, Allocation, months_of, spread_places
from .cells import CellCounts, count_cells
from .coverage import coverage_of, observed_months
from .incidents import Incidents
from .ledger import Ledger, entries_of
from .panel import Panel
from .places import deep_abroad, regions_around
from .splits import after_splits
from .table import EXACT_IN_FLOAT32

#: Farther than this from its own country, a point is not a point of that country.
MAX_SNAP_KM = 250.0


@dataclass(frozen=True, repr=False)
class BuiltPanel(Brief):
    """What a build gives: the panel, its ledger, and the incidents with their regions."""

    panel: Panel
    ledger: Ledger
    incidents: pd.DataFrame = field(repr=False)

    def until(self, month: pd.Period) -> BuiltPanel:
        """The same build with ``month`` as the last: later events had not been read."""
        day = "date_start" if self.panel.attrs.get("month_rule") == "start" else "date_end"
        frame = self.incidents[~(self.incidents[day] > month.end_time)]
        country, kind, outcome = (
            frame[name].to_numpy(dtype=object) for name in ("country", "violence_type", "excluded")
        )
        entries = entries_of(country, frame["date_end"].dt.year.to_numpy(), kind, outcome, _figures(frame))
        snapped = self.ledger.snapped
        snapped = snapped[snapped["incident_id"].isin(set(frame["incident_id"]))].reset_index(drop=True)
        return BuiltPanel(self.panel.until(month), Ledger(entries, self.ledger.repairs, snapped), frame)


@dataclass(frozen=True)
class Rules:
    """How incidents become counts; the defaults are those of the house benchmark.

    Attributes
    ----------
    month_rule : {"end", "start", "spread", "even"}
        The month of an incident that crosses months: of its last day, its first day, shared out by days, or in equal
        parts over its months, as VIEWS does since October 2025.
    place_rule : {"drop", "keep", "spread"}
        Incidents whose place is no better than the country: left out, placed where their coordinates are, or
        shared out over the country's regions as its incidents of that month and the 12 months before were.
    max_where_precision, max_date_precision : int
        Anything coarser is imprecise; an empty precision is not.
    date_rule : {"drop", "keep"}
        Incidents whose date is coarser than ``max_date_precision``.
    max_snap_km : float
        Points farther from their country's polygons than this are left out (``outside_country``).
    """

    month_rule: str = "end"
    place_rule: str = "drop"
    date_rule: str = "drop"
    max_where_precision: int = 5
    max_date_precision: int = 4
    max_snap_km: float = MAX_SNAP_KM

    def __post_init__(self) -> None:
        """Refuse what is not known."""
        for name, known in (
            ("month_rule", MONTH_RULES),
            ("place_rule", PLACE_RULES),
            ("date_rule", ("drop", "keep")),
        ):
            value = getattr(self, name)
            if value not in known:
                raise UsageError(f"{name}='{value}' is not known.", remedy=nearest(str(value), known))


def build_panel(
    incidents: Incidents,
    regions: Regions,
    *,
    month_rule: str = "end",
    place_rule: str = "drop",
    date_rule: str = "drop",
    max_where_precision: int = 5,
    max_date_precision: int = 4,
    max_snap_km: float = MAX_SNAP_KM,
    coverage: Mapping[str, tuple[object, object]] | None = None,
    window: tuple[object, object] | None = None,
    around: Regions | None = None,
) -> BuiltPanel:
    """Count incidents by month and region.

    Parameters
    ----------
    incidents : Incidents
        Single events, or monthly aggregates of regions.
    regions : Regions
        Where to; regions of countries without coverage are in the panel, never observed.
    month_rule, place_rule, date_rule, max_where_precision, max_date_precision, max_snap_km
        See :class:`Rules`.
    coverage : mapping, optional
        ISO3 to first and last month, in place of what the source claims.
    window : (month, month), optional
        First and last month of the panel; from the coverage where None.
    around : Regions, optional
        Polygons of other countries too, which show what lies abroad; ``regions`` alone where None.

    Returns
    -------
    BuiltPanel
        ``panel, ledger, incidents``; the ledger balances to the event and to the death.

    Raises
    ------
    UsageError
        A rule is not known, or does not fit aggregates.
    LedgerError
        The books do not balance.

    Examples
    --------
    >>> from harmattan.data.snapshot import load_snapshot
    >>> snapshot = load_snapshot()
    >>> snapshot.panel.shape
    (420, 89)
    """
    rules = Rules(month_rule, place_rule, date_rule, max_where_precision, max_date_precision, max_snap_km)
    incidents = after_splits(incidents, around or regions)
    frame = incidents.frame
    aggregates = (frame["record"] == "aggregate").to_numpy()
    _refuse_rule(incidents, aggregates, rules)
    table = incidents.coverage if coverage is None else coverage_of(coverage)
    months, observed = observed_months(table, regions, window)
    figures = _figures(frame)
    read = _read_totals(frame, figures)
    outcome, position, snap_km = _place(frame, regions, aggregates, rules)
    inside = regions_around(frame, snap_km, outcome, around or regions)
    abroad = deep_abroad(frame, outcome, snap_km, inside)
    outcome[abroad], position[abroad] = "inside_another_country", -1
    parts = _parts(frame, outcome, position, aggregates, rules, months[0])
    parts, outcome = _inside(parts, outcome, observed, len(frame), frame, regions, rules)
    panel = _panel(parts, frame, figures, months, observed, incidents, regions)
    if rules.month_rule != "end" and not aggregates.any():
        panel = replace(panel, attrs={**panel.attrs, "month_rule": rules.month_rule})
    ledger = _ledger(parts, frame, figures, outcome, incidents, regions, position, snap_km, inside)
    panel_totals = {
        n: float(np.nansum(panel.measures[n], dtype=np.float64)) for n in _balanced(panel, incidents)
    }
    ledger.check(read, panel_totals, whole=not {"spread", "even"} & {rules.month_rule, rules.place_rule})
    placed_frame = frame.assign(
        region_id=pd.Series(
            np.array([*regions.region_ids, ""], dtype=object)[position], index=frame.index, dtype="str"
        ),
        excluded=pd.Series(outcome, index=frame.index, dtype="str"),
        inside=pd.Series(inside, index=frame.index, dtype="str"),
        named=frame["region_id"],
    )
    return BuiltPanel(panel, ledger, placed_frame)


def _refuse_rule(incidents: Incidents, aggregates: np.ndarray, rules: Rules) -> None:
    if aggregates.any() and incidents.month_rule not in (None, rules.month_rule):
        raise UsageError(
            f"these figures were made by the month rule '{incidents.month_rule}', not '{rules.month_rule}'.",
            where=incidents.source,
            remedy=f"Use month_rule='{incidents.month_rule}', or build from single events.",
        )


def _figures(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """What adds up, float64 per incident; unknown deaths count as none."""
    out = {name: frame[name].to_numpy(np.float64, na_value=np.nan) for name in FIGURES}
    out = {name: np.nan_to_num(values) for name, values in out.items()}
    late = frame["late_events"].to_numpy(np.float64, na_value=np.nan)
    end = frame["date_end"]
    in_last_days = (end.dt.days_in_month - end.dt.day < 10).to_numpy()
    out["late_events"] = np.where(np.isnan(late), np.where(in_last_days, out["events"], 0.0), late)
    return out


def _read_totals(frame: pd.DataFrame, figures: Mapping[str, np.ndarray]) -> pd.DataFrame:
    table = pd.DataFrame({"violence_type": frame["violence_type"], **{n: figures[n] for n in LEDGER_FIGURES}})
    return table.groupby("violence_type", as_index=False).sum()


def _place(
    frame: pd.DataFrame, regions: Regions, aggregates: np.ndarray, rules: Rules
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The outcome so far ('' is not yet decided), the region and the snapping distance of each incident."""
    n = len(frame)
    outcome = frame["excluded"].to_numpy(dtype=object).copy()
    country = frame["country"].to_numpy(dtype=object)
    known = np.isin(country, list(set(regions.countries)))
    outcome[~known] = "outside_regions"
    date_precision = frame["date_precision"].to_numpy(np.float64, na_value=np.nan)
    where_precision = frame["where_precision"].to_numpy(np.float64, na_value=np.nan)
    if rules.date_rule == "drop":
        outcome[(outcome == "") & (date_precision > rules.max_date_precision)] = "imprecise_date"
    if rules.place_rule == "drop":
        outcome[(outcome == "") & (where_precision > rules.max_where_precision)] = "imprecise_place"
    position, km = np.full(n, -1, dtype=np.int64), np.zeros(n)
    index = {r: i for i, r in enumerate(regions.region_ids)}
    given = aggregates | (frame["region_id"] != "").to_numpy()
    if given.any():
        ids = frame["region_id"].to_numpy(dtype=object)[given]
        position[given] = [index.get(i, -1) for i in ids]
    todo = np.flatnonzero((outcome == "") & ~given)
    x, y = frame["longitude"].to_numpy(np.float64)[todo], frame["latitude"].to_numpy(np.float64)[todo]
    blank = np.isnan(x) | np.isnan(y)
    outcome[todo[blank]] = "no_coordinates"
    todo = todo[~blank]
    position[todo], km[todo] = regions.assign(x[~blank], y[~blank], country[todo])
    far = todo[km[todo] > rules.max_snap_km]
    outcome[far] = "outside_country"
    outcome[(outcome == "") & (position < 0)] = "outside_regions"
    position[outcome != ""] = -1
    return outcome, position, km


def _parts(
    frame: pd.DataFrame,
    outcome: np.ndarray,
    position: np.ndarray,
    aggregates: np.ndarray,
    rules: Rules,
    first: pd.Period,
) -> Allocation:
    rows = np.flatnonzero(outcome == "")
    rule = "end" if aggregates.any() else rules.month_rule
    origin = first.year * 12 + first.month - 1
    return months_of(frame["date_start"], frame["date_end"], rows, position[rows], origin, rule)


def _inside(
    parts: Allocation,
    outcome: np.ndarray,
    observed: np.ndarray,
    n: int,
    frame: pd.DataFrame,
    regions: Regions,
    rules: Rules,
) -> tuple[Allocation, np.ndarray]:
    """Pieces in observed months only; incidents of which nothing is left are ``outside_window``."""
    there = (parts.month >= 0) & (parts.month < len(observed))
    there[there] = observed[parts.month[there], parts.region[there]]
    parts = parts.take(there)
    if rules.place_rule == "spread":
        vague = frame["where_precision"].to_numpy(np.float64, na_value=np.nan) > rules.max_where_precision
        parts = spread_places(parts, vague, np.asarray(regions.countries, dtype=object), observed)
    left = np.zeros(n)
    np.add.at(left, parts.row, parts.weight)
    outcome = outcome.copy()
    outcome[(outcome == "") & (left == 0)] = "outside_window"
    outcome[outcome == ""] = PLACED
    return parts, outcome


def _panel(
    parts: Allocation,
    frame: pd.DataFrame,
    figures: Mapping[str, np.ndarray],
    months: pd.PeriodIndex,
    observed: np.ndarray,
    incidents: Incidents,
    regions: Regions,
) -> Panel:
    shape = observed.shape
    flat = parts.month * shape[1] + parts.region
    hole = np.where(observed, np.float32(0), np.float32(np.nan))

    def total(weights: np.ndarray, keep: np.ndarray | None = None) -> np.ndarray:
        at, w = (flat, weights) if keep is None else (flat[keep], weights[keep])
        summed = np.bincount(at, weights=w, minlength=shape[0] * shape[1]).reshape(shape)
        exact = np.float32 if summed.max(initial=0.0) <= EXACT_IN_FLOAT32 else np.float64
        return (summed + hole).astype(exact)

    weighted = {n: figures[n][parts.row] * parts.weight for n in (*FIGURES, "late_events")}
    measures = {n: total(weighted[n]) for n in ("events", "late_events", *FIGURES[1:]) if _has(frame, n)}
    kind = frame["violence_type"].to_numpy(dtype=object)[parts.row]
    group = frame["actor_group"].to_numpy(dtype=object)[parts.row]
    named = {
        name: np.asarray(values == name)
        for names, values in ((incidents.types, kind), (incidents.groups, group))
        for name in names
    }
    measures |= {f"events_{name}": total(weighted["events"], here) for name, here in named.items()}
    if civilian := set(incidents.types) & set(AGAINST_CIVILIANS):
        against = np.isin(kind, list(civilian))
        measures |= {
            f"against_civilians_{name}": total(weighted["events"], named[name] & against)
            for name in incidents.groups
        }
    panel = Panel(
        months=months,
        region_ids=regions.region_ids,
        names=tuple(regions.frame["name"]),
        countries=regions.countries,
        measures=measures,
        observed=observed,
        links=regions.links,
        source=" ".join([incidents.source, *incidents.releases]),
        attrs={"types": list(incidents.types), "groups": list(incidents.groups)},
        cells=None
        if isinstance(regions, PrioGrid)
        else _cells(parts, frame, weighted["events"], named, regions),
    )
    return replace(panel, source=f"{panel.source}, without {panel.gaps}") if panel.gaps else panel


def _cells(
    parts: Allocation,
    frame: pd.DataFrame,
    events: np.ndarray,
    named: Mapping[str, np.ndarray],
    regions: Regions,
) -> CellCounts | None:
    points = [frame[c].to_numpy(np.float64)[parts.row] for c in ("longitude", "latitude")]
    return count_cells(parts.month, parts.region, points, events, named, regions.geometry)


def _has(frame: pd.DataFrame, name: str) -> bool:
    return name in ("events", "late_events") or bool(frame[name].notna().any())


def _balanced(panel: Panel, incidents: Incidents) -> list[str]:
    return [n for n in (*LEDGER_FIGURES, *(f"events_{t}" for t in incidents.types)) if n in panel.measures]


def _ledger(
    parts: Allocation,
    frame: pd.DataFrame,
    figures: Mapping[str, np.ndarray],
    outcome: np.ndarray,
    incidents: Incidents,
    regions: Regions,
    position: np.ndarray,
    km: np.ndarray,
    inside: np.ndarray,
) -> Ledger:
    n = len(frame)
    left = np.zeros(n)
    np.add.at(left, parts.row, parts.weight)
    share = np.where(outcome == PLACED, np.where(np.isclose(left, 1.0), 1.0, left), 1.0)
    rest = np.flatnonzero((outcome == PLACED) & (share < 1.0))
    rows = np.concatenate([np.arange(n), rest])
    weight = np.concatenate([share, 1.0 - share[rest]])
    end = frame["date_end"]
    entries = entries_of(
        frame["country"].to_numpy(dtype=object)[rows],
        end.dt.year.to_numpy()[rows],
        frame["violence_type"].to_numpy(dtype=object)[rows],
        np.concatenate([outcome, np.full(len(rest), "outside_window", dtype=object)]),
        {name: figures[name][rows] * weight for name in LEDGER_FIGURES},
    )
    moved = np.flatnonzero((outcome == PLACED) & (km > 0))
    snapped = pd.DataFrame(
        {
            "incident_id": frame["incident_id"].to_numpy(dtype=object)[moved],
            "country": frame["country"].to_numpy(dtype=object)[moved],
            "region_id": np.asarray(regions.region_ids, dtype=object)[position[moved]],
            "snap_km": km[moved].round(3),
            "inside": inside[moved],
        }
    )
    return Ledger(
        entries, incidents.repairs, snapped.sort_values("snap_km", ascending=False, ignore_index=True)
    )
