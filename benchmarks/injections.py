"""Faults put into the newest month, and genuine months, each through the gate; writes ``docs/injections.md``.

    python benchmarks/injections.py --history ged241.csv --candidate GEDEvent_v23_0_10.csv --surprises 2012-01:2022-12

``--history`` is an annual UCDP file, ``--candidate`` a monthly one of the whole world; months of the history from the
candidate's on are left out. ``--surprises 2020-01:2022-12`` also counts months outside of what was expected (slow).
"""

from __future__ import annotations

import argparse
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from harmattan.data.errors import HarmattanError
from harmattan.data.panel import Incidents, Panel, build_panel, combine, coverage_table
from harmattan.data.quality import Quality, check_build, check_panel
from harmattan.data.quality.newest import ALIKE, alike, misplaced
from harmattan.data.snapshot import load_snapshot
from harmattan.data.sources import read_ucdp
from harmattan.forecast.inputs import Inputs
from harmattan.forecast.loading import load_inputs
from harmattan.forecast.publishing.expected import expected_of
from harmattan.forecast.release.read import PastRelease
from harmattan.forecast.run import run_forecast
from harmattan.forecast.settings import Settings

OURS = ("Mali", "Burkina Faso", "Niger", "Benin", "Togo", "Ivory Coast", "Senegal", "Guinea-Bissau")
Change = Callable[[pd.DataFrame], pd.DataFrame]


def _ours(frame: pd.DataFrame) -> pd.Series:
    return frame["country"].isin(OURS)


def _copies(frame: pd.DataFrame, times: int) -> pd.DataFrame:
    parts = [frame.assign(id=frame["id"].astype(int) + 10_000_000 * k) for k in range(times)]
    return pd.concat(parts)


def _shifted(frame: pd.DataFrame, months: int) -> pd.DataFrame:
    days = {c: pd.to_datetime(frame[c]) + pd.DateOffset(months=months) for c in ("date_start", "date_end")}
    return frame.assign(**{c: d.dt.strftime("%Y-%m-%d") for c, d in days.items()})


def _without(name: str) -> Change:
    return lambda f: f[f["country"] != name]


def _twice_ours(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, _copies(frame[_ours(frame)], 3).iloc[int(_ours(frame).sum()) :]])


