"""Charts as SVG: sparklines, step fans, skill and coverage."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from markupsafe import Markup

from ...data.frames import rows_of
from .number_format import count, interval, month_name, percent
from .svg import number, tag
from .tables import Outlook


def nice_ceiling(value: float) -> float:
    """The next round number at or above a value, for the top of an axis.

    >>> nice_ceiling(7.2), nice_ceiling(31), nice_ceiling(0)
    (8.0, 40.0, 1.0)
    """
    if not value > 1:
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    steps = np.array([1, 2, 3, 4, 5, 6, 8, 10]) * power
    return float(steps[np.searchsorted(steps, value - 1e-9)])


def sparkline(values: np.ndarray, width: float = 72, height: float = 20) -> Markup:
    """Twelve small bars on the region's own scale; months not observed are left blank."""
    top = max(float(np.nanmax(values)) if not np.isnan(values).all() else 0.0, 1.0)
    step = width / len(values)
    bars = "".join(
        f"M{number(i * step)} {number(height)}v-{number(max(v / top * (height - 1), 0.8))}"
        f"h{number(step - 1.5)}V{number(height)}z"
        for i, v in enumerate(values)
        if not np.isnan(v)
    )
    told = ", ".join("not observed" if np.isnan(v) else f"{v:.0f}" for v in values)
    return tag(
        "svg",
        tag("path", d=bars) if bars else "",
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        width=int(width),
        height=int(height),
        class_="spark",
        role="img",
        aria_label=f"Last {len(values)} months: {told}",
    )


def _steps(x: Sequence[float], low: Sequence[float], high: Sequence[float], width: float) -> str:
    """A band that keeps one level over each month."""
    up = "".join(
        f"{'M' if i == 0 else 'L'}{number(a)} {number(b)}h{number(width)}"
        for i, (a, b) in enumerate(zip(x, high, strict=True))
    )
    down = "".join(
        f"L{number(a + width)} {number(b)}h{number(-width)}"
        for a, b in zip(reversed(x), reversed(low), strict=True)
    )
    return f"{up}{down}z"


def fan(
    outlook: Outlook, place: int, months: pd.PeriodIndex, ahead: Sequence[pd.Period], past: int = 24
) -> Markup:
    """One place: recorded counts as bars, then bands of 90, 80 and 50 % and the mean, month by month."""
    width, height, left, bottom, head = 300.0, 150.0, 26.0, 18.0, 8.0
    history = outlook.history[-past:, place]
    q = outlook.quantiles[:, :, place]
    seen = float(np.nanmax(history)) if not np.isnan(history).all() else 0.0
    top = nice_ceiling(max(seen, float(q[-1].max()), float(outlook.mean[:, place].max())))
    slot = (width - left) / (len(history) + len(ahead))

    def y(value: float) -> float:
        return head + (1 - value / top) * (height - head - bottom)

    grid = []
    for value in (0.0, top / 2, top):
        grid.append(tag("line", x1=left, x2=width, y1=y(value), y2=y(value), class_="grid"))
        grid.append(tag("text", count_axis(value), x=left - 5, y=y(value) + 3.5, class_="tick end"))
    bars = "".join(
        f"M{number(left + i * slot)} {number(y(0))}V{number(y(v))}h{number(slot * 0.8)}V{number(y(0))}z"
        for i, v in enumerate(history)
        if v > 0
    )
    start = left + len(history) * slot
    x = [start + i * slot for i in range(len(ahead))]
    bands = [
        tag("path", d=_steps(x, [y(v) for v in q[k]], [y(v) for v in q[-1 - k]], slot), class_=f"band b{k}")
        for k in range(3)
    ]
    mean = "".join(
        f"{'L' if i else 'M'}{number(a)} {number(y(m))}h{number(slot)}"
        for i, (a, m) in enumerate(zip(x, outlook.mean[:, place], strict=True))
    )
    years = [
        tag("text", str(m.year), x=left + i * slot, y=height - 4, class_="tick")
        for i, m in enumerate(months[-past:])
        if m.month == 1
    ]
    told = (
        f"{outlook.label(place)}: {count(outlook.mean[0, place])} expected in {month_name(ahead[0])}, "
        f"80% interval {interval(outlook.low[0, place], outlook.high[0, place])}; "
        f"mean of the past twelve months {count(outlook.recent[place])}."
    )
    return tag(
        "svg",
        *grid,
        tag("path", d=bars or "M0 0", class_="past"),
        *bands,
        tag("path", d=mean, class_="mean"),
        tag("line", x1=start - 0.1 * slot, x2=start - 0.1 * slot, y1=head, y2=y(0), class_="now"),
        *years,
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        role="img",
        aria_label=told,
        class_="fan",
    )


