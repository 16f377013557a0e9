"""A back-test's core without models: baselines only, in milliseconds, with the signature of the real one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from make_records import record_from

from harmattan.data.panel import Panel
from harmattan.training.margins import Margins, certain_zero, empirical, mix
from harmattan.training.record import Record


def stand_in(calls: list[dict[str, Any]]) -> Callable[..., list[Record]]:
    """A function like ``run_backtest`` that also notes how it was called."""

    def run_backtest(
        problems: Any,
        origins: Sequence[pd.Period] | Mapping[int, Sequence[pd.Period]],
        horizons: Sequence[int],
        regions: Sequence[str],
        *,
        members: Sequence[str] | None = None,
        compared: Sequence[str] = (),
        refit_every: int = 12,
        data_lag: int = 0,
        learns: bool = True,
        parts: bool = False,
        joint: bool = False,
        draws: int = 1000,
        workers: int = 1,
        scheduler: str | None = None,
        warm_up: int = 36,
        progress: Callable[[float], None] | None = None,
        as_of: Callable[[Any, pd.Period], Any] | None = None,
        reach: int = 0,
        onsets: bool | None = None,
    ) -> list[Record]:
        calls.append(dict(locals()))
        own = origins if isinstance(origins, Mapping) else dict.fromkeys(horizons, origins)
        records = [_record(problems, own[h], h, regions, data_lag, as_of) for h in horizons]
        if progress:
            progress(1.0)
        return records

    return run_backtest


def _record(
    problem: Any, origins: Sequence[pd.Period], horizon: int, regions: Sequence[str], lag: int, as_of: Any
) -> Record:
    at = [problem.panel.region_ids.index(r) for r in regions]
    said: dict[str, list[Margins]] = {"zero": [], "conflictology_12": [], "conflictology_24": [], "pool": []}
    observed, history = [], []
    for origin in origins:
        seen = as_of(problem, origin) if as_of else problem
        row = seen.row(origin - lag)
        past = seen.counts[: row + 1][:, at].astype(int)
        row = problem.row(origin) + horizon
        observed.append(np.where(problem.observed[row][at], problem.counts[row][at], np.nan))
        history.append(past[-12:])
        year, two = empirical(past[-12:]), empirical(past[-24:])
        said["zero"].append(certain_zero(len(at)))
        said["conflictology_12"].append(year)
        said["conflictology_24"].append(two)
        said["pool"].append(mix([year, two], np.array([0.5, 0.5])))
    made = record_from(said, np.stack(observed), np.stack(history), ("conflictology_12",), horizon)
    return replace(
        made,
        target=problem.target,
        origins=tuple(origins),
        region_ids=tuple(regions),
        countries=tuple(problem.panel.countries[i] for i in at),
        weights=pd.DataFrame(
            {"origin": [str(o) for o in origins], "member": "conflictology_12", "weight": 0.5}
        ),
    )


def small_panel(months: int = 96, last_unseen: int = 0) -> Panel:
    """Four regions of two countries with neighbours; the last months of one of them unseen on request."""
    rng = np.random.default_rng(9)
    counts = rng.negative_binomial(0.7, 0.3, size=(months, 4))
    frame = pd.DataFrame(
        {
            "month": np.repeat(pd.period_range("2015-01", periods=months, freq="M").astype(str), 4),
            "region_id": np.tile(["AAA-a", "AAA-b", "BBB-a", "BBB-b"], months),
            "events": counts.ravel(),
            "deaths_best": 3 * counts.ravel(),
        }
    )
    if last_unseen:
        gone = (frame["region_id"] == "BBB-b") & (
            frame["month"] > str(pd.Period("2015-01") + months - 1 - last_unseen)
        )
        frame = frame[~gone]
    links = pd.DataFrame(
        [("AAA-a", "AAA-b", 50.0, False), ("AAA-b", "BBB-a", 80.0, True)],
        columns=["region_a", "region_b", "border_km", "crosses_border"],
    )
    return Panel.from_frame(frame, links)
