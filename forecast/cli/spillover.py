"""``harmattan spillover`` and ``harmattan scenario``: the command line's side of both."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...data.errors import UsageError, nearest
from .options import (
    AsOf,
    ConfigFile,
    DryRun,
    Json,
    LinksFile,
    PanelFile,
    Quiet,
    RegionsFile,
    Seed,
    Source,
    Workers,
)
from .progress import Bar

if TYPE_CHECKING:
    import pandas as pd

    from ...data.panel import Panel
    from ..inputs import Inputs
    from ..settings import Settings
    from ..spillover.breakdown import ModelAtOrigin
    from ..spillover.job import Spillover
    from ..spillover.scenario import Plan

#: What can be printed, and the columns that are shown of it.
VIEWS = {
    "pairs": "source_country target_country permeability permeability_low permeability_high p_holm p_permuted verdict",
    "countries": "source_country target_region horizon threshold share_total risk_difference statement",
    "regions": "source_region target_region horizon share statement",
    "groups": "group source_country target_region horizon share statement",
    "routes": "source_region target_region horizon events share_of_border statement",
    "chains": "source_country via_country target_region horizon events statement",
    "stress": "source_country target_region horizon threshold stress_response statement",
}
#: Columns that hold a number about a border, which is not shown in words or tables without a declared signal.
_NUMBERS = ("share", "share_total", "risk_difference", "events", "share_of_border", "stress_response")

Decay = Annotated[
    float | None,
    typer.Option(help="Neighbours weigh order ** -DECAY, not by shared border.", metavar="<decay>"),
]
Saturation = Annotated[
    float | None,
    typer.Option(help="Events a month from which excitation grows ever less.", metavar="<events>"),
]
Paths = Annotated[int | None, typer.Option("--draws", help="Simulated paths per world.")]


def spillover(
    config: ConfigFile = None,
    source: Source = None,
    panel: PanelFile = None,
    regions: RegionsFile = None,
    links: LinksFile = None,
    as_of: AsOf = None,
    countries: Annotated[str | None, typer.Option(help="Source countries to show, such as MLI,BFA.")] = None,
    view: Annotated[str, typer.Option(help=f"What to print: {', '.join(VIEWS)}.")] = "pairs",
    draws: Paths = None,
    seed: Seed = None,
    decay: Decay = None,
    saturation: Saturation = None,
    workers: Workers = None,
    out: Annotated[Path | None, typer.Option(help="Folder for all tables (CSV) and the model.")] = None,
    evaluate: Annotated[
        bool,
        typer.Option("--evaluate", help="Judge the method instead: simulated worlds, placebos, the record."),
    ] = False,
    worlds: Annotated[int, typer.Option(min=1, help="Simulated worlds per setting, with --evaluate.")] = 100,
    only: Annotated[
        str | None, typer.Option(help="With --evaluate: worlds, placebos, sensitivity or record alone.")
    ] = None,
    history: Annotated[
        bool,
        typer.Option("--history", help="What it would have said each month since 2015: --evaluate's record."),
    ] = False,
    unseal: Annotated[
        bool, typer.Option("--unseal", help="Open the vault: let --evaluate see months after 2022. Recorded.")
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Tell how much of each region's risk the model attributes to another country.

    Nothing is said in words about a border without a declared signal. Model-attributed is not caused.

    \b
    Examples:
      harmattan spillover
      harmattan spillover --as-of 2022-12 --view routes --countries MLI
      harmattan spillover --decay 2 --saturation 20 --view routes
      harmattan spillover --out spillover --json
      harmattan spillover --history --out history
      harmattan spillover --evaluate --worlds 100 --out evaluation
    """
    given = {
        "source": source, "panel": panel, "regions": regions, "links": links, "as_of": as_of,
        "countries": countries, "draws": draws, "seed": seed, "workers": workers,
        "spillover_decay": decay, "spillover_saturation": saturation,
    }  # fmt: skip
    settings = _settings(given, config)
    if view not in VIEWS:
        raise UsageError(f"there is no view '{view}'.", "--view", nearest(view, VIEWS))
    _check_evaluating(evaluate or history, only=only, unseal=unseal)
    if dry_run:
        _plan(settings, out, as_json, quiet, "judge" if evaluate or history else "trace")
        return
    if evaluate or history:
        _evaluate(settings, worlds, "record" if history else only, unseal, out, as_json, quiet)
        return
    from ..spillover.job import run_spillover

    with Bar(quiet=quiet) as progress:
        found = run_spillover(settings, progress)
    _tell(found, view, out, as_json, quiet)


