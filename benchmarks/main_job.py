"""Where the seconds of the main job go: processor seconds by stage of one `harmattan forecast` on the shipped counts.

Run by hand:  python benchmarks/main_job.py [--as-of 2023-12]

Everything runs in this one process with one thread, so that the seconds of each piece can be told; with two workers the
fits take half as long on the clock, and each worker imports what it needs once more. The last line is the peak memory.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

SPENT: dict[str, float] = defaultdict(float)


def timed(owner: Any, name: str, stage: str | Callable[..., str]) -> None:
    """Count the processor seconds of a function towards a stage, and not towards the one that it was called from."""
    plain = getattr(owner, name)

    def counted(*given: Any, **named: Any) -> Any:
        mine = stage if isinstance(stage, str) else stage(*given)
        before, inside = time.process_time(), sum(SPENT.values())
        try:
            return plain(*given, **named)
        finally:
            SPENT[mine] += time.process_time() - before - (sum(SPENT.values()) - inside)

    setattr(owner, name, counted)


def main() -> None:
    """Print a row per stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--as-of", default=None)
    asked = parser.parse_args()
    import lightgbm  # noqa: F401
    import mlflow  # noqa: F401
    import sklearn.base  # noqa: F401

    from harmattan.forecast import fitting, parts, release, report, run, watch
    from harmattan.forecast.jobs import forecasting
    from harmattan.forecast.settings import Settings
    from harmattan.training.diffusion import border_signal

    SPENT["imports: pandas, scikit-learn, LightGBM, MLflow"] = time.process_time()
    kinds = {
        "diffusion": "path model of spillover: fit, intervals",
        "judge": "past origins: fits, weights, scores",
        "watch": "watch list: fits of thirteen years, record",
        "fit": "members at the origin",
    }
    timed(fitting, "_do", lambda problems, job, *rest: kinds[job.kind])
    timed(border_signal, "_permuted", "path model of spillover: permuted borders")
    timed(run, "prepare_run", "data and features")
    timed(forecasting, "load_inputs", "data and features")
    timed(run, "_spillover", "spillover: paths, shares, stress")
    timed(run.SimulatedSpillover, "tables", "spillover: paths, shares, stress")
    timed(run, "pool_margins", "the pool's distributions and draws")
    timed(run, "draws_of", "the pool's distributions and draws")
    timed(parts, "draw_parts", "parts: types, groups, civilians")
    timed(watch, "served_fits", "watch list at the origin")
    timed(watch, "list_of", "watch list at the origin")
    timed(report, "render", "report")
    timed(release, "publish_release", "release: tables, checks, files")
    timed(forecasting, "track_forecast", "MLflow: database, pictures, files")
    with tempfile.TemporaryDirectory() as folder:
        places = {"out": Path(folder) / "releases", "mlruns": Path(folder) / "mlruns"}
        forecasting.run_main_job(Settings.load({"workers": 1, "as_of": asked.as_of, **places}))
    total = time.process_time()
    SPENT["everything else"] = total - sum(SPENT.values())
    print("| stage | processor s | share |\n|---|---|---|")
    for stage, seconds in sorted(SPENT.items(), key=lambda item: -item[1]):
        print(f"| {stage} | {seconds:.1f} | {100 * seconds / total:.0f} % |")
    print(f"| all | {total:.1f} | {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB |")


if __name__ == "__main__":
    main()
