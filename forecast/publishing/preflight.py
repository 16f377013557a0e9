"""What a publishing job looks at before any work: the folder, the disk, the data."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from ...data.errors import ReleaseError
from ..jobs.forecast import check_writable
from ..release import clear_leftovers, newest, writing

if TYPE_CHECKING:
    from ...data.panel import Panel
    from ..inputs import Inputs
    from ..settings import Settings

__all__ = ["check_space", "check_writable", "read_inputs", "tidy"]

#: Bytes that have to be free: so many, and so many times the size of the last release.
FREE, TIMES = 20_000_000, 3


def read_inputs(settings: Settings, day: date, *, accept_losses: bool = False) -> Inputs:
    """The newest data, which have passed the gate on this day, and hold what the last release had seen.

    Parameters
    ----------
    settings : Settings
    day : datetime.date
        The day that the age of the data is measured on.
    accept_losses : bool
        Whether counts may have gone that the last release had seen, as when provisional data are replaced.

    Raises
    ------
    GateError
        A check is red: :class:`StaleError`, :class:`MatchError`, or the gate's own.
    """
    from ..inputs import load_inputs
    from ..release import check_level

    inputs = load_inputs(settings)
    check_level(inputs.panel, inputs.regions, settings.allow_grid, settings.level)
    if settings.as_of is not None:
        inputs = replace(inputs, panel=inputs.panel.until(settings.as_of))
    else:
        inputs = replace(inputs, panel=inputs.panel.until(inputs.panel.last_month))
    inputs.quality(day, None if accept_losses else _known(settings.out)).require()
    return inputs


def _known(out: Path) -> Panel | None:
    """The last months as the newest usable release had seen them."""
    from ..release import read_history, usable

    last = next(usable(out), None)
    return None if last is None else read_history(last.path)


def tidy(out: Path) -> None:
    """Remove what earlier jobs left half-written; a :class:`ReleaseError` where that cannot be done."""
    try:
        with writing(out):
            clear_leftovers(out)
    except OSError as reason:
        raise ReleaseError(
            f"what an earlier job left cannot be removed ({reason.strerror or reason}).",
            str(reason.filename or out),
            "Remove it by hand, or choose another --out.",
        ) from reason


def check_space(out: Path) -> None:
    """A :class:`ReleaseError` before the work where the disk is all but full."""
    last = newest(out)
    size = sum(p.stat().st_size for p in last.path.rglob("*") if p.is_file()) if last else 0
    free, needed = shutil.disk_usage(out).free, FREE + TIMES * size
    if free < needed:
        raise ReleaseError(
            f"only {free / 1e6:.1f} MB are free, {needed / 1e6:.0f} MB are needed.",
            str(out),
            "Free some, for example with harmattan prune, or choose another --out.",
        )
