"""Scores of chances and rankings, and intervals of what one forecast gains on another."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_RESAMPLES = 400
#: Months of a block that is drawn as one.
_BLOCK = 6


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
        share = np.full(len(values), happened.mean())
        found |= {
            "log_skill": 1 - float(log_losses(values, happened).sum() / log_losses(share, happened).sum()),
            "brier_skill": 1 - float(((values - happened) ** 2).sum() / ((share - happened) ** 2).sum()),
            "ratio": float(happened.sum() / values.sum()),
        }
    return found


def area(score: Array, happened: Array) -> float:
    """Area under the receiver operating characteristic, ties half; NaN without both outcomes.

    >>> area(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    0.75
    """
    return float(_ranked(score, happened, np.ones((1, len(score))))[0, 0])


def average_precision(score: Array, happened: Array) -> float:
    """Mean precision over what happened, ties taken together; NaN where nothing did.

    >>> round(average_precision(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])), 3)
    0.833
    """
    return float(_ranked(score, happened, np.ones((1, len(score))))[0, 1])


def log_losses(chance: Array, happened: Array) -> Array:
    """Negative logarithm of the chance of what came, (cases,).

    >>> log_losses(np.array([0.5, 0.5]), np.array([True, False])).round(3).tolist()
    [0.693, 0.693]
    """
    p = np.clip(chance, 1e-6, 1 - 1e-6)
    return np.asarray(-np.where(happened, np.log(p), np.log1p(-p)))


def gains(
    ours: Array, theirs: Array, happened: Array, month: Array, chances: bool, rng: np.random.Generator
) -> dict[str, float]:
    """AUC, average precision and, of chances, skill of one forecast less those of another.

    Parameters
    ----------
    ours, theirs : numpy.ndarray
        (cases,).
    month : numpy.ndarray
        Ordinal of each case's origin; blocks of six months are drawn anew for the 95 % intervals.
    chances : bool
        Whether ``theirs`` are probabilities.

    Returns
    -------
    dict
        ``auc_gain, auc_low, auc_high``, and the same of ``ap`` and ``log``.
    """
    weight = _drawn(month, rng)
    apart = _ranked(ours, happened, weight) - _ranked(theirs, happened, weight)
    found = {"auc": apart[:, 0], "ap": apart[:, 1]}
    if chances:
        share = (weight @ happened) / weight.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            constant = -(share * np.log(share) + (1 - share) * np.log1p(-share)) * weight.sum(axis=1)
            found["log"] = weight @ (log_losses(theirs, happened) - log_losses(ours, happened)) / constant
    out: dict[str, Any] = {}
    for name, values in found.items():
        low, high = _ends(values)
        out |= {f"{name}_gain": float(values[0]), f"{name}_low": low, f"{name}_high": high}
    return out


def ratio_interval(
    chance: Array, happened: Array, month: Array, rng: np.random.Generator
) -> dict[str, float]:
    """95 % interval of observed over forecast, from blocks of six months of origins drawn anew.

    Parameters
    ----------
    chance : numpy.ndarray
        0..1, (cases,).
    happened : numpy.ndarray
        bool, (cases,).
    month : numpy.ndarray
        Ordinal of each case's origin.

    Returns
    -------
    dict
        ``ratio_low, ratio_high``.

    Examples
    --------
    >>> month, rng = np.arange(24), np.random.default_rng(0)
    >>> ratio_interval(np.full(24, 0.5), month % 2 == 0, month, rng)  # every half-year has as many as forecast
    {'ratio_low': 1.0, 'ratio_high': 1.0}
    """
    weight = _drawn(month, rng)
    low, high = _ends((weight @ happened) / (weight @ chance))
    return {"ratio_low": low, "ratio_high": high}


def _drawn(month: Array, rng: np.random.Generator) -> Array:
    """How often each case counts, (1 + resamples, cases): once, then as often as its half-year is drawn."""
    _, block = np.unique((month - month.min()) // _BLOCK, return_inverse=True)
    blocks = int(block.max()) + 1
    drawn = rng.multinomial(blocks, np.full(blocks, 1 / blocks), size=_RESAMPLES)
    return np.asarray(np.concatenate([np.ones((1, blocks)), drawn])[:, block])


def _ends(values: Array) -> tuple[float, float]:
    """Ends of the middle 95 % of what was drawn anew: all but the first."""
    some = values[1:][np.isfinite(values[1:])]
    low, high = np.quantile(some, [0.025, 0.975]) if len(some) else (np.nan, np.nan)
    return float(low), float(high)


def _ranked(score: Array, happened: Array, weight: Array) -> Array:
    """AUC and average precision under each row of weights, (rows, 2); equal scores are taken together."""
    order = np.argsort(-score, kind="stable")
    ends = np.r_[np.flatnonzero(np.diff(score[order])), len(score) - 1]
    every = np.cumsum(weight[:, order], axis=1)[:, ends]
    hits = np.cumsum(weight[:, order] * happened[order], axis=1)[:, ends]
    gained, misses = np.diff(hits, prepend=0.0), every - hits
    with np.errstate(divide="ignore", invalid="ignore"):
        area = (np.diff(misses, prepend=0.0) * (hits - gained / 2)).sum(axis=1) / (
            hits[:, -1] * misses[:, -1]
        )
        precision = (gained * np.where(every > 0, hits / every, 0.0)).sum(axis=1) / hits[:, -1]
    return np.column_stack([area, precision])
