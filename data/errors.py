"""Every error that Harmattan raises on purpose.

Each one says what is wrong, where (file, row, column, region-month), and what to do; the command line prints
that and leaves with the exit code of the class.

    HarmattanError                  1
    ├── UsageError                  2   the request itself is wrong
    │   ├── ConfigError             2   a configuration file or option
    │   └── OriginError             2   an origin or horizon that the data cannot serve
    ├── InputError                  3   the data are wrong
    │   ├── SourceError             3   a file that is missing, empty or unreadable
    │   ├── SchemaError             3   rows or columns that break a rule (carries the offending rows)
    │   ├── RegionError             3   polygons, region ids, links
    │   └── LedgerError             3   incidents read and accounted for do not balance
    ├── ModelError                  4   a model that cannot be fitted or loaded
    ├── ReleaseError                5   a release that cannot be written, or does not verify
    │   └── WithdrawnError          9   a release that was withdrawn
    ├── GateError                   6   data or forecast are partial or implausible: nothing is published
    │   ├── StaleError             10   the data are stale
    │   ├── OverdueError           11   a release is overdue
    │   ├── CoverageError          12   intervals held too few or too many of what happened
    │   ├── MatchError             13   too few events could be placed in a region
    │   └── SkillError             15   forecasts were worse than the baseline for too long
    ├── LockError                   7   another job is at work
    ├── TrackingError               8   the run is complete, but MLflow could not be reached
    ├── NotifyError                14   the release is published, but nobody could be told
    └── UploadError                16   the release is published here, but not where it was to be copied
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import pandas as pd


class HarmattanError(Exception):
    """An expected failure, in three short sentences.

    Parameters
    ----------
    what : str
        What is wrong.
    where : str
        File, row, column or region-month; empty where there is none.
    remedy : str
        What the user can do about it.

    Examples
    --------
    >>> error = SourceError("the file does not exist.", where="counts.csv", remedy="Check the path.")
    >>> error.message, error.exit_code
    ('counts.csv: the file does not exist. Check the path.', 3)
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, where: str = "", remedy: str = "") -> None:
        self.what, self.where, self.remedy = what, where, remedy
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """The whole error as one line: where, what, remedy."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        whole = f"{head} {self.remedy}".strip()
        return whole if _COMMAND.get() or "--" not in whole else _in_python(whole)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.__dict__.copy()))


@contextmanager
def on_the_command_line() -> Iterator[None]:
    """Inside, errors call options as the command line does: ``--data-lag``, not ``data_lag``.

    >>> error = UsageError("too long.", "--data-lag", "Leave it out, or see: harmattan backtest --help.")
    >>> error.message
    'data_lag: too long. Leave it out, or see: harmattan backtest --help.'
    >>> with on_the_command_line():
    ...     error.message
    '--data-lag: too long. Leave it out, or see: harmattan backtest --help.'
    """
    before = _COMMAND.set(True)
    try:
        yield
    finally:
        _COMMAND.reset(before)


def _in_python(text: str) -> str:
    """A text with options as Python calls them; commands that it quotes are left as they are."""
    parts = _QUOTED_COMMAND.split(text)
    parts[::2] = [_OPTION.sub(_parameter, part) for part in parts[::2]]
    return "".join(parts)


def _parameter(option: re.Match[str]) -> str:
    name = option[2].replace("-", "_")
    name = _LONGER.get(name, name)
    if option[1]:
        return f"{name}=False"
    return f"{name}={option[3]}" if option[3] else name


_COMMAND: ContextVar[bool] = ContextVar("command", default=False)
_QUOTED_COMMAND = re.compile(r"(\bharmattan [a-z](?:[^.;]|[.;](?=\S))*)")
_OPTION = re.compile(r"--(no-)?([a-z][a-z-]+)(?: ('[^']*'))?")
#: Options that are shorter than what they set.
_LONGER = {"decay": "spillover_decay", "saturation": "spillover_saturation"}


def _rebuild(kind: type[HarmattanError], state: dict[str, Any]) -> HarmattanError:
    """Bring an error back whole from a worker process."""
    error = kind.__new__(kind)
    error.__dict__.update(state)
    Exception.__init__(error, error.message)
    return error


class UsageError(HarmattanError):
    """The request itself is wrong."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration file or option is wrong."""


class OriginError(UsageError):
    """An origin or horizon that the data cannot serve."""


class InputError(HarmattanError):
    """The data are wrong."""

    exit_code = 3


