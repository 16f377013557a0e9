"""How past releases have done: their draws against what has been observed since, and when to raise the alarm."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...data.panel import Panel
from ...training.distribution import Draws
from ...training.evaluation.scores import interval_coverage, randomised_pit
from ...training.margins import empirical
from ...training.parts import part_of, with_parts
from ..release import PastRelease, StatusEntry, coverage_of, outcome_of, readable, usable

if TYPE_CHECKING:
    from ..result import ForecastResult

#: Months in a row below zero that raise the alarm, and months over which coverage is judged.
BELOW, WINDOW = 3, 6
#: How far the mean expectation may be from what was recorded, as a ratio, before it is an alarm.
BIAS = 1.5
MEANS = ["crps", "crps_conflictology", "coverage_50", "coverage_80", "coverage_90"]
#: What is judged once: one month ahead of one release.
CASE = ["release", "target", "horizon"]
#: One row per release, target and horizon, and per vintage of the month that was forecast.
COLUMNS = ["release", "origin", "model", "target", "horizon", "month", "vintage", "data_to"]
COLUMNS += ["regions", "expected", "observed", *MEANS, "reference", "scoring"]
#: One row per target and month.
MONTHLY = ["target", "month", "forecasts", "cases", "expected", "observed", *MEANS[:2], "skill", *MEANS[2:]]


def score_release(past: PastRelease, panel: Panel) -> pd.DataFrame:
    """Score one release in every month that has been observed since.

    ``panel`` is what is known now; only regions and months that were observed count.

    :data:`COLUMNS`: scores are means over regions in counts, ``expected`` and ``observed`` sums over them,
    coverage that of the randomised PIT, ``vintage`` a digest of the outcomes, ``data_to`` the last month known
    when they were scored; ``reference`` says whether the baseline saw the counts ``as known then`` or ``as known
    now``; ``scoring`` is 1.
    """
    rows = []
    panel = with_parts(panel, {target: d.region_ids for target, d in past.draws.items()})
    for target, draws in past.draws.items():
        if target != "events" and not _has(panel, target):
            continue
        for k, horizon in enumerate(draws.horizons):
            month = draws.origin + horizon
            if panel.months[0] <= month <= panel.last_month:
                row = _scores(past, draws, k, panel, target)
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


def _scores(past: PastRelease, draws: Draws, k: int, panel: Panel, target: str) -> tuple[Any, ...] | None:
    """Scores of one month of one release; None where no region of it was observed."""
    seen = outcome_of(past, target, draws.horizons[k], panel)
    if seen is None:
        return None
    mine, observed = seen.positions, seen.observed
    values = draws.values[:, k, mine]
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
        float(empirical(seen.before).crps(observed).mean()),
        held[0.5],
        held[0.8],
        held[0.9],
        "as known then" if seen.as_known_then else "as known now",
    )


def score_releases(
    releases: Iterable[PastRelease], panel: Panel, known: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Score some releases, and keep what was scored before of other vintages.

    A case of ``known``, what was scored before, is not scored again where its outcomes are still the same. One that has
    been revised keeps its earlier rows, and the new row has the next higher number of ``scoring``.
    """
    before = pd.DataFrame(columns=COLUMNS) if known is None else known
    fresh = [_changed(score_release(past, panel), before) for past in releases]
    tables = [table for table in (before, *fresh) if len(table)]
    if not tables:
        return pd.DataFrame(columns=COLUMNS)
    order = ["target", "month", "origin", "release", "scoring"]
    return pd.concat(tables).sort_values(order, kind="stable", ignore_index=True)


