"""How a folder of releases stands on a day: how old, whether the next one is due, and what is wrong with it."""

from __future__ import annotations

import calendar
import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

from ...data.errors import (
    CoverageError,
    GateError,
    HarmattanError,
    MatchError,
    OverdueError,
    ReleaseError,
    SkillError,
    StaleError,
    WithdrawnError,
)
from .catalogue import ReleaseInfo, all_releases, read_release
from .latest import latest_name, latest_target
from .verify import Verification, verify_release

#: Days after the end of the last month from which data are late, and stale; those of the data gate.
AMBER_DAYS, RED_DAYS = 62, 124
#: Farthest that the share of outcomes inside an interval may lie from its nominal share, and cases that it takes.
BAND, BAND_CASES = 0.10, 100
#: The folder's own status, and what monitoring has found.
STATUS, MONITORING = "status.json", "monitoring.json"
LEVEL_ORDER = {"green": 0, "amber": 1, "red": 2}
#: The error, and so the exit code, of each kind of entry that can be red; the first red one decides.
ERRORS: dict[str, type[HarmattanError]] = {
    "release": ReleaseError,
    "withdrawn": WithdrawnError,
    "data age": StaleError,
    "schedule": OverdueError,
    "coverage": CoverageError,
    "match rate": MatchError,
    "skill": SkillError,
}
Level = Literal["green", "amber", "red"]


@dataclass(frozen=True)
class StatusEntry:
    """One thing that a monitor looks at: its name, how it stands, and that in a sentence."""

    #: ``release, withdrawn, data age, schedule, coverage, match rate, model, last job`` or a name of monitoring.
    name: str
    level: Level
    message: str

    @property
    def exit_code(self) -> int:
        """What ``harmattan status`` leaves with for it; 0 unless it is red."""
        return ERRORS.get(self.name, GateError).exit_code if self.level == "red" else 0

    def to_dict(self) -> dict[str, Any]:
        """The entry for JSON."""
        return {"name": self.name, "level": self.level, "message": self.message, "exit_code": self.exit_code}


@dataclass(frozen=True)
class FolderStatus:
    """A folder of releases on one day."""

    out: Path  # The folder.
    day: date  # The day that ages are measured on.
    #: What ``latest`` points to, and the last month it has seen.
    release: str | None
    origin: str | None
    age_days: int | None  # Days since the end of that month.
    next_due: date | None  # The last day on which the next release is in time.
    entries: tuple[StatusEntry, ...]  # Everything that was looked at.
    banner: str = ""  # What a reader of the latest release has to know first.

    @property
    def level(self) -> Level:
        """The worst of the entries."""
        return max((e.level for e in self.entries), key=LEVEL_ORDER.__getitem__, default="green")

    @property
    def exit_code(self) -> int:
        """That of the first red entry; 0 where there is none."""
        return next((e.exit_code for e in self.entries if e.level == "red"), 0)

    def require(self) -> FolderStatus:
        """The same object, or the error of the first red entry with the messages of all."""
        red = [e for e in self.entries if e.level == "red"]
        if red:
            kind = ERRORS.get(red[0].name, GateError)
            raise kind(
                " ".join(e.message for e in red), str(self.out), "Nothing here is to be used as current."
            )
        return self

    def to_dict(self) -> dict[str, Any]:
        """The status for JSON; ``good_until`` is the last day on which it may be shown as it is."""
        return {
            "day": str(self.day),
            "level": self.level,
            "exit_code": self.exit_code,
            "banner": self.banner,
            "latest": self.release,
            "origin": self.origin,
            "age_days": self.age_days,
            "next_due": self.next_due and str(self.next_due),
            "good_until": self.next_due and str(self.next_due) if self.level == "green" else None,
            "entries": [entry.to_dict() for entry in self.entries],
        }


