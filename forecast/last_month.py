"""Months that are known, as they were forecast: the pool's record, and the last month a month before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .outlook import JUDGED_COLUMNS, judge_margins

if TYPE_CHECKING:
    from ..training.evaluation.reliability import ForecastRecord
    from ..training.margins import Margins
    from ..training.models.base import Problem
    from ..training.onset import OnsetFits
    from ..training.pool.dependence import Template
    from ..training.record import PastErrors, Record
    from ..training.trained_model import TrainedModel
    from .settings import Settings


def known_origins(record: Record) -> list[int]:
    """Origins whose outcome is known."""
    return [i for i, row in enumerate(record.observed) if np.isfinite(row).any()]


def errors_at(record: Record, known: Sequence[int]) -> PastErrors:
    """The pool's past errors at some origins."""
    errors, at = record.errors, list(known)
    origins = tuple(errors.origins[i] for i in at)
    return replace(errors, origins=origins, score=errors.score[at], spread=errors.spread[at])


def forecast_record(
    record: Record, known: Sequence[int], rng: np.random.Generator, fitted: pd.Period | None = None
) -> ForecastRecord:
    """The pool's forecasts at the origins whose outcome is known."""
    from ..training.evaluation import REFERENCE
    from ..training.evaluation.reliability import score_forecasts

    at = list(known)
    values = {name: record.of("pool", name)[at] for name in record.values}
    reference = record.of(REFERENCE, "crps_exact")[at]
    origins = [record.origins[i] for i in at]
    return score_forecasts(
        record.target,
        record.horizon,
        origins,
        record.region_ids,
        values,
        reference,
        record.observed[at],
        rng,
        fitted,
        record.history[at],
    )


def published_month(
    problem: Problem, month: pd.Period, trained: TrainedModel, watched: OnsetFits | None
) -> Margins:
    """What a model would have published of the month after ``month``, (regions,): events where it is quiet included.

    ``watched`` is what its onset models look at, None where it has none.
    """
    from ..training.pool import OnsetsAhead

    pool = trained.pools[problem.target, 1].margins(problem, month)["pool"]
    if watched is None or trained.onset is None or problem.target != "events":
        return pool
    return OnsetsAhead.of(trained.onset, watched, month).margins(pool, 1)


def rehearsed_month(
    problems: Mapping[str, Problem],
    origin: pd.Period,
    trained: TrainedModel,
    watched: OnsetFits | None = None,
) -> pd.DataFrame:
    """The last month as it would have been forecast: by this very model, where that is older."""
    from ..training.evaluation.case_scores import measure
    from ..training.evaluation.reliability import rehearsal, score_forecasts
    from ..training.margins import stack
    from ..training.models.baselines import Conflictology

    before = origin - 1
    target = "events" if "events" in problems else next(iter(problems))
    if trained.origin > before or (target, 1) not in trained.pools:
        return trained.table("rehearsal")
    problem = problems[target]
    row = problem.row(origin)
    observed = np.where(problem.observed[row], problem.counts[row], np.nan)[None]
    nothing = np.full(observed.shape[1], np.nan)
    predicted = stack([published_month(problem, before, trained, watched)])
    usual = stack([Conflictology(12).margins(problem, before)])
    values, reference = (measure(m, observed[0], nothing) for m in (predicted, usual))
    score, regions = reference["crps_exact"], problem.panel.region_ids
    rng = np.random.default_rng(trained.seed)
    return rehearsal(
        score_forecasts(target, 1, [before], regions, values, score, observed, rng, trained.origin)
    )


def record_tables(
    forecasts: Mapping[tuple[str, int], ForecastRecord], target: str
) -> dict[str, pd.DataFrame]:
    """How often what was forecast came true, and the last month as it would have been forecast."""
    from ..training.evaluation import monthly_triggers
    from ..training.evaluation.reliability import REHEARSAL_COLUMNS, rehearsal, reliability_table

    leading = forecasts.get((target, 1))
    return {
        "triggers": monthly_triggers(forecasts),
        "reliability": reliability_table(forecasts.values()),
        "rehearsal": pd.DataFrame(columns=REHEARSAL_COLUMNS) if leading is None else rehearsal(leading),
    }


def judged_month(
    settings: Settings,
    problems: Mapping[str, Problem],
    origin: pd.Period,
    trained: TrainedModel,
    watched: OnsetFits | None = None,
) -> pd.DataFrame:
    """The last month against the joint forecast of it: by this very model, where that is older."""
    from ..training.trained_model import at_horizons

    before = origin - 1
    if trained.origin > before:
        return trained.table("judged") if trained.has_table("judged") else _nothing()
    if trained.template is None or ("events", 1) not in trained.pools or "events" not in problems:
        return _nothing()
    problem = problems["events"]
    row = problem.row(origin)
    observed = np.where(problem.observed[row], problem.counts[row], np.nan)
    margins = published_month(problem, before, trained, watched)
    places = problem.panel.region_ids, problem.panel.countries
    template = at_horizons(trained.template, (1,))
    return judge_margins(
        margins, template, settings.draws, places, observed, (before, origin), _rng(settings)
    )


def judged_record(record: Record | None, template: Template | None, settings: Settings) -> pd.DataFrame:
    """The last month with an outcome in a back-test against the pool's joint forecast; empty where there is none."""
    if record is None or record.latest is None or template is None:
        return _nothing()
    last = max(i for i, row in enumerate(record.observed) if np.isfinite(row).any())
    places = record.region_ids, record.countries
    months = record.origins[last], record.origins[last] + 1
    return judge_margins(
        record.latest, template, settings.draws, places, record.observed[last], months, _rng(settings)
    )


def _nothing() -> pd.DataFrame:
    return pd.DataFrame(columns=list(JUDGED_COLUMNS))


def _rng(settings: Settings) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([settings.seed, 3]))
