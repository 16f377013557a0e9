"""Whether one forecast is better than another, or only seems so: bootstrap over months and Diebold-Mariano."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from ...data.errors import UsageError, nearest

#: Below this many months an interval from blocks of months is too narrow to say anything.
ENOUGH_MONTHS = 24
#: How far coverage may be from nominal.
BAND = 0.02


def month_blocks(months: int, rng: np.random.Generator, block: int = 6, samples: int = 1000) -> np.ndarray:
    """How often each month is drawn in every sample of a circular block bootstrap.

    Parameters
    ----------
    months : int
        Months in order, >= 1.
    block : int
        Months that stay together; never more than half of all.

    Returns
    -------
    numpy.ndarray
        Whole numbers, float64, shape (samples, months), rows summing to ``months``.

    Notes
    -----
    Politis & Romano (1992), "A circular block-resampling procedure for stationary data".

    Examples
    --------
    >>> month_blocks(12, np.random.default_rng(7), samples=3).sum(axis=1).tolist()
    [12.0, 12.0, 12.0]
    """
    block = max(1, min(block, months // 2))
    starts = rng.integers(0, months, size=(samples, -(-months // block)))
    index = ((starts[..., None] + np.arange(block)) % months).reshape(samples, -1)[:, :months]
    flat = index + months * np.arange(samples)[:, None]
    return np.bincount(flat.ravel(), minlength=samples * months).reshape(samples, months).astype(float)


def skill_from_blocks(
    score: np.ndarray, reference: np.ndarray, blocks: np.ndarray, level: float = 0.95
) -> tuple[float, float, float]:
    """Skill ``1 - sum(score) / sum(reference)`` and its interval over given bootstrap samples.

    Parameters
    ----------
    score, reference : numpy.ndarray
        Shape (months,): sums (or means) of both over the same cases, 0 where a month has none.
    blocks : numpy.ndarray
        What :func:`month_blocks` gave, shape (samples, months); the same for all that is compared.

    Returns
    -------
    tuple of float
        Estimate, lower and upper end, as fractions; NaN where the reference is nowhere above zero.

    Examples
    --------
    >>> blocks = month_blocks(24, np.random.default_rng(7))
    >>> skill_from_blocks(np.full(24, 0.9), np.ones(24), blocks)
    (0.1, 0.1, 0.1)
    """
    total = float(reference.sum())
    if not total > 0:
        return float("nan"), float("nan"), float("nan")
    base = blocks @ reference
    drawn = (blocks @ score)[base > 0] / base[base > 0]
    tail = (1 - level) / 2
    high, low = np.quantile(drawn, [tail, 1 - tail]) if len(drawn) else (np.nan, np.nan)
    estimate, low, high = (
        round(1 - float(part), 12) for part in (float(score.sum()) / total, float(low), float(high))
    )
    return estimate, low, high


def block_bootstrap_skill(
    score: np.ndarray,
    reference: np.ndarray,
    rng: np.random.Generator,
    block: int = 6,
    samples: int = 1000,
    level: float = 0.95,
) -> tuple[float, float, float]:
    """Skill ``1 - mean(score) / mean(reference)`` with an interval from a circular block bootstrap over months.

    Parameters
    ----------
    score, reference : numpy.ndarray
        Mean score of each origin month, shape (months,), in order.
    block : int
        Length of a block, months; it keeps the dependence between neighbouring origins.

    Returns
    -------
    tuple of float
        Estimate, lower and upper end, as fractions; NaN where the reference is zero.

    Examples
    --------
    >>> block_bootstrap_skill(np.full(24, 0.9), np.ones(24), np.random.default_rng(7))
    (0.1, 0.1, 0.1)
    """
    return skill_from_blocks(score, reference, month_blocks(len(score), rng, block, samples), level)


def diebold_mariano(difference: np.ndarray, horizon: int) -> float:
    """Two-sided p-value that two forecasts lose equally much, with autocorrelation-consistent errors.

    Parameters
    ----------
    difference : numpy.ndarray
        Mean loss of one forecast less that of the other, shape (months,), in order; NaN months are left out.
    horizon : int
        Months ahead: errors of overlapping forecasts are correlated over ``horizon - 1`` months at least.

    Returns
    -------
    float
        NaN for fewer than 8 months, or where the two never differ.

    Notes
    -----
    Diebold & Mariano (1995), doi:10.1080/07350015.1995.10524599: a regression on a constant with Newey-West
    errors (doi:10.2307/1913610), small-sample correction and Student's t. The bandwidth is the larger of
    ``horizon - 1`` and Newey & West's ``4 (n / 100)^(2/9)``.

    Examples
    --------
    >>> d = np.random.default_rng(7).normal(1.0, 1.0, 60)
    >>> diebold_mariano(d, horizon=1) < 0.01
    True
    """
    d = np.asarray(difference, float)
    d = d[np.isfinite(d)]
    if len(d) < 8 or np.ptp(d) == 0:
        return float("nan")
    n = len(d)
    lags = min(max(horizon - 1, int(4 * (n / 100) ** (2 / 9))), n // 3)
    # statsmodels' OLS on a constant gives the same (a test compares them), and takes seconds to import.
    off = d - d.mean()
    weights = 1 - np.arange(1, lags + 1) / (lags + 1)
    pairs = np.array([off[j:] @ off[:-j] for j in range(1, lags + 1)])
    variance = float(off @ off + 2 * weights @ pairs) / n / (n - 1)
    return float(2 * special.stdtr(n - 1, -abs(float(d.mean())) / np.sqrt(variance)))


def compare_members(
    cases: pd.DataFrame, first: str | None = None, second: str | None = None, measure: str = "crps"
) -> pd.DataFrame:
    """Whether one forecast is better than another, horizon by horizon, on the cases that both have.

    Parameters
    ----------
    cases : pandas.DataFrame
        ``target, member, horizon, origin, region_id`` and a score in which less is better.
    first, second : str, optional
        Two members; every pair of all that there are where none is named.
    measure : str
        ``crps``, ``crps_log``, ``ignorance`` or ``interval_90``.

    Returns
    -------
    pandas.DataFrame
        ``target, horizon, first, second, cases, months, score, other, skill, low, high, p, verdict``: mean scores of
        both, the share of the second's score that the first saves with its 95 % interval (blocks of six months), and
        the p-value of Diebold and Mariano.

    Raises
    ------
    UsageError
        A member or a measure that is not there, or one name where two are needed.
    """
    known = list(dict.fromkeys(cases["member"].astype(str)))
    for name in (n for n in (first, second) if n is not None):
        if name not in known:
            raise UsageError(f"there is no member '{name}' here.", "compare", nearest(name, known))
    if (first is None) != (second is None) or (first is not None and first == second):
        raise UsageError("two members are compared.", "compare", "Name two, or none for every pair.")
    if measure not in cases:
        raise UsageError(
            f"there is no measure '{measure}'.", "compare", nearest(measure, list(cases.columns))
        )
    pairs = list(combinations(known, 2)) if first is None else [(first, str(second))]
    rows = []
    grouped: Any = cases.groupby(["target", "horizon"], observed=True, sort=True)
    for (target, horizon), part in grouped:
        keys = ["origin", "region_id"]
        wide = part.pivot_table(index=keys, columns="member", values=measure, observed=True).sort_index()
        blocks: dict[int, np.ndarray] = {}
        for one, two in pairs:
            if one not in wide or two not in wide:
                continue
            both = wide[[one, two]].dropna().astype(float)
            by_month = both.groupby(level="origin", observed=True)
            sums, means = by_month.sum(), by_month.mean()
            months = len(sums)
            if not months:
                continue
            if months not in blocks:
                blocks[months] = month_blocks(months, np.random.default_rng([7, months]))
            skill = skill_from_blocks(sums[one].to_numpy(), sums[two].to_numpy(), blocks[months])
            p = diebold_mariano((means[one] - means[two]).to_numpy(), int(horizon))
            scores = {"score": float(both[one].mean()), "other": float(both[two].mean())}
            interval = dict(zip(("skill", "low", "high"), skill, strict=True))
            place = {"target": str(target), "horizon": int(horizon), "first": one, "second": two}
            counts = {"cases": len(both), "months": months}
            rows.append(
                {**place, **counts, **scores, **interval, "p": p, "verdict": _words(skill, months, two)}
            )
    return pd.DataFrame(rows)


def _words(skill: tuple[float, float, float], months: int, other: str) -> str:
    """A comparison in words."""
    if not np.isfinite(skill).all():
        return "cannot be compared"
    if months < ENOUGH_MONTHS:
        return f"too few months to compare: {months}, and {ENOUGH_MONTHS} are needed"
    if skill[1] <= 0 <= skill[2]:
        return f"no clear difference from {other}: the interval covers zero"
    return f"{'better' if skill[1] > 0 else 'worse'} than {other}"
