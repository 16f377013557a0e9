"""Passes over the months of a series: pure array functions behind the terms.

Every pass runs forward, month by month, on one row of regions at a time, in float64 or in exact whole numbers: no value
can depend on a later month, not even in its last bit.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .view import Array, Series


def reached(values: Array, at_least: float) -> Array:
    """Where a value reaches a threshold; with 0, where it is above 0."""
    hit: Array = values >= at_least if at_least > 0 else values > 0
    return hit


def window_sums(
    series: Series, window: int, dtype: type = np.float64
) -> Iterator[tuple[Array, Array | float]]:
    """Month by month, the sum over the observed months among the last ``window``, and how many they are.

    The yielded arrays are overwritten by the next step.
    """
    values, observed = series.values, series.observed
    total = np.zeros(values.shape[1], dtype=dtype)
    seen = np.zeros(values.shape[1])
    for t in range(len(values)):
        total += values[t]
        if t >= window:
            total -= values[t - window]
        if observed is None:
            yield total, float(min(t + 1, window))
            continue
        seen += observed[t]
        if t >= window:
            seen -= observed[t - window]
        yield total, seen


def window_means(series: Series, window: int) -> Iterator[Array]:
    """Month by month, the mean of the observed among the last ``window`` months; float64, NaN if none."""
    for total, seen in window_sums(series, window):
        yield _over(total, seen)


def write_window(series: Series, window: int, out: Array, scale: float) -> None:
    """Write ``scale`` times the mean of the last ``window`` months; a scale of ``window`` gives the sum.

    Whole numbers are summed in float32, exactly. The result has the same bits either way: dividing two whole numbers
    in float64 and rounding to float32 is the same as dividing them in float32.
    """
    fast = series.observed is None and series.counts
    for t, (total, seen) in enumerate(window_sums(series, window, np.float32 if fast else np.float64)):
        if isinstance(seen, float) and scale == seen:
            out[t] = total
        elif isinstance(seen, float) and scale == 1.0:
            np.divide(total, seen, out=out[t], casting="same_kind")
        elif scale == 1.0:
            out[t] = _over(total, seen)
        else:
            out[t] = total * _over(np.full(len(total), scale), seen)


def _over(total: Array, seen: Array | float) -> Array:
    """``total / seen`` in float64, NaN where nothing was seen."""
    mean = np.full(len(total), np.nan)
    np.divide(total, seen, out=mean, where=np.asarray(seen) > 0)
    return mean


def exponential_means(series: Series, half_life: float, out: Array) -> None:
    """Write the exponentially weighted mean, NaN until something was observed."""
    keep = 0.5 ** (1.0 / half_life)
    values, observed = series.values, series.observed
    total = np.zeros(values.shape[1])
    weight: Array | float = 0.0 if observed is None else np.zeros_like(total)
    for t in range(len(values)):
        total *= keep
        total += values[t]
        weight = weight * keep + (1.0 if observed is None else observed[t])
        # the reciprocal is rounded before it is used, with gaps or without, so that the bits agree
        share = 1.0 / weight if isinstance(weight, float) else _over(np.ones_like(total), weight)
        np.multiply(total, share, out=out[t], casting="same_kind")


def months_since(hit: Array, observed: Array | None, out: Array) -> None:
    """Write the months since the last hit: NaN before the first and from a gap to the next hit."""
    state = np.full(out.shape[1], np.nan, dtype=np.float32)
    for t in range(len(out)):
        state += 1
        if observed is not None:
            np.copyto(state, np.float32(np.nan), where=~observed[t])
        np.copyto(state, np.float32(0), where=hit[t])
        out[t] = state