def month_end(month: str) -> date:
    """The last day of a month.

    >>> month_end("2024-02")
    datetime.date(2024, 2, 29)
    """
    year, number = (int(part) for part in month.split("-"))
    return date(year, number, calendar.monthrange(year, number)[1])


def next_due(origin: str, due_days: int) -> date:
    """The last day on which the release after one from ``origin`` is in time.

    >>> next_due("2023-12", 62)
    datetime.date(2024, 4, 2)
    """
    following = month_end(origin) + timedelta(days=1)
    return month_end(f"{following.year}-{following.month:02d}") + timedelta(days=due_days)


def folder_status(
    out: Path,
    day: date,
    due_days: int = 62,
    job: Mapping[str, Any] | None = None,
    more: Sequence[StatusEntry] = (),
) -> FolderStatus:
    """Look at a folder of releases.

    Parameters
    ----------
    day : datetime.date
        The day that ages are measured on.
    due_days : int
        Days after the end of a month in which the release from that month has to be out.
    job : mapping, optional
        ``day, exit_code, message`` of a job that has just ended; otherwise the folder's ``status.json`` is asked.
    more : sequence of StatusEntry
        What else was looked at.

    Raises
    ------
    ReleaseError
        There is no such folder.
    """
    all_releases(out)
    name = latest_name(out)
    recorded = (*_recorded(out, job), *more)

    def without_release(kind: str, message: str) -> FolderStatus:
        entries = (StatusEntry(kind, "red", message), *recorded)
        return FolderStatus(out, day, name, None, None, None, entries)

    if name is None:
        return without_release("schedule", "Nothing has been published here: no release is the latest.")
    try:
        latest_target(out)
    except ReleaseError as error:
        return without_release("release", f"No release can be found: {error.what}")
    info = read_release(out / name)
    if info.problem:
        return without_release("release", f"The release {name} is damaged: {info.problem}.")
    age, due = (day - month_end(info.origin)).days, next_due(info.origin, due_days)
    whole = verify_release(info.path, tables=False)
    found = [*_whole(info, whole), _age(info.origin, age), _schedule(due, day)]
    if whole.whole:
        found += [coverage_of(read_scores(info.path)), *_checks(info), *_model(info)]
    banner = str(info.manifest.get("banner", ""))
    return FolderStatus(out, day, name, info.origin, age, due, (*found, *recorded), banner)


def _whole(info: ReleaseInfo, checked: Verification) -> Iterator[StatusEntry]:
    """The release's bytes, and whether it may be used."""
    if checked.findings:
        yield StatusEntry(
            "release", "red", f"The release {info.name} is damaged: {checked.findings[0].message}."
        )
    elif not info.withdrawn and info.why_not_latest:
        yield StatusEntry(
            "release", "red", f"The release {info.name} must not be the latest: {info.why_not_latest}."
        )
    else:
        level: Level = "amber" if info.level == "amber" else "green"
        banner = f" and says: {info.manifest['banner']}" if info.manifest.get("banner") else ""
        yield StatusEntry("release", level, f"The release {info.name} is whole{banner or '.'}")
    if info.withdrawn:
        sentence = info.withdrawn.sentence
        yield StatusEntry("withdrawn", "red", sentence[0].upper() + sentence[1:])


def _age(origin: str, age: int) -> StatusEntry:
    level: Level = "red" if age > RED_DAYS else "amber" if age > AMBER_DAYS else "green"
    word = {"green": "current", "amber": "late", "red": "stale"}[level]
    return StatusEntry("data age", level, f"The data end in {origin}, {age} days ago: {word}.")


def _schedule(due: date, day: date) -> StatusEntry:
    if day > due:
        return StatusEntry(
            "schedule", "red", f"The next release was due by {due}, {(day - due).days} days ago."
        )
    return StatusEntry("schedule", "green", f"The next release is due by {due}.")


