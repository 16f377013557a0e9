"""Files that survive a power cut, and the checksums of a folder."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

#: Written last, and the first thing that a reader checks.
SUMS = "SHA256SUMS"


def write_text(text: str, path: Path) -> None:
    """Write a text as UTF-8 with Unix line ends, and flush it to disk."""
    path.write_text(text, encoding="utf-8", newline="\n")
    settle(path)


def replace_text(text: str, path: Path) -> None:
    """Write a text so that a reader meets the old one or the new one, whole, whatever happens."""
    aside = path.with_name(f".tmp-{path.name}-{os.getpid()}")
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


def settle(path: Path) -> None:
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
    return {name: there[name] for name in sorted(there) if name != SUMS}


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
