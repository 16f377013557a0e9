"""A small world of squares in which a front crosses a border, or events fall anywhere: shared by tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import shapely

from harmattan.data.geography import Regions, links_of
from harmattan.data.panel import CellCounts, Outlines, Panel

SIDE, MONTHS = 6, 216


def regions_frame(ids: Sequence[str], countries: Sequence[str]) -> pd.DataFrame:
    named = pd.DataFrame({"region_id": ids, "name": ids, "country": countries})
    return named.assign(layer="t", valid_from="", valid_to="")


def world(seed: int, spread: bool) -> Panel:
    """Thirty-six squares in two countries. A front starts in the west; or events fall anywhere, at random."""
    rng = np.random.default_rng(seed)
    n = SIDE * SIDE
    x, y = np.divmod(np.arange(n), SIDE)
    shapes = np.array([shapely.box(i, 5 + j, i + 1, 6 + j) for i, j in zip(x, y, strict=True)])
    countries = tuple("AAA" if i < SIDE / 2 else "BBB" for i in x)
    ids = tuple(f"{c}-{k:02d}" for k, c in enumerate(countries))
    frame = regions_frame(ids, countries)
    near = (abs(x[:, None] - x) + abs(y[:, None] - y)) == 1
    events = np.zeros((MONTHS, n))
    for t in range(1, MONTHS):
        recent = events[max(t - 6, 0) : t].sum(axis=0)
        rate = 0.01 + 0.06 * (near @ (recent > 0)) * spread
        rate = np.where(events[:t].any(axis=0), 0.25, rate) * np.where(spread & (x > t / 30), 0.02, 1.0)
        events[t] = rng.poisson(rate if spread else np.full(n, 0.015))
    month, region = np.nonzero(events)
    counts = events[month, region].astype(np.float32)
    outlines = Outlines(shapes)
    home = outlines.home()
    cells = CellCounts(month, region, home[region], {"events": counts, "events_jnim": counts}, home, outlines)
    values = events.astype(np.float32)
    return Panel(
        months=pd.period_range("2000-01", periods=MONTHS, freq="M"),
        region_ids=ids,
        names=ids,
        countries=countries,
        measures={"events": values, "events_jnim": values, "events_state_based": values},
        observed=np.ones((MONTHS, n), dtype=bool),
        links=links_of(frame, shapes),
        cells=cells,
    )


def regions_of(panel: Panel) -> Regions:
    """The world's polygons."""
    assert panel.cells is not None
    assert panel.cells.outlines is not None
    shapes = panel.cells.outlines.geometry
    frame = regions_frame(panel.region_ids, panel.countries)
    return Regions(frame, shapes, links_of(frame, shapes), {"AAA": "A", "BBB": "B"})
