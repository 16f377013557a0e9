"""What excites a region: exponential means of past counts, its own, its neighbours' and its country's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...data.panel import TARGETS, Panel
from ...features.recipe import Recipe
from ...features.series import border_km, side
from ...features.terms import Country, Ewm, Neighbours, Term

if TYPE_CHECKING:
    from .base import Problem

OWN, DOMESTIC, ACROSS, COUNTRY = "own history", "domestic neighbours", "across the border", "country"
FAMILIES = (OWN, DOMESTIC, ACROSS, COUNTRY)


@dataclass(frozen=True)
class HalfLives:
    """Half-lives in months of the exponential means, by family; an empty tuple leaves the family out."""

    own: tuple[float, ...] = (0.5, 2.0, 6.0, 24.0, 96.0)
    domestic: tuple[float, ...] = (2.0, 12.0)
    across: tuple[float, ...] = (2.0, 12.0)
    country: tuple[float, ...] = (3.0,)


@dataclass(frozen=True)
class Excitation:
    """Columns of excitation.

    Attributes
    ----------
    values : numpy.ndarray
        float64, shape (months, regions, columns), counts per month, >= 0.
    families : tuple of str
        Per column.
    """

    values: np.ndarray
    families: tuple[str, ...]

    def by_family(self, parts: np.ndarray) -> dict[str, np.ndarray]:
        """Sum the last axis of ``parts`` (one value per column) family by family."""
        return {
            f: parts[..., [i for i, g in enumerate(self.families) if g == f]].sum(axis=-1) for f in FAMILIES
        }

    def gain(self, slopes: np.ndarray) -> dict[str, float]:
        """Sum of the coefficients (columns,) of each family."""
        return {family: float(value) for family, value in self.by_family(slopes).items()}


def excitation(problem: Problem, lives: HalfLives) -> Excitation:
    """All columns for one problem; without links there are no neighbours among them.

    Nothing known yet (no month observed, no such neighbour) excites nothing, hence zero.
    """
    measure = TARGETS.get(problem.target, problem.target)
    terms: list[tuple[str, Term]] = [(OWN, Ewm(h, of=measure)) for h in lives.own]
    if problem.panel.links is not None:
        terms += [(DOMESTIC, Neighbours(of=Ewm(h, of=measure), across_border=False)) for h in lives.domestic]
        terms += [(ACROSS, Neighbours(of=Ewm(h, of=measure), across_border=True)) for h in lives.across]
    terms += [(COUNTRY, Country(of=Ewm(h, of=measure))) for h in lives.country]
    cube = Recipe([term for _, term in terms]).build(problem.panel)
    return Excitation(np.nan_to_num(cube.values.astype(float)), tuple(family for family, _ in terms))


def border_shares(panel: Panel, crossing: bool | None) -> Any:
    """Share of each region's land border with every other region, CSR (regions, regions).

    Domestic and international border share one denominator: a region's shares over all its neighbours sum to 1.
    """
    known: dict[bool | None, Any] = panel.__dict__.setdefault("_border_shares", {})
    if crossing not in known:
        km = border_km(panel)
        whole = np.maximum(np.asarray(km.sum(axis=1)).ravel(), 1e-9)
        some = side(km, panel, crossing).copy()
        some.data = some.data / np.repeat(whole, np.diff(some.indptr))
        known[crossing] = some
    return known[crossing]


def spectral_radius(panel: Panel, gain: Mapping[str, float], rounds: int = 100) -> float:
    """How many events one event excites in the long run, all regions together: below 1 excitation dies out.

    The largest eigenvalue of the matrix by which past counts of all regions enter the means, every exponential mean
    counting as its steady level; by power iteration, from above (Collatz and Wielandt's bound).

    Parameters
    ----------
    panel : Panel
        Regions, countries and links.
    gain : mapping of str to float
        Sum of the coefficients (>= 0) of each of :data:`FAMILIES`.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"month": "2023-01", "region_id": ["AAA-a", "AAA-b", "BBB-c"], "events": 1})
    >>> round(spectral_radius(Panel.from_frame(frame), {OWN: 0.5, COUNTRY: 0.2}), 3)
    0.7
    """
    code = np.unique(np.asarray(panel.countries), return_inverse=True)[1]
    open_ = [f for f in (DOMESTIC, ACROSS) if panel.links is not None and gain.get(f, 0.0) > 0]
    beside = sum(gain[f] * border_shares(panel, f == ACROSS) for f in open_)
    own, country = gain.get(OWN, 0.0), gain.get(COUNTRY, 0.0)
    level, radius = np.ones(len(code)), 0.0
    for _ in range(rounds):
        # Adding the level itself keeps the iteration from going round in circles, and adds 1.
        after = (1 + own) * level + country * (np.bincount(code, level)[code] - level)
        if open_:
            after += beside @ level
        before, radius = radius, float((after / level).max()) - 1
        level = after / after.max()
        if abs(radius - before) < 1e-9:
            break
    return radius


def border_weights(panel: Panel, crossing: bool) -> np.ndarray:
    """:func:`border_shares` as a full matrix, (regions, regions)."""
    return np.asarray(border_shares(panel, crossing).toarray())


def exponential_means(problem: Problem, half_lives: tuple[float, ...]) -> np.ndarray:
    """Exponential means of the target, float64 (months, regions, half-lives); zero where nothing is known."""
    cube = Recipe([Ewm(h, of=TARGETS.get(problem.target, problem.target)) for h in half_lives]).build(
        problem.panel
    )
    return np.asarray(np.nan_to_num(cube.values.astype(float)))
