"""``harmattan backtest``: the command line's side of a back-test."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...data.errors import ConfigError, UsageError
from .options import (
    ConfigFile,
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
    Track,
    TrackingUri,
    Workers,
    tell,
)
from .progress import Bar

if TYPE_CHECKING:
    import pandas as pd

    from ..jobs.backtest import BacktestOutcome
    from ..jobs.backtest_plan import BacktestSettings


def backtest(
    config: ConfigFile = None,
    source: Source = None,
    panel: PanelFile = None,
    regions: RegionsFile = None,
    links: LinksFile = None,
    origins: Origins = None,
    horizons: Horizons = None,
    target: Target = "events",
    countries: Scored = None,
    members: Annotated[
        str | None,
        typer.Option(help="Models of the pool, by name, separated by commas; the usual ones if left out."),
    ] = None,
    refit: Annotated[int, typer.Option(help="Months between refits: 1 or 12.")] = 12,
    data_lag: Annotated[int, typer.Option(help="Months between the newest data and the origin: 0 to 3.")] = 0,
    workers: Workers = None,
    scheduler: Annotated[
        str | None, typer.Option(help="A Dask scheduler instead, such as tcp://host:8786.")
    ] = None,
    benchmark: Annotated[
        bool, typer.Option("--benchmark", help="The house benchmark: a fixed protocol on the shipped counts.")
    ] = False,
    unseal: Annotated[
        bool, typer.Option("--unseal", help="Open the vault: score target months after 2022. Recorded.")
    ] = False,
    vintages: Annotated[
        Path | None, typer.Option(help="A store of releases: models see what was known at each origin.")
    ] = None,
    leave_one_out: Annotated[
        bool, typer.Option("--leave-one-out", help="Try the pool without each of its members as well.")
    ] = False,
    seed: Seed = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write; backtests/NAME if left out.")] = None,
    mlruns: Mlruns = None,
    tracking_uri: TrackingUri = None,
    track: Track = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Judge the models on past months: what they would have said, and what came.

    \b
    Examples:
      harmattan backtest --origins 2020-01:2022-06 --horizons 1,3,6
      harmattan backtest --benchmark
      harmattan backtest --benchmark --target deaths --out backtests/deaths
      harmattan backtest --benchmark --data-lag 1
      harmattan backtest --panel counts.parquet --links links.csv --refit 1 --json
      harmattan backtest --benchmark --leave-one-out
      harmattan backtest --source store:vintages --vintages vintages --regions regions.geojson
      harmattan backtest --benchmark --scheduler tcp://host:8786

    Every member is scored on the same origins beside the baselines. Skill is stated against conflictology and
    against the best baseline, with a 95 % interval; where it covers zero the table says so. With --vintages
    models see only what had been released at each origin; without, they see final counts.
    """
    settings = _settings(locals())
    if dry_run:
        _print_plan(settings, as_json, quiet)
        return
    from ..jobs.backtest import run_backtest_job

    with Bar(quiet=quiet or as_json) as progress:
        outcome = run_backtest_job(settings, progress)
    if as_json:
        typer.echo(_as_json(outcome))
    elif not quiet:
        _print_outcome(outcome)
    if outcome.tracking_error:
        raise outcome.tracking_error


#: Options that are settings of every run.
SHARED = (
    "source",
    "panel",
    "regions",
    "links",
    "horizons",
    "countries",
    "workers",
    "seed",
    "mlruns",
    "tracking_uri",
    "track",
)


def _settings(given: dict[str, Any]) -> BacktestSettings:
    """Options as settings; an error for each that is out of range."""
    from ..jobs.backtest_plan import BacktestSettings
    from ..settings import Settings, checkout

    base = Settings.load({k: given[k] for k in SHARED} | {"targets": given["target"]}, given["config"])
    if len(base.targets) != 1:
        raise ConfigError("a back-test has one target.", "--target", "Write events or deaths.")
    members = given["members"]
    chosen = None if members is None else tuple(m.strip() for m in members.split(",") if m.strip())
    name = "backtest"
    if given["benchmark"]:
        name = "vault" if given["unseal"] else "live" if given["data_lag"] else "house"
    out = given["out"] or (checkout(Path.cwd()) or Path.cwd()) / "backtests" / f"{name}-{base.targets[0]}"
    return BacktestSettings(
        base=base,
        target=base.targets[0],
        origins=parse_origins(given["origins"]),
        members=chosen,
        refit_every=given["refit"],
        data_lag=given["data_lag"],
        scheduler=given["scheduler"],
        benchmark=given["benchmark"],
        unseal=given["unseal"],
        vintages=given["vintages"],
        leave_one_out=given["leave_one_out"],
        out=out,
    )


