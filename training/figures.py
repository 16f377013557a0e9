"""Pictures as matplotlib figures, in the colours of the report: fans, maps, skill, calibration and more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..data.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colours that everybody can distinguish (Okabe & Ito), the published pool's first.
COLOURS: tuple[str, ...] = (
    "#000000",
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#999999",
)
#: Further ones, each unlike those before, for pools of many members.
COLOURS += ("#f0e442", "#882255", "#44aa99", "#332288", "#ddcc77", "#117733", "#aa4499", "#661100", "#6699cc")
COLOURS += ("#bbbbbb",)
#: The report's colours: what was, how the fan widens, what is expected; classes of the map; no number.
PAST, FAN, MEAN = "#a9a296", ("#f0d5bf", "#e4ae8a", "#cd8059"), "#6f2418"
CLASSES = ("#f1ebdf", "#ecd9b8", "#e5bf8d", "#d99f68", "#c67a4a", "#a95338", "#822f2e", "#541628")
NOTHING, INK = "#d8d6d2", "#1d1b18"
#: Widths of the fan's intervals, the widest first.
WIDTHS = (0.9, 0.8, 0.5)
#: Questions of the reliability picture and what they are called there.
QUESTIONS = {"1": "at least 1", "5": "at least 5", "10": "at least 10", "onset": "onset"}


def skill_by_horizon(scores: pd.DataFrame) -> Figure | None:
    """Skill of every member against conflictology, with the pool's interval; one panel per target."""
    kept = scores.dropna(subset=["skill_vs_conflictology"])
    kept = kept[~kept["member"].isin(["conflictology", "conflictology_12", "zero"])]
    figure, panels = _panels(kept)
    for target, axis, mine in panels:
        for colour, (member, rows) in _coloured(mine, "member", first="pool"):
            rows = rows.sort_values("horizon")
            horizon, pooled = rows["horizon"], member == "pool"
            _line(axis, horizon, rows["skill_vs_conflictology"], colour, member, 2.5 if pooled else 1)
            if pooled:
                low, high = 100 * rows["skill_low"], 100 * rows["skill_high"]
                axis.fill_between(horizon, low, high, color=colour, alpha=0.12)
        low, high = 100 * mine["skill_vs_conflictology"].clip(lower=-0.25).agg(["min", "max"])
        axis.set_ylim(min(low, 100 * max(mine["skill_low"].min(), -0.3)) - 2, high + 8)
        _label(axis, target, "months ahead", "skill against conflictology, %")
        axis.axhline(0, color="#666666", linewidth=0.8)
    return figure


def coverage_by_horizon(scores: pd.DataFrame) -> Figure | None:
    """Share of outcomes in the pool's central intervals, beside what they promise."""
    pool = scores[scores["member"] == "pool"]
    if not set(pool) >= {"coverage_50", "coverage_80", "coverage_90"}:
        return None
    figure, panels = _panels(pool.sort_values("horizon"))
    for target, axis, rows in panels:
        for colour, level in zip(COLOURS[1:], (50, 80, 90), strict=False):
            _line(axis, rows["horizon"], rows[f"coverage_{level}"], colour, f"{level} % interval", 1.5)
            axis.axhline(level, color=colour, linewidth=0.8, linestyle=":")
        axis.set_ylim(min(40.0, 100 * float(rows["coverage_50"].min()) - 2), 100)
        _label(axis, target, "months ahead", "outcomes inside, %")
    return figure


def reliability(table: pd.DataFrame) -> Figure | None:
    """How often it happened against the pool's forecast, by question."""
    kept = table[table["member"] == "pool"] if "member" in table else table
    figure, panels = _panels(kept[kept["question"].astype(str).isin(QUESTIONS)])
    for target, axis, mine in panels:
        axis.plot([0, 100], [0, 100], color="#666666", linewidth=0.8)
        for colour, (question, rows) in _coloured(mine, "question", first="1"):
            _line(axis, 100 * rows["forecast"], rows["frequency"], colour, QUESTIONS[str(question)], 1)
        _label(axis, target, "forecast probability, %", "happened, %")
    return figure