def _changed(fresh: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """The rows whose outcomes are not those that the case was last scored with, numbered on from there."""
    last = newest_vintage(known).set_index(CASE)[["vintage", "scoring"]]
    before = last.reindex(pd.MultiIndex.from_frame(fresh[CASE])).set_axis(fresh.index)
    scoring = before["scoring"].fillna(0).astype(int) + 1
    return fresh.assign(scoring=scoring)[fresh["vintage"] != before["vintage"]]


def newest_vintage(table: pd.DataFrame) -> pd.DataFrame:
    """Each case once, by the outcomes that it was scored with last."""
    return table.sort_values("scoring", kind="stable").drop_duplicates(CASE, keep="last").sort_index()


def by_month(table: pd.DataFrame) -> pd.DataFrame:
    """What was forecast of each month, over all releases and horizons that reached it.

    ``target, month, forecasts, cases, expected, observed, crps, crps_conflictology, skill, coverage_50,
    coverage_80, coverage_90``; expected and observed are means over the forecasts, skill is ``1 - crps / crps of
    conflictology`` and NaN where that is zero.
    """
    rows = []
    for (target, month), part in newest_vintage(table).groupby(["target", "month"], sort=True):
        weight = part["regions"] / part["regions"].sum()
        mean = {name: float((part[name] * weight).sum()) for name in MEANS}
        base = mean["crps_conflictology"]
        rows.append(
            {
                "target": target,
                "month": month,
                "forecasts": len(part),
                "cases": int(part["regions"].sum()),
                "expected": float(part["expected"].mean()),
                "observed": float(part["observed"].mean()),
                "skill": 1 - mean["crps"] / base if base > 0 else float("nan"),
                **mean,
            }
        )
    return pd.DataFrame(rows, columns=MONTHLY)


def alarms(months: pd.DataFrame, drift: pd.DataFrame | None = None) -> list[StatusEntry]:
    """What to say of the record by month, and of the inputs.

    See :func:`by_month`, and :func:`harmattan.forecast.monitoring.drift.input_drift`. Of parts only what is not well is
    said, and never in red: with ten of them three bad months of one are chance.
    """
    found = []
    every = set(months["target"])
    for target in sorted(every, key=lambda t: (part_of(t) in every, t != "events", t)):
        mine = months[months["target"] == target].sort_values("month")
        said = [_skill(target, mine), _coverage(target, mine), _bias(target, mine)]
        if part_of(target) in every:
            said = [replace(entry, level="amber") for entry in said if entry.level != "green"]
        found += said
    if drift is not None and len(drift):
        found.append(_inputs(drift))
    return found


def _recent(months: pd.DataFrame, number: int) -> pd.DataFrame:
    """The rows of the last few months of the calendar, the newest scored one being the last."""
    calendar = pd.PeriodIndex(months["month"], freq="M")
    return months[calendar > calendar.max() - number]


def _skill(target: str, months: pd.DataFrame) -> StatusEntry:
    last = _recent(months, BELOW)["skill"].dropna()
    if len(last) < BELOW:
        words = f"Forecasts of {target} have been scored in {len(last)} of the last {BELOW} months: too few to judge."
        return StatusEntry("skill", "green", words)
    shares = ", ".join(f"{100 * v:+.0f} %" for v in last)
    if (last < 0).all():
        words = f"Forecasts of {target} were worse than conflictology for {BELOW} months in a row ({shares})."
        return StatusEntry("skill", "red", words)
    words = f"Skill of {target} against conflictology in the last {BELOW} months: {shares}."
    return StatusEntry("skill", "green", words)


def _coverage(target: str, months: pd.DataFrame) -> StatusEntry:
    last = _recent(months, WINDOW)
    if len(last) < BELOW:
        words = f"Intervals of {target} have been scored in too few months to judge."
        return StatusEntry("coverage", "green", words)
    rows = last.assign(member="pool").to_dict("records")
    return coverage_of(rows)


def _bias(target: str, months: pd.DataFrame) -> StatusEntry:
    last = _recent(months, BELOW)
    expected, observed = float(last["expected"].sum()), float(last["observed"].sum())
    ratio = expected / observed if observed > 0 else float("inf")
    span = f"the last {BELOW}" if len(last) == BELOW else f"{len(last)} of the last {BELOW}"
    words = f"In {span} months {expected:,.0f} {target} were expected and {observed:,.0f} recorded."
    far = len(last) >= BELOW and not 1 / BIAS <= ratio <= BIAS
    return StatusEntry("bias", "amber" if far else "green", words)


def _inputs(drift: pd.DataFrame) -> StatusEntry:
    moved = drift[drift["drifted"].astype(bool)].sort_values("psi", ascending=False)
    if moved.empty:
        return StatusEntry("inputs", "green", "What the models are fed is distributed as in training.")
    families = ", ".join(f"{row.family} ({row.psi:.2f})" for row in moved.itertuples())
    words = f"What the models are fed has shifted: {families} (population stability index)."
    return StatusEntry("inputs", "amber", words)


def alarms_of_releases(out: Path, panel: Panel, origin: pd.Period, longest: int = 6) -> list[StatusEntry]:
    """The alarms that releases of earlier origins raise on what is known at an origin; the same on every run.

    Nothing later than the origin is looked at; ``longest`` is the longest horizon that is looked back on, months.
    """
    known = panel.until(origin)
    found = readable(usable(out, origin, origin - WINDOW - longest))
    table = score_releases(found, known)
    return alarms(by_month(table)) if len(table) else []


def with_alarms(result: ForecastResult, out: Path) -> ForecastResult:
    """The result with a sentence in its banner for every red alarm, and then never green."""
    red = [a.message for a in alarms_of_releases(out, result.panel, result.origin) if a.level == "red"]
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

    for row in months.to_dict("records"):
        for name in (*MEANS, "skill"):
            note(f"{name}.{row['target']}", row["month"], row[name])
        note(f"bias.{row['target']}", row["month"], row["expected"] - row["observed"])
    for row in (newest_vintage(table) if len(table) else table).to_dict("records"):
        note(f"crps.{row['target']}.h{row['horizon']}", row["month"], row["crps"])
        if row["crps_conflictology"] > 0:
            skill = 1 - row["crps"] / row["crps_conflictology"]
            note(f"skill.{row['target']}.h{row['horizon']}", row["month"], skill)
    return found
