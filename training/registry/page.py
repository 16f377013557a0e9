"""MLflow's own page, opened where the training runs are: without being told, it opens on language models."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from ...data.errors import TrackingError, UsageError
from .store import ABOUT, connected, experiment_of, store_uri, without_secrets

#: The view of the table of runs, and what it shows of each training.
VIEW = "training"
METRICS = (
    "skill.events.mean",
    "skill.events.h1",
    "skill.events.h3",
    "skill.events.h6",
    "quiet_ratio.events.12",
)
TAGS = ("origin", "gate", "judged_origins")
#: Seconds that MLflow's server may take to start.
STARTING = 120


def runs_address(base: str, experiment: str) -> str:
    """The address of the table of training runs.

    >>> runs_address("http://127.0.0.1:5000/", "1")
    'http://127.0.0.1:5000/#/experiments/1/runs?workflowType=machine_learning&viewStateShareKey=training'
    """
    view = f"workflowType=machine_learning&viewStateShareKey={VIEW}"
    return f"{base.rstrip('/')}/#/experiments/{experiment}/runs?{view}"


def _view() -> str:
    """What the table of runs shows, as MLflow's page keeps a view that is shared."""
    columns = [
        "attributes.`Duration`",
        *(f"metrics.`{name}`" for name in METRICS),
        *(f"tags.`{n}`" for n in TAGS),
    ]
    search = {
        "searchFilter": "tags.run_kind = 'train'",
        "orderByKey": "attributes.start_time",
        "orderByAsc": False,
    }
    shown = {
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
    }
    runs = {"runsExpanded": {}, "runsPinned": [], "runsHidden": [], "runsHiddenMode": "FIRST_10_RUNS"}
    rest: dict[str, object] = {
        "runListHidden": False,
        "viewMaximized": False,
        "groupBy": None,
        "groupsExpanded": {},
    }
    return json.dumps({**search, **shown, "selectedColumns": columns, **runs, **rest})


@contextmanager
def runs_page(folder: Path, tracking_uri: str | None = None, port: int = 5000) -> Iterator[str]:
    """The address of the training runs, served on this machine while the context lasts unless the store is a server.

    Raises
    ------
    TrackingError
        The store cannot be used, or MLflow's server does not start.
    UsageError
        The port is taken.
    """
    uri = store_uri(folder, tracking_uri)
    with connected(folder, tracking_uri) as client:
        experiment = experiment_of(client, folder, tracking_uri)
        # A store that was made by an earlier version has neither.
        for key, value in {**ABOUT, f"mlflow.sharedViewState.{VIEW}": _view()}.items():
            client.set_experiment_tag(experiment, key, value)
    if uri.startswith(("http://", "https://")):
        yield runs_address(without_secrets(uri), experiment)
        return
    base = f"http://127.0.0.1:{port}"
    if _answers(base):
        raise UsageError(f"something answers on port {port} already.", "--port", "Name another port.")
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri, "--workers", "1"]
    server = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        # A group of its own: it starts other processes, which end with it.
        start_new_session=True,
    )
    try:
        until = time.monotonic() + STARTING
        while not _answers(base):
            if server.poll() is not None or time.monotonic() > until:
                raise TrackingError("MLflow's page does not start.", base, "Name another --port.")
            time.sleep(0.3)
        yield runs_address(base, experiment)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def _answers(base: str) -> bool:
    try:
        return httpx.get(f"{base}/health", timeout=2).is_success
    except httpx.HTTPError:
        return False
