"""Settings of a run: defaults, then ``harmattan.toml``, then the environment, then options; each value checked."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from ..data.errors import ConfigError, nearest

#: Read from the current folder where no other file is named.
FILE = "harmattan.toml"
#: Environment variables start with this: ``HARMATTAN_DRAWS=500``.
PREFIX = "HARMATTAN_"
#: Options that are not called like their setting.
SHORT = {"spillover_decay": "decay", "spillover_saturation": "saturation"}
#: Variables with the prefix that are no setting.
OTHER_VARIABLES = {"CONFIG", "DEBUG", "TEST_DATA", "HUB_SCHEMAS", "EVENT", "SUMMARY"}
OTHER_VARIABLES |= {"UCDP_TOKEN", "ACLED_USER", "ACLED_PASSWORD"}
#: Settings that say where a run happens, not what it computes: they never reach a release.
LOCAL = {
    "model",
    "trusted",
    "workers",
    "out",
    "mlruns",
    "tracking_uri",
    "track",
    "run_date",
    "notify",
    "keep_months",
    "sign",
    "upload",
    "metrics_file",
}
#: Settings that are told only where they are used.
OWN = {"members", "covariates", "recipe", "functions"}
#: Longest horizon that can be asked for, months.
LONGEST = 36
#: Longest contact, characters.
LONGEST_CONTACT = 200


def read_toml(path: Path) -> dict[str, Any]:
    """The keys of a configuration file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        what, remedy = "there is no such file.", "Correct the path, or leave it out."
    except tomllib.TOMLDecodeError as reason:
        what, remedy = f"this is not TOML ({reason}).", "Write lines like draws = 1000."
    except (OSError, UnicodeDecodeError) as reason:
        what, remedy = f"the file cannot be read ({reason}).", "Save it as UTF-8 text, readable by you."
    raise ConfigError(what, str(path), remedy) from None


def parse_horizons(text: str | int | list[int] | tuple[int, ...]) -> tuple[int, ...]:
    """Months ahead from ``1:6``, ``1,3,6``, ``3`` or a list.

    >>> parse_horizons("1:3"), parse_horizons("1,3,6")
    ((1, 2, 3), (1, 3, 6))
    """
    text = ",".join(map(str, text)) if isinstance(text, list | tuple) else str(text)
    span = re.fullmatch(r"\s*(\d+)\s*:\s*(\d+)\s*", text)
    if not span and not re.fullmatch(r"\s*\d+(\s*,\s*\d+)*\s*", text):
        raise ConfigError(f"'{text}' is not a range of horizons.", remedy="Write 1:6, or 1,3,6.")
    first, last = map(int, span.groups()) if span else (0, 0)
    if first > last:
        raise ConfigError(f"'{text}' runs backwards.", remedy=f"Write {last}:{first}.")
    months = set(range(first, last + 1)) if span else {int(part) for part in text.split(",")}
    if min(months) < 1:
        what = "horizons start at 1, the month after the last one seen."
        raise ConfigError(what, remedy=f"Write 1:{max(*months, 1)}.")
    if max(months) > LONGEST:
        what = f"a horizon of {max(months)} months is too long."
        raise ConfigError(what, remedy=f"Stay within {LONGEST} months.")
    return tuple(sorted(months))


def horizons_of(value: Any) -> tuple[int, ...]:
    """Months ahead from one number or a list, as Python gives them; text is for settings files.

    >>> horizons_of(3), horizons_of([2, 1])
    ((3,), (1, 2))
    """
    if isinstance(value, str) or not isinstance(value, int | Iterable):
        raise ConfigError(
            f"{value!r} are no horizons.", "horizons", "Give a number or a list, such as [1, 3, 6]."
        )
    return parse_horizons([value] if isinstance(value, int) else list(value))


def countries_of(value: Any) -> tuple[str, ...]:
    """Country codes from a list, as Python gives them."""
    if isinstance(value, str):
        raise ConfigError(f"'{value}' is text, not a list.", "countries", f'Write ["{value}"].')
    return tuple(sorted(value))


