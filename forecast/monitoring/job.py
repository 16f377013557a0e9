"""``harmattan score``: new months arrive, past releases are scored against them, and the alarm is raised where due."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ...data.errors import CoverageError, GateError, HarmattanError, ReleaseError, SkillError, TrackingError
from ...data.show import Brief
from ..release import (
    LEVEL_ORDER,
    MONITORING,
    STATUS,
    PastRelease,
    StatusEntry,
    all_releases,
    csv_text,
    disk_errors,
    json_text,
    latest_name,
    month_end,
    replace_text,
    usable,
    write_status,
    writing,
)
from . import scores as monitor
from .lists import score_lists

if TYPE_CHECKING:
    from ...training.registry.runs import RunRecord
    from ..inputs import Inputs
    from ..settings import Settings

#: Every score there is, one row per case and vintage, beside the releases.
SCORES = "monitoring.csv"
#: How past watch lists did, of the usable releases, made anew each time.
LISTS = "monitoring_watch.csv"
#: What each red alarm is raised as; the first one decides the exit code.
ERRORS: Mapping[str, type[HarmattanError]] = {"skill": SkillError, "coverage": CoverageError}
Progress = Callable[[str, float], None]


@dataclass(frozen=True, repr=False)
class ScoredReleases(Brief):
    """What came of scoring a folder of releases."""

    out: Path  # The folder.
    data_to: str  # The last month that is known.
    #: Every score there is (:data:`monitor.COLUMNS`), also of revisions that have been superseded and of later months.
    table: pd.DataFrame
    judged: pd.DataFrame  # The rows of it that count: of usable releases, in months up to ``data_to``.
    months: pd.DataFrame  # These by month.
    fresh: int  # Rows that were not there before.
    alarms: tuple[StatusEntry, ...]
    drift: pd.DataFrame  # Population stability by family of features.
    age_days: int  # Days since the end of the last month of data.
    run_ids: tuple[str, ...] = ()  # Monitoring runs in MLflow, one per model.
    tracking_error: TrackingError | None = None  # Why there are none.
    #: How watch lists did (:data:`harmattan.forecast.monitoring.lists.COLUMNS`).
    lists: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def looks_back(self) -> bool:
        """Whether later months have been scored before."""
        return bool((self.table["month"] > self.data_to).any())

    @property
    def level(self) -> str:
        """The worst of the alarms."""
        return max((a.level for a in self.alarms), key=LEVEL_ORDER.__getitem__, default="green")

    @property
    def error(self) -> HarmattanError | None:
        """What the command leaves with: a red alarm first, then an MLflow that could not be reached."""
        red = [a for a in self.alarms if a.level == "red"]
        if red:
            kind = ERRORS.get(red[0].name, GateError)
            words = " ".join(a.message for a in red)
            return kind(words, str(self.out), "The scores are written; look at them, and train again.")
        return self.tracking_error

    def to_dict(self) -> dict[str, Any]:
        """The outcome for JSON, and for ``monitoring.json``."""
        return {
            "data_to": self.data_to,
            "age_days": self.age_days,
            "level": self.level,
            "scores": len(self.table),
            "entries": [asdict(a) for a in self.alarms],
            "months": _plain(self.months),
            "inputs": _plain(self.drift),
            "watch": _plain(self.lists),
        }


def run_score(
    settings: Settings | None = None, progress: Progress | None = None, dry_run: bool = False
) -> ScoredReleases:
    """Score every release of a folder against what is known now, write the record, and log it.

    Parameters
    ----------
    settings : Settings, optional
        Where the data and the releases are; ``as_of`` sets the last month that may be looked at. Those of the settings
        file and the environment where None, as for the command.
    progress : callable, optional
        Called with a stage and the share done, 0..1.
    dry_run : bool
        Only look, and write nothing.

    Raises
    ------
    HarmattanError
        Data that cannot be read, or a folder of releases that is not there or cannot be written.
    """
    from ..loading import load_inputs
    from ..settings import settings_of
    from ..values import require_flags

    settings = settings_of(settings)
    require_flags(dry_run=dry_run)
    say = progress or (lambda stage, share: None)
    say("data", 0.0)
    if not settings.out.is_dir():
        raise ReleaseError("there is no such folder of releases.", str(settings.out), "Correct --out.")
    inputs = load_inputs(settings)
    last = pd.Period(settings.as_of, freq="M") if settings.as_of else inputs.panel.last_month
    panel = inputs.panel.until(last)
    known = _still_good(read_scores(settings.out / SCORES), settings.out)
    found = list(usable(settings.out, last))
    table = known
    for i, info in enumerate(reversed(found)):
        say("scores", 0.1 + 0.6 * i / len(found))
        table = monitor.score_releases([PastRelease.read(info.path)], panel, table)
    # With the digits that the CSV holds, so that a later run finds the same figures.
    table = _parsed(StringIO(csv_text(table)))
    judged = _judged(table, {info.name for info in found}, str(last))
    months = monitor.by_month(judged)
    say("inputs", 0.7)
    drift = _drift(inputs, last, found[0].manifest if found else None)
    scored = ScoredReleases(
        out=settings.out,
        data_to=str(last),
        table=table,
        judged=judged,
        months=months,
        fresh=len(table) - len(known),
        alarms=tuple(monitor.alarms(months, drift)),
        drift=drift,
        lists=score_lists([info.path for info in found], panel),
        age_days=(_today(settings, inputs, last) - month_end(str(last))).days,
    )
    if dry_run:
        return scored
    _write(scored, settings)
    return _logged(scored, settings, say) if settings.tracks and len(judged) else scored


def read_scores(path: Path) -> pd.DataFrame:
    """What was scored before; empty where nothing was."""
    if not path.is_file():
        return pd.DataFrame(columns=monitor.COLUMNS)
    try:
        return _parsed(path)
    except (OSError, ValueError, KeyError) as reason:
        raise ReleaseError(
            f"the record of scores cannot be read ({str(reason).splitlines()[0][:120]}).",
            str(path),
            "Restore it, or move it away: everything still known is scored again.",
        ) from reason


def _parsed(source: Path | StringIO) -> pd.DataFrame:
    """The scores in a CSV."""
    kept = dict.fromkeys(("release", "origin", "model", "month", "vintage", "data_to", "reference"), str)
    table = pd.read_csv(source, dtype=kept, keep_default_na=False, na_values={"crps": ["NA"]})
    return table[monitor.COLUMNS]


def _still_good(table: pd.DataFrame, out: Path) -> pd.DataFrame:
    """The scores without those of releases that have been withdrawn since."""
    withdrawn = {info.name for info in all_releases(out) if info.withdrawn}
    return table[~table["release"].isin(withdrawn)].reset_index(drop=True)


def _judged(table: pd.DataFrame, releases: set[str], last: str) -> pd.DataFrame:
    """The scores that count: of these releases, in months that may be looked at."""
    return table[table["release"].isin(releases) & (table["month"] <= last)].reset_index(drop=True)


def _drift(inputs: Inputs, last: pd.Period, manifest: Mapping[str, Any] | None) -> pd.DataFrame:
    """The inputs of the newest release's model against those it was trained on; empty without a release."""
    from ...features.recipe import Recipe
    from .drift import COLUMNS, input_drift

    if manifest is None:
        return pd.DataFrame(columns=COLUMNS)
    trained = (manifest.get("model") or {}).get("trained_to") or manifest["origin"]
    panel = inputs.panel.until(last)
    return input_drift(Recipe.usual(panel).build(panel), pd.Period(str(trained), freq="M"))


