"""Are sums of expected events and deaths too high or too low, on both windows of the benchmark?

    python benchmarks/levels.py [--horizons 1 3 6]

Both targets run together, as in a release, so that deaths are held to what events allow. Printed are, by window and
horizon, over the five countries: the pool's skill against the best baseline; observed : predicted, the sum of all
counts over the sum of all means, with a 95 % interval from blocks of twelve months; deaths per event, predicted,
observed, and over the twelve months before each origin; and where there had been no count for 6 and for 12 months, how
often one was predicted and observed. Run by hand; about forty seconds of processor time.
"""

from __future__ import annotations

import argparse

import numpy as np

from harmattan.data.snapshot import load_snapshot
from harmattan.training.evaluation.backtest import run_backtest
from harmattan.training.evaluation.protocol import EARLIER, HOUSE, scored_regions
from harmattan.training.evaluation.quiet_places import quiet_by_year, quiet_table
from harmattan.training.models.catalogue import BASELINES
from harmattan.training.problems import build_problems
from harmattan.training.record import Record

BLOCK, SAMPLES = 12, 2000


def ratio(observed: np.ndarray, predicted: np.ndarray, rng: np.random.Generator) -> str:
    """Of sums over months, (months,) each, with its circular block bootstrap."""
    months = len(observed)
    starts = rng.integers(0, months, size=(SAMPLES, -(-months // BLOCK)))
    rows = ((starts[:, :, None] + np.arange(BLOCK)) % months).reshape(SAMPLES, -1)[:, :months]
    low, high = np.quantile(observed[rows].sum(axis=1) / predicted[rows].sum(axis=1), [0.025, 0.975])
    return f"{observed.sum() / predicted.sum():.2f} ({low:.2f} to {high:.2f})"


def sums(record: Record) -> tuple[np.ndarray, np.ndarray, float]:
    """Counts and means of each origin, (origins,), and all counts of the twelve months before the origins."""
    seen = np.isfinite(record.observed)
    mean = np.where(seen, record.of("pool", "mean"), 0).sum(axis=1)
    return np.nansum(record.observed, axis=1), mean, float(np.nansum(record.history))


def main() -> None:
    """Print the figures of both windows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--horizons", type=int, nargs="*", default=[1, 3, 6])
    asked, snapshot, tables = parser.parse_args(), load_snapshot(), []
    for protocol in (EARLIER, HOUSE):
        panel = snapshot.panel.until(protocol.last_target)
        problems = build_problems(panel, ["events", "deaths"], [snapshot.training])
        for horizon in asked.horizons:
            records = run_backtest(
                list(problems.values()),
                protocol.origins(horizon),
                (horizon,),
                scored_regions(panel, protocol),
            )
            tables.append(quiet_table(records))
            found = {}
            for record in records:
                crps = {name: np.nanmean(record.of(name, "crps")) for name in (*BASELINES, "pool")}
                skill = 1 - crps.pop("pool") / min(crps.values())
                found[record.target] = sums(record)
                observed, mean, _ = found[record.target]
                said = ratio(observed, mean, np.random.default_rng(horizon))
                head = f"{protocol.target_months}, {horizon} months, {record.target}"
                print(f"{head}: skill {100 * skill:+.1f} %, observed : predicted {said}", flush=True)
            (died, expected, before), (came, foreseen, past) = found["deaths"], found["events"]
            print(
                f"  deaths per event: predicted {expected.sum() / foreseen.sum():.1f}, "
                f"observed {died.sum() / came.sum():.1f}, in the twelve months before {before / past:.1f}"
            )
    print(quiet_by_year(tables).round(2).to_string(index=False))


if __name__ == "__main__":
    main()
