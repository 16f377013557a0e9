"""A release recorded in MLflow after the day it was made, and the note beside it that says it is on no record yet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...data.errors import TrackingError
from ..release import UNTRACKED, replace_text, verify_release
from .runs import record_of_release

if TYPE_CHECKING:
    from ..settings import Settings

#: What a note says until a job has done its record.
NOT_YET = TrackingError("the job that made it was stopped before it was recorded.")


def track_release(release: Path, settings: Settings) -> str:
    """Record a release from its own files, once; the run's id. The settings name the store.

    Raises
    ------
    ReleaseError
        The folder is no release, or does not verify: a damaged release is not put on record.
    TrackingError
        The store cannot be used.
    """
    from ...training.registry.runs import log_run

    verify_release(release).require()
    record = record_of_release(release)
    once_by = ("run_kind", "release", "forecast_hash")
    run_id = log_run(record, settings.mlruns, settings.tracking_uri, once_by=once_by)
    remove_note(release)
    return run_id


def note_of(release: Path) -> Path:
    """Where the note about a release stands, whether there is one or not.

    >>> note_of(Path("releases/2023-12")).name
    '2023-12.untracked.json'
    """
    return release.with_name(release.name + UNTRACKED)


def leave_note(release: Path, failure: TrackingError = NOT_YET) -> None:
    """Say beside a release that it is on no record, why, and what to do; the release itself stays as it is.

    A job leaves it before the release gets its name, so that one that is killed is made up for.
    """
    note = {
        "release": release.name,
        "tracking": "unavailable",
        "reason": failure.what,
        "store": failure.where,
        "remedy": f"harmattan track --from {release.name}",
    }
    try:
        replace_text(json.dumps(note, indent=2, sort_keys=True) + "\n", note_of(release))
    except OSError:
        # The outcome and the exit code say the same: a full disk must not turn a lost record into a lost release.
        return


def remove_note(release: Path) -> None:
    """The release is on record now."""
    note_of(release).unlink(missing_ok=True)


def why_untracked(release: Path) -> dict[str, Any] | None:
    """What the note about a release says; None where there is none."""
    try:
        note = json.loads(note_of(release).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return note if isinstance(note, dict) else None
