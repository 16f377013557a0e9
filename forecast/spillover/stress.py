"""Spillover under stress: the risk abroad when a country's border regions run high instead of as usual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ...training.diffusion.simulation import simulate, size_at_origin
from ...training.diffusion.uncertainty import risk_spread, size_of
from .attribution import SPANS, THRESHOLDS, stacked
from .breakdown import ModelAtOrigin
from .words import stress_statement

#: Months whose median and 90th percentile the stress test takes, and those percentiles.
STRESS_MONTHS = 60
CALM, STRESS = 50, 90
COLUMNS = (
    "source_country",
    "target_region",
    "target_country",
    "horizon",
    "threshold",
    "risk_calm",
    "risk_stress",
    "stress_response",
    "response_low",
    "response_high",
    "declared",
    "grade",
    "statement",
)


def stress_response(
    view: ModelAtOrigin,
    uniforms: np.ndarray,
    spans: Sequence[int] = SPANS,
    thresholds: Sequence[int] = THRESHOLDS,
) -> pd.DataFrame:
    """Risk abroad when a country's border regions run at their 90th percentile instead of their median.

    The two levels are those of each region's last 60 observed months. They are set as the expected counts of the
    coming months in the regions whose links cross the border; all else follows the model, under the same random
    numbers.

    Parameters
    ----------
    uniforms : numpy.ndarray
        Random numbers of the worlds, (paths, months, regions).

    Returns
    -------
    pandas.DataFrame
        ``source_country, target_region, target_country, horizon, threshold, risk_calm, risk_stress, stress_response,
        response_low, response_high, declared, grade, statement``.
    """
    months, levels, tables = uniforms.shape[1], stress_levels(view), []
    size = size_at_origin(view.model, view.states)
    for source in view.sources:
        senders = (view.country == source) & view.model.across.any(axis=0)
        to = np.flatnonzero(
            np.isin(view.country, [c for c in set(view.country) if _carries(view, source, c)])
        )
        paths, means = {}, {}
        for name, level in zip(("calm", "stress"), levels, strict=True):
            given = np.broadcast_to(np.where(senders, level, np.nan), (months, len(senders)))
            paths[name] = simulate(view.model, view.states, size, uniforms, given)[:, :, to]
            means[name] = view.ensemble.expect(view.states, months, given=given).totals[:, :, to]
        for span in (s for s in spans if s <= months):
            totals = {name: p[:, :span].sum(axis=1) for name, p in paths.items()}
            expected = (means["stress"][span - 1], means["calm"][span - 1], size_of(totals["stress"]))
            for threshold in thresholds:
                columns = _risks(totals, expected, threshold)
                labels = {"horizon": span, "threshold": threshold}
                tables.append(_responses(view, source, to, columns) | labels)
    if not tables:
        return pd.DataFrame(columns=list(COLUMNS))
    return stacked(tables)[list(COLUMNS)]


def stress_levels(view: ModelAtOrigin) -> np.ndarray:
    """Median and 90th percentile of every region's last 60 observed months, (2, regions); zero where none is."""
    recent = view.problem.panel.target(view.problem.target)[: view.row + 1][-STRESS_MONTHS:].astype(float)
    seen = ~np.isnan(recent).all(axis=0)
    levels = np.zeros((2, len(view.country)))
    levels[:, seen] = np.nanpercentile(recent[:, seen], [CALM, STRESS], axis=0)
    return levels


def _risks(
    totals: Mapping[str, np.ndarray], expected: tuple[np.ndarray, np.ndarray, np.ndarray], threshold: int
) -> dict[str, np.ndarray]:
    """Risks of one span and threshold, and the interval of their difference."""
    calm, stress = ((totals[name] >= threshold).mean(axis=0) for name in ("calm", "stress"))
    low, high = risk_spread(stress - calm, *expected, threshold)
    return {
        "risk_calm": calm,
        "risk_stress": stress,
        "stress_response": stress - calm,
        "response_low": low,
        "response_high": high,
    }


def _responses(
    view: ModelAtOrigin, source: str, to: np.ndarray, columns: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    """Columns of the rows of one source, span and threshold, with their words."""
    keys = [(source, str(c)) for c in view.country[to]]
    grades = [view.grades[key] for key in keys]
    words = [stress_statement(*row) for row in zip(grades, columns["stress_response"], strict=True)]
    return {
        "source_country": source,
        "target_region": view.ids[to],
        "target_country": view.country[to],
        **columns,
        "declared": np.array([k in view.declared_borders for k in keys], dtype=bool),
        "grade": grades,
        "statement": words,
    }


def _carries(view: ModelAtOrigin, source: str, target: str) -> bool:
    of = view.country
    return source != target and bool(view.model.across[np.ix_(of == target, of == source)].any())
