"""What the method would have said at past origins, and whether it was right: history, gain, first entries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ..data.panel import Panel
from ..training.models.base import Problem
from ..training.models.declare import judge_borders
from ..training.models.diffusion import assemble, lag_states, mean_paths
from ..training.models.diffusion_design import make_design
from .spillover_answers import GROUP_MEASURES, View
from .spillover_job import problem_of, total_shares
from .spillover_stored import load_evaluation

__all__ = ["area", "entry_tables", "gain_table", "load_evaluation", "look_back", "record"]

#: First origin; there is one each month.
FIRST = "2014-12"
#: Months after an origin in which an armed group's first event counts, asked at the end of every such span.
QUARTER = 3
#: Months over which shares are told.
SPAN = 6
#: A region is quiet after this many months without an event.
QUIET = 6
#: How many regions an analyst would watch.
WATCHED = 5
_PERMUTATIONS = 200
_KEYS = ["source_country", "target_country"]


@dataclass(frozen=True)
class Past:
    """What every origin shares."""

    problem: Problem
    seed: int


def record(
    panel: Panel,
    seed: int,
    workers: int = 1,
    progress: Callable[[float], None] | None = None,
    first: str = FIRST,
) -> dict[str, pd.DataFrame]:
    """Refit at every month, with what was known then, and compare with what came.

    Parameters
    ----------
    panel : Panel
        Ends with the last month that may be seen.
    first : str
        First origin.

    Returns
    -------
    dict of str to pandas.DataFrame
        ``history`` (origin, pair: share of the target's expected events over 6 months, coefficient, p-values,
        declared, apart), ``gain`` (CRPS and average precision of onsets in border regions, with and without the term),
        ``entries`` (first events of an armed group in a region: area under the curve, hits among the five regions
        with the largest expected inflow), ``entry_list`` (each first entry and its rank).
    """
    from ..training.parallel import run_tasks

    start = pd.Period(first, freq="M")
    origins = [start + i for i in range((panel.months[-1] - start).n + 1)]
    shared = Past(problem_of(panel), seed)
    tasks = [(str(o),) for o in origins]
    done = run_tasks(look_back, shared, tasks, workers=workers, progress=progress)
    history, steps, entries = (
        pd.concat([d[name] for d in done if d[name] is not None], ignore_index=True)
        for name in ("history", "steps", "entries")
    )
    rng = np.random.default_rng(np.random.SeedSequence([seed, 6]))
    summary, listed = entry_tables(entries)
    return {"history": history, "gain": gain_table(steps, rng), "entries": summary, "entry_list": listed}


def look_back(past: Past, origin: str) -> dict[str, Any]:
    """Fit at one origin with and without borders, and look at the following month and quarter."""
    problem, at = past.problem, pd.Period(origin, freq="M")
    rng = np.random.default_rng([past.seed, at.ordinal])
    design, shares = make_design(problem, at, None, 24, 2.0)
    likelihood = design.likelihood()
    best = design.fit(likelihood, design.start())
    across = [t for t in design.terms if t.kind == "across"]
    closed = design.fit(likelihood, best.params, closed=across)
    pairs = judge_borders(design, likelihood, best, _PERMUTATIONS, rng, most=1)
    view = View.at(assemble(design, best, pairs, shares), problem, at)
    told = (
        total_shares(view, SPAN)
        .drop(columns="declared")
        .merge(
            pairs[[*_KEYS, "coefficient", "p_holm", "p_permuted", "p_shock", "declared", "apart"]], on=_KEYS
        )
    )
    border, ahead = np.flatnonzero(design.far.any(axis=1)), len(problem.counts) - 1 - view.row
    means = [design.mean_after(found.params, view.row) for found in (best, closed)]
    asked = at.month % QUARTER == 0 and ahead >= QUARTER
    return {
        "history": told.assign(origin=origin),
        "steps": _month(problem, view.row + 1, border, means) if ahead else None,
        "entries": _entries(view, border).assign(origin=origin) if asked else None,
    }


def _month(
    problem: Problem, row: int, border: np.ndarray, means: Sequence[tuple[np.ndarray, np.ndarray]]
) -> pd.DataFrame:
    """Outcomes of one month in border regions, and how both models scored."""
    import scoringrules

    counts = problem.counts[row, border]
    quiet = ~problem.counts[row - QUIET : row, border].any(axis=0)
    frame = {"row": row, "region": border, "events": counts, "quiet": quiet}
    for name, (mean, size) in zip(("with", "without"), means, strict=True):
        mu, r = mean[border], size[border]
        p = r / (r + mu)
        frame[f"crps_{name}"] = scoringrules.crps_negbinom(counts, r, p)
        frame[f"onset_{name}"] = 1 - p**r
    table = pd.DataFrame(frame)
    return pd.DataFrame(table.loc[problem.observed[row, border]])


def _entries(view: View, border: np.ndarray) -> pd.DataFrame:
    """Regions that a group has not been seen in: expected inflow of the group, and whether it came."""
    panel, problem, model = view.problem.panel, view.problem, view.model
    alone = replace(model, endemic=np.zeros_like(model.endemic))
    inside = replace(alone, across=np.zeros_like(model.across))
    anything = mean_paths(replace(model, across=inside.across), view.states, QUARTER)[0].sum(axis=0)
    tables = []
    for group, measure in GROUP_MEASURES.items():
        if measure not in panel.measures:
            continue
        events = panel.measure(measure, fill=0)
        fresh = border[~events[: view.row + 1, border].any(axis=0)]
        counted = replace(panel, measures={**panel.measures, "events": events})
        states = lag_states(replace(problem, panel=counted))[view.row]
        inflow = view.expected(alone, QUARTER, states) - view.expected(inside, QUARTER, states)
        came = events[view.row + 1 : view.row + 1 + QUARTER, fresh].any(axis=0)
        tables.append(
            pd.DataFrame(
                {
                    "group": group,
                    "region_id": view.ids[fresh],
                    "country": view.country[fresh],
                    "inflow": inflow[fresh],
                    "any_events": anything[fresh],
                    "came": came,
                }
            )
        )
    names = ["group", "region_id", "country", "inflow", "any_events", "came"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=names)


def gain_table(steps: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """What the cross-border term gains one month ahead in border regions, with 95 % intervals over blocks of months."""
    from ..training.comparison import month_blocks, skill_from_blocks

    by_month = steps.groupby("row")[["crps_with", "crps_without"]].sum()
    blocks = month_blocks(len(by_month), rng)
    score = [by_month[c].to_numpy(float) for c in ("crps_with", "crps_without")]
    gain, low, high = skill_from_blocks(score[0], score[1], blocks)
    rows = [("crps", len(steps), score[0].sum() / len(steps), score[1].sum() / len(steps), gain, low, high)]
    quiet = steps[steps["quiet"]]
    precision = _onset_precision(quiet)
    months, of = np.unique(quiet["row"], return_inverse=True)
    apart = []
    for draws in month_blocks(len(months), rng, samples=400):
        sample = quiet.loc[quiet.index.repeat(draws[of].astype(int))]
        a, b = _onset_precision(sample)
        apart.append(a - b)
    rows.append(
        (
            "average precision of onsets",
            len(quiet),
            *precision,
            precision[0] - precision[1],
            float(np.nanquantile(apart, 0.025)),
            float(np.nanquantile(apart, 0.975)),
        )
    )
    names = ["measure", "cases", "with_border", "without_border", "gain", "gain_low", "gain_high"]
    return pd.DataFrame(rows, columns=names)


def _onset_precision(cases: pd.DataFrame) -> tuple[float, float]:
    from sklearn.metrics import average_precision_score

    happened = cases["events"].to_numpy() > 0
    if not happened.any():
        return float("nan"), float("nan")
    return tuple(  # type: ignore[return-value]
        float(average_precision_score(happened, cases[f"onset_{name}"])) for name in ("with", "without")
    )


def entry_tables(entries: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Area under the curve and hits among the five most exposed, for the inflow and for the events expected anyway."""
    cases = entries[entries["origin"] >= "2015-12"].copy()
    for score in ("inflow", "any_events"):
        cases[f"rank_{score}"] = cases.groupby(["origin", "group"])[score].rank(
            ascending=False, method="first"
        )
    rows = []
    for label, part in [("all", cases), *((str(g), p) for g, p in cases.groupby("group"))]:
        came = part["came"].to_numpy(bool)
        chance = (WATCHED / part.groupby(["origin", "group"])["came"].transform("size")).clip(upper=1)
        for score in ("inflow", "any_events"):
            hit = (part[f"rank_{score}"] <= WATCHED)[came]
            rows.append(
                {
                    "group": label,
                    "ranked_by": "expected inflow across the border"
                    if score == "inflow"
                    else "events expected without borders",
                    "cases": len(part),
                    "entries": int(came.sum()),
                    "auc": area(part[score].to_numpy(float), came),
                    "top5_hit_rate": float(hit.mean()) if len(hit) else np.nan,
                    "top5_by_chance": float(chance[came].mean()) if came.any() else np.nan,
                }
            )
    listed = cases[cases["came"]][
        ["origin", "group", "region_id", "country", "inflow", "rank_inflow", "rank_any_events"]
    ]
    return pd.DataFrame(rows), listed.reset_index(drop=True)


def area(score: np.ndarray, happened: np.ndarray) -> float:
    """Area under the receiver operating characteristic, by ranks (Mann-Whitney).

    >>> area(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    0.75
    """
    from scipy.stats import rankdata

    hits = int(happened.sum())
    misses = len(happened) - hits
    if not hits or not misses:
        return float("nan")
    return float((rankdata(score)[happened].sum() - hits * (hits + 1) / 2) / (hits * misses))
