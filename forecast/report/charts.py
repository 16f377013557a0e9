"""Charts as SVG: sparklines, step fans, skill and coverage, hits and misses, reliability, and the PIT."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from markupsafe import Markup

from ...data.frames import rows_of
from .hindsight import Hindsight
from .number_format import count, count_whole, interval, month_name, percent
from .svg import dot, drawing, line, number, tag, text
from .tables import Outlook

#: Letters of a name before it is cut.
LETTERS = 22
#: Bins of a reliability diagram with fewer cases are left to the table.
FEWEST = 10
#: Charts with a line per horizon: their width, where the marks begin, first line and its height.
_WIDTH, _LEFT, _FIRST, _LINE = 420.0, 118.0, 40.0, 34.0


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


def count_axis(value: float) -> str:
    """An axis label: whole where it is whole.

    >>> count_axis(2.5), count_axis(1200.0)
    ('2.5', '1,200')
    """
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


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
    words = ", ".join("not observed" if np.isnan(v) else f"{v:,.0f}" for v in values)
    size = {"viewBox": f"0 0 {width:.0f} {height:.0f}", "width": int(width), "height": int(height)}
    aria_label = f"Last {len(values)} months: {words}"
    mark = tag("path", d=bars) if bars else ""
    return tag("svg", mark, **size, class_="spark", role="img", aria_label=aria_label)


def _steps(x: Sequence[float], low: Sequence[float], high: Sequence[float], width: float) -> str:
    """A band that keeps one level over each month."""
    up = "".join(
        f"{'M' if i == 0 else 'L'}{number(a)} {number(b)}h{number(width)}"
        for i, (a, b) in enumerate(zip(x, high, strict=True))
    )
    back = zip(reversed(x), reversed(low), strict=True)
    return up + "".join(f"L{number(a + width)} {number(b)}h{number(-width)}" for a, b in back) + "z"


def fan(
    outlook: Outlook, place: int, months: pd.PeriodIndex, ahead: Sequence[pd.Period], past: int = 24
) -> Markup:
    """One place: recorded counts as bars, then bands of 90, 80 and 50 % and the mean, month by month."""
    width, height, bottom, head = 300.0, 150.0, 18.0, 8.0
    history = outlook.history[-past:, place]
    q = outlook.quantiles[:, :, place]
    seen = float(np.nanmax(history)) if not np.isnan(history).all() else 0.0
    top = nice_ceiling(max(seen, float(q[-1].max()), float(outlook.mean[:, place].max())))
    # Wide enough for the labels: "20,000,000" is not cut.
    left = max(26.0, 8.0 + 5.5 * max(len(count_axis(v)) for v in (top / 2, top)))
    slot = (width - left) / (len(history) + len(ahead))

    def y(value: float) -> float:
        return head + (1 - value / top) * (height - head - bottom)

    grid = []
    for value in (0.0, top / 2, top):
        grid.append(line(left, width, y(value), y(value), "grid"))
        grid.append(text(count_axis(value), left - 5, y(value) + 3.5, "tick end"))
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
    shown = [(i, m.year) for i, m in enumerate(months[-past:]) if m.month == 1]
    words = (
        f"{outlook.label(place)}: {count(outlook.mean[0, place])} expected in {month_name(ahead[0])}, "
        f"80% interval {interval(outlook.low[0, place], outlook.high[0, place])}; "
        f"mean of the past twelve months {count(outlook.recent[place])}."
    )
    marks = [
        *grid,
        tag("path", d=bars or "M0 0", class_="past"),
        *bands,
        tag("path", d=mean, class_="mean"),
        line(start - 0.1 * slot, start - 0.1 * slot, head, y(0), "now"),
        *[text(str(year), left + i * slot, height - 4, "tick") for i, year in shown],
    ]
    return drawing(marks, width, height, words, class_="fan")


def _horizon_name(horizon: int, y: float) -> Markup:
    """The name of a horizon at the start of its line."""
    return text(f"{horizon} month{'' if horizon == 1 else 's'} ahead", 0.0, y + 4, "row")


def skill_chart(rows: pd.DataFrame, words: str) -> Markup:
    """Skill of the pool by horizon: a dot with its 95 % interval, against a line at no gain.

    A record too short for an interval has the dot alone.
    """
    rows = rows.sort_values("horizon")
    ends = rows[["skill_low", "skill_high", "skill_vs_conflictology"]].to_numpy(float)
    reach = max(float(np.nanmax(np.abs(ends))) if not np.isnan(ends).all() else 0.1, 0.05)
    reach = float(np.ceil(reach * 20) / 20)
    height = 30.0 + _LINE * len(rows) + 6

    def x(value: float) -> float:
        return _LEFT + (value + reach) / (2 * reach) * (_WIDTH - _LEFT - 116)

    marks = [line(x(0), x(0), 22.0, height - 4, "zero")]
    marks += [text("← worse", x(0) - 10, 13.0, "tick end"), text("better →", x(0) + 10, 13.0, "tick")]
    for i, row in enumerate(rows_of(rows)):
        y = _FIRST + i * _LINE
        value, low, high = float(row.skill_vs_conflictology), float(row.skill_low), float(row.skill_high)
        marks.append(_horizon_name(row.horizon, y))
        if np.isnan(value):
            continue
        known, span = not (np.isnan(low) or np.isnan(high)), ""
        if known:
            marks.append(line(x(low), x(high), y, y, "whisker"))
            span = f" ({round(100 * low)} to {round(100 * high)})".replace("-", "−")
        clear = known and (low > 0 or high < 0)
        marks.append(dot(x(value), y, 5.0, "dot" if clear else "dot open"))
        label = tag("tspan", f"{'+' if value >= 0 else '−'}{100 * abs(value):.0f}%", class_="strong")
        end = max(x(high) if known else x(value), x(value)) + 9
        marks.append(tag("text", label, span, x=end, y=y + 4, class_="row"))
    return drawing(marks, _WIDTH, height, words, class_="skill")


def coverage_chart(rows: pd.DataFrame) -> Markup:
    """Share of outcomes inside the 50, 80 and 90 % intervals of the pool, by horizon."""
    rows = rows.sort_values("horizon")
    height = 34.0 + _LINE * len(rows) + 4

    def x(value: float) -> float:
        return _LEFT + (value - 0.4) / 0.6 * (_WIDTH - _LEFT - 16)

    marks, words = [], []
    for level in (0.5, 0.8, 0.9):
        marks.append(line(x(level), x(level), 22.0, height - 4, "zero"))
        marks.append(text(percent(level), x(level), 13.0, "tick mid"))
    for i, row in enumerate(rows_of(rows)):
        y = _FIRST + i * _LINE
        marks.append(_horizon_name(row.horizon, y))
        for level, value in ((50, row.coverage_50), (80, row.coverage_80), (90, row.coverage_90)):
            words.append(f"{row.horizon} months ahead, {level}% interval: {percent(float(value))}")
            if not np.isnan(value):
                marks.append(dot(x(float(np.clip(value, 0.4, 1))), y, 5.0, f"dot l{level}"))
    return drawing(marks, _WIDTH, height, "; ".join(words), class_="skill")


def hindsight_chart(seen: Hindsight) -> Markup:
    """The leading regions of last month: the interval as a bar, the mean as a tick, what was recorded as a dot."""
    width, left, step, head = 460.0, 158.0, 25.0, 20.0
    rows = seen.leading
    top = nice_ceiling(float(rows[["high", "observed", "expected"]].to_numpy(float).max(initial=1.0)))
    height = head + step * len(rows) + 4

    def x(value: float) -> float:
        return left + value / top * (width - left - 12)

    marks, words = [], []
    for value in (0.0, top / 2, top):
        marks.append(line(x(value), x(value), head, height - 4, "grid"))
        marks.append(text(count_axis(value), x(value), 12.0, "tick mid"))
    for i, row in enumerate(rows_of(rows)):
        y = head + (i + 0.5) * step
        name = row.name if len(row.name) <= LETTERS else row.name[: LETTERS - 1] + "…"
        wide = max(x(row.high) - x(row.low), 2.0)
        marks.append(text(name, 0.0, y + 5, "row"))
        marks.append(tag("rect", x=x(row.low), y=y - 6, width=wide, height=12.0, class_="span"))
        marks.append(line(x(row.expected), x(row.expected), y - 6, y + 6, "expected"))
        marks.append(dot(x(row.observed), y, 5.0, "observed" if row.inside else "observed out"))
        words.append(
            f"{row.name}: {count_whole(row.observed)} recorded, {count(row.expected)} expected, "
            f"80% interval {interval(row.low, row.high)}"
        )
    return drawing(marks, width, height, "; ".join(words), class_="skill")


def reliability_chart(rows: pd.DataFrame, names: dict[str, str]) -> Markup:
    """Forecast chances against how often it happened: one square per question, dots by number of cases.

    ``rows`` holds ``question, cases, forecast, frequency`` of one target; ``names`` the title of each question.
    """
    width, side, gap, left, head = 460.0, 118.0, 28.0, 34.0, 26.0
    marks, words = [], []
    for k, (question, title) in enumerate(names.items()):
        x0 = left + k * (side + gap)
        marks += _square(x0, head, side, title, k == 0)
        for row in rows_of(rows[(rows["question"] == question) & (rows["cases"] >= FEWEST)]):
            x, y = x0 + row.forecast * side, head + (1 - row.frequency) * side
            half = 1.96 * np.sqrt(max(row.frequency * (1 - row.frequency), 0.25 / row.cases) / row.cases)
            ends = [head + (1 - float(np.clip(row.frequency + s * half, 0, 1))) * side for s in (1, -1)]
            marks.append(line(x, x, ends[0], ends[1], "spread"))
            marks.append(dot(x, y, float(np.clip(1.6 + 0.55 * np.log2(row.cases), 2.0, 7.0)), "observed"))
            words.append(f"{title}: forecast {percent(row.forecast)}, observed {percent(row.frequency)}")
    return drawing(marks, width, head + side + 38, "; ".join(words), class_="skill")


def _square(x0: float, y0: float, side: float, title: str, first: bool) -> list[Markup]:
    """Frame, diagonal and axis labels of one square."""
    marks = [
        tag("rect", x=x0, y=y0, width=side, height=side, class_="frame"),
        tag("line", x1=x0, y1=y0 + side, x2=x0 + side, y2=y0, class_="zero"),
        text(title, x0, y0 - 9, "row"),
        text("0%", x0, y0 + side + 17, "tick"),
        text("100%", x0 + side, y0 + side + 17, "tick end"),
    ]
    if first:
        heights = ((f"{100 * v:.0f}%", y0 + (1 - v) * side + 4) for v in (0.0, 0.5, 1.0))
        marks += [text(label, x0 - 5, y, "tick end") for label, y in heights]
        marks.append(text("chance given →", x0, y0 + side + 34, "tick"))
    return marks


def pit_chart(rows: pd.DataFrame) -> Markup:
    """Where outcomes fell in their forecasts: ten bars that would be level for a reliable forecast."""
    width, height, left, head, foot = 460.0, 150.0, 34.0, 10.0, 34.0
    rows = rows.sort_values("low")
    top = max(0.2, float(np.ceil(rows["frequency"].max() * 20) / 20))
    slot = (width - left - 30) / len(rows)

    def y(value: float) -> float:
        return head + (1 - value / top) * (height - head - foot)

    bars = "".join(
        f"M{number(left + i * slot)} {number(y(0))}V{number(y(row.frequency))}"
        f"h{number(slot - 3)}V{number(y(0))}z"
        for i, row in enumerate(rows_of(rows))
    )
    level, end = float(rows["forecast"].iloc[0]), left + slot * len(rows)
    marks = [
        tag("path", d=bars, class_="past"),
        *[text(percent(v), left - 5, y(v) + 4, "tick end") for v in (0.0, level, top) if v <= top],
        line(left, end, y(level), y(level), "expectedline"),
        text("← fewer than forecast", left, height - 12, "tick"),
        text("more than forecast →", end, height - 12, "tick end"),
    ]
    shares = "; ".join(
        f"{percent(row.low)} to {percent(row.high)}: {percent(row.frequency)}" for row in rows_of(rows)
    )
    words = f"Share of outcomes by position in their forecast. {shares}"
    return drawing(marks, width, height, words, class_="skill")
