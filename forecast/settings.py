"""Settings of a run: defaults, then ``harmattan.toml``, then the environment, then options; each value checked."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from ..data.errors import ConfigError, nearest
from .theatre import Theatre, theatre_in, theatre_of
from .values import (
    number,
    pairs_of,
    parse_contact,
    parse_countries,
    parse_covariates,
    parse_day,
    parse_flag,
    parse_horizons,
    parse_layer,
    parse_level,
    parse_mapping,
    parse_month,
    parse_month_rule,
    parse_span,
    parse_targets,
    parse_text,
    parse_words,
    read_toml,
)

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
OWN = {"members", "covariates", "recipe", "functions", "theatre"}


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
    theatre : Path, Theatre or None
        A file (its path here) that names source, polygons, groups, licences and all else of a theatre; what is given
        beside it wins.

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

    source: Annotated[str, parse_text] = "snapshot"
    panel: Annotated[Path | None, Path] = None
    regions: Annotated[Path | None, Path] = None
    links: Annotated[Path | None, Path] = None
    groups: Annotated[Path | None, Path] = None
    layer: Annotated[str | None, parse_layer] = None
    month_rule: Annotated[str, parse_month_rule] = "end"
    columns: Annotated[tuple[str, ...], pairs_of(parse_mapping)] = ()
    coverage: Annotated[tuple[str, ...], pairs_of(parse_span)] = ()
    covariates: Annotated[tuple[str, ...], parse_covariates] = ()
    recipe: Annotated[Path | None, Path] = None
    functions: Annotated[tuple[str, ...], pairs_of(parse_mapping)] = ()
    targets: Annotated[tuple[str, ...], parse_targets] = ("events", "deaths")
    parts: Annotated[bool, parse_flag] = True
    horizons: Annotated[tuple[int, ...], parse_horizons] = (1, 2, 3, 4, 5, 6)
    as_of: Annotated[str | None, parse_month] = None
    countries: Annotated[tuple[str, ...], parse_countries] = ()
    members: Annotated[tuple[str, ...], parse_words] = ()
    trusted: Annotated[tuple[str, ...], parse_words] = ()
    draws: Annotated[int, number(50, 10_000)] = 1000
    seed: Annotated[int, number(0, 10**18 - 1)] = 20231
    spillover_decay: Annotated[float | None, number(0.1, 10.0)] = None
    spillover_saturation: Annotated[float | None, number(0.1, 10_000.0)] = None
    spillover_regions: Annotated[int, number(0, 100_000)] = 1000
    model: Annotated[str | None, parse_text] = None
    workers: Annotated[int, number(0, 1024)] = 0
    backtest_origins: Annotated[int, number(0, 120)] = 12
    out: Annotated[Path, Path] = Path("releases")
    mlruns: Annotated[Path, Path] = Path("mlruns")
    tracking_uri: Annotated[str | None, parse_text] = None
    track: Annotated[bool | None, parse_flag] = None
    run_date: Annotated[date | None, parse_day] = None
    allow_grid: Annotated[bool, parse_flag] = False
    level: Annotated[str | None, parse_level] = None
    contact: Annotated[str | None, parse_contact] = None
    notify: Annotated[str | None, parse_text] = None
    sign: Annotated[Path | None, Path] = None
    upload: Annotated[str | None, parse_text] = None
    metrics_file: Annotated[Path | None, Path] = None
    due_days: Annotated[int, number(1, 366)] = 62
    keep_months: Annotated[int, number(1, 1200)] = 24
    theatre: Annotated[Theatre | Path | None, theatre_of] = None

    def __post_init__(self) -> None:
        """Check every value as :meth:`load` does, and put lists in order; text only where text is meant."""
        if isinstance(self.theatre, Path | Theatre) and not getattr(self.theatre, "taken", False):
            self._take(theatre_of(self.theatre))
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

    def _take(self, theatre: Theatre) -> None:
        """What a theatre's file says, where nothing else is given."""
        object.__setattr__(self, "theatre", replace(theatre, taken=True))
        for key, value, where, _, base in theatre.layer():
            if getattr(self, key) == _DEFAULTS[key]:
                object.__setattr__(self, key, _placed(key, _parse(key, value, where), base))

    @property
    def tracks(self) -> bool:
        """Whether a job that writes files also records its run."""
        return self.track is not False

    def published(self) -> dict[str, Any]:
        """The settings that a number can depend on, ready for JSON; files by name, not by place."""
        kept = {k: v.name if isinstance(v, Path) else v for k, v in asdict(self).items() if k not in LOCAL}
        file = theatre_in(self).path
        kept["theatre"] = None if file is None else file.name
        kept["covariates"] = tuple(Path(text).name for text in self.covariates)
        kept = {k: v for k, v in kept.items() if v or k not in OWN}
        kind, _, path = self.source.partition(":")
        return kept | {"source": f"{kind}:{Path(path).name}" if path else kind}

    def digest(self) -> str:
        """SHA-256 of :meth:`published`."""
        return hashlib.sha256(json.dumps(self.published(), sort_keys=True).encode()).hexdigest()


