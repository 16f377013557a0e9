"""What else forecasts onsets and entries: the pool, the diffusion model's inflow; and an earlier test of rankings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from ...data.panel import Panel
from ...training.models.base import Problem
from ...training.onset import AHEAD, OnsetFits, watched_groups

Array = np.ndarray[Any, Any]
#: Months ahead that the pool is fitted for; those between are interpolated.
FITTED = (1, 3, 6)
#: The earlier test asks at the end of each quarter whether a group came in the next.
QUARTER = 3
COLUMNS = ("origin", "group", "region_id", "country", "model", "next_door", "inflow", "happened")


@dataclass
class Rivals:
    """Rivals that have to be fitted, anew each December as the models themselves; fits are kept.

    Attributes
    ----------
    problem : Problem
        Of events.
    """

    problem: Problem
    _pools: dict[pd.Period, list[Any]] = field(default_factory=dict)
    _flows: dict[pd.Period, Any] = field(default_factory=dict)
    _states: dict[str, Array] = field(default_factory=dict)

    def pool_within(self, end: pd.Period, month: pd.Period, lag: int = 0) -> Array:
        """The pool's chance of any event within 1..6 months, (6, regions), as if months were independent.

        Equal weights, without the model of onsets.
        """
        from ...training.pool import fit_pool

        if end not in self._pools:
            shared: dict[Any, Any] = {}
            self._pools[end] = [fit_pool(self.problem, end, h, shared=shared) for h in FITTED]
        chance = [pool.margins(self.problem, month)["pool"].prob_at_least(1) for pool in self._pools[end]]
        known = np.log(np.maximum(-np.log1p(-np.minimum(chance, 1 - 1e-9)), 1e-9))
        ahead = np.log(np.clip(np.arange(1, AHEAD + lag + 1), FITTED[0], FITTED[-1]))
        hazard = [np.exp([np.interp(a, np.log(FITTED), column) for a in ahead]) for column in known.T]
        return np.asarray(-np.expm1(-np.cumsum(np.stack(hazard, axis=1)[lag:], axis=0)))

    def inflow(
        self, end: pd.Period, month: pd.Period, measures: tuple[str, ...], crossing: bool = False
    ) -> Array:
        """A group's events that the diffusion model expects to arrive within three months, (regions,).

        Parameters
        ----------
        measures : tuple of str
            What counts for the group.
        crossing : bool
            Only those that have crossed a border.
        """
        from ...training.diffusion.design import lag_states
        from ...training.diffusion.fit import fit_diffusion
        from ...training.diffusion.simulation import mean_paths

        if end not in self._flows:
            self._flows[end] = fit_diffusion(self.problem, end)
        model, key = self._flows[end], "+".join(measures)
        panel = self.problem.panel
        if key not in self._states:
            events = np.sum([panel.measure(m, fill=0) for m in measures], axis=0)
            counted = replace(panel, measures={**panel.measures, "events": events})
            self._states[key] = lag_states(replace(self.problem, panel=counted))
        states = self._states[key][self.problem.row(month)]
        alone = replace(model, endemic=np.zeros_like(model.endemic))
        whole = mean_paths(alone, states, QUARTER)[0].sum(axis=0)
        if crossing:
            whole = whole - mean_paths(replace(alone, across=np.zeros_like(model.across)), states, QUARTER)[
                0
            ].sum(axis=0)
        return np.asarray(whole)

    @property
    def flows(self) -> bool:
        """Whether there are borders that anything can cross."""
        links = self.problem.panel.links
        return links is not None and bool(links["crosses_border"].any())


def separate_groups(panel: Panel) -> dict[str, tuple[str, ...]]:
    """The measures of the earlier test, and the watched groups that each counts for: all of them in a clash."""
    watched = watched_groups(panel)
    found: dict[str, tuple[str, ...]] = {}
    for label, parts in watched.items():
        for part in parts:
            if part == f"events_{label}" or part in found or sum(part in p for p in watched.values()) > 1:
                found[part] = (*found.get(part, ()), label)
    return found


def first_entries(fits: OnsetFits, first: pd.Period) -> pd.DataFrame:
    """Regions at a border that a group has never been seen in, by quarter: three rankings, and whether it came.

    The test of docs/spillover.md, where the diffusion model did no better than the events next door. It asks for
    clashes of two groups as well, for which both have to come: the product of their chances.

    Parameters
    ----------
    fits : OnsetFits
    first : pandas.Period
        First origin.

    Returns
    -------
    pandas.DataFrame
        ``origin, group, region_id, country, model, next_door, inflow, happened``; empty without borders or groups.
    """
    panel, history, rivals = fits.problem.panel, fits.history, Rivals(fits.problem)
    groups = separate_groups(panel) if rivals.flows and history.km is not None else {}
    country = np.array(panel.countries, dtype=object)
    tables, own = [], len(country)
    for month in history.months[:-QUARTER] if groups else ():
        if month < first or month.month % QUARTER:
            continue
        row, end = history.row(month), fits.end_of(month)
        model = fits.entry_from(end)
        if model is None:
            continue
        border = np.flatnonzero((history.adjoining[:own, :own] & (country[:, None] != country)).any(axis=1))
        for measure, labels in groups.items():
            events = panel.measure(measure, fill=0)
            fresh = border[~events[: row + 1, border].any(axis=0)]
            beside = events[max(row - 11, 0) : row + 1].sum(axis=0) @ history.adjoining[:own, :own].T
            chances = [model.within(history, label, row, fresh)[QUARTER - 1] for label in labels]
            table = {
                "origin": month.ordinal,
                "group": measure.removeprefix("events_"),
                "region_id": np.array(panel.region_ids, dtype=object)[fresh],
                "country": country[fresh],
                "model": np.prod(chances, axis=0),
                "next_door": beside[fresh],
                "inflow": rivals.inflow(end, month, (measure,), crossing=True)[fresh],
                "happened": events[row + 1 : row + 1 + QUARTER, fresh].any(axis=0),
            }
            tables.append(pd.DataFrame(table))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))
