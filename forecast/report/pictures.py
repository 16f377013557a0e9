"""Pictures that stand alone: a scenario's difference, spillover over time, and a release's map as a bitmap."""

from __future__ import annotations

import functools
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from anyascii import anyascii
from markupsafe import Markup

from ...data.frames import rows_of
from ...training.diffusion import GRADES
from ..spillover.evaluation.history import shown_countries
from ..spillover.words import NO_BORDER
from .map import LARGE, USUAL, MapShapes, region_labels
from .map_measures import count_edges, plain, ranges
from .svg import ALONE, GREY, INK, Label, alone_text, document, tag
from .tables import Outlook

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
_LINE, _MARK, _TALL, _LEFT, _GAP = "#b5afa4", "#b2182b", 110.0, 60.0, 46.0
_SHARE_TITLE = "Share of the events expected within six months that the model attributes to other countries"
_SHARE_CAPTION = (
    "Red: a border into the country carried a declared signal at that origin. Grey: none declared. "
    "Shares of several sources overlap a little."
)


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


def timeline(history: pd.DataFrame, shown: dict[str, str] | None = None) -> str:
    """An SVG document: one panel per country.

    Parameters
    ----------
    history : pandas.DataFrame
        ``origin, source_country, target_country, share, declared``.
    shown : dict of str to str, optional
        ISO3 and name of the countries; see :func:`shown_countries` where None.
    """
    countries = shown_countries(history) if shown is None else shown
    origins = sorted(history["origin"].unique())
    parts = [alone_text(_SHARE_TITLE, 16, 24, 15)]
    for i, (code, name) in enumerate(countries.items()):
        rows = history[history["target_country"] == code]
        share = rows.groupby("origin")["share"].sum().reindex(origins, fill_value=0.0).to_numpy(float)
        declared = rows[rows["declared"].astype(bool)].groupby("origin")["source_country"].agg(", ".join)
        signals = {str(origin): str(sources) for origin, sources in declared.items()}
        parts += _panel(name, origins, share, signals, 58 + i * (_TALL + _GAP))
    height = 58 + len(countries) * (_TALL + _GAP) + 18
    parts.append(alone_text(_SHARE_CAPTION, 16, height - 10, 12, GREY))
    return document(parts, height, _SHARE_TITLE)


def _panel(
    name: str, origins: Sequence[str], share: np.ndarray, signals: dict[str, str], top: float
) -> list[Markup]:
    """One country: axis, line, marks."""
    wide = ALONE - _LEFT - 20
    x = _LEFT + wide * np.arange(len(origins)) / max(len(origins) - 1, 1)
    y = top + _TALL * (1 - np.clip(share, 0, 1))
    parts = [alone_text(name, _LEFT, top - 6, font_weight="bold")]
    for level in (0.0, 0.5, 1.0):
        at = top + _TALL * (1 - level)
        parts.append(tag("line", x1=_LEFT, x2=_LEFT + wide, y1=at, y2=at, stroke="#ddd8ce"))
        parts.append(alone_text(f"{level:.0%}", _LEFT - 8, at + 4, 11, GREY, text_anchor="end"))
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    parts.append(tag("polyline", points=points, fill="none", stroke=_LINE, stroke_width=2))
    for i, origin in enumerate(origins):
        if origin in signals:
            words = tag("title", f"{origin}: {share[i]:.0%}, signal from {signals[origin]}")
            parts.append(tag("circle", words, cx=float(x[i]), cy=float(y[i]), r=4, fill=_MARK))
        if origin.endswith("-12"):
            year = str(int(origin[:4]) + 1)
            parts.append(alone_text(year, float(x[i]), top + _TALL + 15, 11, GREY, text_anchor="middle"))
    return parts


#: Colours of the map's classes on paper, as the page's style has them.
PAPER_COLOURS = ("#f1ebdf", "#ecd9b8", "#e5bf8d", "#d99f68", "#c67a4a", "#a95338", "#822f2e", "#541628")
_PAPER, _BLANK, _INK, _MISSING = "#fcfbf8", "#f4f2ee", "#1d1b18", "#d8d6d2"
_TEXT: dict[str, Any] = {"ha": "center", "va": "center", "color": _INK, "fontfamily": "DejaVu Sans"}


def map_picture(
    shapes: MapShapes,
    events: Outlook,
    leading: Sequence[str],
    marks: Mapping[str, int],
    words: tuple[str, str],
) -> bytes:
    """The first screen's map as a PNG of 1,200 pixels, for sharing: the same bytes for the same release.

    Parameters
    ----------
    leading : sequence of str
        Regions that are named wherever there is room.
    marks : mapping of str to int
        The number that stands on each place of the list.
    words : tuple of str
        A title, and a line below.
    """
    from io import BytesIO

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    head, foot = 74.0, 92.0
    size = (12, 12 * (shapes.height + head + foot) / shapes.width)
    figure = Figure(figsize=size, dpi=100, facecolor=_PAPER)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, shapes.width), ylim=(shapes.height + foot, -head))
    axes.axis("off")
    edges = count_edges(events.mean)
    _areas(axes, shapes, events, edges)
    at = {region: shapes.anchor(region) for region in marks if region in shapes.region_ids}
    taken = [Label(("0",), x, y - 16, 22.0, "mark") for x, y in at.values()]
    _names(axes, shapes, region_labels(shapes, events, leading, (LARGE, USUAL), 60, taken))
    for region, (x, y) in at.items():
        axes.plot(x, y - 16, "o", color=_INK, markeredgecolor=_PAPER, markersize=17, zorder=5)
        white = {**_TEXT, "color": _PAPER, "zorder": 6}
        axes.text(x, y - 15.5, str(marks[region]), fontsize=9.5, weight="bold", **white)
    _title_and_key(axes, shapes, words, ranges(edges, plain))
    target = BytesIO()
    FigureCanvasAgg(figure).print_png(target, metadata={"Software": None})
    return target.getvalue()


