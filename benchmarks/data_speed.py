"""How long reading, placing and counting take, as ratios to a plain pandas group-by of the same rows.

Run by hand::

    python benchmarks/data_speed.py [--events 500000] [--rows 5000000]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from harmattan.data.panel import BuiltPanel, Panel, build_panel
from harmattan.data.quality import check_panel, gate
from harmattan.data.quality.newest import (
    alike,
    composition,
    delivery,
    ids,
    misplaced,
    repeated_month,
    surprise,
)
from harmattan.data.schemas import validate
from harmattan.data.snapshot import load_snapshot
from harmattan.data.sources import ucdp
from harmattan.data.violence_types import UCDP_TYPES
from harmattan.forecast.publishing.expected import expected_of
from harmattan.forecast.release.read import PastRelease
from harmattan.training.distribution import Draws


def timed(what: str, job: Callable[[], object]) -> tuple[float, object]:
    start, busy = time.perf_counter(), time.process_time()
    result = job()
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{what:<52} {seconds:7.2f} s   processor {busy:6.2f} s   peak {peak:.2f} GB")
    return seconds, result


def events(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """GED-shaped rows with distinct coordinates all over the snapshot's countries."""
    regions = load_snapshot().regions
    at = rng.integers(0, len(regions), n)
    centre = np.array([(p.representative_point().x, p.representative_point().y) for p in regions.geometry])
    day = np.datetime64("1989-01-01") + rng.integers(0, 12_700, n).astype("timedelta64[D]")
    best = rng.negative_binomial(0.5, 0.1, n)
    names = {c: regions.country_names[c] for c in set(regions.countries)}
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "code_status": "Clear",
            "type_of_violence": rng.choice(list(UCDP_TYPES), n),
            "side_a": rng.choice(["Government of Mali", "JNIM", "IS", "Dozos (Mali)"], n),
            "side_b": rng.choice(["JNIM", "Civilians", "IS"], n),
            "where_prec": rng.integers(1, 6, n),
            "latitude": (centre[at, 1] + rng.normal(0, 0.4, n)).round(6),
            "longitude": (centre[at, 0] + rng.normal(0, 0.4, n)).round(6),
            "country": [names[c] for c in np.array(regions.countries)[at]],
            "date_prec": rng.integers(1, 5, n),
            "date_start": day.astype(str),
            "date_end": day.astype(str),
            "deaths_civilians": 0,
            "best": best,
            "high": best,
            "low": best,
        }
    )


def plain(path: Path) -> pd.DataFrame:
    """The least that pandas must do: read, parse, group by country and month."""
    frame = pd.read_csv(path)
    month = pd.to_datetime(frame["date_end"]).dt.to_period("M")
    return frame.groupby(["country", month, "type_of_violence"])[["best", "high", "low"]].agg(
        ["sum", "count"]
    )


def newest_checks(built: BuiltPanel, rng: np.random.Generator) -> list[gate.Check]:
    """Every check of the newest month, with what 1,000 draws of a forecast expected of it."""
    panel = built.panel
    regions, before = panel.region_ids, panel.last_month - 1
    shape = (1000, 1, len(regions))
    draws = {t: Draws(rng.poisson(10, shape), before, (1,), regions, t) for t in ("events", "deaths")}
    expected = expected_of(PastRelease(Path("before"), draws, panel, {}), panel)
    found = [composition(panel), repeated_month(panel)]
    found += [surprise(panel, expected)] if expected is not None else []
    return found + [rule(built) for rule in (delivery, alike, ids, misplaced)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=500_000)
    parser.add_argument("--rows", type=int, default=5_000_000)
    given = parser.parse_args()
    rng = np.random.default_rng(1)
    regions = load_snapshot().regions
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "GEDEvent_v24_1.csv"
        events(given.events, rng).to_csv(path, index=False)
        print(f"{given.events:,} events, {path.stat().st_size / 1e6:.0f} MB")
        base, _ = timed("pandas: read, parse, group by", lambda: plain(path))
        read, incidents = timed(
            "ucdp.read (every cell checked)", lambda: ucdp.read(path, today=date(2025, 1, 1))
        )
        built, panel = timed("build_panel (placed, counted, ledger)", lambda: build_panel(incidents, regions))
        print(f"events to panel: {read + built:.1f} s, {(read + built) / base:.1f} times the group-by\n")
        timed("checks of the newest month", lambda: newest_checks(panel, rng))
    months = pd.period_range("1989-01", periods=420, freq="M")
    cells = -(-given.rows // len(months))
    ids = tuple(sorted(f"pg-{i}" for i in range(cells)))
    counts = rng.poisson(0.2, (len(months), cells)).astype(np.float32)
    panel = Panel(
        months=months,
        region_ids=ids,
        names=ids,
        countries=tuple("MLI" for _ in ids),
        measures={"events": counts, "deaths_best": counts * 3},
        observed=np.ones(counts.shape, dtype=bool),
    )
    frame = panel.to_frame()
    print(f"a panel of {len(frame):,} rows")
    base, _ = timed(
        "pandas: group by region", lambda: frame.groupby("region_id")[["events", "deaths_best"]].sum()
    )
    rules, _ = timed("validate('panel', frame)", lambda: validate("panel", frame))
    dense, again = timed("Panel.from_frame", lambda: Panel.from_frame(frame))
    gate, _ = timed("check_panel", lambda: check_panel(again, run_date=date(2024, 1, 31)))
    whole = rules + dense + gate
    print(f"validation in all: {whole:.1f} s, {whole / base:.1f} times the group-by")


if __name__ == "__main__":
    main()