def _check_evaluating(evaluating: bool, **options: str | bool | None) -> None:
    """A :class:`UsageError` where an option of the evaluation is given without it."""
    for name, value in options.items():
        if value and not evaluating:
            raise UsageError(f"--{name} does nothing by itself.", f"--{name}", "Give --evaluate as well.")


def scenario(
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="REGION=2x, REGION=+20, REGION=12 or REGION=@2012 (its level of that year); repeatable.",
        ),
    ] = None,
    paths: Annotated[
        Path | None, typer.Option(help="Instead: a table of paths (CSV: month, region_id, events).")
    ] = None,
    months: Annotated[int, typer.Option(min=1, max=12, help="Months that the change lasts.")] = 6,
    ahead: Annotated[int, typer.Option(min=1, max=12, help="Months that are simulated.")] = 6,
    config: ConfigFile = None,
    source: Source = None,
    panel: PanelFile = None,
    regions: RegionsFile = None,
    links: LinksFile = None,
    as_of: AsOf = None,
    draws: Paths = None,
    seed: Seed = None,
    decay: Decay = None,
    saturation: Saturation = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for scenario.csv and scenario.svg, the table and the picture.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Simulate what another course of some regions would mean for all others.

    Baseline and scenario share their random numbers; the difference between them is the scenario's.

    \b
    Examples:
      harmattan scenario --set MLI-gao=2x --set MLI-mopti=+20 --months 3
      harmattan scenario --set MLI-kidal,MLI-gao,MLI-timbuktu=@2012 --out north-as-in-2012
      harmattan scenario --set MLI-mopti=0 --json
      harmattan scenario --paths paths.csv
    """
    given = {
        "source": source, "panel": panel, "regions": regions, "links": links, "as_of": as_of,
        "draws": draws, "seed": seed, "spillover_decay": decay, "spillover_saturation": saturation,
    }  # fmt: skip
    asked = _asked(change or (), paths)
    settings, ahead = _settings(given, config), max(ahead, months)
    with Bar(quiet=quiet) as progress:
        progress("fit", 0.1)
        inputs = _until(settings)
        plan = asked(inputs, ahead, months)
        if dry_run:
            _plan_scenario(inputs, plan, ahead, quiet)
            return
        result, read, seen = _simulated(settings, plan, progress)
    files = _write_scenario(result, read, out) if out is not None else []
    if as_json:
        origin = str(read.panel.months[-1])
        typer.echo(json.dumps({"origin": origin, "files": files, "rows": _records(result)}, indent=1))
    elif not quiet:
        _print_scenario(result, seen, ahead, files)


def _asked(change: Sequence[str], paths: Path | None) -> Callable[[Panel, int, int], Plan]:
    """The plan that was asked for, once the panel is known; its own faults are told before anything is read."""
    from ..spillover.scenario import parse_change, plan_from_table, plan_of, read_paths

    if bool(change) == (paths is not None):
        raise UsageError(
            "a scenario needs --set or --paths, one of the two.", remedy="See --help for examples."
        )
    if paths is not None:
        table = read_paths(paths)
        return lambda panel, ahead, months: plan_from_table(table, panel, ahead, str(paths))
    changes = [c for text in change for c in parse_change(text)]
    return lambda panel, ahead, months: plan_of(changes, panel, ahead, months)


def _simulated(settings: Settings, plan: Plan, progress: Bar) -> tuple[pd.DataFrame, Inputs, ModelAtOrigin]:
    """Fit the model and simulate both worlds."""
    import numpy as np

    from ..spillover.job import prepare
    from ..spillover.scenario import run_scenario

    read, seen, origin = prepare(settings)
    progress("paths", 0.7)
    rng = np.random.default_rng(np.random.SeedSequence([settings.seed, 4]))
    return run_scenario(seen.model, seen.problem, origin, plan, settings.draws, rng), read, seen


def _plan_scenario(panel: Panel, plan: Plan, ahead: int, quiet: bool) -> None:
    if not quiet:
        typer.echo(
            f"Would simulate {ahead} months from {panel.months[-1]}, {plan.touched.sum()} regions set."
        )


def _print_scenario(result: pd.DataFrame, seen: ModelAtOrigin, ahead: int, files: Sequence[str]) -> None:
    from ..spillover.scenario import effects

    countries = result[(result["level"] == "country") & (result["month"] == "all")]
    typer.echo(f"Expected events in {ahead} months from {seen.problem.panel.months[-1]}:")
    shown = "place baseline scenario difference difference_low difference_high statement"
    typer.echo(_text(countries, shown))
    typer.echo("\nRegions that the scenario does not set, largest differences first:")
    typer.echo(_text(effects(result), shown))
    if seen.model.scaled_by < 1:
        typer.echo(
            f"The path model would explode and is scaled back, by {seen.model.scaled_by:.2f}: read the differences "
            "here, and levels in the forecast."
        )
    for file in files:
        typer.echo(f"Wrote {file}")


def _settings(given: dict[str, Any], config: Path | None) -> Settings:
    from ..settings import Settings

    return Settings.load({k: v for k, v in given.items() if v is not None}, config)


def _until(settings: Settings) -> Panel:
    """The panel up to the origin."""
    from ..inputs import load_inputs

    panel = load_inputs(settings).panel
    return panel.until(settings.as_of or panel.last_month)


def _plan(settings: Settings, out: Path | None, as_json: bool, quiet: bool, verb: str) -> None:
    panel = _until(settings)
    plan = {
        "origin": str(panel.months[-1]),
        "regions": panel.shape[1],
        "out": None if out is None else str(out),
    }
    if as_json:
        typer.echo(json.dumps(plan, indent=2))
    elif not quiet:
        typer.echo(f"Would {verb} spillover between {plan['regions']} regions from {plan['origin']}.")


def _tell(found: Spillover, view: str, out: Path | None, as_json: bool, quiet: bool) -> None:
    """Write and print what was found."""
    if view not in found.tables:
        raise UsageError(f"this panel has no counts for the view '{view}'.", "--view", "Choose another view.")
    files = found.write(out) if out is not None else []
    if as_json:
        body = {name: _records(table) for name, table in found.tables.items()}
        typer.echo(
            json.dumps({"origin": str(found.origin), "files": [str(f) for f in files], **body}, indent=1)
        )
    elif not quiet:
        _print(found, view)
        if files:
            typer.echo(f"Wrote {len(files)} files: {out}")


def _print(found: Spillover, view: str) -> None:
    """One table, its most important rows, and no number of a border without a declared signal."""
    table = found.tables[view]
    pairs = found.tables["pairs"]
    typer.echo(
        f"Origin {found.origin}: {int(pairs['declared'].sum())} of {len(pairs)} borders carry a declared signal."
    )
    if "horizon" in table:
        table = table[(table["horizon"] == table["horizon"].max()) & table["declared"]]
        if "threshold" in table:
            table = table[table["threshold"] == 5]
        by = next((c for c in _NUMBERS if c in table), None)
        table = table.sort_values(by, ascending=False).head(20) if by else table
        if not len(table):
            from ..spillover.attribution import NO_SIGNAL

            typer.echo(NO_SIGNAL)
            return
    from ..spillover.attribution import DISTINGUISHABLE_NOTE, SHOCK_NOTE, SHOCK_RATE_DISTINGUISHABLE

    if "statement" in table:
        # Beside every number in the files; here once is enough.
        for note in (SHOCK_NOTE, DISTINGUISHABLE_NOTE):
            table = table.assign(statement=table["statement"].str.replace(f"; {note}", "", regex=False))
    typer.echo(_text(table, VIEWS[view]))
    typer.echo(
        f"Model-attributed, not caused: {SHOCK_NOTE}, and be told apart from one in {SHOCK_RATE_DISTINGUISHABLE:.0%}."
    )


def _text(table: pd.DataFrame, columns: str) -> str:
    """Some columns as plain text."""
    shown = table[[c for c in columns.split() if c in table]]
    return str(shown.to_string(index=False, float_format=lambda v: f"{v:.3g}", na_rep=""))


def _records(table: pd.DataFrame) -> Any:
    """Rows for JSON, missing numbers as null."""
    return json.loads(table.to_json(orient="records", double_precision=6))


def _write_scenario(result: pd.DataFrame, inputs: Any, out: Path) -> list[str]:
    from ...data.errors import ReleaseError
    from ..release.write import csv_text
    from ..report.scenario_chart import picture

    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "scenario.csv").write_text(csv_text(result), encoding="utf-8")
        (out / "scenario.svg").write_text(picture(result, inputs.regions), encoding="utf-8")
    except OSError as reason:
        raise ReleaseError(
            f"nothing can be written here ({reason.strerror}).", str(out), "Choose another --out."
        ) from None
    return [str(out / "scenario.csv"), str(out / "scenario.svg")]


def _evaluate(
    settings: Settings,
    worlds: int,
    only: str | None,
    unseal: bool,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    from ..spillover.evaluation.run import PARTS, run_evaluation

    if only is not None and only not in PARTS:
        raise UsageError(f"--only {only} is no part of the evaluation.", remedy=nearest(only, PARTS))
    with Bar(quiet=quiet) as progress:
        tables = run_evaluation(settings, worlds, (only,) if only else PARTS, unseal, progress)
    files = _write_evaluation(tables, out) if out is not None else []
    if as_json:
        typer.echo(json.dumps({name: _records(table) for name, table in tables.items()}, indent=1))
    elif not quiet:
        for name, table in _brief(tables).items():
            typer.echo(
                f"\n{name}\n{_text(table, ' '.join(map(str, table.columns))) if len(table) else 'nothing to judge'}"
            )
        for file in files:
            typer.echo(f"Wrote {file}")


def _brief(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The tables as they are printed: the history by country and year, not by month and border."""
    from ..spillover.evaluation.history import history_table

    if "history" not in tables:
        return tables
    return {**tables, "history": history_table(tables["history"])}


def _write_evaluation(tables: dict[str, pd.DataFrame], out: Path) -> list[str]:
    """One CSV per table, all of them as ``evaluation.json``, and the history's page and picture."""
    from ...data.errors import ReleaseError
    from ..release.write import csv_text
    from ..report.timeline_chart import timeline
    from ..spillover.evaluation.history import history_page
    from ..spillover.evaluation.shipped import evaluation_text

    texts = {f"{name}.csv": csv_text(table) for name, table in tables.items()}
    texts["evaluation.json"] = evaluation_text(tables)
    if "history" in tables:
        texts["timeline.svg"] = timeline(tables["history"])
        texts["history.md"] = history_page(tables["history"], tables["entry_list"])
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (out / name).write_text(text, encoding="utf-8")
    except OSError as reason:
        raise ReleaseError(
            f"nothing can be written here ({reason.strerror}).", str(out), "Choose another --out."
        ) from None
    return [str(out / name) for name in sorted(texts)]
