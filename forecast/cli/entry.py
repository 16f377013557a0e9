"""The command line: a thin layer over the Python functions, importing nothing heavy before a command runs."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from ...data.errors import HarmattanError, on_the_command_line
from ..settings import Settings
from .backtest import backtest, score_table, triggers
from .exit_codes import in_help
from .models import promote, refit, runs, track, train, tune, ui
from .monitoring import report, score
from .options import options
from .output import Output
from .publish import backfill, publish
from .releases import keygen, prune, releases, status, verify, withdraw
from .scenario import analogues, scenario
from .spillover import spillover
from .tools import config, doctor
from .watch import watch

HELP = f"""\
Forecasts of monthly violent events by region, and of the risk that spills over a border.

\b
Examples:
  harmattan forecast
  harmattan forecast --as-of 2023-08 --horizons 1:6 --out releases
  harmattan backtest --benchmark
  harmattan forecast --help

\b
Exit codes:
{chr(10).join("  " + line for line in in_help().splitlines())}

With --debug anywhere in a command, a failure shows where in the program it happened.
"""

#: Groups of commands in modules of their own: what the overview says, and where they are.
GROUPS = {
    "data": ("Incidents in, panel out: fetch, check, build, compare.", "harmattan.forecast.cli.data"),
    "theatre": ("A theatre of your own: write its first file.", "harmattan.forecast.cli.theatre"),
    "features": ("What the models see: show, build, audit.", "harmattan.forecast.cli.features"),
}

app = typer.Typer(
    help=HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class LazyGroup(TyperGroup):
    """Commands of a module that is imported when one of them is asked for."""

    module = ""

    def _loaded(self) -> Any:
        return typer.main.get_group(import_module(self.module).app)

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the module's commands."""
        return list(self._loaded().list_commands(ctx))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """One command of the module."""
        return self._loaded().get_command(ctx, cmd_name)


def _nothing() -> None:
    """A group does nothing by itself."""


@app.command()
@options(
    "config theatre source panel regions covariates recipe members "
    "layer month_rule links groups columns coverage as_of horizons targets parts countries draws seed "
    "model workers backtest_origins run_date allow_grid level out sign mlruns tracking_uri track log_json "
    "dry_run as_json quiet",
    run_date="Day against which the age of the data counts.",
)
def forecast(settings: Settings, output: Output, dry_run: bool) -> None:
    """Forecast the next months for every region, and write a release with its report.

    \b
    Examples:
      harmattan forecast
      harmattan forecast --as-of 2023-08 --no-track
      harmattan forecast --model champion
      harmattan forecast --panel counts.parquet --regions regions.geojson --json
      harmattan forecast --source table:mine.csv --columns date=Day,latitude=Lat,longitude=Lon --regions states.geojson
    """
    if dry_run:
        plan = _plan(settings)
        words = (
            f"Would forecast {plan['regions']} regions from {plan['origin']}, and write {plan['release']}."
        )
        return output.show(plan, words)
    from ..jobs import run_main_job

    with output.bar() as progress:
        outcome = run_main_job(settings, progress)
    output.show(outcome.summary(), _lines(outcome, settings))
    if outcome.tracking_error:
        raise outcome.tracking_error


def _lines(outcome: Any, settings: Settings) -> Iterator[str]:
    """Where everything is, in four lines."""
    words = {"written": "new", "identical": "already there, identical", "revised": "revises an earlier one"}
    if outcome.result.banner:
        yield outcome.result.banner
    forecast = [t for t in settings.targets if t in outcome.result.draws]
    # Deaths alone were warned of when the data were read.
    if "events" in forecast and (absent := [t for t in settings.targets if t not in forecast]):
        yield f"There are no {', '.join(absent)} in these data: {', '.join(forecast)} alone are forecast."
    yield f"Release  {outcome.release.path}  ({words[outcome.release.status]})"
    yield from (f"         {line}" for line in outcome.release.reason[:5])
    if outcome.run_id:
        from ...training.registry.store import without_secrets

        store = without_secrets(settings.tracking_uri or str(settings.mlruns))
        yield f"MLflow   run {outcome.run_id} in {store}"
    yield f"Report   {outcome.report}"


def _plan(settings: Settings) -> dict[str, Any]:
    """What a run would do, its settings and input having been checked."""
    from ..jobs import check_writable
    from ..loading import load_inputs, with_targets
    from ..parts import choose_parts
    from ..release import check_level

    check_writable(settings.out)
    inputs = load_inputs(settings)
    check_level(inputs.panel, inputs.regions, settings.allow_grid, settings.level)
    choose_parts(inputs.panel, with_targets(settings, inputs.panel).targets, settings.parts)
    origin = settings.as_of or str(inputs.panel.last_month)
    inputs.panel.position(origin)
    return {
        "origin": origin,
        "regions": len(inputs.panel.region_ids),
        "release": str(settings.out / origin),
        "mlruns": str(settings.mlruns) if settings.tracks else None,
        "settings": settings.published(),
    }


for function in (
    backtest,
    triggers,
    score_table,
    spillover,
    scenario,
    analogues,
    watch,
    train,
    refit,
    promote,
    track,
    tune,
    ui,
    doctor,
    publish,
    backfill,
    score,
    report,
):
    app.command()(function)
for function in (verify, status, withdraw, prune, keygen):
    app.command()(function)
app.add_typer(releases, name="releases")
app.add_typer(config, name="config")
app.add_typer(runs, name="runs")


@app.command()
@options("as_json")
def version(output: Output) -> None:
    """Print the versions of this package and of what its numbers depend on.

    \b
    Examples:
      harmattan version
      harmattan version --json
    """
    import platform
    from importlib.metadata import version as installed

    names = ("harmattan", "numpy", "pandas", "scipy", "statsmodels", "lightgbm", "mlflow", "shapely")
    found = {"python": platform.python_version()} | {name: installed(name) for name in names}
    output.show(found, (f"{name} {number}" for name, number in found.items()))


for name, (about, module) in GROUPS.items():
    group = typer.Typer(help=about, rich_markup_mode=None, no_args_is_help=True)
    group.callback()(_nothing)
    lazy = type(f"Lazy{name.title()}", (LazyGroup,), {"module": module})
    app.add_typer(group, name=name, help=about, cls=lazy)


def main() -> None:
    """Run a command; a failure is one line on standard error and an exit code."""
    debug = "--debug" in sys.argv or os.environ.get("HARMATTAN_DEBUG", "") not in {"", "0"}
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    # Whatever is written, only its owner may change it; a stricter mask stays.
    os.umask(os.umask(0o077) | 0o022)
    # A million objects of imported libraries are no garbage: to look for some among them, and once more at the end,
    # takes a seventh of a short job.
    gc.set_threshold(1_000_000, 20, 100)
    atexit.register(gc.freeze)
    with on_the_command_line():
        _run(arguments, debug)


def _run(arguments: list[str], debug: bool) -> None:
    try:
        app(arguments, prog_name="harmattan")
    except Exception as failure:
        if debug:
            raise
        if isinstance(failure, HarmattanError):
            print(f"error: {failure.message}", file=sys.stderr)
            sys.exit(failure.exit_code)
        about = " ".join(str(failure).split())[:200]
        print(
            f"error: an unexpected {type(failure).__name__}: {about} "
            "This is a fault of the program: run the command again with --debug and report what it prints.",
            file=sys.stderr,
        )
        sys.exit(1)
