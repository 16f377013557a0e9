"""A note beside a release that MLflow could not record; it stands until `harmattan track` has done so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..release.files import replace_text

if TYPE_CHECKING:
    from ...data.errors import TrackingError

SUFFIX = ".untracked.json"


def note_of(release: Path) -> Path:
    """Where the note about a release stands, whether there is one or not.

    >>> note_of(Path("releases/2023-12")).name
    '2023-12.untracked.json'
    """
    return release.with_name(release.name + SUFFIX)


def leave_note(release: Path, failure: TrackingError) -> None:
    """Say beside a release that it is on no record, why, and what to do; the release itself stays as it is."""
    told = {
        "release": release.name,
        "tracking": "unavailable",
        "reason": failure.what,
        "store": failure.where,
        "remedy": f"harmattan track --from {release.name}",
    }
    try:
        replace_text(json.dumps(told, indent=2, sort_keys=True) + "\n", note_of(release))
    except OSError:
        # The outcome and the exit code say the same: a full disk must not turn a lost record into a lost release.
        return


def remove_note(release: Path) -> None:
    """The release is on record now."""
    note_of(release).unlink(missing_ok=True)


def why_untracked(release: Path) -> dict[str, Any] | None:
    """What the note about a release says; None where there is none."""
    try:
        told = json.loads(note_of(release).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return told if isinstance(told, dict) else None
