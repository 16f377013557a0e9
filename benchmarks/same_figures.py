"""Whether another BLAS kernel prints other figures: the benchmark under two of OpenBLAS's core types, digit by digit.

    python benchmarks/same_figures.py [events|deaths] [Haswell SkylakeX ...]

Runs ``harmattan backtest --benchmark`` once for each core type, in processes of their own, and compares the
leaderboards of both windows as they are printed (CRPS to three decimals, skill to a tenth of a per cent) and as they
are. Run by hand; about a minute of processor time for each core type, on a processor that has them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

PROGRAM = "import sys; from harmattan.forecast.cli import main; sys.exit(main())"
KEYS = ["window", "member", "horizon"]


def windows(core: str, target: str, folder: Path) -> pd.DataFrame:
    """Skill and CRPS of every member on both windows, computed on one core type."""
    command = ["backtest", "--benchmark", "--target", target, "--out", str(folder / core), "--no-track"]
    alone = {"OPENBLAS_CORETYPE": core, "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [sys.executable, "-c", PROGRAM, *command, "--workers", "1", "--quiet"],
        check=True,
        env={**os.environ, **alone},
    )
    return pd.read_parquet(folder / core / "windows.parquet").set_index(KEYS)


def main() -> None:
    """Print what differs."""
    target, *cores = sys.argv[1:] or ["events"]
    with tempfile.TemporaryDirectory() as folder:
        tables = {core: windows(core, target, Path(folder)) for core in cores or ["Haswell", "SkylakeX"]}
    (first, one), *others = tables.items()
    for core, two in others:
        printed = [
            pd.DataFrame({"crps": t["crps"].round(3), "skill": (100 * t["skill_vs_best"]).round(1)})
            for t in (one, two)
        ]
        wrong = printed[0].compare(printed[1])
        crps = (one["crps"] - two["crps"]).abs().max()
        skill = 100 * (one["skill_vs_best"] - two["skill_vs_best"]).abs().max()
        print(
            f"{first} and {core}: {len(wrong)} of {len(one)} rows differ as printed; at most {crps:.1e} in CRPS, ",
            end="",
        )
        print(f"{skill:.1e} points of skill")
        if len(wrong):
            print(wrong.to_string())


if __name__ == "__main__":
    main()
