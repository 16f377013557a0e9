"""A progress bar on standard error, silent where that is no terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any


class Bar:
    """Called with a stage and the share done; draws a bar with the time left.

    Parameters
    ----------
    quiet : bool
        Never draw.

    Examples
    --------
    >>> with Bar(quiet=True) as progress:
    ...     progress("models", 0.5)
    """

    def __init__(self, quiet: bool = False) -> None:
        self._drawn = not quiet and sys.stderr.isatty()
        self._progress: Any = None
        self._task: Any = None

    def __enter__(self) -> Bar:
        """Begin to draw."""
        if self._drawn:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description:<10}"), BarColumn(), TimeRemainingColumn())
            self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._progress.add_task("data", total=1.0)
            self._progress.start()
        return self

    def __call__(self, stage: str, share: float) -> None:
        """Show how far a run is."""
        if self._progress is not None:
            self._progress.update(self._task, description=stage, completed=share)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was."""
        if self._progress is not None:
            self._progress.stop()
