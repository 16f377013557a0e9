"""One MLflow run per job: parameters, metrics by horizon, data, tables, report and models as text.

Only the process that leads a job calls this, so that workers never wait for a database. Nothing here is pickled.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .store import (
    FAILED_BECAUSE,
    connected,
    create_store,
    experiment_of,
    job_tags,
    short_reason,
    store_uri,
    without_secrets,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "RunRecord",
    "create_store",
    "environment_lock",
    "flatten",
    "git_state",
    "log_monitoring",
    "log_run",
    "store_uri",
    "without_secrets",
]


#: Longest description that a store takes.
NOTE = 5000


@dataclass(frozen=True)
class RunRecord:
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
    texts : mapping of str to str or bytes
        Artifacts by path: models in their native formats, tables, pictures.
    files : sequence of Path
        Files that are copied as they are.
    root : Path or None
        Folder of the files, whose folders inside it are kept; None to put all of them side by side.
    children : sequence of RunRecord
        One per member of the pool, never per region.
    tables : mapping of str to pandas.DataFrame
        Short tables that MLflow shows side by side for several runs, by name.
    description : str
        What an analyst reads first, as Markdown; ``{run}`` becomes the address of the run on MLflow's page.
    """

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    profile: pd.DataFrame | None = None
    digest: str = ""
    source: str = ""
    texts: Mapping[str, str | bytes] = field(default_factory=dict)
    files: Sequence[Path] = ()
    root: Path | None = None
    children: Sequence[RunRecord] = ()
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    description: str = ""


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


def log_run(
    record: RunRecord,
    folder: Path,
    tracking_uri: str | None = None,
    once_by: Sequence[str] = (),
) -> str:
    """Write one run, with its children, and return its id.

    Parameters
    ----------
    record : RunRecord
        What is told.
    folder : Path
        Holds ``mlflow.db`` and ``artifacts/``, unless another store is named.
    tracking_uri : str, optional
        Another store; MLFLOW_TRACKING_URI counts where this is None.
    once_by : sequence of str
        Tags that make a run the same: where a finished one has them all, only its id is returned.

    Raises
    ------
    TrackingError
        MLflow cannot be reached or written; nothing else of the run is lost.
    """
    with connected(
        folder,
        tracking_uri,
        doing="the run could not be recorded in MLflow",
        remedy="The release is complete; mend the store, then run `harmattan track --from` with the release, "
        "or go on with --no-track.",
    ) as client:
        number = experiment_of(client, folder, tracking_uri)
        there = find_run(client, number, {key: record.tags[key] for key in once_by})
        return there or write_run(client, number, record)


def find_run(client: Any, experiment: str, tags: Mapping[str, str], finished: bool = True) -> str | None:
    """Id of a run with all of these tags, a finished one or any; None where there is none, or no tag is named."""
    if not tags:
        return None
    asked = [f"tags.{key} = '{value}'" for key, value in tags.items()]
    if finished:
        asked.append("attributes.status = 'FINISHED'")
    found = client.search_runs([experiment], " and ".join(asked), max_results=1)
    return str(found[0].info.run_id) if found else None


def write_run(client: Any, experiment: str, record: RunRecord, parent: str | None = None) -> str:
    """Write a record and its children as new runs; a run that fails on the way is marked so."""
    with open_run(client, experiment, record, parent) as run_id:
        return run_id


@contextmanager
def open_run(client: Any, experiment: str, record: RunRecord, parent: str | None = None) -> Iterator[str]:
    """A run that has been written with its children, and is finished when what belongs to it is done, too."""
    tags = {**record.tags, **job_tags(), **({"mlflow.parentRunId": parent} if parent else {})}
    # A job is recorded at its end: what its stages took is the duration that the run shows.
    took = sum(v for name, at in record.metrics.items() if name.startswith("seconds.") for v in at.values())
    began = int(1000 * (time.time() - took))
    texts = {key: str(value) for key, value in tags.items()}
    run = client.create_run(experiment, start_time=began, run_name=record.name, tags=texts)
    run_id = str(run.info.run_id)
    try:
        _write_values(client, run_id, replace(record, tags={}))
        if record.profile is not None:
            client.log_inputs(run_id, datasets=[_dataset(record)])
        _write_files(client, run_id, record)
        for name, table in record.tables.items():
            client.log_table(run_id, table, f"{name}.json")
        if record.description:
            note = record.description.replace("{run}", f"#/experiments/{experiment}/runs/{run_id}")
            client.set_tag(run_id, "mlflow.note.content", note[:NOTE])
        for child in record.children:
            write_run(client, experiment, child, run_id)
        yield run_id
    except BaseException as failure:
        with suppress(Exception):
            client.set_tag(run_id, FAILED_BECAUSE, short_reason(failure))
            client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")