def injections() -> dict[str, Change]:
    """What is done to the candidate file, by name."""
    columns = ("best", "low", "high", "deaths_a", "deaths_b", "deaths_civilians", "deaths_unknown")
    zero = dict.fromkeys(columns, 0)
    return {
        "nothing (the genuine month)": lambda f: f,
        "cut in half at a row's end": lambda f: f.iloc[: len(f) // 2],
        "the second half only": lambda f: f.iloc[len(f) // 2 :],
        "cut at 1,000 rows": lambda f: f.iloc[:1000],
        "cut at 1,500 rows": lambda f: f.iloc[:1500],
        "cut at 2,000 rows": lambda f: f.iloc[:2000],
        "a quarter of all rows, at random": lambda f: f.sample(frac=0.25, random_state=1),
        "half of all rows, at random": lambda f: f.sample(frac=0.5, random_state=1),
        "ten events of ours, all others": lambda f: pd.concat([f[~_ours(f)], f[_ours(f)].iloc[:10]]),
        "no event of ours": lambda f: f[~_ours(f)],
        "without Burkina Faso": _without("Burkina Faso"),
        "without Mali": _without("Mali"),
        "without Niger": _without("Niger"),
        "delivered three times under new ids": lambda f: _copies(f, 3),
        "delivered twice under new ids": lambda f: _copies(f, 2),
        "our events three times under new ids": _twice_ours,
        "every row twice, same ids": lambda f: pd.concat([f, f]),
        "all deaths zero": lambda f: f.assign(**{c: v for c, v in zero.items() if c in f}),
        "all rows from one office": lambda f: f.assign(source_office="AFP"),
        "the rows of one office only (ours' main one)": lambda f: f[
            f["source_office"] == f.loc[_ours(f), "source_office"].mode()[0]
        ],
        "all of one type": lambda f: f.assign(type_of_violence=1),
        "one type only, the others missing": lambda f: f[f["type_of_violence"] == 1],
        "shifted a month ahead": lambda f: _shifted(f, 1),
        "shifted a month back": lambda f: _shifted(f, -1),
        "last month's rows under this month's name": lambda f: _shifted(f, -1).assign(id=f["id"]),
        "countries' numbers one row off": lambda f: f.assign(
            country_id=np.roll(f["country_id"], 1), country=np.roll(f["country"], 1)
        ),
        "latitude and longitude swapped": lambda f: f.assign(
            latitude=f["longitude"], longitude=f["latitude"]
        ),
        "all places vague": lambda f: f.assign(where_prec=6),
        "an empty file": lambda f: f.iloc[:0],
        "half a year in one file": lambda f: pd.concat(
            [_shifted(f, -k).assign(id=f["id"].astype(int) + 10**7 * k) for k in range(6)]
        ),
    }


def _verdict(quality: Quality) -> tuple[str, str]:
    checks = [c for c in quality.checks if c.status == quality.status and quality.status != "green"]
    return quality.status, ", ".join(c.name for c in checks)


def _history(path: Path, month: pd.Period) -> Incidents:
    full = read_ucdp(path)
    last = month - 1
    frame = full.frame[full.frame["date_end"].dt.to_period("M") <= last].reset_index(drop=True)
    return replace(full, frame=frame, coverage=coverage_table([("*", "1989-01", str(last))]))


@cache
def _inputs() -> Inputs:
    return load_inputs(Settings(track=False))


def _forecast(panel: Panel, month: pd.Period, members: tuple[str, ...]) -> PastRelease:
    """The forecast of a month from the month before."""
    shape = {"horizons": (1,), "backtest_origins": 0, "parts": False, "spillover_regions": 0}
    settings = Settings(as_of=str(month - 1), workers=1, track=False, **shape)
    inputs = replace(_inputs(), panel=panel)
    result = run_forecast(settings, None, None, members, {}, inputs)
    return PastRelease(Path("before"), result.draws, panel.until(month - 1), {})


def injected(history: Path, candidate: Path, members: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """``injection, verdict, what caught it``, one by one."""
    month = read_ucdp(candidate).coverage["last"].iloc[0]
    before, regions = _history(history, month), load_snapshot().regions
    raw = pd.read_csv(candidate, low_memory=False)
    settled = build_panel(
        before, regions, coverage={c: ("1989-01", str(month - 1)) for c in set(regions.countries)}
    ).panel
    forecast = _forecast(load_snapshot().panel, month, members)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / candidate.name
        for name, change in injections().items():
            change(raw).to_csv(path, index=False)
            try:
                built = build_panel(combine([before, read_ucdp(path)]), regions)
                day = (month + 1).end_time.date()
                expected = expected_of(forecast, built.panel)
                status, by = _verdict(check_build(built, run_date=day, previous=settled, expected=expected))
            except HarmattanError as error:
                status, by = "refused", type(error).__name__ + ": " + error.what
            yield name, status, by


def genuine(history: Path, first: str = "2012-01", last: str = "2022-12") -> pd.DataFrame:
    """Red checks of genuine months of the shipped counts, as if each were the newest."""
    panel, events = load_snapshot().panel, read_ucdp(history)
    built = build_panel(events, load_snapshot().regions)
    rows = []
    for month in pd.period_range(first, last, freq="M"):
        quality = check_panel(panel.until(month), run_date=(month + 1).end_time.date())
        alone = replace(built, panel=built.panel.until(month))
        singles = (alike(alone), misplaced(alone))
        rows.append(
            (
                str(month),
                quality.status,
                ", ".join(c.name for c in (*quality.checks, *singles) if c.status == "red"),
            )
        )
    return pd.DataFrame(rows, columns=["month", "status", "red"])


def surprises(first: str, last: str, members: tuple[str, ...]) -> pd.DataFrame:
    """``month, status, red, message`` of genuine months against what a forecast from the month before expected."""
    panel, rows = load_snapshot().panel, []
    for month in pd.period_range(first, last, freq="M"):
        quality = check_panel(
            panel.until(month),
            run_date=(month + 1).end_time.date(),
            expected=expected_of(_forecast(panel, month, members), panel.until(month)),
        )
        red = ", ".join(c.name for c in quality.checks if c.status == "red")
        rows.append((str(month), quality["surprise"].status, red, quality["surprise"].message))
        print(*rows[-1][:3], flush=True)
    return pd.DataFrame(rows, columns=["month", "status", "red", "message"])


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--history", type=Path, required=True)
    parser.add_argument("--candidate", type=Path, required=True)
    parser.add_argument("--surprises", default="")
    parser.add_argument("--members", default="conflictology_12")
    parser.add_argument("--out", type=Path, default=Path("docs/injections.md"))
    given = parser.parse_args()
    members = tuple(given.members.split(","))
    rows = list(injected(given.history, given.candidate, members))
    months = genuine(given.history)
    red = months[months["red"] != ""]
    lines = [
        "# What the gate catches in the newest month",
        "",
        f"Made by `python benchmarks/injections.py --history {given.history.name} --candidate {given.candidate.name}",
        f"--surprises {given.surprises or 'none'}` from that monthly UCDP file (CC BY 4.0), changed",
        "as the first column says, on top of the annual release for the months before. What was expected of the",
        f"month comes from a forecast from the month before ({', '.join(members)}). Red and refused publish nothing;",
        "amber publishes with a sentence at the top.",
        "",
        "| what was done to the file | verdict | by |",
        "|---|---|---|",
        *(f"| {name} | {status} | {by.replace('|', ' ')[:160]} |" for name, status, by in rows),
        "",
        "## Genuine months",
        "",
        f"Of the {len(months)} months from {months['month'].iloc[0]} to {months['month'].iloc[-1]}, each judged as if",
        f"it were the newest one, {len(red)} are red{'; '.join(['', *red['month']])};"
        f" {int((months['status'] == 'amber').sum())} are amber for what the checks of the record find.",
        f"Events alike in all but the id are red from {ALIKE:.0%} of the newest month on.",
    ]
    if given.surprises:
        judged = surprises(*given.surprises.split(":"), members)
        odd, wrong = judged[judged["status"] != "green"], judged[judged["red"] != ""]
        lines += [
            "",
            f"With what a forecast from the month before expected of them, {len(odd)} of the {len(judged)} months"
            f" {given.surprises.replace(':', ' to ')}",
            f"lie outside the 1 and 99 % points of some country or of all, and so are amber; {len(wrong)} are red.",
            *textwrap.wrap(f"They are {', '.join(odd['month'])}.", 118),
        ]
    given.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
