"""Files that survive a power cut, checksums of a folder, and who may work in it: one writer, one publishing job.

The locks are the operating system's own: they end with the process that holds them, however it ends, so a lock
file that was left behind stops nobody.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from ...data.errors import LockError, ReleaseError

#: Written last, and the first thing that a reader checks.
SUMS = "SHA256SUMS"
#: The signature of the checksums, where a release is signed; no part of what they cover.
SIGNATURE = "SHA256SUMS.sig"
#: How the name of a note ends that stands beside a release which is on no record in MLflow yet.
UNTRACKED = ".untracked.json"
#: Seconds that a second writer waits for the first one.
PATIENCE = 60.0


@contextmanager
def disk_errors(what: str, where: Path, remedy: str, *, name_file: bool = False) -> Iterator[None]:
    """An error of the disk as a :class:`ReleaseError`: what cannot be done, where (or in which file), what to do."""
    try:
        yield
    except OSError as reason:
        place = reason.filename if name_file and reason.filename else where
        raise ReleaseError(f"{what} ({reason.strerror or reason}).", str(place), remedy) from reason


def write_text(text: str, path: Path) -> None:
    """Write a text as UTF-8 with Unix line ends, and flush it to disk."""
    path.write_text(text, encoding="utf-8", newline="\n")
    flush_owned(path)


def replace_text(text: str, path: Path, by: Path | None = None) -> None:
    """Write a text so that a reader meets the old one or the new one, whole, whatever happens.

    It is first written in the folder ``by``, of the same disk, where a job that is killed may leave it; beside ``path``
    where none is named.
    """
    aside = (by or path.parent) / f".tmp-{path.name}-{os.getpid()}"
    try:
        write_text(text, aside)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    flush(path.parent)


def clear_leftovers(out: Path) -> None:
    """Remove what a job that was killed had begun to write; only for whoever holds the lock."""
    for left in out.glob(".tmp-*"):
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        else:
            left.unlink()
    for note in out.glob(f"*{UNTRACKED}"):
        if not note.with_name(note.name.removesuffix(UNTRACKED)).is_dir():
            note.unlink()


def flush_owned(path: Path) -> None:
    """Flush what was written; whatever the umask, only its owner may change it."""
    path.chmod(path.stat().st_mode & ~0o022)
    flush(path)


def flush(path: Path) -> None:
    """Make a file or folder survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def files_of(folder: Path) -> dict[str, Path]:
    """Every file of a release but its checksums, by path from the folder with forward slashes, sorted."""
    there = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if not p.is_dir()}
    return {name: there[name] for name in sorted(there) if name not in (SUMS, SIGNATURE)}


def sum_of(path: Path) -> str:
    """SHA-256 of one file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sums_of(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a folder and of the folders in it, by path such as ``hub/tasks.json``."""
    return {name: sum_of(path) for name, path in files_of(folder).items()}


def write_sums(folder: Path) -> None:
    """Write ``SHA256SUMS`` of a finished folder, in the format of ``sha256sum``."""
    lines = [f"{digest}  {name}\n" for name, digest in sums_of(folder).items()]
    write_text("".join(lines), folder / SUMS)
    flush(folder)


def read_sums(folder: Path) -> dict[str, str]:
    """What ``SHA256SUMS`` promises, by file name; empty where there is no such file."""
    path = folder / SUMS
    # A damaged file promises nonsense, which no file keeps.
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


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
    cannot = "the folder cannot be locked", out, "Free space or permissions there, or choose another --out."
    with disk_errors(*cannot):
        out.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            holder = f"another publishing job is at work here{_holder(note)}."
            raise LockError(holder, str(out), "Wait for it to end.") from None
    try:
        stale = note.exists()
        since = datetime.now(UTC).isoformat(timespec="seconds")
        held = {"process": os.getpid(), "machine": socket.gethostname(), "since": since}
        with suppress(OSError):
            note.write_text(json.dumps(held) + "\n", encoding="utf-8")
        yield stale
    finally:
        with suppress(OSError):
            note.unlink(missing_ok=True)
        lock.release()


def _holder(note: Path) -> str:
    """Who holds a lock, as far as that can be read."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        held = json.loads(note.read_text(encoding="utf-8"))
        return f" (process {held['process']} on {held['machine']}, since {held['since']})"
    return ""
