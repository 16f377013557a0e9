"""How well onsets and entries are forecast: rolling origins against everything that a reader could do without us."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...training.onset import QUIET, OnsetFits, at_risk, watched_groups
from .record import record_table
from .rivals import Rivals, first_entries
from .scores import figures, gains, ratio_interval
from .tables import FIRST, RETURN, SPANS, chances_of

Array = np.ndarray[Any, Any]

#: Targets of the development window; later ones stay closed unless unsealed.
FIRST_TARGET, LAST_OPEN = pd.Period("2016-01", freq="M"), pd.Period("2022-12", freq="M")
MODEL, CLIMATOLOGY, NEIGHBOURS, NEXT_DOOR, MEMBER, POOL, INFLOW = (
    "model",
    "climatology",
    "neighbours' events",
    "count next door",
    "endemic-epidemic member",
    "pool",
    "expected inflow",
)
#: Those that are probabilities.
CHANCES = (MODEL, MEMBER, POOL, CLIMATOLOGY)
#: Classes of what was forecast.
CLASSES = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0)


@dataclass(frozen=True)
class Evaluated:
    """Every table of an evaluation.

    Attributes
    ----------
    scores : pandas.DataFrame
        ``of, group, kind, data_lag, months, forecast, cases, happened, auc, ap``, of chances also ``log_skill,
        brier_skill`` and ``ratio`` of observed to forecast with ``ratio_low, ratio_high``; on a rival's row what the
        model gains on it, ``auc_gain, ap_gain`` and of chances ``log_gain``, each with ``_low`` and ``_high``: 95 %
        intervals over half-years.
        ``kind`` tells first-ever entries from returns.
    classes, years, lists, record : pandas.DataFrame
        By class of what was forecast, with 95 % intervals of what was observed; by year; hits of lists; every list and
        what came.
    quarters : pandas.DataFrame
        ``group, forecast, cases, happened, auc, ap`` and gains in the earlier test of first entries at borders.
    """

    scores: pd.DataFrame
    classes: pd.DataFrame
    years: pd.DataFrame
    lists: pd.DataFrame
    record: pd.DataFrame
    quarters: pd.DataFrame

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """By name."""
        return vars(self).copy()


def evaluate(
    fits: OnsetFits,
    first: pd.Period = FIRST_TARGET,
    lags: tuple[int, ...] = (0, 1),
    seed: int = 0,
    progress: Callable[[str, float], None] | None = None,
) -> Evaluated:
    """Forecast every month from rolling origins with yearly refits, and compare with what came.

    Parameters
    ----------
    fits : OnsetFits
        Of a history that ends with the last target month.
    first : pandas.Period
        First target month.
    lags : tuple of int
        Months until data are published.
    seed : int
        Of the bootstrap.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return _evaluated(fits, first, lags, seed, progress or (lambda stage, share: None))


def _evaluated(
    fits: OnsetFits,
    first: pd.Period,
    lags: tuple[int, ...],
    seed: int,
    say: Callable[[str, float], None],
) -> Evaluated:
    months = [m for m in fits.history.months if first - 1 <= m < fits.history.months[-1]]
    parts, rivals = [], Rivals(fits.problem)
    for lag in lags:
        for i, origin in enumerate(months):
            parts += list(cases_of(fits, origin, lag, rivals))
            if i % 12 == 0:
                say("origins", (lags.index(lag) + i / len(months)) / len(lags))
    cases = pd.concat(parts, ignore_index=True)
    rng = np.random.default_rng(seed)
    scores: list[dict[str, Any]] = []
    classes: list[dict[str, Any]] = []
    years: list[dict[str, Any]] = []
    for (of, lag_of, span), every in cases.groupby(["of", "data_lag", "months"]):
        asked = [("all", "all", every)]
        if of == "entry":
            asked += [(str(g), "all", part) for g, part in every.groupby("group")]
            asked += [("all", str(k), part) for k, part in every.groupby("kind")]
        for group, kind, part in asked:
            head = {"of": of, "group": group, "kind": kind, "data_lag": lag_of, "months": span}
            scores += _scores(part, head, rng)
            if group == "all":
                classes += _classes(part, head)
                years += _years(part, head)
    entries = cases[cases["of"] == "entry"]
    return Evaluated(
        pd.DataFrame(scores),
        pd.DataFrame(classes),
        pd.DataFrame(years),
        _lists(entries),
        record_table(fits, fits.history.months[-1], months[0]),
        _quarters(first_entries(fits, months[0]), rng),
    )


