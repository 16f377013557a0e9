"""SVG as text: every attribute and every word escaped, numbers short."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup, escape

#: Colours of pictures that stand alone, outside the page and its style.
INK, GREY = "#2b2926", "#8a857c"
#: Width of such a picture.
ALONE = 760.0


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
