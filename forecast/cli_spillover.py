"""``harmattan spillover`` and ``harmattan scenario``: the command line's side of both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..data.errors import UsageError, nearest
from .progress import Bar

if TYPE_CHECKING:
    import pandas as pd

    from .config import Settings
    from .spillover_job import Spillover

#: What can be printed, and the columns that are shown of it.
VIEWS = {
    "pairs": "source_country target_country coefficient coefficient_low coefficient_high p_holm p_permuted verdict",
    "countries": "source_country target_region horizon threshold share_total risk_difference statement",
    "regions": "source_region target_region horizon share statement",
    "groups": "group source_country target_region horizon share statement",
    "routes": "source_region target_region horizon events share_of_border statement",
    "chains": "source_country via_country target_region horizon events statement",
    "stress": "source_country target_region horizon threshold stress_response statement",
}
#: Columns that hold a number about a border, which is not shown in words or tables without a declared signal.
_NUMBERS = ("share", "share_total", "risk_difference", "events", "share_of_border", "stress_response")

Config = Annotated[Path | None, typer.Option(help="Settings file; ./harmattan.toml where there is one.")]
Source = Annotated[str | None, typer.Option(help="snapshot, or ucdp:FILE.")]
PanelFile = Annotated[Path | None, typer.Option(help="A ready panel (parquet or CSV) instead of a source.")]
RegionsFile = Annotated[Path | None, typer.Option(help="Polygons (GeoJSON) of the regions.")]
LinksFile = Annotated[Path | None, typer.Option(help="Links between regions (CSV).")]
AsOf = Annotated[str | None, typer.Option(help="Origin, such as 2023-08: the last month to be seen.")]
DrawsOption = Annotated[int | None, typer.Option(help="Simulated paths per world.")]
Seed = Annotated[int | None, typer.Option(help="Root of every random stream.")]
Workers = Annotated[int | None, typer.Option(help="Processes; changes no number. 0: one per core.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check settings and data; write nothing.")]
Json = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]


def spillover(
    config: Config = None,
    source: Source = None,
    panel: PanelFile = None,
    regions: RegionsFile = None,
    links: LinksFile = None,
    as_of: AsOf = None,
    countries: Annotated[str | None, typer.Option(help="Source countries to show, such as MLI,BFA.")] = None,
    view: Annotated[str, typer.Option(help=f"What to print: {', '.join(VIEWS)}.")] = "pairs",
    draws: DrawsOption = None,
    seed: Seed = None,
    workers: Workers = None,
    out: Annotated[Path | None, typer.Option(help="Folder for all tables (CSV) and the model.")] = None,
    evaluate: Annotated[
        bool,
        typer.Option("--evaluate", help="Judge the method instead: simulated worlds, placebos, the record."),
    ] = False,
    worlds: Annotated[int, typer.Option(min=1, help="Simulated worlds per setting, with --evaluate.")] = 100,
    only: Annotated[
        str | None, typer.Option(help="With --evaluate: worlds, placebos or record alone.")
    ] = None,
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
      harmattan spillover --out spillover --json
      harmattan spillover --evaluate --worlds 100 --out evaluation
    """
    given = {
        "source": source, "panel": panel, "regions": regions, "links": links, "as_of": as_of,
        "countries": countries, "draws": draws, "seed": seed, "workers": workers,
    }  # fmt: skip
    settings = _settings(given, config)
    if view not in VIEWS:
        raise UsageError(f"there is no view '{view}'.", "--view", nearest(view, VIEWS))
    if dry_run:
        _plan(settings, out, as_json, quiet)
        return
    if evaluate:
        _evaluate(settings, worlds, only, unseal, out, as_json, quiet)
        return
    from .spillover_job import run_spillover

    with Bar(quiet=quiet) as progress:
        found = run_spillover(settings, progress)
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
    config: Config = None,
    source: Source = None,
    panel: PanelFile = None,
    regions: RegionsFile = None,
    links: LinksFile = None,
    as_of: AsOf = None,
    draws: DrawsOption = None,
    seed: Seed = None,
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
    from .scenario import effects, parse_change, plan_from_table, plan_of, read_paths, run_scenario
    from .spillover_job import prepare

    if bool(change) == (paths is not None):
        raise UsageError(
            "a scenario needs --set or --paths, one of the two.", remedy="See --help for examples."
        )
    given = {
        "source": source, "panel": panel, "regions": regions, "links": links, "as_of": as_of,
        "draws": draws, "seed": seed,
    }  # fmt: skip
    settings = _settings(given, config)
    ahead = max(ahead, months)
    changes = [c for text in change or () for c in parse_change(text)]
    table = None if paths is None else read_paths(paths)
    with Bar(quiet=quiet) as progress:
        progress("fit", 0.1)
        inputs = _until(settings)
        plan = (
            plan_of(changes, inputs, ahead, months)
            if table is None
            else plan_from_table(table, inputs, ahead, str(paths))
        )
        if dry_run:
            if not quiet:
                typer.echo(
                    f"Would simulate {ahead} months from {inputs.months[-1]}, {plan.touched.sum()} regions set."
                )
            return
        import numpy as np

        read, seen, origin = prepare(settings)
        progress("paths", 0.7)
        rng = np.random.default_rng(np.random.SeedSequence([settings.seed, 4]))
        result = run_scenario(seen.model, seen.problem, origin, plan, settings.draws, rng)
    files = _write_scenario(result, read, out) if out is not None else []
    if as_json:
        typer.echo(json.dumps({"origin": str(origin), "files": files, "rows": _records(result)}, indent=1))
        return
    if quiet:
        return
    pairs = seen.model.pairs
    sure = {
        (str(a), str(b))
        for a, b in pairs.loc[pairs["declared"], ["source_country", "target_country"]].to_numpy()
    }
    countries = result[(result["level"] == "country") & (result["month"] == "all")]
    typer.echo(f"Expected events in {ahead} months from {origin}:")
    typer.echo(_text(countries, "place baseline scenario difference difference_low difference_high"))
    typer.echo("\nRegions that the scenario does not set, largest differences first:")
    typer.echo(_text(effects(result, sure), "place baseline scenario difference path_05 path_95 statement"))
    for file in files:
        typer.echo(f"Wrote {file}")


