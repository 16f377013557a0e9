"""A back-test from settings to tables, files and one run in MLflow."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...data import month_of
from ...data.errors import OriginError, TrackingError, UsageError
from ..own_features import recipe_of
from ..settings import Settings
from ..values import countries_of, horizons_of
from .backtest_plan import BacktestPlan, BacktestSettings, inputs_of, make_plan
from .backtest_record import (
    BacktestOutcome,
    Releases,
    check_target,
    summary_of,
    track_backtest,
    write_folder,
)
from .backtest_vintages import FirstReleaseProblems, vintage_problems

if TYPE_CHECKING:
    from ...data.geography import Regions
    from ...data.panel import Panel
    from ...data.vintages import VintageStore
    from ...training.evaluation.leaderboard import Evaluation
    from ...training.evaluation.protocol import Protocol
    from ...training.models import MemberLike
    from ...training.record import Record
    from ..inputs import Inputs

Progress = Callable[[str, float], None]
#: Share of the work that is building what was known at each origin.
VINTAGE_SHARE = 0.2
#: Joint draws are judged where there are no more cases: they are kept until all horizons are there.
JOINT_CASES = 100_000
#: Months ahead over which a trigger may add up.
MOST_MONTHS = 6


def run_backtest_job(settings: BacktestSettings, progress: Progress | None = None) -> BacktestOutcome:
    """Forecast from past origins, score, and write every table.

    Parameters
    ----------
    settings : BacktestSettings
        What is asked for.
    progress : callable, optional
        Called with a stage and the share done, 0..1.

    Raises
    ------
    UsageError
        Options that exclude each other, origins outside the data, a month in the vault.
    InputError
        Files that are missing or broken.
    ReleaseError
        The folder cannot be written.
    """
    say = progress or (lambda stage, share: None)
    clock = [time.perf_counter()]
    check_target(settings.out)
    say("data", 0.0)
    plan = make_plan(settings)
    clock.append(time.perf_counter())
    say("models", 0.02)
    records, releases = _records(settings, plan, lambda share: say("models", 0.02 + 0.88 * share))
    clock.append(time.perf_counter())
    say("scores", 0.9)
    tables = _with_windows(settings, plan, _evaluate(settings, plan, records))
    clock.append(time.perf_counter())
    say("files", 0.97)
    summary = summary_of(settings, plan, tables, releases)
    write_folder(settings.out, tables.tables(), summary)
    seconds = dict(zip(("data", "models", "scores"), np.diff(clock).tolist(), strict=True))
    outcome = BacktestOutcome(plan, tables, summary, settings.out, seconds)
    if not settings.base.tracks:
        return outcome
    say("record", 0.98)
    try:
        return replace(outcome, run_id=track_backtest(outcome, settings))
    except TrackingError as failure:
        return replace(outcome, tracking_error=failure)


def backtest(
    panel: Panel | pd.DataFrame | Any = None,
    *,
    target: str = "events",
    origins: tuple[str, str] | None = None,
    horizons: int | Sequence[int] = (1, 2, 3, 4, 5, 6),
    countries: Sequence[str] = (),
    members: Sequence[MemberLike] | None = None,
    refit_every: int = 12,
    data_lag: int = 0,
    workers: int = 0,
    scheduler: str | None = None,
    benchmark: bool = False,
    unseal: bool = False,
    vintages: VintageStore | str | Path | None = None,
    regions: Regions | Mapping[str, Any] | str | Path | Any = None,
    leave_one_out: bool = False,
    recipe: str | Path | None = None,
    functions: Mapping[str, str] | None = None,
    seed: int = 20231,
) -> Evaluation:
    """Judge the models on past months; nothing is written.

    Parameters
    ----------
    panel : Panel or table, optional
        Counts of your own; the shipped snapshot where None.
    target : str
        ``events`` or ``deaths``.
    origins : tuple of str, optional
        First and last origin, such as ``("2020-01", "2022-06")``; the last 24 where None.
    horizons : int or sequence of int
        Months ahead, 1..36.
    countries : sequence of str
        ISO3 codes to score; all where empty.
    members : sequence, optional
        What the pool is made of: models by name, objects of your own (:class:`harmattan.Member`,
        :class:`harmattan.Regressor`), and ``...`` for the usual ones; these where None.
    refit_every, data_lag : int
        Months between refits, and between the newest data and the origin.
    workers, scheduler
        Local processes (0: one per core), or the address of a Dask scheduler; change no number.
    benchmark, unseal : bool
        The house benchmark, and whether target months of the vault may be scored.
    vintages : VintageStore or path, optional
        Releases by the day they were obtained: models see what was known at each origin, outcomes are final.
    regions : Regions, path, GeoJSON or GeoDataFrame, optional
        Polygons of the panel's regions, which vintages are placed in.
    leave_one_out : bool
        Whether the pool is also tried without each of its members.
    recipe, functions
        Features from a file instead of the usual ones, and ``package.module.function`` by name for those of your own.
    seed : int
        Root of every random stream.

    Returns
    -------
    Evaluation
        ``leaderboard``, ``splits``, ``coverage`` and more, as frames.

    Raises
    ------
    UsageError
        Options that exclude each other, origins outside the data, a month in the vault.

    Examples
    --------
    >>> import harmattan
    >>> board = harmattan.backtest(origins=("2021-01", "2022-06")).leaderboard  # doctest: +SKIP
    """
    settings = BacktestSettings(
        base=Settings(
            horizons=horizons_of(horizons),
            countries=countries_of(countries),
            workers=workers,
            seed=seed,
            track=False,
            recipe=Path(recipe) if isinstance(recipe, str) else recipe,
            functions=tuple(f"{name}={path}" for name, path in (functions or {}).items()),
        ),
        target=target,
        origins=None if origins is None else _months(origins),
        members=(members,) if isinstance(members, str) else None if members is None else tuple(members),
        refit_every=refit_every,
        data_lag=data_lag,
        scheduler=scheduler,
        benchmark=benchmark,
        unseal=unseal,
        vintages=Path(vintages) if isinstance(vintages, str) else vintages,
        leave_one_out=leave_one_out,
    )
    plan = make_plan(settings, _in_memory(panel, regions))
    records, _ = _records(settings, plan)
    return _with_windows(settings, plan, _evaluate(settings, plan, records))


def _in_memory(panel: Any, regions: Any) -> Inputs | None:
    """Counts and polygons that are given in Python; None where the settings name them."""
    from ...data.panel import Panel
    from .in_memory import regions_of

    if panel is None:
        if regions is not None:
            raise UsageError("polygons in memory belong to a panel in memory.", "regions", "Give panel= too.")
        return None
    made = panel if isinstance(panel, Panel) else Panel.from_frame(panel)
    return inputs_of(made, None if regions is None else regions_of(regions))


def judge_triggers(
    settings: BacktestSettings,
    at_least: int,
    within: int,
    chance: float | None = None,
    progress: Progress | None = None,
    inputs: Inputs | None = None,
) -> pd.DataFrame:
    """What acting on a threshold would have meant at past origins; nothing is written.

    Parameters
    ----------
    settings : BacktestSettings
        Its horizons are those from 1 to ``within``.
    at_least, within : int
        So many events (or deaths) within so many months.
    chance : float, optional
        Chance above which one acts; several common ones where None.
    progress : callable, optional
        Called with a stage and the share done, 0..1.
    inputs : Inputs, optional
        What has been read already.

    Returns
    -------
    pandas.DataFrame
        See :func:`harmattan.training.evaluation.trigger_table`.

    Raises
    ------
    UsageError
        Numbers out of range, origins outside the data, a month in the vault.
    """
    from ...training.evaluation import TRIGGER_CHANCES, trigger_table

    if at_least < 1:
        raise UsageError(f"'{at_least}' events are no trigger.", "--at-least", "Write 1 or more.")
    if within not in range(1, MOST_MONTHS + 1):
        raise UsageError(f"'{within}' months are no span.", "--within", f"Write 1 to {MOST_MONTHS}.")
    if chance is not None and not 0 < chance < 1:
        raise UsageError(f"'{chance:g}' is no chance.", "--chance", "Write a number between 0 and 1.")
    say = progress or (lambda stage, share: None)
    say("data", 0.0)
    settings = replace(settings, base=replace(settings.base, horizons=tuple(range(1, within + 1))))
    plan = make_plan(settings, inputs)
    records, _ = _records(settings, plan, lambda share: say("models", 0.02 + 0.93 * share))
    say("scores", 0.95)
    rng = np.random.default_rng(np.random.SeedSequence([plan.protocol.seed, 4]))
    try:
        return trigger_table(records, at_least, within, rng, TRIGGER_CHANCES if chance is None else (chance,))
    except ValueError:
        what = "there are too many cases for joint draws."
        raise UsageError(what, "--origins", "Ask for fewer months, or fewer --countries.") from None


def _months(origins: Sequence[Any]) -> tuple[pd.Period, pd.Period]:
    """First and last origin, from text or periods."""
    try:
        if isinstance(origins, str):
            raise ValueError
        first, last = (month_of(o) for o in origins)
    except OriginError as error:
        raise UsageError(error.what, "origins", 'Write ("2020-01", "2022-06").') from None
    except ValueError:
        what = f"{origins!r} are not a first and a last origin."
        raise UsageError(what, "origins", 'Write ("2020-01", "2022-06").') from None
    return first, last


def _evaluate(settings: BacktestSettings, plan: BacktestPlan, records: Sequence[Record]) -> Evaluation:
    """Every table, from random streams of their own."""
    from ...training.evaluation.leaderboard import border_regions, evaluate

    rng = np.random.default_rng(np.random.SeedSequence([plan.protocol.seed, 3]))
    return evaluate(records, rng, border_regions(plan.panel), leave_out=settings.leave_one_out)


def _with_windows(settings: BacktestSettings, plan: BacktestPlan, tables: Evaluation) -> Evaluation:
    """The house benchmark with the window before it beside its own, and the mean of the two."""
    from ...training.evaluation import quiet_by_year
    from ...training.evaluation.protocol import EARLIER, HOUSE

    if not settings.benchmark or plan.protocol != HOUSE:
        return tables
    before = replace(plan, protocol=EARLIER, panel=plan.panel.until(EARLIER.last_target))
    earlier = _evaluate(replace(settings, leave_one_out=False), before, _records(settings, before)[0])
    windows = [(EARLIER, earlier), (HOUSE, tables)]
    both: dict[str, Any] = {name: _of_windows(name, windows) for name in ("joint", "totals", "serial")}
    years = quiet_by_year([earlier.quiet, tables.quiet])
    return replace(tables, windows=windows_table(windows), quiet_years=years, **both)


def _of_windows(name: str, windows: Sequence[tuple[Protocol, Evaluation]]) -> pd.DataFrame | None:
    """A table of each window, one below the other; None where there is none."""
    each = [(protocol.target_months, getattr(tables, name)) for protocol, tables in windows]
    some = [table.assign(window=window) for window, table in each if table is not None]
    return pd.concat(some, ignore_index=True) if some else None


def windows_table(windows: Sequence[tuple[Protocol, Evaluation]]) -> pd.DataFrame:
    """Skill of every member on each window against the best baseline there, and the mean of the windows.

    Returns
    -------
    pandas.DataFrame
        ``window, member, horizon, crps, best_baseline, skill_vs_best, quiet_ratio``; ``mean`` is the window of means,
        which have no score. ``quiet_ratio`` is how many times as often as the member's chances said there was an event
        where there had been none for 12 months.
    """
    parts = []
    for protocol, tables in windows:
        board = tables.leaderboard[["member", "horizon", "crps", "best_baseline", "skill_vs_best"]]
        quiet = tables.quiet[(tables.quiet["quiet_months"] == 12) & (tables.quiet["year"] == "all")]
        ratio = quiet.set_index(["member", "horizon"])["ratio"].rename("quiet_ratio")
        parts.append(board.join(ratio, on=["member", "horizon"]).assign(window=protocol.target_months))
    whole = pd.concat(parts, ignore_index=True)
    mean = whole.groupby(["member", "horizon"], sort=False)["skill_vs_best"].mean().reset_index()
    columns = ["window", "member", "horizon", "crps", "best_baseline", "skill_vs_best", "quiet_ratio"]
    every: pd.DataFrame = pd.concat([whole, mean.assign(window="mean")], ignore_index=True)
    return every[columns]


def _records(
    settings: BacktestSettings, plan: BacktestPlan, progress: Callable[[float], None] = lambda share: None
) -> tuple[list[Record], Releases]:
    """One record per horizon, and the releases that models saw; horizons that share origins are forecast together."""
    from ...training.evaluation.backtest import run_backtest
    from ...training.problems import build_problems
    from ..fitting import has_watch

    protocol = plan.protocol
    recipe = recipe_of(settings.base, plan.panel)
    problem = build_problems(plan.panel, [settings.target], plan.inputs.training, recipe)[settings.target]
    records: list[Record] = []
    releases: Releases = ()
    known: dict[str, Any] = {"as_of": FirstReleaseProblems(protocol)} if protocol.first_release else {}
    groups: list[tuple[Any, tuple[int, ...]]] = [
        (origins, tuple(group)) for origins, group in groupby(protocol.horizons, key=protocol.origins)
    ]
    if len(groups) > 1 and not known and settings.vintages is None:
        groups = [({h: protocol.origins(h) for h in protocol.horizons}, tuple(protocol.horizons))]
    for origins, horizons in groups:
        start, part = len(records) / len(protocol.horizons), len(horizons) / len(protocol.horizons)
        most = max(len(protocol.origins(h)) for h in horizons)
        if settings.vintages is not None:
            known = _known(settings.vintages, plan, origins, _part(progress, start, VINTAGE_SHARE * part))
            releases = known["as_of"].releases
            start, part = start + VINTAGE_SHARE * part, (1 - VINTAGE_SHARE) * part
        records += run_backtest(
            problem,
            origins,
            horizons,
            plan.regions,
            members=settings.members,
            refit_every=protocol.refit_every,
            data_lag=protocol.data_lag,
            joint=most * len(plan.regions) * len(protocol.horizons) <= JOINT_CASES,
            workers=settings.base.workers,
            scheduler=settings.scheduler,
            progress=_part(progress, start, part),
            onsets=None if has_watch(settings.base, {settings.target: problem}) else False,
            **known,
        )
    if not any(np.isfinite(record.observed).any() for record in records):
        remedy = "Choose months in which the data cover these regions."
        raise OriginError("no outcome was observed in any of the target months.", "--origins", remedy)
    return records, releases


def _known(
    store: Path | VintageStore,
    plan: BacktestPlan,
    origins: Sequence[pd.Period],
    progress: Callable[[float], None],
) -> dict[str, Any]:
    """What shows models what a store knew at each origin, and how far back it can."""
    from ...training.evaluation.backtest import WARM_UP

    lag, regions = plan.protocol.data_lag, plan.inputs.regions
    known, warm_up = vintage_problems(
        store, plan.panel, regions, origins, data_lag=lag, warm_up=WARM_UP, progress=progress
    )
    return {"as_of": known, "warm_up": warm_up}


def _part(progress: Callable[[float], None], start: float, part: float) -> Callable[[float], None]:
    """Reports the share of a part as a share of the whole."""
    return lambda share: progress(start + part * share)
