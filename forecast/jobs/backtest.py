"""A back-test from settings to tables, files and one run in MLflow."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...data.errors import OriginError, TrackingError, UsageError
from ...data.months import month_of
from ..settings import Settings, parse_horizons
from ..version import version
from .backtest_files import check_target, plain, write_folder
from .backtest_plan import BacktestSettings, Plan, inputs_of, make_plan
from .backtest_vintages import as_known

if TYPE_CHECKING:
    from ...data.geography import Regions
    from ...data.panel import Panel
    from ...data.vintages import VintageStore
    from ...training.evaluation.leaderboard import Evaluation
    from ...training.evaluation.protocol import Protocol
    from ...training.models.base import Problem
    from ...training.record import Record

Progress = Callable[[str, float], None]
#: What the releases that models saw were, as the summary names them.
Releases = Sequence[Mapping[str, str]]
#: Share of the work that is building what was known at each origin.
VINTAGE_SHARE = 0.2


@dataclass(frozen=True)
class BacktestOutcome:
    """What came of one back-test.

    Attributes
    ----------
    plan : Plan
    evaluation : Evaluation
    summary : mapping
        What ``leaderboard.json`` holds.
    out : Path
        The folder that was written.
    seconds : mapping of str to float
        By stage.
    run_id : str or None
        The run in MLflow.
    tracking_error : TrackingError or None
        Why there is no run.
    """

    plan: Plan
    evaluation: Evaluation
    summary: Mapping[str, Any]
    out: Path
    seconds: Mapping[str, float] = field(default_factory=dict)
    run_id: str | None = None
    tracking_error: TrackingError | None = None

    def document(self) -> dict[str, Any]:
        """The summary file, and what came of the rest, for JSON."""
        return {
            **plain(self.summary),
            "out": str(self.out),
            "run_id": self.run_id,
            "tracking_error": self.tracking_error and self.tracking_error.message,
            "seconds": {stage: round(spent, 2) for stage, spent in self.seconds.items()},
        }


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
    tables = _evaluate(settings, plan, records)
    clock.append(time.perf_counter())
    say("files", 0.97)
    summary = _summary(settings, plan, tables, releases)
    write_folder(settings.out, tables.tables(), summary)
    seconds = dict(zip(("data", "models", "scores"), np.diff(clock).tolist(), strict=True))
    outcome = BacktestOutcome(plan, tables, summary, settings.out, seconds)
    if not settings.base.track:
        return outcome
    say("record", 0.98)
    try:
        return replace(outcome, run_id=_track(outcome, settings))
    except TrackingError as failure:
        return replace(outcome, tracking_error=failure)


def backtest(
    panel: Panel | None = None,
    *,
    target: str = "events",
    origins: tuple[str, str] | None = None,
    horizons: Sequence[int] = (1, 2, 3, 4, 5, 6),
    countries: Sequence[str] = (),
    members: Sequence[str] | None = None,
    refit_every: int = 12,
    data_lag: int = 0,
    workers: int = 0,
    scheduler: str | None = None,
    benchmark: bool = False,
    unseal: bool = False,
    vintages: VintageStore | str | Path | None = None,
    regions: Regions | None = None,
    leave_one_out: bool = False,
    seed: int = 20231,
) -> Evaluation:
    """Judge the models on past months; nothing is written.

    Parameters
    ----------
    panel : Panel, optional
        Counts of your own; the shipped snapshot where None.
    target : str
        ``events`` or ``deaths``.
    origins : tuple of str, optional
        First and last origin, such as ``("2020-01", "2022-06")``; the last 24 where None.
    horizons : sequence of int
        Months ahead, 1..36.
    countries : sequence of str
        ISO3 codes to score; all where empty.
    members : sequence of str, optional
        Models by name; all where None.
    refit_every, data_lag : int
        Months between refits, and between the newest data and the origin.
    workers, scheduler
        Local processes (0: one per core), or the address of a Dask scheduler; change no number.
    benchmark, unseal : bool
        The house benchmark, and whether target months of the vault may be scored.
    vintages : VintageStore or path, optional
        Releases by the day they were obtained: models see what was known at each origin, outcomes are final.
    regions : Regions, optional
        Polygons of the panel's regions, which vintages are placed in.
    leave_one_out : bool
        Whether the pool is also tried without each of its members.
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
            horizons=parse_horizons(tuple(horizons)),
            countries=tuple(sorted(countries)),
            workers=workers,
            seed=seed,
            track=False,
        ),
        target=target,
        origins=None if origins is None else _months(origins),
        members=None if members is None else _names(members),
        refit_every=refit_every,
        data_lag=data_lag,
        scheduler=scheduler,
        benchmark=benchmark,
        unseal=unseal,
        vintages=Path(vintages) if isinstance(vintages, str) else vintages,
        leave_one_out=leave_one_out,
    )
    plan = make_plan(settings, None if panel is None else inputs_of(panel, regions))
    records, _ = _records(settings, plan, lambda share: None)
    return _evaluate(settings, plan, records)


