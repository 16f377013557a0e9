"""A first theatre file from the data: what they show is filled in, what only people know is asked for in comments."""

from __future__ import annotations

import json
import logging
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from anyascii import anyascii

from ...data.errors import UsageError
from ...data.geography import country_name, iso3, timezone_of
from ...training.parts import FEWEST
from ..loading import load_inputs
from ..release import finer_than_admin1
from ..settings import Settings
from ..theatre import NOT_STATED, licences_of

if TYPE_CHECKING:
    from ..inputs import Inputs

#: Sides that are no armed group.
NO_GROUP = r"^(?:government of|military forces of|police forces of|civilians|protesters|rioters|unidentified|unknown)\b"
#: Groups that a first file names, and letters of their keys.
MOST_GROUPS, LONGEST = 12, 30


def draft_theatre(settings: Settings, folder: Path) -> str:
    """The text of a theatre file for a source of incidents and its polygons.

    Parameters
    ----------
    settings : Settings
        ``source`` and ``regions``, and whatever else says how they are read.
    folder : Path
        Where the file will lie: its paths start there.

    Returns
    -------
    str
        TOML with comments. Counted are the armed groups of at least 80 events that the sides name.

    Raises
    ------
    UsageError
        No source of incidents is named.
    InputError
        Files that cannot be read.
    """
    if settings.source == "snapshot" or settings.panel is not None:
        what = "a theatre file is made from incidents and polygons."
        raise UsageError(what, "--source", "Name table:FILE, ucdp:FILE or acled:FILE, and --regions.")
    log = logging.getLogger("harmattan")
    log.addFilter(_not_on_groups)  # The file that is being written names them.
    try:
        inputs = load_inputs(settings)
    finally:
        log.removeFilter(_not_on_groups)
    blocks = [
        _head(inputs, settings),
        _places_of(inputs, settings, folder),
        _countries(inputs, settings),
        _terms(inputs),
        _columns(settings),
        _groups(inputs),
        _towns(),
    ]
    return "\n".join("\n".join(block) + "\n" for block in blocks if block)


def _head(inputs: Inputs, settings: Settings) -> list[str]:
    names = ", ".join(sorted(map(country_name, set(inputs.panel.countries))))
    months = inputs.panel.months
    return [
        "# A theatre, written by `harmattan theatre init`: read it, correct it, and forecast with --theatre THIS_FILE.",
        f"# {len(inputs.panel.region_ids)} regions of {names}; {months[0]} to {months[-1]}.",
        f"name = {_text(names if len(names) < 60 else f'{len(set(inputs.panel.countries))} countries')}",
    ]


def _places_of(inputs: Inputs, settings: Settings, folder: Path) -> list[str]:
    kind, _, path = settings.source.partition(":")
    lines = [
        "# Where events come from, and the polygons that they are placed in; paths start from this file.",
        f"source = {_text(f'{kind}:{_beside(Path(path), folder)}')}",
        f"regions = {_text(_beside(Path(str(settings.regions)), folder))}",
    ]
    fine = finer_than_admin1(inputs.panel, inputs.regions)
    if settings.level or fine:
        lines += [
            f"# {len(fine)} regions look finer than a first level. Declare them only if they are first-level ones.",
            f'{"" if settings.level else "# "}level = "admin1"',
        ]
    return lines


def _not_on_groups(record: logging.LogRecord) -> bool:
    return "armed groups are not told apart" not in record.getMessage()


def _countries(inputs: Inputs, settings: Settings) -> list[str]:
    """Countries with a record, and those that border them without one."""
    own = sorted(set(inputs.panel.countries))
    around = set() if inputs.around is None else set(inputs.around.countries)
    blind = pd.Series(dtype=str) if inputs.borders is None else inputs.borders["blind_towards"]
    km = _km_beyond(inputs)
    named = {iso3(name) for text in blind for name in str(text).split(";") if name}
    beyond = sorted({*named, *km} - {"", *own})
    lengths = ", ".join(f"{code} {km[code]:,.0f} km" for code in beyond if km.get(code, 0) >= 1)
    lines = [
        "# Countries that were observed; one without an event was quiet.",
        f"countries = {_list(own)}",
        *([f"coverage = {_list(settings.coverage)}"] if settings.coverage else []),
    ]
    if around:
        lines.append(
            f"# In the polygons without an event: {_list(sorted(around))}. Add those that were observed and quiet."
        )
    return [
        *lines,
        "# Countries that border them and have no data; a region with over 40 % of its border there is partly blind.",
        *([f"# Length of border: {lengths}."] if lengths else []),
        f"neighbours = {_list(beyond)}",
    ]


