"""``latest``: a link to the newest release fit for use, replaced in one step and never broken."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ...data.errors import ReleaseError
from .files import flush

LATEST = "latest"


def name(out: Path) -> str | None:
    """Name of the release that ``latest`` points to, whether it is there or not; None without a pointer."""
    try:
        return os.readlink(out / LATEST)
    except OSError:
        return None


def target(out: Path) -> Path | None:
    """The folder that ``latest`` points to; None where there is no pointer.

    Raises
    ------
    ReleaseError
        It points outside the folder, or to nothing.
    """
    led = name(out)
    if led is None:
        return None
    if Path(led).name != led or not (out / led).is_dir():
        raise ReleaseError(
            f"the pointer '{LATEST}' leads to '{led}', which is no release here.",
            str(out / LATEST),
            "Run harmattan publish, which sets it again.",
        )
    return out / led


def point(out: Path, release: str) -> bool:
    """Let ``latest`` point to a release by one rename; whether that changed anything.

    Raises
    ------
    ReleaseError
        The folder cannot be written, or something else is called ``latest``.
    """
    if name(out) == release:
        return False
    pointer, aside = out / LATEST, out / f".tmp-{LATEST}"
    if pointer.exists() and not pointer.is_symlink():
        raise ReleaseError(
            f"'{LATEST}' is no pointer.",
            str(pointer),
            "Move it away; the name is that of the newest release.",
        )
    try:
        aside.unlink(missing_ok=True)
        aside.symlink_to(release, target_is_directory=True)
        os.replace(aside, pointer)
        flush(out)
    except OSError as reason:
        raise ReleaseError(
            f"'{LATEST}' cannot be moved to {release} ({reason.strerror or reason}).",
            str(out),
            "The release is complete; free space or permissions there, and run again.",
        ) from reason
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
    return True


def lead(out: Path, release: str | None) -> bool:
    """Let ``latest`` point to a release, or to none; whether that changed anything."""
    return clear(out) if release is None else point(out, release)


def clear(out: Path) -> bool:
    """Take the pointer away; whether there was one."""
    there = name(out) is not None
    if there:
        (out / LATEST).unlink()
        flush(out)
    return there
