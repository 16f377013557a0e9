"""A run as plain files, which need neither MLflow nor its database to be read, and back into any store."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...data.errors import ModelError, ReleaseError, SourceError, nearest
from .runs import find_run
from .store import FROM, connected, experiment_of, quiet_mlflow, store_uri

#: Holds everything of a run but its artifacts.
FILE = "run.json"
#: Version of the layout.
FORMAT = 1
#: Tags that only mean something in the store that wrote them.
OF_THE_STORE = ("mlflow.parentRunId", "mlflow.runName", "mlflow.log-model.history", "mlflow.artifactLocation")


def export_run(
    reference: str, out: Path, folder: Path, tracking_uri: str | None = None, *, dry_run: bool = False
) -> Path:
    """Write a run, its artifacts and its children below a folder.

    Parameters
    ----------
    reference : str
        Its id.
    out : Path
        Made here; must not hold anything.
    folder, tracking_uri
        The store, as for :func:`harmattan.training.registry.runs.log_run`.
    dry_run : bool
        Look whether it could be done; write nothing.

    Returns
    -------
    Path
        ``out``: ``run.json``, ``artifacts/``, and ``children/NAME/`` of the same shape.

    Raises
    ------
    ModelError
        There is no such run.
    ReleaseError
        The folder holds something already, or cannot be written.
    TrackingError
        The store cannot be used.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ReleaseError("a run is exported into a new folder.", str(out), "Name one that is not there.")
    if not re.fullmatch(r"[\w-]{1,64}", reference):
        raise ModelError(
            f"'{reference[:40]}' is no id of a run.", remedy="Copy it from MLflow's page of runs."
        )
    aside = out.with_name(f".{out.name}.new")
    with connected(folder, tracking_uri, create=False) as client:
        run = _run(client, reference)
        if dry_run:
            return out
        try:
            shutil.rmtree(aside, ignore_errors=True)
            _write(client, run, aside, store_uri(folder, tracking_uri))
            if out.exists():
                out.rmdir()
            aside.rename(out)
        except OSError as reason:
            raise ReleaseError(
                f"the run cannot be written ({reason.strerror or reason}).",
                str(out),
                "Choose another folder.",
            ) from None
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return out


def _run(client: Any, reference: str) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        return client.get_run(reference)
    except MlflowException as reason:
        if reason.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise ModelError(
            f"there is no run '{reference}' in this store.", remedy="Copy its id from MLflow's page of runs."
        ) from None


def _write(client: Any, run: Any, out: Path, uri: str) -> None:
    """One run, then its children."""
    from mlflow.artifacts import download_artifacts

    out.mkdir(parents=True)
    (out / FILE).write_text(
        json.dumps(_exported(client, run), indent=1, sort_keys=True) + "\n", encoding="utf-8"
    )
    (out / "artifacts").mkdir()
    if client.list_artifacts(run.info.run_id):
        with quiet_mlflow():
            download_artifacts(run_id=run.info.run_id, dst_path=str(out / "artifacts"), tracking_uri=uri)
    children = client.search_runs(
        [run.info.experiment_id], f"tags.mlflow.parentRunId = '{run.info.run_id}'", max_results=1000
    )
    for number, child in enumerate(sorted(children, key=lambda c: str(c.info.run_name))):
        name = re.sub(r"[^\w.-]", "_", str(child.info.run_name)).strip(".") or "run"
        _write(client, child, out / "children" / f"{number:02d}_{name}", uri)


def _exported(client: Any, run: Any) -> dict[str, Any]:
    """A run in plain types; every value that a metric ever had."""
    info, data = run.info, run.data
    inputs = run.inputs.dataset_inputs if run.inputs else []
    return {
        "format": FORMAT,
        "run_id": info.run_id,
        "name": info.run_name,
        "status": info.status,
        "start_time": info.start_time,
        "end_time": info.end_time,
        "params": dict(data.params),
        "tags": {k: v for k, v in data.tags.items() if k not in OF_THE_STORE},
        "metrics": {
            key: [[m.step, m.value, m.timestamp] for m in client.get_metric_history(info.run_id, key)]
            for key in sorted(data.metrics)
        },
        "datasets": [{**dict(i.dataset), "tags": {t.key: t.value for t in i.tags}} for i in inputs],
    }


def import_run(source: Path, folder: Path, tracking_uri: str | None = None) -> str:
    """Write an exported run into a store, with its times; the new id, or that of an earlier import.

    Parameters
    ----------
    source : Path
        What :func:`export_run` wrote.
    folder, tracking_uri
        The store.

    Raises
    ------
    SourceError
        The folder is no exported run.
    TrackingError
        The store cannot be used.
    """
    exported = read_export(source)
    with connected(folder, tracking_uri, doing="the run could not be imported") as client:
        number = experiment_of(client, folder, tracking_uri)
        there = find_run(client, number, {FROM: exported["run_id"]}, finished=False)
        return there or _bring(client, number, source, exported, None)


