"""The same results from one process, two, and a cluster that loses a worker."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from walk_task import walk

from harmattan.data.errors import ModelError, UsageError
from harmattan.training.parallel import run_tasks

STEPS = np.linspace(0, 1, 20_000)
TASKS = [(seed,) for seed in range(8)]


def test_processes_change_no_bit() -> None:
    one, two = (run_tasks(walk, STEPS, TASKS, workers=n) for n in (1, 2))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(one[0], one[1])


def test_progress_ends_at_one() -> None:
    told: list[float] = []
    run_tasks(walk, STEPS, TASKS[:4], progress=told.append)
    assert told == [0.25, 0.5, 0.75, 1.0]


def test_no_tasks_no_results() -> None:
    assert run_tasks(walk, STEPS, []) == []


def test_more_workers_than_cores_are_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    from joblib.externals import loky

    asked: list[int] = []
    plain = loky.ProcessPoolExecutor

    def executor(max_workers: int, **options: Any) -> Any:
        asked.append(max_workers)
        return plain(1, **options)

    monkeypatch.setattr(loky, "ProcessPoolExecutor", executor)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    for workers in (1, 2, 50, 0):
        run_tasks(walk, STEPS, TASKS, workers=workers)
    # This process is one of them.
    assert asked == [1, 2, 2]


def test_a_task_that_fails_ends_the_others_with_its_own_error() -> None:
    for workers in (1, 2):
        with pytest.raises(ZeroDivisionError):
            run_tasks(divmod, 1, [(1,), (0,), (1,)], workers=workers)


def test_a_task_that_fails_leaves_no_broken_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waited was called back, and loky's thread died of that: tracebacks, and workers that nobody ended."""
    died: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", died.append)
    for tasks in ([(1,)] * 8 + [(0,)], [(0,)] + [(1,)] * 8):
        with pytest.raises(ZeroDivisionError):
            run_tasks(divmod, 1, tasks, workers=2)
    with pytest.raises(IndexError, match="pop from empty list"):
        run_tasks(list.pop, [], [()] * 3, workers=2)
    assert died == []


def kill(shared: None, number: int) -> int:
    if number == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return number


def test_a_worker_that_is_killed_ends_the_job_with_an_error() -> None:
    with pytest.raises(ModelError, match="a worker process was ended from outside"):
        run_tasks(kill, None, [(i,) for i in range(400)], workers=2)


@pytest.mark.parametrize("address", ["localhost:8786", "http://x:1", ""])
def test_a_wrong_address_is_named(address: str) -> None:
    with pytest.raises(UsageError, match=r"is not the address of a scheduler\. Write tcp://host:8786"):
        run_tasks(walk, STEPS, TASKS, scheduler=address)


def test_without_dask_the_remedy_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"pip install 'harmattan\[dask\]'"):
        run_tasks(walk, STEPS, TASKS, scheduler="tcp://127.0.0.1:1")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_cluster_changes_no_bit(scheduler: str) -> None:
    for a, b in zip(
        run_tasks(walk, STEPS, TASKS, workers=2),
        run_tasks(walk, STEPS, TASKS, scheduler=scheduler),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_killed_worker_loses_nothing(scheduler: str, tmp_path: Path) -> None:
    marker = tmp_path / "killed"
    tasks = [(seed, str(marker) if seed == 3 else "") for seed in range(8)]
    results = run_tasks(walk, STEPS, tasks, scheduler=scheduler)
    assert marker.exists()
    for a, b in zip(results, run_tasks(walk, STEPS, TASKS), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_scheduler_that_is_not_there(monkeypatch: pytest.MonkeyPatch, free_port: int) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("harmattan.training.parallel.PATIENCE", 1)
    address = f"tcp://127.0.0.1:{free_port}"
    with pytest.raises(UsageError, match=f"no scheduler answers at {address}"):
        run_tasks(walk, STEPS, TASKS, scheduler=address)
