"""The same lags, windows and exponential means here, in mlforecast, and in plain pandas.

Run by hand:  python benchmarks/features_mlforecast.py [--cells 64818] [--ewm]

mlforecast pins pandas below 3, so it gets an environment of its own in a temporary folder (made with ``uv`` where it
is there, else ``venv``). Each of the three computes, for the same cells x months, lags 1-6 and 12, means over 3, 6,
12 and 24 months and, with ``--ewm``, exponential means at half-lives 1, 3, 6 and 12 (its transforms all start from
lag 1). Imports, the making of the data and, for mlforecast, one warm-up (it compiles) are not timed. The best of
three runs counts, on the clock and in processor time, which is steadier on a busy machine. The values are compared.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LAGS, WINDOWS, HALF_LIVES = (1, 2, 3, 4, 5, 6, 12), (3, 6, 12, 24), (1.0, 3.0, 6.0, 12.0)

THEIRS = """
import json, sys, time
import numpy as np, pandas as pd
from mlforecast import MLForecast
from mlforecast.lag_transforms import ExponentiallyWeightedMean, RollingMean
path, out, threads = sys.argv[1:4]
lags, windows, half_lives = json.loads(sys.argv[4])
events = np.load(path)
months, cells = events.shape
def frame(n):
    return pd.DataFrame({
        "unique_id": np.repeat(np.arange(n), months),
        "ds": np.tile(np.arange(months), n),
        "y": events[:, :n].T.ravel(),
    })
def run(data):
    transforms = [RollingMean(w) for w in windows]
    transforms += [ExponentiallyWeightedMean(1 - 0.5 ** (1 / h)) for h in half_lives]
    forecast = MLForecast(
        models=[], freq=1, lags=lags, lag_transforms={1: transforms}, num_threads=int(threads)
    )
    return forecast.preprocess(data, dropna=False)
run(frame(50))
data = frame(cells)
clock, work = [], []
for _ in range(3):
    start, busy = time.perf_counter(), time.process_time()
    made = run(data)
    clock.append(time.perf_counter() - start)
    work.append(time.process_time() - busy)
name = [c for c in made.columns if c.startswith("rolling_mean_lag1_window_size12")][0]
np.save(out, made[name].to_numpy().reshape(cells, months).T)
print(json.dumps([min(clock), min(work)]))
"""


def environment(folder: Path) -> Path:
    """An environment with mlforecast 1.1; the interpreter's path."""
    python = folder / "env" / "bin" / "python"
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    if Path(uv).exists():
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(folder / "env")], check=True)
        install = [uv, "pip", "install", "-q", "--python", str(python)]
    else:
        subprocess.run([sys.executable, "-m", "venv", str(folder / "env")], check=True)
        install = [str(python), "-m", "pip", "install", "-q"]
    subprocess.run([*install, "mlforecast>=1.1,<1.2"], check=True)
    return python


def ours(events, threads: int, half_lives):
    """Seconds on the clock and of the processor, and the mean over 12 months.

    A row here holds what is known at the end of its month, there at the end of the month before: the same numbers, one
    row apart.
    """
    import pandas as pd

    from harmattan.data.panel import Panel
    from harmattan.features import Ewm, Lag, Mean, Recipe

    months, cells = events.shape
    ids = tuple(f"GRD-{i}" for i in range(cells))
    panel = Panel(
        months=pd.period_range("1988-01", periods=months, freq="M"),
        region_ids=ids,
        names=ids,
        countries=("GRD",) * cells,
        measures={"events": events},
        observed=events >= 0,
    )
    recipe = Recipe([*(Lag(k - 1) for k in LAGS), *map(Mean, WINDOWS), *map(Ewm, half_lives)])
    clock, work = [], []
    for _ in range(3):
        start, busy = time.perf_counter(), time.process_time()
        cube = recipe.build(panel, threads=threads)
        clock.append(time.perf_counter() - start)
        work.append(time.process_time() - busy)
    return (min(clock), min(work)), cube.feature("events_mean12")


def pandas_groupby(events, half_lives):
    """The same by group-by, shift and rolling."""
    import numpy as np
    import pandas as pd

    months, cells = events.shape
    frame = pd.DataFrame({"id": np.repeat(np.arange(cells), months), "events": events.T.ravel()})
    start, busy = time.perf_counter(), time.process_time()
    by = frame.groupby("id")["events"]
    for k in LAGS:
        frame[f"lag{k}"] = by.shift(k)
    before = frame.groupby("id")["lag1"]
    for w in WINDOWS:
        frame[f"mean{w}"] = before.rolling(w).mean().to_numpy()
    for h in half_lives:
        frame[f"ewm{h}"] = before.ewm(halflife=h).mean().to_numpy()
    return time.perf_counter() - start, time.process_time() - busy


def main() -> None:
    import numpy as np

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=8000)
    parser.add_argument("--pandas-cells", type=int, default=1000)
    parser.add_argument("--months", type=int, default=440)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--python", type=Path, help="an environment that already has mlforecast")
    parser.add_argument("--ewm", action="store_true", help="exponential means, too")
    args = parser.parse_args()
    half_lives = HALF_LIVES if args.ewm else ()
    rng = np.random.default_rng(3)
    events = rng.poisson(0.3, size=(args.months, args.cells)).astype(np.float32)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = args.python or environment(folder)
        np.save(folder / "events.npy", events)
        settings = json.dumps([LAGS, WINDOWS, half_lives])
        command = [str(python), "-c", THEIRS, str(folder / "events.npy"), str(folder / "out.npy")]
        run = subprocess.run(
            [*command, str(args.threads), settings], capture_output=True, text=True, check=False
        )
        if run.returncode:
            sys.exit(run.stderr)
        theirs = json.loads(run.stdout.splitlines()[-1])
        same = np.load(folder / "out.npy")
    mine, mean12 = ours(events, args.threads, half_lives)
    gap = float(np.abs(same[12:] - mean12[11:-1]).max())
    scale = args.cells / args.pandas_cells
    plain = [scale * s for s in pandas_groupby(events[:, : args.pandas_cells], half_lives)]
    n = len(LAGS) + len(WINDOWS) + len(half_lives)
    print(f"{args.cells} cells x {args.months} months, {n} features, {args.threads} threads")
    print("            clock s  ratio  processor s  ratio")
    rows = {"harmattan": mine, "mlforecast": theirs, "pandas": plain}
    for name, (clock, work) in rows.items():
        print(f"{name:10s} {clock:8.2f} {clock / mine[0]:6.1f} {work:12.2f} {work / mine[1]:6.1f}")
    print(f"largest gap of the 12-month mean to mlforecast: {gap:.1e}")
    print(f"pandas was run on {args.pandas_cells} cells, and is scaled up")


if __name__ == "__main__":
    main()
