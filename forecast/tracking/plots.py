"""Pictures for the record of a run: skill, calibration, weights, contributions; PNG, drawn from its tables."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colours that stay apart for everybody (Okabe & Ito), the published pool's first.
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
        if found is not None and len(found):
            picture = draw(found)
            if picture is not None:
                made[f"plots/{name}.png"] = _png(picture)
    return made


def skill_by_horizon(scores: pd.DataFrame) -> Figure | None:
    """Skill of every member against conflictology, with the pool's interval; one panel per target."""
    kept = scores.dropna(subset=["skill_vs_conflictology"])
    kept = kept[~kept["member"].isin(["conflictology", "conflictology_12", "zero"])]
    if kept.empty:
        return None
    figure, axes = _panels(sorted(set(kept["target"]), reverse=True))
    for target, axis in axes.items():
        mine = kept[kept["target"] == target]
        for colour, (member, rows) in _coloured(mine, "member", first="pool"):
            rows = rows.sort_values("horizon")
            wide = member == "pool"
            axis.plot(
                rows["horizon"],
                100 * rows["skill_vs_conflictology"],
                "o-",
                color=colour,
                label=member,
                linewidth=2.5 if wide else 1,
            )
            if wide:
                axis.fill_between(
                    rows["horizon"],
                    100 * rows["skill_low"],
                    100 * rows["skill_high"],
                    color=colour,
                    alpha=0.12,
                )
        low, high = 100 * mine["skill_vs_conflictology"].clip(-0.25, 0.5).agg(["min", "max"])
        axis.set_ylim(min(low, 100 * max(mine["skill_low"].min(), -0.3)) - 2, high + 8)
        _dress(axis, target, "months ahead", "skill against conflictology, %")
        axis.axhline(0, color="#666666", linewidth=0.8)
    return figure


def coverage_by_horizon(scores: pd.DataFrame) -> Figure | None:
    """Share of outcomes in the pool's central intervals, beside what they promise."""
    pool = scores[scores["member"] == "pool"]
    if pool.empty or not set(pool) >= {"coverage_50", "coverage_80", "coverage_90"}:
        return None
    figure, axes = _panels(sorted(set(pool["target"]), reverse=True))
    for target, axis in axes.items():
        rows = pool[pool["target"] == target].sort_values("horizon")
        for colour, level in zip(COLOURS[1:], (50, 80, 90), strict=False):
            axis.plot(
                rows["horizon"],
                100 * rows[f"coverage_{level}"],
                "o-",
                color=colour,
                label=f"{level} % interval",
            )
            axis.axhline(level, color=colour, linewidth=0.8, linestyle=":")
        axis.set_ylim(40, 100)
        _dress(axis, target, "months ahead", "outcomes inside, %")
    return figure


def reliability(table: pd.DataFrame) -> Figure | None:
    """How often it happened against what the pool said, by question."""
    kept = table[table["member"] == "pool"] if "member" in table else table
    kept = kept[kept["question"].astype(str).isin(QUESTIONS)]
    if kept.empty:
        return None
    figure, axes = _panels(sorted(set(kept["target"]), reverse=True))
    for target, axis in axes.items():
        axis.plot([0, 100], [0, 100], color="#666666", linewidth=0.8)
        for colour, (question, rows) in _coloured(kept[kept["target"] == target], "question", first="1"):
            axis.plot(
                100 * rows["forecast"],
                100 * rows["frequency"],
                "o-",
                color=colour,
                label=QUESTIONS[str(question)],
                linewidth=1,
            )
        _dress(axis, target, "probability told, %", "happened, %")
    return figure


