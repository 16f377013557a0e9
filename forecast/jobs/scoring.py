"""Forecasts that others made, scored beside the baselines and the pool on the same cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...data.errors import OriginError, RegionError, UsageError, nearest
from ..settings import Settings
from .backtest_plan import BacktestSettings, inputs_of, make_plan

if TYPE_CHECKING:
    from ...data.panel import Panel
    from ...training.evaluation.leaderboard import Evaluation
    from ...training.own import ForecastTable, TableMember
    from ...training.record import Record


def evaluate_table(
    table: Any,
    against: Panel | pd.DataFrame | str | Path | None = None,
    *,
    target: str | None = None,
    origin: str | pd.Period | None = None,
    trained_to: str | pd.Period | None = None,
    unseal: bool = False,
    seed: int = 20231,
) -> Evaluation:
    """Score anybody's forecasts beside our baselines and pool, on the same origins, regions and months.

    Parameters
    ----------
    table : path, table, or list of them
        Hubverse (quantiles, samples or cdf), the layout of VIEWS, or tidy; see
        :meth:`harmattan.training.own.ForecastTable.read`. Each may hold several models.
    against : Panel, table or path, optional
        The counts; the shipped ones where None or ``"snapshot"``.
    target, origin
        What the table does not say.
    trained_to : str or Period, optional
        The last month that the foreign models have learned from; origins before it are refused.
    unseal : bool
        Whether target months of the vault may be scored.
    seed : int
        Root of every random stream.

    Returns
    -------
    Evaluation
        As of a back-test: ``leaderboard`` with intervals and coverage, ``compare()`` for every pair, ``scores()``.

    Raises
    ------
    SchemaError, UsageError
        A table that is no forecast: names the row; see :meth:`harmattan.training.own.ForecastTable.read`.
    OriginError
        None of its months is in the data, or its first origin has too little history.
    RegionError
        A region that the data do not have.

    Examples
    --------
    >>> board = evaluate_table("chronos.parquet", target="events").leaderboard  # doctest: +SKIP
    """
    from ...training.evaluation.leaderboard import border_regions, evaluate

    members = _members(table, target, origin, trained_to)
    inputs = _inputs(against)
    rng = np.random.default_rng(np.random.SeedSequence([seed, 3]))
    regions = _regions([m.table for m in members], inputs.panel)
    records: list[Record] = []
    for horizon in sorted({h for m in members for h in m.table.horizons}):
        base = Settings(horizons=(horizon,), seed=seed, track=False)
        settings = BacktestSettings(base, members[0].table.target, unseal=unseal)
        records += _scored(settings, members, regions, horizon, inputs)
    if not records:
        months = f"{inputs.panel.months[0]} to {inputs.panel.last_month}"
        what = f"no month that the table forecasts is in the data, which run from {months}."
        raise OriginError(what, members[0].table.where, "Bring newer data, or earlier forecasts.")
    return evaluate(records, rng, border_regions(inputs.panel))


def _members(table: Any, target: str | None, origin: Any, trained_to: Any) -> list[TableMember]:
    """Every model of every table; a :class:`UsageError` for two of one name, or of different targets."""
    from ...training.own import ForecastTable, TableMember

    tables = table if isinstance(table, list | tuple) else [table]
    if not tables:
        raise UsageError("no table is given.", "table", "Give a file or a table of forecasts.")
    members: dict[str, TableMember] = {}
    for each in tables:
        read = ForecastTable.read(each, target, origin)
        for model in read.models:
            made = TableMember(read, model=model, trained_to=trained_to)
            if made.name in members:
                raise UsageError(f"two models are called '{made.name}'.", read.where, "Rename one of them.")
            members[made.name] = made
    targets = sorted({m.table.target for m in members.values()})
    if len(targets) > 1:
        raise UsageError(
            f"the tables forecast {' and '.join(targets)}.", "table", "Score one target at a time."
        )
    return list(members.values())


def _inputs(against: Any) -> Any:
    """The counts, as they would be read for a run."""
    from ...data.panel import Panel
    from ..loading import load_inputs

    if against is None or (isinstance(against, str) and against == "snapshot"):
        return load_inputs(Settings())
    if isinstance(against, str | Path):
        return load_inputs(Settings(panel=Path(against)))
    return inputs_of(against if isinstance(against, Panel) else Panel.from_frame(against))


def _regions(tables: Sequence[ForecastTable], panel: Panel) -> tuple[str, ...]:
    """The panel's regions that all models forecast; an error for one that the data do not have."""
    shared = set(tables[0].region_ids)
    coded = all(r.startswith(f"{c}-") for r, c in zip(panel.region_ids, panel.countries, strict=True))
    for table in tables:
        shared &= set(table.region_ids)
        for region in table.region_ids:
            ours = not coded or region.split("-")[0] in panel.countries
            if region not in panel.region_ids and ours:
                raise RegionError(
                    f"'{region}' is not a region of the data.", table.where, nearest(region, panel.region_ids)
                )
    found = tuple(r for r in panel.region_ids if r in shared)
    if not found:
        what = f"no region is in every table and in the data, which have {panel.region_ids[0]} and others."
        raise RegionError(what, tables[0].where, "Write the data's own ids.")
    return found


def _scored(
    settings: BacktestSettings,
    members: Sequence[TableMember],
    regions: tuple[str, ...],
    horizon: int,
    inputs: Any,
) -> list[Record]:
    """The record at one horizon, on the origins that every model has and whose outcome is known."""
    from ...training.evaluation.backtest import run_backtest
    from ...training.models import BASELINES, RIVAL
    from ...training.problems import build_problems

    last = inputs.panel.last_month - horizon
    each = [{o for o, h in m.table.keys if h == horizon and o <= last} for m in members]
    origins = sorted(set.intersection(*each))
    if not origins:
        return []
    plan = make_plan(replace(settings, origins=(origins[0], origins[-1])), inputs)
    problem = build_problems(plan.panel, [settings.target], plan.inputs.training)[settings.target]
    run = tuple(pd.period_range(origins[0], origins[-1], freq="M"))
    compared: tuple[Any, ...] = (*BASELINES, RIVAL, *(m.only(regions) for m in members))
    (record,) = run_backtest(problem, run, (horizon,), regions, compared=compared)
    return [record.at_origins(np.flatnonzero([o in set(origins) for o in run]))]
