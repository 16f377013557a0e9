"""Maps as SVG: regions, countries, names and arrows, in whole units of one projection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from markupsafe import Markup

from ..result import ForecastResult
from .svg import tag
from .tables import Outlook, Spill, country_name
from .words import count

WIDTH = 1000.0
MARGIN = 8.0
#: More vertices than this are thinned to about one unit of the drawing.
MANY_VERTICES = 60_000


@dataclass(frozen=True)
class Label:
    """A name on the map, centred at (x, y)."""

    text: str
    x: float
    y: float
    kind: str
    width: float

    def touches(self, other: Label) -> bool:
        """Whether two names would overlap."""
        return (
            abs(self.x - other.x) < (self.width + other.width) / 2 + 6
            and abs(self.y - other.y) < (HEIGHTS[self.kind] + HEIGHTS[other.kind]) / 2
        )


HEIGHTS = {"country": 26.0, "leading": 22.0, "region": 18.0}
LETTER = {"country": 13.5, "leading": 8.6, "region": 7.4}


@dataclass(frozen=True)
class MapShapes:
    """Polygons in drawing units.

    Attributes
    ----------
    region_ids, countries : tuple of str
        Per polygon.
    shapes : numpy.ndarray
        shapely polygons, whole units, y downwards.
    outlines : dict of str to geometry
        One per country.
    width, height : float
        Size of the drawing.
    """

    region_ids: tuple[str, ...]
    countries: tuple[str, ...]
    shapes: np.ndarray
    outlines: dict[str, shapely.Geometry]
    width: float
    height: float

    def anchor(self, region_id: str) -> tuple[float, float]:
        """A point well inside a region."""
        point = self.shapes[self.region_ids.index(region_id)].representative_point()
        return float(point.x), float(point.y)


def project(result: ForecastResult, outlook: Outlook) -> MapShapes | None:
    """The forecast regions in equirectangular projection, true to scale at the middle latitude.

    None where no forecast region has a polygon.
    """
    frame = result.regions.frame
    row = {region: i for i, region in enumerate(frame["region_id"])}
    ids = [region for region in outlook.ids if region in row]
    shapes = np.array([result.regions.geometry[row[region]] for region in ids], dtype=object)
    if not len(shapes) or shapely.is_empty(shapes).all():
        return None
    west, south, east, north = shapely.total_bounds(shapes)
    squeeze = np.cos(np.radians((south + north) / 2))
    scale = (WIDTH - 2 * MARGIN) / max((east - west) * squeeze, 1e-9)

    def to_page(points: np.ndarray) -> np.ndarray:
        x = MARGIN + (points[:, 0] - west) * squeeze * scale
        y = MARGIN + (north - points[:, 1]) * scale
        return np.column_stack([x, y])

    drawn = shapely.transform(shapes, to_page)
    if shapely.get_num_coordinates(drawn).sum() > MANY_VERTICES:
        drawn = shapely.simplify(drawn, 1.0)
    country = dict(zip(outlook.ids, outlook.countries, strict=True))
    owners = tuple(country[region] for region in ids)
    outlines = {
        c: shapely.union_all(shapely.buffer(drawn[[o == c for o in owners]], 0.05))
        for c in sorted(set(owners))
    }
    height = 2 * MARGIN + (north - south) * scale
    return MapShapes(tuple(ids), owners, drawn, outlines, WIDTH, float(height))


def path(shape: shapely.Geometry) -> str:
    """A polygon as an SVG path in half units, relative steps; rings that shrink to nothing are left out.

    >>> path(shapely.box(0, 0, 10, 10))
    'M10 0v10h-10v-10z'
    """
    words = []
    for polygon in shapely.get_parts(shape):
        for ring in [polygon.exterior, *polygon.interiors]:
            points = np.rint(shapely.get_coordinates(ring)[:, :2] * 2).astype(int)
            keep = np.r_[True, (np.diff(points, axis=0) != 0).any(axis=1)]
            points = points[keep]
            if len(points) < 4:
                continue
            steps = np.diff(points, axis=0)
            moves = "".join(_step(dx, dy) for dx, dy in steps)
            words.append(f"M{_half(points[0, 0])} {_half(points[0, 1])}{moves}z")
    return "".join(words)


def _half(value: int) -> str:
    whole, odd = divmod(int(abs(value)), 2)
    text = f"{whole or ''}.5" if odd else str(whole)
    return f"-{text}" if value < 0 else text


def _step(dx: int, dy: int) -> str:
    if dx == 0:
        return f"v{_half(dy)}"
    if dy == 0:
        return f"h{_half(dx)}"
    return f"l{_half(dx)} {_half(dy)}" if dy >= 0 else f"l{_half(dx)}{_half(dy)}"


def labels(shapes: MapShapes, outlook: Outlook, leading: Sequence[str], most: int = 44) -> list[Label]:
    """Names that do not overlap: countries, then leading regions, then whatever fits its own region."""
    placed: list[Label] = []
    names = dict(zip(outlook.ids, outlook.names, strict=True))
    order = sorted(
        shapes.region_ids, key=lambda r: (r not in leading, list(leading).index(r) if r in leading else 0, r)
    )
    for region in order:
        first = region in leading
        kind = "leading" if first else "region"
        text = names[region]
        if len(text) > 24:
            continue
        x, y = shapes.anchor(region)
        at = Label(text, x, y, kind, len(text) * LETTER[kind])
        left, _, right, _ = shapes.shapes[shapes.region_ids.index(region)].bounds
        inside = at.width / 2 < x < shapes.width - at.width / 2
        if not inside or (not first and at.width > 1.05 * (right - left)):
            continue
        if not any(at.touches(other) for other in placed):
            placed.append(at)
        if len(placed) >= most:
            break
    return placed


def base_map(shapes: MapShapes) -> Markup:
    """Country outlines, defined once and used by both maps."""
    parts = [
        tag("path", d=path(outline), id=f"land-{i}") for i, outline in enumerate(shapes.outlines.values())
    ]
    return Markup("").join(parts)


def choropleth(
    shapes: MapShapes, outlook: Outlook, classes: Sequence[str], leading: Sequence[str], description: str
) -> Markup:
    """The main map: one focusable path per region, coloured by class, with names on top.

    Parameters
    ----------
    shapes : MapShapes
        Regions in drawing units.
    outlook : Outlook
        What is expected where; gives names and the words read out for each region.
    classes : sequence of str
        Colour class per place of ``outlook``.
    leading : sequence of str
        Region ids whose names come first.
    description : str
        Read out in place of the picture.
    """
    place = {region: i for i, region in enumerate(outlook.ids)}
    areas = []
    for region, shape in zip(shapes.region_ids, shapes.shapes, strict=True):
        i = place[region]
        areas.append(tag("path", d=path(shape), class_=f"r {classes[i]}", data_i=i))
    lines = [tag("use", href=f"#land-{i}", class_="border") for i in range(len(shapes.outlines))]
    names = [
        tag("text", at.text, x=at.x, y=at.y + 4, class_=f"name {at.kind}")
        for at in labels(shapes, outlook, leading)
    ]
    return tag(
        "svg",
        tag("defs", base_map(shapes)),
        tag("g", *areas, id="areas"),
        tag("g", *lines),
        tag("g", *names, class_="names", aria_hidden="true"),
        tag("path", id="picked", class_="picked", d="M0 0"),
        viewBox=f"0 0 {shapes.width:.0f} {shapes.height:.0f}",
        role="img",
        aria_label=description,
        id="map",
    )


def flow_map(shapes: MapShapes, outlook: Outlook, spill: Spill, most: int = 12) -> Markup:
    """Arrows from a source country to the regions that share in its violence, as wide as the events attributed."""
    rows = spill.declared.head(most)
    centres = {country: _centre(shapes, outlook, country) for country in shapes.outlines}
    land = [tag("use", href=f"#land-{i}", class_="land") for i in range(len(shapes.outlines))]
    largest = float(rows["attributed"].max()) if len(rows) else 1.0
    arrows, names = [], []
    for row in rows.itertuples():
        if row.source_country not in centres or row.target_region not in shapes.region_ids:
            continue
        end = shapes.anchor(row.target_region)
        width = 1.5 + 7.5 * float(np.sqrt(row.attributed / max(largest, 1e-9)))
        words = f"{country_name(row.source_country)} to {row.target_name}: {count(row.attributed)} events attributed"
        arrows.append(_arrow(centres[row.source_country], end, width, words))
        names.append(Label(row.target_name, end[0], end[1], "leading", len(row.target_name) * 8.6))
    kept: list[Label] = [
        Label(country_name(c), x, y, "country", len(country_name(c)) * 13.5)
        for c, (x, y) in centres.items()
        if c in set(rows["source_country"])
    ]
    sources = len(kept)
    for at in names:
        at = Label(at.text, at.x, at.y + 16, at.kind, at.width)
        if len(at.text) <= 24 and not any(at.touches(other) for other in kept):
            kept.append(at)
    texts = [
        tag("text", at.text, x=at.x, y=at.y + (5 if i < sources else 4), class_=f"name {at.kind}")
        for i, at in enumerate(kept)
    ]
    return tag(
        "svg",
        tag("g", *land),
        tag("g", *arrows),
        tag("g", *texts, aria_hidden="true"),
        viewBox=f"0 0 {shapes.width:.0f} {shapes.height:.0f}",
        role="img",
        aria_label="Map of model-attributed spillover; the table beside it holds the same numbers.",
        class_="flow",
    )


def _centre(shapes: MapShapes, outlook: Outlook, country: str) -> tuple[float, float]:
    """Where a country's expected violence lies: the mean of its regions' places, weighted by expected events."""
    mean = dict(zip(outlook.ids, outlook.mean[0], strict=True))
    inside = [r for r, c in zip(shapes.region_ids, shapes.countries, strict=True) if c == country]
    points = np.array([shapes.anchor(r) for r in inside])
    weight = np.array([mean[r] + 1e-6 for r in inside])
    x, y = (points * (weight / weight.sum())[:, None]).sum(axis=0)
    return float(x), float(y)


def _arrow(start: tuple[float, float], end: tuple[float, float], width: float, words: str) -> Markup:
    """A tapered, slightly bent wedge with its point on the target."""
    a, b = np.array(start), np.array(end)
    along = b - a
    length = float(np.hypot(*along)) or 1.0
    across = np.array([-along[1], along[0]]) / length
    bend = (a + b) / 2 + across * 0.16 * length
    tip = b - along / length * 2
    out = across * width / 2
    points = [a + out * 0.25, bend + out, b - along / length * width * 1.6 + out]
    back = [b - along / length * width * 1.6 - out, bend - out, a - out * 0.25]
    head = [
        b - along / length * width * 1.6 + out * 2.2,
        tip,
        b - along / length * width * 1.6 - out * 2.2,
    ]

    def at(p: np.ndarray) -> str:
        return f"{p[0]:.1f} {p[1]:.1f}"

    d = (
        f"M{at(points[0])}Q{at(points[1])} {at(points[2])}L{at(head[0])}L{at(head[1])}L{at(head[2])}"
        f"L{at(back[0])}Q{at(back[1])} {at(back[2])}z"
    )
    return tag("path", tag("title", words), d=d, class_="arrow")
