"""A release recorded in MLflow after the day it was made, from its own files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .runs import record_of_release

if TYPE_CHECKING:
    from ..settings import Settings


def track_release(release: Path, settings: Settings) -> str:
    """Record a release, once; the run's id.

    Parameters
    ----------
    release : Path
        A finished release, whole.
    settings : Settings
        Name the store.

    Raises
    ------
    ReleaseError
        The folder is no release, or does not verify: a damaged release is not put on record.
    TrackingError
        The store cannot be used.
    """
    from ...training.registry.runs import log_run
    from ..release.verify import verify
    from .pending import remove_note

    verify(release).require()
    record = record_of_release(release)
    once_by = ("run_kind", "release", "forecast_hash")
    run_id = log_run(record, settings.mlruns, settings.tracking_uri, once_by=once_by)
    remove_note(release)
    return run_id
