"""Who may work in a folder of releases: one writer, and one publishing job, at a time.

The locks are the operating system's own: they end with the process that holds them, however it ends, so a lock
file that was left behind stops nobody.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from ...data.errors import LockError, ReleaseError

#: Seconds that a second writer waits for the first one.
PATIENCE = 60.0


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Hold the folder of releases while a release is moved in, waiting a little for another writer."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(out / ".lock", timeout=PATIENCE):
            yield
    except Timeout:
        raise LockError(
            "another job is writing releases here.", str(out), "Wait for it, or choose another --out."
        ) from None


@contextmanager
def publishing(out: Path) -> Iterator[bool]:
    """Hold the folder for a whole publishing job; gives whether an earlier one had ended without letting go.

    Raises
    ------
    LockError
        At once where another job holds it, with its process, machine and start.
    ReleaseError
        The folder cannot be made or written.
    """
    from filelock import FileLock, Timeout

    note = out / ".publishing.json"
    lock = FileLock(out / ".publishing.lock")
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise LockError(
            f"another publishing job is at work here{_holder(note)}.", str(out), "Wait for it to end."
        ) from None
    except OSError as reason:
        raise ReleaseError(
            f"the folder cannot be locked ({reason.strerror or reason}).",
            str(out),
            "Free space or permissions there, or choose another --out.",
        ) from reason
    try:
        stale = note.exists()
        held = {"process": os.getpid(), "machine": socket.gethostname(), "since": _now()}
        with suppress(OSError):
            note.write_text(json.dumps(held) + "\n", encoding="utf-8")
        yield stale
    finally:
        with suppress(OSError):
            note.unlink(missing_ok=True)
        lock.release()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _holder(note: Path) -> str:
    """Who holds a lock, as far as that can be read."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        held = json.loads(note.read_text(encoding="utf-8"))
        return f" (process {held['process']} on {held['machine']}, since {held['since']})"
    return ""