def _matching(pattern: str, what: str, remedy: str) -> Callable[[Any], str]:
    """A parser of text of one form."""

    def parse(value: Any) -> str:
        if not re.fullmatch(pattern, str(value)):
            raise ConfigError(f"'{value}' is {what}.", remedy=remedy)
        return str(value)

    return parse


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
    known, names = ("events", "deaths"), _words(value)
    for name in names:
        # Any other count of a panel of one's own may be a target; whether it is there is known once that is read.
        part = name.startswith(("events_", "deaths_"))
        slip = [] if part else difflib.get_close_matches(name.lower(), known, 1, 0.7)
        if name not in known and (slip or not re.fullmatch("[a-z][a-z0-9_]*", name)):
            raise ConfigError(f"'{name}' is not a target.", remedy=nearest(name, known))
    if not names:
        raise ConfigError(
            "no target is named.", remedy="Known: events, deaths, or a count of your own panel."
        )
    return tuple(dict.fromkeys([*(name for name in known if name in names), *names]))


def _pairs(parse_pair: Callable[[str], str]) -> Callable[[Any], tuple[str, ...]]:
    """A parser of ``name=value`` pairs: a text, a list, or a table of a settings file."""

    def parse(value: Any) -> tuple[str, ...]:
        if isinstance(value, Path):
            value = read_toml(value).get("columns", {})
        if isinstance(value, Mapping):
            value = [f"{name}={each}" for name, each in value.items()]
        return tuple(map(parse_pair, _words(value)))

    return parse


def _flag(value: Any) -> bool:
    if str(value).lower() in {"1", "true", "yes", "on"}:
        return True
    if str(value).lower() in {"0", "false", "no", "off"}:
        return False
    raise ConfigError(f"'{value}' is neither yes nor no.", remedy="Write true or false.")


def _covariates(value: Any) -> tuple[str, ...]:
    """Tables with their lags: a text, or a list of them."""
    for text in (given := _words(value)):
        if not re.fullmatch(r"[^:].*?(:[a-z][a-z0-9_]*=\d{1,2})+(:last)?", text):
            what = f"'{text}' is no table with a lag."
            raise ConfigError(what, remedy="Write FILE:lag=1, or FILE:rain=1:price=0 by column.")
    return given


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"'{value}' is not a name.", remedy="Write text in quotes.")
    return value


def _contact(value: Any) -> str:
    """A name and an address, in one line."""
    text = value.strip() if isinstance(value, str) else ""
    if not text.isprintable() or not 0 < len(text) <= LONGEST_CONTACT:
        what = f"{value!r} is not a contact: one line of 1 to {LONGEST_CONTACT} characters."
        raise ConfigError(what, remedy='Write contact = "Name, name@example.org".')
    return text


def _number(low: float, high: float) -> Callable[[Any], Any]:
    """A parser of numbers from ``low`` to ``high``; whole ones where these are."""
    kind, words = (int, "whole number") if isinstance(low, int) else (float, "number")

    def parse(value: Any) -> Any:
        text = str(value).strip()
        try:
            number = kind("" if "_" in text else text)
        except ValueError:
            number = float("nan")
        if not low <= number <= high:
            span = f"{low} to {high}" if kind is int else f"{low:g} to {high:g}"
            what = f"'{value}' is not a {words} from {span}."
            raise ConfigError(what, remedy="Correct it or leave it out.")
        return number

    return parse


def _countries(value: Any) -> tuple[str, ...]:
    return tuple(sorted(set(map(_CODE, _words(value)))))


