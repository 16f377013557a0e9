"""What the record costs: logging one forecast and one training, and searching a store of 1,000 runs.

    python benchmarks/tracking_speed.py [--runs 1000]

Stores are made in a temporary folder; every run counts, children among them. Two times are printed: by the clock, and
of the processor, which does not depend on what else the machine does. Searching is timed in a process that has opened
the store already, as the page of runs and a monitoring job have; opening it costs the import of MLflow, printed too.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import pandas as pd

from harmattan.training.registry import store as stores
from harmattan.training.registry.runs import RunRecord, log_run, write_run

MEMBERS = ("pool", "boosted", "conflictology_12", "endemic_epidemic", "exponential_nb")
FIGURES = ("crps", "skill", "coverage_50", "coverage_80", "coverage_90")


def record(number: int, children: bool = True) -> RunRecord:
    """A forecast's record as large as a real one: parameters, pool metrics at three horizons, a child per member."""
    metrics = {
        f"{name}.{target}.pool": dict.fromkeys((1, 3, 6), 0.4) for name in FIGURES for target in ("e", "d")
    }
    below = {f"{name}.{target}": dict.fromkeys((1, 3, 6), 0.4) for name in FIGURES for target in ("e", "d")}
    return RunRecord(
        f"forecast {number}",
        params={f"p{i}": i for i in range(35)},
        metrics=metrics,
        tags={
            "run_kind": "forecast",
            "origin": f"{1990 + number // 12}-{number % 12 + 1:02d}",
            "level": "amber",
        },
        profile=pd.DataFrame({"country": ["MLI"], "events": [3.0]}),
        digest="a" * 64,
        texts={"configuration.json": "{}"},
        children=[
            RunRecord(name, metrics=below, tags={"run_kind": "member"}) for name in MEMBERS if children
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        start = time.perf_counter()
        stores.create_store(folder)
        print(f"a new database, with the import of MLflow   {time.perf_counter() - start:6.2f} s")
        start = time.perf_counter()
        log_run(record(0), folder)
        print(f"one record of five members                  {time.perf_counter() - start:6.2f} s")
        with stores.connected(folder) as client:
            number = stores.experiment_of(client, folder)
            start = time.perf_counter()
            more = runs // (1 + len(MEMBERS))
            before = time.process_time()
            for i in range(1, more):
                write_run(client, number, record(i))
            spent = (time.perf_counter() - start) / more, (time.process_time() - before) / more
            print(
                f"each further one                            {spent[0]:6.2f} s, processor {spent[1]:.2f} s"
            )
            # The first search of a process compiles its queries.
            client.search_runs([number], "tags.run_kind = 'forecast'", max_results=1)
            for what, query, order in (
                ("every run", "", None),
                ("all forecasts", "tags.run_kind = 'forecast'", None),
                ("sorted by CRPS", "tags.run_kind = 'forecast'", ["metrics.`crps.e.pool` ASC"]),
                ("by origin", "tags.origin = '2001-05'", None),
                ("by metric", "metrics.`crps.e.pool` < 0.5 and tags.run_kind = 'forecast'", None),
            ):
                start, before = time.perf_counter(), time.process_time()
                found = client.search_runs([number], query, max_results=1000, order_by=order)
                spent = time.perf_counter() - start, time.process_time() - before
                print(f"search, {what:16} {len(found):5} runs {spent[0]:17.2f} s, processor {spent[1]:.2f} s")


if __name__ == "__main__":
    main()
