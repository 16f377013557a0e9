"""Seconds of processor of one spillover fit by number of regions, all borders judged, permuted and given intervals.

Run by hand:  python benchmarks/spillover_scale.py [--sizes 89,200,400]

Panels are those of ``scale.py``: copies of the snapshot's regions side by side. One process, one thread.
"""

from __future__ import annotations

import argparse
import os
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"


def main() -> None:
    """Print one row per size."""
    import numpy as np
    from scale import regions

    from harmattan.data.snapshot import load_snapshot
    from harmattan.forecast.spillover.job import problem_of
    from harmattan.training.diffusion.fit import fit_diffusion

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", default="89,200,400")
    print("| regions | borders, both directions | s of processor |\n|---|---|---|", flush=True)
    for size in map(int, parser.parse_args().sizes.split(",")):
        panel = regions(load_snapshot().panel, size)
        problem, start = problem_of(panel), time.process_time()
        model = fit_diffusion(problem, panel.months[-1], rng=np.random.default_rng(1))
        print(f"| {size} | {len(model.pairs)} | {time.process_time() - start:.0f} |", flush=True)


if __name__ == "__main__":
    main()
