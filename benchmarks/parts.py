"""Parts of the forecasts on two windows: skill with intervals, and calibration.

    python benchmarks/parts.py [--windows FIRST:LAST ...] [--direct WEIGHT [--by pool]]
                               [--source SOURCE --regions FILE --groups FILE]

Every region of the shipped panel, or of a source of one's own; pool refitted every year, at 1, 3 and 6 months ahead.
"Own" is skill over conflictology of the part itself, "share" over the pool by the shares of the last 12 months, in per
cent with 95 % intervals (block bootstrap over months); then how much the central intervals held. With --direct each
part is followed by the same with another mean of its shares, mixed with the learned one by that weight: a logistic
regression on shares of several memories, or the means of a pool of the part itself; its "share" is skill over the
shares as they are learned, and there is one worker. Nothing is written.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from harmattan.data.panel import Panel
from harmattan.forecast.inputs import Inputs
from harmattan.forecast.loading import load_inputs
from harmattan.forecast.settings import Settings
from harmattan.training.evaluation import PartJudge, PartScore, parts_table, run_backtest
from harmattan.training.evaluation.protocol import HOUSE, LAST_OPEN
from harmattan.training.margins import Margins
from harmattan.training.parts import CIVILIANS, Division, ShareModel, Shares, divisions_of
from harmattan.training.problems import build_problems
from harmattan.training.record import Record

#: Target months, first and last.
WINDOWS = ("2012-01:2017-12", "2018-01:2022-12")
HORIZONS = (1, 3, 6)


def records_of(inputs: Inputs, window: str, workers: int = 1) -> list[Record]:
    """The pool's forecasts of the target months of a window, with the scores of their parts."""
    first, last = (pd.Period(month, "M") for month in window.split(":"))
    panel = inputs.panel.until(min(LAST_OPEN, inputs.panel.last_month) if inputs.demonstration else last)
    targets = ["events", *(["deaths"] if CIVILIANS in panel.measures else [])]
    problems = list(build_problems(panel, targets, inputs.training).values())
    found = []
    for h in HORIZONS:
        origins = pd.period_range(first - h, last - h, freq="M")
        if WithDirect.by == "pool":
            means_of_pools(panel, tuple(origins), h)
        found += run_backtest(problems, tuple(origins), (h,), parts=True, workers=workers)
    return found


#: Half-lives of the regression's shares, months; ridge on its coefficients but for the constant; months between fits.
MEMORIES, RIDGE, REFIT = (3.0, 9.0, 36.0), 20.0, 12


@dataclass
class DirectShares:
    """Shares with another mean; everything else is as in ShareModel."""

    plain: ShareModel
    horizon: int
    weight: float

    def at(self, division: Division, countries: Sequence[str], row: int) -> Shares:
        shares = self.plain.at(division, countries, row)
        mean = np.where(division.known, self.mean(division, countries, row), 0.0)
        mean = mean / mean.sum(axis=1, keepdims=True)
        return replace(shares, mean=self.weight * mean + (1 - self.weight) * shares.mean)

    def mean(self, division: Division, countries: Sequence[str], row: int) -> np.ndarray:
        """Expected shares up to a factor, (regions, parts)."""
        raise NotImplementedError


@dataclass
class SharesOfPools(DirectShares):
    """By the means of a pool of each part."""

    def mean(self, division: Division, countries: Sequence[str], row: int) -> np.ndarray:
        return np.stack([MEANS[name, self.horizon, row] for name in division.names], axis=-1) + 1e-6


#: Means of the pools of parts by part, horizon and row.
MEANS: dict[tuple[str, int, int], np.ndarray] = {}


class MeansKept(PartJudge):
    """Keeps what a pool expects, and judges nothing."""

    def scores(
        self, target: str, pool: Margins, row: int, horizon: int, lag: int = 0
    ) -> dict[str, PartScore]:
        MEANS[target, horizon, row] = pool.mean
        return {}


def means_of_pools(panel: Panel, origins: Sequence[pd.Period], horizon: int) -> None:
    """Back-test a pool of every part of the events, as if it were a target of its own."""
    parts = {
        name: np.where(division.observed, division.counts[..., k], np.nan).astype(np.float32)
        for division in divisions_of(panel).found
        for k, name in enumerate(division.names)
    }
    problems = build_problems(replace(panel, measures={**panel.measures, **parts}), parts)
    with judged_by(MeansKept):
        run_backtest(list(problems.values()), origins, (horizon,), parts=True)


@contextmanager
def judged_by(judge: type[PartJudge]) -> Iterator[None]:
    """Back-tests whose parts are judged in another way."""
    module: Any = import_module("harmattan.training.evaluation.backtest")
    before, module.PartJudge = module.PartJudge, judge
    yield
    module.PartJudge = before