def _months(origins: Sequence[Any]) -> tuple[pd.Period, pd.Period]:
    """First and last origin, from text or periods."""
    try:
        if isinstance(origins, str):
            raise ValueError
        first, last = (month_of(o) for o in origins)
    except OriginError as error:
        raise UsageError(error.what, "origins", 'Write ("2020-01", "2022-06").') from None
    except ValueError:
        raise UsageError(
            f"{origins!r} are not a first and a last origin.", "origins", 'Write ("2020-01", "2022-06").'
        ) from None
    return first, last


def _names(members: Sequence[str]) -> tuple[str, ...]:
    """Names of members, and not the letters of one."""
    return (members,) if isinstance(members, str) else tuple(members)


def _evaluate(settings: BacktestSettings, plan: Plan, records: Sequence[Record]) -> Evaluation:
    """Every table, from random streams of their own."""
    from ...training.evaluation.leaderboard import border_regions, evaluate

    rng = np.random.default_rng(np.random.SeedSequence([plan.protocol.seed, 3]))
    return evaluate(records, rng, border_regions(plan.panel), leave_out=settings.leave_one_out)


def _records(
    settings: BacktestSettings, plan: Plan, progress: Callable[[float], None]
) -> tuple[list[Record], Releases]:
    """One record per horizon, and the releases that models saw; horizons that share origins are forecast together."""
    from ...training.evaluation.backtest import run_backtest
    from ...training.problems import build_problems

    protocol = plan.protocol
    problem = build_problems(plan.panel, [settings.target], plan.inputs.training)[settings.target]
    records: list[Record] = []
    releases: Releases = ()
    done = 0
    for origins, group in groupby(protocol.horizons, key=protocol.origins):
        horizons = tuple(group)
        start, part = done / len(protocol.horizons), len(horizons) / len(protocol.horizons)
        hook = _as_published(protocol)
        if settings.vintages is not None:
            hook = _known(
                settings.vintages, plan, origins, partial(_told, progress, start, VINTAGE_SHARE * part)
            )
            releases = hook["as_of"].releases
            start, part = start + VINTAGE_SHARE * part, (1 - VINTAGE_SHARE) * part
        records += run_backtest(
            problem,
            origins,
            horizons,
            plan.regions,
            members=settings.members,
            refit_every=protocol.refit_every,
            data_lag=protocol.data_lag,
            workers=settings.base.workers,
            scheduler=settings.scheduler,
            progress=partial(_told, progress, start, part),
            **hook,
        )
        done += len(horizons)
    if not any(np.isfinite(record.observed).any() for record in records):
        raise OriginError(
            "no outcome was observed in any of the target months.",
            "--origins",
            "Choose months in which the data cover these regions.",
        )
    return records, releases


