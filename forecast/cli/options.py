"""Options that several commands share, each declared once, and the decorator that gives a command its own set."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, get_origin

import typer

from ..settings import PARSERS, Settings
from .output import Output

#: Text, a number, a file or folder, that may be left out.
_STR, _INT, _FLOAT, _PATH, _BOOL = str | None, int | None, float | None, Path | None, bool | None
#: By name: the type, what ``--help`` says, and how it is written where that is not the name.
SHARED: dict[str, tuple[Any, ...]] = {
    "config": (_PATH, "Settings file; ./harmattan.toml where there is one."),
    "theatre": (_PATH, "One file that names source, polygons, groups and licences of a theatre."),
    "source": (_STR, "snapshot, ucdp:FILE, acled:FILE, table:FILE or store:FOLDER."),
    "panel": (_PATH, "A ready panel (parquet or CSV) instead of a source."),
    "regions": (_PATH, "Polygons (GeoJSON, GeoPackage, GeoParquet) instead of the shipped ones."),
    "links": (_PATH, "Links between regions, instead of those of --regions."),
    "layer": (_STR, "Newer boundaries of the shipped regions: burkina-2025 or mali-2016."),
    "month_rule": (_STR, "Events over several months: end, start, spread or even."),
    "groups": (_PATH, "Names of armed groups (TOML), instead of the shipped ones."),
    "columns": (_STR, "Columns of an own table, ours=theirs,... or a TOML file."),
    "coverage": (_STR, "What the source observed, ISO3=1989-01:2023-12,..."),
    "covariates": (_STR, "Measures that are no counts, with their lag: rain.csv:lag=1."),
    "recipe": (_PATH, "Features (TOML or JSON) instead of the usual ones."),
    "members": (_STR, "Models of the pool, by name; ... for the usual ones."),
    "as_of": (_STR, "Origin, such as 2023-08: the last month to be seen."),
    "horizons": (_STR, "Months ahead, such as 1:6 or 1,3,6."),
    "targets": (_STR, "events,deaths, parts such as events_one_sided, or any count."),
    "parts": (_BOOL, "Forecast types, armed groups and civilians too.", "--parts/--no-parts"),
    "target": (str, "events, deaths, or any count of the panel."),
    "countries": (_STR, "Countries to publish, ISO3 codes."),
    "origins": (_STR, "Last months seen, such as 2020-01:2022-06; the last 24 if left out."),
    "draws": (_INT, "Draws per forecast."),
    "seed": (_INT, "Root of every random stream."),
    "decay": (_FLOAT, "Neighbours weigh order ** -DECAY, not by shared border."),
    "saturation": (_FLOAT, "Events a month from which excitation grows ever less."),
    "model": (_STR, "A trained model: champion, a version, or a folder."),
    "workers": (_INT, "Processes; changes no number. 0: one per core."),
    "backtest_origins": (_INT, "Past months the run is judged on."),
    "run_date": (_STR, "Day against which age counts, such as 2024-01-31; default today."),
    "allow_grid": (_BOOL, "Release regions finer than admin-1; says why not to.", "--allow-grid"),
    "level": (_STR, "admin1: these are first-level regions, however small."),
    "out": (_PATH, "Folder of releases."),
    "keep_months": (_INT, "Months whose newest release stays; default 24."),
    "notify": (_STR, "Gets the outcome as JSON: a command, file:PATH, or https://..."),
    "sign": (_PATH, "Secret key that the release is signed with; see keygen."),
    "upload": (_STR, "A store to copy to: s3://, gs://, az://, file://."),
    "metrics_file": (_PATH, "Write the status for Prometheus into this file."),
    "mlruns": (_PATH, "Folder of MLflow's records."),
    "tracking_uri": (_STR, "Another MLflow store."),
    "track": (_BOOL, "Record the run in MLflow.", "--track/--no-track"),
    "log_json": (_STR, "Append a line of JSON per stage to this file; - for stderr."),
    "dry_run": (bool, "Say what would be done; change nothing.", "--dry-run"),
    "as_json": (bool, "Print the outcome as JSON on standard output.", "--json"),
    "quiet": (bool, "Print nothing but errors.", "--quiet", "-q"),
}
#: Options that are called otherwise than their setting.
SETTINGS = {"target": "targets", "decay": "spillover_decay", "saturation": "spillover_saturation"}
#: Options that have a default or a sign of their own.
_MORE = {
    "target": {"default": "events"},
    "decay": {"metavar": "<decay>"},
    "saturation": {"metavar": "<events>"},
}

#: A release, as commands name it.
Reference = Annotated[str, typer.Argument(help="A name such as 2023-12_r2, latest, or a path.")]


def options(order: str, **help_texts: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command its options, in the order of its help.

    Parameters
    ----------
    order : str
        Names: keys of :data:`SHARED`, and options that the function declares itself; those that are not named come
        first.
    help_texts : str
        What the help says of a shared option instead.

    Returns
    -------
    callable
        A decorator. The function is called with ``settings`` (made of the shared options that are settings, over the
        file that ``config`` names and the environment), ``output`` (made of ``as_json`` and ``quiet``), with its own
        options, and with whatever else of the shared ones it takes by name.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        taken = inspect.signature(function, eval_str=True).parameters
        own = {name: _own(p) for name, p in taken.items() if _declared(p.annotation)}
        names = [name for name in own if name not in order.split()] + order.split()

        @functools.wraps(function)
        def command(**given: Any) -> None:
            values = {name: value for name, value in given.items() if name in taken}
            quiet = bool(given.get("quiet"))
            logging.getLogger("harmattan").setLevel("ERROR" if quiet else "NOTSET")
            if "settings" in taken:
                shared = {SETTINGS.get(k, k): v for k, v in given.items() if k not in own and k != "config"}
                settings = Settings.load({k: v for k, v in shared.items() if k in PARSERS}, given["config"])
                values["settings"] = settings
                if "allow_grid" in given and settings.allow_grid and not quiet:
                    from ..release import grid_warning

                    typer.echo(grid_warning(settings), err=True)
            if "output" in taken:
                named = function.__name__.strip("_").replace("_", "-")
                values["output"] = Output(bool(given.get("as_json")), quiet, named, given.get("log_json"))
            function(**values)

        parameters = [own[name] if name in own else _shared(name, help_texts) for name in names]
        keywords = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
        command.__signature__ = inspect.Signature(keywords)  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in keywords}
        return command

    return decorate


def _declared(annotation: Any) -> bool:
    """Whether a parameter is an option of the function's own."""
    return annotation is typer.Context or get_origin(annotation) is Annotated


def _own(parameter: inspect.Parameter) -> inspect.Parameter:
    """An option as typer reads it; ``Annotated[int, "Help."]`` is short for one that is called like its parameter."""
    if get_origin(parameter.annotation) is not Annotated or not isinstance(
        parameter.annotation.__metadata__[0], str
    ):
        return parameter
    kind, words = parameter.annotation.__origin__, parameter.annotation.__metadata__[0]
    default = ... if parameter.default is parameter.empty else parameter.default
    flags = [f"--{parameter.name.replace('_', '-')}"] if kind is bool else []
    return parameter.replace(annotation=kind, default=typer.Option(default, *flags, help=words))


def _shared(name: str, help_texts: Mapping[str, str]) -> inspect.Parameter:
    """A shared option as a parameter."""
    kind, words, *flags = SHARED[name]
    more: dict[str, Any] = {"default": False if kind is bool else None, **_MORE.get(name, {})}
    option = typer.Option(more.pop("default"), *flags, help=help_texts.get(name, words), **more)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=option, annotation=kind)
