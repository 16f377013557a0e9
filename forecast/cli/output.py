"""How a command answers: in words, as JSON or not at all, and a progress bar on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ...data.errors import ReleaseError

if TYPE_CHECKING:
    import pandas as pd

#: Called with a stage and the share done.
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Output:
    """What is printed of an outcome.

    Attributes
    ----------
    as_json, quiet : bool
        JSON instead of words; nothing.
    command, log_json : str
        What is at work, and where its stages are logged; None for nowhere.
    """

    as_json: bool
    quiet: bool
    command: str = ""
    log_json: str | None = None

    def show(self, document: Any, words: str | Iterable[str], **style: Any) -> None:
        """Print an outcome as JSON, or line by line in words, which are made only where they are wanted."""
        if self.as_json:
            typer.echo(json.dumps(document, **{"indent": 2, **style}))
        elif not self.quiet:
            for line in [words] if words and isinstance(words, str) else words:
                typer.echo(line)

    @contextmanager
    def bar(self) -> Iterator[Progress]:
        """A progress bar, unless nothing is to be printed; each stage is logged where a log is named."""
        from ..publishing import JobLog

        with (
            JobLog(self.log_json) as log,
            bar(self.quiet or self.log_json == "-") as drawn,
            log.following(self.command, drawn) as progress,
        ):
            yield progress


@contextmanager
def bar(quiet: bool = False) -> Iterator[Progress]:
    """A progress bar with the time left, silent where standard error is no terminal; cleared at the end.

    Examples
    --------
    >>> with bar(quiet=True) as progress:
    ...     progress("models", 0.5)
    """
    if quiet or not sys.stderr.isatty():
        yield lambda stage, share: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:<10}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as drawn:
        task = drawn.add_task("data", total=1.0)
        yield lambda stage, share: drawn.update(task, description=stage, completed=share)


def records(table: pd.DataFrame, digits: int = 10) -> Any:
    """Rows for JSON, missing numbers as null."""
    return json.loads(table.to_json(orient="records", double_precision=digits))


def table_text(table: pd.DataFrame, columns: str) -> str:
    """Some columns as plain text, as far as the table has them: three digits, and all of them above a thousand.

    >>> import pandas as pd
    >>> print(table_text(pd.DataFrame({"mean": [0.12345, 1234567.8]}), "mean"))
         mean
        0.123
    1,234,568
    """
    shown = table[[c for c in columns.split() if c in table]]

    def number(value: float) -> str:
        return f"{value:.3g}" if abs(value) < 999.5 else f"{value:,.0f}"

    return str(shown.to_string(index=False, float_format=number, na_rep=""))


def write_texts(texts: Mapping[str, str], out: Path) -> list[str]:
    """Write files into a folder; their paths, or a :class:`ReleaseError` where that cannot be done."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (out / name).write_text(text, encoding="utf-8")
    except OSError as reason:
        what = f"nothing can be written here ({reason.strerror})."
        raise ReleaseError(what, str(out), "Choose another --out.") from None
    return [str(out / name) for name in texts]
