"""Independent tasks on local processes, or on a Dask cluster; the results do not depend on where they ran."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, TypeVar

from ..data.errors import ModelError, UsageError

T = TypeVar("T")
#: Seconds to wait for a scheduler, and for the first of its workers.
PATIENCE = 20


def run_tasks(
    function: Callable[..., T],
    shared: object,
    tasks: Sequence[tuple[Any, ...]],
    *,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Callable[[float], None] | None = None,
) -> list[T]:
    """Call ``function(shared, *task)`` for every task; results in the order of the tasks.

    Each call runs on one thread, so that sums are added in the same order on every machine; never more processes than
    cores, unless a scheduler is named, whose workers are its own affair.

    Parameters
    ----------
    function : callable
        Defined at the top of a module.
    shared : object
        What every task needs; sent to each worker once.
    tasks : sequence of tuple
        Small arguments. What is random must come from a seed among them.
    workers : int
        Local processes; 0 for one per core.
    scheduler : str, optional
        Address of a Dask scheduler, ``tcp://host:8786`` or ``tls://host:8786``.
    progress : callable, optional
        Called with the share done, 0..1.

    Raises
    ------
    UsageError
        The scheduler's address is wrong, it does not answer, or Dask is not installed.
    ModelError
        A worker was ended from outside, or the cluster lost its workers.

    Examples
    --------
    >>> run_tasks(pow, 2, [(3,), (4,)])
    [8, 16]
    """
    packed = (function, shared, list(tasks))
    if scheduler is not None:
        with _cluster(scheduler, packed):
            return _collect(packed, progress)
    cores = os.cpu_count() or 1
    return _share(packed, min(workers or cores, cores, max(len(tasks), 1)), progress)


def _collect(packed: Any, progress: Callable[[float], None] | None) -> list[Any]:
    """All results of a cluster, telling how far it is after each."""
    from joblib import Parallel, delayed

    count = len(packed[2])
    pieces = Parallel(n_jobs=-1, batch_size=1, return_as="generator")(
        delayed(_one)(packed, i) for i in range(count)
    )
    return list(_telling(pieces, count, progress))


def _telling(pieces: Iterable[T], count: int, progress: Callable[[float], None] | None) -> Iterator[T]:
    for i, piece in enumerate(pieces, start=1):
        yield piece
        if progress is not None:
            progress(i / count)


def _share(packed: Any, workers: int, progress: Callable[[float], None] | None) -> list[Any]:
    """All results; this process is one of the workers, and takes tasks from the end, the others from the start.

    Another process costs the imports, and what problems compute once, again.
    """
    count = len(packed[2])
    if workers == 1:
        return list(_telling((_one(packed, i) for i in range(count)), count, progress))
    from joblib.externals.loky import ProcessPoolExecutor

    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    pool = ProcessPoolExecutor(workers - 1, initializer=_keep, initargs=(packed,), env=threads)
    waiting: deque[int] = deque(range(count))
    done: SimpleQueue[tuple[int, Future[Any]]] = SimpleQueue()

    def taken(end: Callable[[], int]) -> int | None:
        """A task that nobody has begun: this process and the pool's thread take from the same ones."""
        try:
            return end()
        except IndexError:
            return None

    def send() -> None:
        """One more task to the pool, each time one is done there: none has to be called back when a task fails."""
        number = taken(waiting.popleft)
        if number is None:
            return
        try:
            future = pool.submit(_kept, number)
        except Exception as broken:
            future = Future()
            future.set_exception(broken)
            waiting.clear()
        future.add_done_callback(lambda result: ended(number, result))

    def ended(number: int, result: Future[Any]) -> None:
        done.put((number, result))
        send()

    def pieces() -> Iterator[tuple[int, Any]]:
        for _ in range(workers - 1):
            send()
        left = count
        while (number := taken(waiting.pop)) is not None:
            left -= 1
            yield number, _one(packed, number)
        for _ in range(left):
            number, result = done.get()
            yield number, result.result()

    try:
        found = dict(_telling(pieces(), count, progress))
    except BaseException as failure:
        waiting.clear()
        pool.shutdown(kill_workers=True)
        if isinstance(failure, BrokenExecutor):
            raise ModelError(
                "a worker process was ended from outside, most often for want of memory.",
                remedy="Free memory, or use one worker.",
            ) from None
        raise
    pool.shutdown()
    return [found[i] for i in range(count)]


#: What a worker was sent when it began: what problems compute once is kept there from task to task.
_SENT: list[Any] = []


def _keep(packed: Any) -> None:
    from joblib.externals.loky import process_executor

    _SENT[:] = [packed]
    # What is kept is no leak that a worker has to be ended for, and all of it computed again.
    process_executor._MAX_MEMORY_LEAK_SIZE = sys.maxsize
    # Nobody waits for a worker to search all it has for garbage before it ends.
    atexit.register(gc.freeze)


def _kept(number: int) -> Any:
    return _one(_SENT[0], number)


def _one(packed: Any, number: int) -> Any:
    """One task. Its arguments come with what is shared: Dask would send large ones to a single worker, and lose them
    with it."""
    from threadpoolctl import threadpool_limits

    function, shared, tasks = packed
    with threadpool_limits(1):
        return function(shared, *tasks[number])


@contextmanager
def _cluster(address: str, packed: Any) -> Iterator[None]:
    """Make a Dask cluster joblib's backend, with what is shared on all of its workers."""
    if not address.startswith(("tcp://", "tls://")):
        raise UsageError(
            f"'{address}' is not the address of a scheduler.", "--scheduler", "Write tcp://host:8786."
        )
    try:
        from distributed import Client
    except ImportError:
        raise UsageError(
            "Dask is not installed.", "--scheduler", "Install it with: pip install 'harmattan[dask]'."
        ) from None
    from joblib import parallel_config

    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, TimeoutError, ValueError):
        raise UsageError(
            f"no scheduler answers at {address}.", "--scheduler", "Start one with: dask scheduler."
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            raise UsageError(
                f"the scheduler at {address} has no workers.",
                "--scheduler",
                f"Start some with: dask worker {address}.",
            ) from None
        try:
            with parallel_config(backend="dask", client=client, scatter=[packed]):
                yield
        except _lost_workers() as reason:
            raise ModelError(
                f"the cluster lost its workers ({type(reason).__name__}).",
                address,
                "Look at the workers' logs, and run it again.",
            ) from None


def _lost_workers() -> tuple[type[BaseException], ...]:
    from concurrent.futures import CancelledError

    from distributed import KilledWorker

    return (KilledWorker, CancelledError)
