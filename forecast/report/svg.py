"""SVG as text: every attribute and every word escaped, numbers short."""

from __future__ import annotations

from markupsafe import Markup, escape


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
