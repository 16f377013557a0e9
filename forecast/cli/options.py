"""Options that several commands share."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..settings import Settings


def _silence(context: typer.Context, asked: bool) -> bool:
    """Send whatever a command prints nowhere until it ends; errors go to standard error as ever."""
    if asked:
        context.with_resource(redirect_stdout(io.StringIO()))
    return asked


Json = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
#: The same for commands that print in many places: nothing they print arrives.
Silent = Annotated[bool, typer.Option("--quiet", "-q", callback=_silence, help="Print nothing but errors.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")]
ConfigFile = Annotated[Path | None, typer.Option(help="Settings file; ./harmattan.toml where there is one.")]
Out = Annotated[Path | None, typer.Option(help="Folder of releases.")]
RunDate = Annotated[
    str | None, typer.Option(help="Day against which age counts, such as 2024-01-31; default today.")
]
Source = Annotated[
    str | None, typer.Option(help="snapshot, ucdp:FILE, acled:FILE, table:FILE or store:FOLDER.")
]
PanelFile = Annotated[Path | None, typer.Option(help="A ready panel (parquet or CSV) instead of a source.")]
RegionsFile = Annotated[Path | None, typer.Option(help="Polygons (GeoJSON) instead of the shipped ones.")]
LinksFile = Annotated[Path | None, typer.Option(help="Links between regions, instead of those of --regions.")]
AsOf = Annotated[str | None, typer.Option(help="Origin, such as 2023-08: the last month to be seen.")]
Horizons = Annotated[str | None, typer.Option(help="Months ahead, such as 1:6 or 1,3,6.")]
Targets = Annotated[str | None, typer.Option(help="events,deaths, or one of them.")]
Draws = Annotated[int | None, typer.Option(help="Draws per forecast.")]
Seed = Annotated[int | None, typer.Option(help="Root of every random stream.")]
Workers = Annotated[int | None, typer.Option(help="Processes; changes no number. 0: one per core.")]
Mlruns = Annotated[Path | None, typer.Option(help="Folder of MLflow's records.")]
TrackingUri = Annotated[str | None, typer.Option(help="Another MLflow store.")]
Track = Annotated[bool | None, typer.Option("--track/--no-track", help="Record the run in MLflow.")]
AllowGrid = Annotated[
    bool | None, typer.Option("--allow-grid", help="Release regions finer than admin-1; says why not to.")
]
Target = Annotated[str, typer.Option(help="events or deaths.")]
Scored = Annotated[str | None, typer.Option("--countries", help="Countries to score, such as MLI,BFA.")]
Origins = Annotated[
    str | None, typer.Option(help="Last months seen, such as 2020-01:2022-06; the last 24 if left out.")
]


def settings_in(given: Mapping[str, Any]) -> Settings:
    """The options that are settings, over the file that ``config`` names and the environment."""
    from ..settings import PARSERS, Settings

    return Settings.load({k: v for k, v in given.items() if k in PARSERS}, given["config"])


def tell(document: Mapping[str, Any], words: str, as_json: bool, quiet: bool) -> None:
    """Print an outcome as JSON, in words, or not at all."""
    if as_json:
        typer.echo(json.dumps(document, indent=2))
    elif not quiet and words:
        typer.echo(words)
