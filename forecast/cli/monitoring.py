"""Looking back on the command line: the page of a finished release, and how past releases have done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import (
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
    TrackingUri,
    settings_in,
    tell,
)

if TYPE_CHECKING:
    from ..monitoring.job import Scored


def report(
    release: Annotated[str, typer.Argument(help="A name such as 2023-12_r2, latest, or a path.")] = "latest",
    to: Annotated[
        Path | None, typer.Option(help="Where the page is written; report-NAME.html where absent.")
    ] = None,
    config: ConfigFile = None,
    out: Out = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make the page of a finished release again, from its own files.

    A release is never changed: the page goes elsewhere. It is held against the release before it as that one stands
    today, so it may say more than the page that was published.

    \b
    Examples:
      harmattan report 2023-12
      harmattan report latest --to /tmp/page.html
      harmattan report /srv/forecasts/2023-12 --json
    """
    from ..release.catalogue import find_release
    from ..report.rerender import render_again, write_page
    from ..settings import Settings

    folder = find_release(release, Settings.load({"out": out}, config).out)
    path = to or Path(f"report-{folder.name}.html")
    html = render_again(folder)
    if not dry_run:
        write_page(html, path)
    told = {"release": str(folder), "report": str(path), "bytes": len(html.encode()), "written": not dry_run}
    tell(told, f"{'Would write' if dry_run else 'Report  '} {path}", as_json, quiet)


def score(
    config: ConfigFile = None,
    out: Out = None,
    source: Source = None,
    panel: PanelFile = None,
    regions: RegionsFile = None,
    as_of: Annotated[
        str | None, typer.Option(help="The last month that may be looked at, such as 2023-12.")
    ] = None,
    run_date: RunDate = None,
    mlruns: Mlruns = None,
    tracking_uri: TrackingUri = None,
    track: Annotated[
        bool | None, typer.Option("--track/--no-track", help="Keep the scores in MLflow as well.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Score past releases against the months that have been observed since, and raise the alarm where due.

    Run it when new data have come, before or after the next release. The scores go to monitoring.csv and
    monitoring.json beside the releases, and to one run per model version in MLflow. It leaves with 15 where forecasts
    were worse than conflictology for three months, with 12 where intervals held too few or too many outcomes.

    \b
    Examples:
      harmattan score
      harmattan score --config harmattan.toml --json
      harmattan score --out releases --no-track --dry-run
    """
    settings = settings_in(locals())
    from ..monitoring.job import run_score
    from .progress import Bar

    with Bar(quiet=quiet) as progress:
        scored = run_score(settings, progress, write=not dry_run)
    if as_json:
        typer.echo(json.dumps({**scored.to_dict(), "new": scored.fresh, "runs": scored.run_ids}, indent=2))
    elif not quiet:
        _print_scores(scored)
    if scored.error is not None:
        raise scored.error


def _print_scores(scored: Scored) -> None:
    """The last months as a small table, and every alarm."""
    if scored.months.empty:
        typer.echo(f"No release has a month that was observed since; the data end in {scored.data_to}.")
        return
    typer.echo("target  month    forecasts  expected  recorded   skill  in 80 %")
    for row in scored.months.groupby("target", sort=False).tail(6).to_dict("records"):
        skill = "    –" if row["skill"] != row["skill"] else f"{100 * row['skill']:+5.0f}"
        typer.echo(
            f"{row['target']:<7} {row['month']}  {row['forecasts']:>9}  {row['expected']:>8,.1f}  "
            f"{row['observed']:>8,.0f}  {skill} %  {100 * row['coverage_80']:>4.0f} %"
        )
    for alarm in scored.alarms:
        typer.echo(f"{alarm.level:<6} {alarm.message}")
