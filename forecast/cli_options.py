"""Options that several commands share."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import typer


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
Source = Annotated[str | None, typer.Option(help="snapshot, or KIND:FILE, such as ucdp:FILE.")]
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
