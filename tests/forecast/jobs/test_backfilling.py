"""Past months as they were known: resumable, one at a time, and nothing that exists is touched."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_worlds import ladder_panel

from harmattan.data.errors import LockError, OriginError, ReleaseError, UsageError
from harmattan.forecast.jobs import backfill, backfilling, missing_months
from harmattan.forecast.release import (
    check_signature,
    latest_name,
    make_keys,
    publishing,
    read_history,
    verify_release,
)
from harmattan.forecast.release.files import sums_of
from harmattan.forecast.settings import Settings
from harmattan.forecast.tracking import leave_note, why_untracked
from harmattan.training.registry import connected, experiment_of


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    panel = tmp_path / "panel.parquet"
    ladder_panel(months=100).write_parquet(panel)
    given = {"targets": ("events",), "horizons": (1, 2), "draws": 100, "workers": 1, "backtest_origins": 1}
    return Settings(panel=panel, out=tmp_path / "out", track=False, parts=False, **given)


def test_months_that_have_a_release_are_left_out(settings: Settings) -> None:
    (settings.out / "2008-11_r2").mkdir(parents=True)
    months, there = missing_months(settings, "2008-10", "2008-12")
    assert ([str(m) for m in months], there) == (["2008-10", "2008-12"], ["2008-11"])


def test_what_cannot_be_backfilled_is_named(settings: Settings) -> None:
    with pytest.raises(UsageError, match="2008-10 is before 2008-12"):
        missing_months(settings, "2008-12", "2008-10")
    with pytest.raises(UsageError, match="is not over"):
        missing_months(settings, "2008-12", str(pd.Period(date.today(), "M")))
    with pytest.raises(OriginError, match="2008-13"):
        missing_months(settings, "2008-13", "2009-01")
    with pytest.raises(OriginError, match="is a year, not a month"):
        missing_months(settings, "2008-01", "2008")


def test_two_backfills_at_once_are_refused(settings: Settings) -> None:
    with publishing(settings.out), pytest.raises(LockError, match="at work here"):
        backfill(settings, "2008-10", "2008-12")
    assert not (settings.out / "2008-10").exists()


def test_what_is_no_secret_key_stops_a_backfill_before_it_works(settings: Settings) -> None:
    with pytest.raises(ReleaseError, match="secret key cannot be read"):
        backfill(replace(settings, sign=settings.panel), "2008-10", "2008-12")
    assert not settings.out.exists()


def test_what_one_month_leaves_behind_is_gone_before_the_next(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However seldom the process looks for garbage by itself."""

    class Cycle:
        def __init__(self) -> None:
            self.itself = self

    left: list[weakref.ref[Cycle]] = []

    def release(result: Any, known: Settings) -> Any:
        assert [each() for each in left] == [None] * len(left)
        left.append(weakref.ref(Cycle()))
        path = settings.out / str(known.as_of)
        return SimpleNamespace(release=SimpleNamespace(path=path), tracking_error=None)

    monkeypatch.setattr(backfilling, "_forecast", lambda job: (None, job))
    monkeypatch.setattr(backfilling, "release_forecast", release)
    gc.disable()
    try:
        backfill(settings, "2008-10", "2008-12")
    finally:
        gc.enable()
    assert len(left) == 3


@pytest.mark.slow
def test_a_span_is_published_as_it_was_known_and_goes_on_where_it_was(
    settings: Settings, tmp_path: Path
) -> None:
    public = make_keys(tmp_path / "key")
    settings = replace(settings, sign=tmp_path / "key")
    first = backfill(settings, "2008-11", "2008-12")
    assert (first.written, first.already) == (("2008-11", "2008-12"), ())
    bytes_before = {p: p.read_bytes() for p in settings.out.rglob("*") if p.is_file() and "2008-1" in str(p)}
    second = backfill(settings, "2008-10", "2008-12")
    assert (second.written, second.already) == (("2008-10",), ("2008-11", "2008-12"))
    assert {p: p.read_bytes() for p in bytes_before} == bytes_before
    assert latest_name(settings.out) is None
    for name in ("2008-10", "2008-11", "2008-12"):
        verify_release(settings.out / name).require()
        check_signature(settings.out / name, public)
        assert str(read_history(settings.out / name).last_month) == name


@pytest.mark.slow
def test_later_months_change_no_byte_of_a_backfilled_forecast(settings: Settings, tmp_path: Path) -> None:
    """Leakage: everything after the month is replaced at random."""
    backfill(settings, "2008-11", "2008-11")
    whole = ladder_panel(months=100)
    at = whole.position(pd.Period("2008-11", "M")) + 1
    rng = np.random.default_rng(3)
    changed = {k: v.copy() for k, v in whole.measures.items()}
    for values in changed.values():
        values[at:] = rng.permutation(values[at:].ravel()).reshape(values[at:].shape)
    other = replace(settings, panel=tmp_path / "panel" / "panel.parquet", out=tmp_path / "other")
    assert other.panel is not None
    other.panel.parent.mkdir()
    replace(whole, measures=changed).write_parquet(other.panel)
    backfill(other, "2008-11", "2008-11")
    for name in ("forecast.parquet", "draws.parquet", "scores.csv", "report.html"):
        assert (other.out / "2008-11" / name).read_bytes() == (
            settings.out / "2008-11" / name
        ).read_bytes(), name


@pytest.mark.slow
def test_two_workers_publish_the_same_bytes_as_one(settings: Settings, tmp_path: Path) -> None:
    other = replace(settings, out=tmp_path / "other", workers=2)
    assert backfill(settings, "2008-10", "2008-12").written == backfill(other, "2008-10", "2008-12").written
    for name in ("2008-10", "2008-11", "2008-12"):
        assert sums_of(settings.out / name) == sums_of(other.out / name)
        assert verify_release(other.out / name).whole


@pytest.mark.slow
def test_a_month_whose_record_a_kill_has_prevented_is_recorded_by_the_next_call(
    settings: Settings, store: Callable[[], Path]
) -> None:
    tracked = replace(settings, track=True, mlruns=store())
    backfill(settings, "2008-12", "2008-12")
    leave_note(settings.out / "2008-12")
    assert backfill(tracked, "2008-12", "2008-12").written == ()
    with connected(tracked.mlruns) as client:
        (run,) = client.search_runs([experiment_of(client, tracked.mlruns)], "tags.run_kind = 'forecast'")
    assert run.data.tags["release"] == "2008-12"
    assert why_untracked(settings.out / "2008-12") is None
