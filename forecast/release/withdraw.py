"""Take a release back: its bytes stay, ``latest`` moves to the one before, and nobody uses it unwarned."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ...data.errors import ReleaseError, UsageError
from . import latest
from .catalogue import ReleaseInfo, all_releases, find_release, newest_to_lead
from .files import SUMS, clear_leftovers, flush, replace_text, sum_of
from .locks import publishing, writing
from .withdrawal import Tombstone, note_of, refuse_withdrawn


@dataclass(frozen=True)
class Withdrawal:
    """What came of it.

    Attributes
    ----------
    tombstone : Tombstone
        The note that was left.
    latest : str or None
        Where ``latest`` points now.
    moved : bool
        Whether it had to move.
    """

    tombstone: Tombstone
    latest: str | None
    moved: bool


def withdraw(reference: str, out: Path, reason: str, day: date) -> Withdrawal:
    """Withdraw a release of a folder.

    Parameters
    ----------
    reference : str
        Its name, or ``latest``.
    out : Path
        Folder of releases.
    reason : str
        Why, for whoever asks for it later.
    day : datetime.date
        The day that the note bears.

    Raises
    ------
    UsageError
        No reason is given, or the release is in another folder.
    WithdrawnError
        It was withdrawn before.
    ReleaseError
        There is no such release, or the note cannot be written.
    """
    reason = re.sub(r"\s+", " ", reason).strip()
    if not reason:
        raise UsageError(
            "a withdrawal needs a reason.", "--reason", "Say in a sentence what is wrong with it."
        )
    folder = find_release(reference, out, withdrawn=True)
    if folder.parent.resolve() != out.resolve():
        raise UsageError("the release is not in this folder.", str(folder), "Name its folder with --out.")
    with publishing(out), writing(out):
        refuse_withdrawn(folder)
        sums = folder / SUMS
        stone = Tombstone(folder.name, reason, str(day), sum_of(sums) if sums.is_file() else "")
        was = latest.name(out)
        # First away from it: readers of `latest` must never be led to a withdrawn release.
        if was == folder.name:
            able = newest_to_lead(out, besides=folder.name)
            latest.lead(out, able.name if able else None)
        try:
            replace_text(stone.text(), note_of(folder))
        except OSError as problem:
            raise ReleaseError(
                f"the note cannot be written ({problem.strerror or problem}).",
                str(note_of(folder)),
                "The release is not withdrawn yet; free space or permissions there, and run again.",
            ) from problem
    now = latest.name(out)
    return Withdrawal(stone, now, was != now)


@dataclass(frozen=True)
class Pruning:
    """What a policy keeps and what it removes.

    Attributes
    ----------
    kept : mapping of str to str
        Why each release stays, by name.
    removed : tuple of ReleaseInfo
        What goes.
    """

    kept: dict[str, str]
    removed: tuple[ReleaseInfo, ...]


def plan_pruning(releases: list[ReleaseInfo], months: int) -> Pruning:
    """Keep the newest usable release of each of the newest ``months`` months, ``latest``, and what was withdrawn.

    Everything else goes: earlier numbers of a month, and months before. A damaged release is kept, since it is
    evidence.
    """
    usable = [r for r in releases if r.level in ("green", "amber", "red")]
    best = {r.origin: r.name for r in usable}
    recent = {best[origin] for origin in sorted(best)[-months:]}
    kept = {}
    for r in releases:
        if r.is_latest:
            kept[r.name] = "latest points to it"
        elif r.withdrawn:
            kept[r.name] = "it was withdrawn, and its bytes stay"
        elif r.problem:
            kept[r.name] = f"it is damaged: {r.problem}"
        elif r.name in recent:
            kept[r.name] = f"the newest of {r.origin}, within {months} months"
    return Pruning(kept, tuple(r for r in releases if r.name not in kept))


def prune(out: Path, months: int, *, dry_run: bool = False) -> Pruning:
    """Remove what :func:`plan_pruning` does not keep; each release goes in one rename before it is deleted.

    Raises
    ------
    ReleaseError
        There is no such folder, or something in it cannot be removed.
    """
    if dry_run:
        return plan_pruning(all_releases(out), months)
    all_releases(out)
    with publishing(out), writing(out):
        plan = plan_pruning(all_releases(out), months)
        try:
            clear_leftovers(out)
            for release in plan.removed:
                aside = out / f".tmp-pruned-{release.name}"
                release.path.rename(aside)
                flush(out)
                shutil.rmtree(aside)
        except OSError as problem:
            raise ReleaseError(
                f"a release cannot be removed ({problem.strerror or problem}).",
                str(problem.filename or out),
                "Free permissions there, and run again.",
            ) from problem
    return plan
