"""What is kept of a back-test: its files, written aside and moved into place together, and its run in MLflow."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...data.errors import ReleaseError, TrackingError
from ..version import package_version
from .backtest_plan import BacktestPlan, BacktestSettings

if TYPE_CHECKING:
    import pandas as pd

    from ...training.evaluation.leaderboard import Evaluation

#: What the releases that models saw were, as the summary names them.
Releases = Sequence[Mapping[str, str]]

#: The file that tells a back-test's folder from any other.
MARK = "leaderboard.json"
#: Tables for people, beside their parquet files.
AS_CSV = (
    *("leaderboard", "splits", "onsets", "coverage", "quiet", "leave_one_out", "windows"),
    *("quiet_years", "joint", "totals", "serial"),
)
#: Columns of the leaderboard that become metrics.
METRICS = (
    *("crps", "crps_log", "ignorance", "interval_90", "skill_vs_conflictology", "skill_vs_best"),
    *("coverage_50", "coverage_80", "coverage_90", "ap_onset", "ap_escalation", "brier_escalation"),
)


@dataclass(frozen=True)
class BacktestOutcome:
    """What came of one back-test.

    ``summary`` is what ``leaderboard.json`` holds, ``out`` the folder that was written, ``seconds`` are by stage;
    ``run_id`` is the run in MLflow, ``tracking_error`` why there is none.
    """

    plan: BacktestPlan
    evaluation: Evaluation
    summary: Mapping[str, Any]
    out: Path
    seconds: Mapping[str, float] = field(default_factory=dict)
    run_id: str | None = None
    tracking_error: TrackingError | None = None

    def document(self) -> dict[str, Any]:
        """The summary file, and what came of the rest, for JSON."""
        return {
            **json_value(self.summary),
            "out": str(self.out),
            "run_id": self.run_id,
            "tracking_error": self.tracking_error and self.tracking_error.message,
            "seconds": {stage: round(spent, 2) for stage, spent in self.seconds.items()},
        }


def check_target(out: Path) -> None:
    """A :class:`ReleaseError` before the work, not after it, where ``out`` could not be written.

    A folder that holds anything but an earlier back-test is never replaced.
    """
    if out.is_dir() and any(out.iterdir()) and not (out / MARK).is_file():
        what = "this folder holds something else than a back-test."
        raise ReleaseError(what, str(out), "Choose another --out.")
    there = out.absolute().parent
    while not there.exists():
        there = there.parent
    if out.is_file() or not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise ReleaseError("a back-test cannot be written here.", str(out), "Choose another --out.")


def write_folder(out: Path, tables: Mapping[str, pd.DataFrame], summary: Mapping[str, Any]) -> None:
    """Write every table as parquet, the readable ones as CSV too, and the summary as JSON; all or nothing.

    Raises
    ------
    ReleaseError
        The folder cannot be written; an earlier one is left as it was.
    """
    from ..release import csv_text

    fresh, old = (out.parent / f".{out.name}.{kind}-{os.getpid()}" for kind in ("new", "old"))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        fresh.mkdir()
        for name, table in tables.items():
            table.to_parquet(fresh / f"{name}.parquet", index=False)
            if name in AS_CSV:
                (fresh / f"{name}.csv").write_text(csv_text(table), encoding="utf-8")
        text = json.dumps(json_value(summary), indent=1, allow_nan=False)
        (fresh / MARK).write_text(text + "\n", encoding="utf-8")
        if out.exists():
            out.rename(old)
        fresh.rename(out)
    except OSError as reason:
        if old.exists() and not out.exists():
            old.rename(out)
        what = f"the back-test cannot be written ({reason.strerror or reason})."
        remedy = "Free space or permissions there, or choose another --out."
        raise ReleaseError(what, str(reason.filename or out), remedy) from reason
    finally:
        for aside in (fresh, old):
            shutil.rmtree(aside, ignore_errors=True)


def json_value(value: Any) -> Any:
    """A value for JSON: numbers of numpy become Python's, and what is not a number becomes null.

    Examples
    --------
    >>> json_value({"a": [float("nan"), 1.23456789012345]})
    {'a': [None, 1.23456789]}
    """
    if isinstance(value, Mapping):
        return {str(k): json_value(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(v) for v in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.9g}") if math.isfinite(value) else None
    return value


def summary_of(
    settings: BacktestSettings, plan: BacktestPlan, tables: Evaluation, releases: Releases
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
        "package_version": package_version(),
        "notes": list(plan.notes),
        "vintages": [dict(release) for release in releases],
        "leaderboard": tables.leaderboard.to_dict("records"),
        "onsets": tables.onsets.to_dict("records"),
        "quiet": tables.quiet.to_dict("records"),
        **{
            name: table.to_dict("records")
            for name in ("quiet_years", "joint", "totals", "serial")
            if (table := getattr(tables, name)) is not None
        },
        **({} if left_out is None else {"leave_one_out": left_out.to_dict("records")}),
        **({} if tables.windows is None else {"windows": tables.windows.to_dict("records")}),
    }


def quiet_metrics(table: pd.DataFrame) -> dict[str, dict[int, float]]:
    """Of the pool where it was quiet: how many times as often as predicted, log-score and Brier skill, by horizon."""
    some = table[(table["member"] == "pool") & (table["year"] == "all")]
    found: dict[str, dict[int, float]] = {}
    for row in some.to_dict("records"):
        for name in ("ratio", "log_skill", "brier_skill"):
            if row[name] == row[name]:
                found.setdefault(f"quiet_{row['quiet_months']}.{name}", {})[int(row["horizon"])] = float(
                    row[name]
                )
    return found


def track_backtest(outcome: BacktestOutcome, settings: BacktestSettings) -> str:
    """One run for the whole back-test; its id, or a :class:`TrackingError`."""
    from ...training.registry.runs import RunRecord, git_state, log_run
    from ..tracking import POOL, children, draw_plots, metrics

    name, tables, board = outcome.plan.protocol.name, outcome.evaluation, outcome.evaluation.leaderboard
    names = dict(zip(METRICS, METRICS, strict=True))
    record = RunRecord(
        name=f"backtest {name} {settings.target}",
        params={**outcome.summary["protocol"], "target": settings.target},
        metrics=metrics(board[board["member"] == POOL], names)
        | {f"seconds.{stage}": {0: spent} for stage, spent in outcome.seconds.items()}
        | quiet_metrics(tables.quiet),
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
