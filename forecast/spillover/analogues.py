"""Past region-months that looked like one of today, and what followed them there and next door."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...data.errors import OriginError, RegionError, nearest
from ...data.panel import Panel

#: Months over which what followed is counted.
AHEAD = (1, 3, 6)
#: Months that two cases of one region lie apart at least, so that one outbreak is not counted as many cases.
APART = 6
#: Cases that are looked for, and the fewest that are summed up.
CASES, FEWEST = 40, 10


@dataclass(frozen=True)
class Analogues:
    """Past cases like one region-month, nearest first, and what followed.

    Attributes
    ----------
    cases : pandas.DataFrame
        ``region_id, month, distance``; events of the 1, 3 and 12 months up to ``month`` (``last_1`` …) and of three in
        adjoining regions (``next_door_3``); events that followed, here and there (``after_1, next_door_after_1`` …).
    summary : pandas.DataFrame
        A row per place (``here``, ``next door``) and months ahead: ``cases``, mean events of as many months before
        (``before``), ``mean, median, low, high`` (80 % of cases) of those that followed, ``share_any`` with at least
        one, ``share_more`` with more than before.
    """

    cases: pd.DataFrame
    summary: pd.DataFrame


def find_analogues(panel: Panel, region_id: str) -> Analogues:
    """Past region-months most like a region's last one, and what followed.

    Alike in their own events of 1, 3 and 12 months, and in those of three months next door.
    Nearest by Euclidean distance of the logs, each over its own spread; of those as near, the newest. The six months
    that follow a case lie within the panel, and cases of one region lie at least six months apart. Analogue
    forecasting, after Lorenz (1969), doi:10.1175/1520-0469(1969)26<636:APARBN>2.0.CO;2.

    Parameters
    ----------
    panel : Panel
        Up to the origin; its main counts are used.
    region_id : str

    Raises
    ------
    RegionError
        A region that the panel does not have.
    OriginError
        The region was not observed in its last twelve months, or fewer than ten cases are to be had.

    Examples
    --------
    >>> import harmattan
    >>> found = find_analogues(harmattan.load_snapshot().panel.until("2023-08"), "MLI-kidal")
    >>> found.summary.query("place == 'here'")["mean"].round(2).tolist()
    [0.65, 1.82, 3.35]
    """
    if region_id not in panel.region_ids:
        raise RegionError(f"'{region_id}' is not in this panel.", "", nearest(region_id, panel.region_ids))
    at = panel.region_ids.index(region_id)
    history = _History.of(panel)
    columns = np.stack([history.before(1), history.before(3), history.before(12), history.near_before(3)])
    state = np.log1p(columns)
    if np.isnan(state[:3, -1, at]).any():
        raise OriginError(
            f"{region_id} was not observed in each of the twelve months up to {panel.last_month}.",
            remedy="Choose another region or an earlier --as-of.",
        )
    whole = ~np.isnan(columns[:3]).any(axis=0) & ~np.isnan(history.after(max(AHEAD)))
    known = [s[whole & ~np.isnan(s)] for s in state]
    spread = np.array([float(k.std()) if len(k) and k.std() > 0 else 1.0 for k in known])
    scaled = (state - state[:, -1:, [at]]) / spread[:, None, None]
    distance = np.sqrt(np.nansum(scaled**2, axis=0))
    rows, regions = _nearest(np.where(whole, distance, np.inf), panel)
    cases = pd.DataFrame(
        {
            "region_id": [panel.region_ids[r] for r in regions],
            "month": panel.months[rows].astype(str),
            "distance": distance[rows, regions],
            **{f"last_{n}": history.before(n)[rows, regions] for n in (1, 3, 12)},
            "next_door_3": history.near_before(3)[rows, regions],
            **{f"after_{n}": history.after(n)[rows, regions] for n in AHEAD},
            **{f"next_door_after_{n}": history.near_after(n)[rows, regions] for n in AHEAD},
        }
    )
    summary = [
        _summary(place, n, before(n)[rows, regions], after(n)[rows, regions])
        for place, before, after in (
            ("here", history.before, history.after),
            ("next door", history.near_before, history.near_after),
        )
        for n in AHEAD
    ]
    return Analogues(cases, pd.DataFrame([row for row in summary if row]))


def past_changes(panel: Panel, changed: pd.DataFrame, lasting: int) -> pd.DataFrame:
    """What past months with such a change brought next door.

    Parameters
    ----------
    panel : Panel
        Up to the origin.
    changed : pandas.DataFrame
        ``region_id`` and ``level``: the events a month that a scenario gives a region while it lasts.
    lasting : int
        Months that it lasts, from 1.

    Returns
    -------
    pandas.DataFrame
        A row per region that is set: ``region_id, before`` (its events a month over the last three), ``level``,
        ``cases``, ``cases_before, cases_level`` (the cases' own means), and events a month in the regions next door:
        ``next_door_before, next_door_during`` and the share of cases in which they grew, ``share_more``. No case, and
        NaN, where there are fewer than ten.
    """
    history = _History.of(panel)
    before, during = history.before(3) / 3, history.after(lasting) / lasting
    near_before, near_during = history.near_before(3) / 3, history.near_after(lasting) / lasting
    rows_of = []
    for region_id, level in zip(changed["region_id"], changed["level"], strict=True):
        now = before[-1, panel.region_ids.index(region_id)]
        apart = np.hypot(np.log1p(before) - np.log1p(now), np.log1p(during) - np.log1p(level))
        # A change that no past month comes near is not answered by months without one.
        whole = ~np.isnan(apart) & ~np.isnan(near_during) & (apart <= np.log(1.5))
        found: dict[str, object] = {"region_id": region_id, "before": now, "level": level}
        try:
            at = _nearest(np.where(whole, apart, np.inf), panel)
        except OriginError:
            rows_of.append({**found, "cases": 0})
            continue
        values = {
            "cases_before": before[at].mean(),
            "cases_level": during[at].mean(),
            "next_door_before": near_before[at].mean(),
            "next_door_during": near_during[at].mean(),
            "share_more": float((near_during[at] > near_before[at]).mean()),
        }
        rows_of.append({**found, "cases": len(at[0]), **values})
    return pd.DataFrame(rows_of)


@dataclass(frozen=True)
class _History:
    """Counts by month and region, NaN where not observed, and the same next door."""

    counts: np.ndarray
    near: np.ndarray

    @classmethod
    def of(cls, panel: Panel) -> _History:
        counts = panel.measure(panel.main).astype(float)
        touching = np.zeros((panel.shape[1],) * 2)
        if panel.links is not None:
            index = {r: i for i, r in enumerate(panel.region_ids)}
            a, b = (panel.links[c].map(index).to_numpy() for c in ("region_a", "region_b"))
            touching[a, b] = touching[b, a] = 1
        near = np.nan_to_num(counts) @ touching
        return cls(counts, np.where(touching.any(axis=0), near, np.nan))

    def before(self, months: int) -> np.ndarray:
        return _sums(self.counts, months)

    def near_before(self, months: int) -> np.ndarray:
        return _sums(self.near, months)

    def after(self, months: int) -> np.ndarray:
        return _shifted(self.before(months), months)

    def near_after(self, months: int) -> np.ndarray:
        return _shifted(self.near_before(months), months)


def _sums(counts: np.ndarray, months: int) -> np.ndarray:
    """Sums over the ``months`` up to each; NaN where one of them is not known."""
    out = np.full(counts.shape, np.nan)
    if len(counts) >= months:
        out[months - 1 :] = np.lib.stride_tricks.sliding_window_view(counts, months, axis=0).sum(axis=-1)
    return out


def _shifted(sums: np.ndarray, months: int) -> np.ndarray:
    """The sums that begin after each month; NaN where they would end after the panel."""
    out = np.full(sums.shape, np.nan)
    out[: len(sums) - months] = sums[months:]
    return out


def _nearest(distance: np.ndarray, panel: Panel) -> tuple[np.ndarray, np.ndarray]:
    """Rows and regions of the nearest cases, of those as near the newest, spaced within a region."""
    rows, regions = np.nonzero(np.isfinite(distance))
    order = np.lexsort((regions, -rows, np.round(distance[rows, regions], 9)))
    taken: dict[int, list[int]] = {}
    kept: list[tuple[int, int]] = []
    for row, region in zip(rows[order], regions[order], strict=True):
        if all(abs(row - other) >= APART for other in taken.get(region, ())):
            taken.setdefault(region, []).append(row)
            kept.append((row, region))
            if len(kept) == CASES:
                break
    if len(kept) < FEWEST:
        raise OriginError(
            f"there are {len(kept)} past cases like this one, too few to sum up (at least {FEWEST}).",
            remedy=f"Bring a longer history: there are {len(panel.months)} months.",
        )
    found = np.array(kept)
    return found[:, 0], found[:, 1]


def _summary(place: str, months: int, before: np.ndarray, after: np.ndarray) -> dict[str, object]:
    """One row: what followed within some months. Cases without a region next door are left out there."""
    known = ~np.isnan(before) & ~np.isnan(after)
    if not known.any():
        return {}
    before, after = before[known], after[known]
    low, median, high = np.quantile(after, [0.1, 0.5, 0.9], method="inverted_cdf")
    return {
        "place": place,
        "months_ahead": months,
        "cases": int(known.sum()),
        "before": before.mean(),
        "mean": after.mean(),
        "median": median,
        "low": low,
        "high": high,
        "share_any": float((after > 0).mean()),
        "share_more": float((after > before).mean()),
    }


def scenario_warnings(panel: Panel, result: pd.DataFrame, years: Sequence[tuple[str, int]] = ()) -> list[str]:
    """What to be told before a scenario's numbers are read.

    Parameters
    ----------
    panel : Panel
        Up to the origin.
    result : pandas.DataFrame
        Of :func:`~harmattan.forecast.spillover.scenario.run_scenario`.
    years : sequence of (region id, year)
        Regions that are set to their level of a year.
    """
    own = result[(result["level"] == "region") & result["set"] & (result["month"] != "all")]
    counts = np.nan_to_num(panel.measure(panel.main))
    largest, names = counts.max(axis=0), dict(zip(panel.region_ids, panel.names, strict=True))
    warnings = []
    for region_id, rows in own.groupby("place", sort=False):
        peak = float(rows["scenario"].max())
        record = float(largest[panel.region_ids.index(str(region_id))])
        # Below a handful any change is a multiple of the record.
        if peak > max(2 * record, 5.0):
            times = (
                f", {peak / record:.0f} times its largest ({record:.0f})"
                if record
                else ", and it never had one"
            )
            where = " No region of this panel ever had so many." if peak > counts.max() else ""
            warnings.append(
                f"{names[str(region_id)]} is given {peak:.0f} {panel.main} in a month{times}.{where} "
                "What follows is beyond the record: read its direction, not its size."
            )
    lower = []
    for region_id, year in years:
        rows = own[own["place"] == region_id]
        level, baseline = float(rows["scenario"].iloc[0]), float(rows["baseline"].iloc[0])
        if level < baseline:
            lower.append(
                f"{names[region_id]} as in {year} means {level:.1f} {panel.main} a month, not {baseline:.1f}"
            )
    if lower:
        warnings.append(
            f"Fewer than are expected: {'; '.join(lower)}. Counts say how much was recorded, not who held the ground: "
            "territory can fall with few deadly events, and this is no scenario of that."
        )
    return warnings
