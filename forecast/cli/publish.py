"""``harmattan publish``: the scheduled job on the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import (
    AllowGrid,
    AsOf,
    ConfigFile,
    DryRun,
    Json,
    Mlruns,
    Out,
    PanelFile,
    Quiet,
    RegionsFile,
    RunDate,
    Source,
    Track,
    TrackingUri,
    Workers,
    settings_in,
)

if TYPE_CHECKING:
    from ..settings import Settings


def publish(
    config: ConfigFile = None,
    out: Out = None,
    model: Annotated[
        str | None,
        typer.Option(help="champion (default), another alias or version, or a folder of a trained model."),
    ] = None,
    source: Source = None,
    panel: PanelFile = None,
    regions: RegionsFile = None,
    as_of: AsOf = None,
    run_date: RunDate = None,
    mlruns: Mlruns = None,
    tracking_uri: TrackingUri = None,
    track: Track = None,
    allow_grid: AllowGrid = None,
    notify: Annotated[
        str | None, typer.Option(help="A command that is given the outcome as JSON, or file:PATH.")
    ] = None,
    workers: Workers = None,
    accept_losses: Annotated[
        bool,
        typer.Option(
            "--accept-losses", help="Publish though counts are gone that the last release had seen."
        ),
    ] = False,
    log_json: Annotated[
        str | None, typer.Option(help="Append a line of JSON per stage to this file; - for standard error.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Publish the newest forecast: checks, data, champion, release, verification, latest, word of it.

    Made for a scheduler: nothing is asked, running it again changes nothing, and every way to fail has its exit code.
    All other settings come from the settings file.

    \b
    Examples:
      harmattan publish --config /etc/harmattan.toml
      harmattan publish --out /srv/forecasts --json --log-json /var/log/harmattan.jsonl
      harmattan publish --dry-run
    """
    settings = settings_in(locals())
    if settings.allow_grid and not quiet:
        from ..release.disclosure import warning

        typer.echo(warning(settings), err=True)
    if dry_run:
        _print_plan(settings, accept_losses, as_json, quiet)
        return
    from ..publishing.job import publish as run
    from ..publishing.job_log import JobLog
    from .progress import Bar

    with JobLog(log_json) as log, Bar(quiet=quiet or log_json == "-") as progress:
        done = run(settings, log, progress, accept_losses=accept_losses)
    if as_json:
        typer.echo(json.dumps(done.to_dict(), indent=2, ensure_ascii=False))
    elif not quiet:
        typer.echo(done.sentence)
    for error in (done.tracking_error, done.notify_error):
        if error is not None:
            raise error


def _print_plan(settings: Settings, accept_losses: bool, as_json: bool, quiet: bool) -> None:
    """What a job would do, everything that needs no writing having been checked."""
    from ..publishing.job import plan

    found = plan(settings, accept_losses=accept_losses)
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
    elif not quiet:
        typer.echo(_sentence(found))


def _sentence(plan: dict[str, Any]) -> str:
    skipped = f" Not usable: {'; '.join(plan['tried'])}." if plan["tried"] else ""
    lead = f" It would not become the latest: {plan['why_not_latest']}." if plan["why_not_latest"] else ""
    return f"Would forecast from {plan['origin']} with {plan['model']}, and write {plan['release']}.{skipped}{lead}"
