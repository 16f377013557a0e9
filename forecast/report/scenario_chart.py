"""A scenario's difference as one SVG: a map where polygons are known, and the largest differences as bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from ...data.frames import rows_of
from ..spillover.attribution import NO_SIGNAL
from .svg import tag

if TYPE_CHECKING:
    from ...data.geography import Regions

#: Fewer and more events than in the baseline, palest to darkest; colours told apart by colour-blind readers.
FEWER = ("#d1e5f0", "#92c5de", "#4393c3", "#2166ac")
MORE = ("#fddbc7", "#f4a582", "#d6604d", "#b2182b")
_NONE, _SET, _LINE, _INK = "#f4f2ee", "#c9c4bb", "#8a857c", "#2b2926"
_WIDTH, _ROW, _BARS = 760.0, 22.0, 14
_CAPTION = (
    "Grey: set by the scenario. Lines: 90 % intervals. Dashed, and blank on the map: no measurable signal across the "
    "border."
)
_NO_FILL = {"fill": "none", "stroke": _LINE, "stroke_dasharray": "3 2"}


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
    parts: list[str] = []
    top = 40.0
    title = "Expected events, scenario minus baseline, all months together"
    parts.append(tag("text", title, x=16, y=26, font_size=17, fill=_INK))
    if regions is not None:
        drawn, height = _map(rows, regions, largest, top)
        parts += drawn
        top += height + 20
    parts += _bars(free, largest, top)
    height = top + _ROW * max(len(free), 1) + 44
    parts.append(tag("text", _CAPTION, x=16, y=height - 14, font_size=12, fill=_LINE))
    return str(
        tag(
            "svg",
            *parts,
            xmlns="http://www.w3.org/2000/svg",
            viewBox=f"0 0 {_WIDTH:.0f} {height:.0f}",
            role="img",
            aria_label=title,
            font_family="system-ui, sans-serif",
        )
    )


def colour(value: float, largest: float) -> str:
    """Colour of a difference on a scale that is even in its square root.

    >>> colour(0.0, 4.0), colour(4.0, 4.0), colour(-1.0, 4.0)
    ('#f4f2ee', '#b2182b', '#4393c3')
    """
    size = float(np.sqrt(min(abs(value) / largest, 1.0)))
    if size < 0.05:
        return _NONE
    return (MORE if value > 0 else FEWER)[min(int(size * 4), 3)]


def _map(rows: pd.DataFrame, regions: Regions, largest: float, top: float) -> tuple[list[str], float]:
    """One polygon per region, coloured by its difference."""
    by_id = {str(r.place): r for r in rows_of(rows)}
    west, south, east, north = shapely.total_bounds(regions.geometry)
    squeeze = float(np.cos(np.radians((south + north) / 2)))
    scale = (_WIDTH - 32) / ((east - west) * squeeze)
    drawn: list[str] = []
    for region, polygon in zip(regions.region_ids, regions.geometry, strict=True):
        row = by_id.get(region)
        if row is None:
            continue
        shape = shapely.transform(
            polygon,
            lambda p: np.column_stack(
                [16 + (p[:, 0] - west) * squeeze * scale, top + (north - p[:, 1]) * scale]
            ),
        )
        fill = _SET if row.set else _NONE if _silent(row) else colour(float(row.difference), largest)
        drawn.append(
            tag(
                "path",
                tag("title", f"{region}: {row.difference:+.1f}"),
                d=_path(shapely.simplify(shape, 0.4)),
                fill=fill,
                stroke=_LINE,
                stroke_width=0.5,
            )
        )
    return drawn, float((north - south) * scale)


def _silent(row: Any) -> bool:
    """Whether no number of this row may be put in words."""
    return str(row.statement).startswith(NO_SIGNAL)


def _path(shape: shapely.Geometry) -> str:
    """Rings of all parts as path data."""
    rings = [ring for part in shapely.get_parts(shape) for ring in (part.exterior, *part.interiors)]
    return "".join(
        "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in shapely.get_coordinates(ring)[:-1]) + "z"
        for ring in rings
    )


def _bars(free: pd.DataFrame, largest: float, top: float) -> list[str]:
    """The largest differences, each with its interval."""
    if not len(free):
        return [
            str(tag("text", "The scenario sets every region.", x=16, y=top + 16, font_size=13, fill=_INK))
        ]
    reach = max(largest, float(free[["difference_low", "difference_high"]].abs().max().max()))
    zero, unit = 470.0, 200.0 / reach
    parts: list[str] = []
    for i, row in enumerate(rows_of(free)):
        y, value = top + _ROW * i, float(row.difference)
        low, high = float(row.difference_low), float(row.difference_high)
        parts += [
            tag("text", str(row.place), x=250, y=y + 14, font_size=13, fill=_INK, text_anchor="end"),
            tag(
                "rect",
                x=zero + min(value, 0.0) * unit,
                y=y + 3,
                width=abs(value) * unit,
                height=_ROW - 8,
                **_NO_FILL if _silent(row) else {"fill": colour(value, largest)},
            ),
            tag("line", x1=zero + low * unit, x2=zero + high * unit, y1=y + 10, y2=y + 10, stroke=_INK),
            tag("text", f"{value:+.1f}", x=_WIDTH - 20, y=y + 14, font_size=13, fill=_INK, text_anchor="end"),
        ]
    last = top + _ROW * len(free)
    parts.append(tag("line", x1=zero, x2=zero, y1=top, y2=last, stroke=_LINE))
    return parts
