"""A panel from files, in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from ..geography import Regions
from ..panel import Built, Rules, build_panel, combine
from .read import read_source


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
) -> Built:
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
    Built
    """
    specs = [source] if isinstance(source, str) else list(source)
    incidents = combine([read_source(spec, unclear=unclear, today=today) for spec in specs])
    return build_panel(
        incidents,
        Regions.read(regions, countries),
        coverage=coverage,
        window=window,
        **vars(rules or Rules()),
    )
