"""``harmattan features``: what the models see, built, shown and audited."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Silent

if TYPE_CHECKING:
    from ...data.panel import Panel
    from ...features.recipe import Recipe

app = typer.Typer(
    help="What the models see: show, build, audit.", no_args_is_help=True, rich_markup_mode=None
)

RecipeFile = Annotated[
    Path | None, typer.Option(help="Recipe file (.toml or .json); the default recipe without one.")
]
PanelFile = Annotated[
    Path | None,
    typer.Option(help="Panel (parquet or CSV: month, region_id, events[, ...]); default the snapshot."),
]
LinksFile = Annotated[Path | None, typer.Option(help="Links between the panel's regions (CSV).")]
RegionsFile = Annotated[Path | None, typer.Option(help="Polygons of the panel's regions (GeoJSON).")]
StaticFile = Annotated[
    Path | None, typer.Option(help="Static table (CSV): region_id and columns that do not change.")
]
Own = Annotated[
    list[str] | None,
    typer.Option(help="A feature of one's own, NAME=MODULE:FUNCTION; may be repeated. Runs that module."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON on standard output.")]


@app.command()
def show(
    recipe: RecipeFile = None,
    function: Own = None,
    toml: Annotated[bool, typer.Option("--toml", help="Print the recipe as a file to edit.")] = False,
    as_json: Json = False,
) -> None:
    """List the features of a recipe: name, unit, family, latest month used.

    \b
    Examples:
      harmattan features show
      harmattan features show --toml > my.toml
      harmattan features show --recipe my.toml --json
    """
    chosen = _recipe(recipe, function)
    if toml:
        typer.echo(chosen.to_toml(), nl=False)
    elif as_json:
        rows = chosen.table().to_dict("records")
        typer.echo(json.dumps({"digest": chosen.digest(), "features": rows}, indent=2))
    else:
        typer.echo(str(chosen))


@app.command()
def build(
    out: Annotated[
        Path, typer.Option(help="The parquet file to write: month, region_id, one column per feature.")
    ],
    recipe: RecipeFile = None,
    panel: PanelFile = None,
    links: LinksFile = None,
    regions: RegionsFile = None,
    static: StaticFile = None,
    function: Own = None,
    memory: Annotated[str, typer.Option(help="Budget of memory, such as 500MB or 4GB.")] = "4GB",
    by: Annotated[str, typer.Option(help="Cut the work by regions (faster) or months.")] = "regions",
    threads: Annotated[int, typer.Option(min=1, help="Features computed at once; changes no number.")] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything; write nothing.")] = False,
    as_json: Json = False,
    quiet: Silent = False,
) -> None:
    """Compute every feature for every month and region, and write one parquet file.

    \b
    Examples:
      harmattan features build --out features.parquet
      harmattan features build --panel counts.parquet --links links.csv --memory 2GB --threads 2 --out features.parquet
    """
    from ...features import write_parquet

    chosen, data = _recipe(recipe, function), _panel(panel, links, regions, static)
    if dry_run:
        served, dropped = chosen.served(data)
        found: dict[str, Any] = {
            "path": None,
            "features": len(served),
            "regions": data.shape[1],
            "months": data.shape[0],
        }
    else:
        done = write_parquet(chosen, data, out, memory=memory, by=by, threads=threads)
        dropped = list(done.dropped)
        found = {
            "path": str(done.path),
            "features": len(done.features),
            "rows": done.rows,
            "blocks": done.blocks,
        }
    if as_json:
        typer.echo(json.dumps({**found, "dropped": dict(dropped)}, indent=2))
        return
    verb = "Would write" if dry_run else "Wrote"
    typer.echo(
        f"{verb} {found['features']} features of {data.shape[1]} regions and {data.shape[0]} months: {out}"
    )
    for name, reason in dropped:
        typer.echo(f"left out {name}: {reason}")


@app.command()
def audit(
    recipe: RecipeFile = None,
    panel: PanelFile = None,
    links: LinksFile = None,
    regions: RegionsFile = None,
    static: StaticFile = None,
    function: Own = None,
    delay: Annotated[
        list[str] | None,
        typer.Option(help="A measure that is published late, MEASURE=MONTHS; may be repeated."),
    ] = None,
    origins: Annotated[int, typer.Option(min=1, help="How many months are tried.")] = 4,
    as_json: Json = False,
    quiet: Silent = False,
) -> None:
    """Look for features that know what they cannot know yet; exit code 3 if there are any.

    Every feature is computed again with another future, another single month, and other names of regions.

    \b
    Examples:
      harmattan features audit
      harmattan features audit --function spike=my_features:spike --json
      harmattan features audit --recipe my.toml --delay events_revised=3
    """
    from ...features.audit import audit as look

    chosen, data = _recipe(recipe, function), _panel(panel, links, regions, static)
    served, dropped = chosen.served(data)
    report = look(served, data, delays=_delays(delay), origins=origins)
    if as_json:
        rows = report.table.to_dict("records")
        found = {"passed": report.passed, "features": rows, "dropped": dict(dropped)}
        typer.echo(json.dumps(found, indent=2))
    else:
        typer.echo(str(report))
        for name, reason in dropped:
            typer.echo(f"not audited: {name}: {reason}")
    if not report.passed:
        raise typer.Exit(3)


def _recipe(path: Path | None, functions: list[str] | None) -> Recipe:
    """The recipe asked for, with features of the user's own."""
    from ...features.recipe import Recipe

    own = {name: _function(name, where) for name, where in map(_pair, functions or ())}
    chosen = Recipe.default() if path is None else Recipe.read(path, own)
    for name, function in own.items():
        if name not in chosen.names:
            chosen = chosen.add(name, function)
    return chosen


