"""``harmattan train``, ``refit``, ``promote``, ``tune``, ``track``, ``ui`` and ``runs``: models and their record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..settings import Settings
from .options import options
from .output import Output

if TYPE_CHECKING:
    from ..jobs import Promotion, TrainOutcome

runs = typer.Typer(help="Runs as plain files: export, import.", rich_markup_mode=None, no_args_is_help=True)
#: Options of every command that only writes to the store.
STORE = "config mlruns tracking_uri dry_run as_json quiet"


@options(
    "config theatre source panel regions covariates recipe members "
    "layer month_rule links as_of horizons targets draws seed workers mlruns tracking_uri promote_if_better "
    "log_json dry_run as_json quiet"
)
def train(
    settings: Settings,
    output: Output,
    dry_run: bool,
    promote_if_better: Annotated[bool, "Make it champion at once, if it passes the gate."] = False,
) -> None:
    """Fit every model, back-test it on recent months, and register one version as challenger.

    The first version that beats the best baselines becomes the champion; every later one waits for
    `harmattan promote`.

    \b
    Examples:
      harmattan train
      harmattan train --as-of 2023-08 --json
      harmattan train --promote-if-better
      harmattan train --panel counts.parquet --links links.csv --tracking-uri http://127.0.0.1:5000
    """
    if dry_run:
        plan = _plan(settings)
        words = "Would train on {regions} regions up to {origin}. The store {store_state}: {store}"
        return output.show(plan, words.format(**plan))
    from ..jobs import train as run

    with output.bar() as progress:
        outcome = run(settings, progress, promote_if_better=promote_if_better)
    output.show(outcome.summary(), _training_lines(outcome))


@options(
    "config theatre source panel regions covariates recipe members "
    "layer month_rule links as_of horizons targets draws seed workers mlruns tracking_uri "
    "log_json as_json quiet"
)
def refit(settings: Settings, output: Output) -> None:
    """Fit the champion's own recipe on newer months, and make that champion where it is no worse.

    Made for a scheduler: where nothing is new, nothing is done; where it is worse, the champion stays.

    \b
    Examples:
      harmattan refit
      harmattan refit --config /etc/harmattan.toml --json
    """
    from ..jobs import refit as run

    with output.bar() as progress:
        done = run(settings, progress)
    output.show(done.summary(), _promotion_lines(done))


def _plan(settings: Settings) -> dict[str, Any]:
    """What would be trained, data and store having been looked at."""
    from ...training.registry.store import check_server, store_uri, without_secrets
    from ..loading import load_inputs

    uri = store_uri(settings.mlruns, settings.tracking_uri)
    try:
        check_server(uri)
        state = "answers"
    except ConnectionError as reason:
        state = f"does not answer ({reason})"
    inputs = load_inputs(settings)
    origin = settings.as_of or str(inputs.panel.last_month)
    inputs.panel.position(origin)
    return {
        "origin": origin,
        "regions": len(inputs.panel.region_ids),
        "store": without_secrets(uri),
        "store_state": state,
        "settings": settings.published(),
    }


def _training_lines(outcome: TrainOutcome) -> Iterator[str]:
    """Where the version is and what the gate says, in a few lines."""
    yield f"Version  {outcome.version} of the model, origin {outcome.training.trained.origin}"
    verdict = "passes the gate" if outcome.verdict.ok else "does not pass the gate"
    yield f"Gate     it {verdict} against {outcome.rival}:"
    yield from (f"         {reason}" for reason in outcome.verdict.reasons)
    if outcome.crowned:
        yield "Champion this version"
    elif outcome.verdict.ok:
        yield f"Next     harmattan promote {outcome.version}"
    yield f"MLflow   run {outcome.run_id}"


@options(STORE)
def promote(
    settings: Settings,
    output: Output,
    dry_run: bool,
    version: Annotated[
        str | None, typer.Argument(help="Number of a version, or challenger (the default).")
    ] = None,
    rollback: Annotated[bool, "Make the champion before the champion again."] = False,
    force: Annotated[bool, "Go past a gate that refuses; needs --reason."] = False,
    refit: Annotated[bool, "The champion's own recipe on newer months: no worse is enough."] = False,
    reason: Annotated[str, "Why; recorded with the version."] = "",
) -> None:
    """Make a version of the model the champion, which the scheduled job uses.

    It has to be better than the champion on the same origins, not only seem so; see the page on tracking.

    \b
    Examples:
      harmattan promote
      harmattan promote 7 --dry-run
      harmattan promote --refit
      harmattan promote 7 --force --reason "new boundaries; the old model cannot serve them"
      harmattan promote --rollback --reason "too many false alarms"
    """
    from ..jobs import promote as run

    done = run(settings, version or "challenger", force, reason, dry_run, refit, rollback)
    output.show(done.summary(), _promotion_lines(done))


def _promotion_lines(done: Promotion) -> Iterator[str]:
    how = {
        "gate": "passed the gate",
        "refit": "is the champion on newer months, and no worse",
        "forced": "was forced past the gate",
        "rollback": "is back",
        "nothing": "is the champion already",
        "refused": "is worse than the champion, which stays",
        "would": "would become the champion",
    }
    yield f"Version {done.version} {how[done.how]}; the champion before it is {done.before or 'none'}."
    yield from (f"  {reason}" for reason in done.reasons)


@options(
    "member trials origins target horizons countries config theatre panel links seed workers mlruns tracking_uri track "
    "log_json dry_run as_json quiet",
    countries="Countries to score, ISO3 codes.",
    track="Record the search in MLflow.",
)
def tune(
    settings: Settings,
    output: Output,
    dry_run: bool,
    origins: str | None,
    member: Annotated[str, "Whose parameters are searched."] = "boosted",
    trials: Annotated[int, "How many the study is to hold, earlier ones among them."] = 20,
) -> None:
    """Search better parameters of one model over past months; nothing is changed, and the vault stays closed.

    A search that was stopped goes on where it was: the same command again.

    \b
    Examples:
      harmattan tune --trials 50
      harmattan tune --member exponential_nb --target deaths --horizons 1,3,6 --json
      harmattan tune --origins 2017-12:2022-06 --countries ISO3,ISO3
    """
    from ..jobs import plan_search, run_tune_job
    from .backtest import parse_origins

    if dry_run:
        search = plan_search(settings, member, trials, parse_origins(origins))[1]
        first, last = str(search.origins[0]), str(search.origins[-1])
        plan = {"study": search.name, "trials": trials, "first": first, "last": last}
        return output.show(plan, f"Would hold {trials} trials of {member} on origins {first} to {last}.")
    with output.bar() as progress:
        outcome = run_tune_job(settings, member, trials, parse_origins(origins), progress)
    output.show(outcome.summary(), _search_lines(outcome.summary()))
    if outcome.tracking_error:
        raise outcome.tracking_error


def _search_lines(summary: dict[str, Any]) -> Iterator[str]:
    counts = ", ".join(f"{number} {state}" for state, number in summary["trials"].items())
    yield f"Study    {summary['study']}: {counts}"
    yield "Score    CRPS over that of conflictology, mean of the horizons; below 1 is better"
    yield f"Shipped  {summary['shipped']:.4f}"
    if summary["best"]:
        yield f"Best     {summary['best']['score']:.4f}, trial {summary['best']['trial']}"
        yield from (f"         {name} = {value:.4g}" for name, value in summary["best"]["params"].items())
    if summary["run_id"]:
        yield f"MLflow   run {summary['run_id']}"


@options(STORE)
def track(
    settings: Settings,
    output: Output,
    dry_run: bool,
    release: Annotated[
        Path,
        typer.Option("--from", help="Folder of a release, such as releases/2023-12.", show_default=False),
    ],
) -> None:
    """Record a release in MLflow later, where that failed or was not wanted when it was made.

    \b
    Examples:
      harmattan track --from releases/2023-12
      harmattan track --from releases/2023-12 --tracking-uri http://127.0.0.1:5000 --json

    A release that is recorded already is not recorded twice.
    """
    if dry_run:
        from ..release import verify_release

        verify_release(release).require()
        return output.show({"release": str(release)}, f"Would record {release}, which is whole.")
    from ..tracking import track_release

    run_id = track_release(release, settings)
    output.show({"release": str(release), "run_id": run_id}, f"MLflow   run {run_id}")


@options("config mlruns tracking_uri as_json quiet")
def ui(
    settings: Settings,
    output: Output,
    port: Annotated[int, "Port of the page on this machine."] = 5000,
    browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open it in the browser of this machine.")
    ] = True,
) -> None:
    """Print and open the page of the training runs, and serve it until Ctrl-C.

    \b
    Examples:
      harmattan ui
      harmattan ui --port 5001 --no-open
      harmattan ui --tracking-uri http://127.0.0.1:5000
    """
    import signal
    import webbrowser

    from ...training.registry import runs_page, store_uri

    # Whoever ends this process ends the page with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), runs_page(settings.mlruns, settings.tracking_uri, port) as address:
        words = f"Runs     {address}\nA click on a run leads to its description: skill, calibration, map, watch list."
        words += (
            "\nClose MLflow's assistant (x, top right): in a narrow page the description is below the tags."
        )
        output.show({"address": address}, words)
        if browser:
            webbrowser.open(address)
        if not store_uri(settings.mlruns, settings.tracking_uri).startswith("http"):
            signal.pause()


@runs.callback()
def _group() -> None:
    """Runs as plain files: export, import."""


@runs.command("export")
@options(STORE)
def export(
    settings: Settings,
    output: Output,
    dry_run: bool,
    run: Annotated[str, typer.Argument(help="Id of the run.")],
    folder: Annotated[Path, typer.Argument(help="A folder that is not there yet.")],
) -> None:
    """Write a run, its artifacts and its children as plain files.

    \b
    Examples:
      harmattan runs export 5d0e6a1c8a0f4c8b9e7a1b2c3d4e5f60 run-2023-12
    """
    from ...training.registry.export import export_run

    where = export_run(run, folder, settings.mlruns, settings.tracking_uri, dry_run=dry_run)
    words = f"Would write run {run} to {where}." if dry_run else f"Files    {where}"
    output.show({"run_id": run, "folder": str(where)}, words)


@runs.command("import")
@options(STORE)
def import_(
    settings: Settings,
    output: Output,
    dry_run: bool,
    folder: Annotated[Path, typer.Argument(help="What `harmattan runs export` wrote.")],
) -> None:
    """Write an exported run into a store, with its times; nothing is imported twice.

    \b
    Examples:
      harmattan runs import run-2023-12 --tracking-uri http://127.0.0.1:5000
    """
    from ...training.registry.export import import_run, read_export

    if dry_run:
        run_id = str(read_export(folder)["run_id"])
        return output.show({"folder": str(folder), "imports": run_id}, f"Would import run {run_id}.")
    run_id = import_run(folder, settings.mlruns, settings.tracking_uri)
    output.show({"folder": str(folder), "run_id": run_id}, f"MLflow   run {run_id}")
