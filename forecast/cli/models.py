"""``harmattan train``, ``promote``, ``tune``, ``track`` and ``runs``: models and their record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...data.errors import UsageError
from .options import (
    AsOf,
    ConfigFile,
    Draws,
    DryRun,
    Horizons,
    Json,
    LinksFile,
    Mlruns,
    Origins,
    PanelFile,
    Quiet,
    RegionsFile,
    Scored,
    Seed,
    Source,
    Target,
    Targets,
    TrackingUri,
    Workers,
    settings_in,
    tell,
)
from .progress import Bar

if TYPE_CHECKING:
    from ..jobs.promote import Promotion
    from ..jobs.train import TrainOutcome
    from ..settings import Settings

runs = typer.Typer(help="Runs as plain files: export, import.", rich_markup_mode=None, no_args_is_help=True)


def train(
    config: ConfigFile = None,
    source: Source = None,
    panel: PanelFile = None,
    regions: RegionsFile = None,
    links: LinksFile = None,
    as_of: AsOf = None,
    horizons: Horizons = None,
    targets: Targets = None,
    draws: Draws = None,
    seed: Seed = None,
    workers: Workers = None,
    mlruns: Mlruns = None,
    tracking_uri: TrackingUri = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fit every model, back-test it on recent months, and register one version as challenger.

    The first version that beats the best baselines becomes the champion; every later one waits for
    `harmattan promote`.

    \b
    Examples:
      harmattan train
      harmattan train --as-of 2023-08 --json
      harmattan train --panel counts.parquet --links links.csv --tracking-uri http://127.0.0.1:5000
    """
    settings = settings_in(locals())
    if dry_run:
        _print_plan(settings, as_json, quiet)
        return
    from ..jobs.train import train as go

    with Bar(quiet=quiet or as_json) as progress:
        outcome = go(settings, progress)
    if as_json:
        typer.echo(json.dumps(outcome.summary(), indent=2))
    elif not quiet:
        _print_training(outcome)


def _print_plan(settings: Settings, as_json: bool, quiet: bool) -> None:
    """What would be trained, data and store having been looked at."""
    from ...training.registry.store import check_server, store_uri, without_secrets
    from ..inputs import load_inputs

    uri = store_uri(settings.mlruns, settings.tracking_uri)
    try:
        check_server(uri)
        store = "answers"
    except ConnectionError as reason:
        store = f"does not answer ({reason})"
    inputs = load_inputs(settings)
    origin = settings.as_of or str(inputs.panel.last_month)
    inputs.panel.position(origin)
    plan = {
        "origin": origin,
        "regions": len(inputs.panel.region_ids),
        "store": without_secrets(uri),
        "store_state": store,
        "settings": settings.published(),
    }
    said = f"Would train on {plan['regions']} regions up to {origin}. The store {store}: {plan['store']}"
    tell(plan, said, as_json, quiet)


def _print_training(outcome: TrainOutcome) -> None:
    """Where the version is and what the gate says, in a few lines."""
    typer.echo(f"Version  {outcome.version} of the model, origin {outcome.training.trained.origin}")
    said = "passes the gate" if outcome.verdict.ok else "does not pass the gate"
    typer.echo(f"Gate     it {said} against {outcome.rival}:")
    for reason in outcome.verdict.reasons:
        typer.echo(f"         {reason}")
    if outcome.crowned:
        typer.echo("Champion this version, the first")
    elif outcome.verdict.ok:
        typer.echo(f"Next     harmattan promote {outcome.version}")
    typer.echo(f"MLflow   run {outcome.run_id}")


