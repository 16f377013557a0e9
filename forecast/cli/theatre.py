"""``harmattan theatre``: a first file for a theatre of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...data.errors import UsageError
from ..settings import Settings
from .options import options
from .output import Output

app = typer.Typer(help="A theatre of your own, in one file.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """A theatre of your own, in one file."""


@app.command()
@options("config source regions columns coverage countries level out force dry_run as_json quiet")
def init(
    settings: Settings,
    output: Output,
    dry_run: bool,
    out: Annotated[Path, "Where the file goes."] = Path("theatre.toml"),
    force: Annotated[bool, "Write over a file that is there."] = False,
) -> None:
    """Write a first theatre.toml from the data, with comments: read it, correct it, forecast with it.

    \b
    Examples:
      harmattan theatre init --source table:events.csv --regions admin1.geojson
      harmattan theatre init --source ucdp:ged241.csv --regions admin1.geojson --out horn/theatre.toml
    """
    from ..jobs import draft_theatre

    if out.exists() and not force and not dry_run:
        raise UsageError("the file is there already.", str(out), "Choose another --out, or give --force.")
    text = draft_theatre(settings, out.parent)
    if not dry_run:
        if not out.parent.is_dir():
            raise UsageError("the folder does not exist.", str(out.parent), "Make it first.")
        out.write_text(text, encoding="utf-8")
    output.show(
        {"out": None if dry_run else str(out), "text": text}, [text if dry_run else f"Theatre  {out}"]
    )
