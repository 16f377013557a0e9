"""The log of a job for machines: one line of JSON as each stage begins and ends."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from ...data.errors import HarmattanError, ReleaseError


class JobLog:
    """Writes ``time, job, stage, state`` and what else is known; a full disk stops the log, never the job.

    Parameters
    ----------
    where : str or None
        A file that is appended to, ``-`` for standard error, None for nowhere.

    Raises
    ------
    ReleaseError
        The file cannot be opened.
    """

    def __init__(self, where: str | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self._stream: IO[str] | None = None
        self._own = where not in (None, "-")
        if where == "-":
            self._stream = sys.stderr
        elif where is not None:
            try:
                self._stream = Path(where).expanduser().open("a", encoding="utf-8")
            except OSError as reason:
                what = f"the log cannot be written ({reason.strerror})."
                raise ReleaseError(what, where, "Name another file.") from reason

    def __enter__(self) -> JobLog:
        """The log itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close a file; a failure to do so is none of the job's."""
        if self._own and self._stream is not None:
            with suppress(OSError):
                self._stream.close()

    def write(self, stage: str, state: str, **more: Any) -> None:
        """One line: a stage, its state (``begin``, ``done``, ``failed``, ``note``), and what else is known."""
        if self._stream is None:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"time": now, "job": os.getpid(), "stage": stage, "state": state} | more
        with suppress(OSError, ValueError):
            self._stream.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
            self._stream.flush()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Log the beginning and the end of a stage, its seconds, and why it failed."""
        start = time.perf_counter()
        self.write(name, "begin")
        try:
            yield
        except Exception as error:
            self.write(name, "failed", **_about(error))
            raise
        taken = time.perf_counter() - start
        self.seconds[name] = self.seconds.get(name, 0.0) + taken
        self.write(name, "done", seconds=round(taken, 3))

    @contextmanager
    def following(
        self, command: str, progress: Callable[[str, float], None]
    ) -> Iterator[Callable[[str, float], None]]:
        """A progress function that logs the stages of a command as well, and how the command ended."""
        current: list[tuple[str, float]] = []

        def end() -> None:
            if current:
                stage, start = current.pop()
                self.write(stage, "done", seconds=round(time.perf_counter() - start, 3))

        def say(stage: str, share: float) -> None:
            if not current or current[-1][0] != stage:
                end()
                current.append((stage, time.perf_counter()))
                self.write(stage, "begin")
            progress(stage, share)

        start = time.perf_counter()
        self.write(command, "begin")
        try:
            yield say
        except Exception as error:
            if current:
                self.write(current[-1][0], "failed", **_about(error))
            self.write(command, "failed", **_about(error))
            raise
        end()
        self.write(command, "done", seconds=round(time.perf_counter() - start, 3))


def _about(error: Exception) -> dict[str, str]:
    """An error's name and message."""
    message = error.message if isinstance(error, HarmattanError) else " ".join(str(error).split())[:200]
    return {"error": type(error).__name__, "message": message}