def _pair(text: str) -> tuple[str, str]:
    """``NAME=VALUE`` in two."""
    from ...data.errors import UsageError

    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise UsageError(f"'{text}' is not NAME=VALUE.", remedy="Write spike=my_module:spike, or events=2.")
    return name, value


def _function(name: str, where: str) -> Any:
    """A function by ``module:function``, from the current folder or what is installed."""
    import sys
    from importlib import import_module

    from ...data.errors import UsageError, nearest

    module, sign, attribute = where.partition(":")
    if not sign:
        raise UsageError(f"'{where}' is not MODULE:FUNCTION.", f"--function {name}", "Write my_module:spike.")
    sys.path.insert(0, str(Path.cwd()))
    try:
        loaded = import_module(module)
    except ImportError as error:
        raise UsageError(
            f"the module '{module}' cannot be imported ({error}).",
            f"--function {name}",
            "Run from its folder, or install it.",
        ) from None
    finally:
        sys.path.remove(str(Path.cwd()))
    if not callable(getattr(loaded, attribute, None)):
        known = [k for k, v in vars(loaded).items() if callable(v)] or ["nothing"]
        raise UsageError(
            f"the module '{module}' has no function '{attribute}'.",
            f"--function {name}",
            nearest(attribute, known),
        )
    return getattr(loaded, attribute)


def _delays(texts: list[str] | None) -> dict[str, int] | None:
    from ...data.errors import UsageError

    delays = {}
    for name, value in map(_pair, texts or ()):
        if not value.isdigit():
            raise UsageError(f"the delay of '{name}' is '{value}'.", remedy="Give a number of months.")
        delays[name] = int(value)
    return delays or None


def _panel(panel: Path | None, links: Path | None, regions: Path | None, static: Path | None) -> Panel:
    """The panel asked for, with the places of its regions where polygons are known."""
    from dataclasses import replace

    from ...features.terms import with_places
    from ..inputs import load_inputs
    from ..settings import Settings

    given = {"panel": panel, "links": links, "regions": regions}
    inputs = load_inputs(Settings.load({k: v for k, v in given.items() if v is not None}, None))
    data = inputs.panel
    if static is not None:
        data = replace(data, attrs={**data.attrs, "static": _static(static)})
    if inputs.regions is not None and tuple(inputs.regions.region_ids) == data.region_ids:
        data = with_places(data, inputs.regions.geometry)
    return data


def _static(path: Path) -> Any:
    """A static table from a CSV file."""
    import pandas as pd

    from ...data.errors import SourceError

    if not path.is_file():
        raise SourceError("there is no such file.", str(path), "Correct the path.")
    try:
        return pd.read_csv(path)
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as reason:
        raise SourceError(
            f"this is not a readable CSV ({reason}).", str(path), "Save it as UTF-8, comma-separated."
        ) from None
