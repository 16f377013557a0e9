"""The share of a country's expected events that comes from abroad, origin by origin, as one SVG."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..spillover.evaluation.history import SHOWN
from .svg import tag

_INK, _GREY, _LINE, _MARK = "#2b2926", "#8a857c", "#b5afa4", "#b2182b"
_WIDTH, _TALL, _LEFT, _GAP = 760.0, 110.0, 60.0, 46.0


def timeline(history: pd.DataFrame, shown: dict[str, str] | None = None) -> str:
    """An SVG document: one panel per country.

    Parameters
    ----------
    history : pandas.DataFrame
        ``origin, source_country, target_country, share, declared``.
    shown : dict of str to str, optional
        ISO3 and name of the countries; Burkina Faso, Niger, Benin and Togo where None.
    """
    countries = SHOWN if shown is None else shown
    origins = sorted(history["origin"].unique())
    title = "Share of the events expected within six months that the model attributes to other countries"
    parts = [str(tag("text", title, x=16, y=24, font_size=15, fill=_INK))]
    for i, (code, name) in enumerate(countries.items()):
        rows = history[history["target_country"] == code]
        share = rows.groupby("origin")["share"].sum().reindex(origins, fill_value=0.0).to_numpy(float)
        sure = rows[rows["declared"].astype(bool)].groupby("origin")["source_country"].agg(", ".join)
        parts += _panel(
            name, origins, share, {str(k): str(v) for k, v in sure.items()}, 58 + i * (_TALL + _GAP)
        )
    height = 58 + len(countries) * (_TALL + _GAP) + 18
    words = (
        "Red: a border into the country carried a declared signal at that origin. Grey: no measurable signal. "
        "Shares of several sources overlap a little."
    )
    parts.append(str(tag("text", words, x=16, y=height - 10, font_size=12, fill=_GREY)))
    box = f"0 0 {_WIDTH:.0f} {height:.0f}"
    font = "system-ui, sans-serif"
    drawn = tag(
        "svg",
        *map(_safe, parts),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=box,
        role="img",
        aria_label=title,
        font_family=font,
    )
    return str(drawn)


def _safe(part: str) -> str:
    """What has been escaped already."""
    from markupsafe import Markup

    return Markup(part)


def _panel(
    name: str, origins: Sequence[str], share: np.ndarray, sure: dict[str, str], top: float
) -> list[str]:
    """One country: axis, line, marks."""
    wide = _WIDTH - _LEFT - 20
    x = _LEFT + wide * np.arange(len(origins)) / max(len(origins) - 1, 1)
    y = top + _TALL * (1 - np.clip(share, 0, 1))
    parts = [tag("text", name, x=_LEFT, y=top - 6, font_size=13, fill=_INK, font_weight="bold")]
    for level in (0.0, 0.5, 1.0):
        at = top + _TALL * (1 - level)
        parts.append(tag("line", x1=_LEFT, x2=_LEFT + wide, y1=at, y2=at, stroke="#ddd8ce"))
        parts.append(
            tag("text", f"{level:.0%}", x=_LEFT - 8, y=at + 4, font_size=11, fill=_GREY, text_anchor="end")
        )
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    parts.append(tag("polyline", points=points, fill="none", stroke=_LINE, stroke_width=2))
    for i, origin in enumerate(origins):
        if origin in sure:
            said = f"{origin}: {share[i]:.0%}, signal from {sure[origin]}"
            parts.append(tag("circle", tag("title", said), cx=float(x[i]), cy=float(y[i]), r=4, fill=_MARK))
        if origin.endswith("-12"):
            parts.append(
                tag(
                    "text",
                    str(int(origin[:4]) + 1),
                    x=float(x[i]),
                    y=top + _TALL + 15,
                    font_size=11,
                    fill=_GREY,
                    text_anchor="middle",
                )
            )
    return [str(p) for p in parts]
