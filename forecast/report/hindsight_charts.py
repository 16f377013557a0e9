"""Charts of what has been forecast and what came: hits and misses, reliability, and the PIT."""

from __future__ import annotations

import numpy as np
import pandas as pd
from markupsafe import Markup

from ...data.frames import rows_of
from .charts import count_axis, nice_ceiling
from .hindsight import Hindsight
from .number_format import count, count_whole, interval, percent
from .svg import number, tag

#: Regions that the chart of hits and misses shows; letters of a name before it is cut.
SHOWN, LETTERS = 12, 22
#: Bins of a reliability diagram with fewer cases are left to the table.
FEWEST = 10


def hindsight_chart(past: Hindsight) -> Markup:
    """The leading regions of last month: the interval as a bar, the mean as a tick, what was recorded as a dot."""
    width, left, line, head = 460.0, 158.0, 25.0, 20.0
    rows = leading(past)
    top = nice_ceiling(float(rows[["high", "observed", "expected"]].to_numpy(float).max(initial=1.0)))
    height = head + line * len(rows) + 4

    def x(value: float) -> float:
        return left + value / top * (width - left - 12)

    marks = []
    for value in (0.0, top / 2, top):
        marks.append(tag("line", x1=x(value), x2=x(value), y1=head, y2=height - 4, class_="grid"))
        marks.append(tag("text", count_axis(value), x=x(value), y=12.0, class_="tick mid"))
    for i, row in enumerate(rows_of(rows)):
        y = head + (i + 0.5) * line
        name = row.name if len(row.name) <= LETTERS else row.name[: LETTERS - 1] + "…"
        wide = max(x(row.high) - x(row.low), 2.0)
        marks.append(tag("text", name, x=0.0, y=y + 5, class_="row"))
        marks.append(tag("rect", x=x(row.low), y=y - 6, width=wide, height=12.0, class_="span"))
        marks.append(
            tag("line", x1=x(row.expected), x2=x(row.expected), y1=y - 6, y2=y + 6, class_="expected")
        )
        marks.append(
            tag(
                "circle",
                cx=x(row.observed),
                cy=y,
                r=5.0,
                class_="came" if row.inside else "came out",
            )
        )
    told = "; ".join(
        f"{row.name}: {count_whole(row.observed)} recorded, {count(row.expected)} expected, "
        f"80% interval {interval(row.low, row.high)}"
        for row in rows_of(rows)
    )
    return _drawing(marks, width, height, told)


def leading(past: Hindsight) -> pd.DataFrame:
    """The regions with most events recorded or expected, most first."""
    table = past.table.assign(most=past.table[["expected", "observed"]].max(axis=1))
    return table.sort_values(["most", "region_id"], ascending=[False, True]).head(SHOWN)


def reliability_chart(rows: pd.DataFrame, names: dict[str, str]) -> Markup:
    """Chances that were given against how often it came true: one square per question, dots by number of cases.

    Parameters
    ----------
    rows : pandas.DataFrame
        ``question, cases, forecast, frequency`` of one target.
    names : dict of str to str
        Title of each question, in order.
    """
    width, side, gap, left, head = 460.0, 118.0, 28.0, 34.0, 26.0
    marks, told = [], []
    for k, (question, title) in enumerate(names.items()):
        x0 = left + k * (side + gap)
        mine = rows[(rows["question"] == question) & (rows["cases"] >= FEWEST)]
        marks += _square(x0, head, side, title, k == 0)
        for row in rows_of(mine):
            cx, cy = x0 + row.forecast * side, head + (1 - row.frequency) * side
            half = 1.96 * np.sqrt(max(row.frequency * (1 - row.frequency), 0.25 / row.cases) / row.cases)
            ends = [head + (1 - float(np.clip(row.frequency + s * half, 0, 1))) * side for s in (1, -1)]
            marks.append(tag("line", x1=cx, x2=cx, y1=ends[0], y2=ends[1], class_="doubt"))
            size = float(np.clip(1.6 + 0.55 * np.log2(row.cases), 2.0, 7.0))
            marks.append(tag("circle", cx=cx, cy=cy, r=size, class_="came"))
            told.append(f"{title}: said {percent(row.forecast)}, came {percent(row.frequency)}")
    return _drawing(marks, width, head + side + 38, "; ".join(told))


def _square(x0: float, y0: float, side: float, title: str, first: bool) -> list[Markup]:
    """Frame, diagonal and axis labels of one square."""
    marks = [
        tag("rect", x=x0, y=y0, width=side, height=side, class_="frame"),
        tag("line", x1=x0, y1=y0 + side, x2=x0 + side, y2=y0, class_="zero"),
        tag("text", title, x=x0, y=y0 - 9, class_="row"),
    ]
    for value, label, kind in ((0.0, "0%", "tick"), (1.0, "100%", "tick end")):
        marks.append(tag("text", label, x=x0 + value * side, y=y0 + side + 17, class_=kind))
    for value in (0.0, 0.5, 1.0) if first else ():
        label = f"{100 * value:.0f}%"
        marks.append(tag("text", label, x=x0 - 5, y=y0 + (1 - value) * side + 4, class_="tick end"))
    if first:
        marks.append(tag("text", "chance given →", x=x0, y=y0 + side + 34, class_="tick"))
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
    level = float(rows["forecast"].iloc[0])
    marks = [tag("path", d=bars, class_="past")]
    marks += [
        tag("text", percent(v), x=left - 5, y=y(v) + 4, class_="tick end")
        for v in (0.0, level, top)
        if v <= top
    ]
    end = left + slot * len(rows)
    marks += [
        tag("line", x1=left, x2=end, y1=y(level), y2=y(level), class_="expectedline"),
        tag("text", "← fewer than forecast", x=left, y=height - 12, class_="tick"),
        tag("text", "more than forecast →", x=end, y=height - 12, class_="tick end"),
    ]
    told = "; ".join(
        f"{percent(row.low)} to {percent(row.high)}: {percent(row.frequency)}" for row in rows_of(rows)
    )
    return _drawing(marks, width, height, f"Share of outcomes by position in their forecast. {told}")


def _drawing(marks: list[Markup], width: float, height: float, told: str) -> Markup:
    return tag(
        "svg",
        *marks,
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        role="img",
        aria_label=told,
        class_="skill",
    )
