"""Where runs and models are kept: which MLflow store, whether it answers, and a client for it.

MLflow is imported when a store is opened, never before: it takes seconds.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from ...data.errors import HarmattanError, TrackingError

#: Every run of the project is found under this name.
EXPERIMENT = "harmattan"
#: What the experiment says of itself on MLflow's page, which opens on its training runs.
ABOUT = {
    "mlflow.note.content": (
        "Monthly forecasts of violent events by region. **`train …`** runs hold a model and its back-test, "
        "**`forecast …`** runs a published release; each description leads to its report, map, watch list and record. "
        "Search `tags.run_kind = 'train'`, and compare `skill.events.mean`: above zero is better than conflictology."
    ),
    "mlflow.experimentKind": "custom_model_development",
}
#: Seconds after which one request to a tracking server counts as lost; each is made twice at most.
PATIENCE = 10
#: Seconds that a server has to say that it is there, before anything is sent to it.
HEALTH_TIMEOUT = 5.0
#: Seconds that a job waits for another one that makes the database.
LOCK_PATIENCE = 120.0
#: Seconds after which a run that is still open belongs to nobody, wherever it is written.
LONGEST = 86_400
#: Tag of an imported run: the id that it had where it was made.
FROM = "imported_from"
#: Tag of a run that failed: why.
FAILED_BECAUSE = "failed_because"


def store_uri(folder: Path, tracking_uri: str | None = None) -> str:
    """Where runs go: ``tracking_uri``, else MLFLOW_TRACKING_URI, else a database in ``folder``."""
    given = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")
    return given or f"sqlite:///{_database(folder.resolve())}"


#: Where MLflow's database keeps addresses of files.
ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def _database(folder: Path) -> Path:
    return folder / "mlflow.db"


def artifacts_of(folder: Path) -> str:
    """Address of the files of runs, where the store is a database in ``folder``."""
    return (folder.resolve() / "artifacts").as_uri()


def _follow_a_move(folder: Path) -> None:
    """Addresses in the database that point to where the folder was, before it was moved or copied, point to it now.

    Where only the database was copied, files of earlier runs are still at the old place, and so are their addresses.
    """
    with closing(sqlite3.connect(_database(folder), timeout=60)) as base, base:
        found = base.execute(
            "select artifact_location from experiments where name = ? and artifact_location like 'file:%/artifacts'",
            [EXPERIMENT],
        ).fetchone()
        if found is None or found[0] == artifacts_of(folder):
            return
        there = {name for (name,) in base.execute("select name from sqlite_master where type = 'table'")}
        old = Path(url2pathname(urlparse(str(found[0])).path))
        left_behind = old.is_dir() and not (folder / "artifacts").is_dir()
        for table, column in ADDRESSES:
            if table in there and (table == "experiments" or not left_behind):
                base.execute(
                    f"update {table} set {column} = ? || substr({column}, ?) where substr({column} || '/', 1, ?) = ?",
                    [artifacts_of(folder), len(found[0]) + 1, len(found[0]) + 1, f"{found[0]}/"],
                )


def create_store(folder: Path) -> None:
    """A new database in ``folder``, ready under its name only when it is complete and on the disk.

    Of two jobs that find none, one makes it while the other waits.
    """
    from filelock import FileLock

    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / ".mlflow.lock"
    with FileLock(lock, timeout=LOCK_PATIENCE), quiet_mlflow():
        if not _database(folder).exists():
            _fill_store(folder)
        with suppress(OSError):
            lock.unlink()


def _fill_store(folder: Path) -> None:
    from mlflow import MlflowClient

    # What a job that was killed had begun.
    for left in folder.glob(".mlflow-*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=".mlflow-", dir=folder) as aside:
        fresh = Path(aside) / "mlflow.db"
        with _written_at_once(fresh):
            client = MlflowClient(f"sqlite:///{fresh}")
            client.create_experiment(EXPERIMENT, artifact_location=artifacts_of(folder), tags=ABOUT)
        os.rename(fresh, _database(folder))


@contextmanager
def _written_at_once(database: Path) -> Iterator[None]:
    """SQLite waits for the disk once, at the end: each of seventy migrations would wait for it, seconds in all."""
    from sqlalchemy import Engine, event

    def hurry(connection: Any, _: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("pragma synchronous = off")

    event.listen(Engine, "connect", hurry)
    try:
        yield
    finally:
        event.remove(Engine, "connect", hurry)
    handle = os.open(database, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def connected(
    folder: Path,
    tracking_uri: str | None = None,
    *,
    doing: str = "the store could not be used",
    remedy: str = "Mend the store, or name another with --tracking-uri.",
    create: bool = True,
) -> Iterator[Any]:
    """An ``MlflowClient`` of the store, made where it is absent; every failure inside becomes one error.

    Parameters
    ----------
    folder : Path
        Holds ``mlflow.db`` and ``artifacts/``, unless another store is named.
    tracking_uri : str, optional
        Another store; MLFLOW_TRACKING_URI counts where this is None.
    doing, remedy : str
        How the error begins and ends.
    create : bool
        Whether a database that is not there is made, or is an error.

    Raises
    ------
    TrackingError
        The store cannot be reached, read or written. Errors of this project pass as they are.
    """
    uri = store_uri(folder, tracking_uri)
    try:
        if is_local(folder, tracking_uri):
            if _database(folder).exists():
                _follow_a_move(folder)
            elif create:
                create_store(folder)
            else:
                raise FileNotFoundError("there is no such database")
        check_server(uri)
        with quiet_mlflow():
            from mlflow import MlflowClient

            yield MlflowClient(uri, registry_uri=uri)
    except HarmattanError:
        raise
    except Exception as reason:
        raise TrackingError(f"{doing} ({short_reason(reason)}).", without_secrets(uri), remedy) from reason


def check_folder(folder: Path) -> None:
    """A :class:`TrackingError` before the work, not after it, where a database could not be made in ``folder``."""
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise TrackingError("runs cannot be recorded here.", str(folder), "Choose another --mlruns.")


def is_local(folder: Path, tracking_uri: str | None = None) -> bool:
    """Whether the store is the database in ``folder``."""
    return store_uri(folder, tracking_uri) == f"sqlite:///{_database(folder.resolve())}"


def check_server(uri: str) -> None:
    """Ask a server whether it is there; an error within seconds where it is not, fails or hangs.

    MLflow itself would try for minutes, and a job that waits for its record is a late job.

    Raises
    ------
    ConnectionError
        The server does not answer in time, or answers with a fault of its own.
    """
    if not uri.startswith(("http://", "https://")):
        return
    import httpx

    try:
        status = httpx.get(uri.rstrip("/") + "/health", timeout=HEALTH_TIMEOUT).status_code
    except (httpx.HTTPError, httpx.InvalidURL) as reason:
        raise ConnectionError(f"no answer: {type(reason).__name__}") from None
    if status >= 500:
        raise ConnectionError(f"the server answers {status}")


def experiment_of(client: Any, folder: Path, tracking_uri: str | None = None) -> str:
    """Id of the project's experiment, which is made where there is none."""
    found = client.get_experiment_by_name(EXPERIMENT)
    if found:
        close_strays(client, str(found.experiment_id))
        return str(found.experiment_id)
    place = artifacts_of(folder) if is_local(folder, tracking_uri) else None
    return str(client.create_experiment(EXPERIMENT, artifact_location=place, tags=ABOUT))