def settings_of(given: Any, options: Mapping[str, Any] | None = None) -> Settings:
    """The settings that a call in Python is given; those of the file and the environment, and ``options``, where None.

    Raises
    ------
    ConfigError
        It is something else, such as a mapping.
    """
    if given is None:
        return Settings.load(options)
    if not isinstance(given, Settings):
        what = f"a {type(given).__name__} is no Settings."
        raise ConfigError(what, "settings", "Write Settings(...) or Settings.load({...}).")
    return given


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
    given = list(_given(options or {}, file, environ, cwd))
    named = [(value, where, base) for key, value, where, _, base in given if key == "theatre"]
    if named:
        theatre = _parse("theatre", *named[-1][:2], base=named[-1][2])
        # Counts from elsewhere take the place of the theatre's own.
        other = {"panel": "source", "source": "panel"}
        hidden = {other[key] for key, *_ in given if key in other}
        given = [*(each for each in theatre.layer() if each[0] not in hidden), *given]
    for key, value, where, layer, base in given:
        if key not in PARSERS:
            raise ConfigError(f"there is no setting '{key}'.", layer, nearest(key, PARSERS))
        values[key] = (_placed(key, _parse(key, value, where, base), base), layer)
    if named:
        values["theatre"] = (replace(theatre, taken=True), values["theatre"][1])
    return values


def _placed(key: str, value: Any, base: Path) -> Any:
    """A value whose relative paths start where it was given."""
    if key == "source" and ":" in value:
        kind, _, path = value.partition(":")
        return f"{kind}:{base / Path(path).expanduser()}"
    if key == "covariates":
        return tuple(str(base / Path(text).expanduser()) for text in value)
    return base / value.expanduser() if isinstance(value, Path) else value


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


def _parse(key: str, value: Any, where: str, base: Path | None = None) -> Any:
    """One value, checked; its error names the place. Files that are read to check it lie below ``base``."""
    table = key == "columns" and isinstance(value, str) and value.endswith(".toml")
    if base is not None and (table or (key == "theatre" and isinstance(value, str | Path))):
        value = base / Path(value).expanduser()
    try:
        return PARSERS[key](value)
    except ConfigError as error:
        # A file names itself and its key.
        raise ConfigError(error.what, error.where if key == "theatre" else where, error.remedy) from None
    except TypeError:
        what, remedy = f"'{value}' is of the wrong kind.", "Write text in quotes."
        if hasattr(value, "to_toml"):
            what, remedy = (
                "settings take its file.",
                f"Path('{key}.toml').write_text({key}.to_toml()), and give that path.",
            )
        raise ConfigError(what, where, remedy) from None
