"""What a forecast is made of: every member's mean taken apart by family, and the pool's as their weighted sum."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch

import numpy as np
import pandas as pd

from ..margins import Margins
from ..models.base import Member, Problem
from ..models.baselines import NeighbourConflictology
from ..models.boosted import BoostedEndemicEpidemic
from ..models.endemic_epidemic import EndemicEpidemic
from ..models.events_times_deaths import EventsTimesDeaths, as_events
from ..models.excitation import ACROSS, COUNTRY, DOMESTIC, OWN, border_weights
from ..models.exponential_nb import ExponentialNB
from ..models.leaf_calibrated import LeafCalibrated
from ..models.smoothed_conflictology import SmoothedConflictology
from .fitted import FittedPool

CALENDAR, BASELINE = "calendar", "baseline"
#: Every family, in the order of tables.
FAMILIES = (OWN, DOMESTIC, ACROSS, COUNTRY, CALENDAR, BASELINE)
#: Families of features under the family that they are shown as; what is not here belongs to the baseline.
SHOWN_AS = {
    **{family: family for family in FAMILIES},
    "recency": OWN,
    "composition": OWN,
    "onsets": OWN,
    "all regions": COUNTRY,
}

#: Contributions by family, counts per month, (regions,) each.
Contributions = dict[str, np.ndarray]


def explain_pool(
    pool: FittedPool, problem: Problem, origin: pd.Period, margins: Mapping[str, Margins] | None = None
) -> Contributions:
    """The pool's mean taken apart by family.

    Parameters
    ----------
    pool : FittedPool
        Members fitted for one horizon, and their weights; equal ones where it has none.
    problem : Problem
        What they were fitted on.
    origin : pandas.Period
        The last month seen.
    margins : mapping of str to Margins, optional
        What ``pool.margins`` gave, so that nothing is computed twice.

    Returns
    -------
    dict of str to numpy.ndarray
        One array (regions,) per family of :data:`FAMILIES`, counts per month; they sum to the pool's mean. What
        lowers a forecast, such as a quiet season, is negative.
    """
    predicted = pool.margins(problem, origin) if margins is None else margins
    total = {family: np.zeros(problem.panel.shape[1]) for family in FAMILIES}
    # A member without a forecast for this origin has no part in it.
    for name, weight in ((n, w) for n, w in pool.shares.items() if n in predicted):
        for family, part in explain_member(pool.members[name], problem, origin, predicted[name].mean).items():
            total[family] += weight * part
    # What follows the mixture moves every count of a region alike, so each part by the same factor; where no member
    # expects anything, all of the mean is the background's.
    mixed, mean = np.sum(list(total.values()), axis=0), predicted["pool"].mean
    factor = np.divide(mean, mixed, out=np.zeros_like(mixed), where=mixed > 0)
    total = {family: part * factor for family, part in total.items()}
    total[BASELINE] = total[BASELINE] + np.where(mixed > 0, 0.0, mean)
    return total


@singledispatch
def explain_member(member: Member, problem: Problem, origin: pd.Period, mean: np.ndarray) -> Contributions:
    """One member's mean taken apart; all is own history where a member looks at nothing else.

    Parameters
    ----------
    member : Member
        Fitted.
    mean : numpy.ndarray
        Mean of its margins at ``origin``, (regions,).

    Returns
    -------
    dict of str to numpy.ndarray
        Some of :data:`FAMILIES`, (regions,) each; they sum to ``mean``.
    """
    return {OWN: np.asarray(mean, dtype=float)}


@explain_member.register
def _(member: NeighbourConflictology, problem: Problem, origin: pd.Period, mean: np.ndarray) -> Contributions:
    from ..models.baselines import Conflictology

    own = Conflictology(member.window).margins(problem, origin).mean
    if problem.panel.links is None:
        return {OWN: own}
    parts = {
        family: member.share * (border_weights(problem.panel, crossing) @ own)
        for family, crossing in ((DOMESTIC, False), (ACROSS, True))
    }
    return {**parts, OWN: mean - parts[DOMESTIC] - parts[ACROSS]}


def _seasoned(parts: Contributions, mean: np.ndarray) -> Contributions:
    """Parts of a mean before the season, and what the season adds to it or takes away."""
    plain = np.sum(list(parts.values()), axis=0)
    return {**parts, CALENDAR: parts.get(CALENDAR, 0.0) + mean - plain}


def _scaled(parts: Contributions, mean: np.ndarray) -> Contributions:
    """Parts that add up to ``mean``, by one factor: what a record does not support is taken from all alike."""
    whole = np.sum(list(parts.values()), axis=0)
    factor = np.divide(mean, whole, out=np.ones_like(whole), where=whole > 0)
    return {family: part * factor for family, part in parts.items()}


def _window_parts(member: SmoothedConflictology, problem: Problem, origin: pd.Period) -> Contributions:
    """A region's own last months, and the level of all; they sum to the mean before the season."""
    row = problem.row(origin)
    own = (1 - member.pull) * SmoothedConflictology(member.window, pull=0.0).means(problem)[row]
    mean = member.means(problem)[row]
    own = np.minimum(own, mean)
    return {OWN: own, BASELINE: mean - own}


