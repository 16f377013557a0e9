"""Withdrawn releases: their bytes stay, and a note beside the folder says that nobody may use them, and why."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from ...data.errors import WithdrawnError

#: Follows the name of a withdrawn release: ``2023-12.withdrawn.json`` stands beside ``2023-12``.
SUFFIX = ".withdrawn.json"


@dataclass(frozen=True)
class Tombstone:
    """Why a release must not be used.

    Attributes
    ----------
    release : str
        Its name, such as ``2023-12_r2``.
    reason : str
        In the words of whoever withdrew it.
    withdrawn_on : str
        The day, ``YYYY-MM-DD``; empty where the note cannot be read.
    sums : str
        SHA-256 of its ``SHA256SUMS``, so that the note can be tied to the bytes.
    """

    release: str
    reason: str
    withdrawn_on: str
    sums: str = ""

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


def tombstone_of(folder: Path) -> Tombstone | None:
    """The note about a release; None where it was not withdrawn.

    A note that cannot be read withdraws as well: doubt never brings a release back.
    """
    folder = folder.resolve()
    path = note_of(folder)
    if not path.exists():
        return None
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return Tombstone(folder.name, str(told["reason"]), str(told["withdrawn_on"]), str(told["sums"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Tombstone(folder.name, f"the note {path.name} gives no reason that can be read", "")


def refuse_withdrawn(folder: Path) -> None:
    """A :class:`WithdrawnError` with the reason, where a release was withdrawn."""
    stone = tombstone_of(folder)
    if stone is not None:
        raise WithdrawnError(
            stone.sentence, str(folder), "Use another release: harmattan releases list shows them."
        )
