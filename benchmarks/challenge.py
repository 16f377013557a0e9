"""The VIEWS prediction challenge's protocol on any country-month panel, scored by its definitions.

    python benchmarks/challenge.py FILE [--years 2010:2016] [--histories all 36 24] [--target deaths] [--out FOLDER]

Data to October, targets January to December of the next year: three to fourteen months ahead of an origin in October.
FILE is a table of ``month, region_id, deaths`` (or another target); a region is a country. ``--histories`` are the
months of it that an entrant has: all, or only the last ones up to each October. Printed are, over all countries and
months, means of the challenge's three scores (CRPS, ignorance in its bins, interval score at 90 %, of 1,000 draws;
Hegre et al. 2025, doi:10.1177/00223433241300862) for the pool, its members and the baselines; CRPS of the pool as a
ratio to conflictology of 12 months, to the baseline that is best over all (also without the region that weighs most),
and to the best at that distance or in that year; and the largest mean that each member has forecast as a multiple of
the largest count so far. ``--out`` keeps every score of every case, to be put beside the challenge's entries.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from harmattan.data.panel import Panel
from harmattan.training.evaluation.backtest import run_backtest
from harmattan.training.evaluation.case_scores import score_record
from harmattan.training.models.catalogue import BASELINES
from harmattan.training.problems import build_problems

HORIZONS = tuple(range(3, 15))
SCORES = {"crps": "CRPS", "ignorance": "IGN", "interval_90": "MIS"}
OCTOBER = 10


def of_octobers(counts: pd.DataFrame, target: str, years: range, history: int | None) -> pd.DataFrame:
    """Every member's scores, year by year from the October before; with the part of the file that an entrant has."""
    octobers = [pd.Period(f"{year - 1}-{OCTOBER}", freq="M") for year in years]
    if history is None:
        # Month by month, so that weights go on learning; refitted every October.
        origins = pd.period_range(octobers[0], octobers[-1], freq="M")
        return scores(counts, target, origins, None)
    return pd.concat([scores(counts, target, [each], each - history) for each in octobers], ignore_index=True)


def scores(
    counts: pd.DataFrame, target: str, origins: Sequence[pd.Period], after: pd.Period | None
) -> pd.DataFrame:
    """Every case of some origins, the file beginning after a month; ``october`` are those of the protocol."""
    months = pd.PeriodIndex(counts["month"], freq="M")
    inside = months <= origins[-1] + max(HORIZONS)
    if after is not None:
        inside &= months > after
    problem = build_problems(Panel.from_frame(counts[inside]), [target])[target]
    rng = np.random.default_rng(origins[0].ordinal)
    judged = [score_record(r, rng).to_frame() for r in run_backtest(problem, origins, HORIZONS)]
    cases = pd.concat(judged, ignore_index=True)
    origin = pd.PeriodIndex(cases["origin"].astype(str), freq="M")
    largest = {o: max(float(problem.counts[: problem.row(o) + 1].max()), 1.0) for o in set(origin)}
    beyond = cases["mean"] / [largest[o] for o in origin]
    year = (origin + cases["horizon"].to_numpy()).year
    return cases.assign(year=year, beyond=beyond, october=origin.month == OCTOBER)


def lines(cases: pd.DataFrame) -> Iterator[str]:
    """What is printed of one history."""
    mean = cases.groupby("member", observed=True)[list(SCORES)].mean().rename(columns=SCORES)
    yield mean.sort_values("CRPS").round(3).to_string()
    overall = mean["CRPS"][mean.index.isin(BASELINES)].idxmin()
    heaviest = cases[cases["member"] == overall].groupby("region_id", observed=True)["crps"].sum().idxmax()
    light = cases[cases["region_id"] != heaviest]
    for by in ("horizon", "year"):
        crps = cases.pivot_table(index="member", columns=by, values="crps", observed=True)
        baselines = crps.loc[crps.index.isin(BASELINES)]
        rivals = {
            "conflictology_12": crps.loc["conflictology_12"],
            f"{overall}, best over all": crps.loc[overall],
            f"best of each {by}": baselines.min(),
        }
        table = pd.DataFrame({f"pool : {name}": crps.loc["pool"] / rival for name, rival in rivals.items()})
        rest = light.pivot_table(index="member", columns=by, values="crps", observed=True)
        table[f"pool : {overall}, without {heaviest}"] = rest.loc["pool"] / rest.loc[overall]
        yield f"\nby {by}\n{table.T.round(3).to_string()}"
    beyond = cases.groupby("member", observed=True)["beyond"].max()
    yield f"\nlargest mean by the largest count so far: {beyond.round(2).to_dict()}"


def main() -> None:
    """Print the scores of every history."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--years", default="2010:2016")
    parser.add_argument("--histories", nargs="*", default=["all", "36", "24"])
    parser.add_argument("--target", default="deaths")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    counts = pd.read_csv(asked.file)
    first, last = (int(year) for year in asked.years.split(":"))
    for history in asked.histories:
        months = None if history == "all" else int(history)
        cases = of_octobers(counts, asked.target, range(first, last + 1), months)
        print(f"\n== history: {history}{'' if months is None else ' months'}")
        print("\n".join(lines(cases[cases["october"]])), flush=True)
        if months is None:
            print("\n== history: all, every month an origin")
            print("\n".join(lines(cases)), flush=True)
        if asked.out is not None:
            asked.out.mkdir(parents=True, exist_ok=True)
            cases.to_parquet(asked.out / f"challenge_{history}.parquet", index=False)


if __name__ == "__main__":
    main()
