"""Other worlds for an audit: the same panel with another future, another month, other names, gaps or quiet times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ...data.panel import Panel
from ..series import Array

#: What a column computed from a whole history may look like.
SUMMARIES: tuple[tuple[str, Callable[[Array], Array]], ...] = (
    ("mean", lambda v: v.mean(axis=0)),
    ("largest value", lambda v: v.max(axis=0)),
    ("spread", lambda v: v.std(axis=0)),
    ("share of active months", lambda v: (v > 0).mean(axis=0)),
    ("mean of the last 12 months", lambda v: v[-12:].mean(axis=0)),
    ("mean of the last 24 months", lambda v: v[-24:].mean(axis=0)),
    ("last value", lambda v: v[-1]),
)


def with_gaps(panel: Panel, rng: np.random.Generator) -> Panel:
    """The panel with about a tenth of its months unobserved, some at a stretch."""
    hidden = rng.random(panel.shape) < 0.06
    for region in rng.choice(panel.shape[1], size=max(1, panel.shape[1] // 8), replace=False):
        start = rng.integers(0, panel.shape[0])
        hidden[start : start + panel.shape[0] // 6, region] = True
    return _masked(panel, panel.observed & ~hidden)


def quietened(panel: Panel, rng: np.random.Generator) -> Panel:
    """The panel with nothing in 25 of every 30 months, so that violence begins and ends in every region."""
    at = np.arange(panel.shape[0])[:, None] + rng.integers(0, 30, panel.shape[1])
    return replace(panel, measures={k: np.where(at % 30 < 5, v, 0 * v) for k, v in panel.measures.items()})


def _masked(panel: Panel, observed: Array) -> Panel:
    measures = {k: np.where(observed, v, np.float32(np.nan)) for k, v in panel.measures.items()}
    return replace(panel, measures=measures, observed=observed)


def futures(
    panel: Panel, origin: int, delays: Mapping[str, int], rng: np.random.Generator
) -> Iterator[Panel]:
    """The same past with other futures: none, other figures (whole or not), other coverage, both."""
    stop = origin + 1
    if not delays:
        yield panel.until(panel.months[origin])
    for top, coverage in ((0.0, 1.0), (1.0, 1.0), (300.0, 1.0), (3.0, 0.5), (1.0, 0.0)):
        observed = panel.observed.copy()
        observed[stop:] = rng.random(observed[stop:].shape) < coverage
        measures = {}
        for name, values in panel.measures.items():
            other = np.nan_to_num(values, copy=True)
            late = max(stop - delays.get(name, 0), 0)
            other[late:] = rng.poisson(top, size=other[late:].shape) / (1 if top < 3 else 3)
            measures[name] = np.where(observed, other, np.float32(np.nan)).astype(np.float32)
        yield replace(panel, measures=measures, observed=observed)


def single_months(
    panel: Panel, month: int, delays: Mapping[str, int], rng: np.random.Generator
) -> Iterator[tuple[Panel, int]]:
    """Worlds that differ in one month, each with the delay of what differs."""
    by_delay: dict[int, list[str]] = {}
    for name in panel.measures:
        by_delay.setdefault(delays.get(name, 0), []).append(name)
    for delay, names in by_delay.items():
        for kind in ("more", "far more", "none", "any"):
            measures = dict(panel.measures)
            for name in names:
                values = panel.measures[name].copy()
                row = values[month]
                noise = rng.poisson(2, row.shape)
                values[month] = {
                    "more": row + 1 + noise,
                    "far more": row + 1000 + noise,
                    "none": row * 0,
                    "any": noise + 0 * row,
                }[kind]
                measures[name] = values
            yield replace(panel, measures=measures), delay
    seen = panel.observed.copy()
    seen[month] = rng.random(seen.shape[1]) < 0.5
    filled = {k: np.nan_to_num(v) for k, v in panel.measures.items()}
    yield _masked(replace(panel, measures=filled), seen), 0


def renamed(panel: Panel, static: Any, order: Array, shift: int) -> tuple[Panel, Any]:
    """The panel with its regions in another order and under other names, ``shift`` months later."""
    code = {c: f"Q{i:02d}" for i, c in enumerate(dict.fromkeys(np.asarray(panel.countries)[order]))}
    ids = {panel.region_ids[j]: f"{code[panel.countries[j]]}-{i:05d}" for i, j in enumerate(order)}
    links = panel.links
    if links is not None:
        links = links.assign(
            region_a=links["region_a"].astype(str).map(ids), region_b=links["region_b"].astype(str).map(ids)
        )
    table = static
    if isinstance(static, pd.DataFrame):
        known = static[static["region_id"].astype(str).isin(list(ids))]
        table = known.assign(region_id=known["region_id"].astype(str).map(ids))
    attrs = {k: v for k, v in panel.attrs.items() if k != "static"}
    moved = replace(
        panel,
        months=panel.months + shift,
        region_ids=tuple(ids[panel.region_ids[j]] for j in order),
        names=tuple(ids[panel.region_ids[j]] for j in order),
        countries=tuple(code[panel.countries[j]] for j in order),
        measures={k: v[:, order] for k, v in panel.measures.items()},
        observed=panel.observed[:, order],
        links=links,
        cells=None if panel.cells is None else panel.cells.select(order),
        attrs={**attrs, "static": table} if isinstance(table, pd.DataFrame) else attrs,
    )
    return moved, table


def summaries(panel: Panel) -> Iterator[tuple[str, str, Array, Array]]:
    """Measure, summary, its value per region over all months, and over the first half."""
    half = panel.shape[0] // 2
    for name, values in panel.measures.items():
        filled = np.nan_to_num(values.astype(np.float64))
        for summary, of in SUMMARIES:
            yield name, summary, of(filled), of(filled[:half])
        yield name, "mean of the later half", filled[half:].mean(axis=0), filled[:half].mean(axis=0)
