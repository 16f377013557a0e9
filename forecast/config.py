"""Settings of a run: defaults, then ``harmattan.toml``, then the environment, then options."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

from ..data.errors import ConfigError, nearest

#: Read from the current folder where no other file is named.
FILE = "harmattan.toml"
#: Environment variables start with this: ``HARMATTAN_DRAWS=500``.
PREFIX = "HARMATTAN_"
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
    "due_days",
    "keep_months",
}
#: Longest horizon that can be asked for, months.
LONGEST = 36


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
    model: str | None = None
    workers: int = 0
    backtest_origins: int = 12
    out: Path = Path("releases")
    mlruns: Path = Path("mlruns")
    tracking_uri: str | None = None
    track: bool = True
    run_date: date | None = None
    allow_grid: bool = False
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


def parse_horizons(text: str | int | list[int] | tuple[int, ...]) -> tuple[int, ...]:
    """Months ahead from ``1:6``, ``1,3,6``, ``3`` or a list.

    >>> parse_horizons("1:3"), parse_horizons("1,3,6")
    ((1, 2, 3), (1, 3, 6))
    >>> parse_horizons("0:3")
    Traceback (most recent call last):
    harmattan.data.errors.ConfigError: horizons start at 1, the month after the last one seen. Write 1:3.
    """
    if isinstance(text, list | tuple):
        text = ",".join(map(str, text))
    found = re.fullmatch(r"\s*(\d+)\s*:\s*(\d+)\s*", str(text))
    if found:
        first, last = int(found[1]), int(found[2])
        months = tuple(range(first, last + 1))
    elif re.fullmatch(r"\s*\d+(\s*,\s*\d+)*\s*", str(text)):
        months = tuple(sorted({int(part) for part in str(text).split(",")}))
    else:
        raise ConfigError(f"'{text}' is not a range of horizons.", remedy="Write 1:6, or 1,3,6.")
    if not months:
        raise ConfigError(f"'{text}' runs backwards.", remedy=f"Write {last}:{first}.")
    if months[0] < 1:
        raise ConfigError(
            "horizons start at 1, the month after the last one seen.",
            remedy=f"Write 1:{max(months[-1], 1)}.",
        )
    if months[-1] > LONGEST:
        raise ConfigError(
            f"a horizon of {months[-1]} months is too long.", remedy=f"Stay within {LONGEST} months."
        )
    return months


def _month(value: Any) -> str:
    if not re.fullmatch(r"(19|20)\d\d-(0[1-9]|1[0-2])", str(value)):
        raise ConfigError(f"'{value}' is not a month.", remedy="Write it as 2023-08.")
    return str(value)


def _day(value: Any) -> date:
    if isinstance(value, date):
        return date(value.year, value.month, value.day)
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise ConfigError(f"'{value}' is not a date.", remedy="Write it as 2024-01-31.") from None


def _words(value: Any) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(p, str) for p in parts):
        raise ConfigError(f"'{value}' is not a list of names.", remedy='Write ["MLI", "BFA"] or MLI,BFA.')
    return tuple(p.strip() for p in parts if p.strip())


def _targets(value: Any) -> tuple[str, ...]:
    chosen = _words(value)
    known = ("events", "deaths")
    for name in chosen:
        if name not in known:
            raise ConfigError(f"'{name}' is not a target.", remedy=nearest(name, known))
    if not chosen:
        raise ConfigError("no target is named.", remedy="Known: events, deaths.")
    return tuple(name for name in known if name in chosen)


def _countries(value: Any) -> tuple[str, ...]:
    chosen = _words(value)
    for code in chosen:
        if not re.fullmatch(r"[A-Z]{3}", code):
            raise ConfigError(f"'{code}' is not a country code.", remedy="Write ISO3 codes such as MLI,BFA.")
    return tuple(sorted(set(chosen)))


def _columns(value: Any) -> tuple[str, ...]:
    """``ours=theirs`` pairs from a text, a list, a table of a settings file, or the ``[columns]`` of a TOML file."""
    if isinstance(value, Path):
        value = _read(value).get("columns", {})
    if isinstance(value, Mapping):
        value = [f"{ours}={theirs}" for ours, theirs in value.items()]
    pairs = _words(value)
    for pair in pairs:
        ours, _, theirs = pair.partition("=")
        if not ours.strip() or not theirs.strip():
            raise ConfigError(
                f"'{pair}' is not a column mapping.", remedy="Write ours=theirs, such as date=Day."
            )
    return pairs


def _coverage(value: Any) -> tuple[str, ...]:
    if isinstance(value, Mapping):
        value = [f"{country}={span}" for country, span in value.items()]
    spans = _words(value)
    for span in spans:
        if not re.fullmatch(r"[A-Z]{3}=\d{4}-(0[1-9]|1[0-2]):\d{4}-(0[1-9]|1[0-2])", span):
            raise ConfigError(f"'{span}' is not a coverage.", remedy="Write MLI=1989-01:2023-12.")
    return spans


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in {"1", "true", "yes", "on"}:
        return True
    if str(value).lower() in {"0", "false", "no", "off"}:
        return False
    raise ConfigError(f"'{value}' is neither yes nor no.", remedy="Write true or false.")


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"'{value}' is not a name.", remedy="Write text in quotes.")
    return value


def _whole(low: int, high: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        text = str(value).strip()
        if (
            isinstance(value, bool)
            or not re.fullmatch(r"[+-]?\d{1,18}", text)
            or not low <= int(text) <= high
        ):
            raise ConfigError(
                f"'{value}' is not a whole number from {low} to {high}.", remedy="Correct it or leave it out."
            )
        return int(text)

    return parse


PARSERS: dict[str, Callable[[Any], Any]] = {
    "source": _text,
    "panel": Path,
    "regions": Path,
    "links": Path,
    "columns": _columns,
    "coverage": _coverage,
    "targets": _targets,
    "horizons": parse_horizons,
    "as_of": _month,
    "countries": _countries,
    "draws": _whole(50, 10_000),
    "seed": _whole(0, 10**18 - 1),
    "model": _text,
    "workers": _whole(0, 1024),
    "backtest_origins": _whole(0, 120),
    "out": Path,
    "mlruns": Path,
    "tracking_uri": _text,
    "track": _flag,
    "run_date": _day,
    "allow_grid": _flag,
    "notify": _text,
    "due_days": _whole(1, 366),
    "keep_months": _whole(1, 1200),
}


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
        for key, value in _read(path).items():
            _check_known(key, str(path))
            values[key] = (_parse(key, value, f"{path}: {key}", path.parent), str(path))
    for variable in sorted(v for v in environ if v.startswith(PREFIX)):
        key = variable.removeprefix(PREFIX).lower()
        if key.upper() not in OTHER_VARIABLES:
            _check_known(key, variable)
            values[key] = (_parse(key, environ[variable], variable, cwd), variable)
    for key, value in (options or {}).items():
        if value is not None:
            option = ("--no-" if value is False else "--") + key.replace("_", "-")
            _check_known(key, option)
            values[key] = (_parse(key, value, option, cwd), option)
    return values


def checkout(folder: Path) -> Path | None:
    """The nearest folder at or above ``folder`` that is a checkout of this project."""
    for parent in (folder, *folder.parents):
        if (parent / "forecast" / "harmattan" / "__init__.py").is_file():
            return parent
    return None


def _read(path: Path) -> dict[str, Any]:
    """The keys of a configuration file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError("there is no such file.", str(path), "Correct the path, or leave it out.") from None
    except (OSError, UnicodeDecodeError) as reason:
        raise ConfigError(
            f"the file cannot be read ({reason}).", str(path), "Save it as UTF-8 text, readable by you."
        ) from None
    except tomllib.TOMLDecodeError as reason:
        raise ConfigError(
            f"this is not TOML ({reason}).", str(path), "Write lines like draws = 1000."
        ) from None


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