def count_axis(value: float) -> str:
    """An axis label: whole where it is whole.

    >>> count_axis(2.5), count_axis(1200.0)
    ('2.5', '1,200')
    """
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def skill_chart(rows: pd.DataFrame, told: str) -> Markup:
    """Skill of the pool by horizon: a dot with its 95 % interval, against a line at no gain."""
    width, left, line = 420.0, 118.0, 34.0
    rows = rows.sort_values("horizon")
    ends = rows[["skill_low", "skill_high", "skill_vs_conflictology"]].to_numpy(float)
    reach = max(float(np.nanmax(np.abs(ends))) if not np.isnan(ends).all() else 0.1, 0.05)
    reach = float(np.ceil(reach * 20) / 20)
    height = 30.0 + line * len(rows) + 6

    def x(value: float) -> float:
        return left + (value + reach) / (2 * reach) * (width - left - 116)

    marks = [
        tag("line", x1=x(0), x2=x(0), y1=22.0, y2=height - 4, class_="zero"),
        tag("text", "← worse", x=x(0) - 10, y=13.0, class_="tick end"),
        tag("text", "better →", x=x(0) + 10, y=13.0, class_="tick"),
    ]
    for i, row in enumerate(rows_of(rows)):
        y = 40.0 + i * line
        value = float(row.skill_vs_conflictology)
        marks.append(_ahead(row.horizon, y))
        if not np.isnan(value):
            marks += _skill_marks(value, float(row.skill_low), float(row.skill_high), y, x)
    return tag(
        "svg", *marks, viewBox=f"0 0 {width:.0f} {height:.0f}", role="img", aria_label=told, class_="skill"
    )


def _ahead(horizon: int, y: float) -> Markup:
    """The name of a horizon at the start of its line."""
    return tag("text", f"{horizon} month{'' if horizon == 1 else 's'} ahead", x=0.0, y=y + 4, class_="row")


def _skill_marks(
    value: float, low: float, high: float, y: float, x: Callable[[float], float]
) -> list[Markup]:
    """One dot with its whisker and its numbers; a record too short for an interval has the dot alone."""
    known, marks, words = not (np.isnan(low) or np.isnan(high)), [], ""
    if known:
        marks.append(tag("line", x1=x(low), x2=x(high), y1=y, y2=y, class_="whisker"))
        words = f" ({round(100 * low)} to {round(100 * high)})".replace("-", "−")
    clear = known and (low > 0 or high < 0)
    marks.append(tag("circle", cx=x(value), cy=y, r=5.0, class_="dot" if clear else "dot open"))
    label = f"{'+' if value >= 0 else '−'}{100 * abs(value):.0f}%"
    end = max(x(high) if known else x(value), x(value)) + 9
    return [*marks, tag("text", tag("tspan", label, class_="strong"), words, x=end, y=y + 4, class_="row")]


def coverage_chart(rows: pd.DataFrame) -> Markup:
    """Share of outcomes inside the 50, 80 and 90 % intervals of the pool, by horizon."""
    width, left, line = 420.0, 118.0, 34.0
    rows = rows.sort_values("horizon")
    height = 34.0 + line * len(rows) + 4

    def x(value: float) -> float:
        return left + (value - 0.4) / 0.6 * (width - left - 16)

    marks = []
    for level in (0.5, 0.8, 0.9):
        marks.append(tag("line", x1=x(level), x2=x(level), y1=22.0, y2=height - 4, class_="zero"))
        marks.append(tag("text", percent(level), x=x(level), y=13.0, class_="tick mid"))
    told = []
    for i, row in enumerate(rows_of(rows)):
        y = 40.0 + i * line
        marks.append(_ahead(row.horizon, y))
        for level, value in ((50, row.coverage_50), (80, row.coverage_80), (90, row.coverage_90)):
            told.append(f"{row.horizon} months ahead, {level}% interval: {percent(float(value))}")
            if not np.isnan(value):
                marks.append(
                    tag("circle", cx=x(float(np.clip(value, 0.4, 1))), cy=y, r=5.0, class_=f"dot l{level}")
                )
    return tag(
        "svg",
        *marks,
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        role="img",
        aria_label="; ".join(told),
        class_="skill",
    )
