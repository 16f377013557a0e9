"""What ``status.json`` remembers of a job: how it ended, and of which release people were notified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from ...data.errors import HarmattanError, NotifyError
from ..release import write_status
from .metrics import write_metrics
from .outcome import Published, notify

if TYPE_CHECKING:
    from ..release import Release
    from ..settings import Settings
    from .job_log import JobLog

#: In ``status.json``: the release of which nobody could be notified.
PENDING = "pending_notification"


def report_failure(
    settings: Settings, day: date, log: JobLog, error: Exception, notified: Mapping[str, Any]
) -> None:
    """Leave word of a job that failed; whatever cannot be written changes nothing about the failure."""
    known = isinstance(error, HarmattanError)
    code = error.exit_code if isinstance(error, HarmattanError) else 1
    message = error.message if isinstance(error, HarmattanError) else f"an unexpected {type(error).__name__}"
    record = {"day": str(day), "exit_code": code, "message": message}
    log.write("publish", "failed", exit_code=code, message=message, expected=known)
    try:
        status = write_status(settings.out, day, settings.due_days, record | dict(notified))
        if settings.metrics_file is not None:
            write_metrics(settings.metrics_file, status, code, log.seconds)
    except Exception as failure:
        # Whatever is wrong with the folder, somebody has to hear of the job.
        log.write("status", "failed", message=str(failure))
    if settings.notify:
        try:
            notify(settings.notify, {"event": "refused", "summary": f"Not published: {message}", **record})
        except NotifyError as failure:
            log.write("notify", "failed", message=failure.message)


def job_record(day: date, release: Release, failure: HarmattanError | None) -> dict[str, Any]:
    """What ``status.json`` says of a job that left a release."""
    outcome = f"{release.path.name}: {release.status}"
    message = f"{outcome}, but {failure.message}" if failure else outcome
    return {"day": str(day), "exit_code": failure.exit_code if failure else 0, "message": message}


def notified_before(before: Mapping[str, Any] | None) -> dict[str, Any]:
    """Of the last job's record: which release people were notified of, and of which nobody could be.

    A job carries both on, whatever becomes of it.
    """
    last = before or {}
    # Jobs of earlier versions called the one otherwise, and did not know the other.
    found = {"notified": last.get("notified"), PENDING: last.get(PENDING, last.get("owed"))}
    return {key: name for key, name in found.items() if name}


def notify_release(
    settings: Settings,
    day: date,
    log: JobLog,
    done: Published,
    before: Mapping[str, Any] | None,
    notified: Mapping[str, Any],
) -> Published:
    """Send word of a release that is new, or of which nobody has been notified."""
    log.write("publish", "done", **done.to_dict())
    name = done.release.path.name
    # An earlier job may have been killed between the release and its notification.
    missed = (
        before is None or name == notified.get(PENDING) or _is_later(name, notified.get("notified", name))
    )
    if not settings.notify or (done.release.status == "identical" and not missed):
        return done
    failure: HarmattanError | None = done.tracking_error or done.upload_error
    error = None
    try:
        with log.stage("notify"):
            notify(settings.notify, done.to_dict())
        said = {"notified": name}
    except NotifyError as reason:
        error, said = reason, {**notified, PENDING: name}
    record = job_record(day, done.release, failure or error) | said
    status = write_status(settings.out, day, settings.due_days, record)
    return replace(done, notify_error=error, status=status)


def _is_later(name: str, than: str) -> bool:
    """Whether a release comes after another, by month and revision.

    >>> _is_later("2023-12_r10", "2023-12_r9"), _is_later("2023-12", "2023-12")
    (True, False)
    """
    month, _, revision = name.partition("_r")
    other, _, earlier = than.partition("_r")
    return (month, int(revision or 1)) > (other, int(earlier or 1))