@functools.cache
def _letters(family: str) -> frozenset[int]:
    """What a font can draw."""
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont(family)).get_charmap())


def drawable(text: str, family: str = "DejaVu Sans") -> str:
    """The text as a font can draw it: words in a script that it does not have are written in Latin letters.

    >>> drawable("Kurunegala"), drawable("කොළඹ, Sri Lanka"), drawable("Омск")
    ('Kurunegala', 'Kolmb, Sri Lanka', 'Омск')
    """
    known = _letters(family)
    return re.sub(
        r"\S+",
        lambda found: found[0] if {*map(ord, found[0])} <= known else anyascii(found[0]).title(),
        text,
    )


def _areas(axes: Axes, shapes: MapShapes, events: Outlook, edges: Sequence[float]) -> None:
    """Countries without data hatched, regions in the colours of next month's expected events, borders, capitals."""
    from matplotlib.patches import PathPatch

    def add(shape: shapely.Geometry, **style: Any) -> None:
        # Limits are set: a patch would be measured, curve by curve, to find them.
        axes.add_artist(PathPatch(_outline(shape), **style))

    for shape in shapes.around.values():
        add(shape, facecolor=_BLANK, edgecolor=_MISSING, hatch="////", linewidth=0)
    row = {region: i for i, region in enumerate(events.ids)}
    for region, shape in zip(shapes.region_ids, shapes.shapes, strict=True):
        k = int(np.searchsorted(edges, events.mean[0, row[region]], side="right"))
        add(shape, facecolor=PAPER_COLOURS[k], edgecolor=_PAPER, linewidth=0.7)
    for outline in shapes.outlines.values():
        add(outline, facecolor="none", edgecolor=_INK, linewidth=1.1)
    for x, y in shapes.capitals.values():
        axes.plot(x, y, "o", color=_INK, markeredgecolor=_PAPER, markersize=4)


def _names(axes: Axes, shapes: MapShapes, labels: Sequence[Label]) -> None:
    """Names of countries, regions and capitals, each with a halo."""
    from matplotlib.patheffects import withStroke

    points = 72 * 12 / shapes.width  # Points per unit of the drawing.
    halo = [withStroke(linewidth=2.5, foreground=_PAPER)]
    for label in labels:
        name = drawable("\n".join(label.lines))
        name = name.upper() if label.kind in ("country", "nodata") else name
        weight = "bold" if label.kind in ("leading", "country") else "normal"
        slant = "italic" if label.kind == "capital" else "normal"
        size = label.size * points * 0.95
        text = axes.text(label.x, label.y, name, fontsize=size, weight=weight, style=slant, **_TEXT)
        text.set(path_effects=halo, linespacing=1.0, parse_math=False)


def _title_and_key(axes: Axes, shapes: MapShapes, words: tuple[str, str], classes: Sequence[str]) -> None:
    from matplotlib.patches import Rectangle

    left = {**_TEXT, "ha": "left", "parse_math": False}
    size = min(18.0, 1260 / len(words[0]))
    serif = {**left, "fontfamily": "DejaVu Serif"}
    axes.text(12, -44, drawable(words[0], "DejaVu Serif"), fontsize=size, weight="bold", **serif)
    below, small = _fitted(drawable(words[1]))
    axes.text(12, -16, below, fontsize=small, **left)
    wide = (shapes.width - 24) / len(PAPER_COLOURS)
    for k, name in enumerate(classes):
        x = 12 + k * wide
        axes.add_patch(Rectangle((x, shapes.height + 22), wide - 1, 12, facecolor=PAPER_COLOURS[k]))
        axes.text(x, shapes.height + 46, name, fontsize=10, **left)
    note = "Hatched: no data. Numbers: the list of places to look at first (headline.md)."
    axes.text(12, shapes.height + 74, note, fontsize=9.5, **left)


def _fitted(text: str) -> tuple[str, float]:
    """A text as wide as the picture and its size: one line, or two smaller ones, cut between words beyond that.

    >>> _fitted("Expected events in January 2024.")
    ('Expected events in January 2024.', 10.5)
    >>> lines, size = _fitted("implausibly few " * 40)
    >>> size, lines.count("\\n"), lines.endswith("few …") or lines.endswith("implausibly …")
    (9.0, 1, True)
    """
    if len(text) <= 145:
        return text, 10.5
    return "\n".join(textwrap.wrap(text, 165, max_lines=2, placeholder=" …")), 9.0


def _outline(shape: shapely.Geometry) -> Any:
    """A polygon's rings as one path of matplotlib."""
    from matplotlib.path import Path

    rings = [
        Path(shapely.get_coordinates(ring), closed=True)
        for polygon in shapely.get_parts(shape)
        if polygon.geom_type == "Polygon"
        for ring in (polygon.exterior, *polygon.interiors)
    ]
    return Path.make_compound_path(*rings)
