"""Time of the default recipe on the embedded snapshot, against writing the result once.

Run by hand:  python benchmarks/features_snapshot.py
"""

from __future__ import annotations

import time

import numpy as np

from harmattan.data.snapshot import load_snapshot
from harmattan.features import Recipe


def best_of(runs: int, work) -> float:
    """Shortest of some runs, seconds."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main() -> None:
    panel, recipe = load_snapshot().panel, Recipe.default()
    start = time.perf_counter()
    cube = recipe.build(panel)
    first = time.perf_counter() - start
    again = best_of(5, lambda: recipe.build(panel))
    write = best_of(5, lambda: np.full(cube.shape, 1, dtype=np.float32))
    origins = cube.training_origins(panel.last_month, 1)
    design = best_of(5, lambda: cube.design(origins, 1, known=True))
    print(f"{cube.shape[0]} months x {cube.shape[1]} regions x {cube.shape[2]} features, one thread")
    print(f"first build   {first:7.3f} s  (imports included)")
    print(f"build         {again:7.3f} s  {again / write:6.1f} x writing the result once")
    print(f"design        {design:7.3f} s  all origins, one horizon")


if __name__ == "__main__":
    main()
