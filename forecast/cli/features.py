"""``harmattan features``: what the models see, built, shown and audited."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...data.errors import UsageError, nearest
from ..settings import Settings
from .options import options
from .output import Output

if TYPE_CHECKING:
    from ...data.panel import Panel
    from ...features.recipe import Recipe

app = typer.Typer(
    help="What the models see: show, build, audit.", no_args_is_help=True, rich_markup_mode=None
)

RecipeFile = Annotated[Path | None, "Recipe file (.toml or .json); the default recipe without one."]
StaticFile = Annotated[Path | None, "Static table (CSV): region_id and columns that do not change."]
Own = Annotated[
    list[str] | None, "A feature of one's own, NAME=MODULE:FUNCTION; may be repeated. Runs that module."
]
#: What the options of a panel say here.
PANEL = {
    "panel": "Panel (parquet or CSV: month, region_id, events[, ...]); default the snapshot.",
    "links": "Links between the panel's regions (CSV).",
    "regions": "Polygons of the panel's regions (GeoJSON).",
}


@app.command()
@options("recipe function toml as_json")
def show(
    output: Output,
    recipe: RecipeFile = None,
    function: Own = None,
    toml: Annotated[bool, "Print the recipe as a file to edit."] = False,
) -> None:
    """List the features of a recipe: name, unit, family, latest month used.

    \b
    Examples:
      harmattan features show
      harmattan features show --toml > my.toml
      harmattan features show --recipe my.toml --json
    """
    asked = _recipe(recipe, function)
    if toml:
        return typer.echo(asked.to_toml(), nl=False)
    output.show({"digest": asked.digest(), "features": asked.table().to_dict("records")}, str(asked))


@app.command()
@options(
    "out recipe panel links regions static function memory by threads dry_run as_json quiet",
    dry_run="Check everything; write nothing.",
    **PANEL,
)
def build(
    output: Output,
    panel: Path | None,
    links: Path | None,
    regions: Path | None,
    dry_run: bool,
    out: Annotated[Path, "The parquet file to write: month, region_id, one column per feature."],
    recipe: RecipeFile = None,
    static: StaticFile = None,
    function: Own = None,
    memory: Annotated[str, "Budget of memory, such as 500MB or 4GB."] = "4GB",
    by: Annotated[str, "Cut the work by regions (faster) or months."] = "regions",
    threads: Annotated[int, typer.Option(min=1, help="Features computed at once; changes no number.")] = 1,
) -> None:
    """Compute every feature for every month and region, and write one parquet file.

    \b
    Examples:
      harmattan features build --out features.parquet
      harmattan features build --panel counts.parquet --links links.csv --memory 2GB --threads 2 --out features.parquet
    """
    from ...features import write_parquet

    data = _panel(panel, links, regions, static)
    asked = _recipe(recipe, function, data)
    months, places = data.shape
    if dry_run:
        served, dropped = asked.served(data)
        found: dict[str, Any] = {"path": None, "features": len(served), "regions": places, "months": months}
    else:
        done = write_parquet(asked, data, out, memory=memory, by=by, threads=threads)
        dropped, count = list(done.dropped), len(done.features)
        found = {"path": str(done.path), "features": count, "rows": done.rows, "blocks": done.blocks}
    verb = "Would write" if dry_run else "Wrote"
    words = [f"{verb} {found['features']} features of {places} regions and {months} months: {out}"]
    dropped = [*dropped, *_groups_left_out(asked, recipe)]
    words += [f"left out {name}: {reason}" for name, reason in dropped]
    output.show({**found, "dropped": dict(dropped)}, words)


@app.command()
@options("recipe panel links regions static function delay origins as_json quiet", **PANEL)
def audit(
    output: Output,
    panel: Path | None,
    links: Path | None,
    regions: Path | None,
    recipe: RecipeFile = None,
    static: StaticFile = None,
    function: Own = None,
    delay: Annotated[
        list[str] | None, "A measure that is published late, MEASURE=MONTHS; may be repeated."
    ] = None,
    origins: Annotated[int, typer.Option(min=1, help="How many months are tried.")] = 4,
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

    data = _panel(panel, links, regions, static)
    asked = _recipe(recipe, function, data)
    served, dropped = asked.served(data)
    dropped += _groups_left_out(asked, recipe)
    report = look(served, data, delays=_delays(delay), origins=origins)
    rows = report.table.to_dict("records")
    words = [str(report), *(f"not audited: {name}: {reason}" for name, reason in dropped)]
    output.show({"passed": report.passed, "features": rows, "dropped": dict(dropped)}, words)
    if not report.passed:
        raise typer.Exit(3)


def _recipe(path: Path | None, functions: Sequence[str] | None, panel: Panel | None = None) -> Recipe:
    """The recipe asked for, with features of the user's own."""
    from ...features.recipe import Recipe

    own = {name: _function(name, where) for name, where in map(_pair, functions or ())}
    asked = Recipe.default(panel=panel) if path is None else Recipe.read(path, own)
    for name, function in own.items():
        if name not in asked.names:
            asked = asked.add(name, function)
    return asked


def _groups_left_out(asked: Recipe, path: Path | None) -> list[tuple[str, str]]:
    """What is said where the default recipe has no armed groups: it has those of the shipped theatre alone."""
    from ...features.recipe import Recipe

    groups = set(Recipe.default().names) - set(asked.names)
    reason = "the default recipe has only those of the shipped theatre; a recipe of your own takes others."
    return [("armed groups", reason)] if path is None and groups else []


def _pair(text: str) -> tuple[str, str]:
    """``NAME=VALUE`` in two."""
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise UsageError(f"'{text}' is not NAME=VALUE.", remedy="Write spike=my_module:spike, or events=2.")
    return name, value


def _function(name: str, where: str) -> Any:
    """A function by ``module:function``, from the current folder or what is installed."""
    option, (module, sign, attribute) = f"--function {name}", where.partition(":")
    if not sign:
        raise UsageError(f"'{where}' is not MODULE:FUNCTION.", option, "Write my_module:spike.")
    sys.path.insert(0, str(Path.cwd()))
    try:
        loaded = import_module(module)
    except ImportError as error:
        what = f"the module '{module}' cannot be imported ({error})."
        raise UsageError(what, option, "Run from its folder, or install it.") from None
    finally:
        sys.path.remove(str(Path.cwd()))
    if not callable(getattr(loaded, attribute, None)):
        known = [k for k, v in vars(loaded).items() if callable(v)] or ["nothing"]
        what = f"the module '{module}' has no function '{attribute}'."
        raise UsageError(what, option, nearest(attribute, known))
    return getattr(loaded, attribute)


def _delays(texts: Sequence[str] | None) -> dict[str, int] | None:
    delays = {}
    for name, value in map(_pair, texts or ()):
        if not value.isdigit():
            raise UsageError(f"the delay of '{name}' is '{value}'.", remedy="Give a number of months.")
        delays[name] = int(value)
    return delays or None


def _panel(panel: Path | None, links: Path | None, regions: Path | None, static: Path | None) -> Panel:
    """The panel asked for, with the places of its regions where polygons are known."""
    from ...features.terms import with_places
    from ..loading import load_inputs
    from ..own_data import read_csv

    inputs = load_inputs(Settings.load({"panel": panel, "links": links, "regions": regions}))
    data = inputs.panel
    if static is not None:
        data = replace(data, attrs={**data.attrs, "static": read_csv(static)})
    if inputs.regions is not None and tuple(inputs.regions.region_ids) == data.region_ids:
        data = with_places(data, inputs.regions.geometry)
    return data