def cases_of(
    fits: OnsetFits, origin: pd.Period, lag: int, rivals: Rivals | None = None
) -> Iterator[pd.DataFrame]:
    """Forecasts of one origin and what came: a table for each kind of list and months ahead.

    With ``rivals`` also those that have to be fitted.
    """
    history, month = fits.history, origin - lag
    row, start, own = history.row(month), history.row(origin) + 1, int(history.recorded.sum())
    models, end = fits.at(month), fits.end_of(month)
    listed = chances_of(models, history, fits.problem, month, lag)
    regions = np.flatnonzero(history.quiet("all", QUIET)[row, :own])
    link = fits.link_at(models, month)
    simple = {
        CLIMATOLOGY: _climatology(history.quiet("all", QUIET), history.events["all"], row),
        NEIGHBOURS: (history.window("all", 12)[row] @ history.adjoining.T)[regions],
    }
    chance = listed.onset[:, regions]
    member = -np.expm1(-np.cumsum(np.exp(link[:, regions]), axis=0))
    pool = None if rivals is None else rivals.pool_within(end, month, lag)[:, regions]
    for span in SPANS:
        if start + span <= len(history.months):
            later = np.asarray(history.events["all"][start : start + span][:, regions].any(axis=0))
            others = {**simple, MEMBER: member[span - 1]} | ({} if pool is None else {POOL: pool[span - 1]})
            yield _table(("onset", "", ""), origin, lag, span, chance, later, others)
    for group in history.groups if models.entry is not None else ():
        risk = at_risk(history, group)
        regions = np.flatnonzero(risk[row] & history.recorded)
        chance = listed.entry[group][:, regions]
        simple = {
            CLIMATOLOGY: _climatology(risk & history.recorded, history.events[group], row),
            NEXT_DOOR: (history.window(group, 12)[row] @ history.adjoining.T)[regions],
        }
        if rivals is not None and rivals.flows:
            measures = watched_groups(fits.problem.panel)[group]
            simple[INFLOW] = rivals.inflow(end, month, measures)[regions]
        kind = np.where(history.events[group][: row + 1, regions].any(axis=0), RETURN, FIRST)
        for span in SPANS:
            if start + span <= len(history.months):
                later = np.asarray(history.events[group][start : start + span][:, regions].any(axis=0))
                yield _table(("entry", group, kind), origin, lag, span, chance, later, simple)


def _climatology(risk: Array, events: Array, row: int) -> Array:
    """The share of rows at risk, until ``row``, in which it came the month after: one number as an array of its own."""
    came = (events[1 : row + 1] > 0) & risk[:row]
    return np.array([(came.sum() + 0.5) / (risk[:row].sum() + 1)])


def _table(
    named: tuple[str, str, Any],
    origin: pd.Period,
    lag: int,
    span: int,
    chance: Array,
    later: Array,
    rivals: dict[str, Array],
) -> pd.DataFrame:
    of, group, kind = named
    others = {n: 1 - (1 - v[0]) ** span if n == CLIMATOLOGY else v for n, v in rivals.items()}
    when = {"origin": origin.ordinal, "year": (origin + 1).year, "data_lag": lag, "months": span}
    columns = {MODEL: chance[span - 1], "happened": later, **others, "of": of, "group": group, **when}
    return pd.DataFrame({**columns, "kind": kind})