@explain_member.register
def _(member: SmoothedConflictology, problem: Problem, origin: pd.Period, mean: np.ndarray) -> Contributions:
    return _seasoned(_window_parts(member, problem, origin), mean)


@explain_member.register
def _(member: ExponentialNB, problem: Problem, origin: pd.Period, mean: np.ndarray) -> Contributions:
    plain = mean / member.season_.at(origin.ordinal + member.horizon_)
    own = np.minimum(member.own_mean(problem, origin), plain)
    return _seasoned({OWN: own, BASELINE: plain - own}, mean)


@explain_member.register
def _(member: EndemicEpidemic, problem: Problem, origin: pd.Period, mean: np.ndarray) -> Contributions:
    return _scaled(member.contributions(problem, origin), mean)


@explain_member.register
def _(member: BoostedEndemicEpidemic, problem: Problem, origin: pd.Period, mean: np.ndarray) -> Contributions:
    row = problem.row(origin)
    base, recent = member.base_, member.recent_
    started = (
        (1 - member.blend, base.plain_contributions(problem, origin)),
        (member.blend, _window_parts(recent, problem, origin)),
    )
    parts = {family: np.zeros(len(mean)) for family in FAMILIES}
    for weight, each in started:
        for family, part in each.items():
            parts[family] += weight * part
    start = member.start(problem, origin)
    parts = _seasoned(parts, start)
    if member.booster_ is None:
        return _scaled(parts, mean)
    logs = member.booster_.predict(problem.cube.values[row], pred_contrib=True, num_threads=1)
    scale = logarithmic_mean(start * np.exp(logs.sum(axis=1)), start)
    # The last column is what the trees say on average.
    shown = [SHOWN_AS.get(family, BASELINE) for family in problem.cube.families] + [BASELINE]
    for family, column in zip(shown, logs.T, strict=True):
        parts[family] += scale * column
    return _scaled(parts, mean)


@explain_member.register
def _(member: LeafCalibrated, problem: Problem, origin: pd.Period, mean: np.ndarray) -> Contributions:
    boosted = member.boosted_.mean(problem, origin)
    parts = explain_member(member.boosted_, problem, origin, boosted)
    # Its own shape moves every count of a region alike, so each part by the same factor.
    return {family: part * (mean / boosted) for family, part in parts.items()}


@explain_member.register
def _(member: EventsTimesDeaths, problem: Problem, origin: pd.Period, mean: np.ndarray) -> Contributions:
    alike = as_events(problem)
    events = member.events_.mean(alike, origin)
    # Every event is expected to cost the same, whatever brought it about.
    parts = explain_member(member.events_, alike, origin, events)
    return {family: part * (mean / events) for family, part in parts.items()}


def logarithmic_mean(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``(a - b) / log(a / b)``, and ``a`` where both are equal; turns differences of logs into counts.

    With it as a weight, contributions that add up on the log scale add up to ``a - b``, without a remainder and in
    any order (Ang 2004, doi:10.1016/j.enpol.2003.10.010).

    Parameters
    ----------
    a, b : numpy.ndarray
        Counts, > 0, same shape.

    Examples
    --------
    >>> import numpy as np
    >>> a, b = np.array([6.0, 3.0]), np.array([2.0, 3.0])
    >>> (logarithmic_mean(a, b) * np.log(a / b)).round(9).tolist()
    [4.0, 0.0]
    """
    logs = np.log(a / b)
    near = np.abs(logs) < 1e-6
    return np.asarray(np.where(near, (a + b) / 2, (a - b) / np.where(near, 1.0, logs)))
