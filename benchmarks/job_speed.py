"""What the scheduled commands cost on the shipped counts: seconds on the clock, processor seconds and peak memory.

Run by hand, on a machine that does nothing else:  python benchmarks/job_speed.py [FOLDER]

Two trainings, a publication from the champion, the scoring of it and a promotion, each as the installed command in a
process of its own. A FOLDER is kept: where it has models, nothing is trained again.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

#: What each may take: seconds, and GB (docs/publishing.md).
GOALS = {"train": (45, 1.5), "publish": (12, 1.0), "score": (6, 1.0), "promote": (4, 1.0)}
FIRST, SECOND, DAY = "2023-06", "2023-12", "2023-07-31"
#: Exit codes that are no failure here: a gate that refuses, forecasts that were worse, intervals out of band.
FINE = (0, 6, 12, 15)


def measure(folder: Path, command: str, *words: str) -> None:
    """Run one command and print what it took."""
    harmattan = str(Path(sys.executable).with_name("harmattan"))
    start = time.monotonic()
    job = subprocess.Popen([harmattan, command, *words, "--quiet"], cwd=folder, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(job.pid, 0)
    clock, code = time.monotonic() - start, os.waitstatus_to_exitcode(status)
    assert code in FINE, f"{command} left with {code}"
    most, memory = GOALS[command]
    spent, gigabytes = used.ru_utime + used.ru_stime, used.ru_maxrss / 1e6
    print(
        f"{command:8} {clock:6.1f} s on the clock, {spent:6.1f} s of processor, {gigabytes:.2f} GB; "
        f"at most {most} s, {memory} GB",
        flush=True,
    )


def main() -> None:
    """Every command once, in the order of a year."""
    with tempfile.TemporaryDirectory() as aside:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else aside).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        print(f"load before: {os.getloadavg()[0]:.1f}")
        if not (folder / "mlruns" / "mlflow.db").exists():
            for origin in (FIRST, SECOND):
                measure(folder, "train", "--as-of", origin)
        measure(folder, "publish", "--as-of", FIRST, "--run-date", DAY, "--model", "1")
        measure(folder, "score")
        measure(folder, "promote", "2", "--dry-run")


if __name__ == "__main__":
    main()
