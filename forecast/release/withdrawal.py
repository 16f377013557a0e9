"""The note that withdraws a release: its bytes stay, the note beside it says that nobody may use it, and why."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from ...data.errors import WithdrawnError

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
