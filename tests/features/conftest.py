"""Small random worlds: gaps in coverage, an island, a country of one region, all measures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from harmattan.data.panel import Panel

MakePanel = Callable[..., Panel]
PARTS = ("events_state_based", "events_one_sided", "events_jnim", "events_islamic_state")


def random_panel(seed: int, months: int = 40, gaps: bool = True) -> Panel:
    """Nine regions: AAA has four, BBB three, CCC one, and DDD-island has no neighbour."""
    rng = np.random.default_rng(seed)
    ids = ("AAA-1", "AAA-2", "AAA-3", "AAA-4", "BBB-1", "BBB-2", "BBB-3", "CCC-1", "DDD-island")
    n = len(ids)
    events = rng.poisson(rng.gamma(0.6, 2.0, size=(1, n)) * rng.binomial(1, 0.6, size=(months, n)))
    measures = {"events": events, "late_events": rng.binomial(events, 0.35)}
    measures |= {name: rng.binomial(events, 0.4) for name in PARTS}
    measures["deaths_best"] = rng.poisson(2.5 * events)
    measures["deaths_civilians"] = rng.binomial(measures["deaths_best"], 0.4)
    measures["last_day"] = np.where(events > 0, rng.integers(1, 29, size=events.shape), 0)
    observed = np.ones((months, n), dtype=bool)
    if gaps:
        observed[:7, 4:7] = False
        observed[-5:, 7] = False
        observed[rng.integers(0, months, 12), rng.integers(0, n, 12)] = False
        observed[:, 3] = rng.random(months) < 0.7
    pairs = [(0, 1), (0, 2), (1, 2), (2, 3), (4, 5), (5, 6), (3, 4), (2, 5), (1, 7), (6, 7)]
    links = pd.DataFrame(
        {
            "region_a": [ids[a] for a, _ in pairs],
            "region_b": [ids[b] for _, b in pairs],
            "border_km": rng.uniform(5, 300, len(pairs)),
            "crosses_border": [ids[a][:3] != ids[b][:3] for a, b in pairs],
        }
    )
    static = pd.DataFrame(
        {
            "region_id": ids,
            "population": rng.integers(10_000, 2_000_000, n),
            "longitude": rng.uniform(-10, 10, n),
            "latitude": rng.uniform(5, 20, n),
        }
    )
    return Panel(
        months=pd.period_range("2001-01", periods=months, freq="M"),
        region_ids=ids,
        names=ids,
        countries=tuple(i[:3] for i in ids),
        measures={k: np.where(observed, v, np.nan).astype(np.float32) for k, v in measures.items()},
        observed=observed,
        links=links,
        attrs={"static": static},
    )


@pytest.fixture(scope="session")
def make_panel() -> MakePanel:
    """A random panel by seed."""
    return random_panel
