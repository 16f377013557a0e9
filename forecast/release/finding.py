"""One thing that is wrong with a release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes
    ----------
    check : str
        The rule that is broken, such as ``checksum``.
    file : str
        Path inside the release; empty where it is the whole.
    message : str
        What is wrong, one clause.
    rows : int
        How many rows of a table break the rule; 0 where it is no matter of rows.
    """

    check: str
    file: str
    message: str
    rows: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The finding for JSON."""
        return {"check": self.check, "file": self.file, "message": self.message, "rows": self.rows}
