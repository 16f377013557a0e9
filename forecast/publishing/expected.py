"""What the last release expected the newest month's first release to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...data.panel import TARGETS
from ...data.snapshot import load_delay, share_of

if TYPE_CHECKING:
    from ..release import PastRelease

#: Points of the predictive distribution outside of which a month is a surprise.
LOW, HIGH = 0.01, 0.99


def expected_of(past: PastRelease, month: pd.Period, seed: int = 20231) -> pd.DataFrame | None:
    """The bounds of each country's count in a month, and of all together, as a first release may show them.

    A first release holds a country's usual share of what is known in the end, or all of it: the lower bound is of
    draws thinned event by event, the upper one of whole draws.

    Returns
    -------
    pandas.DataFrame or None
        ``measure, place, low, high`` (counts per month); None where the release does not reach the month.
    """
    delay, rng = load_delay(), np.random.default_rng(seed)
    countries = (
        {}
        if past.history is None
        else dict(zip(past.history.region_ids, past.history.countries, strict=True))
    )
    rows = []
    for target, draws in past.draws.items():
        horizon = (month - draws.origin).n
        if horizon not in draws.horizons:
            continue
        values = draws.values[:, draws.horizons.index(horizon), :].astype(np.int64)
        of = np.array([countries.get(r, r.split("-")[0]) for r in draws.region_ids], dtype=object)
        whole = {c: values[:, of == c].sum(axis=1) for c in sorted(set(of))}
        first = {c: rng.binomial(n, min(share_of(delay, c), 1.0)) for c, n in whole.items()}
        whole["all"], first["all"] = values.sum(axis=1), np.sum(list(first.values()), axis=0)
        for place, n in whole.items():
            low, high = np.quantile(first[place], LOW), np.quantile(n, HIGH)
            rows.append((TARGETS.get(target, target), place, float(np.floor(low)), float(np.ceil(high))))
    return pd.DataFrame(rows, columns=["measure", "place", "low", "high"]) if rows else None
