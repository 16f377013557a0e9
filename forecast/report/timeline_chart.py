"""The share of a country's expected events that comes from abroad, origin by origin, as one SVG."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from markupsafe import Markup

from ..spillover.evaluation.history import SHOWN
from .svg import ALONE, GREY, alone_text, document, tag

_LINE, _MARK, _TALL, _LEFT, _GAP = "#b5afa4", "#b2182b", 110.0, 60.0, 46.0
_TITLE = "Share of the events expected within six months that the model attributes to other countries"
_CAPTION = (
    "Red: a border into the country carried a declared signal at that origin. Grey: no measurable signal. "
    "Shares of several sources overlap a little."
)


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
    parts = [alone_text(_TITLE, 16, 24, 15)]
    for i, (code, name) in enumerate(countries.items()):
        rows = history[history["target_country"] == code]
        share = rows.groupby("origin")["share"].sum().reindex(origins, fill_value=0.0).to_numpy(float)
        declared = rows[rows["declared"].astype(bool)].groupby("origin")["source_country"].agg(", ".join)
        signals = {str(origin): str(sources) for origin, sources in declared.items()}
        parts += _panel(name, origins, share, signals, 58 + i * (_TALL + _GAP))
    height = 58 + len(countries) * (_TALL + _GAP) + 18
    parts.append(alone_text(_CAPTION, 16, height - 10, 12, GREY))
    return document(parts, height, _TITLE)


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
