"""Everything UCDP has published up to today: the newest annual release, and the candidates of the months after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from ..errors import SourceError
from .cache import Fetched
from .transport import ABSENT


@dataclass(frozen=True)
class CurrentReleases:
    """What was brought.

    Attributes
    ----------
    fetched : tuple of (str, Fetched)
        Release and file, the annual one first.
    absent : tuple of str
        Releases that the server does not offer yet.
    """

    fetched: tuple[tuple[str, Fetched], ...]
    absent: tuple[str, ...]


def candidates(year: int, last_month: int) -> Iterator[str]:
    """Names of the monthly candidate releases of a year.

    >>> list(candidates(2026, 2))
    ['26.0.1', '26.0.2']
    """
    return (f"{year % 100}.0.{month}" for month in range(1, last_month + 1))


def last_complete_month(today: date) -> date:
    """The last day of the month before today's.

    >>> last_complete_month(date(2026, 1, 5))
    datetime.date(2025, 12, 31)
    """
    return today.replace(day=1) - timedelta(days=1)


def bring_current(bring: Callable[[str], Fetched], today: date) -> CurrentReleases:
    """Fetch what is needed for a forecast from the newest month.

    The annual release that covers everything to the end of the year before appears in summer; until then the one
    before it is taken, with the candidates of two years. The newest candidates may not be out yet: those are listed,
    and are no error. A candidate that is missing with a later one there is an error.

    Parameters
    ----------
    bring : callable
        Fetches one release; a :class:`SourceError` where it is not there.
    today : datetime.date

    Raises
    ------
    SourceError
        No annual release, or a month in between, can be had.
    """
    last = last_complete_month(today)
    wanted = list(candidates(last.year, last.month))
    annual = f"{last.year % 100}.1"
    found: list[tuple[str, Fetched]] = []
    absent: list[str] = []
    try:
        found.append((annual, bring(annual)))
    except SourceError as error:
        _refuse_failure(error)
        absent.append(annual)
        before = f"{(last.year - 1) % 100}.1"
        found.append((before, bring(before)))
        wanted = [*candidates(last.year - 1, 12), *wanted]
    missing: list[tuple[str, SourceError]] = []
    for release in wanted:
        try:
            got = bring(release)
        except SourceError as error:
            _refuse_failure(error)
            missing.append((release, error))
            continue
        if missing:
            raise missing[0][1]
        found.append((release, got))
    if len(missing) == len(wanted):
        # Not one month of the year is there: that is no delay, and its reason is worth more than silence.
        raise missing[0][1]
    return CurrentReleases(tuple(found), (*absent, *(release for release, _ in missing)))


def _refuse_failure(error: SourceError) -> None:
    """Go on only where a release is not there; a server that fails says nothing about what it has."""
    if ABSENT not in error.what:
        raise error