def pit_histogram(table: pd.DataFrame) -> Figure | None:
    """The pool's randomised probability integral transform: flat where it is calibrated."""
    kept = table[(table["member"] == "pool") & (table["horizon"] == table["horizon"].min())]
    figure, panels = _panels(kept.sort_values("low"))
    for target, axis, rows in panels:
        width = (rows["high"] - rows["low"]) * 0.95
        axis.bar(rows["low"], rows["height"], width, align="edge", color=COLOURS[1])
        axis.axhline(1, color="#666666", linewidth=0.8)
        _label(axis, target, "probability integral transform", "height, 1 where calibrated", legend=False)
    return figure


def weights_over_time(table: pd.DataFrame) -> Figure | None:
    """What the pool of the shortest horizon was made of, origin by origin."""
    figure, panels = _panels(table[table["horizon"] == table["horizon"].min()])
    for target, axis, rows in panels:
        wide = rows.pivot_table(index="origin", columns="member", values="weight").sort_index()
        shares, colours = 100 * wide.to_numpy().T, COLOURS[1:]
        axis.stackplot(range(len(wide)), shares, labels=list(wide.columns), colors=colours)
        step = max(len(wide) // 6, 1)
        axis.set_xticks(range(0, len(wide), step), list(wide.index[::step]), rotation=30)
        axis.set_ylim(0, 100)
        _label(axis, target, "origin", "weight, %")
    return figure


def contributions(table: pd.DataFrame) -> Figure | None:
    """What the expected counts of all regions together are made of, by horizon."""
    figure, panels = _panels(table.drop(columns="target", errors="ignore"))
    for _, axis, rows in panels:
        wide = rows.pivot_table(index="horizon", columns="family", values="value", aggfunc="sum").fillna(0.0)
        # What adds is stacked upwards from zero, what lowers downwards.
        start = wide.clip(lower=0).cumsum(axis=1).shift(axis=1, fill_value=0.0)
        below = wide.clip(upper=0).cumsum(axis=1).shift(axis=1, fill_value=0.0)
        start = start.where(wide >= 0, below)
        for colour, family in zip(COLOURS[1:], wide.columns, strict=False):
            axis.bar(wide.index, wide[family], bottom=start[family], color=colour, label=str(family))
        axis.yaxis.set_major_formatter(_grouped)
        _label(axis, "", "months ahead", "expected counts, all regions")
    return figure


#: Each picture: the table that it is drawn from, and how.
DRAWN: dict[str, tuple[str, Callable[[pd.DataFrame], Figure | None]]] = {
    "skill_by_horizon": ("scores", skill_by_horizon),
    "coverage_by_horizon": ("scores", coverage_by_horizon),
    "reliability": ("reliability", reliability),
    "pit": ("pit", pit_histogram),
    "pool_weights": ("weights", weights_over_time),
    "feature_contributions": ("contributions", contributions),
}


def _panels(table: pd.DataFrame) -> tuple[Figure | None, list[tuple[str, Axes, pd.DataFrame]]]:
    """One panel per target, events first, side by side, each with its rows; None and none for an empty table."""
    from matplotlib.figure import Figure

    if table.empty:
        return None, []
    targets = sorted(set(table["target"]), reverse=True) if "target" in table else [""]
    figure = Figure(figsize=(5.8 * len(targets), 4.0), layout="constrained")
    axes = figure.subplots(1, len(targets), squeeze=False)[0]
    parts = [table[table["target"] == target] if target else table for target in targets]
    return figure, list(zip(targets, axes, parts, strict=True))


def _coloured(table: pd.DataFrame, by: str, first: str) -> list[tuple[str, tuple[Any, pd.DataFrame]]]:
    """Groups with a colour each, ``first`` in front."""
    groups = sorted(table.groupby(by, observed=True), key=lambda g: (str(g[0]) != first, str(g[0])))
    return [(COLOURS[i % len(COLOURS)], group) for i, group in enumerate(groups)]


def _line(axis: Axes, x: pd.Series, share: pd.Series, colour: str, label: str, width: float) -> None:
    """A share in per cent, with a mark at each place."""
    axis.plot(x, 100 * share, "o-", color=colour, label=label, linewidth=width)


def _grouped(value: float, _: object = None) -> str:
    """A number on an axis, thousands in groups."""
    return f"{value:,g}" if abs(value) < 1e3 else f"{value:,.0f}"


def _short(value: float) -> str:
    """Two digits of a number, thousands in groups.

    >>> _short(0.01234), _short(78125.0), _short(2_500_000.0)
    ('0.012', '78,000', '2,500,000')
    """
    return _grouped(float(f"{value:.2g}"))


def _label(axis: Axes, title: str, across: str, up: str, legend: bool = True) -> None:
    """Title, names of the axes, and the legend beside the panel."""
    from matplotlib.ticker import MaxNLocator

    axis.set_title(title, loc="left")
    axis.set_xlabel(across)
    if across == "months ahead":
        axis.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True))
    axis.set_ylabel(up)
    axis.spines[["top", "right"]].set_visible(False)
    if legend:
        axis.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def draw_fan(draws: Any, past: pd.Series, title: str) -> Figure:
    """What was counted, and the months ahead as intervals that widen around their mean.

    Parameters
    ----------
    draws : Draws
        Of one region or total.
    past : pandas.Series
        Counts by month.
    title : str
        What it is of.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 3.6), layout="constrained")
    axis = figure.subplots()
    axis.bar(range(-len(past), 0), past.to_numpy(), color=PAST, label="counted")
    months = [draws.origin + h for h in draws.horizons]
    ahead = np.arange(len(months))
    for colour, width in zip(FAN, WIDTHS, strict=True):
        low, high = draws.quantile([0.5 - width / 2, 0.5 + width / 2])[:, :, 0]
        axis.bar(ahead, high - low, 0.8, bottom=low, color=colour, label=f"{width:.0%} interval")
    axis.plot(ahead, draws.mean()[:, 0], "o", color=MEAN, label="mean")
    every = [*past.index, *months]
    step = max(len(every) // 8, 1)
    at = list(range(0, len(every), step))
    axis.set_xticks([i - len(past) for i in at], [str(every[i]) for i in at], rotation=30)
    axis.yaxis.set_major_formatter(_grouped)
    _label(axis, title, "", f"{draws.target} a month")
    return figure


def map_of(values: np.ndarray, geometry: Sequence[Any], title: str, unit: str) -> Figure:
    """Regions coloured by a number, in classes that double.

    Parameters
    ----------
    values : numpy.ndarray
        One number per region, NaN where there is none.
    geometry : sequence of shapely polygons
        In the same order.
    title, unit : str
        What it is of, and what the numbers are.
    """
    from matplotlib.colors import to_rgba
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    figure = Figure(figsize=(6.4, 5.2), layout="constrained")
    axis = figure.subplots()
    top = max(float(np.nanmax(values, initial=0.0)), 1e-9)
    edges = top / 2.0 ** np.arange(len(CLASSES) - 1, 0, -1)
    for value, polygon in zip(values, geometry, strict=True):
        colour = NOTHING if np.isnan(value) else CLASSES[int(np.searchsorted(edges, value, side="right"))]
        for part in getattr(polygon, "geoms", [polygon]):
            x, y = part.exterior.xy
            axis.fill(x, y, facecolor=to_rgba(colour), edgecolor="#ffffff", linewidth=0.4)
    words = [f"under {_short(edges[0])}", *(f"{_short(edge)} or more" for edge in edges)]
    patches = [Patch(color=c, label=w) for c, w in zip(CLASSES, words, strict=True)]
    axis.legend(handles=patches[::-1], title=unit, fontsize=7, frameon=False, bbox_to_anchor=(1.0, 1.0))
    axis.set_aspect(1.2)
    axis.set_axis_off()
    axis.set_title(title, loc="left", color=INK)
    return figure


def draw_table(name: str, table: pd.DataFrame) -> Figure:
    """One of :data:`DRAWN` from its table; a :class:`UsageError` where there is nothing to draw."""
    found = DRAWN[name][1](table)
    if found is None:
        raise UsageError(
            f"there is nothing to draw for '{name}'.", remedy="It needs a record that this one lacks."
        )
    return found