def _known(
    store: Path | VintageStore, plan: Plan, origins: Sequence[pd.Period], progress: Callable[[float], None]
) -> dict[str, Any]:
    """The hook that shows models what a store knew at each origin, and how far back it can."""
    from ...training.evaluation.backtest import WARM_UP

    lag = plan.protocol.data_lag
    known, warm_up = as_known(
        store, plan.panel, plan.inputs.regions, origins, data_lag=lag, warm_up=WARM_UP, progress=progress
    )
    return {"as_of": known, "warm_up": warm_up}


def _told(progress: Callable[[float], None], start: float, part: float, share: float) -> None:
    """Tell how far the whole is, when a part of it has come to ``share``."""
    progress(start + part * share)


def _as_published(protocol: Protocol) -> dict[str, Any]:
    """The hook that shows models the newest month as it was first released, where the protocol asks for it."""
    return {"as_of": AsPublished(protocol)} if protocol.first_release else {}


@dataclass(frozen=True)
class AsPublished:
    """The problem as it stood at an origin; called in worker processes."""

    protocol: Protocol

    def __call__(self, problem: Problem, origin: pd.Period) -> Problem:
        """See :func:`harmattan.training.evaluation.protocol.as_published`."""
        from ...training.evaluation.protocol import as_published

        return as_published(problem, origin, self.protocol)


def _summary(
    settings: BacktestSettings, plan: Plan, tables: Evaluation, releases: Releases = ()
) -> dict[str, Any]:
    """What a reader of the JSON file has to know; nothing that depends on where or how fast it ran."""
    left_out = tables.leave_one_out
    return {
        "protocol": plan.protocol.published(),
        "target": settings.target,
        "unsealed": plan.unsealed,
        "members": list(dict.fromkeys(tables.leaderboard["member"])),
        "regions": len(plan.regions),
        "months_in_data": [str(plan.panel.months[0]), str(plan.panel.months[-1])],
        "data": plan.panel.source,
        "data_hash": plan.panel.digest(),
        "package_version": version(),
        "notes": list(plan.notes),
        "vintages": [dict(release) for release in releases],
        "leaderboard": tables.leaderboard.to_dict("records"),
        "onsets": tables.onsets.to_dict("records"),
        **({} if left_out is None else {"leave_one_out": left_out.to_dict("records")}),
    }


def _track(outcome: BacktestOutcome, settings: BacktestSettings) -> str:
    """One run for the whole back-test; its id, or a :class:`TrackingError`."""
    from ...training.registry.runs import Record as RunRecord
    from ...training.registry.runs import git_state, log_run
    from ..tracking import POOL, children, draw_plots, metrics

    name, tables, board = outcome.plan.protocol.name, outcome.evaluation, outcome.evaluation.leaderboard
    names = dict(zip(METRICS, METRICS, strict=True))
    record = RunRecord(
        name=f"backtest {name} {settings.target}",
        params={**outcome.summary["protocol"], "target": settings.target},
        metrics=metrics(board[board["member"] == POOL], names)
        | {f"seconds.{stage}": {0: spent} for stage, spent in outcome.seconds.items()},
        tags={
            "run_kind": "backtest",
            "protocol": name,
            "target": settings.target,
            "unsealed": str(outcome.plan.unsealed).lower(),
            "data_hash": outcome.summary["data_hash"],
            "package_version": outcome.summary["package_version"],
            **git_state(Path(__file__).parent),
        },
        profile=outcome.plan.inputs.coverage,
        digest=outcome.summary["data_hash"],
        source=outcome.plan.panel.source,
        texts=draw_plots(
            {
                "scores": board,
                "reliability": tables.reliability,
                "pit": tables.pit,
                "weights": tables.weights.assign(target=settings.target),
            }
        ),
        files=sorted(path for path in outcome.out.iterdir() if path.is_file()),
        children=children(board, names),
    )
    return log_run(record, settings.base.mlruns, settings.base.tracking_uri)


#: Columns of the leaderboard that become metrics.
METRICS = (
    "crps",
    "crps_log",
    "ignorance",
    "interval_90",
    "skill_vs_conflictology",
    "skill_vs_best",
    "coverage_50",
    "coverage_80",
    "coverage_90",
    "ap_onset",
)
