"""SVG as text: every attribute and word escaped, numbers short; names broken and moved until none touches another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from markupsafe import Markup, escape

#: Colours of pictures that stand alone, outside the page and its style.
INK, GREY = "#2b2926", "#8a857c"
#: Width of such a picture.
ALONE = 760.0
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


def number(value: float) -> str:
    """A coordinate with at most one decimal.

    >>> number(3.0), number(2.46), number(-0.01)
    ('3', '2.5', '0')
    """
    text = f"{value:.1f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def tag(name: str, *content: str, **attributes: object) -> Markup:
    """One element; ``class_`` is written ``class``, other underscores become hyphens; plain text is escaped.

    >>> str(tag("text", "a < b", x=1.25, class_="axis"))
    '<text x="1.2" class="axis">a &lt; b</text>'
    """
    words = []
    for key, value in attributes.items():
        if value is None:
            continue
        text = number(value) if isinstance(value, float) else str(value)
        words.append(f'{key.rstrip("_").replace("_", "-")}="{escape(text)}"')
    inside = "".join(str(escape(part)) for part in content)
    head = " ".join([name, *words])
    return Markup(f"<{head}>{inside}</{name}>" if inside else f"<{head}/>")


def line(x1: float, x2: float, y1: float, y2: float, kind: str) -> Markup:
    """A line of a style class."""
    return tag("line", x1=x1, x2=x2, y1=y1, y2=y2, class_=kind)


def text(words: str, x: float, y: float, kind: str) -> Markup:
    """Words of a style class, from (x, y)."""
    return tag("text", words, x=x, y=y, class_=kind)


def dot(x: float, y: float, radius: float, kind: str) -> Markup:
    """A circle of a style class."""
    return tag("circle", cx=x, cy=y, r=radius, class_=kind)


def drawing(content: Iterable[str], width: float, height: float, words: str, **more: object) -> Markup:
    """A drawing of the page, and the words that are read out in its place."""
    return tag("svg", *content, viewBox=f"0 0 {width:.0f} {height:.0f}", role="img", aria_label=words, **more)


def document(content: Iterable[str], height: float, title: str) -> str:
    """A picture that stands alone."""
    font, xmlns = "system-ui, sans-serif", "http://www.w3.org/2000/svg"
    return str(drawing(content, ALONE, height, title, xmlns=xmlns, font_family=font))


def alone_text(words: str, x: float, y: float, size: int = 13, fill: str = INK, **more: object) -> Markup:
    """Words of a picture that stands alone."""
    return tag("text", words, x=x, y=y, font_size=size, fill=fill, **more)


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