def _today(settings: Settings, inputs: Inputs, last: pd.Period) -> date:
    if settings.run_date is not None or inputs.demonstration:
        return inputs.run_date(settings, last)
    return date.today()


def _write(scored: ScoredReleases, settings: Settings) -> None:
    """The record and its summary, each replaced in one step; the folder's status where it keeps one."""

    out = scored.out
    remedy = "Free space or permissions there, and score again."
    with disk_errors("the scores cannot be written", out, remedy, name_file=True), writing(out):
        replace_text(csv_text(scored.table), out / SCORES)
        if len(scored.lists):
            replace_text(csv_text(scored.lists), out / LISTS)
        replace_text(json_text(scored.to_dict()), out / MONITORING)
    if latest_name(out) is not None or (out / STATUS).exists():
        write_status(out, settings.run_date or date.today(), settings.due_days)


def _logged(scored: ScoredReleases, settings: Settings, say: Progress) -> ScoredReleases:
    """The record with its runs in MLflow, one per model; a failure is kept beside them and loses nothing."""
    from ...training.registry.runs import log_monitoring

    say("record", 0.8)
    try:
        ids = tuple(
            log_monitoring(record, settings.mlruns, settings.tracking_uri) for record in records(scored)
        )
    except TrackingError as failure:
        return replace(scored, tracking_error=failure)
    return replace(scored, run_ids=ids)


def records(scored: ScoredReleases) -> list[RunRecord]:
    """One record per model that has made releases: its scores over time.

    That of the newest release has the inputs' drift and the alarms as well. What stands now (``data_to, level,
    alarms``) is left out where later months have been scored before.
    """
    from ...training.registry.runs import RunRecord
    from ...training.registry.versions import MODEL

    judged, found = scored.judged, []
    newest = judged.sort_values("origin", kind="stable")["model"].iloc[-1]
    step = int(scored.data_to.replace("-", ""))
    messages = " ".join(a.message for a in scored.alarms if a.level != "green")[:4000]
    for model, part in judged.groupby("model", sort=True):
        measured = monitor.metrics(monitor.by_month(part), part)
        if model == newest:
            measured |= {
                f"psi.{str(family).replace(' ', '_')}": {step: float(psi)}
                for family, psi in scored.drift.set_index("family")["psi"].dropna().items()
            }
            measured["age_days"] = {step: float(scored.age_days)}
        tags = {"run_kind": "monitoring", "model_version": str(model).removeprefix(f"{MODEL} ")}
        if not scored.looks_back:
            tags |= {
                "data_to": scored.data_to,
                "level": scored.level if model == newest else "",
                "alarms": messages if model == newest else "",
            }
        texts: dict[str, str | bytes] = {SCORES: csv_text(scored.table[scored.table["model"] == model])}
        found.append(RunRecord(f"monitoring {model}", metrics=measured, tags=tags, texts=texts))
    return found


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows for JSON: what is no number is null."""
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{str(k): v.item() if hasattr(v, "item") else v for k, v in row.items()} for row in rows]
