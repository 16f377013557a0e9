"""A theatre: one file that says where its counts come from, what its places and groups are, and under which licences.

It is the lowest layer of settings, so that whatever is said elsewhere wins; the words that no setting holds (time zone,
licences, towns on maps) go with the panel into every file of a release.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import available_timezones

from ..data.errors import ConfigError, nearest
from .values import parse_code, parse_text, parse_words, read_toml

if TYPE_CHECKING:
    from ..data.geography import Regions
    from ..data.panel import Panel

#: Settings that a theatre's file may hold.
SETTINGS = (
    *("source", "columns", "panel", "regions", "links", "layer", "level", "countries", "coverage"),
    *("groups", "month_rule", "covariates"),
)
#: What is known of a theatre and is no setting.
WORDS = ("name", "timezone", "neighbours", "attribution", "licences", "places")
#: What has a licence of its own: the source, the polygons, and the forecasts that are made of them.
LICENSED = ("events", "regions", "forecasts")
#: Said where a licence is not known: of somebody's own table, polygons, and forecasts.
NOT_STATED = "not stated; the terms of the source apply"
EARTH = "Natural Earth, public domain"
#: Licences of sources that publish their own, by how what they say of themselves begins.
OF_SOURCES = {
    "UCDP": {
        "events": (
            "UCDP Georeferenced Event Dataset, CC BY 4.0 (Sundberg & Melander 2013, "
            "doi:10.1177/0022343313484347; Davies, Pettersson & Öberg 2024, doi:10.1177/00223433241262912)"
        ),
        "forecasts": "CC BY 4.0",
    },
    "ACLED": {
        "events": "Armed Conflict Location & Event Data (ACLED), under its terms of use, acleddata.com"
    },
}


@dataclass(frozen=True)
class Theatre:
    """What one file says of a theatre.

    Attributes
    ----------
    path : Path or None
        The file; relative paths in it start from its folder.
    given : mapping
        Its settings, as they were read.
    name, timezone, attribution : str
        What it is called, the time zone of its releases (as in the tz database), and who is to be cited.
    neighbours : tuple of str
        ISO3 codes of countries that border it and have no data.
    licences : mapping of str to str
        Of ``events``, ``regions`` and ``forecasts``.
    places : mapping of str to (float, float)
        Towns that maps name, with longitude and latitude; none: capitals.

    Examples
    --------
    >>> from harmattan.data.sources import SHIPPED_THEATRE
    >>> Theatre.read(SHIPPED_THEATRE).timezone
    'Africa/Bamako'
    """

    path: Path | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    timezone: str = ""
    neighbours: tuple[str, ...] = ()
    attribution: str = ""
    licences: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    #: Whether some settings have taken what it says already: what was changed since stays changed.
    taken: bool = field(default=False, compare=False)

    @classmethod
    def read(cls, path: Path) -> Theatre:
        """A theatre from its file.

        Raises
        ------
        ConfigError
            There is no such file, or a key of it is not known or of the wrong kind.
        """
        document, at = read_toml(path), str(path)
        for key in document:
            if key not in (*SETTINGS, *WORDS):
                what = f"there is no key '{key}' in a theatre."
                raise ConfigError(what, at, nearest(key, (*SETTINGS, *WORDS)))
        given = {key: value for key, value in document.items() if key in SETTINGS}
        if isinstance(given.get("groups"), Mapping):
            given["groups"] = path.name  # Its names are in this very file.
        words: dict[str, Any] = {key: value for key, value in document.items() if key in WORDS}
        for key, check in _CHECKS.items():
            if key in words:
                try:
                    words[key] = check(words[key])
                except ConfigError as error:
                    raise ConfigError(error.what, error.where or f"{at}: {key}", error.remedy) from None
        found = cls(path=path, given=given, **words)
        both = sorted(set(found.neighbours) & set(parse_words(document.get("countries", ""))))
        if both:
            what = f"{both[0]} is among the countries and among the neighbours without data."
            raise ConfigError(what, at, "Name it once.")
        return found

    def __str__(self) -> str:
        """Its file."""
        return str(self.path)

    def layer(self) -> Iterator[tuple[str, Any, str, str, Path]]:
        """Its settings as the lowest layer: key, value, place of the value, its layer, and where paths start."""
        path = self.path or Path()
        for key, value in self.given.items():
            yield key, value, f"{path}: {key}", str(path), path.parent

    def words(self) -> dict[str, Any]:
        """What releases say of the theatre, ready for JSON; what is not known is left out."""
        known: dict[str, Any] = {key: getattr(self, key) for key in ("name", "timezone", "attribution")}
        known |= {"neighbours": list(self.neighbours), "licences": dict(self.licences)}
        known["places"] = {name: list(at) for name, at in self.places.items()}
        return {key: value for key, value in known.items() if value}


def theatre_of(value: Any) -> Theatre:
    """A theatre from its file, or the one that is given."""
    if isinstance(value, Theatre):
        return value
    if not isinstance(value, str | Path):
        raise ConfigError(f"'{value}' is no theatre.", remedy='Name its file: theatre = "theatre.toml".')
    return Theatre.read(Path(value))


class HasTheatre(Protocol):
    """Settings, as far as they are asked here."""

    @property
    def theatre(self) -> Theatre | Path | None:
        """As it was given."""


def theatre_in(settings: HasTheatre) -> Theatre:
    """The theatre that settings name; an empty one where they name none."""
    return settings.theatre if isinstance(settings.theatre, Theatre) else Theatre()


def theatre_words(panel: Panel) -> dict[str, Any]:
    """What is known of the theatre of a panel; empty where nobody has said anything."""
    return dict(panel.attrs.get("theatre", {}))


def timezone_of(panel: Panel) -> str:
    """The time zone of a theatre; where it names none, that of the country with the most regions."""
    from ..data.geography import timezone_of as zone_of

    countries = Counter(sorted(panel.countries)).most_common(1)
    return str(theatre_words(panel).get("timezone") or zone_of(countries[0][0]) or "UTC")


def licences_of(panel: Panel, regions: Regions | None = None) -> dict[str, str]:
    """Licences of the events, the regions and the forecasts; one that is not known says so.

    They are those of the theatre; else of a source that publishes its own, and of polygons that name theirs.

    >>> import pandas as pd
    >>> from harmattan.data.panel import Panel
    >>> frame = pd.DataFrame({"month": ["2023-01"], "region_id": ["KEN-garissa"], "events": [3]})
    >>> licences_of(Panel.from_frame(frame, source="own table mine.csv"))["events"]
    'not stated; the terms of the source apply'
    """
    own = next((words for name, words in OF_SOURCES.items() if panel.source.startswith(name)), {})
    layers = () if regions is None or "layer" not in regions.frame else regions.frame["layer"].astype(str)
    earth = {"regions": EARTH} if any("natural-earth" in layer for layer in layers) else {}
    return dict.fromkeys(LICENSED, NOT_STATED) | own | earth | dict(theatre_words(panel).get("licences", {}))


def _timezone(value: Any) -> str:
    zones = available_timezones()
    if value != "UTC" and zones and value not in zones:
        raise ConfigError(f"'{value}' is not a time zone.", remedy=_few(str(value), zones))
    return str(value)


def _few(name: str, zones: set[str]) -> str:
    """The nearest name, and not the whole list of six hundred."""
    found = nearest(name, zones)
    return found if found.startswith("Did") else 'Write it as "Africa/Nairobi".'


def _licences(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"'{value}' does not say of what.", remedy='Write [licences] and events = "...".')
    table = value
    for key in table:
        if key not in LICENSED:
            raise ConfigError(f"there is no licence of '{key}'.", remedy=nearest(str(key), LICENSED))
    return {key: parse_text(text) for key, text in table.items()}


def _places(value: Any) -> dict[str, tuple[float, float]]:
    found = {}
    for name, at in (value if isinstance(value, Mapping) else {"": value}).items():
        numbers = at if isinstance(at, list) and len(at) == 2 else []
        whole = [float(x) for x in numbers if isinstance(x, int | float) and not isinstance(x, bool)]
        if len(whole) != 2 or not (-180 <= whole[0] <= 180 and -90 <= whole[1] <= 90):
            what = f"'{name}' has no longitude and latitude."
            raise ConfigError(what, remedy="Write Goma = [29.23, -1.67].")
        found[str(name)] = (whole[0], whole[1])
    return found


_CHECKS = {
    "name": parse_text,
    "timezone": _timezone,
    "attribution": parse_text,
    "neighbours": lambda value: tuple(sorted(set(map(parse_code, parse_words(value))))),
    "licences": _licences,
    "places": _places,
}
