"""The releases of a folder: which there are, how good they are, which were withdrawn, and which one a name means.

The bytes of a withdrawn release stay; a note beside its folder says that nobody may use it, and why.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...data.errors import ReleaseError, UsageError, WithdrawnError, nearest
from .latest import LATEST, latest_name, latest_target

#: What a release's folder is called: its origin, and from the second on its number.
NAME = re.compile(r"((?:19|20)\d\d-(?:0[1-9]|1[0-2]))(?:_r([2-9]|[1-9]\d+))?")
#: Follows the name of a withdrawn release: ``2023-12.withdrawn.json`` stands beside ``2023-12``.
SUFFIX = ".withdrawn.json"


@dataclass(frozen=True)
class WithdrawalNote:
    """Why a release must not be used."""

    release: str  # Its name, such as ``2023-12_r2``.
    reason: str  # In the words of whoever withdrew it.
    withdrawn_on: str  # The day, ``YYYY-MM-DD``; empty where the note cannot be read.
    sums: str = ""  # SHA-256 of its ``SHA256SUMS``, so that the note can be tied to the bytes.

    def text(self) -> str:
        """The note itself."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False, sort_keys=True) + "\n"

    @property
    def sentence(self) -> str:
        """What happened, in one clause."""
        on = f" on {self.withdrawn_on}" if self.withdrawn_on else ""
        return f"the release {self.release} was withdrawn{on}: {re.sub(r'[.!?]+$', '', self.reason)}."


def note_of(folder: Path) -> Path:
    """Where the note about a release stands, whether there is one or not."""
    return folder.with_name(folder.name + SUFFIX)


def withdrawal_of(folder: Path) -> WithdrawalNote | None:
    """The note about a release; None where it was not withdrawn.

    A note that cannot be read withdraws as well: doubt never brings a release back.
    """
    folder = folder.resolve()
    path = note_of(folder)
    if not path.exists():
        return None
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return WithdrawalNote(folder.name, str(kept["reason"]), str(kept["withdrawn_on"]), str(kept["sums"]))
    except (OSError, ValueError, KeyError, TypeError):
        return WithdrawalNote(folder.name, f"the note {path.name} gives no reason that can be read", "")


def refuse_withdrawn(folder: Path) -> None:
    """A :class:`WithdrawnError` with the reason, where a release was withdrawn."""
    note = withdrawal_of(folder)
    if note is not None:
        raise WithdrawnError(
            note.sentence, str(folder), "Use another release: harmattan releases list shows them."
        )


@dataclass(frozen=True)
class ReleaseInfo:
    """What a release says about itself."""

    path: Path  # The folder.
    origin: str  # The last month seen, ``YYYY-MM``.
    revision: int  # 1 for the first of its month.
    #: Its ``manifest.json`` and ``status.json``; empty where they cannot be read.
    manifest: Mapping[str, Any] = field(default_factory=dict)
    status: Mapping[str, Any] = field(default_factory=dict)
    withdrawn: WithdrawalNote | None = None  # Why it must not be used.
    is_latest: bool = False  # Whether ``latest`` points to it.
    problem: str = ""  # Why it cannot be read; empty where it can.

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def level(self) -> str:
        """``green``, ``amber`` or ``red``, as published; ``withdrawn`` or ``damaged`` where that is so."""
        if self.withdrawn:
            return "withdrawn"
        return "damaged" if self.problem else str(self.manifest.get("level", "damaged"))

    @property
    def demonstration(self) -> bool:
        """Made from the counts that come with the package, which are never current."""
        settings = self.manifest.get("settings") or {}
        return not settings.get("panel") and settings.get("source") == "snapshot"

    @property
    def model(self) -> str:
        """What made the numbers, for people."""
        model = self.manifest.get("model") or {}
        words = [str(model[key]) for key in ("name", "version") if model.get(key)]
        return " ".join(words) or "fitted at the origin"

    @property
    def why_not_latest(self) -> str:
        """Why ``latest`` may not point here; empty where it may."""
        if self.withdrawn:
            return "it was withdrawn"
        if self.problem:
            return self.problem
        if self.demonstration:
            return "it is a demonstration on the counts that come with the package"
        return "" if self.level in ("green", "amber") else "its level is red"

    def to_dict(self) -> dict[str, Any]:
        """The release for JSON."""
        return {
            "name": self.name,
            "path": str(self.path),
            "origin": self.origin,
            "revision": self.revision,
            "level": self.level,
            "banner": self.manifest.get("banner", ""),
            "run_date": self.status.get("run_date"),
            "model": self.model,
            "latest": self.is_latest,
            "demonstration": self.demonstration,
            "withdrawn": self.withdrawn.reason if self.withdrawn else None,
            "problem": self.problem or None,
        }