_CODE = _matching("[A-Z]{3}", "not a country code", "Write ISO3 codes such as MLI,BFA.")
_LAYER = _matching("burkina-2025|mali-2016", "no layer", "Write burkina-2025 or mali-2016, or leave it out.")
_MONTHS = _matching("end|start|spread|even", "no month rule", "Write end, start, spread or even.")
_LEVEL = _matching("admin1", "no level", 'Write level = "admin1", or leave it out.')
_PAIR = r"[^=]*[^=\s][^=]*=.*\S.*"
_MAPPING = _matching(_PAIR, "not a column mapping", "Write ours=theirs, such as date=Day.")
_MONTH = _matching(r"(19|20)\d\d-(0[1-9]|1[0-2])", "not a month", "Write it as 2023-08.")
_PERIOD = r"\d{4}-(0[1-9]|1[0-2])"
_SPAN = _matching(f"[A-Z]{{3}}={_PERIOD}:{_PERIOD}", "not a coverage", "Write MLI=1989-01:2023-12.")


@dataclass(frozen=True)
class Settings:
    """What one run computes, and where it puts it; :meth:`load` reads text, the constructor takes values.

    Attributes
    ----------
    source : str
        ``snapshot`` (the shipped counts), ``ucdp:FILE``, ``acled:FILE``, ``table:FILE`` or ``store:FOLDER``.
    panel, regions, links : Path or None
        A ready panel, polygons and links instead of the shipped ones.
    groups : Path or None
        A table of names of armed groups (TOML) instead of the package's.
    layer : str or None
        Newer boundaries: ``burkina-2025`` (17 regions) or ``mali-2016`` (Ménaka and Taoudénit apart).
    month_rule : str
        The month of events that span several, of a source of single events: ``end``, ``start``, ``spread`` by days,
        ``even`` over the months (as VIEWS does since October 2025); events and deaths follow the same one.
    columns, coverage : tuple of str
        ``ours=theirs`` for columns of an own table; ``MLI=1989-01:2023-12`` for months that a source observed.
    covariates : tuple of str
        Tables of measures that are no counts, ``FILE:lag=1``, or ``FILE:rain=1:price=0`` by column; with ``:last`` the
        last value stands for newer months.
    recipe, functions : Path or None, tuple of str
        Features from a file instead of the usual ones; ``name=package.module.function`` for those of your own in it.
    targets, horizons, as_of : tuple of str, tuple of int, str or None
        ``events, deaths``; months ahead, 1..36; the last month that may be seen, ``YYYY-MM``.
    parts : bool
        Whether events by type and by armed group, and civilian deaths, are forecast where no target names them.
    countries : tuple of str
        ISO3 codes that are published; empty for all.
    members, trusted : tuple of str
        Members of the pool by name, ``...`` for the usual ones (empty: these); paths of classes and functions of your
        own that a stored model may import, such as ``sklearn.linear_model._glm.glm.PoissonRegressor``.
    draws, seed, workers, backtest_origins : int
        Draws per forecast; root of every random stream; processes, 0 for one per core; past origins to be judged on.
    spillover_decay, spillover_saturation : float or None
        Weights of neighbours by order of adjacency (None: by land border), and events a month from which excitation
        saturates, in the model of spillover.
    spillover_regions : int
        Largest number of regions that spillover is estimated for; a run with more leaves it out and says so.
    model : str or None
        A trained model instead of fitting at the origin: an alias or a version of the registry, or a folder.
    out, mlruns, tracking_uri, track : Path, Path, str or None, bool or None
        Folder of releases; folder of run records, or another MLflow store; whether runs are recorded (None: where files
        are written).
    run_date : date or None
        The day against which the age of the data is measured.
    allow_grid, level : bool, str or None
        Whether regions finer than admin-1 may be released; ``admin1`` says that fine polygons are first-level ones.
    contact, notify : str or None
        Who publishes, one line for the report and the hub; a command that is given what a job did, ``file:PATH``, or a
        webhook, ``https://…``.
    sign, upload, metrics_file : Path or None, str or None, Path or None
        The secret key that releases are signed with; a store that they are copied to, such as ``s3://bucket/forecasts``;
        a file for Prometheus.
    due_days, keep_months : int
        Days after a month in which its release has to be out; months whose newest release ``prune`` keeps.

    Raises
    ------
    ConfigError
        A value out of range or of another kind, such as text where a path or a list is meant.

    Examples
    --------
    >>> Settings.load({"horizons": "1:3", "seed": 7}, environ={"HARMATTAN_DRAWS": "500"}).draws
    500
    >>> Settings(draws=7)
    Traceback (most recent call last):
    harmattan.data.errors.ConfigError: draws: '7' is not a whole number from 50 to 10000. Correct it or leave it out.
    """

    source: Annotated[str, _text] = "snapshot"
    panel: Annotated[Path | None, Path] = None
    regions: Annotated[Path | None, Path] = None
    links: Annotated[Path | None, Path] = None
    groups: Annotated[Path | None, Path] = None
    layer: Annotated[str | None, _LAYER] = None
    month_rule: Annotated[str, _MONTHS] = "end"
    columns: Annotated[tuple[str, ...], _pairs(_MAPPING)] = ()
    coverage: Annotated[tuple[str, ...], _pairs(_SPAN)] = ()
    covariates: Annotated[tuple[str, ...], _covariates] = ()
    recipe: Annotated[Path | None, Path] = None
    functions: Annotated[tuple[str, ...], _pairs(_MAPPING)] = ()
    targets: Annotated[tuple[str, ...], _targets] = ("events", "deaths")
    parts: Annotated[bool, _flag] = True
    horizons: Annotated[tuple[int, ...], parse_horizons] = (1, 2, 3, 4, 5, 6)
    as_of: Annotated[str | None, _MONTH] = None
    countries: Annotated[tuple[str, ...], _countries] = ()
    members: Annotated[tuple[str, ...], _words] = ()
    trusted: Annotated[tuple[str, ...], _words] = ()
    draws: Annotated[int, _number(50, 10_000)] = 1000
    seed: Annotated[int, _number(0, 10**18 - 1)] = 20231
    spillover_decay: Annotated[float | None, _number(0.1, 10.0)] = None
    spillover_saturation: Annotated[float | None, _number(0.1, 10_000.0)] = None
    spillover_regions: Annotated[int, _number(0, 100_000)] = 1000
    model: Annotated[str | None, _text] = None
    workers: Annotated[int, _number(0, 1024)] = 0
    backtest_origins: Annotated[int, _number(0, 120)] = 12
    out: Annotated[Path, Path] = Path("releases")
    mlruns: Annotated[Path, Path] = Path("mlruns")
    tracking_uri: Annotated[str | None, _text] = None
    track: Annotated[bool | None, _flag] = None
    run_date: Annotated[date | None, _day] = None
    allow_grid: Annotated[bool, _flag] = False
    level: Annotated[str | None, _LEVEL] = None
    contact: Annotated[str | None, _contact] = None
    notify: Annotated[str | None, _text] = None
    sign: Annotated[Path | None, Path] = None
    upload: Annotated[str | None, _text] = None
    metrics_file: Annotated[Path | None, Path] = None
    due_days: Annotated[int, _number(1, 366)] = 62
    keep_months: Annotated[int, _number(1, 1200)] = 24

    def __post_init__(self) -> None:
        """Check every value as :meth:`load` does, and put lists in order; text only where text is meant."""
        for name, default in _DEFAULTS.items():
            value = getattr(self, name)
            if isinstance(value, str) and name not in _TEXTS:
                remedy = "Give a value of the setting's own kind, or read text with Settings.load."
                raise ConfigError(f"'{value}' is text.", name, remedy)
            if value is not None or default is not None:
                object.__setattr__(self, name, _parse(name, value, name))

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
        given: Any = options
        if given is not None and not isinstance(given, Mapping):
            what = f"a {type(options).__name__} is no table of options."
            raise ConfigError(
                what, "options", 'Write Settings.load({"draws": 500}), or file=Path("mine.toml").'
            )
        values = resolve(options, file, environ, cwd)
        return cls(**{name: value for name, (value, _) in values.items()})

    @property
    def tracks(self) -> bool:
        """Whether a job that writes files also records its run."""
        return self.track is not False

    def published(self) -> dict[str, Any]:
        """The settings that a number can depend on, ready for JSON; files by name, not by place."""
        kept = {k: v.name if isinstance(v, Path) else v for k, v in asdict(self).items() if k not in LOCAL}
        kept["covariates"] = tuple(Path(text).name for text in self.covariates)
        kept = {k: v for k, v in kept.items() if v or k not in OWN}
        kind, _, path = self.source.partition(":")
        return kept | {"source": f"{kind}:{Path(path).name}" if path else kind}

    def digest(self) -> str:
        """SHA-256 of :meth:`published`."""
        return hashlib.sha256(json.dumps(self.published(), sort_keys=True).encode()).hexdigest()


