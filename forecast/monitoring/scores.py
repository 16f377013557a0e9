"""How past releases have done: their draws against what has been observed since, and when to raise the alarm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ...data.panel import Panel
from ...training.distribution import Draws, empirical
from ...training.evaluation.scores import interval_coverage, randomised_pit
from ..release.read import PastRelease, readable, usable

if TYPE_CHECKING:
    from ..result import ForecastResult

#: What skill is told against: a region's own last twelve months.
RECENT = 12
#: Months in a row below zero that raise the alarm, and months over which coverage is judged.
BELOW, WINDOW = 3, 6
#: How far the mean expectation may be from what was recorded, as a ratio, before it is told.
BIAS = 1.5
#: One row per release, target and horizon, and per vintage of the month that was forecast.
COLUMNS = [
    "release",
    "origin",
    "model",
    "target",
    "horizon",
    "month",
    "vintage",
    "data_to",
    "regions",
    "expected",
    "observed",
    "crps",
    "crps_conflictology",
    "coverage_50",
    "coverage_80",
    "coverage_90",
    "reference",
    "scoring",
]
#: What is judged once: one month ahead of one release.
CASE = ["release", "target", "horizon"]
#: One row per target and month.
MONTHLY = [
    "target",
    "month",
    "forecasts",
    "cases",
    "expected",
    "observed",
    "crps",
    "crps_conflictology",
    "skill",
    "coverage_50",
    "coverage_80",
    "coverage_90",
]
Level = Literal["green", "amber", "red"]
ORDER = {"green": 0, "amber": 1, "red": 2}


@dataclass(frozen=True)
class Alarm:
    """One thing that is watched."""

    name: str  # ``skill, coverage, bias`` or ``inputs``.
    level: Level
    message: str  # One sentence.

    def to_dict(self) -> dict[str, str]:
        """The alarm for JSON."""
        return {"name": self.name, "level": self.level, "message": self.message}


def score_release(past: PastRelease, panel: Panel) -> pd.DataFrame:
    """Score one release in every month that has been observed since.

    Parameters
    ----------
    past : PastRelease
        The release, from its files alone.
    panel : Panel
        What is known now; only regions and months that were observed count.

    Returns
    -------
    pandas.DataFrame
        :data:`COLUMNS`: scores are means over regions in counts, ``expected`` and ``observed`` sums over them,
        coverage that of the randomised PIT, ``vintage`` a digest of the outcomes, ``data_to`` the last month known
        when they were scored; ``reference`` says whether the baseline saw the counts ``as known then`` or ``as known
        now``; ``scoring`` is 1.
    """
    rows = []
    for target, draws in past.draws.items():
        if target != "events" and not _has(panel, target):
            continue
        for k, horizon in enumerate(draws.horizons):
            month = draws.origin + horizon
            if panel.months[0] <= month <= panel.last_month:
                row = _case(past, draws, k, panel, target)
                if row is not None:
                    rows.append(
                        (past.name, str(draws.origin), _made_by(past), target, horizon, str(month), *row, 1)
                    )
    return pd.DataFrame(rows, columns=COLUMNS)


def _made_by(past: PastRelease) -> str:
    """The version of the registered model, however it was asked for; else what was used in its place."""
    from ...training.registry.versions import MODEL

    version = (past.manifest.get("model") or {}).get("version")
    return f"{MODEL} {version}" if version else past.model


def _has(panel: Panel, target: str) -> bool:
    from ...data.panel import TARGETS

    return TARGETS.get(target, target) in panel.measures


def _case(past: PastRelease, draws: Draws, k: int, panel: Panel, target: str) -> tuple[Any, ...] | None:
    """Scores of one month of one release; None where no region of it was observed."""
    month = draws.origin + draws.horizons[k]
    outcome = panel.target(target)[panel.position(month)]
    before, reference = _record(past, draws, panel, target)
    column = {region: i for i, region in enumerate(panel.region_ids)}
    both = [
        (i, column[region])
        for i, region in enumerate(draws.region_ids)
        if region in column and np.isfinite(outcome[column[region]]) and np.isfinite(before[:, i]).all()
    ]
    if not both:
        return None
    mine, theirs = (list(side) for side in zip(*both, strict=True))
    observed, values = outcome[theirs].astype(np.int64), draws.values[:, k, mine]
    seed = np.random.SeedSequence([draws.origin.ordinal, draws.horizons[k]])
    pit = randomised_pit(observed, values, np.random.default_rng(seed).random(len(mine)))
    held = interval_coverage(pit)
    names = [draws.region_ids[i] for i in mine]
    return (
        sha256(repr([*zip(names, observed.tolist(), strict=True)]).encode()).hexdigest()[:12],
        str(panel.last_month),
        len(mine),
        float(draws.mean()[k, mine].sum()),
        float(observed.sum()),
        float(empirical(values).crps(observed).mean()),
        float(empirical(before[:, mine]).crps(observed).mean()),
        held[0.5],
        held[0.8],
        held[0.9],
        reference,
    )


def _record(past: PastRelease, draws: Draws, panel: Panel, target: str) -> tuple[np.ndarray, str]:
    """The twelve months up to the origin, (12, regions of the draws), and as of when they are known."""
    kept, word = past.history, "as known then"
    if kept is None or not _has(kept, target) or kept.months[-1] != draws.origin or len(kept.months) < RECENT:
        kept, word = panel.until(draws.origin), "as known now"
    column = {region: i for i, region in enumerate(kept.region_ids)}
    counts = kept.target(target)[-RECENT:].astype(float)
    blank = np.full(len(counts), np.nan)
    return np.stack([counts[:, column[r]] if r in column else blank for r in draws.region_ids], axis=1), word


def score_releases(
    releases: Iterable[PastRelease], panel: Panel, known: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Score some releases, and keep what was scored before of other vintages.

    Parameters
    ----------
    releases : iterable of PastRelease
    panel : Panel
    known : pandas.DataFrame, optional
        What was scored before. A case whose outcomes are still the same is not scored again. One that has been revised
        keeps its earlier rows, and the new row has the next higher number of ``scoring``.
    """
    before = pd.DataFrame(columns=COLUMNS) if known is None else known
    fresh = [_unlike(score_release(past, panel), before) for past in releases]
    tables = [table for table in (before, *fresh) if len(table)]
    if not tables:
        return pd.DataFrame(columns=COLUMNS)
    order = ["target", "month", "origin", "release", "scoring"]
    return pd.concat(tables).sort_values(order, kind="stable", ignore_index=True)


