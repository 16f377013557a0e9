"""A real Dask cluster for the tests that need one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def free_port() -> int:
    """A port on which nobody listens."""
    return find_port()


def find_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """A real scheduler with two worker processes, each in a process of its own."""
    pytest.importorskip("distributed")
    address = f"tcp://127.0.0.1:{find_port()}"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    here = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    settings: dict[str, Any] = {**quiet, "env": {**os.environ, "PYTHONPATH": here}}
    dask = [sys.executable, "-m", "dask"]
    where = ["--host", "127.0.0.1", "--no-dashboard"]
    port = address.rsplit(":", 1)[1]
    running = [subprocess.Popen([*dask, "scheduler", *where, "--port", port], **settings)]
    for _ in range(2):
        worker = [*dask, "worker", address, "--nthreads", "1", *where, "--no-nanny"]
        running.append(subprocess.Popen(worker, **settings))
    try:
        from distributed import Client

        with Client(address, timeout=60, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        yield address
    finally:
        for process in reversed(running):
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
