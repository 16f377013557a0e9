"""Seconds and memory of one monthly run's features and fits on panels larger than the snapshot, and how they grow.

Run by hand:  python benchmarks/scale.py [--sizes 200,800,3500,cells] [--horizons 1,6]

A panel of N regions is made of copies of the snapshot's regions, whose months are rotated so that copies differ, in
up to 195 countries; ``cells`` are the 10,677 PRIO-GRID cells of Africa: a grid with eight neighbours in 54
countries, each cell with one active month in ten of a region of the snapshot; ``countries`` are 191 series without
links, each the sum of eight regions', and get every member that there is, the baselines and the unpooled ones, too.
Features of the default recipe and every member of the pool are computed as in a monthly run, one process, one
thread; each size runs in a process of its own, so that peaks do not mix. Horizons cost about the same: the whole of
six is the mean of those measured, times six (``countries``: twelve).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time

THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
CELLS, GRID = 10_677, 104


def copied(snapshot, source, rng, activity: float = 1.0):
    """Measures of the snapshot's regions ``source``, months rotated; of active months a random share stays."""
    import numpy as np

    months = snapshot.shape[0]
    shift = np.where(source < 0, 0, rng.integers(-60, 61, len(source)))
    at = (np.arange(months)[:, None] + shift) % months
    kept = rng.random((months, len(source))) < activity
    return {n: np.where(kept, v[at, source], np.float32(0)) for n, v in snapshot.measures.items()}


def made(snapshot, measures, countries, links):
    """A panel whose ids are its countries and a number."""
    import numpy as np

    from harmattan.data.panel import Panel

    ids = tuple(f"{c}-{i:05d}" for i, c in enumerate(countries))
    if links is not None:
        labels = np.asarray(ids, dtype=object)
        links = links.assign(region_a=labels[links.region_a], region_b=labels[links.region_b])
        codes = np.asarray(countries, dtype=object)
        at_a, at_b = (np.array([int(i[-5:]) for i in links[c]]) for c in ("region_a", "region_b"))
        links["crosses_border"] = codes[at_a] != codes[at_b]
    observed = np.ones((snapshot.shape[0], len(ids)), dtype=bool)
    return Panel(snapshot.months, ids, ids, tuple(countries), measures, observed, links)


def regions(snapshot, size: int):
    """Copies of the snapshot side by side."""
    import numpy as np
    import pandas as pd

    n = snapshot.shape[1]
    source = np.arange(size) % n
    names = sorted(set(snapshot.countries))
    code = np.array([names.index(c) for c in snapshot.countries])
    countries = [f"C{(8 * (i // n) + code[i % n]) % 195:03d}" for i in range(size)]
    place = {r: i for i, r in enumerate(snapshot.region_ids)}
    one = snapshot.links.assign(
        region_a=snapshot.links.region_a.map(place), region_b=snapshot.links.region_b.map(place)
    )
    many = [
        one.assign(region_a=one.region_a + k * n, region_b=one.region_b + k * n) for k in range(size // n + 1)
    ]
    links = pd.concat(many, ignore_index=True)
    links = links[(links.region_a < size) & (links.region_b < size)].reset_index(drop=True)
    return made(snapshot, copied(snapshot, source, np.random.default_rng(1)), countries, links)


def cells(snapshot):
    """Cells of a grid, each quieter than a region."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(2)
    row, col = np.divmod(np.arange(CELLS), GRID)
    countries = [
        f"C{(9 * r // (row.max() + 1)) * 6 + 6 * c // GRID:03d}" for r, c in zip(row, col, strict=True)
    ]
    pairs = []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        other = (row + down) * GRID + col + right
        inside = (col + right >= 0) & (col + right < GRID) & (other < CELLS)
        km = 55.0 if down * right == 0 else 5.0
        pairs.append(np.c_[np.flatnonzero(inside), other[inside], np.full(inside.sum(), km)])
    table = np.concatenate(pairs)
    links = pd.DataFrame(table[:, :2].astype(int), columns=["region_a", "region_b"]).assign(
        border_km=table[:, 2]
    )
    source = rng.integers(0, snapshot.shape[1], CELLS)
    return made(snapshot, copied(snapshot, source, rng, 0.1), countries, links)


def country_months(snapshot):
    """191 countries of eight regions each, no links."""
    import numpy as np

    rng = np.random.default_rng(3)
    parts = [copied(snapshot, rng.integers(0, snapshot.shape[1], 191), rng) for _ in range(8)]
    measures = {n: np.sum([p[n] for p in parts], axis=0) for n in parts[0]}
    return made(snapshot, measures, [f"C{i:03d}" for i in range(191)], None)


def measure(size: str, horizons: list[int]) -> dict:
    """One run in this process."""
    import resource

    from harmattan.data.snapshot import load_snapshot
    from harmattan.training.models.catalogue import MEMBERS, POOLED, fit_members
    from harmattan.training.problems import build_problems

    snapshot = load_snapshot().panel
    special = {"cells": cells, "countries": country_months}
    panel = special[size](snapshot) if size in special else regions(snapshot, int(size))
    clock, work = time.perf_counter(), time.process_time()
    problem = build_problems(panel, ["events"])["events"]
    features = time.perf_counter() - clock
    origin, each, members = panel.months[-1], [], {}
    after = time.process_time()
    for h in horizons:
        start = time.perf_counter()
        fitted = fit_members(problem, origin, h, MEMBERS if size == "countries" else POOLED)
        margins = [m.margins(problem, origin) for m in fitted.values()]
        each.append(time.perf_counter() - start)
        members[h] = [float(m.mean.sum()) for m in margins]
    busy = time.process_time()
    return {
        "regions": panel.shape[1],
        "active": float((panel.measures["events"] > 0).mean()),
        "rows": len(problem.sample(origin, 1, 24).counts),
        "width": problem.cube.values.shape[2],
        "features": features,
        "horizon": sum(each) / len(each),
        "work": (after - work) + (busy - after) / len(each) * (12 if size == "countries" else 6),
        "months": 12 if size == "countries" else 6,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "events": members,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="countries,200,800,3500,cells")
    parser.add_argument("--horizons", default="1,6")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    horizons = [int(h) for h in args.horizons.split(",")]
    if args.one:
        print(json.dumps(measure(args.one, horizons)))
        return
    print(
        "| panel | regions | active months | training rows | features s | a horizon s | whole run s | CPU s | peak GB |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for size in args.sizes.split(","):
        command = [sys.executable, __file__, "--one", size, "--horizons", args.horizons]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, **THREADS}
        )
        if done.returncode:
            print(f"| {size} | ended with code {done.returncode}: {done.stderr.strip().splitlines()[-1:]} |")
            continue
        m = json.loads(done.stdout.splitlines()[-1])
        whole = m["features"] + m["months"] * m["horizon"]
        print(
            f"| {size} | {m['regions']:,} | {m['active']:.1%} | {m['rows']:,} | {m['features']:.1f} | "
            f"{m['horizon']:.1f} | {whole:.0f} ({m['months']} horizons) | {m['work']:.0f} | {m['peak']:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
