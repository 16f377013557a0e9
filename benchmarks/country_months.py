"""Seconds, memory and skill of a back-test on country-months of deaths, whose largest count is 630,417.

Run by hand:  python benchmarks/country_months.py FILE [--origins 2009-12:2015-12] [--horizons 1,3,6] [--times 1]

FILE is a table of ``month, region_id, deaths``. The back-test is the command's own, all members, in a process of its
own; printed are its CRPS as a ratio to conflictology of twelve months and to the best baseline. With ``--times 1000``
the same counts a thousand times as large are judged too: distributions on the grid take hardly longer for them.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd


def judged(table: pd.DataFrame, origins: str, horizons: str, folder: Path) -> dict[str, float]:
    """Seconds on the clock and of processor, and the table of ratios, of one back-test."""
    path, out = folder / "counts.csv", folder / "out"
    table.to_csv(path, index=False)
    command = ["backtest", "--panel", str(path), "--target", "deaths", "--origins", origins]
    command += ["--horizons", horizons, "--out", str(out), "--no-track", "--quiet"]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    program = "import sys; from harmattan.forecast.cli import main; sys.exit(main())"
    subprocess.run([sys.executable, "-c", program, *command], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    board = pd.DataFrame(json.loads((out / "leaderboard.json").read_text())["leaderboard"])
    crps = board.pivot_table(index="member", columns="horizon", values="crps")
    plain = crps.loc["conflictology_12"]
    best = crps[crps.index.isin(board["best_baseline"].unique())].min()
    print((crps / plain).sort_values(crps.columns[0]).round(4).to_string())
    print("pool to the best baseline:", (crps.loc["pool"] / best).round(4).to_dict())
    return {
        "seconds": time.perf_counter() - start,
        "processor": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "peak_gb": after.ru_maxrss / 2**20,
    }


def main() -> None:
    """Print the figures of the file, and of multiples of its counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--origins", default="2009-12:2015-12")
    parser.add_argument("--horizons", default="1,3,6")
    parser.add_argument("--times", type=int, nargs="*", default=[])
    asked = parser.parse_args()
    table = pd.read_csv(asked.file)
    first = None
    for factor in [1, *asked.times]:
        with tempfile.TemporaryDirectory() as folder:
            print(f"\ncounts times {factor}, CRPS as a ratio to conflictology_12")
            found = judged(
                table.assign(deaths=table["deaths"] * factor), asked.origins, asked.horizons, Path(folder)
            )
        first = first or found
        shown = {name: f"{value:.1f} ({value / first[name]:.2f})" for name, value in found.items()}
        print("seconds, processor seconds and GB, with the ratio to the first:", shown)


if __name__ == "__main__":
    main()