def promote(
    version: Annotated[
        str | None, typer.Argument(help="Number of a version, or challenger (the default).")
    ] = None,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Make the champion before the champion again.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Go past a gate that refuses; needs --reason.")
    ] = False,
    refit: Annotated[
        bool,
        typer.Option("--refit", help="The champion's own recipe on newer months: no worse is enough."),
    ] = False,
    reason: Annotated[str, typer.Option(help="Why; recorded with the version.")] = "",
    config: ConfigFile = None,
    mlruns: Mlruns = None,
    tracking_uri: TrackingUri = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a version of the model the champion, which the scheduled job uses.

    It has to be better than the champion on the same origins, not only seem so; see the page on tracking.

    \b
    Examples:
      harmattan promote
      harmattan promote 7 --dry-run
      harmattan promote --refit
      harmattan promote 7 --force --reason "new boundaries; the old model cannot serve them"
      harmattan promote --rollback --reason "too many false alarms in Niger"
    """
    given = dict(locals())
    if rollback and (version or force or refit):
        raise UsageError("--rollback takes no version, --force or --refit.", remedy="Leave them out.")
    from ..jobs.promote import promote as go
    from ..jobs.promote import roll_back

    settings = settings_in(given)
    if rollback:
        done = roll_back(settings, reason, dry_run)
    else:
        done = go(settings, version or "challenger", force, reason, dry_run, refit)
    if as_json:
        typer.echo(json.dumps(done.summary(), indent=2))
    elif not quiet:
        _print_promotion(done)


def _print_promotion(done: Promotion) -> None:
    said = {
        "gate": "passed the gate",
        "refit": "is the champion on newer months, and no worse",
        "forced": "was forced past the gate",
        "rollback": "is back",
        "nothing": "is the champion already",
        "would": "would become the champion",
    }
    typer.echo(f"Version {done.version} {said[done.how]}; the champion before it is {done.before or 'none'}.")
    for reason in done.reasons:
        typer.echo(f"  {reason}")


def tune(
    member: Annotated[str, typer.Option(help="Whose parameters are searched.")] = "boosted",
    trials: Annotated[int, typer.Option(help="How many the study is to hold, earlier ones among them.")] = 20,
    origins: Origins = None,
    target: Target = "events",
    horizons: Horizons = None,
    countries: Scored = None,
    config: ConfigFile = None,
    panel: PanelFile = None,
    links: LinksFile = None,
    seed: Seed = None,
    workers: Workers = None,
    mlruns: Mlruns = None,
    tracking_uri: TrackingUri = None,
    track: Annotated[
        bool | None, typer.Option("--track/--no-track", help="Record the search in MLflow.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Search better parameters of one model over past months; nothing is changed, and the vault stays closed.

    A search that was stopped goes on where it was: the same command again.

    \b
    Examples:
      harmattan tune --trials 50
      harmattan tune --member exponential_nb --target deaths --horizons 1,3,6 --json
      harmattan tune --origins 2017-12:2022-06 --countries MLI,BFA,NER,BEN,TGO
    """
    given = dict(locals())
    from ..jobs.tune import plan_search, run_tune_job
    from .backtest import parse_origins

    settings = settings_in({**given, "targets": target})
    if dry_run:
        plan = plan_search(settings, member, trials, parse_origins(origins))[1]
        told = {
            "study": plan.name,
            "trials": trials,
            "first": str(plan.origins[0]),
            "last": str(plan.origins[-1]),
        }
        said = f"Would hold {trials} trials of {member} on origins {told['first']} to {told['last']}."
        tell(told, said, as_json, quiet)
        return
    with Bar(quiet=quiet or as_json) as progress:
        outcome = run_tune_job(settings, member, trials, parse_origins(origins), progress)
    if as_json:
        typer.echo(json.dumps(outcome.summary(), indent=2))
    elif not quiet:
        _print_search(outcome.summary())
    if outcome.tracking_error:
        raise outcome.tracking_error


def _print_search(told: dict[str, Any]) -> None:
    counts = ", ".join(f"{number} {state}" for state, number in told["trials"].items())
    typer.echo(f"Study    {told['study']}: {counts}")
    typer.echo("Score    CRPS over that of conflictology, mean of the horizons; below 1 is better")
    typer.echo(f"Shipped  {told['shipped']:.4f}")
    if told["best"]:
        typer.echo(f"Best     {told['best']['score']:.4f}, trial {told['best']['trial']}")
        for name, value in told["best"]["params"].items():
            typer.echo(f"         {name} = {value:.4g}")
    if told["run_id"]:
        typer.echo(f"MLflow   run {told['run_id']}")


def track(
    release: Annotated[
        Path,
        typer.Option("--from", help="Folder of a release, such as releases/2023-12.", show_default=False),
    ],
    config: ConfigFile = None,
    mlruns: Mlruns = None,
    tracking_uri: TrackingUri = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Record a release in MLflow later, where that failed or was not wanted when it was made.

    \b
    Examples:
      harmattan track --from releases/2023-12
      harmattan track --from releases/2023-12 --tracking-uri http://127.0.0.1:5000 --json

    A release that is recorded already is not recorded twice.
    """
    settings = settings_in(locals())
    if dry_run:
        from ..release.verify import verify

        verify(release).require()
        tell({"release": str(release)}, f"Would record {release}, which is whole.", as_json, quiet)
        return
    from ..tracking.late import track_release

    run_id = track_release(release, settings)
    tell({"release": str(release), "run_id": run_id}, f"MLflow   run {run_id}", as_json, quiet)


@runs.callback()
def _group() -> None:
    """Runs as plain files: export, import."""


@runs.command("export")
def export(
    run: Annotated[str, typer.Argument(help="Id of the run.")],
    folder: Annotated[Path, typer.Argument(help="A folder that is not there yet.")],
    config: ConfigFile = None,
    mlruns: Mlruns = None,
    tracking_uri: TrackingUri = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a run, its artifacts and its children as plain files.

    \b
    Examples:
      harmattan runs export 5d0e6a1c8a0f4c8b9e7a1b2c3d4e5f60 run-2023-12
    """
    settings = settings_in(locals())
    from ...training.registry.export import export_run

    where = export_run(run, folder, settings.mlruns, settings.tracking_uri, dry_run=dry_run)
    said = f"Would write run {run} to {where}." if dry_run else f"Files    {where}"
    tell({"run_id": run, "folder": str(where)}, said, as_json, quiet)


@runs.command("import")
def import_(
    folder: Annotated[Path, typer.Argument(help="What `harmattan runs export` wrote.")],
    config: ConfigFile = None,
    mlruns: Mlruns = None,
    tracking_uri: TrackingUri = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write an exported run into a store, with its times; nothing is imported twice.

    \b
    Examples:
      harmattan runs import run-2023-12 --tracking-uri http://127.0.0.1:5000
    """
    settings = settings_in(locals())
    from ...training.registry.export import import_run, read_export

    if dry_run:
        told = str(read_export(folder)["run_id"])
        tell({"folder": str(folder), "imports": told}, f"Would import run {told}.", as_json, quiet)
        return
    run_id = import_run(folder, settings.mlruns, settings.tracking_uri)
    tell({"folder": str(folder), "run_id": run_id}, f"MLflow   run {run_id}", as_json, quiet)
