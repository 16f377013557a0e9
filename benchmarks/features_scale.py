"""Time and memory of a feature cube on PRIO-GRID land: 64,818 cells x 440 months x 24 features.

Run by hand:  python benchmarks/features_scale.py [--threads 2] [--growth] [--write 1GB] [--kernel 30]

Prints seconds, peak memory, and the ratio to writing an array of the same size once; with ``--growth`` also how the
cost grows with cells, months and features; with ``--write``, a parquet file is written in blocks under that budget;
with ``--kernel``, the cells are polygons and one kernel of so many km is built, distances and all.
Each case runs in a process of its own, so that peaks do not mix, and builds twice: a first build also waits for memory
that no process has touched before, which on a virtual machine can take longer than the work. Processor time, and time
per value, are those of the second.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time

CELLS, MONTHS = 64_818, 440
WIDTH = 306  # columns of the made-up land grid


def grid_panel(cells: int, months: int):
    """Cells of a grid with eight neighbours, 54 countries, and about one event in fifty cell-months."""
    import numpy as np
    import pandas as pd

    from harmattan.data.panel import Panel

    rng = np.random.default_rng(7)
    row, col = np.divmod(np.arange(cells), WIDTH)
    ids = tuple(f"G{i:02d}-{n}" for n, i in enumerate((row * 54) // (row.max() + 1)))
    pairs = []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        other = (row + down) * WIDTH + col + right
        inside = (col + right >= 0) & (col + right < WIDTH) & (other < cells)
        pairs.append(np.c_[np.flatnonzero(inside), other[inside]])
    at = np.concatenate(pairs)
    labels = np.asarray(ids, dtype=object)
    links = pd.DataFrame({"region_a": labels[at[:, 0]], "region_b": labels[at[:, 1]]})
    links["border_km"] = np.where(
        np.abs(col[at[:, 0]] - col[at[:, 1]]) + (at[:, 1] - at[:, 0] > 1) > 1, 5.0, 55.0
    )
    events = np.zeros((months, cells), dtype=np.float32)
    for t in range(months):
        hit = rng.integers(0, cells, cells // 50)
        events[t, hit] = rng.poisson(2, len(hit))
    return Panel(
        months=pd.period_range("1988-01", periods=months, freq="M"),
        region_ids=ids,
        names=ids,
        countries=tuple(i[:3] for i in ids),
        measures={"events": events},
        observed=np.ones((months, cells), dtype=bool),
        links=links,
    )


def recipe_of_24(features: int = 24):
    """Sixteen of the own history, eight of first-order neighbours."""
    from harmattan.features import Ewm, Lag, MonthsSince, Neighbours, Recipe, Sum

    own = [Lag(k) for k in (1, 2, 3, 4, 5, 6, 12)] + [Sum(w) for w in (3, 6, 12, 24)]
    own += [Ewm(h) for h in (1.0, 3.0, 6.0, 12.0)] + [MonthsSince()]
    near = [Lag(1), Lag(2), Lag(3), Sum(3), Sum(12), Ewm(3.0), Ewm(12.0), MonthsSince()]
    terms = [*own, *(Neighbours(of=t) for t in near)]
    step = len(terms) // features
    return Recipe(terms[::step][:features])


def measure(cells: int, months: int, features: int, threads: int) -> dict[str, float]:
    """One build, in this process."""
    import resource

    import numpy as np

    panel, recipe = grid_panel(cells, months), recipe_of_24(features)
    clock, work = [], []
    for _ in range(2):
        start, busy = time.perf_counter(), time.process_time()
        cube = recipe.build(panel, threads=threads)
        clock.append(time.perf_counter() - start)
        work.append(time.process_time() - busy)
        assert cube.shape == (months, cells, features)
        del cube
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    np.full((features, months, cells), 1, dtype=np.float32)
    write = time.perf_counter() - start
    return {"first": clock[0], "second": clock[1], "work": work[1], "write": write, "peak_gb": peak / 2**20}


def measure_writing(cells: int, months: int, features: int, threads: int, memory: str) -> dict[str, float]:
    """One file, in this process."""
    import resource
    import tempfile
    from pathlib import Path

    from harmattan.features.store import write_parquet

    panel, recipe = grid_panel(cells, months), recipe_of_24(features)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cube.parquet"
        start = time.perf_counter()
        done = write_parquet(recipe, panel, path, memory=memory, threads=threads)
        seconds = time.perf_counter() - start
        size = path.stat().st_size
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "seconds": seconds,
        "blocks": done.blocks,
        "file_gb": size / 1e9,
        "peak_gb": peak / 2**20,
        "before_gb": before / 2**20,
    }


def measure_kernel(cells: int, months: int, kernel: float) -> dict[str, float]:
    """One kernel of distance and age among polygons of half a degree, in this process."""
    import resource

    import numpy as np
    import shapely

    from harmattan.data.panel import with_outlines
    from harmattan.features import Kernel, Recipe

    row, col = np.divmod(np.arange(cells), WIDTH)
    x, y = -20 + col / 2, -35 + row / 2
    panel, recipe = (
        with_outlines(grid_panel(cells, months), shapely.box(x, y, x + 0.5, y + 0.5)),
        Recipe([Kernel(km=kernel)]),
    )
    busy = time.process_time()
    assert recipe.build(panel).shape == (months, cells, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"work": time.process_time() - busy, "peak_gb": peak / 2**20}


def in_process(**case: int | str) -> dict[str, float]:
    """The same in a fresh process."""
    command = [sys.executable, __file__, "--case", json.dumps(case)]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout
    return json.loads(out.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--write", metavar="MEMORY")
    parser.add_argument("--kernel", type=float, metavar="KM")
    parser.add_argument("--cells", type=int, default=CELLS)
    parser.add_argument("--case")
    args = parser.parse_args()
    if args.case:
        case = json.loads(args.case)
        run = measure_writing if "memory" in case else measure_kernel if "kernel" in case else measure
        print(json.dumps(run(**case)))
        return
    if args.kernel:
        r = in_process(cells=args.cells, months=MONTHS, kernel=args.kernel)
        print(f"{args.cells} polygons x {MONTHS} months, one kernel of {args.kernel:g} km")
        print(f"{r['work']:.1f} s of processor, peak {r['peak_gb']:.2f} GB")
        return
    if args.write:
        r = in_process(cells=args.cells, months=MONTHS, features=24, threads=args.threads, memory=args.write)
        print(f"{args.cells} cells x {MONTHS} months x 24 features, budget {args.write}")
        print(f"{r['seconds']:.1f} s, {r['blocks']} blocks, file {r['file_gb']:.2f} GB")
        print(f"peak {r['peak_gb']:.2f} GB; {r['before_gb']:.2f} GB before, with the panel")
        return
    cases = [(args.cells, MONTHS, 24)]
    if args.growth:
        cases += [(CELLS // 4, MONTHS, 24), (CELLS // 2, MONTHS, 24)]
        cases += [(CELLS, MONTHS // 4, 24), (CELLS, MONTHS // 2, 24), (CELLS, MONTHS, 6), (CELLS, MONTHS, 12)]
    print("cells   months  features  first s  second s  processor s  x writing once  peak GB  ns per value")
    for cells, months, features in cases:
        r = in_process(cells=cells, months=months, features=features, threads=args.threads)
        each = 1e9 * r["work"] / (cells * months * features)
        print(
            f"{cells:6d}  {months:6d}  {features:8d}  {r['first']:7.2f}  {r['second']:8.2f}  {r['work']:11.2f}"
            f"  {r['second'] / r['write']:14.1f}  {r['peak_gb']:7.2f}  {each:12.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
