"""How long a user waits before anything happens: imports and commands, each in a process of its own.

Run by hand: ``python benchmarks/start_up.py``. Prints the best of some runs, beside a bare interpreter.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time

RUNS = 3
MAIN = "from harmattan.forecast.cli.entry import main; main()"
CASES: dict[str, list[str]] = {
    "python, nothing": ["-c", "pass"],
    "import pandas": ["-c", "import pandas"],
    "import harmattan": ["-c", "import harmattan"],
    "harmattan.load_snapshot().panel": ["-c", "import harmattan; harmattan.load_snapshot().panel"],
    "harmattan.Recipe": ["-c", "import harmattan; harmattan.Recipe"],
    "harmattan.run_forecast": ["-c", "import harmattan; harmattan.run_forecast"],
    "harmattan --help": ["-c", MAIN, "--help"],
    "harmattan data --help": ["-c", MAIN, "data", "--help"],
    "harmattan config show": ["-c", MAIN, "config", "show"],
    "harmattan doctor": ["-c", MAIN, "doctor"],
    "harmattan forecast --dry-run": ["-c", MAIN, "forecast", "--dry-run"],
}


def seconds(arguments: list[str], folder: str) -> float:
    """The best of some runs."""
    best = float("inf")
    for _ in range(RUNS):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], cwd=folder, stdout=subprocess.DEVNULL, check=True)
        best = min(best, time.perf_counter() - start)
    return best


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        bare = seconds(CASES["python, nothing"], folder)
        for name, arguments in CASES.items():
            took = seconds(arguments, folder)
            print(f"{name:<34} {took:6.2f} s  {took / bare:6.1f} x a bare interpreter")


if __name__ == "__main__":
    main()
