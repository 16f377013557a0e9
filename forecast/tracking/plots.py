"""Pictures for the record of a run: skill, calibration, weights, contributions; PNG, drawn from its tables."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colours that everybody can distinguish (Okabe & Ito), the published pool's first.
COLOURS = ("#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999")
#: Questions of the reliability picture and what they are called there.
QUESTIONS = {"1": "at least 1", "5": "at least 5", "10": "at least 10", "onset": "onset"}


def draw_plots(tables: Mapping[str, pd.DataFrame]) -> dict[str, bytes]:
    """Every picture that the tables allow, by artifact name.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        Any of ``scores``, ``reliability``, ``pit``, ``weights``, ``contributions``, as a release and
        an evaluation hold them.
    """
    made = {}
    for name, (table, draw) in DRAWN.items():
        found = tables.get(table)
        picture = draw(found) if found is not None and len(found) else None
        if picture is not None:
            made[f"plots/{name}.png"] = _png(picture)
    return made


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
        axis.set_ylim(40, 100)
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
        shares, colours = 100 * wide.to_numpy().T, COLOURS[1:] + COLOURS
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
        for colour, family in zip(COLOURS[1:] + COLOURS, wide.columns, strict=False):
            axis.bar(wide.index, wide[family], bottom=start[family], color=colour, label=str(family))
        axis.yaxis.set_major_formatter(
            lambda value, _: f"{value:,g}" if abs(value) < 1e3 else f"{value:,.0f}"
        )
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


def _label(axis: Axes, title: str, across: str, up: str, legend: bool = True) -> None:
    """Title, names of the axes, and the legend beside the panel."""
    axis.set_title(title, loc="left")
    axis.set_xlabel(across)
    axis.set_ylabel(up)
    axis.spines[["top", "right"]].set_visible(False)
    if legend:
        axis.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _png(figure: Figure) -> bytes:
    """A picture whose bytes do not name the program that drew it."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=90, metadata={"Software": None})
    return out.getvalue()
