"""How well onsets and entries are forecast: rolling origins against everything that a reader could do without us."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...training.onset import QUIET, OnsetFits, at_risk
from .record import record_table
from .tables import SPANS

Array = np.ndarray[Any, Any]

#: Targets of the development window; later ones stay closed unless unsealed.
FIRST_TARGET, LAST_OPEN = pd.Period("2016-01", freq="M"), pd.Period("2022-12", freq="M")
MODEL, CLIMATOLOGY, NEIGHBOURS, NEXT_DOOR, MEMBER = (
    "model",
    "climatology",
    "neighbours' events",
    "count next door",
    "endemic-epidemic member",
)
#: Classes of what was forecast.
CLASSES = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0)
_RESAMPLES = 200
#: Months of a block that is drawn as one.
_BLOCK = 6


@dataclass(frozen=True)
class Evaluated:
    """Every table of an evaluation.

    Attributes
    ----------
    scores : pandas.DataFrame
        ``of, group, data_lag, months, forecast, cases, happened, auc, ap, log_skill, brier_skill``, and ``ratio`` of
        observed to forecast; for the model, what it gains on its rival: ``against, auc_gain, auc_low, auc_high,
        ap_gain, ap_low, ap_high`` with 95 % intervals over half-years.
    classes, years, lists, record : pandas.DataFrame
        By class of what was forecast; by year; hits of lists; every list and what came.
    """

    scores: pd.DataFrame
    classes: pd.DataFrame
    years: pd.DataFrame
    lists: pd.DataFrame
    record: pd.DataFrame

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
    fits: OnsetFits, first: pd.Period, lags: tuple[int, ...], seed: int, say: Callable[[str, float], None]
) -> Evaluated:
    months = [m for m in fits.history.months if first - 1 <= m < fits.history.months[-1]]
    parts = []
    for lag in lags:
        for i, origin in enumerate(months):
            parts += list(cases_of(fits, origin, lag))
            if i % 12 == 0:
                say("origins", (lags.index(lag) + i / len(months)) / len(lags))
    cases = pd.concat(parts, ignore_index=True)
    rng = np.random.default_rng(seed)
    scores: list[dict[str, Any]] = []
    classes: list[dict[str, Any]] = []
    years: list[dict[str, Any]] = []
    for key, every in cases.groupby(["of", "data_lag", "months"]):
        of, lag_of, span = key
        asked = [("all", every)]
        if of == "entry":
            asked += [(str(g), part) for g, part in every.groupby("group")]
        for group, part in asked:
            head = {"of": of, "group": group, "data_lag": lag_of, "months": span}
            scores += _scores(part, head, rng)
        head = {"of": of, "data_lag": lag_of, "months": span}
        classes += _classes(every, head)
        years += _years(every, head)
    entries = cases[cases["of"] == "entry"]
    return Evaluated(
        pd.DataFrame(scores),
        pd.DataFrame(classes),
        pd.DataFrame(years),
        _lists(entries[entries["data_lag"] == lags[0]]),
        record_table(fits, fits.history.months[-1]),
    )


def cases_of(fits: OnsetFits, origin: pd.Period, lag: int) -> Iterator[pd.DataFrame]:
    """Forecasts of one origin and what came, with every rival: a table for each kind of list and months ahead."""
    history, month = fits.history, origin - lag
    row, start, own = history.row(month), history.row(origin) + 1, int(history.recorded.sum())
    models = fits.at(month)
    regions = np.flatnonzero(history.quiet("all", QUIET)[row, :own])
    link = fits.link_at(models, month)
    rivals = {
        CLIMATOLOGY: _climatology(history.quiet("all", QUIET), history.events["all"], row),
        NEIGHBOURS: (history.window("all", 12)[row] @ history.adjoining.T)[regions],
    }
    chance = models.onset_within(history, fits.problem, month, lag)[:, regions]
    member = -np.expm1(-np.cumsum(np.exp(link[:, regions]), axis=0))
    for span in SPANS:
        if start + span <= len(history.months):
            later = np.asarray(history.events["all"][start : start + span][:, regions].any(axis=0))
            yield _table("onset", "", origin, lag, span, chance, later, {**rivals, MEMBER: member[span - 1]})
    for group in history.groups if models.entry is not None else ():
        assert models.entry is not None
        risk = at_risk(history, group)
        regions = np.flatnonzero(risk[row] & history.recorded)
        chance = models.entry.within(history, group, row, regions, lag)
        rivals = {
            CLIMATOLOGY: _climatology(risk & history.recorded, history.events[group], row),
            NEXT_DOOR: (history.window(group, 12)[row] @ history.adjoining.T)[regions],
        }
        for span in SPANS:
            if start + span <= len(history.months):
                later = np.asarray(history.events[group][start : start + span][:, regions].any(axis=0))
                yield _table("entry", group, origin, lag, span, chance, later, rivals)


def _climatology(risk: Array, events: Array, row: int) -> Array:
    """The share of rows at risk, until ``row``, in which it came the month after: one number as an array of its own."""
    came = (events[1 : row + 1] > 0) & risk[:row]
    return np.array([(came.sum() + 0.5) / (risk[:row].sum() + 1)])


def _table(
    of: str,
    group: str,
    origin: pd.Period,
    lag: int,
    span: int,
    chance: Array,
    later: Array,
    rivals: dict[str, Array],
) -> pd.DataFrame:
    table = pd.DataFrame({MODEL: chance[span - 1], "happened": later})
    for name, values in rivals.items():
        table[name] = 1 - (1 - values[0]) ** span if name == CLIMATOLOGY else values
    return table.assign(
        of=of, group=group, origin=origin.ordinal, year=(origin + 1).year, data_lag=lag, months=span
    )


def _scores(part: pd.DataFrame, head: dict[str, Any], rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Every forecast of some cases, the model first."""
    happened = part["happened"].to_numpy(bool)
    if not happened.any() or happened.all():
        return
    names = [
        n for n in (MODEL, MEMBER, CLIMATOLOGY, NEIGHBOURS, NEXT_DOOR) if n in part and part[n].notna().all()
    ]
    for name in names:
        values = part[name].to_numpy(float)
        row = {**head, "forecast": name, "cases": len(part), "happened": int(happened.sum())}
        row |= figures(values, happened, chances=name in (MODEL, MEMBER, CLIMATOLOGY))
        if name == MODEL:
            rival = NEXT_DOOR if NEXT_DOOR in names else NEIGHBOURS
            row |= {"against": rival, **_gains(part, rival, rng)}
        yield row