def _settings(given: dict[str, Any], config: Path | None) -> Settings:
    from .config import Settings

    return Settings.load({k: v for k, v in given.items() if v is not None}, config)


def _until(settings: Settings) -> Any:
    """The panel up to the origin."""
    from .inputs import load_inputs

    panel = load_inputs(settings).panel
    return panel.until(settings.as_of or panel.last_month)


def _plan(settings: Settings, out: Path | None, as_json: bool, quiet: bool) -> None:
    panel = _until(settings)
    plan = {
        "origin": str(panel.months[-1]),
        "regions": panel.shape[1],
        "out": None if out is None else str(out),
    }
    if as_json:
        typer.echo(json.dumps(plan, indent=2))
    elif not quiet:
        typer.echo(f"Would trace spillover between {plan['regions']} regions from {plan['origin']}.")


def _print(found: Spillover, view: str) -> None:
    """One table, its most important rows, and no number of a border without a declared signal."""
    if view not in found.tables:
        raise UsageError(f"this panel has no counts for the view '{view}'.", "--view", "Choose another view.")
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
            from .spillover import NO_SIGNAL

            typer.echo(NO_SIGNAL)
            return
    from .spillover import SHOCK_NOTE

    if "statement" in table:
        # Beside every number in the files; here once is enough.
        table = table.assign(statement=table["statement"].str.replace(f"; {SHOCK_NOTE}", "", regex=False))
    typer.echo(_text(table, VIEWS[view]))
    typer.echo(f"Model-attributed, not caused: {SHOCK_NOTE}.")


def _text(table: pd.DataFrame, columns: str) -> str:
    """Some columns as plain text."""
    shown = table[[c for c in columns.split() if c in table]]
    return str(shown.to_string(index=False, float_format=lambda v: f"{v:.3g}", na_rep=""))


def _records(table: pd.DataFrame) -> Any:
    """Rows for JSON, missing numbers as null."""
    return json.loads(table.to_json(orient="records", double_precision=6))


def _write_scenario(result: pd.DataFrame, inputs: Any, out: Path) -> list[str]:
    from ..data.errors import ReleaseError
    from .scenario_picture import picture

    try:
        out.mkdir(parents=True, exist_ok=True)
        result.to_csv(out / "scenario.csv", index=False, float_format="%.6g", lineterminator="\n")
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
    from .spillover_proof import PARTS, prove

    if only is not None and only not in PARTS:
        raise UsageError(f"--only {only} is no part of the evaluation.", remedy=nearest(only, PARTS))
    with Bar(quiet=quiet) as progress:
        tables = prove(settings, worlds, (only,) if only else PARTS, unseal, progress)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            table.to_csv(out / f"{name}.csv", index=False, float_format="%.6g", lineterminator="\n")
        if "history" in tables:
            from .spillover_timeline import timeline

            (out / "timeline.svg").write_text(timeline(tables["history"]), encoding="utf-8")
    if as_json:
        typer.echo(json.dumps({name: _records(table) for name, table in tables.items()}, indent=1))
    elif not quiet:
        for name, table in tables.items():
            typer.echo(f"\n{name}\n{_text(table, ' '.join(map(str, table.columns)))}")
