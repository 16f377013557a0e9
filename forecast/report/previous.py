"""The release before this one, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ...data.errors import ReleaseError
from ...training.distribution import Draws, empirical
from ..result import ForecastResult
from .tables import RECENT


@dataclass(frozen=True)
class PreviousRelease:
    """What is needed of an earlier release: its name and its draws.

    Attributes
    ----------
    name : str
        Its folder's name, such as ``2023-11``.
    draws : dict of str to Draws
        By target: int32 (draws, horizons, regions), >= 0.
    """

    name: str
    draws: Mapping[str, Draws]

    @classmethod
    def read(cls, folder: Path) -> PreviousRelease:
        """A release from its folder; :class:`ReleaseError` where its draws are missing or unreadable."""
        path = folder / "draws.parquet"
        try:
            table = pd.read_parquet(path)
            draws = {str(t): Draws.from_frame(part) for t, part in table.groupby("target", observed=True)}
        except (OSError, ValueError, KeyError) as error:
            raise ReleaseError(
                "the draws of the previous release cannot be read.",
                where=str(path),
                remedy="Verify that release, or render the report without it.",
            ) from error
        return cls(folder.name, draws)


@dataclass(frozen=True)
class Hindsight:
    """An earlier forecast of the month that has since been observed.

    Attributes
    ----------
    name : str
        The release that made it.
    month : pandas.Period
        The month that was forecast, and is the last observed now.
    horizon : int
        How many months ahead it was made.
    table : pandas.DataFrame
        Per region observed: ``region_id, name, country, expected, low, high, observed, inside``,
        most observed first.
    expected, low, high, observed : float
        The same for the sum of these regions (mean, 80 % interval, count).
    crps, crps_conflictology : float
        Mean score over regions of the forecast and of each region's own twelve months before it.
    """

    name: str
    month: pd.Period
    horizon: int
    table: pd.DataFrame
    expected: float
    low: float
    high: float
    observed: float
    crps: float
    crps_conflictology: float


def hindsight(
    result: ForecastResult, previous: PreviousRelease | None, target: str = "events"
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
    both = [
        (k, column[region])
        for k, region in enumerate(draws.region_ids)
        if region in column and not np.isnan(outcome[column[region]])
    ]
    past = panel.target(target)[: -ahead or None][-RECENT:] if ahead < len(panel.months) else outcome[None]
    both = [(k, i) for k, i in both if not np.isnan(past[:, i]).any()]
    if not both:
        return None
    of_draws, of_panel = (list(side) for side in zip(*both, strict=True))
    values, observed = draws.values[:, row, of_draws], outcome[of_panel]
    low, high = np.quantile(values, [0.1, 0.9], axis=0, method="inverted_cdf")
    table = pd.DataFrame(
        {
            "region_id": [panel.region_ids[i] for i in of_panel],
            "name": [panel.names[i] for i in of_panel],
            "country": [panel.countries[i] for i in of_panel],
            "expected": draws.mean()[row, of_draws],
            "low": low,
            "high": high,
            "observed": observed,
            "inside": (observed >= low) & (observed <= high),
        }
    ).sort_values(["observed", "expected", "region_id"], ascending=[False, False, True], ignore_index=True)
    total = np.quantile(values.sum(axis=1), [0.1, 0.9], method="inverted_cdf")
    whole = observed.astype(np.int64)
    return Hindsight(
        name=previous.name,
        month=result.origin,
        horizon=ahead,
        table=table,
        expected=float(table["expected"].sum()),
        low=float(total[0]),
        high=float(total[1]),
        observed=float(observed.sum()),
        crps=float(empirical(values).crps(whole).mean()),
        crps_conflictology=float(empirical(past[:, of_panel]).crps(whole).mean()),
    )
