"""What the last release expected the newest month's first release to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...data.panel import TARGETS
from ...data.snapshot import load_delay, share_of

if TYPE_CHECKING:
    from ...data.panel import Panel
    from ..release import PastRelease

#: Points of the predictive distribution outside of which a month is a surprise.
LOW, HIGH = 0.01, 0.99


def expected_of(past: PastRelease, panel: Panel, seed: int = 20231) -> pd.DataFrame | None:
    """The bounds of the last month's count as a first release may show it, of each country and of all together.

    A first release holds a country's usual share of what is known in the end, or all of it: the lower bound is of
    draws thinned event by event, the upper one of whole draws.

    Returns
    -------
    pandas.DataFrame or None
        ``measure, place, low, high`` (counts per month) and ``so_few`` (the chance of so few as the panel holds); None
        where the release does not reach the month.
    """
    month, owners = panel.last_month, np.asarray(panel.countries, dtype=object)
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
        forecast = np.isin(panel.region_ids, draws.region_ids)
        whole = {c: values[:, of == c].sum(axis=1) for c in sorted(set(of))}
        first = {c: rng.binomial(n, min(share_of(delay, c), 1.0)) for c, n in whole.items()}
        whole["all"], first["all"] = values.sum(axis=1), np.sum(list(first.values()), axis=0)
        for place, n in whole.items():
            low, high = np.quantile(first[place], LOW), np.quantile(n, HIGH)
            at = forecast if place == "all" else forecast & (owners == place)
            measure = TARGETS.get(target, target)
            came = panel.measures[measure][-1, at].sum(dtype=float) if measure in panel.measures else np.nan
            few = float((first[place] <= came).mean())
            rows.append((measure, place, float(np.floor(low)), float(np.ceil(high)), few))
    return pd.DataFrame(rows, columns=["measure", "place", "low", "high", "so_few"]) if rows else None
