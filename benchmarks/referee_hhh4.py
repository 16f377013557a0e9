"""The reference endemic-epidemic model here and in R's ``surveillance::hhh4``: the same optimum, and how long it takes.

Run by hand:  python benchmarks/referee_hhh4.py [--runs 3]

Needs Rscript with the package surveillance (Debian: r-cran-surveillance); without it the script says so and stops.
Both fit log-linear unit levels with one harmonic, one lag of the unit itself and one of its neighbours, and one
negative-binomial size, to a simulated world of 200 units x 336 months and to the regions of the shipped snapshot that
ever had an event. Every run is a new process with one BLAS thread; its first and only fit is timed, without imports
or reading, on the clock. The best of the runs counts on both sides. The whole process is timed, too.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
OURS = """
import json, sys, time
import numpy as np
from reference_model import fit_reference
folder = sys.argv[1]
counts, links = (np.loadtxt(f"{folder}/{n}.csv", delimiter=",") for n in ("counts", "contiguity"))
start, busy = time.perf_counter(), time.process_time()
fit = fit_reference(counts, links)
seconds, work = time.perf_counter() - start, time.process_time() - busy
print(json.dumps({
    "params": fit.params.tolist(), "errors": fit.errors.tolist(), "loglike": fit.loglike, "seconds": seconds,
    "work": work, "steps": fit.iterations,
}))
"""
#: Levels below this are a background of nothing on both sides: the likelihood is flat there.
FLAT = -8.0


def simulated(rows: int = 10, columns: int = 20, months: int = 336, seed: int = 5):
    """A world on a grid that follows the model."""
    import numpy as np
    from reference_model import row_normalised

    rng = np.random.default_rng(seed)
    n = rows * columns
    at = np.arange(n).reshape(rows, columns)
    links = np.zeros((n, n))
    for one, two in ((at[:, :-1], at[:, 1:]), (at[:-1], at[1:])):
        links[one, two] = links[two, one] = 1
    spill, levels, size = row_normalised(links).T, rng.normal(-1.5, 0.8, n), 1.5
    counts = np.zeros((months + 48, n))
    for t in range(1, len(counts)):
        season = 0.3 * np.sin(np.pi * t / 6) - 0.2 * np.cos(np.pi * t / 6)
        mean = np.exp(levels + season) + 0.35 * counts[t - 1] + 0.2 * (spill @ counts[t - 1])
        counts[t] = rng.negative_binomial(size, size / (size + mean))
    return counts[48:], links


def snapshot(least: int = 1):
    """Counts and contiguity of the snapshot's regions with at least so many events after the first month."""
    import numpy as np

    from harmattan.data.snapshot import load_snapshot
    from harmattan.features.series import border_km

    panel = load_snapshot().panel
    counts = panel.measure("events", fill=0)
    keep = np.flatnonzero(counts[1:].sum(axis=0) >= least)
    return counts[:, keep], (border_km(panel)[keep][:, keep].toarray() > 0).astype(int)


def run(command: list[str]) -> tuple[str, float]:
    """Output and seconds of a whole process with one thread."""
    start = time.perf_counter()
    environment = {**os.environ, **THREADS, "PYTHONPATH": str(Path(__file__).resolve().parent)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout, time.perf_counter() - start


def theirs(folder: Path) -> dict:
    """What hhh4 found, in our order."""
    import pandas as pd

    table = pd.read_csv(folder / "fit.csv").set_index("name")
    names = [n for n in table.index if n.startswith("end.1.")]
    season = [next(n for n in table.index if n.startswith(f"end.{f}(")) for f in ("sin", "cos")]
    names += [*season, "ar.1", "ne.1", "log_size"]
    found = {k: float(table.value[k]) for k in ("loglike", "seconds", "work", "converged")}
    return {**found, "params": table.value[names].tolist(), "errors": table.error[names].tolist()}


def compare(title: str, counts, links, runs: int) -> None:
    """Fit in both and print what they found."""
    import numpy as np

    script = Path(__file__).with_name("referee_hhh4.R")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.savetxt(folder / "counts.csv", counts, fmt="%d", delimiter=",")
        np.savetxt(folder / "contiguity.csv", links, fmt="%d", delimiter=",")
        here, there = [], []
        for _ in range(runs):
            out, whole = run([sys.executable, "-c", OURS, name])
            here.append({**json.loads(out.splitlines()[-1]), "whole": whole})
            _, whole = run(["Rscript", "--vanilla", str(script), name])
            there.append({**theirs(folder), "whole": whole})
    report(title, counts, here, there)


def report(title: str, counts, here: list[dict], there: list[dict]) -> None:
    """Print one comparison."""
    import numpy as np

    a, b = (np.array(side[0]["params"]) for side in (here, there))
    ea, eb = (np.array(side[0]["errors"]) for side in (here, there))
    n = counts.shape[1]
    flat = np.r_[np.minimum(a, b)[:n] < FLAT, np.zeros(5, bool)]
    print(f"\n{title}: {n} units x {counts.shape[0]} months, {int(counts.sum())} events")
    print(f"{'':12s}{'harmattan':>14s}{'hhh4':>14s}{'difference':>13s}{'error':>10s}{'error hhh4':>12s}")
    print(f"{'loglike':12s}{here[0]['loglike']:14.4f}{there[0]['loglike']:14.4f}", end="")
    print(f"{here[0]['loglike'] - there[0]['loglike']:13.1e}")
    for i, label in enumerate(("sin", "cos", "own", "near", "log_size"), start=n):
        print(f"{label:12s}{a[i]:14.6f}{b[i]:14.6f}{a[i] - b[i]:13.1e}{ea[i]:10.5f}{eb[i]:12.5f}")
    gap, far = np.abs(a - b)[~flat].max(), np.abs(ea / eb - 1)[~flat].max()
    print(f"largest difference of a coefficient {gap:.1e}, of a standard error {far:.1e} (relative)")
    if flat.any():
        print(f"{flat.sum()} of {n} levels lie below {FLAT:g} and are left out: their likelihood is flat")
    if not there[0]["converged"]:
        print("hhh4 says that it did not converge")
    for key, label in (("seconds", "fit, clock s"), ("work", "fit, CPU s"), ("whole", "process s")):
        mine, other = (min(r[key] for r in side) for side in (here, there))
        print(f"{label:12s}{mine:14.2f}{other:14.2f}{other / mine:12.1f}x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    probe = ["Rscript", "--vanilla", "-e", "library(surveillance)"]
    if shutil.which("Rscript") is None or subprocess.run(probe, capture_output=True, check=False).returncode:
        print(
            "Nothing compared: Rscript with the package surveillance is not here (apt: r-cran-surveillance)."
        )
        return
    compare("simulated", *simulated(), args.runs)
    compare("snapshot, regions with an event", *snapshot(1), args.runs)
    compare("snapshot, regions with 10 events", *snapshot(10), args.runs)


if __name__ == "__main__":
    main()
