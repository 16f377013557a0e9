"""Spillover taken apart: by source region, by armed group, by route and by chain of borders.

The model is linear in past counts, so that expected events can be traced exactly: what a border adds is the
difference of two expectations, what passes two borders is the difference of two such differences. Where excitation
saturates, the parts are traced along the expected path of the whole, so that they still add up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ...data.errors import SchemaError
from ...data.geography import country_name
from ...data.panel import Panel
from ...training.diffusion.border_signal import GRADES, NONE_SHOWN
from ...training.diffusion.design import lag_states
from ...training.diffusion.model import Diffusion
from ...training.diffusion.simulation import mean_paths
from ...training.diffusion.uncertainty import Ensemble, Expected, spread
from ...training.models.base import Problem
from ...training.onset import watched_groups
from ..outlook import group_label
from ..release import with_past_events
from .attribution import SPANS, declared_pairs, grades_of, stacked
from .words import share_statement

#: Events that are counted for no group apart.
OTHER, BACKGROUND = "other", "new events"
#: Attributed events below which a row is left out.
SMALLEST = 1e-6


@dataclass(frozen=True)
class ModelAtOrigin:
    """A model seen from one origin.

    Attributes
    ----------
    model : Diffusion
    problem : Problem
        Counts up to the origin, at least.
    states : numpy.ndarray
        Exponential means at the origin, (regions, lags).
    row : int
        Row of the origin.
    """

    model: Diffusion
    problem: Problem
    states: np.ndarray
    row: int

    @classmethod
    def at(cls, model: Diffusion, problem: Problem, origin: pd.Period) -> ModelAtOrigin:
        """The view from ``origin``."""
        row = problem.row(origin)
        return cls(model, problem, lag_states(problem)[row], row)

    @property
    def country(self) -> np.ndarray:
        """Country of every region."""
        return np.array(self.model.countries)

    @property
    def ids(self) -> np.ndarray:
        """Region ids."""
        return np.array(self.problem.panel.region_ids, dtype=object)

    @property
    def sources(self) -> list[str]:
        """Countries whose border links carry anything."""
        return sorted({str(c) for c in self.country[self.model.across.any(axis=0)]})

    def place(self, at: int) -> str:
        """A region in words, with its country."""
        name, country = self.problem.panel.names[at], country_name(str(self.country[at]))
        return name if name == country else f"{name} in {country}"

    @cached_property
    def ensemble(self) -> Ensemble:
        """The model and its alternatives."""
        return Ensemble.of(self.model)

    @cached_property
    def declared_borders(self) -> set[tuple[str, str]]:
        """Borders with a declared signal."""
        return declared_pairs(self.model.pairs)

    @cached_property
    def grades(self) -> dict[tuple[str, str], str]:
        """How good the evidence of each border is."""
        return grades_of(self.model.pairs)

    def declared(self, source: str, target: str) -> bool:
        """Whether the border from one country into another carries a declared signal."""
        return (source, target) in self.declared_borders

    def expect(
        self,
        months: int,
        closed: np.ndarray | None = None,
        states: np.ndarray | None = None,
        background: bool = True,
    ) -> Expected:
        """Exact expectations of every version of the model, with some links closed, of all that is or of a part."""
        gains = self.ensemble.gains(self.states, months)
        states = self.states if states is None else states
        return self.ensemble.expect(states, months, closed, background=background, gains=gains)

    def expected(self, model: Diffusion, span: int, states: np.ndarray | None = None) -> np.ndarray:
        """Exact expected events within ``span`` months, (regions,)."""
        return np.asarray(mean_paths(model, self.states if states is None else states, span)[0].sum(axis=0))


def by_region(view: ModelAtOrigin, spans: Sequence[int] = SPANS) -> pd.DataFrame:
    """Share of each region abroad that is traced to each single region, over all generations.

    Returns
    -------
    pandas.DataFrame
        ``source_region, source_country, target_region, target_country, horizon, events, share, share_low, share_high,
        declared, statement``.
    """
    tables: list[Mapping[str, Any]] = []
    if not view.sources:
        return _table([], ["source_region"])
    whole = view.expect(max(spans)).totals
    for at in np.flatnonzero(view.model.across.any(axis=0)):
        source, sender = str(view.country[at]), np.arange(len(view.country)) == at
        without = view.expect(max(spans), view.ensemble.closed(sender)).totals
        for span in spans:
            crossing = whole[span - 1] - without[span - 1]
            labels = {"source_region": view.ids[at], "words": view.place(int(at))}
            tables.append(_rows(view, crossing, whole[span - 1], source, span, **labels))
    return _table(tables, ["source_region"])


def group_measures(panel: Panel) -> dict[str, str]:
    """Watched armed groups, and events between two of them, by what they are called, with their measures.

    >>> from harmattan.data.snapshot import load_snapshot
    >>> list(group_measures(load_snapshot().panel))
    ['JNIM', 'Islamic State', 'JNIM against Islamic State']
    """
    watched = watched_groups(panel)
    own = [f"events_{group}" for group in watched if f"events_{group}" in panel.measures]
    parts = [part for each in watched.values() for part in each]
    clashes = [part for part in dict.fromkeys(parts) if parts.count(part) > 1]
    return {group_label(m.removeprefix("events_"), panel): m for m in own + clashes}


def by_group(
    view: ModelAtOrigin, spans: Sequence[int] = SPANS, groups: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Share of each region abroad that is traced to each armed group's events in a source country.

    An event counts for the group that took part in it, and all that follows from it within the horizon with it.
    Events that are yet to begin by themselves have no group: "new events".

    Raises
    ------
    SchemaError
        The panel has no counts by armed group.
    """
    panel = view.problem.panel
    groups = group_measures(panel) if groups is None else groups
    known = {name: m for name, m in groups.items() if m in panel.measures}
    if not known:
        raise SchemaError(
            "this panel has no counts by armed group.",
            remedy="Build it from a source with actors, such as UCDP GED.",
        )
    parts = {name: _group_states(view, measure) for name, measure in known.items()}
    # Of groups that have long gone nothing follows.
    parts = {name: states for name, states in parts.items() if states.max() > SMALLEST / 1000}
    parts[OTHER] = np.maximum(view.states - sum(parts.values()), 0.0)
    parts[BACKGROUND] = np.zeros_like(view.states)
    tables = []
    whole = view.expect(max(spans)).totals

    def followed(name: str, closed: np.ndarray | None = None) -> np.ndarray:
        # Linear in events and background: each part of the history can be followed alone.
        return view.expect(max(spans), closed, parts[name], background=name == BACKGROUND).totals

    open_ = {name: followed(name) for name in parts}
    for source in view.sources:
        closed = view.ensemble.closed(view.country == source)
        for name in parts:
            shut = followed(name, closed)
            for span in spans:
                crossing = open_[name][span - 1] - shut[span - 1]
                words = f"{'others' if name == OTHER else name} in {country_name(source)}"
                tables.append(_rows(view, crossing, whole[span - 1], source, span, group=name, words=words))
    return _table(tables, ["group"])


