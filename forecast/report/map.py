"""Maps as SVG: regions, countries, names and arrows, in whole units of one projection."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import shapely
from markupsafe import Markup

from ...data.frames import rows_of
from ...data.geography import CAPITAL_NAMES, CAPITALS, country_name, joined_at_date_line, lands_around
from ...training.diffusion import GRADES
from ..formats import drawn
from ..result import ForecastResult
from ..theatre import theatre_words
from .number_format import count
from .svg import Label, broken, drawing, number, place, tag
from .tables import Outlook

WIDTH = 1000.0
MARGIN = 8.0
#: Countries this near, in units of the drawing, lie beside each other.
TOUCH = 6.0
#: A capital this near to its country, in degrees, is on the map: polygons of coasts are coarse.
BESIDE = 0.25
#: Type sizes of names, in units of a drawing of 1,000: on a wide screen, and where it is 358 px wide (10 px of type).
LARGE, USUAL, PHONE = 15.0, 12.5, 28.0
#: More vertices than this are thinned to about one unit of the drawing.
MANY_VERTICES = 60_000
#: Corridors that are drawn, the widest.
CORRIDORS = 12
#: Colour classes on which a name has to change its own colour.
DARK = frozenset({"q5", "q6", "q7", "d0", "d6"})


@dataclass(frozen=True)
class MapShapes:
    """Polygons in drawing units."""

    #: Per polygon.
    region_ids: tuple[str, ...]
    countries: tuple[str, ...]
    shapes: np.ndarray  # shapely polygons, whole units, y downwards.
    outlines: dict[str, shapely.Geometry]  # One per country.
    #: Size of the drawing.
    width: float
    height: float
    capitals: dict[str, tuple[float, float]] = field(default_factory=dict)  # Where they lie, by country.
    around: dict[str, shapely.Geometry] = field(default_factory=dict)  # Countries without data beside them.

    def anchor(self, region_id: str) -> tuple[float, float]:
        """A point well inside a region."""
        middle = shapely.get_coordinates(
            shapely.maximum_inscribed_circle(self._shape(region_id), tolerance=2.0)
        )
        return float(middle[0, 0]), float(middle[0, 1])

    def breadth(self, region_id: str) -> float:
        """How wide a region is."""
        west, _, east, _ = self._shape(region_id).bounds
        return float(east - west)

    def _shape(self, region_id: str) -> shapely.Geometry:
        return self.shapes[self.region_ids.index(region_id)]


def project(result: ForecastResult, outlook: Outlook) -> MapShapes | None:
    """The forecast regions in equirectangular projection, true to scale at the middle latitude.

    None where no forecast region has a polygon.
    """
    if result.regions is None:
        return None
    published = drawn(result.regions, outlook.ids)
    if not published:
        return None
    owner = dict(zip(outlook.ids, outlook.countries, strict=True))
    # Towns that the theatre names, by their name; else capitals, by country.
    towns = theatre_words(result.panel).get("places", {})
    named = tuple((name, *place) for name, place in towns.items())
    return _placed(tuple(published), tuple(owner[r] for r in published), tuple(published.values()), named)


@functools.lru_cache(maxsize=1)
def _placed(
    ids: tuple[str, ...],
    owners: tuple[str, ...],
    polygons: tuple[shapely.Geometry, ...],
    towns: tuple[tuple[str, float, float], ...],
) -> MapShapes:
    """The same for the page and for the picture that follows it."""
    shapes = joined_at_date_line(shapely.normalize(np.array(polygons, dtype=object)))
    west, south, east, north = shapely.total_bounds(shapes)
    squeeze = np.cos(np.radians((south + north) / 2))
    scale = (WIDTH - 2 * MARGIN) / max((east - west) * squeeze, 1e-9)

    def to_page(points: np.ndarray) -> np.ndarray:
        x = MARGIN + (points[:, 0] - west) * squeeze * scale
        y = MARGIN + (north - points[:, 1]) * scale
        return np.column_stack([x, y])

    placed = shapely.transform(shapes, to_page)
    if shapely.get_num_coordinates(placed).sum() > MANY_VERTICES:
        placed = shapely.simplify(placed, 1.0)
    outlines = {
        c: shapely.union_all(shapely.buffer(placed[[o == c for o in owners]], 0.05))
        for c in sorted(set(owners))
    }
    height = 2 * MARGIN + (north - south) * scale
    seats = {name: (x, y) for name, x, y in towns} or _capitals_of(owners, shapes)
    points = to_page(np.array(list(seats.values()), dtype=float).reshape(-1, 2))
    capitals = {c: (float(x), float(y)) for c, (x, y) in zip(seats, points, strict=True)}
    around = _around(lands_around(owners, shapes), outlines, to_page, (0.0, 0.0, WIDTH, float(height)))
    return MapShapes(ids, owners, placed, outlines, WIDTH, float(height), capitals, around)


def _capitals_of(owners: Sequence[str], shapes: np.ndarray) -> dict[str, tuple[float, float]]:
    """Capitals that lie in the polygons of their country, or beside them: others would lie off the map."""
    known, own = [c for c in sorted(set(owners)) if c in CAPITALS], np.asarray(owners, dtype=object)
    near = {c: shapely.dwithin(shapely.Point(CAPITALS[c]), shapes[own == c], BESIDE).any() for c in known}
    return {c: CAPITALS[c] for c in known if near[c]}


def _around(
    every: Mapping[str, shapely.Geometry],
    known: Mapping[str, shapely.Geometry],
    to_page: Callable[[np.ndarray], np.ndarray],
    frame: tuple[float, float, float, float],
) -> dict[str, shapely.Geometry]:
    """Countries without data that lie beside those of the map; their coarser outlines meet the regions."""
    found: dict[str, shapely.Geometry] = {}
    land = shapely.union_all(list(known.values()))
    for country, shape in every.items():
        placed = shapely.buffer(shapely.transform(shape, to_page), TOUCH / 2)
        if shapely.dwithin(placed, land, TOUCH / 2):
            cut = shapely.difference(shapely.clip_by_rect(placed, *frame), land)
            if not cut.is_empty:
                found[country] = cut
    return found


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
            moves = "".join(_step(dx, dy) for dx, dy in steps[:-1])
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


def region_labels(
    shapes: MapShapes,
    outlook: Outlook,
    leading: Sequence[str],
    sizes: tuple[float, float],
    most: int,
    taken: Sequence[Label] = (),
) -> list[Label]:
    """Names of leading regions wherever they fit, of countries, capitals, then of others that hold their own name.

    ``taken`` is room that is kept free.
    """
    at = {region: i for i, region in enumerate(outlook.ids)}
    rest = sorted(set(shapes.region_ids) - set(leading), key=lambda r: (-outlook.mean[0, at[r]], r))

    def label(region: str, size: float, kind: str, room: float) -> Label:
        name = broken(outlook.names[at[region]])
        return Label(name, *shapes.anchor(region), size, kind, room, at[region])

    wanted = [label(r, sizes[0], "leading", float("inf")) for r in leading if r in shapes.region_ids]
    wanted += country_labels(shapes, sizes[0])
    if sizes[0] < PHONE:
        wanted += capital_labels(shapes, sizes[1])
    wanted += [label(r, sizes[1], "region", 1.1 * shapes.breadth(r)) for r in rest]
    placed = place([*taken, *wanted], (0, 0, shapes.width, shapes.height), most + len(taken))
    return [at for at in placed if at not in taken]


def country_labels(shapes: MapShapes, size: float) -> list[Label]:
    """Names of countries, those without data in another style; the largest part of each carries it."""
    found = []
    for kind, outlines in (("country", shapes.outlines), ("nodata", shapes.around)):
        for code, outline in outlines.items():
            largest = max(shapely.get_parts(outline), key=lambda part: part.area)
            x, y = shapely.get_coordinates(shapely.maximum_inscribed_circle(largest, tolerance=4.0))[0]
            found.append(Label(broken(country_name(code)), float(x), float(y), size, kind))
    return found


def capital_labels(shapes: MapShapes, size: float) -> list[Label]:
    """Names of capitals or of a theatre's towns, a little above their dots."""
    by_country = set(shapes.capitals) <= set(CAPITALS)
    known = {c: CAPITAL_NAMES.get(c, "") if by_country else c for c in shapes.capitals}
    return [
        Label((name,), shapes.capitals[c][0], shapes.capitals[c][1] - 0.8 * size, size, "capital")
        for c, name in known.items()
        if name
    ]