def _unlike(fresh: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """The rows whose outcomes are not those that the case was last scored with, numbered on from there."""
    last = newest_vintage(known).set_index(CASE)[["vintage", "scoring"]]
    told = last.reindex(pd.MultiIndex.from_frame(fresh[CASE])).set_axis(fresh.index)
    scoring = told["scoring"].fillna(0).astype(int) + 1
    return fresh.assign(scoring=scoring)[fresh["vintage"] != told["vintage"]]


def newest_vintage(table: pd.DataFrame) -> pd.DataFrame:
    """Each case once, by the outcomes that it was scored with last."""
    return table.sort_values("scoring", kind="stable").drop_duplicates(CASE, keep="last").sort_index()


def by_month(table: pd.DataFrame) -> pd.DataFrame:
    """What was forecast of each month, over all releases and horizons that reached it.

    Returns
    -------
    pandas.DataFrame
        ``target, month, forecasts, cases, expected, observed, crps, crps_conflictology, skill, coverage_50,
        coverage_80, coverage_90``; expected and observed are means over the forecasts, skill is ``1 - crps / crps of
        conflictology`` and NaN where that is zero.
    """
    rows = []
    for (target, month), part in newest_vintage(table).groupby(["target", "month"], sort=True):
        weight = part["regions"] / part["regions"].sum()
        mean = {
            name: float((part[name] * weight).sum())
            for name in ("crps", "crps_conflictology", "coverage_50", "coverage_80", "coverage_90")
        }
        base = mean["crps_conflictology"]
        rows.append(
            {
                "target": target,
                "month": month,
                "forecasts": len(part),
                "cases": int(part["regions"].sum()),
                "expected": float(part["expected"].mean()),
                "observed": float(part["observed"].mean()),
                "crps": mean["crps"],
                "crps_conflictology": base,
                "skill": 1 - mean["crps"] / base if base > 0 else float("nan"),
                **{name: mean[name] for name in ("coverage_50", "coverage_80", "coverage_90")},
            }
        )
    return pd.DataFrame(rows, columns=MONTHLY)


def alarms(months: pd.DataFrame, drift: pd.DataFrame | None = None) -> list[Alarm]:
    """What to say of the record by month, and of the inputs.

    Parameters
    ----------
    months : pandas.DataFrame
        See :func:`by_month`.
    drift : pandas.DataFrame, optional
        See :func:`harmattan.forecast.monitoring.drift.input_drift`.
    """
    found = []
    for target in sorted(set(months["target"]), key=lambda t: t != "events"):
        mine = months[months["target"] == target].sort_values("month")
        found += [_skill(target, mine), _coverage(target, mine), _bias(target, mine)]
    if drift is not None and len(drift):
        found.append(_inputs(drift))
    return found


def _recent(months: pd.DataFrame, number: int) -> pd.DataFrame:
    """The rows of the last few months of the calendar, the newest scored one being the last."""
    calendar = pd.PeriodIndex(months["month"], freq="M")
    return months[calendar > calendar.max() - number]


def _skill(target: str, months: pd.DataFrame) -> Alarm:
    last = _recent(months, BELOW)["skill"].dropna()
    if len(last) < BELOW:
        words = f"Forecasts of {target} have been scored in {len(last)} of the last {BELOW} months: too few to judge."
        return Alarm("skill", "green", words)
    told = ", ".join(f"{100 * v:+.0f} %" for v in last)
    if (last < 0).all():
        words = f"Forecasts of {target} were worse than conflictology for {BELOW} months in a row ({told})."
        return Alarm("skill", "red", words)
    return Alarm(
        "skill", "green", f"Skill of {target} against conflictology in the last {BELOW} months: {told}."
    )


def _coverage(target: str, months: pd.DataFrame) -> Alarm:
    from ..release.status import coverage_of

    last = _recent(months, WINDOW)
    if len(last) < BELOW:
        return Alarm(
            "coverage", "green", f"Intervals of {target} have been scored in too few months to judge."
        )
    rows = last.assign(member="pool").to_dict("records")
    entry = coverage_of([{str(k): v for k, v in row.items()} for row in rows])
    return Alarm("coverage", entry.level, entry.message)


def _bias(target: str, months: pd.DataFrame) -> Alarm:
    last = _recent(months, BELOW)
    expected, observed = float(last["expected"].sum()), float(last["observed"].sum())
    ratio = expected / observed if observed > 0 else float("inf")
    span = f"the last {BELOW}" if len(last) == BELOW else f"{len(last)} of the last {BELOW}"
    words = f"In {span} months {expected:,.0f} {target} were expected and {observed:,.0f} recorded."
    far = len(last) >= BELOW and not 1 / BIAS <= ratio <= BIAS
    return Alarm("bias", "amber" if far else "green", words)


def _inputs(drift: pd.DataFrame) -> Alarm:
    moved = drift[drift["drifted"].astype(bool)].sort_values("psi", ascending=False)
    if moved.empty:
        return Alarm("inputs", "green", "What the models are fed is distributed as in training.")
    told = ", ".join(f"{row.family} ({row.psi:.2f})" for row in moved.itertuples())
    return Alarm(
        "inputs", "amber", f"What the models are fed has shifted: {told} (population stability index)."
    )


def watched(out: Path, panel: Panel, origin: pd.Period, longest: int = 6) -> list[Alarm]:
    """The alarms that releases of earlier origins raise on what is known at an origin; the same on every run.

    Parameters
    ----------
    out : Path
        Folder of releases.
    panel : Panel
        What is known.
    origin : pandas.Period
        Nothing later is looked at.
    longest : int
        Longest horizon that is looked back on, months.
    """
    known = panel.until(origin)
    found = readable(usable(out, origin, origin - WINDOW - longest))
    table = score_releases(found, known)
    return alarms(by_month(table)) if len(table) else []


def with_alarms(result: ForecastResult, out: Path) -> ForecastResult:
    """The result with a sentence in its banner for every red alarm, and then never green."""
    red = [a.message for a in watched(out, result.panel, result.origin) if a.level == "red"]
    if not red:
        return result
    level = "amber" if result.level == "green" else result.level
    return replace(result, banner=" ".join([result.banner, *red]).strip(), level=level)


def metrics(months: pd.DataFrame, table: pd.DataFrame) -> dict[str, dict[int, float]]:
    """The record as metrics over time: the step is the month as a number, ``202401``.

    >>> metrics(pd.DataFrame(), pd.DataFrame())
    {}
    """
    found: dict[str, dict[int, float]] = {}

    def note(key: str, month: str, value: float) -> None:
        if np.isfinite(value):
            found.setdefault(key, {})[int(month.replace("-", ""))] = float(value)

    for row in _records(months):
        for name in ("crps", "crps_conflictology", "skill", "coverage_50", "coverage_80", "coverage_90"):
            note(f"{name}.{row['target']}", row["month"], row[name])
        note(f"bias.{row['target']}", row["month"], row["expected"] - row["observed"])
    for row in _records(newest_vintage(table) if len(table) else table):
        note(f"crps.{row['target']}.h{row['horizon']}", row["month"], row["crps"])
        if row["crps_conflictology"] > 0:
            skill = 1 - row["crps"] / row["crps_conflictology"]
            note(f"skill.{row['target']}.h{row['horizon']}", row["month"], skill)
    return found


def _records(table: pd.DataFrame) -> Sequence[Mapping[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]
