"""A finished forecast with everything that its first page says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .changes import changes_table
from .judged import JUDGED_COLUMNS, of_release, totals_check
from .places import OUTLOOK_COLUMNS, outlook_table
from .warnings import warnings_table

if TYPE_CHECKING:
    from ...data.panel import Panel
    from ...training.distribution import Draws
    from ..release import PastRelease
    from ..result import ForecastResult


def with_outlook(result: ForecastResult, previous: PastRelease | None = None) -> ForecastResult:
    """The result with its outlook, the last month judged, and the places to look at first.

    Parameters
    ----------
    previous : PastRelease, optional
        The release before: it is judged in place of the forecast that the run has made again.
    """
    panel = result.panel.until(result.origin)
    judged = None if previous is None else of_release(previous, panel, result.origin)
    if judged is None:
        judged = result.judged if len(result.judged) else pd.DataFrame(columns=list(JUDGED_COLUMNS))
    parts = [outlook_table(draws, _aligned(panel, draws.region_ids)) for _, draws in _events_first(result)]
    outlook = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(OUTLOOK_COLUMNS))
    warnings = warnings_table(outlook, judged, panel, result.watch)
    changes = changes_table(result, previous)
    return replace(
        result,
        judged=judged,
        outlook=outlook,
        warnings=warnings,
        changes=changes if len(changes) else result.changes,
        quality=_with_check(result.quality, judged),
    )


def _events_first(result: ForecastResult) -> list[tuple[str, Draws]]:
    return sorted(((t, result.draws[t]) for t in result.main_targets), key=lambda item: item[0] != "events")


def _aligned(panel: Panel, regions: tuple[str, ...]) -> Panel:
    at = {region: i for i, region in enumerate(panel.region_ids)}
    return (
        panel
        if panel.region_ids == regions
        else panel.take(regions=np.array([at[r] for r in regions], dtype=int))
    )


def _with_check(quality: pd.DataFrame, judged: pd.DataFrame) -> pd.DataFrame:
    """The checks with that of the totals, once."""
    check = totals_check(judged)
    kept = quality[quality["name"] != "totals"] if len(quality) else quality
    if check is None:
        return quality
    return pd.concat(
        [kept, pd.DataFrame([check], columns=["name", "status", "message", "rows"])], ignore_index=True
    )