@dataclass
class RegressedShares(DirectShares):
    """Logistic regressions, part by part, on logits of own and national shares.

    Fitted once a year on every region and month with an event up to the origin.
    """

    fits: dict[tuple[str, int], np.ndarray] = field(default_factory=dict)
    known: dict[str, np.ndarray] = field(default_factory=dict)

    def mean(self, division: Division, countries: Sequence[str], row: int) -> np.ndarray:
        if division.kind not in self.known:
            self.known[division.kind] = self._numbers(division, countries)
        numbers = self.known[division.kind]
        return np.stack(
            [expit(numbers[row, :, k] @ b) for k, b in enumerate(self._fit(division, row))], axis=-1
        )

    def _numbers(self, division: Division, countries: Sequence[str]) -> np.ndarray:
        """A constant and logits of shares at every row, (months, regions, parts, numbers)."""
        months, _, parts = division.counts.shape
        home = (np.asarray(countries)[:, None] == np.asarray(countries)).astype(float)
        columns = [np.ones(division.counts.shape)]
        for memory in MEMORIES:
            own = np.zeros_like(division.counts)
            for t in range(months):
                own[t] = (own[t - 1] if t else 0) * 0.5 ** (1 / memory) + division.counts[t]
            whole = own.sum(axis=1, keepdims=True) + 0.5 / parts
            whole = whole / whole.sum(axis=2, keepdims=True)
            national = home @ own
            level = (national + 3 * whole) / (national.sum(axis=2, keepdims=True) + 3)
            mine = (own + 4 * level) / (own.sum(axis=2, keepdims=True) + 4)
            columns += [logit(np.clip(share, 1e-4, 1 - 1e-4)) for share in (mine, level)]
        return np.stack(columns, axis=-1)

    def _fit(self, division: Division, row: int) -> list[np.ndarray]:
        """Coefficients of every part, by iterated least squares on months that were over at the row."""
        key = (division.kind, row // REFIT)
        if key not in self.fits:
            numbers, h = self.known[division.kind], self.horizon
            total = division.counts.sum(axis=-1)[h : row + 1]
            at = np.nonzero(total)
            n, x = total[at], numbers[: row + 1 - h][at]
            found = [_logistic(x[:, k], division.counts[h : row + 1][at][:, k], n) for k in range(x.shape[1])]
            self.fits[key] = np.stack(found)
        return list(self.fits[key])


def _logistic(x: np.ndarray, y: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Ridge towards the logit of the share that is learned now (its half-life is the second memory)."""
    target = np.zeros(x.shape[1])
    target[3] = 1.0
    beta, ridge = target.copy(), RIDGE * np.eye(x.shape[1])
    ridge[0, 0] = 1e-3
    for _ in range(12):
        p = expit(x @ beta)
        w = n * np.maximum(p * (1 - p), 1e-6)
        step = x.T @ (y - n * p) - ridge @ (beta - target)
        beta = beta + np.linalg.solve(x.T @ (x * w[:, None]) + ridge, step)
    return beta


class WithDirect(PartJudge):
    """Judges every part twice: with the shares that are learned, and with those of the regression against them."""

    weight, by = 1.0, "regression"

    def scores(
        self, target: str, pool: Margins, row: int, horizon: int, lag: int = 0
    ) -> dict[str, PartScore]:
        found = super().scores(target, pool, row, horizon, lag)
        if target != "events":
            return found
        kind = SharesOfPools if self.by == "pool" else RegressedShares
        other = DIRECT.setdefault(horizon, kind(self.model, horizon, self.weight))
        again = replace(PartJudge.of(self.panel, self.keep), model=other).scores(
            target, pool, row, horizon, lag
        )
        for name, score in again.items():
            crps = np.stack([score.crps[0], score.crps[1], found[name].crps[0]])
            found[f"{name} direct"] = score._replace(crps=crps)
        return found


DIRECT: dict[int, DirectShares] = {}


def board_of(records: list[Record]) -> pd.DataFrame:
    board = parts_table(records, HOUSE.seed)
    return board[board["member"] == "pool"].set_index(["target", "horizon"])


def percent(skill: float, low: float, high: float) -> str:
    return f"{100 * skill:+5.1f} ({100 * low:+5.1f} to {100 * high:+5.1f})"


def show(board: pd.DataFrame, window: str) -> None:
    """One line a part and horizon, and means over the parts of events."""
    print(f"\n{window}: part, horizon, own, share, held by the central 50 / 80 / 90 %")
    for (target, h), row in board.iterrows():
        own = percent(row["skill_vs_conflictology"], row["skill_low"], row["skill_high"])
        share = percent(row["skill_vs_last_year"], row["share_low"], row["share_high"])
        held = " / ".join(f"{100 * row[f'coverage_{level}']:.0f}" for level in (50, 80, 90))
        print(f"{target:26} {h}  {own:26} {share:26} {held}")
    target = board.index.get_level_values("target")
    direct = target.str.endswith(" direct")
    for words, events in (
        ("shares", board[target.str.startswith("events") & ~direct]),
        ("direct", board[direct]),
    ):
        for name, low, high in (
            ("skill_vs_conflictology", "skill_low", "skill_high"),
            ("skill_vs_last_year", "share_low", "share_high"),
        ):
            if len(events):
                above, below = (events[low] > 0).sum(), (events[high] < 0).sum()
                mean = f"mean of {len(events)} {100 * events[name].mean():+.1f}"
                print(f"{words}, {name}: {mean}, interval above zero {above}, below zero {below}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--windows", nargs="+", default=WINDOWS)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--source", default="snapshot")
    parser.add_argument("--regions", type=Path)
    parser.add_argument("--groups", type=Path)
    parser.add_argument("--direct", type=float, metavar="WEIGHT")
    parser.add_argument("--by", choices=("regression", "pool"), default="regression")
    asked = vars(parser.parse_args())
    windows, workers, direct, by = (asked.pop(name) for name in ("windows", "workers", "direct", "by"))
    inputs = load_inputs(Settings(**asked))
    if direct is not None:
        WithDirect.weight, WithDirect.by, workers = direct, by, 1
    with judged_by(PartJudge if direct is None else WithDirect):
        for window in windows:
            DIRECT.clear()
            show(board_of(records_of(inputs, window, workers)), window)


if __name__ == "__main__":
    main()