def _group_states(view: ModelAtOrigin, measure: str) -> np.ndarray:
    """Exponential means of one group's events at the origin, (regions, lags)."""
    panel = view.problem.panel
    swapped = replace(panel, measures={**panel.measures, "events": panel.measure(measure)})
    return np.asarray(lag_states(replace(view.problem, panel=swapped))[view.row])


def routes(view: ModelAtOrigin, spans: Sequence[int] = SPANS) -> pd.DataFrame:
    """Which pairs of regions carry the direct flow across each border.

    Returns
    -------
    pandas.DataFrame
        ``source_region, source_country, target_region, target_country, horizon, events`` (one step across this
        link), ``share`` of the events expected in the target, ``share_of_border`` (of what crosses between the
        two countries), ``share_low, share_high, declared, statement``.
    """
    tables = []
    if view.sources:
        ensemble, expected = view.ensemble, view.expect(max(spans))
        crossed = (ensemble.flow * expected.lag[:, :, ensemble.senders]).cumsum(axis=0)
        for at in np.flatnonzero(view.model.across.any(axis=0)):
            source, links = str(view.country[at]), np.flatnonzero(ensemble.senders == at)
            for span in spans:
                flow = np.zeros_like(expected.mean[0])
                flow[:, ensemble.receivers[links]] = crossed[span - 1][:, links]
                whole = expected.totals[span - 1]
                labels = {"source_region": view.ids[at], "words": f"{view.place(int(at))} in one step"}
                tables.append(_rows(view, flow, whole, source, span, **labels))
    table = _table(tables, ["source_region"])
    if len(table):
        keys = ["source_country", "target_country", "horizon"]
        table["share_of_border"] = table["events"] / table.groupby(keys)["events"].transform("sum")
    return table.sort_values(
        ["horizon", "events", "source_region", "target_region"],
        ascending=[True, False, True, True],
        ignore_index=True,
    )


