"""Names on a map: broken into short lines and moved a little until none touches another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from markupsafe import Markup

from .svg import number, tag

#: Mean width of a letter and height of a line, in parts of the type size.
LETTER, LINE = 0.57, 1.08
#: How much wider bold letters are, and spaced capitals.
BOLD, SPACED = 1.12, 1.25
LONGEST_LINE, LONGEST_NAME = 11, 26
#: Tried in turn, in parts of the label's own height and width.
SHIFTS = (
    (0, 0),
    (0, -0.7),
    (0, 0.7),
    (0.35, 0),
    (-0.35, 0),
    (0.35, 0.7),
    (-0.35, 0.7),
    (0.35, -0.7),
    (-0.35, -0.7),
)


@dataclass(frozen=True)
class Label:
    """A name centred at (x, y), in drawing units."""

    lines: tuple[str, ...]  # The name, one or two lines.
    #: Its middle.
    x: float
    y: float
    size: float  # Type size.
    kind: str  # Style class.
    #: Width that the name may take at most; infinite for names that may run over their region.
    room: float = float("inf")
    place: int | None = None  # Position of its region, for colours that depend on what lies below.

    @property
    def width(self) -> float:
        """About how wide it is."""
        bold = BOLD * SPACED if self.kind == "country" else SPACED if self.kind == "nodata" else 1.0
        bold = BOLD if self.kind == "leading" else bold
        return max(len(line) for line in self.lines) * LETTER * bold * self.size

    @property
    def height(self) -> float:
        """How high it is."""
        return len(self.lines) * LINE * self.size

    def touches(self, other: Label) -> bool:
        """Whether two names would overlap."""
        near_x = abs(self.x - other.x) < (self.width + other.width) / 2 + 0.3 * self.size
        return near_x and abs(self.y - other.y) < (self.height + other.height) / 2

    def moved(self, dx: float, dy: float) -> Label:
        """The same name elsewhere."""
        return replace(self, x=self.x + dx, y=self.y + dy)

    def svg(self, extra: str = "") -> Markup:
        """The name as SVG text, with an extra style class on request."""
        step = LINE * self.size
        first = self.y - (len(self.lines) - 1) * step / 2 + 0.35 * self.size
        x = number(self.x)
        kind = f"name {self.kind} {extra}".rstrip()
        size = {"font_size": number(self.size), "class_": kind, "data_i": self.place}
        if len(self.lines) == 1:
            return tag("text", self.lines[0], x=x, y=first, **size)
        spans = [tag("tspan", line, x=x, y=first + i * step) for i, line in enumerate(self.lines)]
        return tag("text", *spans, **size)


def broken(name: str) -> tuple[str, ...]:
    """A long name in two lines, parted at a space or hyphen near its middle.

    >>> broken("Boucle du Mouhoun"), broken("Centre-Nord"), broken("Gao")
    (('Boucle du', 'Mouhoun'), ('Centre-', 'Nord'), ('Gao',))
    """
    if len(name) < LONGEST_LINE:
        return (name,)
    cuts = [i + 1 for i, sign in enumerate(name[:-1]) if sign in " -"]
    if not cuts:
        return (name,)
    cut = min(cuts, key=lambda i: max(len(name[:i].rstrip()), len(name[i:])))
    return (name[:cut].rstrip(), name[cut:])


def place(wanted: Iterable[Label], size: tuple[float, float, float, float], most: int) -> list[Label]:
    """As many names as fit without touching, in order of importance.

    Parameters
    ----------
    wanted : iterable of Label
        Most important first; a name wider than its ``room`` or too long for a map is left out.
    size : tuple of float
        Left, top, right and bottom of the drawing.
    most : int
        No more names than this.
    """
    left, top, right, bottom = size
    placed: list[Label] = []
    for label in wanted:
        if len(placed) >= most:
            break
        if sum(map(len, label.lines)) > LONGEST_NAME or label.width > label.room:
            continue
        shifts = SHIFTS if label.room == float("inf") else SHIFTS[:3]
        for dx, dy in shifts:
            at = label.moved(dx * label.width, dy * label.height)
            inside = left + at.width / 2 <= at.x <= right - at.width / 2 and top < at.y < bottom
            if inside and not any(at.touches(other) for other in placed):
                placed.append(at)
                break
    return placed
