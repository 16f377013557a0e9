"""The forecast before this one, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...data.panel import Panel
from ...training.distribution import empirical
from ..release.read import HISTORY_MONTHS, PastRelease
from ..result import ForecastResult
from .tables import RECENT


@dataclass(frozen=True)
class Hindsight:
    """An earlier forecast of the month that has since been observed."""

    #: The release that made it; empty for a forecast that was never released, and is made again now.
    name: str
    month: pd.Period  # The month that was forecast, and is the last observed now.
    horizon: int  # How many months ahead it was made.
    #: Per region observed: ``region_id, name, country, expected, low, high, observed, inside``, most observed first.
    table: pd.DataFrame
    #: The same for the sum of these regions (mean, 80 % interval, count); the interval is NaN without joint draws.
    expected: float
    low: float
    high: float
    observed: float
    #: Mean score over regions of the forecast and of each region's own twelve months before it.
    crps: float
    crps_conflictology: float
    fitted: pd.Period | None = None  # The last month that the parameters of a forecast made again have seen.

    @property
    def origin(self) -> pd.Period:
        """The last month that it had seen."""
        return self.month - self.horizon

    @property
    def missed(self) -> pd.DataFrame:
        """Regions outside their 80 % interval, the farthest outside first."""
        out = self.table[~self.table["inside"].astype(bool)]
        beyond = np.maximum(out["observed"] - out["high"], out["low"] - out["observed"])
        return out.assign(beyond=beyond).sort_values(["beyond", "region_id"], ascending=[False, True])


def hindsight(
    result: ForecastResult, previous: PastRelease | None, target: str = "events"
) -> Hindsight | None:
    """Set the earlier forecast of the origin month beside what was observed in it.

    None where there is no earlier release, it did not reach this month, or nothing was observed.
    """
    draws = previous.draws.get(target) if previous else None
    if previous is None or draws is None:
        return None
    ahead = int(result.origin.ordinal - draws.origin.ordinal)
    if ahead not in draws.horizons:
        return None
    panel = result.panel.until(result.origin)
    row = draws.horizons.index(ahead)
    column = {region: i for i, region in enumerate(panel.region_ids)}
    outcome = panel.target(target)[-1]
    before = _twelve_before(result, previous, target, ahead)
    both = [
        (k, column[region])
        for k, region in enumerate(draws.region_ids)
        if region in column
        and not np.isnan(outcome[column[region]])
        and not np.isnan(before[:, column[region]]).any()
    ]
    if not both:
        return None
    of_draws, of_panel = (list(side) for side in zip(*both, strict=True))
    values, observed = draws.values[:, row, of_draws], outcome[of_panel]
    low, high = np.quantile(values, [0.1, 0.9], axis=0, method="inverted_cdf")
    table = pd.DataFrame(
        {
            "region_id": [panel.region_ids[i] for i in of_panel],
            "expected": draws.mean()[row, of_draws],
            "low": low,
            "high": high,
            "observed": observed,
        }
    )
    total = np.quantile(values.sum(axis=1), [0.1, 0.9], method="inverted_cdf")
    whole = observed.astype(np.int64)
    return Hindsight(
        name=previous.name,
        month=result.origin,
        horizon=ahead,
        table=_told(result, table),
        expected=float(table["expected"].sum()),
        low=float(total[0]),
        high=float(total[1]),
        observed=float(observed.sum()),
        crps=float(empirical(values).crps(whole).mean()),
        crps_conflictology=float(empirical(before[:, of_panel]).crps(whole).mean()),
    )


def rehearsed(result: ForecastResult) -> Hindsight | None:
    """The origin month as it would have been forecast a month before; None where the run did not judge itself."""
    table = result.rehearsal
    if table.empty or str(table["month"].iloc[0]) != str(result.origin):
        return None
    first = table.iloc[0]
    return Hindsight(
        name="",
        month=pd.Period(str(first["month"]), freq="M"),
        horizon=int(first["horizon"]),
        table=_told(result, table),
        expected=float(table["expected"].sum()),
        low=float("nan"),
        high=float("nan"),
        observed=float(table["observed"].sum()),
        crps=float(table["crps"].mean()),
        crps_conflictology=float(table["crps_conflictology"].mean()),
        fitted=pd.Period(str(first["fitted"]), freq="M"),
    )


def _told(result: ForecastResult, table: pd.DataFrame) -> pd.DataFrame:
    """The regions with their names, and whether the count lay inside the interval."""
    panel = result.panel
    names = dict(zip(panel.region_ids, panel.names, strict=True))
    countries = dict(zip(panel.region_ids, panel.countries, strict=True))
    return table.assign(
        name=table["region_id"].map(names),
        country=table["region_id"].map(countries),
        inside=(table["observed"] >= table["low"]) & (table["observed"] <= table["high"]),
    ).sort_values(["observed", "expected", "region_id"], ascending=[False, False, True], ignore_index=True)


def _twelve_before(result: ForecastResult, previous: PastRelease, target: str, ahead: int) -> np.ndarray:
    """The twelve months up to the earlier origin, (12, regions), as they were known then where that is kept."""
    panel = result.panel.until(result.origin)
    now = panel.target(target)[: len(panel.months) - ahead][-RECENT:].astype(float)
    kept = previous.history
    if kept is None or kept.months[-1] != previous.origin or len(kept.months) < RECENT:
        return now
    column = {region: i for i, region in enumerate(kept.region_ids)}
    then = kept.target(target)[-RECENT:]
    found = [then[:, column[r]] if r in column else np.full(RECENT, np.nan) for r in panel.region_ids]
    return np.stack(found, axis=1).astype(float)


def revisions(result: ForecastResult, previous: PastRelease | None) -> pd.DataFrame | None:
    """What has become of the counts that the earlier release had seen; None where it kept none.

    Returns
    -------
    pandas.DataFrame
        One row per country in which anything changed: ``country, then, now, change`` (events of the months that both
        keep) and ``region_months`` (how many counts differ). Empty where nothing was revised.
    """
    kept = previous.history if previous else None
    if kept is None:
        return None
    panel = result.panel.until(result.origin)
    months = kept.months.intersection(panel.months[-HISTORY_MONTHS:])
    regions = [r for r in kept.region_ids if r in set(panel.region_ids)]
    if not len(months) or not regions:
        return None
    then, now = (_counts(p, months, regions) for p in (kept, panel))
    country = dict(zip(kept.region_ids, kept.countries, strict=True))
    differ = (np.nan_to_num(then, nan=-1) != np.nan_to_num(now, nan=-1)).sum(axis=0)
    table = pd.DataFrame(
        {
            "country": [country[r] for r in regions],
            "then": np.nansum(then, axis=0),
            "now": np.nansum(now, axis=0),
            "region_months": differ,
        }
    )
    table = table.groupby("country", as_index=False).sum()
    table.insert(3, "change", table["now"] - table["then"])
    return table[table["region_months"] > 0].reset_index(drop=True)


def _counts(panel: Panel, months: pd.PeriodIndex, regions: list[str]) -> np.ndarray:
    rows, ids = panel.months.get_indexer(months), panel.region_ids
    return np.asarray(panel.target("events")[rows][:, [ids.index(r) for r in regions]], dtype=float)
