"""Parts of the forecasts on both windows of the house benchmark: skill with intervals, and calibration.

    python benchmarks/parts.py [WORKERS]

Every region of the shipped panel, pool refitted every year, target months 2012-2017 and 2018-2022, at 1, 3 and 6 months
ahead. "Own" is skill over conflictology of the part itself, "share" over the pool by the shares of the last 12 months,
in per cent with 95 % intervals (block bootstrap over months); then how much the central intervals held. Nothing is
written. Takes about six minutes on one core.
"""

from __future__ import annotations

import sys

import pandas as pd

from harmattan.data.snapshot import load_snapshot
from harmattan.training.evaluation import run_backtest
from harmattan.training.evaluation.parts import parts_table
from harmattan.training.evaluation.protocol import HOUSE, LAST_OPEN
from harmattan.training.problems import build_problems
from harmattan.training.record import Record

WINDOWS = {"2012-17": ("2012-01", "2017-12"), "2018-22": ("2018-01", "2022-12")}
HORIZONS = (1, 3, 6)


def records_of(first: str, last: str, workers: int = 1) -> list[Record]:
    """The pool's forecasts of the target months of a window, with the scores of their parts."""
    snapshot = load_snapshot()
    panel = snapshot.panel.until(LAST_OPEN)
    problems = list(build_problems(panel, ["events", "deaths"], [snapshot.training]).values())
    found = []
    for h in HORIZONS:
        origins = pd.period_range(pd.Period(first, "M") - h, pd.Period(last, "M") - h, freq="M")
        found += run_backtest(problems, tuple(origins), (h,), parts=True, workers=workers)
    return found


def board_of(records: list[Record]) -> pd.DataFrame:
    board = parts_table(records, HOUSE.seed)
    return board[board["member"] == "pool"].set_index(["target", "horizon"])


def percent(skill: float, low: float, high: float) -> str:
    return f"{100 * skill:+5.1f} ({100 * low:+5.1f} to {100 * high:+5.1f})"


def show(board: pd.DataFrame, window: str) -> None:
    """One line a part and horizon, and means over the parts of events."""
    print(f"\n{window}: part, horizon, own, share, held by the central 50 / 80 / 90 %")
    for (target, h), row in board.iterrows():
        own = percent(row["skill_vs_conflictology"], row["skill_low"], row["skill_high"])
        share = percent(row["skill_vs_last_year"], row["share_low"], row["share_high"])
        held = " / ".join(f"{100 * row[f'coverage_{level}']:.0f}" for level in (50, 80, 90))
        print(f"{target:26} {h}  {own:26} {share:26} {held}")
    events = board[board.index.get_level_values("target") != "deaths_civilians"]
    for name, low, high in (
        ("skill_vs_conflictology", "skill_low", "skill_high"),
        ("skill_vs_last_year", "share_low", "share_high"),
    ):
        above, below = (events[low] > 0).sum(), (events[high] < 0).sum()
        mean = 100 * events[name].mean()
        print(f"{name}: mean of {len(events)} {mean:+.1f}, interval above zero {above}, below zero {below}")


def main() -> None:
    workers = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    for window, (first, last) in WINDOWS.items():
        show(board_of(records_of(first, last, workers)), window)


if __name__ == "__main__":
    main()
