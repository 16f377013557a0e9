"""What single choices are worth, in members and in their pool, on the months that choices were made on.

    python benchmarks/skill_trials.py [NAME ...] [--target events] [--panel FILE] [--theatre EVENTS POLYGONS]
                                      [--by-year] [--keep FOLDER]

Every row is the exact CRPS against the best baseline of each horizon, in %, at 1, 3 and 6 months ahead and their mean:
on the snapshot's two windows, or on a panel's or a theatre's origins 2009-12 to 2015-12. Members are refitted every
year and scored once; what is pooled is pooled anew for each row, with weights learned from the origins scored by then,
before calibration and without the rule for quiet places. A NAME is part of a row's. ``--by-year`` adds a line: the mean
of the three horizons for each target year. ``--keep`` keeps the scores, so that another row costs nothing. Of a panel
the last table has short records: from each October 2009 to 2015 with the last 36 months alone, CRPS at 3, 8 and 14
months. Run by hand: both windows take about two and a half minutes of one core, a theatre three, country-months five.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from harmattan.data.panel import Panel
from harmattan.data.snapshot import load_snapshot
from harmattan.forecast.loading import load_inputs
from harmattan.forecast.settings import Settings
from harmattan.training.evaluation.backtest import WARM_UP, outcomes
from harmattan.training.evaluation.protocol import EARLIER, HOUSE, scored_regions
from harmattan.training.models import dispersion, endemic_epidemic, season
from harmattan.training.models.base import Member, Problem
from harmattan.training.models.boosted import BoostedEndemicEpidemic
from harmattan.training.models.catalogue import BASELINES, fit_members, pooled_members, starting_weights
from harmattan.training.models.endemic_epidemic import EndemicEpidemic
from harmattan.training.pool.fitted import margins_of
from harmattan.training.pool.learning import FEWEST, HALF_LIFE
from harmattan.training.pool.weights import (
    SHRINKAGES,
    UNSURE,
    best_weights,
    choose_shrinkage,
    pool_terms,
    shrunk,
    trial_scores,
)
from harmattan.training.problems import build_problems

HORIZONS, REFIT = (1, 3, 6), 12
#: Months ahead and months of history of short records, and the origins of panels and theatres.
SHORT, HISTORY, ORIGINS = (3, 8, 14), 36, pd.period_range("2009-12", "2015-12", freq="M")
#: Everything that a pool of a row may hold, beside what is pooled as shipped.
OTHERS = (*BASELINES, "conflictology_3", "smoothed_conflictology", "neighbour_conflictology")


@dataclass(frozen=True)
class Change:
    """What is changed in the members; as shipped where nothing is said."""

    learns: bool = True
    pull: float | None = None
    wave: float = 1.0
    precision: float = season.PRECISION
    radius: float = endemic_epidemic.LARGEST_RADIUS
    growth: float = endemic_epidemic.MOST_GROWTH

    @contextmanager
    def made(self) -> Iterator[None]:
        """The change, in this process."""
        pulls, learned = dict(dispersion.SHRINKAGE), season.fit_season
        shipped = season.PRECISION, endemic_epidemic.LARGEST_RADIUS, endemic_epidemic.MOST_GROWTH

        def weaker(*rows: np.ndarray) -> season.Season:
            wave = learned(*rows)
            return season.Season(self.wave * wave.sine, self.wave * wave.cosine)

        if self.pull is not None:
            dispersion.SHRINKAGE["events"] = replace(pulls["events"], strength=self.pull)
        season.fit_season, season.PRECISION = weaker, self.precision
        endemic_epidemic.LARGEST_RADIUS, endemic_epidemic.MOST_GROWTH = self.radius, self.growth
        yield
        dispersion.SHRINKAGE.update(pulls)
        season.fit_season = learned
        season.PRECISION, endemic_epidemic.LARGEST_RADIUS, endemic_epidemic.MOST_GROWTH = shipped


@dataclass(frozen=True)
class Pool:
    """What is changed in a pool: members in and out, the pull of its weights (``best``: that which did best so far)."""

    more: tuple[str, ...] = ()
    less: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    pull: float | str | None = None
    half_life: float = HALF_LIFE
    change: Change = field(default_factory=Change)

    def members(self, usual: Sequence[str]) -> tuple[str, ...]:
        """Its members, in the place of the usual ones."""
        return self.only or (
            *(m for m in usual if m not in self.less),
            *(m for m in self.more if m not in usual),
        )

    def same(self, usual: Sequence[str]) -> bool:
        """Whether it changes nothing where these are the usual members."""
        return replace(self, more=(), less=()) == Pool() and self.members(usual) == tuple(usual)


#: Members alone: how one is made, where not by name, and what is changed.
MEMBERS: dict[str, tuple[str | Callable[[], Member], Change]] = {
    **{
        name: (name, Change())
        for name in ("exponential_nb", "exponential_nb_long", "endemic_epidemic", "boosted")
    },
    "leaf_calibrated": ("leaf_calibrated", Change()),
    "log_linear_nb": ("log_linear_nb", Change()),
    "endemic_epidemic, excitation as fitted": (EndemicEpidemic, Change(radius=np.inf)),
    "endemic_epidemic, excitation .99 and no growth": (EndemicEpidemic, Change(growth=1.0)),
    "endemic_epidemic without the season": (EndemicEpidemic, Change(wave=0.0)),
    "endemic_epidemic without the training country": (EndemicEpidemic, Change(learns=False)),
    "endemic_epidemic, size law not pulled": (EndemicEpidemic, Change(pull=1e-4)),
    "endemic_epidemic, no recency": (lambda: EndemicEpidemic(recency_half_life=None), Change()),
    "boosted without the season": (BoostedEndemicEpidemic, Change(wave=0.0)),
    "boosted without the training country": (BoostedEndemicEpidemic, Change(learns=False)),
    "boosted from the endemic-epidemic mean alone": (lambda: BoostedEndemicEpidemic(blend=0.0), Change()),
    "boosted, three times the trees": (lambda: BoostedEndemicEpidemic(trees=60), Change()),
}
FOUR = ("smoothed_conflictology", "exponential_nb", "endemic_epidemic", "boosted")
PLAIN = ("conflictology_6", "conflictology_12", "negative_binomial_12", "conflictology_3")
POOLS: dict[str, Pool] = {
    "pool as shipped": Pool(),
    "pool of the four models of before": Pool(only=FOUR),
    "pool of the four, pulled halfway": Pool(only=FOUR, pull=0.5),
    "pool without the plain past": Pool(less=PLAIN),
    "pool without the long memory": Pool(less=("exponential_nb_long",)),
    "pool with smoothed_conflictology": Pool(more=("smoothed_conflictology",)),
    "pool with conflictology_3": Pool(more=("conflictology_3",)),
    "pool without conflictology_3": Pool(less=("conflictology_3",)),
    "pool with conflictology_24": Pool(more=("conflictology_24",)),
    "pool, equal weights": Pool(pull=1.0),
    "pool, pulled halfway": Pool(pull=0.5),
    "pool, no pull": Pool(pull=0.0),
    "pool, pull that did best so far": Pool(pull="best"),
    "pool, all origins alike": Pool(half_life=np.inf),
    "pool, half-life of origins 18": Pool(half_life=18.0),
    "pool, half-life of origins 72": Pool(half_life=72.0),
    "pool, season three quarters as strong": Pool(change=Change(wave=0.75)),
    "pool, season half as strong": Pool(change=Change(wave=0.5)),
    "pool, no season": Pool(change=Change(wave=0.0)),
    "pool, season pulled five times as hard": Pool(change=Change(precision=5 * season.PRECISION)),
    "pool, excitation as fitted": Pool(change=Change(radius=np.inf)),
}


@dataclass(frozen=True)
class Months:
    """Months that are judged: a problem with and without regions that are only learned from, and its origins."""

    name: str
    problems: dict[bool, Problem]
    origins: Callable[[int], Sequence[pd.Period]]
    keep: np.ndarray
    folder: Path | None = None
    kept: dict[str, tuple[np.ndarray, ...]] = field(default_factory=dict)

    @property
    def pooled(self) -> tuple[str, ...]:
        """What is pooled as shipped."""
        problem = self.problems[True]
        return pooled_members(problem.target, problem.panel.measures)

    def first(self, horizon: int) -> int:
        """How many earlier origins weights are learned from before the first that is scored."""
        row = self.problems[True].row(self.origins(horizon)[0])
        return min(WARM_UP, max(row - 4 * horizon, 0))

    def terms(
        self,
        horizon: int,
        called: str,
        fit: Callable[[Problem, pd.Period], dict[str, Member]],
        change: Change,
    ) -> tuple[np.ndarray, ...]:
        """CRPS terms (:func:`pool_terms`) of every origin, earlier ones first, and observed and expected sums."""
        counts = sha256(self.problems[True].counts.tobytes()).hexdigest()
        key = repr((self.name, self.problems[True].target, counts, horizon, called, change))
        path = None if self.folder is None else self.folder / f"{sha256(key.encode()).hexdigest()[:16]}.npz"
        if key in self.kept:
            return self.kept[key]
        if path is not None and path.exists():
            with np.load(path) as known:
                return tuple(known.values())
        problem, found, fitted = self.problems[change.learns], [], {}
        scored = self.origins(horizon)
        start = problem.row(scored[0]) - self.first(horizon)
        with change.made():
            for i, origin in enumerate([*problem.panel.months[start : problem.row(scored[0])], *scored]):
                if i % REFIT == 0:
                    fitted = fit(problem, origin)
                each = [m.select(self.keep) for m in margins_of(fitted, problem, origin).values()]
                observed = outcomes(problem, np.array([problem.row(origin) + horizon]), self.keep)[0]
                seen = np.isfinite(observed)
                sums = np.array([observed[seen].sum(), *(m.mean[seen].sum() for m in each)])
                found.append((*pool_terms(each, observed, seen), sums))
        out = tuple(np.stack(x) for x in zip(*found, strict=True))
        self.kept[key] = out
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, *out)
        return out

    def of_all(self, horizon: int, change: Change) -> tuple[tuple[str, ...], tuple[np.ndarray, ...]]:
        """The terms of everything that pools are made of."""
        names = tuple(dict.fromkeys((*self.pooled, *OTHERS)))
        return names, self.terms(horizon, "all", lambda p, o: fit_members(p, o, horizon, names), change)

    def baseline(self, horizon: int) -> np.ndarray:
        """CRPS of the best baseline at each scored origin."""
        names, (error, distance, _) = self.of_all(horizon, Change())
        crps = (error - 0.5 * np.einsum("omm->om", distance))[self.first(horizon) :]
        return crps[:, min((names.index(b) for b in BASELINES), key=lambda i: crps[:, i].mean())]

    def alone(self, horizon: int, name: str) -> tuple[np.ndarray, str]:
        """CRPS of a member alone at each scored origin, and its means by what was observed."""
        make, change = MEMBERS[name]
        names, (error, distance, sums) = self.of_all(horizon, Change())
        at = names.index(make) if make in names else 0
        if make not in names:
            error, distance, sums = self.terms(
                horizon,
                name,
                lambda p, o: (
                    fit_members(p, o, horizon, [make])
                    if isinstance(make, str)
                    else {name: make().fit(p, o, horizon)}
                ),
                change,
            )
        first = self.first(horizon)
        drift = sums[first:, 1 + at].sum() / sums[first:, 0].sum()
        return (error[:, at] - 0.5 * distance[:, at, at])[first:], f"{drift:.2f}"

    def pool(self, horizon: int, pool: Pool) -> np.ndarray:
        """CRPS of a pool at each scored origin."""
        names, (error, distance, _) = self.of_all(horizon, pool.change)
        of = [names.index(member) for member in pool.members(self.pooled)]
        error, distance = error[:, of], distance[:, of][:, :, of]
        first, at = self.first(horizon), self.problems[True].row(self.origins(horizon)[0])
        start = starting_weights([names[i] for i in of], at + 1)
        crps, trials = np.zeros(len(error)), np.zeros((len(error), len(SHRINKAGES)))
        for i in range(len(error)):
            known = max(i - horizon + 1, 0)
            best = weights = start
            if known >= FEWEST:
                share = 0.5 ** (np.arange(known)[::-1] / pool.half_life)
                best = best_weights(
                    *(np.average(x[:known], axis=0, weights=share) for x in (error, distance))
                )
                weights = shrunk(best, self._pull(pool, trials[:known]), start)
            trials[i] = trial_scores(best, error[i], distance[i], start)
            crps[i] = weights @ error[i] - 0.5 * weights @ distance[i] @ weights
        return crps[first:]

    @staticmethod
    def _pull(pool: Pool, trials: np.ndarray) -> float:
        if isinstance(pool.pull, float):
            return pool.pull
        if pool.pull is None:
            return choose_shrinkage(trials)
        return max(SHRINKAGES[int(trials.mean(axis=0).argmin())], min(UNSURE / len(trials), 1.0))


def windows(target: str, folder: Path | None) -> Iterator[Months]:
    """The two windows of the house benchmark."""
    snapshot = load_snapshot()
    for protocol in (EARLIER, HOUSE):
        panel = snapshot.panel.until(protocol.last_target)
        problems = {
            learns: build_problems(panel, [target], [snapshot.training] if learns else [])[target]
            for learns in (True, False)
        }
        keep = np.flatnonzero(np.isin(panel.region_ids, scored_regions(panel, protocol)))
        yield Months(protocol.target_months, problems, protocol.origins, keep, folder)


def own(name: str, panel: Panel, target: str, folder: Path | None) -> Months:
    """All regions of another panel."""
    problem = build_problems(panel, [target])[target]
    keep = np.arange(len(panel.region_ids))
    return Months(name, {True: problem, False: problem}, lambda _: tuple(ORIGINS), keep, folder)


def rows(name: str, judged: Sequence[Months], by_year: bool) -> Iterator[str]:
    """One trial on everything that is judged."""
    for months in judged:
        change = MEMBERS[name][1] if name in MEMBERS else POOLS[name].change
        problem = months.problems[True]
        if not (change.learns or problem.also) or (change.pull and problem.target != "events"):
            continue
        if name in POOLS and POOLS[name] != Pool() and POOLS[name].same(months.pooled):
            continue
        skill, years, drift = [], [], ""
        for horizon in HORIZONS:
            crps, said = (
                months.alone(horizon, name) if name in MEMBERS else (months.pool(horizon, POOLS[name]), "")
            )
            base = months.baseline(horizon)
            skill.append(100 * (1 - crps.mean() / base.mean()))
            drift += f" {said}"
            target = pd.PeriodIndex(months.origins(horizon)) + horizon
            sums = pd.DataFrame({"crps": crps, "base": base}).groupby(target.year).sum()
            years.append(100 * (1 - sums["crps"] / sums["base"]))
        said = " / ".join(f"{s:+.1f}" for s in skill)
        means = f"   means by observed{drift}" if drift.strip() else ""
        yield f"{name:50} {months.name:22} {said}   mean {np.mean(skill):+.1f}{means}"
        if by_year:
            each = pd.concat(years, axis=1).mean(axis=1)
            yield f"{'':50} by year: {', '.join(f'{year} {value:+.1f}' for year, value in each.items())}"


def short_records(counts: pd.DataFrame, target: str) -> Iterator[str]:
    """CRPS where nothing has been scored: Octobers with so few months of history, weights of the start."""
    months = pd.PeriodIndex(counts["month"], freq="M")
    usual = pooled_members(target, counts.columns)
    starts = {
        "all members alike": np.full(len(usual), 1 / len(usual)),
        "the plain past alike": np.isin(usual, PLAIN[:3]) / 3,
        "as shipped": starting_weights(usual, HISTORY),
    }
    crps: dict[str, list[list[float]]] = {name: [[] for _ in SHORT] for name in (*starts, *BASELINES)}
    names = tuple(dict.fromkeys((*usual, *BASELINES)))
    for october in pd.period_range("2009-10", "2015-10", freq="M")[::12]:
        few = Panel.from_frame(counts[(months > october - HISTORY) & (months <= october + max(SHORT))])
        problem = build_problems(few, [target])[target]
        for i, horizon in enumerate(SHORT):
            each = list(margins_of(fit_members(problem, october, horizon, names), problem, october).values())
            observed = outcomes(problem, np.array([problem.row(october) + horizon]), np.arange(few.shape[1]))[
                0
            ]
            error, distance = pool_terms(each, observed, np.isfinite(observed))
            for name in crps:
                weights = np.zeros(len(names))
                if name in starts:
                    weights[: len(usual)] = starts[name]
                else:
                    weights[names.index(name)] = 1
                crps[name][i].append(weights @ error - 0.5 * weights @ distance @ weights)
    for name, found in crps.items():
        yield f"{name:50} {' / '.join(f'{np.mean(x):.1f}' for x in found)}"


def main() -> None:
    """Print a row for every trial."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--target", default="events")
    parser.add_argument("--panel", type=Path)
    parser.add_argument("--theatre", nargs=2, type=Path)
    parser.add_argument("--by-year", action="store_true")
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    counts = None if asked.panel is None else pd.read_csv(asked.panel)
    if counts is not None:
        judged = [own("panel", Panel.from_frame(counts), asked.target, asked.keep)]
    elif asked.theatre is not None:
        events, polygons = asked.theatre
        settings = Settings(source=f"table:{events}", regions=polygons, level="admin1")
        judged = [own("theatre", load_inputs(settings).panel, asked.target, asked.keep)]
    else:
        judged = list(windows(asked.target, asked.keep))
    for name in (*MEMBERS, *POOLS):
        if not asked.names or any(word in name for word in asked.names):
            for line in rows(name, judged, asked.by_year):
                print(line, flush=True)
    if counts is not None:
        print(
            "\n36 months of history, CRPS at 3 / 8 / 14 months",
            *short_records(counts, asked.target),
            sep="\n",
        )


if __name__ == "__main__":
    # As in a back-test: with several threads sums are added in another order, and fits end elsewhere.
    with threadpool_limits(1):
        main()
