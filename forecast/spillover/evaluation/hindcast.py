"""What the method would have said at past origins, and whether it was right: history, gain, first entries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ....data.panel import Panel
from ....training.diffusion.border_signal import judge_borders
from ....training.diffusion.design import make_design
from ....training.diffusion.fit import PERMUTATIONS, assemble
from ....training.models.base import Problem
from ..breakdown import ModelAtOrigin
from ..job import border_rng, problem_of, total_shares
from .first_events import entry_tables, first_entries
from .shipped import load_evaluation

__all__ = ["gain_table", "hindcast", "hindcast_origin", "load_evaluation"]

#: First origin; there is one each month.
FIRST = "2014-12"
#: Months after an origin in which an armed group's first event counts, asked at the end of every such span.
QUARTER = 3
#: Months over which shares are stated.
SPAN = 6
#: A region is quiet after this many months without an event.
QUIET = 6
_KEYS = ["source_country", "target_country"]
_TESTS = [
    "coefficient",
    "p_holm",
    "p_permuted",
    "p_shock",
    "declared",
    "distinguishable_from_shock",
    "verdict",
]


@dataclass(frozen=True)
class HindcastInputs:
    """What every origin shares."""

    problem: Problem
    seed: int


def hindcast(
    panel: Panel,
    seed: int,
    workers: int = 1,
    progress: Callable[[float], None] | None = None,
    first: str = FIRST,
) -> dict[str, pd.DataFrame]:
    """Refit at every month, with the final counts up to then and none after, and compare with what came.

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
        declared, distinguishable_from_shock, verdict), ``gain`` (CRPS and average precision of onsets in border
        regions, with and without the term), ``entries`` and ``entry_list``, see
        :func:`harmattan.forecast.spillover.evaluation.first_events.entry_tables`.
    """
    from ....training.parallel import run_tasks

    start = pd.Period(first, freq="M")
    origins = [start + i for i in range((panel.months[-1] - start).n + 1)]
    shared = HindcastInputs(problem_of(panel), seed)
    tasks = [(str(o),) for o in origins]
    done = run_tasks(hindcast_origin, shared, tasks, workers=workers, progress=progress)
    history, steps, entries = (_stacked([d[name] for d in done]) for name in ("history", "steps", "entries"))
    rng = np.random.default_rng(np.random.SeedSequence([seed, 6]))
    summary, listed = entry_tables(entries, rng)
    return {"history": history, "gain": gain_table(steps, rng), "entries": summary, "entry_list": listed}


def _stacked(tables: Sequence[pd.DataFrame | None]) -> pd.DataFrame:
    """What there is of some tables, one below the other."""
    made = [t for t in tables if t is not None]
    return pd.concat(made, ignore_index=True) if made else pd.DataFrame({"origin": []})


def hindcast_origin(inputs: HindcastInputs, origin: str) -> dict[str, Any]:
    """Fit at one origin with and without borders, and look at the following month and quarter."""
    problem, at = inputs.problem, pd.Period(origin, freq="M")
    design, shares = make_design(problem, at, None, 24, 2.0)
    likelihood = design.likelihood()
    best = design.fit(likelihood, design.start())
    across = [t for t in design.terms if t.kind == "across"]
    closed = design.fit(likelihood, best.params, closed=across)
    pairs = judge_borders(design, likelihood, best, PERMUTATIONS, border_rng(inputs.seed))
    view = ModelAtOrigin.at(assemble(design, best, pairs, shares), problem, at)
    shares_by_pair = (
        total_shares(view, SPAN)
        .drop(columns="declared")
        .merge(
            pairs[[*_KEYS, *_TESTS]],
            on=_KEYS,
        )
    )
    border, ahead = np.flatnonzero(design.far.any(axis=1)), len(problem.counts) - 1 - view.row
    means = [design.mean_after(found.params, view.row) for found in (best, closed)]
    asked = at.month % QUARTER == 0 and ahead >= QUARTER
    return {
        "history": shares_by_pair.assign(origin=origin),
        "steps": _month(problem, view.row + 1, border, means) if ahead else None,
        "entries": first_entries(view, border, QUARTER).assign(origin=origin) if asked else None,
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


def gain_table(steps: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """What the cross-border term gains one month ahead in border regions, with 95 % intervals over blocks of months."""
    from ....training.evaluation.comparison import month_blocks, skill_from_blocks

    by_month = steps.groupby("row")[["crps_with", "crps_without"]].sum()
    blocks = month_blocks(len(by_month), rng)
    score = [by_month[c].to_numpy(float) for c in ("crps_with", "crps_without")]
    gain, low, high = skill_from_blocks(score[0], score[1], blocks)
    rows = [("crps", len(steps), score[0].sum() / len(steps), score[1].sum() / len(steps), gain, low, high)]
    quiet = steps[steps["quiet"]]
    precision = _onset_precision(quiet)
    months, of = np.unique(quiet["row"], return_inverse=True)
    differences = []
    for draws in month_blocks(len(months), rng, samples=400):
        sample = quiet.loc[quiet.index.repeat(draws[of].astype(int))]
        a, b = _onset_precision(sample)
        differences.append(a - b)
    rows.append(
        (
            "average precision of onsets",
            len(quiet),
            *precision,
            precision[0] - precision[1],
            float(np.nanquantile(differences, 0.025)),
            float(np.nanquantile(differences, 0.975)),
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
