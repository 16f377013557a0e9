"""``latest``: a link to the newest release fit for use, replaced in one step and never broken."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ...data.errors import ReleaseError
from .files import disk_errors, flush

LATEST = "latest"


def latest_name(out: Path) -> str | None:
    """Name of the release that ``latest`` points to, whether it is there or not; None without a pointer."""
    try:
        return os.readlink(out / LATEST)
    except OSError:
        return None


def latest_target(out: Path) -> Path | None:
    """The folder that ``latest`` points to; None where there is no pointer.

    Raises
    ------
    ReleaseError
        It points outside the folder, or to nothing.
    """
    release = latest_name(out)
    if release is None:
        return None
    if Path(release).name != release or not (out / release).is_dir():
        raise ReleaseError(
            f"the pointer '{LATEST}' leads to '{release}', which is no release here.",
            str(out / LATEST),
            "Run harmattan publish, which sets it again.",
        )
    return out / release


def point_latest(out: Path, release: str | None) -> bool:
    """Let ``latest`` point to a release by one rename, or to none; whether that changed anything.

    Raises
    ------
    ReleaseError
        The folder cannot be written, or something else is called ``latest``.
    """
    pointer, aside = out / LATEST, out / f".tmp-{LATEST}"
    if latest_name(out) == release:
        return False
    if release is None:
        pointer.unlink()
        flush(out)
        return True
    if pointer.exists() and not pointer.is_symlink():
        remedy = "Move it away; the name is that of the newest release."
        raise ReleaseError(f"'{LATEST}' is no pointer.", str(pointer), remedy)
    remedy = "The release is complete; free space or permissions there, and run again."
    try:
        with disk_errors(f"'{LATEST}' cannot be moved to {release}", out, remedy):
            aside.unlink(missing_ok=True)
            aside.symlink_to(release, target_is_directory=True)
            os.replace(aside, pointer)
            flush(out)
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
    return True
