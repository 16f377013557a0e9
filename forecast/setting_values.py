"""What each setting accepts: text, TOML values and numbers become checked values, or a named error."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
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
        raise ConfigError("there is no such file.", str(path), "Correct the path, or leave it out.") from None
    except (OSError, UnicodeDecodeError) as reason:
        raise ConfigError(
            f"the file cannot be read ({reason}).", str(path), "Save it as UTF-8 text, readable by you."
        ) from None
    except tomllib.TOMLDecodeError as reason:
        raise ConfigError(
            f"this is not TOML ({reason}).", str(path), "Write lines like draws = 1000."
        ) from None


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
        value = read_toml(value).get("columns", {})
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


def _contact(value: Any) -> str:
    """A name and an address, in one line."""
    text = value.strip() if isinstance(value, str) else ""
    if not text.isprintable() or not 0 < len(text) <= LONGEST_CONTACT:
        raise ConfigError(
            f"{value!r} is not a contact: one line of 1 to {LONGEST_CONTACT} characters.",
            remedy='Write contact = "Name, name@example.org".',
        )
    return text


def _level(value: Any) -> str:
    if value != "admin1":
        raise ConfigError(f"'{value}' is no level.", remedy='Write level = "admin1", or leave it out.')
    return str(value)


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


def _number(low: float, high: float) -> Callable[[Any], float]:
    def parse(value: Any) -> float:
        try:
            number = float("nan" if isinstance(value, bool) else value)
        except ValueError:
            number = float("nan")
        if not low <= number <= high:
            raise ConfigError(
                f"'{value}' is not a number from {low:g} to {high:g}.", remedy="Correct it or leave it out."
            )
        return number

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
    "spillover_decay": _number(0.1, 10),
    "spillover_saturation": _number(0.1, 10_000),
    "spillover_regions": _whole(0, 100_000),
    "model": _text,
    "workers": _whole(0, 1024),
    "backtest_origins": _whole(0, 120),
    "out": Path,
    "mlruns": Path,
    "tracking_uri": _text,
    "track": _flag,
    "run_date": _day,
    "allow_grid": _flag,
    "level": _level,
    "contact": _contact,
    "notify": _text,
    "due_days": _whole(1, 366),
    "keep_months": _whole(1, 1200),
}