def figures(values: Array, happened: Array, chances: bool = True) -> dict[str, float]:
    """AUC and average precision of a forecast; of chances also skill over a constant, and observed over forecast.

    Parameters
    ----------
    values : numpy.ndarray
        What was forecast, (cases,); the higher the likelier.
    happened : numpy.ndarray
        bool, (cases,), of both kinds.
    chances : bool
        Whether values are probabilities.
    """
    found = {"auc": area(values, happened), "ap": average_precision(values, happened)}
    if chances:
        share = happened.mean()
        found |= {
            "log_skill": 1 - _log_loss(values, happened) / _log_loss(np.full(len(values), share), happened),
            "brier_skill": 1
            - float(np.mean((values - happened) ** 2)) / float(np.mean((happened - share) ** 2)),
            "ratio": float(happened.sum() / values.sum()),
        }
    return found


def _gains(part: pd.DataFrame, rival: str, rng: np.random.Generator) -> dict[str, float]:
    """The model's AUC and average precision less those of a rival, with intervals over blocks of half-years."""
    happened = part["happened"].to_numpy(bool)
    ours, theirs = part[MODEL].to_numpy(float), part[rival].to_numpy(float)
    block = (part["origin"].to_numpy() - int(part["origin"].min())) // _BLOCK
    rows = [np.flatnonzero(block == b) for b in np.unique(block)]
    draws = np.empty((_RESAMPLES, 2))
    for i in range(_RESAMPLES):
        at = np.concatenate([rows[b] for b in rng.integers(len(rows), size=len(rows))])
        draws[i] = [
            f(ours[at], happened[at]) - f(theirs[at], happened[at]) for f in (area, average_precision)
        ]
    low, high = np.nanquantile(draws, [0.025, 0.975], axis=0)
    return {
        "auc_gain": area(ours, happened) - area(theirs, happened),
        "auc_low": float(low[0]),
        "auc_high": float(high[0]),
        "ap_gain": average_precision(ours, happened) - average_precision(theirs, happened),
        "ap_low": float(low[1]),
        "ap_high": float(high[1]),
    }


def area(score: Array, happened: Array) -> float:
    """Area under the receiver operating characteristic, ties half; NaN without both outcomes.

    >>> area(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    0.75
    """
    from scipy.stats import rankdata

    hits = int(happened.sum())
    misses = len(happened) - hits
    if not hits or not misses:
        return float("nan")
    return float((rankdata(score)[happened].sum() - hits * (hits + 1) / 2) / (hits * misses))


def average_precision(score: Array, happened: Array) -> float:
    """Mean precision over what happened, ties taken together; NaN where nothing did.

    >>> round(average_precision(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])), 3)
    0.833
    """
    if not happened.any():
        return float("nan")
    order = np.argsort(-score, kind="stable")
    ranked, hit = score[order], happened[order]
    last = np.r_[np.flatnonzero(np.diff(ranked)), len(ranked) - 1]
    found = np.cumsum(hit)[last]
    gained = np.diff(found, prepend=0)
    return float((gained * found / (last + 1)).sum() / hit.sum())


def log_losses(chance: Array, happened: Array) -> Array:
    """Negative logarithm of the chance of what came, (cases,).

    >>> log_losses(np.array([0.5, 0.5]), np.array([True, False])).round(3).tolist()
    [0.693, 0.693]
    """
    p = np.clip(chance, 1e-6, 1 - 1e-6)
    return np.asarray(-np.where(happened, np.log(p), np.log1p(-p)))


def _log_loss(chance: Array, happened: Array) -> float:
    return float(np.mean(log_losses(chance, happened)))


def _classes(part: pd.DataFrame, head: dict[str, Any]) -> Iterator[dict[str, Any]]:
    at = np.digitize(part[MODEL], CLASSES[1:-1])
    for k in range(len(CLASSES) - 1):
        here = part[at == k]
        if len(here):
            yield {
                **head,
                "from": CLASSES[k],
                "to": CLASSES[k + 1],
                "cases": len(here),
                "forecast": float(here[MODEL].mean()),
                "observed": float(here["happened"].mean()),
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
        for (group, _), here in part.groupby(["group", "origin"]):
            for name, other in ((MODEL, NEXT_DOOR), (NEXT_DOOR, MODEL)):
                ranked = here.sort_values([name, other], ascending=False, kind="stable")["happened"].to_numpy(
                    bool
                )
                found = int(ranked.sum())
                rows += [(group, span, name, n, int(ranked[:n].sum()), found) for n in (5, 10)]
    table = pd.DataFrame(rows, columns=["group", "months", "forecast", "length", "hits", "entries"])
    keys = ["group", "months", "forecast", "length"]
    return table.groupby(keys, as_index=False)[["hits", "entries"]].sum()