def read_release(folder: Path) -> ReleaseInfo:
    """What one release's own files say; whatever cannot be read becomes its ``problem``."""
    name = NAME.fullmatch(folder.name)
    manifest: dict[str, Any] = {}
    status: dict[str, Any] = {}
    problem = "" if name else "its folder is not named YYYY-MM or YYYY-MM_rN"
    for file, into in (("manifest.json", manifest), ("status.json", status)):
        try:
            read = json.loads((folder / file).read_text(encoding="utf-8"))
            into.update(read if isinstance(read, dict) else {})
            problem = problem or ("" if isinstance(read, dict) else f"{file} is no object")
        except (OSError, ValueError):
            problem = problem or f"{file} is missing or unreadable"
    if name and manifest and manifest.get("origin") != name[1]:
        problem = problem or f"manifest.json is that of {manifest.get('origin')}"
    return ReleaseInfo(
        path=folder,
        origin=name[1] if name else str(manifest.get("origin", "")),
        revision=int(name[2] or 1) if name else 1,
        manifest=manifest,
        status=status,
        withdrawn=withdrawal_of(folder),
        is_latest=latest_name(folder.parent) == folder.name,
        problem=problem,
    )


def all_releases(out: Path) -> list[ReleaseInfo]:
    """Every release of a folder, oldest origin first, then by number.

    Raises
    ------
    ReleaseError
        There is no such folder.
    """
    if not out.is_dir():
        raise ReleaseError("there is no such folder of releases.", str(out), "Correct --out.")
    found = [p for p in out.iterdir() if NAME.fullmatch(p.name) and p.is_dir() and not p.is_symlink()]
    return sorted((read_release(p) for p in found), key=lambda r: (r.origin, r.revision))


def newest(out: Path, before: str | None = None) -> ReleaseInfo | None:
    """The newest release that may be used: readable, not withdrawn, not red; of an origin before ``before``."""
    if not out.is_dir():
        return None
    usable = [r for r in all_releases(out) if r.level in ("green", "amber")]
    usable = [r for r in usable if before is None or r.origin < before]
    return usable[-1] if usable else None


def find_release(reference: str, out: Path, *, withdrawn: bool = False) -> Path:
    """The folder that a user means: a name below ``out`` (``2023-12``, ``latest``), or a path.

    A withdrawn release is given only where ``withdrawn`` asks for it.

    Raises
    ------
    UsageError
        Nothing was typed.
    ReleaseError
        There is none; the error names the nearest.
    WithdrawnError
        It was withdrawn.
    """
    if not reference.strip():
        raise UsageError("no release is named.", remedy="Give a name such as 2023-12, latest, or a path.")
    below = out / reference
    if reference == LATEST:
        pointed = latest_target(out)
        if pointed is None:
            raise ReleaseError("no release is the latest yet.", str(out), "Publish one: harmattan publish.")
        found = pointed
    elif NAME.fullmatch(reference) and below.is_dir():
        found = below
    elif Path(reference).is_dir():
        found = Path(reference).resolve()
    else:
        known = [r.name for r in all_releases(out)] if out.is_dir() else []
        remedy = nearest(reference, known) if known else "There are none in this folder; correct --out."
        raise ReleaseError(f"there is no release '{reference}'.", str(out), remedy)
    if not withdrawn:
        refuse_withdrawn(found)
    return found