def base_map(shapes: MapShapes) -> Markup:
    """Country outlines and land without data, defined once and used by every map of the page."""
    lines = [tag("path", d="M0 0l8 8M-2 6l4 4M6 -2l4 4", class_="hatch")]
    hatch = tag(
        "pattern", *lines, id="hatch", width=8, height=8, patternUnits="userSpaceOnUse", viewBox="0 0 8 8"
    )
    outlines = enumerate(shapes.outlines.values())
    return Markup("").join(
        [
            hatch,
            tag("g", *[tag("path", d=path(s), class_="blank") for s in shapes.around.values()], id="blank"),
            *(tag("path", d=path(outline), id=f"land-{i}") for i, outline in outlines),
        ]
    )


def _dots(shapes: MapShapes, radius: float) -> Markup:
    """The capitals."""
    points = shapes.capitals.values()
    return tag("g", *[tag("circle", cx=number(x), cy=number(y), r=radius, class_="seat") for x, y in points])


def choropleth(
    shapes: MapShapes,
    outlook: Outlook,
    classes: Sequence[str],
    leading: Sequence[str],
    description: str,
    routes: pd.DataFrame | None = None,
) -> Markup:
    """The main map: one focusable path per region, coloured by class, with names on top and corridors on request."""
    place = {region: i for i, region in enumerate(outlook.ids)}
    areas = []
    for region, shape in zip(shapes.region_ids, shapes.shapes, strict=True):
        i = place[region]
        areas.append(tag("path", d=path(shape), class_=f"r {classes[i]}", data_i=i))
    lines = [tag("use", href=f"#land-{i}", class_="border") for i in range(len(shapes.outlines))]

    def written(these: list[Label]) -> list[Markup]:
        return [at.svg("over" if at.place is not None and classes[at.place] in DARK else "") for at in these]

    names = written(region_labels(shapes, outlook, leading, (LARGE, USUAL), 60))
    phone = written(region_labels(shapes, outlook, leading[:5], (PHONE, PHONE), 12))
    arrows = [] if routes is None else _arrows(shapes, outlook, routes, 2.0, CORRIDORS)[1]
    parts = [
        tag("defs", base_map(shapes)),
        tag("use", href="#blank"),
        tag("g", *areas, id="areas"),
        tag("g", *lines),
        _dots(shapes, 3),
        *([tag("g", *arrows, id="corridors", display="none")] if arrows else []),
        tag("path", id="picked", class_="picked", d="M0 0"),
        tag("g", *names, class_="names", aria_hidden="true"),
        tag("g", *phone, class_="names small", aria_hidden="true"),
    ]
    return drawing(parts, shapes.width, shapes.height, description, id="map")