def coverage_of(scores: Sequence[Mapping[Any, Any]]) -> StatusEntry:
    """Whether the pool's intervals hold about as many outcomes as they promise, over all its recent cases.

    Parameters
    ----------
    scores : sequence of mapping
        Rows ``target, member, cases, coverage_50, coverage_80, coverage_90``; coverage is that of the
        randomised probability integral transform.
    """
    worst: tuple[float, str] = (0.0, "")
    for target in dict.fromkeys(str(row["target"]) for row in scores):
        rows = [r for r in scores if r["target"] == target and r["member"] == "pool"]
        cases = sum(float(r["cases"]) for r in rows)
        if cases < BAND_CASES:
            continue
        for nominal in (50, 80, 90):
            share = sum(float(r[f"coverage_{nominal}"]) * float(r["cases"]) for r in rows) / cases
            words = f"the {nominal} % intervals of {target} held {share:.0%} of what happened"
            worst = max(worst, (abs(share - nominal / 100), words))
    if worst[0] > BAND:
        return StatusEntry("coverage", "red", f"In recent months {worst[1]}: out of band.")
    words = f"In recent months {worst[1]} at worst: in band." if worst[1] else "There are too few past cases."
    return StatusEntry("coverage", "green", words)


def read_scores(folder: Path) -> list[dict[str, str]]:
    """The rows of a release's ``scores.csv``; none where there is no such file."""
    try:
        with (folder / "scores.csv").open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except OSError:
        return []
    needed = {"target", "member", "cases", "coverage_50", "coverage_80", "coverage_90"}
    return [row for row in rows if needed <= row.keys() and "NA" not in {row[k] for k in needed}]


def _checks(info: ReleaseInfo) -> Iterator[StatusEntry]:
    """The match rate, as the gate found it when the release was made."""
    for check in info.status.get("checks", []):
        if check.get("name") == "match_rate" and check.get("status") in LEVEL_ORDER:
            yield StatusEntry("match rate", check["status"], check["message"])


def _model(info: ReleaseInfo) -> Iterator[StatusEntry]:
    """What made the numbers, where that was not what was asked for."""
    reason = (info.manifest.get("model") or {}).get("reason")
    if reason:
        yield StatusEntry("model", "amber", f"A fallback made the numbers, {info.model}: {reason}")


def _recorded(out: Path, job: Mapping[str, Any] | None) -> Iterator[StatusEntry]:
    """What the last job and the monitoring have left."""
    job = job or last_job(out) or {}
    if job.get("exit_code"):
        yield StatusEntry("last job", "amber", f"The job of {job.get('day')} failed: {job.get('message')}")
    entries = _read_json(out / MONITORING).get("entries", [])
    for found in entries if isinstance(entries, list) else []:
        if isinstance(found, dict) and found.get("level") in LEVEL_ORDER:
            yield StatusEntry(str(found.get("name")), found["level"], str(found.get("message")))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def last_job(out: Path) -> dict[str, Any] | None:
    """What the folder's ``status.json`` says of the last publishing job."""
    found = _read_json(out / STATUS).get("last_job")
    return found if isinstance(found, dict) else None


def write_status(
    out: Path,
    day: date,
    due_days: int,
    job: Mapping[str, Any] | None = None,
    more: Sequence[StatusEntry] = (),
) -> FolderStatus:
    """Write the folder's ``status.json`` anew, with the outcome of a job or that of the one before.

    Raises
    ------
    ReleaseError
        There is no such folder, or it cannot be written.
    LockError
        Another job has been writing there for too long.
    """
    from .files import disk_errors, replace_text, writing
    from .manifest import json_text

    kept = dict(job) if job is not None else last_job(out)
    found = folder_status(out, day, due_days, kept, more)
    remedy = "The releases are untouched; free space or permissions there, and run again."
    with disk_errors("the status cannot be written", out / STATUS, remedy), writing(out):
        replace_text(json_text({**found.to_dict(), "last_job": kept}), out / STATUS)
    return found
