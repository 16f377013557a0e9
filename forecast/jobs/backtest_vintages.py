"""A back-test on what was known at the time: each origin sees its own vintage, or a first release, of the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...data.errors import OriginError, SourceError, UsageError
from ...data.vintages import Vintage, VintageStore, panel_as_of

if TYPE_CHECKING:
    from ...data.geography import Regions
    from ...data.panel import Panel
    from ...training.evaluation.protocol import Protocol
    from ...training.models.base import Problem


@dataclass(frozen=True)
class VintageProblems:
    """The problem as a store of releases knew it at an origin; called in worker processes.

    Attributes
    ----------
    panels : mapping of str to Panel
        By origin, such as ``2021-03``: what had been released by then, up to the newest published month.
    releases : tuple of dict
        ``source, release, as_of, sha256`` of every release that any of them is made from.
    """

    panels: Mapping[str, Panel]
    releases: tuple[Mapping[str, str], ...] = ()

    def __call__(self, problem: Problem, origin: pd.Period) -> Problem:
        """The problem at one origin, with the features that the whole problem has."""
        from ...features.recipe import Recipe

        recipe = Recipe.usual(problem.panel)
        panel = self.panels[str(origin)]
        return replace(problem, panel=panel, cube=recipe.build(panel))


def known_on(origin: pd.Period, data_lag: int = 0) -> date:
    """The day on which the newest published month is taken to be out: the end of the month after it.

    Examples
    --------
    >>> known_on(pd.Period("2021-03", "M")), known_on(pd.Period("2021-03", "M"), data_lag=1)
    (datetime.date(2021, 4, 30), datetime.date(2021, 3, 31))
    """
    day: date = (origin - data_lag + 1).end_time.date()
    return day


def vintage_problems(
    store: VintageStore | Path,
    final: Panel,
    regions: Regions | None,
    origins: Sequence[pd.Period],
    *,
    data_lag: int = 0,
    warm_up: int = 0,
    progress: Callable[[float], None] | None = None,
) -> tuple[VintageProblems, int]:
    """What was known at each origin, and how many origins before the first one the store can serve too.

    Outcomes stay those of ``final``, which gives regions, links and measures; ``regions`` are its polygons, ``origins``
    consecutive months, ``data_lag`` the months before an origin that are not published yet, ``warm_up`` earlier origins
    that would be welcome.

    Raises
    ------
    UsageError
        There are no polygons to place incidents in.
    SourceError
        The store has no release, or a damaged one.
    OriginError
        The newest month of an origin had not been released by then.
    """
    store = VintageStore(store) if isinstance(store, Path) else store
    if regions is None:
        what = "vintages are incidents, and need polygons to be placed in."
        raise UsageError(what, "--vintages", "Name a GeoJSON file of regions with --regions.")
    every = store.vintages()
    if not every:
        remedy = "Add some: harmattan data fetch --store."
        raise SourceError("there is no release here.", str(store.root), remedy)
    build = lru_cache(maxsize=4)(lambda known: _build(store, known, final, regions))
    panels: dict[str, Panel] = {}
    used: set[Vintage] = set()

    def look(origin: pd.Period) -> None:
        known = tuple(v for v in every if v.as_of <= known_on(origin, data_lag))
        panels[str(origin)] = _seen(build(known), origin, data_lag, store.root)
        used.update(known)

    for i, origin in enumerate(origins, start=1):
        look(origin)
        if progress is not None:
            progress(i / (len(origins) + warm_up))
    served = 0
    with suppress(OriginError):
        for back in range(1, warm_up + 1):
            look(origins[0] - back)
            served = back
    seen = sorted(used, key=lambda v: (v.as_of, v.source, v.release, v.sha256))
    return VintageProblems(panels, tuple(map(_release_record, seen))), served


def _release_record(vintage: Vintage) -> dict[str, str]:
    return {
        "source": vintage.source,
        "release": vintage.release,
        "as_of": vintage.as_of.isoformat(),
        "sha256": vintage.sha256,
    }


def _build(store: VintageStore, known: tuple[Vintage, ...], final: Panel, regions: Regions) -> Panel | None:
    """The panel of some releases, with the regions, months, links and measures of the final one."""
    if not known:
        return None
    polygons = regions.select(final.countries)
    window: Any = (final.months[0], final.months[-1])
    rule = str(final.attrs.get("month_rule", "end"))
    panel = panel_as_of(store, max(v.as_of for v in known), polygons, window=window, month_rule=rule)
    at = [panel.region_ids.index(r) for r in final.region_ids]
    observed = panel.observed[:, at]
    nothing = np.where(observed, np.float32(0), np.float32(np.nan))
    # A type of violence or a group that no release had named yet had no events.
    measures = {
        name: panel.measures[name][:, at] if name in panel.measures else nothing for name in final.measures
    }
    return replace(final, measures=measures, observed=observed, source=panel.source)


def _seen(panel: Panel | None, origin: pd.Period, data_lag: int, root: Path) -> Panel:
    """The panel up to the newest published month; an error where that month was not known yet."""
    newest = origin - data_lag
    if panel is None or not panel.observed[panel.position(newest)].any():
        what = f"{newest} had not been released by {known_on(origin, data_lag)}."
        remedy = "Choose other origins, a longer --data-lag, or add the release to the store."
        raise OriginError(what, str(root), remedy)
    return panel.until(newest)


@dataclass(frozen=True)
class FirstReleaseProblems:
    """The problem as it stood at an origin; called in worker processes."""

    protocol: Protocol

    def __call__(self, problem: Problem, origin: pd.Period) -> Problem:
        """See :func:`harmattan.training.evaluation.protocol.as_published`."""
        from ...training.evaluation.protocol import as_published

        return as_published(problem, origin, self.protocol)
