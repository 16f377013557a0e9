"""The house benchmark against its goals: skill, ignorance, calibration, onsets, time and memory.

    python benchmarks/house_benchmark.py [events|deaths] [WORKERS]

Prints what was reached beside what was aimed at. Run by hand; nothing is written.
"""

from __future__ import annotations

import resource
import sys
import time

import pandas as pd

import harmattan

#: Skill in CRPS against the best baseline, by target and horizon.
SKILL = {"events": {1: 0.10, 3: 0.08, 6: 0.07}, "deaths": {1: 0.03, 3: 0.03, 6: 0.03}}
#: Ignorance below that of every baseline and of a negative binomial of the last 12 months.
IGNORANCE = 0.05
SECONDS, GIGABYTES = 300, 4
MEMBER = "pool"


def said(reached: bool) -> str:
    return "reached" if reached else "missed"


def main() -> None:
    target = sys.argv[1] if len(sys.argv) > 1 else "events"
    workers = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    started = time.perf_counter()
    tables = harmattan.backtest(benchmark=True, target=target, workers=workers)
    spent = time.perf_counter() - started
    board = tables.leaderboard
    pd.set_option("display.width", 200, "display.max_columns", 20, "display.max_rows", 200)
    print(board.pivot_table(index="member", columns="horizon", values="crps").sort_values(1).round(4))

    pool = board[board["member"] == MEMBER].set_index("horizon")
    for horizon, goal in SKILL[target].items():
        row = pool.loc[horizon]
        span = f"{row['best_low']:+.3f} .. {row['best_high']:+.3f}"
        ok = row["skill_vs_best"] >= goal and row["best_low"] > 0
        print(f"skill h={horizon}: {row['skill_vs_best']:+.3f} ({span}), goal {goal:+.2f}: {said(ok)}")
        span = f"{row['ignorance_low']:+.3f} .. {row['ignorance_high']:+.3f}"
        ok = row["ignorance_skill"] >= IGNORANCE and row["ignorance_low"] > 0
        against = row["ignorance_rival"]
        print(f"ignorance h={horizon}: {row['ignorance_skill']:+.3f} ({span}) against {against}: {said(ok)}")

    cover = tables.coverage[tables.coverage["member"] == MEMBER]
    judged = cover[cover["enough"]]
    out = judged[~judged["in_band"].astype(bool)]
    print(f"coverage: {len(judged) - len(out)} of {len(judged)} bins in band: {said(out.empty)}")
    print(out[["horizon", "predicted_mean", "cases", "coverage_50", "coverage_80", "coverage_90"]].round(3))

    onset = tables.onsets.query("question == 'onset' and member == @MEMBER").iloc[0]
    span = f"{onset['low']:+.3f} .. {onset['high']:+.3f}"
    value, rival, ratio = onset["average_precision"], onset["best_baseline"], onset["ratio"]
    print(f"onsets: {value:.3f}, {ratio:.2f} times {rival} ({span}): {said(onset['low'] > 0)}")

    used = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    peak = (used[0] + workers * used[1]) / 1024**2
    print(f"time {spent:.0f} s, goal {SECONDS} s: {said(spent <= SECONDS)}")
    print(f"memory at most {peak:.1f} GB, goal {GIGABYTES} GB: {said(peak <= GIGABYTES)}")


if __name__ == "__main__":
    main()