def pit_histogram(table: pd.DataFrame) -> Figure | None:
    """The pool's randomised probability integral transform: flat where it is calibrated."""
    kept = table[(table["member"] == "pool") & (table["horizon"] == table["horizon"].min())]
    if kept.empty:
        return None
    figure, axes = _panels(sorted(set(kept["target"]), reverse=True))
    for target, axis in axes.items():
        rows = kept[kept["target"] == target].sort_values("low")
        axis.bar(
            rows["low"], rows["height"], (rows["high"] - rows["low"]) * 0.95, align="edge", color=COLOURS[1]
        )
        axis.axhline(1, color="#666666", linewidth=0.8)
        _dress(axis, target, "probability integral transform", "height, 1 where calibrated", legend=False)
    return figure


def weights_over_time(table: pd.DataFrame) -> Figure | None:
    """What the pool of the shortest horizon was made of, origin by origin."""
    kept = table[table["horizon"] == table["horizon"].min()]
    targets = sorted(set(kept["target"]), reverse=True) if "target" in kept else [""]
    figure, axes = _panels(targets)
    for target, axis in axes.items():
        rows = kept[kept["target"] == target] if target else kept
        wide = rows.pivot_table(index="origin", columns="member", values="weight").sort_index()
        axis.stackplot(
            range(len(wide)), 100 * wide.to_numpy().T, labels=list(wide.columns), colors=COLOURS[1:] + COLOURS
        )
        step = max(len(wide) // 6, 1)
        axis.set_xticks(range(0, len(wide), step), list(wide.index[::step]), rotation=30)
        axis.set_ylim(0, 100)
        _dress(axis, target, "origin", "weight, %")
    return figure


def contributions(table: pd.DataFrame) -> Figure | None:
    """What the expected counts of all regions together are made of, by horizon."""
    figure, axes = _panels([""])
    (axis,) = axes.values()
    wide = table.pivot_table(index="horizon", columns="family", values="value", aggfunc="sum").fillna(0.0)
    above, below = [0.0] * len(wide), [0.0] * len(wide)
    for colour, family in zip(COLOURS[1:] + COLOURS, wide.columns, strict=False):
        values = wide[family].tolist()
        start = [a if v >= 0 else b for v, a, b in zip(values, above, below, strict=True)]
        axis.bar(wide.index, values, bottom=start, color=colour, label=str(family))
        above = [a + max(v, 0) for v, a in zip(values, above, strict=True)]
        below = [b + min(v, 0) for v, b in zip(values, below, strict=True)]
    _dress(axis, "", "months ahead", "expected counts, all regions")
    return figure


#: Each picture: the table that it is drawn from, and how.
DRAWN: dict[str, tuple[str, Callable[[pd.DataFrame], Any]]] = {
    "skill_by_horizon": ("scores", skill_by_horizon),
    "coverage_by_horizon": ("scores", coverage_by_horizon),
    "reliability": ("reliability", reliability),
    "pit": ("pit", pit_histogram),
    "pool_weights": ("weights", weights_over_time),
    "feature_contributions": ("contributions", contributions),
}


def _panels(names: list[str]) -> tuple[Figure, dict[str, Axes]]:
    """One panel per name, side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.8 * len(names), 4.0), layout="constrained")
    row = figure.subplots(1, len(names), squeeze=False)[0]
    return figure, dict(zip(names, row, strict=True))


def _coloured(table: pd.DataFrame, by: str, first: str) -> list[tuple[str, tuple[Any, pd.DataFrame]]]:
    """Groups with a colour each, ``first`` in front."""
    groups = sorted(table.groupby(by, observed=True), key=lambda g: (str(g[0]) != first, str(g[0])))
    return [(COLOURS[i % len(COLOURS)], group) for i, group in enumerate(groups)]


def _dress(axis: Axes, title: str, across: str, up: str, legend: bool = True) -> None:
    axis.set_title(title, loc="left")
    axis.set_xlabel(across)
    axis.set_ylabel(up)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    if legend:
        axis.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _png(figure: Figure) -> bytes:
    """A picture whose bytes do not name the program that drew it."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=90, metadata={"Software": None})
    return out.getvalue()