def _km_beyond(inputs: Inputs) -> dict[str, float]:
    """Length of border with each country that has no record, by ISO3."""
    return {str(code): float(km) for code, km in inputs.unseen().groupby("towards")["km"].sum().items()}


def _terms(inputs: Inputs) -> list[str]:
    largest = Counter(sorted(inputs.panel.countries)).most_common(1)[0][0]
    licences = licences_of(inputs.panel, inputs.regions)
    return [
        f"timezone = {_text(timezone_of(largest) or 'UTC')}",
        "# Whom a reader has to cite; it stands in the report.",
        '# attribution = "Who collected the events (year), title, address."',
        "",
        "# Licences, as every release names them; nothing is claimed that is neither here nor published by the source.",
        "[licences]",
        *(f"{'# ' if text == NOT_STATED else ''}{key} = {_text(text)}" for key, text in licences.items()),
    ]


def _columns(settings: Settings) -> list[str]:
    pairs = [pair.split("=", 1) for pair in settings.columns]
    named = [f"{ours.strip()} = {_text(theirs.strip())}" for ours, theirs in pairs]
    return ["# Our columns and the table's own.", "[columns]", *named] if named else []


def _groups(inputs: Inputs) -> list[str]:
    """The sides that most events name, each as a group; those of few events in a comment."""
    counted = Counter(name for name in _sides(inputs) if _code(name))
    known = [(name, n) for name, n in counted.most_common() if n >= FEWEST]
    lines = [
        "# Armed groups: an event belongs to the group that one of its sides is a name of; * stands for anything."
    ]
    lines.append("# Groups of one movement may be joined: give one of them all the names.")
    groups: dict[str, list[str]] = {}
    for name, _ in known:  # Spellings of one name are one group.
        groups.setdefault(_code(name), []).append(name)
    taken: set[str] = set()
    for code, names in list(groups.items())[:MOST_GROUPS]:
        key = next(k for k in _keys(code[:LONGEST]) if k not in taken)
        taken.add(key)
        lines += [
            "",
            f"[groups.{key}]  # {sum(counted[name] for name in names):,} events",
            f"label = {_text(names[0])}",
            f"names = {_list(names)}",
        ]
    rest = [f"{name} ({n})" for name, n in counted.most_common(40) if n < FEWEST][:8]
    if not taken:
        lines += [
            "# No side has 80 events.",
            "# [groups.front]",
            '# label = "The Front"',
            '# names = ["Front of X*"]',
        ]
    return [*lines, *([f"# Fewer than {FEWEST} events: {'; '.join(rest)}"] if rest else [])]


def _keys(code: str) -> Iterator[str]:
    """A key, and where another name has it already the same with a number."""
    yield code
    yield from (f"{code}_{n}" for n in range(2, MOST_GROUPS + 2))


def _sides(inputs: Inputs) -> Iterator[str]:
    """Each name on the sides of each event."""
    if inputs.built is None:
        return
    frame = inputs.built.incidents
    for sides in zip(frame["actor_a"].fillna(""), frame["actor_b"].fillna(""), strict=True):
        names = {part.strip() for side in sides for part in str(side).split(",")} - {""}
        yield from sorted(names)


def _code(name: str) -> str:
    """A name as a key of groups: small letters, digits and underscores; empty for governments and civilians.

    >>> _code("Al-Shabaab"), _code("Government of Kenya"), _code("23 March"), _code("Unidentified Armed Group (Kenya)")
    ('al_shabaab', '', 'g_23_march', '')
    """
    bare = re.sub(r"[\"'`]", "", anyascii(name).lower())
    if re.match(NO_GROUP, bare):
        return ""
    code = re.sub(r"[^a-z0-9]+", "_", bare).strip("_")
    return f"g_{code}" if code[:1].isdigit() or code in ("other", "state_only") else code


def _towns() -> list[str]:
    return [
        "# Towns that maps name, with longitude and latitude; capitals where none is given.",
        "# [places]",
        "# Goma = [29.23, -1.67]",
    ]


def _beside(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()


def _text(value: str) -> str:
    """Text as TOML writes it."""
    return json.dumps(value, ensure_ascii=False)


def _list(values: Sequence[Any]) -> str:
    return "[" + ", ".join(map(_text, values)) + "]"
