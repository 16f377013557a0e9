"""``harmattan doctor`` and ``harmattan config``: is everything there, and where does each setting come from?"""

from __future__ import annotations

import json
from typing import Any

import typer

from .options import ConfigFile, Json, Quiet

config = typer.Typer(
    help="Settings: what they are, and where each comes from.", rich_markup_mode=None, no_args_is_help=True
)


@config.callback()
def _group() -> None:
    """Settings: what they are, and where each comes from."""


@config.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def show(context: typer.Context, config: ConfigFile = None, as_json: Json = False) -> None:
    """Print every setting with its value and where that comes from.

    Options of `harmattan forecast` may be added, and are shown as what they would change.

    \b
    Examples:
      harmattan config show
      harmattan config show --config /etc/harmattan.toml --json
      harmattan config show --draws 500 --no-track
    """
    from ...training.registry.runs import without_secrets
    from ..settings import resolve

    found = resolve(options_in(context.args), config)
    rows = {
        key: (without_secrets(value) if key == "tracking_uri" and value else plain(value), origin)
        for key, (value, origin) in found.items()
    }
    if as_json:
        document = {key: {"value": value, "from": origin} for key, (value, origin) in rows.items()}
        typer.echo(json.dumps(document, indent=2))
        return
    written = {key: json.dumps(value) if value is not None else "(none)" for key, (value, _) in rows.items()}
    wide = max(map(len, written.values()))
    for key, (_, origin) in rows.items():
        typer.echo(f"{key:<17} {written[key]:<{min(wide, 44)}}  {origin}")


def plain(value: Any) -> Any:
    """A setting as JSON writes it."""
    if isinstance(value, tuple):
        return list(value)
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def options_in(arguments: list[str]) -> dict[str, Any]:
    """Settings from words such as ``--draws 500 --no-track --as-of=2023-08``.

    Raises
    ------
    ConfigError
        A word that is no option, or an option without its value.

    Examples
    --------
    >>> options_in(["--draws", "500", "--no-track", "--as-of=2023-08"])
    {'draws': '500', 'track': False, 'as_of': '2023-08'}
    """
    from ...data.errors import ConfigError

    flags = {"--track": ("track", True), "--no-track": ("track", False)}
    options: dict[str, Any] = {}
    words = iter(arguments)
    for word in words:
        if word in flags:
            name, on = flags[word]
            options[name] = on
            continue
        key, equals, value = word.partition("=")
        if not key.startswith("--"):
            raise ConfigError(f"'{word}' is not an option.", remedy="Write --draws 500.")
        given = value if equals else next(words, None)
        if given is None:
            raise ConfigError("the value is missing.", key, f"Write {key} VALUE.")
        options[key.removeprefix("--").replace("-", "_")] = given
    return options


def doctor(config: ConfigFile = None, as_json: Json = False, quiet: Quiet = False) -> None:
    """Look whether a run would go through: libraries, data, disk, permissions, MLflow's store.

    Leaves with the exit code of the first check that fails (4 a library, 3 data, 5 disk or permissions,
    8 the store), and with 0 where there are at most warnings.

    \b
    Examples:
      harmattan doctor
      harmattan doctor --config /srv/harmattan.toml --json
    """
    from ..settings import Settings
    from .doctor import examine, first_error, summary

    findings = examine(Settings.load({}, config))
    if as_json:
        typer.echo(json.dumps(summary(findings), indent=2))
    elif not quiet:
        for found in findings:
            typer.echo(f"{found.status:<8} {found.name:<9} {found.message}")
            if found.remedy:
                typer.echo(f"{'':<18} {found.remedy}")
    error = first_error(findings)
    if error:
        raise error
