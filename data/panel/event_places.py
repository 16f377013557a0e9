"""A panel's counts by cell, and panels that are given polygons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..errors import UsageError
from .cells import Array, CellCounts, Outlines
from .panel import Panel


def located(panel: Panel, measure: str) -> tuple[Array, Array]:
    """A panel's counts by month and cell.

    What the panel says of a region and month is shared out as its cells say; where they say nothing it lies in the
    region's home cell. So the sums are the panel's whatever was done to its measures, and no later month is read.

    Parameters
    ----------
    panel : Panel
        With ``cells``.
    measure : str

    Returns
    -------
    cells : numpy.ndarray of int64
        Distinct cells, sorted.
    counts : numpy.ndarray
        float64, (months, cells); 0 where not observed.
    """
    known = panel.cells
    if known is None:
        raise UsageError(
            "nothing is known of where inside their regions the counts lie.",
            remedy="Build the panel from events with coordinates, or give its polygons.",
        )
    whole = np.nan_to_num(panel.measure(measure)).astype(float)
    cells, at = np.unique(np.concatenate([known.cell, known.home]), return_inverse=True)
    inside = known.month < len(whole)
    month, region, row = known.month[inside], known.region[inside], at[: len(known.cell)][inside]
    counts = (
        known.measures[measure][inside].astype(float) if measure in known.measures else np.zeros(len(month))
    )
    total = np.zeros_like(whole)
    np.add.at(total, (month, region), counts)
    share = np.divide(whole, total, out=np.zeros_like(whole), where=total > 0)
    out = np.zeros((len(whole), len(cells)))
    np.add.at(out, (month, row), counts * share[month, region])
    lost_month, lost_region = np.nonzero((total == 0) & (whole > 0))
    np.add.at(out, (lost_month, at[len(known.cell) + lost_region]), whole[lost_month, lost_region])
    return cells, out


def with_outlines(panel: Panel, geometry: Array) -> Panel:
    """The panel with polygons: its cells where it has them, else all counts in the home cells of its regions."""
    outlines = Outlines(np.asarray(geometry, dtype=object))
    none = np.zeros(0, dtype=np.int64)
    cells = panel.cells or CellCounts(none, none, none, {}, outlines.home())
    return replace(panel, cells=replace(cells, outlines=outlines))
