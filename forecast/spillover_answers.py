"""Spillover taken apart: by source region, by armed group, by route, by chain of borders, and under stress.

The model is linear in past counts, so that expected events can be traced exactly: what a border adds is the
difference of two expectations, what passes two borders is the difference of two such differences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ..data.errors import SchemaError
from ..training.models.base import Problem
from ..training.models.diffusion import Diffusion, lag_states, mean_paths, simulate, size_at_origin
from .publishable import with_past_events
from .spillover import NO_SIGNAL, SHOCK_NOTE, SPANS, THRESHOLDS, stratified_uniforms

#: Armed groups whose events are counted apart; every other event is "other".
GROUP_MEASURES = {
    "JNIM": "events_jnim",
    "Islamic State": "events_islamic_state",
    "JNIM against Islamic State": "events_jnim_vs_is",
}
OTHER, BACKGROUND = "other", "new events"
#: Months whose median and 90th percentile the stress test takes, and those percentiles.
STRESS_MONTHS = 60
CALM, STRESS = 50, 90
#: Attributed events below which a row is left out.
SMALLEST = 1e-6


@dataclass(frozen=True)
class View:
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
    def at(cls, model: Diffusion, problem: Problem, origin: pd.Period) -> View:
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

    def declared(self, source: str, target: str) -> bool:
        """Whether the border from one country into another carries a declared signal."""
        p = self.model.pairs
        row = p[(p["source_country"] == source) & (p["target_country"] == target)]
        return bool(row["declared"].any())

    def expected(self, model: Diffusion, span: int, states: np.ndarray | None = None) -> np.ndarray:
        """Exact expected events within ``span`` months, (regions,)."""
        return np.asarray(mean_paths(model, self.states if states is None else states, span)[0].sum(axis=0))


def _bounded(
    view: View, sources: Sequence[str], traced: Callable[[Diffusion], np.ndarray]
) -> tuple[np.ndarray, ...]:
    """A traced share with the coefficients of ``sources`` at their estimates and at both ends of their intervals."""
    low, high = view.model, view.model
    for source in sources:
        low, high = low.at_bound(source, "low"), high.at_bound(source, "high")
    return tuple(traced(m) for m in (view.model, low, high))


def by_region(view: View, spans: Sequence[int] = SPANS) -> pd.DataFrame:
    """Share of each region abroad that is traced to each single region, over all generations.

    Returns
    -------
    pandas.DataFrame
        ``source_region, source_country, target_region, target_country, horizon, events, share, share_low, share_high,
        declared, statement``.
    """
    tables = []
    for at in np.flatnonzero(view.model.across.any(axis=0)):
        source, sender = str(view.country[at]), np.arange(len(view.country)) == at
        for span in spans:

            def traced(m: Diffusion, span: int = span, sender: np.ndarray = sender) -> np.ndarray:
                whole = view.expected(m, span)
                return np.stack([whole - view.expected(m.without(sender), span), whole])

            tables.append(
                _rows(view, _bounded(view, [source], traced), source, span, source_region=view.ids[at])
            )
    return _table(tables, ["source_region"])


def by_group(
    view: View, spans: Sequence[int] = SPANS, groups: Mapping[str, str] = GROUP_MEASURES
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
    known = {name: m for name, m in groups.items() if m in panel.measures}
    if not known:
        raise SchemaError(
            "this panel has no counts by armed group.",
            remedy="Build it from a source with actors, such as UCDP GED.",
        )
    parts = {name: _group_states(view, measure) for name, measure in known.items()}
    parts[OTHER] = np.maximum(view.states - sum(parts.values()), 0.0)
    tables = []
    for source in view.sources:
        sender = view.country == source
        for name in (*parts, BACKGROUND):
            states = parts.get(name, np.zeros_like(view.states))
            for span in spans:

                def traced(
                    m: Diffusion, states: np.ndarray = states, span: int = span, name: str = name,
                    sender: np.ndarray = sender,
                ) -> np.ndarray:  # fmt: skip
                    # Linear in events and background: each part of the history can be followed alone.
                    endemic = m.endemic if name == BACKGROUND else np.zeros_like(m.endemic)
                    alone = replace(m, endemic=endemic)
                    crossing = view.expected(alone, span, states) - view.expected(
                        alone.without(sender), span, states
                    )
                    return np.stack([crossing, view.expected(m, span)])

                tables.append(_rows(view, _bounded(view, [source], traced), source, span, group=name))
    return _table(tables, ["group"])


def _group_states(view: View, measure: str) -> np.ndarray:
    """Exponential means of one group's events at the origin, (regions, lags)."""
    panel = view.problem.panel
    swapped = replace(panel, measures={**panel.measures, "events": panel.measure(measure)})
    return np.asarray(lag_states(replace(view.problem, panel=swapped))[view.row])


