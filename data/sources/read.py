"""Incidents, or a panel, from files named as ``ucdp:FILE`` and the like."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from ..errors import UsageError, nearest
from ..geography import Regions
from ..panel import BuiltPanel, Incidents, Rules, build_panel, combine

SOURCES = ("ucdp", "acled", "table", "store")


def read_source(
    spec: str,
    *,
    unclear: str = "keep",
    columns: Mapping[str, str] | None = None,
    today: date | None = None,
    only: str = "",
) -> Incidents:
    """Incidents from ``ucdp:FILE``, ``acled:FILE``, ``table:FILE`` or ``store:FOLDER@DAY``.

    A bare ``FILE`` is UCDP's; without ``@DAY`` a store says what is known today. ``only`` is the country of an own
    table that names none.

    >>> read_source("gdelt:events.csv")
    Traceback (most recent call last):
    ...
    harmattan.data.errors.UsageError: 'gdelt' is not a source. Known: acled, store, table, ucdp.
    """
    kind, _, path = spec.partition(":")
    if not path or len(kind) == 1 or "/" in kind or "\\" in kind:
        kind, path = "ucdp", spec
    if kind == "ucdp":
        from .ucdp import read as read_ucdp

        return read_ucdp(path, unclear=unclear, today=today)
    if kind == "acled":
        from .acled import read as read_acled

        return read_acled(path, today=today)
    if kind == "table":
        from .tabular import read as read_own

        return read_own(path, columns=columns, today=today, only=only)
    if kind == "store":
        return _from_store(path, today)
    raise UsageError(f"'{kind}' is not a source.", remedy=nearest(kind, SOURCES))


def _from_store(path: str, today: date | None) -> Incidents:
    """What a store of vintages knew on a day."""
    from ..vintages import VintageStore

    folder, at, day = path.rpartition("@")
    if at and not re.fullmatch(r"[\d-]+", day) and Path(path).is_dir():
        folder, at, day = "", "", ""  # a folder with such a sign in its name
    try:
        when = date.fromisoformat(day) if at else today or date.today()
    except ValueError:
        raise UsageError(
            f"'{day}' is not a day.", where=path, remedy="Write store:FOLDER@2024-01-31."
        ) from None
    return VintageStore(folder if at else path).as_of(when)


def build_from_files(
    source: str | Sequence[str],
    regions: str | Path,
    *,
    countries: Sequence[str] | None = None,
    unclear: str = "keep",
    today: date | None = None,
    coverage: Mapping[str, tuple[object, object]] | None = None,
    window: tuple[object, object] | None = None,
    rules: Rules | None = None,
) -> BuiltPanel:
    """A panel from files, as ``harmattan data build`` does it.

    Parameters
    ----------
    source : str or sequence of str
        ``ucdp:FILE``, ``acled:FILE``, ``table:FILE`` or ``FILE``; several are combined (annual beats
        candidate).
    regions : path
        GeoJSON of polygons.
    countries : sequence of str, optional
        ISO3 codes of the regions to keep.
    unclear : {"keep", "drop"}
        See :func:`harmattan.data.sources.ucdp.read`.
    today : datetime.date, optional
        Later dates are errors.
    coverage, window
        See :func:`build_panel`.
    rules : Rules, optional
        How incidents become counts.

    Returns
    -------
    BuiltPanel
    """
    specs = [source] if isinstance(source, str) else list(source)
    incidents = combine([read_source(spec, unclear=unclear, today=today) for spec in specs])
    polygons = Regions.read(regions)
    return build_panel(
        incidents,
        polygons if countries is None else polygons.select(countries),
        coverage=coverage,
        window=window,
        around=polygons,
        **vars(rules or Rules()),
    )