def parse_origins(text: str | None) -> tuple[pd.Period, pd.Period] | None:
    """First and last origin from ``2020-01:2022-06``, or one month.

    Examples
    --------
    >>> parse_origins("2020-01:2020-03")
    (Period('2020-01', 'M'), Period('2020-03', 'M'))
    """
    import pandas as pd

    if text is None:
        return None
    month = r"(?:19|20)\d\d-(?:0[1-9]|1[0-2])"
    found = re.fullmatch(rf"\s*({month})(?:\s*:\s*({month}))?\s*", text)
    if not found:
        raise UsageError(f"'{text}' is not a range of months.", "--origins", "Write 2020-01:2022-06.")
    return pd.Period(found[1], freq="M"), pd.Period(found[2] or found[1], freq="M")


def _print_plan(settings: BacktestSettings, as_json: bool, quiet: bool) -> None:
    """What a back-test would do, its settings and data having been checked."""
    from ..jobs.backtest_files import check_target
    from ..jobs.backtest_plan import make_plan

    check_target(settings.out)
    plan = make_plan(settings)
    p = plan.protocol.published()
    what = {
        "protocol": p,
        "target": settings.target,
        "regions": len(plan.regions),
        "unsealed": plan.unsealed,
        "out": str(settings.out),
    }
    said = (
        f"Would score {settings.target} in {len(plan.regions)} regions, {p['months_are']} {p['first']} to "
        f"{p['last']}, horizons {p['horizons']}, and write {settings.out}."
    )
    tell(what, said, as_json, quiet)


def _as_json(outcome: BacktestOutcome) -> str:
    """The summary file, and what came of the rest."""
    from ..jobs.backtest_files import plain

    error = outcome.tracking_error
    rest = {
        "out": str(outcome.out),
        "run_id": outcome.run_id,
        "tracking_error": error.message if error else None,
        "seconds": {stage: round(spent, 2) for stage, spent in outcome.seconds.items()},
    }
    return json.dumps({**plain(outcome.summary), **rest}, indent=2)


def _print_outcome(outcome: BacktestOutcome) -> None:
    """A compact table, one row per member, and where the rest is."""
    from rich.console import Console

    console = Console()
    if outcome.plan.unsealed:
        console.print("The vault was opened for this table, and the record says so.")
    console.print(leaderboard_table(outcome))
    if outcome.evaluation.leave_one_out is not None:
        console.print(left_out_table(outcome.evaluation.leave_one_out))
    for note in outcome.plan.notes:
        typer.echo(note)
    typer.echo(f"Tables   {outcome.out}")
    if outcome.run_id:
        typer.echo(f"MLflow   run {outcome.run_id}")


def leaderboard_table(outcome: BacktestOutcome) -> Any:
    """CRPS and skill of every member at each horizon, for a terminal; a skill that may be nothing is in brackets."""
    from rich.table import Table

    board = outcome.evaluation.leaderboard
    protocol = outcome.plan.protocol
    horizons = sorted(board["horizon"].unique())
    table = Table(
        title=f"CRPS of {outcome.summary['target']}; below, skill in % against the best baseline",
        caption=(
            f"{protocol.name}: {protocol.first} to {protocol.last}, {outcome.summary['regions']} regions. "
            "In brackets: not clearly different (95 %)."
        ),
    )
    table.add_column("member", overflow="fold")
    for horizon in horizons:
        table.add_column(f"h={horizon}", justify="right", no_wrap=True)
    by = board.set_index(["member", "horizon"])
    order = board.groupby("member")["crps"].mean().sort_values().index
    for member in order:
        cells = [_cell(str(member), by.loc[(member, h)]) if (member, h) in by.index else "" for h in horizons]
        table.add_row(str(member), *cells, style="bold" if member == "pool" else None)
    return table


def left_out_table(table: pd.DataFrame) -> Any:
    """What the pool loses without each member, in % of its CRPS, for a terminal; what may be nothing is in brackets."""
    from rich.table import Table

    horizons = sorted(table["horizon"].unique())
    shown = Table(
        title="What the pool loses without each member, in % of its CRPS",
        caption="Equal weights. In brackets: the interval covers zero (95 %). Below zero: better off without.",
    )
    shown.add_column("without", overflow="fold")
    for horizon in horizons:
        shown.add_column(f"h={horizon}", justify="right", no_wrap=True)
    members = [m for m in dict.fromkeys(table["left_out"]) if m]
    by = table.set_index(["left_out", "horizon"])
    for member in members:
        rows = [by.loc[(member, h)] for h in horizons]
        said = [f"{100 * row['worth']:+.2f}" for row in rows]
        clear = [row["worth_low"] > 0 or row["worth_high"] < 0 for row in rows]
        shown.add_row(member, *(s if c else f"({s})" for s, c in zip(said, clear, strict=True)))
    return shown


def _cell(member: str, row: pd.Series) -> str:
    """A score, and below it the skill, such as ``+6.9``."""
    score, skill = f"{row['crps']:.3f}", row["skill_vs_best"]
    if member == row["best_baseline"]:
        return f"{score}\nbest"
    if skill != skill:  # NaN where there is nothing to compare with
        return score
    said = f"{100 * skill:+.1f}"
    return f"{score}\n{said if row['clear'] else f'({said})'}"
