"""The real command in processes of its own, without paying for the imports each time.

A server imports what a publishing job needs, once, and forks a child per job that runs ``harmattan`` with the given
words, folder and limits. The child is a process like any other: it can be watched, killed and starved from outside.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from select import select
from typing import IO, Any

#: Modules that a job loads on its way, and that the server loads before.
NEEDED = (
    "pyarrow.parquet",
    "scipy.stats",
    "statsmodels.api",
    "sklearn.isotonic",
    "lightgbm",
    "shapely",
    "filelock",
    "jinja2",
    "rich.progress",
    "harmattan.forecast.cli.entry",
    "harmattan.forecast.publishing.job",
    "harmattan.forecast.release.write",
    "harmattan.forecast.release.read",
    "harmattan.forecast.publishing.checks",
    "harmattan.forecast.publishing.fallback",
    "harmattan.forecast.jobs.forecasting",
    "harmattan.forecast.loading",
    "harmattan.forecast.run",
    "harmattan.forecast.fitting",
    "harmattan.forecast.spillover.attribution",
    "harmattan.forecast.spillover.breakdown",
    "harmattan.forecast.report.page",
    "harmattan.forecast.release.verify_tables",
    "harmattan.training.trained_model",
    "harmattan.training.evaluation.backtest",
    "harmattan.training.models.catalogue",
    "harmattan.data.quality.gate",
    "harmattan.data.sources.tabular",
)


@dataclass(frozen=True)
class Done:
    """How a job ended.

    Attributes
    ----------
    code : int
        The exit code; minus the signal where one ended it.
    out, err : str
        What it printed.
    """

    code: int
    out: str
    err: str


class Resident:
    """A server of jobs, one at a time; ``also`` names modules that it loads before, beside the usual ones."""

    def __init__(self, folder: Path, also: Sequence[str] = ()) -> None:
        self._folder = folder
        with (folder / "server.txt").open("w") as complaints:
            self._server = subprocess.Popen(
                [sys.executable, __file__, *also],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
                bufsize=1,
                env={k: v for k, v in os.environ.items() if not k.startswith(("HARMATTAN_", "MLFLOW_"))},
            )
        self.pid = 0
        assert self._read(120)["ready"], (folder / "server.txt").read_text()

    def __enter__(self) -> Resident:
        return self

    def __exit__(self, *told: object) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(timeout=30)
        assert self._server.stdout is not None
        self._server.stdout.close()

    def start(self, words: Sequence[object], cwd: Path, file_size: int | None = None) -> None:
        """Begin a job; ``file_size`` is the most bytes that any file may get."""
        assert self._server.stdin is not None
        given = {"words": [str(w) for w in words], "cwd": str(cwd), "file_size": file_size}
        given |= {"out": str(self._folder / "out.txt"), "err": str(self._folder / "err.txt")}
        self._server.stdin.write(json.dumps(given) + "\n")
        self.pid = int(self._read(30)["pid"])

    def wait(self, seconds: float = 300) -> Done | None:
        """How the job ended; None where it is still at work after so many seconds."""
        told = self._read(seconds)
        if not told:
            return None
        out, err = ((self._folder / name).read_text(encoding="utf-8") for name in ("out.txt", "err.txt"))
        return Done(int(told["code"]), out, err)

    def run(self, words: Sequence[object], cwd: Path, file_size: int | None = None) -> Done:
        """A job from its beginning to its end."""
        self.start(words, cwd, file_size)
        done = self.wait()
        assert done is not None, "the job hangs"
        return done

    def kill(self) -> Done:
        """End the job with SIGKILL, unless it has ended already."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        done = self.wait()
        assert done is not None
        return done

    def _read(self, seconds: float) -> dict[str, Any]:
        stream = self._server.stdout
        assert stream is not None
        # Lines come one at a time, each asked for, so that nothing waits in Python's own buffer.
        if not select([stream], [], [], seconds)[0]:
            return {}
        line = stream.readline()
        assert line, (self._folder / "server.txt").read_text()
        told: dict[str, Any] = json.loads(line)
        return told


def _serve(requests: IO[str], answers: IO[str]) -> None:
    for name in (*NEEDED, *sys.argv[1:]):
        importlib.import_module(name)
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in requests:
        given = json.loads(line)
        child = os.fork()
        if not child:
            _work(given)
        print(json.dumps({"pid": child}), file=answers, flush=True)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), file=answers, flush=True)


def _work(given: dict[str, Any]) -> None:
    """The child: its own output, folder and limits, then the command as a user types it."""
    from harmattan.forecast.cli.entry import main

    code: Any = 0
    try:
        for stream, name in ((1, "out"), (2, "err")):
            target = os.open(given[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            os.dup2(target, stream)
        os.chdir(given["cwd"])
        if given["file_size"] is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (given["file_size"], given["file_size"]))
        sys.argv = ["harmattan", *given["words"]]
        main()
    except SystemExit as stop:
        code = stop.code
    except BaseException:
        traceback.print_exc()
        code = 99
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    _serve(sys.stdin, os.fdopen(os.dup(1), "w"))
