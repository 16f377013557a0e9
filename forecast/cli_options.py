"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")]
ConfigFile = Annotated[Path | None, typer.Option(help="Settings file; ./harmattan.toml where there is one.")]
Out = Annotated[Path | None, typer.Option(help="Folder of releases.")]
RunDate = Annotated[
    str | None, typer.Option(help="Day against which age counts, such as 2024-01-31; default today.")
]
