"""How seconds and memory of a back-test grow with regions, months, origins and the largest count.

Run by hand:  python benchmarks/growth.py [--only regions,months,origins,largest]

One thing at a time is multiplied, from 60 regions in six countries, 180 months, 12 origins and counts to about 100.
Counts are made, links are none, every usual member is fitted and pooled three months ahead. Each row is a process of
its own with one thread: processor seconds of the back-test, peak memory of the process, and both over the first.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys

FIRST = {"regions": 60, "months": 180, "origins": 12, "largest": 100}
ROWS = {
    "regions": (120, 240),
    "months": (360,),
    "origins": (24, 48),
    "largest": (10_000, 1_000_000, 10_000_000),
}


def measured(regions: int, months: int, origins: int, largest: int) -> dict[str, float]:
    """Processor seconds and peak memory (GB) of one back-test of made counts, in this process."""
    import resource
    import time

    import numpy as np
    import pandas as pd

    from harmattan.data.panel import Panel
    from harmattan.training.evaluation.backtest import run_backtest
    from harmattan.training.problems import build_problems

    rng = np.random.default_rng(7)
    level = (
        rng.gamma(0.4, 1.0, regions)
        * np.exp(rng.normal(0, 0.6, (months // 12 + 1, regions))).repeat(12, axis=0)[:months]
    )
    counts = rng.poisson(level * rng.gamma(0.7, 1 / 0.7, level.shape))
    counts = np.rint(counts * (largest / counts.max())).astype(np.int64)
    index = pd.period_range("1960-01", periods=months, freq="M")
    names = [f"C{i % 6:02d}-r{i:04d}" for i in range(regions)]
    table = pd.DataFrame(
        {"month": index.astype(str).repeat(regions), "region_id": names * months, "events": counts.ravel()}
    )
    problem = build_problems(Panel.from_frame(table), ["events"])["events"]
    began = time.process_time()
    run_backtest(problem, index[-origins - 3 : -3], (3,), warm_up=12)
    spent = time.process_time() - began
    return {"seconds": spent, "gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}


def main() -> None:
    """Print a row per panel."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default=",".join(ROWS))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measured(**json.loads(asked.one))))
        return
    print(
        "| regions | months | origins | largest count | processor s | GB | times the first |\n"
        + "|---" * 7
        + "|"
    )
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    first: dict[str, float] = {}
    for panel in (FIRST, *({**FIRST, name: n} for name in asked.only.split(",") for n in ROWS[name])):
        command = [sys.executable, __file__, "--one", json.dumps(panel)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=one_thread)
        found = json.loads(done.stdout.splitlines()[-1])
        first = first or found
        shape = " | ".join(f"{n:,}" for n in panel.values())
        ratio = f"{found['seconds'] / first['seconds']:.2f}, memory {found['gb'] / first['gb']:.2f}"
        print(f"| {shape} | {found['seconds']:.1f} | {found['gb']:.2f} | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
