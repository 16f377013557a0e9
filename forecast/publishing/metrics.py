"""How a folder of releases stands, as a text file that Prometheus' node exporter collects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ...data.errors import ReleaseError
from ..release import replace_text

if TYPE_CHECKING:
    from ..release import FolderStatus

#: Levels as numbers: an alarm is set on two and more.
LEVELS = {"green": 0, "amber": 1, "red": 2}


def metrics_text(status: FolderStatus, exit_code: int, seconds: Mapping[str, float]) -> str:
    """The status, the last job's exit code and the seconds of its stages in Prometheus' text format."""

    def lines() -> Iterator[str]:
        def gauge(name: str, about: str, *values: tuple[str, float]) -> Iterator[str]:
            yield f"# HELP harmattan_{name} {about}"
            yield f"# TYPE harmattan_{name} gauge"
            yield from (f"harmattan_{name}{labels} {value:.12g}" for labels, value in values)

        yield from gauge("level", "The folder: 0 green, 1 amber, 2 red.", ("", LEVELS[status.level]))
        each = {entry.name: LEVELS[entry.level] for entry in status.entries}
        named = ((f'{{entry="{name}"}}', level) for name, level in each.items())
        yield from gauge("entry_level", "Each thing that is looked at: 0 green, 1 amber, 2 red.", *named)
        yield from gauge("exit_code", "Exit code of the last job.", ("", exit_code))
        if status.age_days is not None:
            yield from gauge("data_age_days", "Days since the last month of the data.", ("", status.age_days))
        if status.next_due is not None:
            due = datetime.combine(status.next_due, datetime.max.time(), UTC).timestamp()
            yield from gauge("next_due_timestamp_seconds", "When the next release is due.", ("", int(due)))
        stages = ((f'{{stage="{stage}"}}', taken) for stage, taken in seconds.items())
        if seconds:
            yield from gauge("stage_seconds", "Seconds of each stage of the last job.", *stages)

    return "\n".join(lines()) + "\n"


def write_metrics(path: Path, status: FolderStatus, exit_code: int, seconds: Mapping[str, float]) -> None:
    """Write :func:`metrics_text`, whole or not at all; a :class:`ReleaseError` where that cannot be done."""
    try:
        replace_text(metrics_text(status, exit_code, seconds), path)
    except OSError as reason:
        what = f"the metrics cannot be written ({reason.strerror or reason})."
        raise ReleaseError(what, str(path), "Name another --metrics-file.") from reason
