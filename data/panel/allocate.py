"""Which month and region each incident, or which share of it, is counted in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

MONTH_RULES = ("end", "start", "spread", "even")
PLACE_RULES = ("drop", "keep", "spread")


@dataclass(frozen=True)
class Allocation:
    """Incidents in pieces: row of the incident, month and region it counts in, and with what weight."""

    row: np.ndarray
    month: np.ndarray
    region: np.ndarray
    weight: np.ndarray

    def take(self, keep: np.ndarray) -> Allocation:
        """Some of the pieces."""
        return Allocation(self.row[keep], self.month[keep], self.region[keep], self.weight[keep])


def months_of(
    start: pd.Series, end: pd.Series, rows: np.ndarray, region: np.ndarray, origin: int, rule: str
) -> Allocation:
    """Pieces by month; the weights of one incident add up to one under every rule.

    Parameters
    ----------
    start, end : pandas.Series
        First and last day of every incident.
    rows, region : numpy.ndarray
        Incidents to take, and their regions.
    origin : int
        Month 0, as ``year * 12 + month - 1``.
    rule : {"end", "start", "spread", "even"}
        ``spread`` shares out by days, ``even`` in equal parts over the months.

    Examples
    --------
    >>> days = pd.Series(pd.to_datetime(["2020-01-31", "2020-02-03"]))
    >>> start, end = days[:1], days[1:].reset_index(drop=True)
    >>> months_of(start, end, np.array([0]), np.array([0]), 2020 * 12, "spread").weight
    array([0.25, 0.75])
    >>> months_of(start, end, np.array([0]), np.array([0]), 2020 * 12, "even").weight
    array([0.5, 0.5])
    """
    first, last = start.iloc[rows], end.iloc[rows]
    a = first.dt.year.to_numpy() * 12 + first.dt.month.to_numpy() - 1 - origin
    b = last.dt.year.to_numpy() * 12 + last.dt.month.to_numpy() - 1 - origin
    if rule == "end":
        return Allocation(rows, b.astype(np.int64), region, np.ones(len(rows)))
    if rule == "start":
        return Allocation(rows, a.astype(np.int64), region, np.ones(len(rows)))
    span = (b - a + 1).astype(np.int64)
    piece = np.repeat(np.arange(len(rows)), span)
    step = np.arange(len(piece)) - np.repeat(np.cumsum(span) - span, span)
    month = a[piece] + step
    if rule == "even":
        return Allocation(rows[piece], month.astype(np.int64), region[piece], 1.0 / span[piece])
    begin = (month + origin - 1970 * 12).astype("datetime64[M]").astype("datetime64[D]")
    stop = (month + origin + 1 - 1970 * 12).astype("datetime64[M]").astype("datetime64[D]")
    day_a = first.to_numpy().astype("datetime64[D]")[piece]
    day_b = last.to_numpy().astype("datetime64[D]")[piece] + np.timedelta64(1, "D")
    days = (np.minimum(stop, day_b) - np.maximum(begin, day_a)).astype(np.int64)
    whole = (day_b - day_a).astype(np.int64)
    return Allocation(rows[piece], month.astype(np.int64), region[piece], days / whole)


def spread_places(
    parts: Allocation, vague: np.ndarray, countries: np.ndarray, observed: np.ndarray
) -> Allocation:
    """Pieces of vague incidents shared out over their country's regions.

    The shares are those of the country's other incidents in the same month and the 12 months before (equal
    shares where there were none), so that nothing later than the month itself decides.

    Parameters
    ----------
    parts : Allocation
        Pieces in observed months.
    vague : numpy.ndarray of bool
        Per incident: its place is too coarse.
    countries : numpy.ndarray of str
        Country of each region.
    observed : numpy.ndarray of bool
        (months, regions).
    """
    loose = vague[parts.row]
    if not loose.any():
        return parts
    shape = observed.shape
    firm = parts.take(~loose)
    counts = np.bincount(
        firm.month * shape[1] + firm.region, weights=firm.weight, minlength=shape[0] * shape[1]
    )
    total = np.cumsum(counts.reshape(shape), axis=0)
    recent = total.copy()
    recent[13:] -= total[:-13]
    pieces = parts.take(loose)
    rows, months, regions, weights = [firm.row], [firm.month], [firm.region], [firm.weight]
    for row, month, region, weight in zip(
        pieces.row, pieces.month, pieces.region, pieces.weight, strict=True
    ):
        own = np.flatnonzero((countries == countries[region]) & observed[month])
        base = recent[month, own]
        share = base / base.sum() if base.sum() > 1e-9 else np.full(len(own), 1 / len(own))
        own, share = own[share > 0], share[share > 0]
        rows.append(np.full(len(own), row))
        months.append(np.full(len(own), month))
        regions.append(own)
        weights.append(weight * share)
    return Allocation(
        np.concatenate(rows), np.concatenate(months), np.concatenate(regions), np.concatenate(weights)
    )
