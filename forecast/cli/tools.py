"""``harmattan doctor`` and ``harmattan config``: is everything there, and where does each setting come from?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..settings import Settings
from .options import options
from .output import Output

if TYPE_CHECKING:
    from .doctor import Finding

config = typer.Typer(
    help="Settings: what they are, and where each comes from.", rich_markup_mode=None, no_args_is_help=True
)


@config.callback()
def _group() -> None:
    """Settings: what they are, and where each comes from."""


@config.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
@options("context config as_json")
def show(context: typer.Context, config: Path | None, output: Output) -> None:
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
    output.show({key: {"value": value, "from": origin} for key, (value, origin) in rows.items()}, _rows(rows))


def _rows(rows: dict[str, tuple[Any, str]]) -> Iterator[str]:
    """Settings as lines: key, value, where it comes from."""
    written = {key: json.dumps(value) if value is not None else "(none)" for key, (value, _) in rows.items()}
    wide = min(max(map(len, written.values())), 44)
    for key, (_, origin) in rows.items():
        yield f"{key:<17} {written[key]:<{wide}}  {origin}"


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


@options("config theatre as_json quiet")
def doctor(settings: Settings, output: Output) -> None:
    """Look whether a run would go through: libraries, data, disk, permissions, MLflow's store.

    Leaves with the exit code of the first check that fails (4 a library, 3 data, 5 disk or permissions,
    8 the store), and with 0 where there are at most warnings.

    \b
    Examples:
      harmattan doctor
      harmattan doctor --config /srv/harmattan.toml --json
    """
    from .doctor import examine, first_error, summary

    findings = examine(settings)
    output.show(summary(findings), _checks(findings))
    error = first_error(findings)
    if error:
        raise error


def _checks(findings: list[Finding]) -> Iterator[str]:
    for found in findings:
        yield f"{found.status:<8} {found.name:<9} {found.message}"
        if found.remedy:
            yield f"{'':<18} {found.remedy}"
