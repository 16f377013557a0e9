"""``harmattan backtest``: the command line's side of a back-test."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...data.errors import ConfigError, UsageError
from ..settings import Settings, checkout
from .options import options
from .output import Output

if TYPE_CHECKING:
    import pandas as pd

    from ..jobs import BacktestOutcome, BacktestSettings

#: Horizons that fit beside each other in a terminal of 80 columns.
ABREAST = 6


@options(
    "config theatre source panel regions covariates recipe "
    "layer month_rule links origins horizons target countries members refit data_lag workers scheduler "
    "benchmark unseal vintages leave_one_out seed out mlruns tracking_uri track log_json "
    "dry_run as_json quiet",
    countries="Countries to score, ISO3 codes.",
)
def backtest(
    settings: Settings,
    output: Output,
    dry_run: bool,
    origins: str | None,
    members: Annotated[
        str | None, "Models of the pool, by name, separated by commas; the usual ones if left out."
    ] = None,
    refit: Annotated[int, "Months between refits: 1 or 12."] = 12,
    data_lag: Annotated[int, "Months between the newest data and the origin: 0 to 3."] = 0,
    scheduler: Annotated[str | None, "A Dask scheduler instead, such as tcp://host:8786."] = None,
    benchmark: Annotated[bool, "The house benchmark: a fixed protocol on the shipped counts."] = False,
    unseal: Annotated[bool, "Open the vault: score target months after 2022. Recorded."] = False,
    vintages: Annotated[Path | None, "A store of releases: models see what was known at each origin."] = None,
    leave_one_out: Annotated[bool, "Try the pool without each of its members as well."] = False,
    out: Annotated[Path | None, "Folder to write; backtests/NAME if left out."] = None,
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
    from ..jobs import BacktestSettings

    if len(settings.targets) != 1:
        raise ConfigError(
            "a back-test has one target.", "--target", "Write events, deaths or another count of the panel."
        )
    name = "backtest"
    if benchmark:
        name = "vault" if unseal else "live" if data_lag else "house"
    asked = BacktestSettings(
        base=settings,
        target=settings.targets[0],
        origins=parse_origins(origins),
        members=None if members is None else tuple(m.strip() for m in members.split(",") if m.strip()),
        refit_every=refit,
        data_lag=data_lag,
        scheduler=scheduler,
        benchmark=benchmark,
        unseal=unseal,
        vintages=vintages,
        leave_one_out=leave_one_out,
        out=out or (checkout(Path.cwd()) or Path.cwd()) / "backtests" / f"{name}-{settings.targets[0]}",
    )
    if dry_run:
        return _show_plan(asked, output)
    from ..jobs import run_backtest_job

    with output.bar() as progress:
        outcome = run_backtest_job(asked, progress)
    output.show(outcome.document(), _lines(outcome))
    if outcome.tracking_error:
        raise outcome.tracking_error


@options(
    "at_least within chance config theatre source panel regions links origins target countries workers seed to "
    "as_json quiet"
)
def triggers(
    settings: Settings,
    output: Output,
    origins: str | None,
    at_least: Annotated[int, "So many events make the trigger."] = 5,
    within: Annotated[int, "Within so many months, 1 to 6."] = 3,
    chance: Annotated[
        float | None, "Act above this chance, such as 0.3; several are tried if left out."
    ] = None,
    to: Annotated[Path | None, "Where the whole table is written (CSV)."] = None,
) -> None:
    """Tell what acting on a threshold would have meant in the past: hits, false alarms, misses, warning, cost.

    Forecasts from past months, made with nothing later, are held against what came: for every region, and for each
    country's total, in any state and where the last months had not reached the threshold yet. Acting pays where its
    cost is between the two shares of the loss that it avoids.

    \b
    Examples:
      harmattan triggers --at-least 5 --within 3
      harmattan triggers --at-least 1 --within 6 --chance 0.2 --countries ISO3,ISO3
      harmattan triggers --origins 2018-01:2022-09 --to triggers.csv
    """
    from ..jobs import BacktestSettings, judge_triggers
    from .output import records

    if len(settings.targets) != 1:
        raise ConfigError("a trigger is about one count.", "--target", "Write events, deaths or another one.")
    asked = BacktestSettings(base=settings, target=settings.targets[0], origins=parse_origins(origins))
    with output.bar() as progress:
        table = judge_triggers(asked, at_least, within, chance, progress)
    if to is not None:
        from ..release import csv_text, replace_text

        replace_text(csv_text(table), to)
    output.show(records(table), _trigger_lines(table))


def _trigger_lines(table: pd.DataFrame) -> Iterator[str]:
    """Regions together, then each country, by state and chance."""
    from .output import table_text

    shown = table[(table["hits"] + table["misses"] > 0) & ~table["place"].str.startswith("total ")]
    if shown.empty:
        yield "It never came in these months: nothing can be said of such a trigger."
        return
    names = "place state chance cases hits false_alarms misses warning pays_from pays_to"
    yield table_text(shown.round({"warning": 1, "pays_from": 2, "pays_to": 2}), names)
    yield "Totals of single countries are in --json and --to."
    yield "warning: mean month in which it came, of hits. Acting pays where it costs pays_from to pays_to of the loss."


@options("as_json quiet")
def score_table(
    output: Output,
    files: Annotated[list[Path], typer.Argument(help="Tables of forecasts; each may hold several models.")],
    against: Annotated[str, "The counts: snapshot, or a panel (parquet or CSV)."] = "snapshot",
    target: Annotated[str | None, "What is forecast, where the table does not say."] = None,
    origin: Annotated[str | None, "The last month seen, where the table does not say."] = None,
    trained_to: Annotated[str | None, "The last month that the models have learned from."] = None,
    unseal: Annotated[bool, "Open the vault: score target months after 2022."] = False,
    out: Annotated[Path | None, "A folder for leaderboard.csv, scores.csv and pairs.csv."] = None,
) -> None:
    """Score anybody's forecasts beside our baselines and pool, on the same cases.

    \b
    Examples:
      harmattan score-table chronos.parquet --target events --against counts.csv
      harmattan score-table mine.csv theirs.csv --against snapshot --json

    A table is hubverse (quantiles, samples or cdf), in the layout of the VIEWS challenge, or tidy (unique_id, ds,
    cutoff, lo-80, hi-80); see the page on own forecasts.
    """
    from ..jobs import evaluate_table

    found = evaluate_table(
        [str(f) for f in files], against, target=target, origin=origin, trained_to=trained_to, unseal=unseal
    )
    columns = [
        "member",
        "horizon",
        "cases",
        "crps",
        "skill_vs_best",
        "best_low",
        "best_high",
        "coverage_80",
        "verdict",
    ]
    board = found.leaderboard[columns].sort_values(["horizon", "crps"])
    if out is not None:
        from ..release import csv_text

        out.mkdir(parents=True, exist_ok=True)
        tables = {"leaderboard": found.leaderboard, "scores": found.scores(), "pairs": found.compare()}
        for name, table in tables.items():
            (out / f"{name}.csv").write_text(csv_text(table), encoding="utf-8")
    document = {"leaderboard": json.loads(board.to_json(orient="records"))}
    output.show(document, board.round(4).to_string(index=False))


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


def _show_plan(settings: BacktestSettings, output: Output) -> None:
    """What a back-test would do, its settings and data having been checked."""
    from ..jobs import check_target, make_plan

    check_target(settings.out)
    plan = make_plan(settings)
    p = plan.protocol.published()
    document = {
        "protocol": p,
        "target": settings.target,
        "regions": len(plan.regions),
        "unsealed": plan.unsealed,
        "out": str(settings.out),
    }
    words = (
        f"Would score {settings.target} in {len(plan.regions)} regions, {p['months_are']} {p['first']} to "
        f"{p['last']}, horizons {p['horizons']}, and write {settings.out}."
    )
    output.show(document, words)


def _lines(outcome: BacktestOutcome) -> Iterator[str]:
    """A compact table, one row per member, and where the rest is."""
    from rich.console import Console

    console = Console()
    if outcome.plan.unsealed:
        console.print("The vault was opened for this table, and the record says so.")
    horizons = sorted(outcome.evaluation.leaderboard["horizon"].unique())
    for first in range(0, len(horizons), ABREAST):
        console.print(leaderboard_table(outcome, horizons[first : first + ABREAST]))
    if outcome.evaluation.windows is not None:
        console.print(windows_table(outcome.evaluation.windows))
    yield from _quiet_lines(outcome.evaluation.quiet_years)
    yield from _sum_lines(outcome.evaluation.totals)
    if outcome.evaluation.leave_one_out is not None:
        console.print(left_out_table(outcome.evaluation.leave_one_out))
    yield from outcome.plan.notes
    yield f"Tables   {outcome.out}"
    if outcome.run_id:
        yield f"MLflow   run {outcome.run_id}"


def leaderboard_table(outcome: BacktestOutcome, horizons: Sequence[int]) -> Any:
    """CRPS and skill of every member at each horizon, for a terminal; a skill that may be nothing is in brackets."""
    from rich.table import Table

    board = outcome.evaluation.leaderboard
    protocol = outcome.plan.protocol
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


def windows_table(table: pd.DataFrame) -> Any:
    """Skill of the pool and its members on every window, in %, for a terminal."""
    from rich.table import Table

    horizons = sorted(table["horizon"].unique())
    shown = Table(
        title="Skill in % against the best baseline of each window",
        caption="Choices are made on both windows together. Last: the mean over the horizons.",
    )
    shown.add_column("window and member", overflow="fold")
    for horizon in horizons:
        shown.add_column(f"h={horizon}", justify="right", no_wrap=True)
    shown.add_column("mean", justify="right", no_wrap=True)
    for window, part in table.groupby("window", sort=False):
        by = part.pivot_table(index="member", columns="horizon", values="skill_vs_best")
        for member in sorted(by.index, key=lambda m: (m != "pool", -by.loc[m].mean())):
            if member == "pool" or by.loc[member].mean() > 0:
                skill = [*by.loc[member, horizons], by.loc[member].mean()]
                style = "bold" if member == "pool" else None
                shown.add_row(f"{window}  {member}", *(f"{100 * s:+.1f}" for s in skill), style=style)
    return shown


def _quiet_lines(table: pd.DataFrame | None) -> Iterator[str]:
    """Regions that were quiet for a year: predicted and observed, over all horizons, in all and by year."""
    if table is None:
        return
    for row in table[table["quiet_months"] == 12].to_dict("records"):
        if row["year"] == "all":
            years = table[(table["quiet_months"] == 12) & (table["year"] != "all")]
            each = zip(years["year"], years["predicted"], years["observed"], strict=True)
            yield (
                f"Quiet for 12 months: {row['predicted']:.0f} months with at least one predicted, "
                f"{row['observed']:.0f} observed, of {row['cases']:.0f}. By year "
                + ", ".join(f"{year} {said:.0f}:{came:.0f}" for year, said, came in each)
                + "."
            )


def _sum_lines(table: pd.DataFrame | None) -> Iterator[str]:
    """How often country totals, over a month and summed over six, lay inside their 80 % interval."""
    some = [] if table is None else table[table["order"] == "learned"].to_dict("records")
    for row in some:
        what = "month" if row["months"] == 1 else f"sum over {row['months']} months"
        where = f"{what}, {row['window']}" if "window" in row else what
        share, low, high = (f"{100 * row[name]:.0f}" for name in ("coverage_80", "low_80", "high_80"))
        yield f"Country totals, {where}: {share} % inside 80 % (95 %: {low} to {high})."


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
        shares = [f"{100 * row['loss_without']:+.2f}" for row in rows]
        clear = [row["loss_without_low"] > 0 or row["loss_without_high"] < 0 for row in rows]
        shown.add_row(member, *(s if c else f"({s})" for s, c in zip(shares, clear, strict=True)))
    return shown


def _cell(member: str, row: pd.Series) -> str:
    """A score, and below it the skill, such as ``+6.9``."""
    crps, skill = row["crps"], row["skill_vs_best"]
    score = f"{crps:.3f}" if crps < 1000 else f"{crps:,.0f}"
    if member == row["best_baseline"]:
        return f"{score}\nbest"
    if skill != skill:  # NaN where there is nothing to compare with
        return score
    gain = f"{100 * skill:+.1f}"
    return f"{score}\n{gain if row['clear'] else f'({gain})'}"