def overview(shapes: MapShapes, marks: Mapping[str, int]) -> Markup:
    """The first screen's map: the main map's coloured areas once more, countries, capitals, and numbered places.

    Parameters
    ----------
    marks : mapping of str to int
        The number that stands on each region of the list.
    """
    taken, numbers = numbered(shapes, marks)
    wanted = country_labels(shapes, PHONE)
    names = place([*taken, *wanted], (0, 0, shapes.width, shapes.height), len(taken) + len(wanted))
    lines = [tag("use", href=f"#land-{i}", class_="border") for i in range(len(shapes.outlines))]
    parts = [
        tag("use", href="#blank"),
        tag("use", href="#areas"),
        tag("g", *lines),
        _dots(shapes, 4),
        tag("g", *[at.svg() for at in names if at.kind != "mark"], aria_hidden="true"),
        tag("g", *numbers, aria_hidden="true"),
    ]
    words = "Map of expected events by region; the numbers are those of the list."
    return drawing(parts, shapes.width, shapes.height, words, class_="overview")


def numbered(shapes: MapShapes, marks: Mapping[str, int]) -> tuple[list[Label], list[Markup]]:
    """Numbers on regions, and the room that they take."""
    taken, drawn_ = [], []
    for region, rank in marks.items():
        if region in shapes.region_ids:
            x, y = shapes.anchor(region)
            taken.append(Label(("00",), x, y, 30.0, "mark"))
            drawn_ += [
                tag("circle", cx=number(x), cy=number(y), r=19, class_="mark"),
                tag("text", str(rank), x=number(x), y=number(y + 9), class_="marked"),
            ]
    return taken, drawn_


