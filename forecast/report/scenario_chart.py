"""A scenario's difference as one SVG: a map where polygons are known, and the largest differences as bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from markupsafe import Markup

from ...data.frames import rows_of
from ...training.diffusion import GRADES
from ..spillover.words import NO_BORDER
from .svg import ALONE, GREY, INK, alone_text, document, tag

if TYPE_CHECKING:
    from ...data.geography import Regions

#: Fewer and more events than in the baseline, palest to darkest; colours that colour-blind readers can distinguish.
FEWER = ("#d1e5f0", "#92c5de", "#4393c3", "#2166ac")
MORE = ("#fddbc7", "#f4a582", "#d6604d", "#b2182b")
_NONE, _SET, _ROW, _BARS = "#f4f2ee", "#c9c4bb", 22.0, 14
_TITLE = "Expected events, scenario minus baseline, all months together"
_CAPTION = (
    "Grey: set by the scenario. Lines: 90 % intervals. Dashed, and blank on the map: no evidence shown "
    "that the border carries it."
)
_NO_FILL = {"fill": "none", "stroke": GREY, "stroke_dasharray": "3 2"}


def scenario_picture(table: pd.DataFrame, regions: Regions | None) -> str:
    """An SVG document.

    Parameters
    ----------
    table : pandas.DataFrame
        What :func:`harmattan.forecast.spillover.scenario.run_scenario` returns.
    regions : Regions or None
        Polygons; without them there are bars only.
    """
    rows = table[(table["level"] == "region") & (table["month"] == "all")]
    free = rows[~rows["set"]].sort_values("difference", key=lambda d: -d.abs(), kind="stable").head(_BARS)
    largest = max(float(free["difference"].abs().max()) if len(free) else 0.0, 1e-9)
    parts, top = [alone_text(_TITLE, 16, 26, 17)], 40.0
    if regions is not None:
        drawn, height = _map(rows, regions, largest, top)
        parts += drawn
        top += height + 20
    parts += _bars(free, largest, top)
    height = top + _ROW * max(len(free), 1) + 44
    parts.append(alone_text(_CAPTION, 16, height - 14, 12, GREY))
    return document(parts, height, _TITLE)


def colour(value: float, largest: float) -> str:
    """Colour of a difference on a scale that is even in its square root.

    >>> colour(0.0, 4.0), colour(4.0, 4.0), colour(-1.0, 4.0)
    ('#f4f2ee', '#b2182b', '#4393c3')
    """
    size = float(np.sqrt(min(abs(value) / largest, 1.0)))
    if size < 0.05:
        return _NONE
    return (MORE if value > 0 else FEWER)[min(int(size * 4), 3)]


def _map(rows: pd.DataFrame, regions: Regions, largest: float, top: float) -> tuple[list[Markup], float]:
    """One polygon per region, coloured by its difference."""
    by_id = {str(r.place): r for r in rows_of(rows)}
    west, south, east, north = shapely.total_bounds(regions.geometry)
    squeeze = float(np.cos(np.radians((south + north) / 2)))
    scale = (ALONE - 32) / ((east - west) * squeeze)

    def to_page(xy: np.ndarray) -> np.ndarray:
        return np.column_stack([16 + (xy[:, 0] - west) * squeeze * scale, top + (north - xy[:, 1]) * scale])

    drawn = []
    for region, polygon in zip(regions.region_ids, regions.geometry, strict=True):
        row = by_id.get(region)
        if row is None:
            continue
        shape = shapely.simplify(shapely.transform(polygon, to_page), 0.4)
        fill = _SET if row.set else _NONE if _silent(row) else colour(float(row.difference), largest)
        title = tag("title", f"{region}: {row.difference:+.1f}")
        drawn.append(tag("path", title, d=_path(shape), fill=fill, stroke=GREY, stroke_width=0.5))
    return drawn, float((north - south) * scale)


def _silent(row: Any) -> bool:
    """Whether no number of this row may be put in words."""
    unshown = (f"evidence: {grade}" in row.statement for grade in GRADES[2:])
    return row.statement == NO_BORDER or any(unshown)


def _path(shape: shapely.Geometry) -> str:
    """Rings of all parts as path data."""
    rings = [ring for part in shapely.get_parts(shape) for ring in (part.exterior, *part.interiors)]
    return "".join(
        "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in shapely.get_coordinates(ring)[:-1]) + "z"
        for ring in rings
    )


def _bars(free: pd.DataFrame, largest: float, top: float) -> list[Markup]:
    """The largest differences, each with its interval."""
    if not len(free):
        return [alone_text("The scenario sets every region.", 16, top + 16)]
    reach = max(largest, float(free[["difference_low", "difference_high"]].abs().max().max()))
    zero, unit = 470.0, 200.0 / reach
    parts = []
    for i, row in enumerate(rows_of(free)):
        y, value = top + _ROW * i, float(row.difference)
        low, high = zero + float(row.difference_low) * unit, zero + float(row.difference_high) * unit
        fill = _NO_FILL if _silent(row) else {"fill": colour(value, largest)}
        bar = {"x": zero + min(value, 0.0) * unit, "y": y + 3, "width": abs(value) * unit, "height": _ROW - 8}
        parts += [
            alone_text(str(row.place), 250, y + 14, text_anchor="end"),
            tag("rect", **bar, **fill),
            tag("line", x1=low, x2=high, y1=y + 10, y2=y + 10, stroke=INK),
            alone_text(f"{value:+.1f}", ALONE - 20, y + 14, text_anchor="end"),
        ]
    last = top + _ROW * len(free)
    parts.append(tag("line", x1=zero, x2=zero, y1=top, y2=last, stroke=GREY))
    return parts