def routes(view: View, spans: Sequence[int] = SPANS) -> pd.DataFrame:
    """Which pairs of regions carry the direct flow across each border.

    Returns
    -------
    pandas.DataFrame
        ``source_region, source_country, target_region, target_country, horizon, events`` (one step across this
        link), ``share`` of the events expected in the target, ``share_of_border`` (of what crosses between the
        two countries), ``share_low, share_high, declared, statement``.
    """
    tables = []
    for source in view.sources:
        sender = view.country == source
        for span in spans:

            def traced(m: Diffusion, span: int = span, sender: np.ndarray = sender) -> np.ndarray:
                means, lags = mean_paths(m, view.states, span)
                flow = np.where(sender[None, :], m.across, 0.0) * lags.sum(axis=0)[None, :]
                return np.stack([flow, np.broadcast_to(means.sum(axis=0)[:, None], flow.shape)])

            best, low, high = _bounded(view, [source], traced)
            for at in np.flatnonzero(best[0].any(axis=0)):
                one = tuple(part[:, :, at] for part in (best, low, high))
                tables.append(_rows(view, one, source, span, source_region=view.ids[at]))
    table = _table(tables, ["source_region"])
    if len(table):
        keys = ["source_country", "target_country", "horizon"]
        table["share_of_border"] = table["events"] / table.groupby(keys)["events"].transform("sum")
    return table.sort_values(
        ["horizon", "events", "source_region", "target_region"],
        ascending=[True, False, True, True],
        ignore_index=True,
    )


def chains(view: View, spans: Sequence[int] = SPANS) -> pd.DataFrame:
    """Events that pass two borders: from A into B, and from B on into C.

    Returns
    -------
    pandas.DataFrame
        ``source_country, via_country, target_region, target_country, horizon, events, share, share_low, share_high,
        declared`` (both borders), ``statement``. A span of one month has no chains.
    """
    tables = []
    for source, via, target in _triples(view):
        a, b, c = (view.country == name for name in (source, via, target))
        for span in (s for s in spans if s > 1):

            def traced(
                m: Diffusion, span: int = span, a: np.ndarray = a, b: np.ndarray = b, c: np.ndarray = c
            ) -> np.ndarray:
                first, second = m.without(a, b), m.without(b, c)
                whole = view.expected(m, span)
                both = view.expected(first.without(b, c), span)
                through = whole - view.expected(first, span) - view.expected(second, span) + both
                return np.stack([through, whole])

            rows = _rows(view, _bounded(view, [source, via], traced), source, span, via_country=via)
            rows = rows[rows["target_country"] == target]
            sure = view.declared(source, via) and view.declared(via, target)
            tables.append(rows.assign(declared=sure))
    return _table(tables, ["via_country"])


def _triples(view: View) -> Iterator[tuple[str, str, str]]:
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


def stress_response(
    view: View,
    months: int,
    paths: int,
    rng: np.random.Generator,
    spans: Sequence[int] = SPANS,
    thresholds: Sequence[int] = THRESHOLDS,
) -> pd.DataFrame:
    """Risk abroad when a country's border regions run at their 90th percentile instead of their median.

    The two levels are those of each region's last 60 observed months. They are set as the expected counts of the
    coming months in the regions whose links cross the border; all else follows the model, under the same random
    numbers.

    Returns
    -------
    pandas.DataFrame
        ``source_country, target_region, target_country, horizon, threshold, risk_calm, risk_stress, stress_response,
        response_low, response_high, declared, statement``.
    """
    uniforms = stratified_uniforms(paths, months, len(view.country), rng)
    recent = view.problem.panel.target(view.problem.target)[: view.row + 1][-STRESS_MONTHS:].astype(float)
    seen = ~np.isnan(recent).all(axis=0)
    levels = np.zeros((2, len(view.country)))
    levels[:, seen] = np.nanpercentile(recent[:, seen], [CALM, STRESS], axis=0)
    tables = []
    for source in view.sources:
        senders = (view.country == source) & view.model.across.any(axis=0)
        worlds = {}
        for end in ("best", "low", "high"):
            model = view.model if end == "best" else view.model.at_bound(source, end)
            size = size_at_origin(model, view.states)
            for name, level in zip(("calm", "stress"), levels, strict=True):
                given = np.broadcast_to(np.where(senders, level, np.nan), (months, len(senders)))
                worlds[end, name] = simulate(model, view.states, size, uniforms, given=given)
        for span in (s for s in spans if s <= months):
            totals = {key: p[:, :span].sum(axis=1) for key, p in worlds.items()}
            for threshold in thresholds:
                risk = {key: (t >= threshold).mean(axis=0) for key, t in totals.items()}
                frame = _responses(view, risk, source)
                tables.append(frame.assign(horizon=span, threshold=threshold))
    if not tables:
        return pd.DataFrame(columns=["source_country", "target_region", "target_country", "horizon"])
    return pd.concat(tables, ignore_index=True)