def _write_values(client: Any, run_id: str, record: RunRecord) -> None:
    """Parameters, tags and metrics, in batches of what one call can hold."""
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.utils.time import get_current_time_millis

    now = get_current_time_millis()
    metrics = [
        Metric(key, value, now, step)
        for key, steps in record.metrics.items()
        for step, value in steps.items()
    ]
    params = [Param(key, value) for key, value in flatten(record.params).items()]
    tags = [RunTag(key, str(value)) for key, value in record.tags.items()]
    # A batch holds at most 100 parameters and 100 tags, and 1000 of these and metrics.
    for i in range(max(-(-len(params) // 100), -(-len(tags) // 100), -(-len(metrics) // 800))):
        at, many = slice(100 * i, 100 * i + 100), slice(800 * i, 800 * i + 800)
        client.log_batch(run_id, metrics=metrics[many], params=params[at], tags=tags[at])


def _dataset(record: RunRecord) -> Any:
    """The data as MLflow shows them: name, digest, schema and a small profile."""
    from mlflow.data import from_pandas
    from mlflow.entities import Dataset, DatasetInput, InputTag

    assert record.profile is not None
    # MLflow cuts a digest at 36 characters: the whole one goes beside it, as a tag.
    data = from_pandas(
        record.profile, source=record.source or "panel", name="panel", digest=record.digest[:36]
    )._to_mlflow_entity()
    shown = Dataset(
        name=data.name,
        digest=data.digest,
        source_type=data.source_type,
        source=data.source,
        schema=data.schema,
        profile=record.profile.to_json(orient="records"),
    )
    tags = [InputTag("mlflow.data.context", "training"), InputTag("sha256", record.digest)]
    return DatasetInput(shown, tags=tags)


def _write_files(client: Any, run_id: str, record: RunRecord) -> None:
    """Copy artifacts: one call for all texts, since each call to a server costs a round trip."""
    if record.texts:
        with tempfile.TemporaryDirectory() as aside:
            stage(record.texts, Path(aside))
            client.log_artifacts(run_id, aside)
    for path in record.files:
        inside = path.parent.relative_to(record.root).as_posix() if record.root else "."
        client.log_artifact(run_id, str(path), None if inside == "." else inside)


def stage(texts: Mapping[str, str | bytes], folder: Path) -> None:
    """Write texts (and pictures) by relative path below ``folder``; a name that could leave it is refused."""
    for name, content in texts.items():
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*", name) or ".." in name.split("/"):
            raise ValueError(f"'{name}' is no artifact name")
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))


def log_monitoring(
    record: RunRecord,
    folder: Path,
    tracking_uri: str | None = None,
    key_tags: Sequence[str] = ("run_kind", "model_version"),
) -> str:
    """Append to the one run that has the record's ``key_tags``, or begin it; its id.

    Parameters
    ----------
    record : RunRecord
        Metrics by name and step (a month's number, say). What the run holds already at a step with the same value
        is not written again; tags are brought up to date; texts and files replace those of the same name; children
        are added, but for those whose name is there already.
    folder, tracking_uri
        The store, as for :func:`log_run`.
    key_tags : sequence of str
        Names of the tags that say which run is meant; each must be in ``record.tags``.

    Raises
    ------
    TrackingError
        MLflow cannot be reached or written.
    """
    with connected(
        folder,
        tracking_uri,
        doing="the scores could not be recorded in MLflow",
        remedy="Mend the store, and score again: nothing is written twice.",
    ) as client:
        number = experiment_of(client, folder, tracking_uri)
        there = find_run(client, number, {key: record.tags[key] for key in key_tags})
        if there is None:
            return write_run(client, number, record)
        _append(client, number, there, record)
        return there


def _append(client: Any, experiment: str, run_id: str, record: RunRecord) -> None:
    """Add to a run what it does not hold yet."""
    known = {key: dict(steps) for key, steps in _steps(client, run_id, record.metrics).items()}
    fresh = {
        key: {step: value for step, value in steps.items() if known[key].get(step) != value}
        for key, steps in record.metrics.items()
    }
    _write_values(client, run_id, RunRecord(record.name, metrics=fresh, tags=record.tags))
    _write_files(client, run_id, record)
    if record.children:
        inside = f"tags.mlflow.parentRunId = '{run_id}'"
        there = {run.info.run_name for run in client.search_runs([experiment], inside, max_results=10_000)}
        for child in record.children:
            if child.name not in there:
                write_run(client, experiment, child, run_id)


def _steps(client: Any, run_id: str, names: Mapping[str, Any]) -> dict[str, dict[int, float]]:
    """Every value that a run holds of some metrics, by step; the last written one counts."""
    there = client.get_run(run_id).data.metrics
    return {
        key: {m.step: m.value for m in client.get_metric_history(run_id, key)} if key in there else {}
        for key in names
    }


def environment_lock() -> str:
    """Every installed distribution and its version, one per line."""
    found = {}
    for each in metadata.distributions():
        # Only the head: the metadata property parses the whole description as an e-mail, half a second for all.
        head = (each.read_text("METADATA") or each.read_text("PKG-INFO") or "").partition("\n\n")[0]
        fields = dict(re.findall(r"^(Name|Version): *(.+?) *$", head, re.MULTILINE))
        if "Name" in fields:
            found[fields["Name"]] = fields.get("Version", "")
    return "".join(
        f"{name}=={version}\n" for name, version in sorted(found.items(), key=lambda x: x[0].lower())
    )


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