def read_export(source: Path) -> dict[str, Any]:
    """What an exported run tells of itself: ``run_id, name, status`` and the rest; its children are read, too.

    Raises
    ------
    SourceError
        The folder is no exported run, or one of its parts is of the wrong kind.
    """
    path = source / FILE
    try:
        exported = json.loads(path.read_text(encoding="utf-8"))
        layout = exported["format"]
        for key in ("run_id", "name", "status", "params", "tags", "metrics", "datasets"):
            exported[key]
    except (OSError, ValueError, KeyError, TypeError):
        raise SourceError(
            "this is no exported run.", str(path), "Name a folder that `harmattan runs export` wrote."
        ) from None
    if layout != FORMAT or not re.fullmatch(r"[\w-]{1,64}", str(exported["run_id"])):
        raise SourceError(
            f"this run was exported in another layout ({layout}).", str(path), "Export it again."
        )
    if exported["status"] not in STATUSES:
        raise SourceError(
            f"'{exported['status']}' is no status.", str(path), nearest(str(exported["status"]), STATUSES)
        )
    odd = next((part for part, fits in SHAPES.items() if part in exported and not fits(exported[part])), None)
    if odd is not None:
        raise SourceError(f"'{odd}' of this run is of the wrong kind.", str(path), "Export it again.")
    for child in _children(source):
        read_export(child)
    return dict(exported)


def _children(source: Path) -> list[Path]:
    return sorted((source / "children").glob("*"))


def _is_table(value: Any) -> bool:
    """Whether it is what parameters and tags are: text (or numbers) by name."""
    return isinstance(value, dict) and all(isinstance(v, str | int | float) for v in value.values())


def _are_metrics(value: Any) -> bool:
    """Whether it is a list of step, value and time by name."""
    return isinstance(value, dict) and all(
        isinstance(rows, list) and all(_is_value(row) for row in rows) for rows in value.values()
    )


def _is_value(row: Any) -> bool:
    if not isinstance(row, list) or len(row) != 3:
        return False
    step, value, at = row
    return isinstance(step, int) and isinstance(value, int | float) and isinstance(at, int)


def _are_datasets(value: Any) -> bool:
    return isinstance(value, list) and all(_is_dataset(data) for data in value)


def _is_dataset(data: Any) -> bool:
    if not isinstance(data, dict) or not set(NEEDED) <= set(data) <= {*NEEDED, "schema", "profile", "tags"}:
        return False
    texts = {k: v for k, v in data.items() if k != "tags"}
    return _is_table(data.get("tags", {})) and all(v is None or isinstance(v, str) for v in texts.values())


#: What a data set has in any case.
NEEDED = ("name", "digest", "source_type", "source")
#: What each part of an exported run has to be.
SHAPES: Mapping[str, Callable[[Any], bool]] = {
    "run_id": lambda value: isinstance(value, str),
    "name": lambda value: isinstance(value, str),
    "start_time": lambda value: value is None or isinstance(value, int),
    "end_time": lambda value: value is None or isinstance(value, int),
    "params": _is_table,
    "tags": _is_table,
    "metrics": _are_metrics,
    "datasets": _are_datasets,
}
STATUSES = ("FINISHED", "FAILED", "KILLED", "RUNNING", "SCHEDULED")


def _bring(client: Any, experiment: str, source: Path, exported: dict[str, Any], parent: str | None) -> str:
    """One run and its children, in the order in which a reader expects them.

    The tag that says where it comes from is written last: an import that fails on the way is none.
    """
    tags = {"mlflow.parentRunId": parent} if parent else {}
    run = client.create_run(
        experiment, start_time=exported.get("start_time"), run_name=exported["name"], tags=tags
    )
    run_id = str(run.info.run_id)
    try:
        _fill(client, run_id, source, exported)
        for child in _children(source):
            _bring(client, experiment, child, read_export(child), run_id)
    except BaseException:
        with suppress(Exception):
            client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, exported["status"], exported.get("end_time"))
    client.set_tag(run_id, FROM, exported["run_id"])
    return run_id


def _fill(client: Any, run_id: str, source: Path, exported: dict[str, Any]) -> None:
    """Parameters, tags, metrics, data and files of one run."""
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

    params = [Param(k, str(v)) for k, v in exported["params"].items()]
    marks = [RunTag(k, str(v)) for k, v in exported["tags"].items() if k != FROM]
    values = [Metric(k, v, at, step) for k, rows in exported["metrics"].items() for step, v, at in rows]
    for start in range(0, max(len(params), len(marks)), 100):
        client.log_batch(run_id, params=params[start : start + 100], tags=marks[start : start + 100])
    for start in range(0, len(values), 1000):
        client.log_batch(run_id, metrics=values[start : start + 1000])
    known = [
        DatasetInput(
            Dataset(**{k: v for k, v in data.items() if k != "tags"}),
            tags=[InputTag(k, v) for k, v in data.get("tags", {}).items()],
        )
        for data in exported["datasets"]
    ]
    if known:
        client.log_inputs(run_id, datasets=known)
    if (source / "artifacts").is_dir() and any((source / "artifacts").iterdir()):
        client.log_artifacts(run_id, str(source / "artifacts"))
