"""Take a release back: its bytes stay, ``latest`` moves to the one before, and nobody uses it unwarned."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ...data.errors import UsageError
from .catalogue import (
    ReleaseInfo,
    WithdrawalNote,
    all_releases,
    find_release,
    note_of,
    refuse_withdrawn,
)
from .files import SUMS, clear_leftovers, disk_errors, flush, publishing, replace_text, sum_of, writing
from .latest import latest_name, point_latest
from .verify import newest_fit_for_latest


@dataclass(frozen=True)
class Withdrawal:
    """What came of it."""

    note: WithdrawalNote  # The note that was left.
    latest: str | None  # Where ``latest`` points now.
    moved: bool  # Whether it had to move.


def withdraw_release(reference: str, out: Path, reason: str, day: date) -> Withdrawal:
    """Withdraw a release of a folder.

    ``reference`` is its name, or ``latest``; ``reason`` and ``day`` stand in the note.

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
        note = WithdrawalNote(folder.name, reason, str(day), sum_of(sums) if sums.is_file() else "")
        was = latest_name(out)
        # First away from it: readers of `latest` must never be led to a withdrawn release.
        if was == folder.name:
            fit = newest_fit_for_latest(out, besides=folder.name)
            point_latest(out, fit.name if fit else None)
        remedy = "The release is not withdrawn yet; free space or permissions there, and run again."
        with disk_errors("the note cannot be written", note_of(folder), remedy):
            replace_text(note.text(), note_of(folder))
    now = latest_name(out)
    return Withdrawal(note, now, was != now)


@dataclass(frozen=True)
class PruningPlan:
    """What a policy keeps and what it removes."""

    kept: dict[str, str]  # Why each release stays, by name.
    removed: tuple[ReleaseInfo, ...]  # What goes.


def plan_pruning(releases: list[ReleaseInfo], months: int) -> PruningPlan:
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
    return PruningPlan(kept, tuple(r for r in releases if r.name not in kept))


def prune_releases(out: Path, months: int, *, dry_run: bool = False) -> PruningPlan:
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
        remedy = "Free permissions there, and run again."
        with disk_errors("a release cannot be removed", out, remedy, name_file=True):
            clear_leftovers(out)
            for release in plan.removed:
                aside = out / f".tmp-pruned-{release.name}"
                release.path.rename(aside)
                flush(out)
                shutil.rmtree(aside)
    return plan