_HINTS = get_type_hints(Settings, include_extras=True)
_DEFAULTS = {field.name: field.default for field in fields(Settings)}
_TEXTS = {name for name, hint in _HINTS.items() if hint.__origin__ in (str, str | None)}
#: What makes a checked value, or a :class:`ConfigError`, of the text, number or list given for a setting.
PARSERS: dict[str, Callable[[Any], Any]] = {name: hint.__metadata__[0] for name, hint in _HINTS.items()}


def resolve(
    options: Mapping[str, Any] | None = None,
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> dict[str, tuple[Any, str]]:
    """Every setting with its value and where that comes from; see :meth:`Settings.load`."""
    cwd = cwd or Path.cwd()
    home = checkout(cwd) or cwd
    defaults = {k: home / v if isinstance(v, Path) else v for k, v in _DEFAULTS.items()}
    values = {key: (value, "default") for key, value in defaults.items()}
    for key, value, where, layer, base in _given(options or {}, file, environ, cwd):
        if key not in PARSERS:
            raise ConfigError(f"there is no setting '{key}'.", layer, nearest(key, PARSERS))
        if key == "columns" and isinstance(value, str) and value.endswith(".toml"):
            value = base / Path(value).expanduser()
        parsed = _parse(key, value, where)
        if key == "source" and ":" in parsed:
            kind, _, path = parsed.partition(":")
            parsed = f"{kind}:{base / Path(path).expanduser()}"
        if key == "covariates":
            parsed = tuple(str(base / Path(text).expanduser()) for text in parsed)
        values[key] = (base / parsed.expanduser() if isinstance(parsed, Path) else parsed, layer)
    return values


def _given(
    options: Mapping[str, Any], file: Path | None, environ: Mapping[str, str] | None, cwd: Path
) -> Iterator[tuple[str, Any, str, str, Path]]:
    """Key, value, place of the value, its layer, and where relative paths start; later ones win."""
    environ = os.environ if environ is None else environ
    named = file or (Path(environ[f"{PREFIX}CONFIG"]) if f"{PREFIX}CONFIG" in environ else None)
    path = named or cwd / FILE
    if named or path.exists():
        for key, value in read_toml(path).items():
            yield key, value, f"{path}: {key}", str(path), path.parent
    for variable in sorted(v for v in environ if v.startswith(PREFIX)):
        key = variable.removeprefix(PREFIX)
        if key.upper() not in OTHER_VARIABLES:
            yield key.lower(), environ[variable], variable, variable, cwd
    for key, value in options.items():
        if value is not None:
            option = ("--no-" if value is False else "--") + SHORT.get(key, key.replace("_", "-"))
            yield key, value, option, option, cwd


def checkout(folder: Path) -> Path | None:
    """The nearest folder at or above ``folder`` that is a checkout of this project."""
    marker = Path("forecast", "harmattan", "__init__.py")
    return next((parent for parent in (folder, *folder.parents) if (parent / marker).is_file()), None)


def _parse(key: str, value: Any, where: str) -> Any:
    """One value, checked; its error names the place."""
    try:
        return PARSERS[key](value)
    except ConfigError as error:
        raise ConfigError(error.what, where, error.remedy) from None
    except TypeError:
        raise ConfigError(f"'{value}' is of the wrong kind.", where, "Write text in quotes.") from None
