"""Settings of a run: defaults, then ``harmattan.toml``, then the environment, then options."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

from ..data.errors import ConfigError, nearest
from .setting_values import PARSERS, read_toml

#: Read from the current folder where no other file is named.
FILE = "harmattan.toml"
#: Environment variables start with this: ``HARMATTAN_DRAWS=500``.
PREFIX = "HARMATTAN_"
#: Options that are not called like their setting.
SHORT = {"spillover_decay": "decay", "spillover_saturation": "saturation"}
#: Variables with the prefix that are no setting.
OTHER_VARIABLES = {
    "CONFIG",
    "DEBUG",
    "TEST_DATA",
    "HUB_SCHEMAS",
    "UCDP_TOKEN",
    "ACLED_USER",
    "ACLED_PASSWORD",
    "EVENT",
    "SUMMARY",
}
#: Settings that say where a run happens, not what it computes: they never reach a release.
LOCAL = {
    "model",
    "workers",
    "out",
    "mlruns",
    "tracking_uri",
    "track",
    "run_date",
    "notify",
    "keep_months",
}


@dataclass(frozen=True)
class Settings:
    """What one run computes, and where it puts it.

    Attributes
    ----------
    source : str
        ``snapshot`` (the counts that the package ships), ``ucdp:FILE``, ``acled:FILE``, ``table:FILE`` (an own
        table) or ``store:FOLDER``.
    panel, regions, links : Path or None
        A ready panel, polygons and links instead of the shipped ones.
    columns : tuple of str
        ``ours=theirs`` for each column of an own table that is called otherwise.
    coverage : tuple of str
        ``MLI=1989-01:2023-12``: what the source observed, in place of what it claims.
    targets : tuple of str
        ``events``, ``deaths``.
    horizons : tuple of int
        Months ahead, 1..36.
    as_of : str or None
        Origin, ``YYYY-MM``: the last month that the run may see; None for the last one there is.
    countries : tuple of str
        ISO3 codes that are published; empty for all.
    draws : int
        Draws per forecast, 50..10000.
    seed : int
        Root of every random stream, >= 0.
    spillover_decay, spillover_saturation : float or None
        Weights of neighbours by order of adjacency, and events a month from which excitation saturates, in the model of
        spillover; None for shares of the land border, and for none.
    spillover_regions : int
        Largest number of regions that spillover is estimated for; a run with more leaves it out and says so.
    model : str or None
        A trained model instead of fitting at the origin: ``champion``, another alias or a version of the registry, or
        the folder of one. Which one it was stands in the release.
    workers : int
        Processes; 0 for one per core. Changes no number.
    backtest_origins : int
        Past origins that the run is judged on, 0..120.
    out, mlruns : Path
        Folders of the releases and of the run records.
    tracking_uri : str or None
        Another MLflow store than ``mlruns``.
    track : bool
        Whether the run is recorded in MLflow.
    run_date : date or None
        The day against which the age of the data is measured.
    allow_grid : bool
        Whether forecasts finer than admin-1, such as those of grid cells, may be released.
    level : str or None
        ``admin1`` declares that own polygons are first-level regions, though they look finer.
    contact : str or None
        Who publishes, a name and an address in one line; stands in the report and in the hub's ``admin.json``.
    notify : str or None
        A command that is told, on its standard input, what a publishing job did; or ``file:PATH``.
    due_days : int
        Days after the end of a month in which the release from that month has to be out, 1..366.
    keep_months : int
        Months whose newest release ``harmattan prune`` keeps, 1..1200.

    Examples
    --------
    >>> Settings.load({"horizons": "1:3", "seed": 7}, environ={"HARMATTAN_DRAWS": "500"}).draws
    500
    """

    source: str = "snapshot"
    panel: Path | None = None
    regions: Path | None = None
    links: Path | None = None
    columns: tuple[str, ...] = ()
    coverage: tuple[str, ...] = ()
    targets: tuple[str, ...] = ("events", "deaths")
    horizons: tuple[int, ...] = (1, 2, 3, 4, 5, 6)
    as_of: str | None = None
    countries: tuple[str, ...] = ()
    draws: int = 1000
    seed: int = 20231
    spillover_decay: float | None = None
    spillover_saturation: float | None = None
    spillover_regions: int = 1000
    model: str | None = None
    workers: int = 0
    backtest_origins: int = 12
    out: Path = Path("releases")
    mlruns: Path = Path("mlruns")
    tracking_uri: str | None = None
    track: bool = True
    run_date: date | None = None
    allow_grid: bool = False
    level: str | None = None
    contact: str | None = None
    notify: str | None = None
    due_days: int = 62
    keep_months: int = 24

    @classmethod
    def load(
        cls,
        options: Mapping[str, Any] | None = None,
        file: Path | None = None,
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Settings:
        """Settings from every layer; options that are None count as not given.

        Raises
        ------
        ConfigError
            An unknown key, or a value of the wrong kind: names the file, variable or option.
        """
        values = resolve(options, file, environ, cwd)
        return cls(**{name: value for name, (value, _) in values.items()})

    def published(self) -> dict[str, Any]:
        """The settings that a number can depend on, ready for JSON; files by name, not by place."""
        chosen = {k: v for k, v in asdict(self).items() if k not in LOCAL}
        kind, _, path = self.source.partition(":")
        chosen["source"] = f"{kind}:{Path(path).name}" if path else kind
        return {k: v.name if isinstance(v, Path) else v for k, v in chosen.items()}

    def digest(self) -> str:
        """SHA-256 of :meth:`published`."""
        return hashlib.sha256(json.dumps(self.published(), sort_keys=True).encode()).hexdigest()


def resolve(
    options: Mapping[str, Any] | None = None,
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> dict[str, tuple[Any, str]]:
    """Every setting with its value and where that comes from; see :meth:`Settings.load`."""
    cwd = cwd or Path.cwd()
    environ = os.environ if environ is None else environ
    home = checkout(cwd) or cwd
    values: dict[str, tuple[Any, str]] = {
        f.name: (home / f.default if isinstance(f.default, Path) else f.default, "default")
        for f in fields(Settings)
    }
    path = file or (Path(environ[f"{PREFIX}CONFIG"]) if f"{PREFIX}CONFIG" in environ else None)
    if path or (cwd / FILE).exists():
        path = path or cwd / FILE
        for key, value in read_toml(path).items():
            _check_known(key, str(path))
            values[key] = (_parse(key, value, f"{path}: {key}", path.parent), str(path))
    for variable in sorted(v for v in environ if v.startswith(PREFIX)):
        key = variable.removeprefix(PREFIX).lower()
        if key.upper() not in OTHER_VARIABLES:
            _check_known(key, variable)
            values[key] = (_parse(key, environ[variable], variable, cwd), variable)
    for key, value in (options or {}).items():
        if value is not None:
            option = ("--no-" if value is False else "--") + SHORT.get(key, key.replace("_", "-"))
            _check_known(key, option)
            values[key] = (_parse(key, value, option, cwd), option)
    return values


def checkout(folder: Path) -> Path | None:
    """The nearest folder at or above ``folder`` that is a checkout of this project."""
    for parent in (folder, *folder.parents):
        if (parent / "forecast" / "harmattan" / "__init__.py").is_file():
            return parent
    return None


def _check_known(key: str, where: str) -> None:
    """An error that suggests a setting where ``key`` is none."""
    if key not in PARSERS:
        raise ConfigError(f"there is no setting '{key}'.", where, nearest(key, PARSERS))


def _parse(key: str, value: Any, where: str, base: Path) -> Any:
    """One value, checked; relative paths start at ``base``."""
    if key == "columns" and isinstance(value, str) and value.endswith(".toml"):
        value = base / Path(value).expanduser()
    try:
        parsed = PARSERS[key](value)
    except ConfigError as error:
        raise ConfigError(error.what, where, error.remedy) from None
    except TypeError:
        raise ConfigError(f"'{value}' is of the wrong kind.", where, "Write text in quotes.") from None
    if key == "source" and ":" in parsed:
        kind, _, file = parsed.partition(":")
        return f"{kind}:{base / Path(file).expanduser()}"
    return base / parsed.expanduser() if isinstance(parsed, Path) else parsed
