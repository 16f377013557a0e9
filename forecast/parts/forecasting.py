"""Which parts a run forecasts, and their draws from the draws of their totals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...data.errors import UsageError
from ...data.panel import Panel
from ...training.distribution import Draws
from ...training.onset import ANY, watched_groups
from ...training.parts import (
    CIVILIANS,
    FEWEST,
    CivilianShare,
    Division,
    Divisions,
    Entries,
    ShareModel,
    civilian_division,
    divisions_of,
    part_of,
    split_draws,
)

#: More regions than this are divided only where parts are asked for by name.
MOST_REGIONS = 1000
#: Entropy of the random streams of parts, beside the run's seed.
STREAM = 28


@dataclass(frozen=True)
class ChosenParts:
    """What a run forecasts beside its targets.

    Attributes
    ----------
    divisions : Divisions
        Every division of the panel.
    names : tuple of str
        The parts that are published.
    notes : tuple of str
        What has to be said of parts that are not there.
    """

    divisions: Divisions
    names: tuple[str, ...]
    notes: tuple[str, ...]


def main_targets(targets: Sequence[str], parts: Sequence[str]) -> tuple[str, ...]:
    """The targets that are forecast by models: all that are no parts, and the totals of those that are.

    >>> main_targets(("events_jnim", "deaths_civilians"), ("events_jnim", "deaths_civilians"))
    ('events', 'deaths')
    """
    asked = [str(part_of(t)) if t in parts else t for t in targets]
    first = [t for t in ("events", "deaths") if t in asked]
    return tuple(dict.fromkeys([*first, *asked]))


def choose_parts(panel: Panel, targets: Sequence[str], unnamed: bool = True) -> ChosenParts:
    """The parts of a run: those among its targets, else every part of its totals that the panel knows.

    Parameters
    ----------
    panel : Panel
        Up to the origin.
    targets : sequence of str
        As asked for.
    unnamed : bool
        Whether parts are published that nobody has named.

    Raises
    ------
    UsageError
        A group of too few events is named.
    """
    divisions = divisions_of(panel)
    known = [*divisions.names, *([CIVILIANS] if {CIVILIANS, "deaths_best"} <= set(panel.measures) else [])]
    small = next((t for t in targets if t in divisions.small), None)
    if small:
        what = f"{small.removeprefix('events_')} has fewer than {FEWEST} events in the data."
        raise UsageError(what, "--targets", f"Choose among {', '.join(known)}.")
    named = tuple(t for t in targets if t in known)
    if named:
        return ChosenParts(divisions, named, divisions.notes)
    few = panel.shape[1] <= MOST_REGIONS
    if not (unnamed and few):
        note = f"More than {MOST_REGIONS} regions are divided into parts only where --targets names them."
        return ChosenParts(divisions, (), () if few or not unnamed else (note,))
    totals = main_targets(targets, known)
    return ChosenParts(divisions, tuple(n for n in known if part_of(n) in totals), divisions.notes)


def draw_parts(
    chosen: ChosenParts,
    panel: Panel,
    origin: pd.Period,
    draws: Mapping[str, Draws],
    seed: int,
    entering: Mapping[str, np.ndarray] | None = None,
) -> dict[str, Draws]:
    """Draws of every part that is wanted; each division has a random stream of its own.

    Parameters
    ----------
    chosen : ChosenParts
    panel : Panel
        The regions of the draws, up to the origin at least.
    origin : pandas.Period
    draws : mapping of str to Draws
        By total.
    seed : int
    entering : mapping of str to numpy.ndarray, optional
        The watch list: by group, ``P(any event of the group within 1..6 months)``, (6, regions); NaN where it has none.
    """
    row, found = panel.position(origin), dict[str, Draws]()
    model = ShareModel()
    for number, division in enumerate(chosen.divisions.found):
        if division.total in draws and _needed(division, chosen.names):
            rng = np.random.default_rng(np.random.SeedSequence([seed, STREAM, number]))
            shares = model.at(division, panel.countries, row)
            entries = None
            if division.kind == "group" and entering:
                entries = Entries.of(division.names, shares.mean, watched_groups(panel), entering, ANY)
            found |= _where_known(division, split_draws(draws[division.total], shares, rng, entries))
    if CIVILIANS in chosen.names and "deaths" in draws:
        rng = np.random.default_rng(np.random.SeedSequence([seed, STREAM, 9]))
        found |= _civilians(panel, row, draws, found, rng)
    return {name: found[name] for name in chosen.names if name in found}


def _where_known(division: Division, draws: Mapping[str, Draws]) -> dict[str, Draws]:
    """Each part for the regions in which it is one of its own: none of a group with hardly an event in a country."""
    out = {}
    for name, known in zip(division.names, division.known.T, strict=True):
        each = draws[name]
        # A copy, where all are known, too: a view would keep the draws of every part of the division.
        out[name] = each.select(np.array(each.region_ids)[known].tolist())
    return out


def _needed(division: Division, names: Sequence[str]) -> bool:
    """Whether any part is wanted; types are also what civilian deaths follow."""
    return bool(set(division.names) & set(names)) or (division.kind == "type" and CIVILIANS in names)


def _civilians(
    panel: Panel, row: int, draws: Mapping[str, Draws], parts: Mapping[str, Draws], rng: np.random.Generator
) -> dict[str, Draws]:
    """Civilian deaths: by the types of a draw's events; where these are not known, by shares of deaths."""
    share, deaths = CivilianShare.fit(panel, row), draws["deaths"]
    if share is not None and share.name in parts and "events" in draws:
        against = parts[share.name].values
        return {CIVILIANS: share.draw(deaths, against, draws["events"].values, rng)}
    division = civilian_division(panel)
    shares = ShareModel().at(division, panel.countries, row)
    return {CIVILIANS: split_draws(deaths, shares, rng)[CIVILIANS]}
