"""Whether the models are fed what they were trained on: population stability of the features, family by family."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from ...features.cube import FeatureCube

#: Months that count as now, months that they are held against, and past windows that say what is usual.
NOW, BEFORE, WINDOWS = 3, 60, 24
#: Bins of the reference; where many values are equal there are fewer.
BINS = 10
#: From this on a shift is large by the common rule of thumb (Siddiqi 2006, *Credit Risk Scorecards*).
LARGE = 0.25
#: One value a month, or one per country, is no population; and the month of the year is another one every month.
LEFT_OUT = ("calendar", "all regions", "country")
COLUMNS = ["family", "features", "psi", "usual", "worst", "worst_psi", "drifted"]


def stability(reference: np.ndarray, now: np.ndarray, bins: int = BINS) -> float:
    """Population stability index, ``sum (p - q) log(p / q)`` over bins of the reference.

    0 where both fall into the bins alike; NaN where either is empty.

    >>> values = np.arange(100.0)
    >>> stability(values, values), round(stability(values, values + 50), 2)
    (0.0, 2.29)
    """
    old, new = (np.asarray(v, float)[np.isfinite(v)] for v in (reference, now))
    if not len(old) or not len(new):
        return float("nan")
    edges = np.unique(np.quantile(old, np.linspace(0, 1, bins + 1)[1:-1]))
    p, q = (_shares(np.searchsorted(edges, v, side="right"), len(edges) + 1) for v in (old, new))
    return float(((q - p) * np.log(q / p)).sum())


def _shares(at: np.ndarray, bins: int) -> np.ndarray:
    """Share of each bin, half a case added where there is none, so that its logarithm exists."""
    counts = np.bincount(at, minlength=bins).astype(float)
    filled = np.where(counts > 0, counts, 0.5)
    return np.asarray(filled / filled.sum())


def input_drift(cube: FeatureCube, trained: pd.Period) -> pd.DataFrame:
    """The features of the last three months against the five years that a model was trained on.

    One row per family: ``features`` (how many), ``psi`` (their mean index), ``usual`` (the largest of
    24 windows of three months before), ``worst, worst_psi`` (the feature that moved most), ``drifted``: a large
    shift that is also an unusual one. Empty where the record is too short.
    """
    last = len(cube.months) - 1
    end = min(cube.position(min(trained, cube.months[-1])), last - NOW)
    if end < NOW + WINDOWS // 2:
        return pd.DataFrame(columns=COLUMNS)
    first = max(end - BEFORE + 1, 0)
    starts = range(max(end - WINDOWS - NOW + 2, first), end - NOW + 2)
    rows = []
    for name, family, values in zip(cube.names, cube.families, np.moveaxis(cube.values, 2, 0), strict=True):
        if family in LEFT_OUT:
            continue
        reference = values[first : end + 1]
        past = [stability(reference, values[s : s + NOW]) for s in starts]
        rows.append((family, name, stability(reference, values[last - NOW + 1 :]), *past))
    table = pd.DataFrame(rows).rename(columns={0: "family", 1: "feature", 2: "psi"})
    found = [_family(str(name), part) for name, part in table.groupby("family", sort=True)]
    return pd.DataFrame(found, columns=COLUMNS)


def _family(name: str, part: pd.DataFrame) -> tuple[object, ...]:
    known = part[part["psi"].notna()]
    if known.empty:
        return name, len(part), float("nan"), float("nan"), "", float("nan"), False
    psi = float(known["psi"].mean())
    usual = float(np.nanmax(known.iloc[:, 3:].to_numpy(float).mean(axis=0)))
    worst = known.sort_values("psi").iloc[-1]
    drifted = psi > LARGE and psi > usual
    return name, len(part), psi, usual, str(worst["feature"]), float(worst["psi"]), drifted