class SourceError(InputError):
    """A file that is missing, empty or unreadable."""


class SchemaError(InputError):
    """Rows or columns break a rule; ``failures`` holds the offending rows.

    Parameters
    ----------
    failures : pandas.DataFrame, optional
        One row per failure: ``row``, ``column``, ``value``, ``rule``.
    """

    def __init__(
        self, what: str, where: str = "", remedy: str = "", failures: pd.DataFrame | None = None
    ) -> None:
        self.failures = failures
        super().__init__(what, where, remedy)


class RegionError(InputError):
    """Polygons, region ids or links are wrong."""


class LedgerError(InputError):
    """Incidents read and incidents accounted for do not balance."""


class ModelError(HarmattanError):
    """A model cannot be fitted or loaded."""

    exit_code = 4


class ReleaseError(HarmattanError):
    """A release cannot be written, or does not verify."""

    exit_code = 5


class WithdrawnError(ReleaseError):
    """A release that was withdrawn, and is not to be used."""

    exit_code = 9


class GateError(HarmattanError):
    """Data or forecast are partial or implausible: nothing is published."""

    exit_code = 6


class StaleError(GateError):
    """The data are stale."""

    exit_code = 10


class OverdueError(GateError):
    """A release is overdue."""

    exit_code = 11


class CoverageError(GateError):
    """Intervals of recent forecasts held too few, or too many, of what happened."""

    exit_code = 12


class MatchError(GateError):
    """Too few events could be placed in a region."""

    exit_code = 13


class SkillError(GateError):
    """Recent forecasts were worse than the baseline for too long."""

    exit_code = 15


class LockError(HarmattanError):
    """Another job is at work."""

    exit_code = 7


class TrackingError(HarmattanError):
    """The run is complete, but MLflow could not be reached."""

    exit_code = 8


class NotifyError(HarmattanError):
    """The release is published, but nobody could be told."""

    exit_code = 14


class UploadError(HarmattanError):
    """The release is published here, but could not be copied to where others read it."""

    exit_code = 16


def searchable(text: str) -> str:
    """A name for searching: Latin letters whatever its script, lower case, no accents, one space for other signs.

    >>> searchable("Kasaï-Occidental"), searchable("Bartın"), searchable("Омск")
    ('kasai occidental', 'bartin', 'omsk')
    """
    from anyascii import anyascii

    return re.sub(r"[^a-z0-9_']+", " ", anyascii(text).lower()).strip()


def listed(names: Iterable[object], most: int = 10, near: str = "") -> str:
    """Names for a message; of many the first few, or those nearest to a name.

    >>> listed(["a", "b", "c"], most=2), listed(["a", "b", "c"], 1, near="c")
    ('a, b and 1 more', 'c and 2 more')
    """
    words = [str(name) for name in names]
    if near and len(words) > most:
        wanted = searchable(near)
        words.sort(key=lambda n: -difflib.SequenceMatcher(None, wanted, searchable(n)).ratio())
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")


def nearest(name: str, known: Iterable[str]) -> str:
    """A remedy that names the nearest known name in any accents, case and script; of many, the nearest ten.

    >>> nearest("horizon", ["horizons", "origin"])
    "Did you mean 'horizons'?"
    >>> nearest("Kasaï", ["COD-kasai-occidental", "COD-kasai-oriental", "COD-katanga"])
    "Did you mean 'COD-kasai-occidental' or 'COD-kasai-oriental'?"
    >>> nearest("zzz", ["horizons", "origin"])
    'Known: horizons, origin.'
    """
    known, wanted = sorted(known), searchable(name)
    bare = {k: searchable(k) for k in known}
    # an id is a country and a name: the name alone is enough
    found = [k for k in known if wanted and wanted in (bare[k], bare[k].partition(" ")[2])]
    found = found or [k for k in known if wanted and f" {wanted} " in f" {bare[k]} "]
    spelled = {form: k for k in reversed(known) for form in (k, bare[k], bare[k].partition(" ")[2]) if form}
    close = difflib.get_close_matches(name, spelled, n=1) or difflib.get_close_matches(wanted, spelled, n=1)
    if 0 < len(found) <= 3 or close:
        meant = found if 0 < len(found) <= 3 else [spelled[close[0]]]
        return f"Did you mean {' or '.join(repr(k) for k in meant)}?"
    if len(known) <= 10:
        return f"Known: {', '.join(known)}."
    return f"Nearest: {listed(known, near=name)}."