def _scores(part: pd.DataFrame, head: dict[str, Any], rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Every forecast of some cases, the model first; on a rival's row what the model gains on it."""
    happened = part["happened"].to_numpy(bool)
    if not happened.any() or happened.all():
        return
    names = (MODEL, POOL, MEMBER, CLIMATOLOGY, NEIGHBOURS, NEXT_DOOR, INFLOW)
    for name in (n for n in names if n in part and part[n].notna().all()):
        values, ours = part[name].to_numpy(float), part[MODEL].to_numpy(float)
        row = {**head, "forecast": name, "cases": len(part), "happened": int(happened.sum())}
        origin, chances = part["origin"].to_numpy(), name in CHANCES
        row |= figures(values, happened, chances)
        if chances:
            row |= ratio_interval(values, happened, origin, rng.spawn(1)[0])
        if name != MODEL:
            row |= gains(ours, values, happened, origin, chances, rng)
        yield row


def _quarters(entries: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The earlier test of first entries, all groups together and each."""
    rows = []
    for group, part in [("all", entries), *entries.groupby("group")]:
        happened = part["happened"].to_numpy(bool)
        if not happened.any() or happened.all():
            continue
        for name, column in ((MODEL, "model"), (NEXT_DOOR, "next_door"), (INFLOW, "inflow")):
            values = part[column].to_numpy(float)
            row = {"group": group, "forecast": name, "cases": len(part), "happened": int(happened.sum())}
            row |= figures(values, happened, chances=False)
            if name != MODEL:
                ours = part["model"].to_numpy(float)
                row |= gains(ours, values, happened, part["origin"].to_numpy(), False, rng)
            rows.append(row)
    return pd.DataFrame(rows)


def _classes(part: pd.DataFrame, head: dict[str, Any]) -> Iterator[dict[str, Any]]:
    from scipy.stats import beta

    at = np.digitize(part[MODEL], CLASSES[1:-1])
    for k in range(len(CLASSES) - 1):
        here = part[at == k]
        if len(here):
            came = int(here["happened"].sum())
            low, high = beta.ppf([0.025, 0.975], came + 0.5, len(here) - came + 0.5)
            yield {
                **head,
                "from": CLASSES[k],
                "to": CLASSES[k + 1],
                "cases": len(here),
                "forecast": float(here[MODEL].mean()),
                "observed": came / len(here),
                "observed_low": float(low) if came else 0.0,
                "observed_high": float(high) if came < len(here) else 1.0,
            }


def _years(part: pd.DataFrame, head: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for year, here in part.groupby("year"):
        expected, observed = float(here[MODEL].sum()), int(here["happened"].sum())
        yield {**head, "year": year, "expected": expected, "observed": observed}


def _lists(entries: pd.DataFrame) -> pd.DataFrame:
    """Entries among the highest of each quarter's and half-year's list, the model's and the count next door's."""
    rows = []
    for span, step in ((3, 3), (6, 6)):
        # an origin that ends a quarter or half-year: month 11 of the ordinal's twelve is December
        part = entries[(entries["months"] == span) & ((entries["origin"] % 12 + 1) % step == 0)]
        for (group, lag, _), here in part.groupby(["group", "data_lag", "origin"]):
            for name, other in ((MODEL, NEXT_DOOR), (NEXT_DOOR, MODEL)):
                ranked = here.sort_values([name, other], ascending=False, kind="stable")["happened"].to_numpy(
                    bool
                )
                found = int(ranked.sum())
                rows += [(group, lag, span, name, n, int(ranked[:n].sum()), found) for n in (5, 10)]
    table = pd.DataFrame(
        rows, columns=["group", "data_lag", "months", "forecast", "length", "hits", "entries"]
    )
    keys = ["group", "data_lag", "months", "forecast", "length"]
    return table.groupby(keys, as_index=False)[["hits", "entries"]].sum()
