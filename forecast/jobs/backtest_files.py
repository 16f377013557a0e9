"""The files of a back-test: written aside, then moved into place together."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...data.errors import ReleaseError

if TYPE_CHECKING:
    import pandas as pd

#: The file that tells a back-test's folder from any other.
MARK = "leaderboard.json"
#: Tables for people, beside their parquet files.
AS_CSV = ("leaderboard", "splits", "onsets", "coverage", "leave_one_out")


def check_target(out: Path) -> None:
    """A :class:`ReleaseError` before the work, not after it, where ``out`` could not be written.

    A folder that holds anything but an earlier back-test is never replaced.
    """
    if out.is_dir() and any(out.iterdir()) and not (out / MARK).is_file():
        raise ReleaseError(
            "this folder holds something else than a back-test.", str(out), "Choose another --out."
        )
    there = out.absolute().parent
    while not there.exists():
        there = there.parent
    if out.is_file() or not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise ReleaseError("a back-test cannot be written here.", str(out), "Choose another --out.")


def write_folder(out: Path, tables: Mapping[str, pd.DataFrame], summary: Mapping[str, Any]) -> None:
    """Write every table as parquet, the readable ones as CSV too, and the summary as JSON; all or nothing.

    Raises
    ------
    ReleaseError
        The folder cannot be written; an earlier one is left as it was.
    """
    from ..release import csv_text

    fresh, old = (out.parent / f".{out.name}.{kind}-{os.getpid()}" for kind in ("new", "old"))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        fresh.mkdir()
        for name, table in tables.items():
            table.to_parquet(fresh / f"{name}.parquet", index=False)
            if name in AS_CSV:
                (fresh / f"{name}.csv").write_text(csv_text(table), encoding="utf-8")
        text = json.dumps(plain(summary), indent=1, allow_nan=False)
        (fresh / MARK).write_text(text + "\n", encoding="utf-8")
        if out.exists():
            out.rename(old)
        fresh.rename(out)
    except OSError as reason:
        if old.exists() and not out.exists():
            old.rename(out)
        raise ReleaseError(
            f"the back-test cannot be written ({reason.strerror or reason}).",
            str(reason.filename or out),
            "Free space or permissions there, or choose another --out.",
        ) from reason
    finally:
        for aside in (fresh, old):
            shutil.rmtree(aside, ignore_errors=True)


def plain(value: Any) -> Any:
    """A value for JSON: numbers of numpy become Python's, and what is not a number becomes null.

    Examples
    --------
    >>> plain({"a": [float("nan"), 1.23456789012345]})
    {'a': [None, 1.23456789]}
    """
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.9g}") if math.isfinite(value) else None
    return value
