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
    _, block = np.unique((month - month.min()) // _BLOCK, return_inverse=True)
    blocks = int(block.max()) + 1
    drawn = rng.multinomial(blocks, np.full(blocks, 1 / blocks), size=_RESAMPLES)
    weight = np.concatenate([np.ones((1, blocks)), drawn])[:, block]
    apart = _ranked(ours, happened, weight) - _ranked(theirs, happened, weight)
    found = {"auc": apart[:, 0], "ap": apart[:, 1]}
    if chances:
        share = (weight @ happened) / weight.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            constant = -(share * np.log(share) + (1 - share) * np.log1p(-share)) * weight.sum(axis=1)
            found["log"] = weight @ (log_losses(theirs, happened) - log_losses(ours, happened)) / constant
    out: dict[str, Any] = {}
    for name, values in found.items():
        some = values[1:][np.isfinite(values[1:])]
        low, high = np.quantile(some, [0.025, 0.975]) if len(some) else (np.nan, np.nan)
        out |= {f"{name}_gain": float(values[0]), f"{name}_low": float(low), f"{name}_high": float(high)}
    return out


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
