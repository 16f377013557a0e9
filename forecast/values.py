"""Parsers of settings: what makes a checked value, or a named error, of the text, number or list that is given."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from ..data.errors import ConfigError, nearest

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


def require_flags(**given: Any) -> None:
    """An error for the first that is neither True nor False, as Python gives them: "no" would be taken for yes."""
    for name, value in given.items():
        if not isinstance(value, bool):
            raise ConfigError(f"{value!r} is neither True nor False.", name, "Write one of them.")


def countries_of(value: Any) -> tuple[str, ...]:
    """Country codes from a list, as Python gives them."""
    if isinstance(value, str):
        raise ConfigError(f"'{value}' is text, not a list.", "countries", f'Write ["{value}"].')
    return tuple(sorted(value))


def matching(pattern: str, what: str, remedy: str) -> Callable[[Any], str]:
    """A parser of text of one form."""

    def parse(value: Any) -> str:
        if not re.fullmatch(pattern, str(value)):
            raise ConfigError(f"'{value}' is {what}.", remedy=remedy)
        return str(value)

    return parse


def parse_day(value: Any) -> date:
    """A day, from a date or from text."""
    if isinstance(value, date):
        return date(value.year, value.month, value.day)
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise ConfigError(f"'{value}' is not a date.", remedy="Write it as 2024-01-31.") from None


def parse_words(value: Any) -> tuple[str, ...]:
    """A list of names, from text with commas or from a list."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(p, str) for p in parts):
        raise ConfigError(f"'{value}' is not a list of names.", remedy='Write ["ONE", "OTHER"] or ONE,OTHER.')
    return tuple(p.strip() for p in parts if p.strip())


def parse_targets(value: Any) -> tuple[str, ...]:
    """Names of targets, the usual ones first."""
    known, names = ("events", "deaths"), parse_words(value)
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


def pairs_of(parse_pair: Callable[[str], str]) -> Callable[[Any], tuple[str, ...]]:
    """A parser of ``name=value`` pairs: a text, a list, or a table of a settings file."""

    def parse(value: Any) -> tuple[str, ...]:
        if isinstance(value, Path):
            value = read_toml(value).get("columns", {})
        if isinstance(value, Mapping):
            value = [f"{name}={each}" for name, each in value.items()]
        return tuple(map(parse_pair, parse_words(value)))

    return parse


def parse_flag(value: Any) -> bool:
    """Yes or no."""
    if str(value).lower() in {"1", "true", "yes", "on"}:
        return True
    if str(value).lower() in {"0", "false", "no", "off"}:
        return False
    raise ConfigError(f"'{value}' is neither yes nor no.", remedy="Write true or false.")


def parse_covariates(value: Any) -> tuple[str, ...]:
    """Tables with their lags: a text, or a list of them."""
    for text in (given := parse_words(value)):
        if not re.fullmatch(r"[^:].*?(:[a-z][a-z0-9_]*=\d{1,2})+(:last)?", text):
            what = f"'{text}' is no table with a lag."
            raise ConfigError(what, remedy="Write FILE:lag=1, or FILE:rain=1:price=0 by column.")
    return given


def parse_text(value: Any) -> str:
    """Text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"'{value}' is not a name.", remedy="Write text in quotes.")
    return value


def parse_contact(value: Any) -> str:
    """A name and an address, in one line."""
    text = value.strip() if isinstance(value, str) else ""
    if not text.isprintable() or not 0 < len(text) <= LONGEST_CONTACT:
        what = f"{value!r} is not a contact: one line of 1 to {LONGEST_CONTACT} characters."
        raise ConfigError(what, remedy='Write contact = "Name, name@example.org".')
    return text


def number(low: float, high: float) -> Callable[[Any], Any]:
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


def parse_countries(value: Any) -> tuple[str, ...]:
    """Codes of countries, in order."""
    return tuple(sorted(set(map(parse_code, parse_words(value)))))


parse_code = matching("[A-Z]{3}", "not a country code", "Write ISO3 codes, three capital letters each.")
parse_layer = matching(
    "burkina-2025|mali-2016", "no layer", "Write burkina-2025 or mali-2016, or leave it out."
)
parse_month_rule = matching("end|start|spread|even", "no month rule", "Write end, start, spread or even.")
parse_level = matching("admin1", "no level", 'Write level = "admin1", or leave it out.')
_PAIR = r"[^=]*[^=\s][^=]*=.*\S.*"
parse_mapping = matching(_PAIR, "not a column mapping", "Write ours=theirs, such as date=Day.")
parse_month = matching(r"(19|20)\d\d-(0[1-9]|1[0-2])", "not a month", "Write it as 2023-08.")
_PERIOD = r"\d{4}-(0[1-9]|1[0-2])"
parse_span = matching(f"[A-Z]{{3}}={_PERIOD}:{_PERIOD}", "not a coverage", "Write ISO3=1989-01:2023-12.")