def chains(view: ModelAtOrigin, spans: Sequence[int] = SPANS) -> pd.DataFrame:
    """Events that pass two borders: from A into B, and from B on into C.

    Returns
    -------
    pandas.DataFrame
        ``source_country, via_country, target_region, target_country, horizon, events, share, share_low, share_high,
        declared`` (both borders), ``statement``. A span of one month has no chains.
    """
    tables = []
    longer = [s for s in spans if s > 1]
    triples = list(_triples(view)) if longer else []

    def border(a: str, b: str) -> np.ndarray:
        return view.ensemble.closed(view.country == a, view.country == b)

    singles = {pair for a, b, c in triples for pair in ((a, b), (b, c))}
    closed = {pair: view.expect(max(longer), border(*pair)).totals for pair in sorted(singles)}
    whole = view.expect(max(longer)).totals if triples else np.empty(0)
    for source, via, target in triples:
        first, second = closed[source, via], closed[via, target]
        both = view.expect(max(longer), border(source, via) | border(via, target)).totals
        declared = view.declared(source, via) and view.declared(via, target)
        grade = max((view.grades[source, via], view.grades[via, target]), key=GRADES.index)
        for span in longer:
            at = span - 1
            through = whole[at] - first[at] - second[at] + both[at]
            through[:, view.country != target] = 0.0
            words = f"{country_name(source)} through {country_name(via)}"
            labels = {"via_country": via, "declared": declared, "grade": grade, "words": words}
            tables.append(_rows(view, through, whole[at], source, span, **labels))
    return _table(tables, ["via_country"])


def _triples(view: ModelAtOrigin) -> Iterator[tuple[str, str, str]]:
    """Every way through two borders that carry anything."""
    of = view.country
    joined = {
        (str(a), str(b))
        for a in set(of)
        for b in set(of)
        if a != b and view.model.across[np.ix_(of == b, of == a)].any()
    }
    for a, b in sorted(joined):
        for b2, c in sorted(joined):
            if b == b2 and c != a:
                yield a, b, c


def _rows(
    view: ModelAtOrigin, crossing: np.ndarray, whole: np.ndarray, source: str, span: int, **labels: object
) -> dict[str, Any]:
    """Columns of a row for every region abroad that something is traced in; both arrays are (versions, regions).

    Of the labels ``words`` names what it is traced to, for the row's statement.
    """
    at = np.flatnonzero((view.country != source) & (crossing[0] > SMALLEST))
    share, low, high = spread(crossing[:, at] / whole[:, at])
    keys = [(source, str(c)) for c in view.country[at]]
    return {
        "source_country": source,
        "target_region": view.ids[at],
        "target_country": view.country[at],
        "horizon": span,
        "events": crossing[0][at],
        "share": share,
        "share_low": low,
        "share_high": high,
        "declared": [k in view.declared_borders for k in keys],
        "grade": [view.grades.get(k, NONE_SHOWN) for k in keys],
        **labels,
    }


def _table(tables: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> pd.DataFrame:
    """One table, each row with its words."""
    columns = [*labels, "source_country", "target_region", "target_country", "horizon", "events"]
    columns += ["share", "share_low", "share_high", "declared", "grade"]
    some = [t for t in tables if len(t["share"])]
    table = stacked(some) if some else pd.DataFrame(columns=[*columns, "words"])
    said = (table[c] for c in ("grade", "words", "share_low", "share_high"))
    statements = [share_statement(*row) for row in zip(*said, strict=True)]
    return table[columns].assign(statement=statements)


def exact_answers(view: ModelAtOrigin, spans: Sequence[int] = SPANS) -> dict[str, pd.DataFrame]:
    """Every answer that needs no simulation, by name: ``regions, routes, chains``, and ``groups`` where known."""
    answers = {
        "regions": by_region(view, spans),
        "routes": routes(view, spans),
        "chains": chains(view, spans),
    }
    if groups := group_measures(view.problem.panel):
        seen = view.problem.panel.until(view.problem.panel.months[view.row])
        answers["groups"] = with_past_events(by_group(view, spans, groups), seen, groups)
    return answers