def _responses(view: View, risk: Mapping[tuple[str, str], np.ndarray], source: str) -> pd.DataFrame:
    """Rows of one source, span and threshold."""
    difference = {end: risk[end, "stress"] - risk[end, "calm"] for end in ("best", "low", "high")}
    reached = [c for c in sorted(set(view.country)) if _carries(view, source, c)]
    to = np.flatnonzero(np.isin(view.country, reached))
    declared = np.array([view.declared(source, str(c)) for c in view.country[to]], dtype=bool)
    return pd.DataFrame(
        {
            "source_country": source,
            "target_region": view.ids[to],
            "target_country": view.country[to],
            "risk_calm": risk["best", "calm"][to],
            "risk_stress": risk["best", "stress"][to],
            "stress_response": difference["best"][to],
            "response_low": np.min([*difference.values()], axis=0)[to],
            "response_high": np.max([*difference.values()], axis=0)[to],
            "declared": declared,
            "statement": [
                f"{100 * value:.1f} points of risk model-attributed to stress; {SHOCK_NOTE}"
                if sure
                else NO_SIGNAL
                for value, sure in zip(difference["best"][to], declared, strict=True)
            ],
        }
    )


def _carries(view: View, source: str, target: str) -> bool:
    of = view.country
    return source != target and bool(view.model.across[np.ix_(of == target, of == source)].any())


def _rows(
    view: View, traced: tuple[np.ndarray, ...], source: str, span: int, **labels: object
) -> pd.DataFrame:
    """Rows for every region abroad that something is traced in; ``traced`` are events and their whole."""
    (events, whole), low, high = traced
    at = np.flatnonzero((view.country != source) & (events > SMALLEST))
    declared = [view.declared(source, str(c)) for c in view.country[at]]
    return pd.DataFrame(
        {
            **labels,
            "source_country": source,
            "target_region": view.ids[at],
            "target_country": view.country[at],
            "horizon": span,
            "events": events[at],
            "share": (events / whole)[at],
            # Where everything rises at once a share can fall: the interval is the range of the three.
            "share_low": np.minimum(events / whole, low[0] / low[1])[at],
            "share_high": np.maximum(events / whole, high[0] / high[1])[at],
            "declared": np.array(declared, dtype=bool),
        }
    )


def _table(tables: Sequence[pd.DataFrame], labels: Sequence[str]) -> pd.DataFrame:
    """One table, each row with its words."""
    columns = [*labels, "source_country", "target_region", "target_country", "horizon", "events"]
    columns += ["share", "share_low", "share_high", "declared"]
    some = [t for t in tables if len(t)]
    table = pd.concat(some, ignore_index=True)[columns] if some else pd.DataFrame(columns=columns)
    table["statement"] = [
        f"{share:.0%} of expected events model-attributed ({low:.0%} to {high:.0%}); {SHOCK_NOTE}"
        if sure
        else NO_SIGNAL
        for share, low, high, sure in zip(
            table["share"], table["share_low"], table["share_high"], table["declared"], strict=True
        )
    ]
    return table


def exact_answers(view: View, spans: Sequence[int] = SPANS) -> dict[str, pd.DataFrame]:
    """Every answer that needs no simulation, by name: ``regions, routes, chains``, and ``groups`` where known."""
    answers = {
        "regions": by_region(view, spans),
        "routes": routes(view, spans),
        "chains": chains(view, spans),
    }
    if any(m in view.problem.panel.measures for m in GROUP_MEASURES.values()):
        seen = view.problem.panel.until(view.problem.panel.months[view.row])
        answers["groups"] = with_past_events(by_group(view, spans), seen, GROUP_MEASURES)
    return answers