def job_tags() -> dict[str, str]:
    """Which process on which machine writes a run: by these the next job knows one that was killed."""
    return {"job_pid": str(os.getpid()), "job_host": socket.gethostname()}


def close_strays(client: Any, experiment: str) -> list[str]:
    """Close as FAILED, with the reason, the runs that no process writes any more; their ids.

    A run is a stray whose process on this machine has ended, or that began more than a day ago.
    """
    mine = job_tags()
    strays = []
    for run in client.search_runs([experiment], "attributes.status = 'RUNNING'", max_results=1000):
        tags, began = run.data.tags, run.info.start_time / 1000
        if FROM in tags:
            # It was imported as it was, and is no job of this store.
            continue
        pid = tags.get("job_pid", "")
        here = tags.get("job_host") == mine["job_host"] and pid.isdigit()
        if here and pid != mine["job_pid"] and not _has_ended(int(pid)):
            why = ""
        elif here:
            why = "the job that wrote it was killed"
        else:
            why = "the job that wrote it has not ended it within a day"
        if why and (here or time.time() - began > LONGEST):
            client.set_tag(run.info.run_id, FAILED_BECAUSE, why)
            client.set_terminated(run.info.run_id, "FAILED")
            strays.append(str(run.info.run_id))
    if strays:
        _close_models(client, experiment, set(strays))
    return strays


def _close_models(client: Any, experiment: str, runs: set[str]) -> None:
    """Models that a stray was about to register, and that nobody will finish, have failed with it."""
    for model in client.search_logged_models([experiment], max_results=1000):
        if model.source_run_id in runs and str(model.status) != "READY":
            client.finalize_logged_model(model.model_id, "FAILED")


def _has_ended(pid: int) -> bool:
    """Whether there is no such process on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


@contextmanager
def quiet_mlflow() -> Iterator[None]:
    """MLflow without telemetry and chatter, its patience bounded; the environment is put back."""
    import logging
    import warnings

    wanted = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(PATIENCE),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        # A server's runs would be announced on standard output, in the middle of --json.
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    }
    before = {name: os.environ.get(name) for name in wanted}
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    levels = [logger.level for logger in loggers]
    os.environ.update(
        {k: v for k, v in wanted.items() if before[k] is None or k == "MLFLOW_DISABLE_TELEMETRY"}
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import mlflow  # noqa: F401

            for logger in loggers:
                # Not even errors: MLflow would print the trace of what is told here in one sentence.
                logger.setLevel(logging.CRITICAL)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def without_secrets(text: str) -> str:
    """An address without the password that it may hold.

    >>> without_secrets("http://me:secret@example.org/x?token=abc")
    'http://example.org/x'
    """
    return re.sub(r"//[^@\s]*@", "//", re.sub(r"\?\S*", "", text))


def short_reason(reason: BaseException) -> str:
    """The first line of an error that says something, without secrets, at most 200 characters.

    Of a request that was lost it is the address and the innermost cause, for what lies between says both many times.

    >>> short_reason(OSError("(raised as a result of a flush)\\n(sqlite3.OperationalError) database or disk is full"))
    'database or disk is full'
    """
    lines = [line for line in str(reason).strip().splitlines() if not line.startswith("(raised as ")]
    first = re.sub(r"^\([\w.]+\) ", "", lines[0] if lines else type(reason).__name__)
    request, lost, _ = first.partition(" failed with exception ")
    if lost:
        first = f"{request} failed: {_innermost(reason)}"
    return without_secrets(first)[:200]


def _innermost(reason: BaseException) -> BaseException:
    """What an error began with."""
    while (earlier := reason.__cause__ or reason.__context__) is not None:
        reason = earlier
    return reason