def flow_map(shapes: MapShapes, outlook: Outlook, routes: pd.DataFrame, most: int = CORRIDORS) -> Markup:
    """Corridors from region to region, wide as the events that take them, dashed where no evidence is shown.

    The drawing is cropped to the arrows, so that a small border is not lost in a large desert.
    """
    known = routes[
        routes["source_region"].isin(shapes.region_ids) & routes["target_region"].isin(shapes.region_ids)
    ].head(most)
    points = [shapes.anchor(r) for r in {*known["source_region"], *known["target_region"]}]
    box = _crop(points, shapes)
    unit = (box[2] - box[0]) / 520
    ends, arrows = _arrows(shapes, outlook, routes, unit, most)
    names = dict(zip(outlook.ids, outlook.names, strict=True))
    # The drawing is 760 px wide at most, and 358 on a phone: names are 12 and 10 px there.
    wide = [Label(broken(names[r]), x, y + 10 * unit, 8.5 * unit, "leading") for r, (x, y) in ends.items()]
    top, bottom = box[1] + 12 * unit, box[3] - 12 * unit
    wide += [at for at in country_labels(shapes, 7 * unit) if at.kind == "country" and top < at.y < bottom]
    phone = [Label(broken(names[r]), x, y + 17 * unit, 14.6 * unit, "leading") for r, (x, y) in ends.items()]
    return tag(
        "svg",
        tag("g", *[tag("use", href=f"#land-{i}", class_="land") for i in range(len(shapes.outlines))]),
        tag("g", *arrows),
        tag("g", *[at.svg() for at in place(wide, box, 40)], class_="names", aria_hidden="true"),
        tag("g", *[at.svg() for at in place(phone, box, 12)], class_="names small", aria_hidden="true"),
        viewBox=f"{box[0]:.0f} {box[1]:.0f} {box[2] - box[0]:.0f} {box[3] - box[1]:.0f}",
        role="img",
        aria_label="Map of corridors across borders; spillover_routes.csv holds the same numbers.",
        class_="flow",
    )


def _arrows(
    shapes: MapShapes, outlook: Outlook, routes: pd.DataFrame, unit: float, most: int
) -> tuple[dict[str, tuple[float, float]], list[Markup]]:
    """Where corridors begin and end, and an arrow for each."""
    known = set(shapes.region_ids)
    if routes.empty:
        return {}, []
    rows = routes[routes["source_region"].isin(known) & routes["target_region"].isin(known)].head(most)
    ends = {r: shapes.anchor(r) for r in dict.fromkeys([*rows["source_region"], *rows["target_region"]])}
    names = dict(zip(outlook.ids, outlook.names, strict=True))
    largest = max(float(rows["events"].max()) if len(rows) else 0.0, 1e-9)
    return ends, [
        _arrow(
            ends[row.source_region],
            ends[row.target_region],
            unit * (2 + 9 * float(np.sqrt(row.events / largest))),
            f"{names[row.source_region]} to {names[row.target_region]}: {count(row.events)} expected to cross, "
            f"evidence {row.grade}",
            dashed=row.grade not in GRADES[:2],
        )
        for row in rows_of(rows)
    ]


def _crop(points: Sequence[tuple[float, float]], shapes: MapShapes) -> tuple[float, float, float, float]:
    """A frame of about 4:3 around some points, with a margin; the whole map where there are none."""
    if not points:
        return 0.0, 0.0, shapes.width, shapes.height
    low, high = np.min(points, axis=0), np.max(points, axis=0)
    middle, size = (low + high) / 2, (high - low) * 1.25 + 90
    wide = max(size[0], size[1] / 0.8, 320.0)
    tall = max(size[1], wide * 0.55)
    half = np.array([wide / 2, tall / 2])
    left, top, right, bottom = (float(v) for v in (*(middle - half), *(middle + half)))
    return left, top, right, bottom


def _arrow(
    start: tuple[float, float], end: tuple[float, float], width: float, words: str, dashed: bool
) -> Markup:
    """A tapered, slightly bent wedge with its point on the target."""
    a, b = np.array(start), np.array(end)
    along = b - a
    length = float(np.hypot(*along)) or 1.0
    across = np.array([-along[1], along[0]]) / length
    bend, neck = (a + b) / 2 + across * 0.16 * length, b - along / length * width * 1.6
    tip, out = b - along / length * 2, across * width / 2

    def at(p: np.ndarray) -> str:
        return f"{p[0]:.1f} {p[1]:.1f}"

    d = (
        f"M{at(a + out * 0.25)}Q{at(bend + out)} {at(neck + out)}L{at(neck + out * 2.2)}L{at(tip)}"
        f"L{at(neck - out * 2.2)}L{at(neck - out)}Q{at(bend - out)} {at(a - out * 0.25)}z"
    )
    return tag("path", tag("title", words), d=d, class_="arrow unshown" if dashed else "arrow")
