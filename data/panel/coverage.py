"""What was observed where and when: a month outside a country's coverage is missing, never zero."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..errors import UsageError, listed
from ..geography import Regions
from ..months import month_of
from .incidents import ANYWHERE, coverage_rows, coverage_table


def coverage_of(coverage: Mapping[str, tuple[object, object]]) -> pd.DataFrame:
    """A coverage table from ISO3 to first and last month."""
    return coverage_table((c, first, last) for c, (first, last) in coverage.items())


def observed_months(
    table: pd.DataFrame, regions: Regions, window: tuple[object, object] | None
) -> tuple[pd.PeriodIndex, np.ndarray]:
    """The months of the panel, and which of them each region was observed in."""
    countries = set(regions.countries)
    rows = [(c, a, b) for c, a, b in coverage_rows(table) if c in countries]
    rows += [
        (c, a, b) for every, a, b in coverage_rows(table) if every == ANYWHERE for c in sorted(countries)
    ]
    if not rows:
        raise UsageError(
            "the source covers none of the regions' countries.",
            where=listed(sorted(set(table["country"]))) or "coverage",
            remedy="Give regions of the countries in the source, or the coverage.",
        )
    first, last = min(r[1] for r in rows), max(r[2] for r in rows)
    if window is not None:
        first, last = (month_of(m) for m in window)
    if first > last:
        raise UsageError(
            f"the window ends ({last}) before it begins ({first}).", remedy="Swap the two months."
        )
    months = pd.period_range(first, last, freq="M")
    seen = np.zeros((len(months), len(regions)), dtype=bool)
    of_country = np.asarray(regions.countries, dtype=object)
    for country, start, stop in rows:
        a, b = start.ordinal - first.ordinal, stop.ordinal - first.ordinal + 1
        if b > 0:
            seen[max(a, 0) : b, of_country == country] = True
    return months, seen
