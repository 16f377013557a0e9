"""Is the season worth the same every year, and would a weaker one do better? The house benchmark by target year.

    python benchmarks/season_by_year.py [--target deaths] [NAME ...]

Prints the pool's skill against conflictology over 12 months in %: at 1, 3 and 6 months ahead, and the mean of the three
by target year; targets up to 2022-12. Each strength takes about a minute on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd

import harmattan
from harmattan.training.models import season

HORIZONS = (1, 3, 6)
#: Factor of the wave, and precision of the prior that pulls it to none.
STRENGTHS = {
    "as shipped": (1.0, season.PRECISION),
    "none": (0.0, season.PRECISION),
    "half": (0.5, season.PRECISION),
    "three quarters": (0.75, season.PRECISION),
    "harder pull": (1.0, 5 * season.PRECISION),
}


@contextmanager
def changed(factor: float, precision: float) -> Iterator[None]:
    """Another strength of the season, in every member that learns one in this process."""
    learned, shipped = season.fit_season, season.PRECISION

    def weaker(*rows: np.ndarray) -> season.Season:
        wave = learned(*rows)
        return season.Season(factor * wave.sine, factor * wave.cosine)

    season.fit_season, season.PRECISION = weaker, precision
    yield
    season.fit_season, season.PRECISION = learned, shipped


def skill(cases: pd.DataFrame, by: str) -> pd.DataFrame:
    """Skill in %, one row per horizon."""
    means = cases.pivot_table("crps", ["horizon", by], "member").reset_index()
    means["skill"] = 100 * (1 - means["pool"] / means["conflictology_12"])
    return means.pivot_table("skill", "horizon", by).loc[list(HORIZONS)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--target", default="events")
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    for name, strength in STRENGTHS.items():
        if asked.names and name not in asked.names:
            continue
        with changed(*strength):
            cases = harmattan.backtest(benchmark=True, target=asked.target, workers=1).cases
        months = pd.PeriodIndex(cases["origin"].astype(str), freq="M") + cases["horizon"].to_numpy()
        cases = cases.assign(year=months.year, all="all")
        whole, years = skill(cases, "all")["all"], skill(cases, "year").mean().round(1).to_dict()
        print(f"{name:15}", *(f"{x:+.1f}" for x in whole), " by target year", years, flush=True)


if __name__ == "__main__":
    main()
