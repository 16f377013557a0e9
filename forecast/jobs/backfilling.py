"""Past months published as they were known: each from the data of its day, with weights learned before it."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd

from ...data import month_of
from ...data.errors import TrackingError, UsageError
from ..release import month_end, publishing, read_secret_key, revisions
from ..settings import Settings
from .forecasting import check_writable, make_forecast, release_forecast

if TYPE_CHECKING:
    from ..result import ForecastResult

#: Months that are forecast before the first of them is written, for each worker.
AHEAD = 4


@dataclass(frozen=True)
class Backfill:
    """What came of a backfill: months that were ``written``, those that were there ``already``, and a lost record."""

    written: tuple[str, ...]
    already: tuple[str, ...]
    tracking_error: TrackingError | None = None

    def summary(self) -> dict[str, Any]:
        """For JSON."""
        error = self.tracking_error and self.tracking_error.message
        return {"written": list(self.written), "already": list(self.already), "tracking_error": error}


def as_known(settings: Settings, month: pd.Period) -> Settings:
    """Settings of the forecast from a past month on the last day of the next one.

    A store of vintages is read as it was on that day; any other source has one version, which is cut at the month.
    Everything is fitted at the origin: a trained model could have learned from later months.

    >>> found = as_known(Settings(source="store:vintages"), pd.Period("2023-11", "M"))
    >>> found.source, found.as_of, str(found.run_date)
    ('store:vintages@2023-12-31', '2023-11', '2023-12-31')
    """
    day = month_end(str(month + 1))
    source = settings.source
    if source.startswith("store:") and "@" not in source:
        source = f"{source}@{day}"
    return replace(settings, source=source, as_of=str(month), run_date=day, model=None)


def missing_months(settings: Settings, first: str, last: str) -> tuple[list[pd.Period], list[str]]:
    """The months of a span that have no release yet, and those that have one.

    Raises
    ------
    OriginError
        An end that is no month.
    UsageError
        A span that ends before it begins, or with a month whose forecast is not due yet.
    """
    months = list(pd.period_range(month_of(first), month_of(last), freq="M"))
    if not months:
        raise UsageError(f"{last} is before {first}.", "--from", "Name the earlier month first.")
    if month_end(str(months[-1])) >= date.today():
        raise UsageError(f"{last} is not over.", "--to", "Backfill past months; publish does the newest.")
    there = {str(m) for m in months if settings.out.is_dir() and revisions(settings.out, str(m))}
    return [m for m in months if str(m) not in there], sorted(there)


def backfill(
    settings: Settings, first: str, last: str, progress: Callable[[str, float], None] | None = None
) -> Backfill:
    """Publish the months of a span that have no release yet, in order; what exists, and ``latest``, is not touched.

    A backfill that was stopped goes on where it was: the same call again. Months are forecast side by side, one on each
    worker, and released one after the other: the bytes do not depend on how many workers there are.

    Parameters
    ----------
    settings : Settings
        As for a forecast; ``model``, ``as_of`` and ``run_date`` do not count.
    first, last : str
        Months, such as ``2022-01``: the last ones that the first and the last forecast see.

    Raises
    ------
    LockError
        Another backfill or publishing job is at work in the folder.
    HarmattanError
        What stops a forecast; months before it are published.
    """
    say = progress or (lambda stage, share: None)
    check_writable(settings.out)
    if settings.sign is not None:
        read_secret_key(settings.sign)
    written: list[str] = []
    with publishing(settings.out):
        asked, there = missing_months(settings, first, last)
        lost = _record_what_is_missing(settings, there)
        workers = min(settings.workers or os.cpu_count() or 1, len(asked)) or 1
        # As many as are forecast while some are written: more would only wait in memory.
        for start in range(0, len(asked), AHEAD * workers):
            months = asked[start : start + AHEAD * workers]
            for month, (result, known) in zip(months, _forecasts(settings, months, workers), strict=True):
                outcome = release_forecast(result, known)
                written.append(outcome.release.path.name)
                lost = lost or outcome.tracking_error
                # The command line hardly looks for garbage, which would grow from month to month.
                gc.collect()
                say(str(month), len(written) / len(asked))
    return Backfill(tuple(written), tuple(there), lost)


def _forecasts(
    settings: Settings, months: Sequence[pd.Period], workers: int
) -> Iterator[tuple[ForecastResult, Settings]]:
    """The forecasts of some months in order, each as soon as it is there."""
    from joblib import Parallel, delayed, parallel_config

    jobs = [as_known(replace(settings, workers=1), month) for month in months]
    if workers == 1:
        yield from map(_forecast, jobs)
        return
    with parallel_config(backend="loky", inner_max_num_threads=1):
        yield from Parallel(n_jobs=workers, return_as="generator", batch_size=1)(
            delayed(_forecast)(job) for job in jobs
        )


def _forecast(settings: Settings) -> tuple[ForecastResult, Settings]:
    """One month on one thread, as every task of a job."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return make_forecast(settings)


def _record_what_is_missing(settings: Settings, months: Sequence[str]) -> TrackingError | None:
    """Record in MLflow the releases of months that an earlier backfill could not record, or was stopped before."""
    from ..tracking import track_release, why_untracked

    if not settings.tracks:
        return None
    for folder in (path for month in months for path in revisions(settings.out, month)):
        if why_untracked(folder) is not None:
            try:
                track_release(folder, settings)
            except TrackingError as error:
                return error
    return None
