"""One MLflow run per forecast: parameters, metrics by horizon, data, tables, report and models as text.

MLflow is imported when a run is logged, never before: it takes seconds. Nothing here is pickled.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..data.errors import TrackingError

if TYPE_CHECKING:
    import pandas as pd

#: Every run of the project is found under this name.
EXPERIMENT = "harmattan"
#: Seconds after which a tracking server counts as unreachable.
PATIENCE = 20


@dataclass(frozen=True)
class Record:
    """What is told about one run, in plain types.

    Attributes
    ----------
    name : str
        How an analyst finds it: ``forecast 2023-12``.
    params : mapping
        The configuration; nested mappings are flattened with dots.
    metrics : mapping of str to mapping of int to float
        By name, then by horizon, which becomes MLflow's step.
    tags : mapping of str to str
        ``git_sha, data_hash, config_hash, package_version, origin, run_kind`` and the like.
    profile : pandas.DataFrame or None
        A small table that describes the data; its schema becomes the run's dataset.
    digest : str
        SHA-256 of the data.
    source : str
        What the data are, for people.
    texts : mapping of str to str
        Text artifacts by path: models in their native formats.
    files : sequence of Path
        Files that are copied as they are.
    """

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    profile: pd.DataFrame | None = None
    digest: str = ""
    source: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[Path] = ()


def flatten(nested: Mapping[str, Any], stem: str = "") -> dict[str, str]:
    """Nested settings as dotted names, values as short text.

    >>> flatten({"seed": 7, "model": {"lags": [1, 2]}})
    {'seed': '7', 'model.lags': '[1, 2]'}
    """
    flat: dict[str, str] = {}
    for key, value in nested.items():
        name = f"{stem}{key}"
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{name}.")
        else:
            flat[name] = str(list(value) if isinstance(value, tuple) else value)[:500]
    return flat


def store_uri(folder: Path, tracking_uri: str | None = None) -> str:
    """Where runs go: ``tracking_uri``, else MLFLOW_TRACKING_URI, else a database in ``folder``."""
    given = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")
    return given or f"sqlite:///{folder.resolve() / 'mlflow.db'}"


def prepare(folder: Path, tracking_uri: str | None = None) -> subprocess.Popen[bytes] | None:
    """Begin to make the database in another process, where there is none yet.

    A new database takes seconds of schema migrations: they run beside the forecast. Whatever goes wrong there
    is found, and told, by :func:`log_run`.
    """
    if not store_uri(folder, tracking_uri).startswith("sqlite:///") or _database(folder).exists():
        return None
    if tracking_uri or os.environ.get("MLFLOW_TRACKING_URI"):
        return None
    code = "import sys; from pathlib import Path; from harmattan.training import tracking"
    code += "; tracking.create_store(Path(sys.argv[1]))"
    return subprocess.Popen(
        [sys.executable, "-P", "-c", code, str(folder.resolve())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _database(folder: Path) -> Path:
    return folder / "mlflow.db"


def create_store(folder: Path) -> None:
    """A new database in ``folder``, ready under its name only when it is complete."""
    with _quiet_mlflow():
        from mlflow import MlflowClient

        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".mlflow-", dir=folder) as aside:
            fresh = Path(aside) / "mlflow.db"
            client = MlflowClient(f"sqlite:///{fresh}")
            client.create_experiment(EXPERIMENT, artifact_location=_artifacts(folder))
            if not _database(folder).exists():
                os.rename(fresh, _database(folder))


def _artifacts(folder: Path) -> str:
    return (folder.resolve() / "artifacts").as_uri()


def log_run(
    record: Record,
    folder: Path,
    tracking_uri: str | None = None,
    preparing: subprocess.Popen[bytes] | None = None,
    once_by: Sequence[str] = (),
) -> str:
    """Write one run and return its id.

    Parameters
    ----------
    record : Record
        What is told.
    folder : Path
        Holds ``mlflow.db`` and ``artifacts/``, unless another store is named.
    tracking_uri : str, optional
        Another store; MLFLOW_TRACKING_URI counts where this is None.
    preparing : subprocess.Popen, optional
        What :func:`prepare` returned.
    once_by : sequence of str
        Tags that make a run the same: where a finished one has them all, only its id is returned.

    Raises
    ------
    TrackingError
        MLflow cannot be reached or written; nothing else of the run is lost.
    """
    uri = store_uri(folder, tracking_uri)
    try:
        if preparing is not None:
            preparing.wait(timeout=120)
        local = uri == store_uri(folder, f"sqlite:///{_database(folder.resolve())}")
        if local and not _database(folder).exists():
            create_store(folder)
        with _quiet_mlflow():
            return _log(record, uri, _artifacts(folder) if local else None, once_by)
    except Exception as reason:
        raise TrackingError(
            f"the run could not be recorded in MLflow ({_in_short(reason)}).",
            where=without_secrets(uri),
            remedy="The release is complete; mend the store, or go on with --no-track.",
        ) from reason


def _log(record: Record, uri: str, artifacts: str | None, once_by: Sequence[str]) -> str:
    """The logging itself; only called by the process that ran the forecast."""
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.utils.time import get_current_time_millis

    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    number = (
        experiment.experiment_id
        if experiment
        else client.create_experiment(EXPERIMENT, artifact_location=artifacts)
    )
    if once_by:
        same = " and ".join(f"tags.{key} = '{record.tags[key]}'" for key in once_by)
        found = client.search_runs([number], f"{same} and attributes.status = 'FINISHED'", max_results=1)
        if found:
            return str(found[0].info.run_id)
    run_id = str(client.create_run(number, run_name=record.name).info.run_id)
    try:
        now = get_current_time_millis()
        metrics = [
            Metric(key, value, now, step)
            for key, steps in record.metrics.items()
            for step, value in steps.items()
        ]
        params = [Param(key, value) for key, value in flatten(record.params).items()]
        tags = [RunTag(key, str(value)) for key, value in record.tags.items()]
        # A batch holds at most 100 parameters, 100 tags and 1000 metrics.
        for start in range(0, max(len(params), len(tags), 1), 100):
            part = slice(start, start + 100)
            client.log_batch(run_id, params=params[part], tags=tags[part])
        for start in range(0, len(metrics), 1000):
            client.log_batch(run_id, metrics=metrics[start : start + 1000])
        if record.profile is not None:
            client.log_inputs(run_id, datasets=[_dataset(record)])
        _log_files(client, run_id, record)
    except BaseException:
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")
    return run_id


def _dataset(record: Record) -> Any:
    """The data as MLflow shows them: name, digest, schema and a small profile."""
    from mlflow.data import from_pandas
    from mlflow.entities import DatasetInput, InputTag

    data = from_pandas(
        record.profile, source=record.source or "panel", name="panel", digest=record.digest[:36]
    )
    return DatasetInput(data._to_mlflow_entity(), tags=[InputTag("mlflow.data.context", "training")])


def _log_files(client: Any, run_id: str, record: Record) -> None:
    """Copy artifacts: one call for all of them, since each call to a server costs a round trip."""
    with tempfile.TemporaryDirectory() as aside:
        for name, text in record.texts.items():
            if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*", name) or ".." in name.split("/"):
                raise ValueError(f"'{name}' is no artifact name")
            path = Path(aside) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        if record.texts:
            client.log_artifacts(run_id, aside)
    for path in record.files:
        client.log_artifact(run_id, str(path))


@contextmanager
def _quiet_mlflow() -> Iterator[None]:
    """MLflow without telemetry and chatter, its patience bounded; the environment is put back."""
    import logging
    import warnings

    wanted = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(PATIENCE),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
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
                logger.setLevel(logging.ERROR)
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


def _in_short(reason: BaseException) -> str:
    """The first line of an error, without secrets, at most 200 characters."""
    lines = str(reason).strip().splitlines() or [type(reason).__name__]
    return without_secrets(lines[0])[:200]


def git_state(folder: Path) -> dict[str, str]:
    """Tags ``git_sha`` and ``git_dirty`` of a checkout; empty where ``folder`` is none."""

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
        return done.stdout.strip()

    try:
        dirty = bool(git("status", "--porcelain", "--untracked-files=no"))
        return {"git_sha": git("rev-parse", "HEAD"), "git_dirty": str(dirty).lower()}
    except (OSError, subprocess.SubprocessError):
        return {}
