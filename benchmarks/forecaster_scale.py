"""Seconds and memory of `Forecaster` by number of regions: `python benchmarks/forecaster_scale.py [500 1000 2000]`.

Each size runs in a process of its own, on made counts of 300 months with links on a grid. Prints seconds, processor
seconds and peak memory (of the largest process), and what an own scikit-learn member costs beside its bare fit.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd


def made(regions: int, months: int = 300) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Counts like those of a war: most places quiet, some not, levels that drift; and a grid of neighbours."""
    rng = np.random.default_rng(7)
    level = rng.gamma(0.15, 4.0, regions) * np.exp(
        0.2 * np.cumsum(rng.normal(size=(months, 1)), axis=0)
    ).clip(0.2, 5)
    counts = rng.poisson(level * rng.gamma(0.7, 1 / 0.7, (months, regions)))
    ids = [f"C{i // 50:02d}-r{i:04d}" for i in range(regions)]
    index = pd.period_range("2000-01", periods=months, freq="M").astype(str)
    frame = pd.DataFrame({"month": np.repeat(index, regions), "region_id": np.tile(ids, months)})
    wide = int(np.ceil(np.sqrt(regions)))
    pairs = [
        (i, j) for i in range(regions) for j in (i + 1, i + wide) if j < regions and (j != i + 1 or j % wide)
    ]
    links = pd.DataFrame(
        [(ids[i], ids[j], 50.0) for i, j in pairs], columns=["region_a", "region_b", "border_km"]
    )
    return frame.assign(events=counts.ravel()), links


def one(regions: int) -> None:
    """One size, in this process."""
    import harmattan

    frame, links = made(regions)
    clock, used = time.perf_counter(), time.process_time()
    model = harmattan.Forecaster(workers=2).fit(frame, links)
    fitted = time.perf_counter()
    model.predict()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = time.process_time() - used + children.ru_utime + children.ru_stime
    peak = max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, children.ru_maxrss) / 1e6
    done = time.perf_counter()
    times = f"fit {fitted - clock:6.1f} s  predict {done - fitted:5.1f} s  cpu {cpu:6.1f} s"
    print(f"{regions:5d} regions  {times}  {peak:.2f} GB")


def member() -> None:
    """An own member against its bare fit, on the shipped counts: the same rows, one horizon, one refit."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    import harmattan
    from harmattan.training import build_problems
    from harmattan.training.models import Guarded

    panel = harmattan.load_snapshot().panel.until("2022-12")
    problem = build_problems(panel, ["events"])["events"]
    origin = panel.last_month - 12
    trees = HistGradientBoostingRegressor(loss="poisson", min_samples_leaf=100, l2_regularization=20)
    sample = problem.sample(origin, 1, 24)
    (piece,) = sample.pieces
    x, y = problem.cube.values[piece.rows, piece.regions].astype(float), sample.counts
    weights = sample.weights(60.0)
    bare, whole = [], []
    for _ in range(5):
        start = time.process_time()
        with threadpool_limits(1):
            trees.fit(x, y, sample_weight=weights)
            for k in range(12):
                trees.predict(problem.cube.values[problem.row(origin + k)].astype(float))
        middle = time.process_time()
        fitted = Guarded(harmattan.Regressor(trees), "trees").fit(problem, origin, 1)
        for k in range(12):
            fitted.margins(problem, origin + k)
        bare.append(middle - start)
        whole.append(time.process_time() - middle)
    ratio = min(whole) / min(bare)
    print(f"own member: bare {min(bare):.2f} s, as a member {min(whole):.2f} s, ratio {ratio:.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(int(sys.argv[2]))
    elif sys.argv[1:2] == ["--member"]:
        member()
    else:
        for size in sys.argv[1:] or ["500", "1000", "2000"]:
            subprocess.run([sys.executable, __file__, "--one", size], check=True)
        subprocess.run([sys.executable, __file__, "--member"], check=True)
