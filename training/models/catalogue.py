"""Every member by name, and how they are fitted together."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ...data.errors import UsageError, nearest
from .base import Member, Problem
from .baselines import Conflictology, LastValue, NeighbourConflictology, WindowNB, Zero
from .boosted import BoostedEndemicEpidemic
from .endemic_epidemic import EndemicEpidemic
from .events_times_deaths import EventsTimesDeaths
from .exponential_nb import ExponentialNB
from .leaf_calibrated import LeafCalibrated
from .log_linear_nb import LogLinearNB
from .own import USUAL, Guarded, MemberLike, name_of, registered_member, registered_names
from .smoothed_conflictology import SmoothedConflictology

#: What skill is measured against.
BASELINES = ("zero", "last_value", "conflictology_6", "conflictology_12", "conflictology_24")
#: The baseline for sharpness: the last year as a smooth law.
RIVAL = "negative_binomial_12"
#: What the pool is made of: models, and the plain past beside them, so that what explodes elsewhere can be left out.
POOLED = (
    "exponential_nb",
    "exponential_nb_long",
    "endemic_epidemic",
    "boosted",
    "conflictology_6",
    "conflictology_12",
    RIVAL,
)
#: What the pool of deaths is made of: what models deaths directly loses to events times deaths per event.
POOLED_DEATHS = ("exponential_nb", "events_times_deaths", "conflictology_12", RIVAL)
#: What the pool of deaths is made of where no events are counted, such as deaths by country: the last three months as
#: well, because single wars rise to a new level and stay there.
POOLED_ALONE = (*POOLED, "conflictology_3")
#: Half-lives of the member that remembers long: what happened last month, and the last years.
LONG = (1.0, 36.0)
#: Members that hardly extrapolate: the plain past and the long memory. Where a record is shorter than so many months
#: and nothing has been scored, they alone count: models learn to explode from three years of many countries.
STEADY, LONG_RECORD = ("conflictology_6", "conflictology_12", RIVAL, "exponential_nb_long"), 60
#: Members of no other target than deaths.
DEATHS_ONLY = ("events_times_deaths",)
#: Everything that can be asked for; ``log_linear_nb`` loses to conflictology and is kept for comparison only.
MEMBERS = tuple(
    dict.fromkeys(
        (
            *BASELINES,
            RIVAL,
            "neighbour_conflictology",
            "smoothed_conflictology",
            *POOLED_ALONE,
            "leaf_calibrated",
            "log_linear_nb",
        )
    )
)


def pooled_members(target: str, measures: Container[str] = ("events",)) -> tuple[str, ...]:
    """What the pool of one target is made of, on a panel with some measures.

    Examples
    --------
    >>> "boosted" in pooled_members("events"), "events_times_deaths" in pooled_members("deaths")
    (True, True)
    """
    if target != "deaths":
        return POOLED
    return POOLED_DEATHS if "events" in measures else POOLED_ALONE


def starting_weights(names: Sequence[str], months: int) -> np.ndarray:
    """Weights of a pool that has learned nothing yet, (members,): equal, or of the steady members alone.

    Parameters
    ----------
    names : sequence of str
        The members.
    months : int
        Months of the record up to the origin.

    Examples
    --------
    >>> starting_weights(["boosted", "conflictology_12"], 24).tolist()
    [0.0, 1.0]
    >>> starting_weights(["boosted", "my_own", "conflictology_12"], 24).tolist()
    [0.0, 0.5, 0.5]
    >>> starting_weights(["boosted", "conflictology_12"], 240).tolist()
    [0.5, 0.5]
    """
    # A member of the user's own is taken at its word.
    steady = np.array([name in STEADY or name not in (*MEMBERS, *DEATHS_ONLY) for name in names], dtype=float)
    if months >= LONG_RECORD or not steady.any():
        steady[:] = 1.0
    return np.asarray(steady / steady.sum())


def check_names(names: Iterable[str], target: str) -> None:
    """An error for a name that no member of this target has, with the nearest one that does.

    >>> check_names(["bosted"], "events")
    Traceback (most recent call last):
    ...
    harmattan.data.errors.UsageError: there is no member 'bosted'. Did you mean 'boosted'?
    """
    known = (*MEMBERS, *DEATHS_ONLY) if target == "deaths" else MEMBERS
    for name in names:
        if name in DEATHS_ONLY and name not in known:
            raise UsageError(
                f"'{name}' forecasts deaths, not {target}.", remedy="Leave it out, or ask for deaths."
            )
        if name not in known and name not in registered_names():
            raise UsageError(
                f"there is no member '{name}'.", remedy=nearest(name, (*known, *registered_names()))
            )


def roster(
    members: Sequence[MemberLike] | None, target: str, measures: Container[str] = ("events",)
) -> dict[str, MemberLike]:
    """Members by name: the usual ones of a target where none are given, and in the place of ``...``.

    Raises
    ------
    UsageError
        A name that nobody has or two have, or something that is no member.

    Examples
    --------
    >>> list(roster(["...", "zero"], "deaths"))
    ['exponential_nb', 'events_times_deaths', 'conflictology_12', 'negative_binomial_12', 'zero']
    """
    usual = pooled_members(target, measures)
    if members is None:
        return dict(zip(usual, usual, strict=True))
    if isinstance(members, str) or not members:
        what = "no member is named." if not members else f"'{members}' is text, not a list of members."
        raise UsageError(what, "members", "Leave it out for the usual ones, or give a list.")
    found: dict[str, MemberLike] = {}
    for member in members:
        name = name_of(member)
        for each in usual if name == USUAL else (name,):
            if each in found:
                raise UsageError(f"two members are called '{each}'.", "members", "Name each once.")
            found[each] = each if name == USUAL else member
        if not isinstance(member, str) and name in (*MEMBERS, *DEATHS_ONLY):
            raise UsageError(f"'{name}' is a member of the package.", "members", "Give yours another name.")
    check_names((name for name, member in found.items() if isinstance(member, str)), target)
    return found


def fit_members(
    problem: Problem,
    origin: pd.Period,
    horizon: int,
    members: Iterable[MemberLike] = POOLED,
    shared: dict[Any, Member] | None = None,
) -> dict[str, Member]:
    """Fit members for one horizon; those that build on another share one fit of it.

    Parameters
    ----------
    problem, origin, horizon
        See :class:`Member`.
    members : iterable
        Some of :data:`MEMBERS`, by name, and members that users bring.
    shared : dict, optional
        Fits that other targets of the same panel may use, by what they are; added to.

    Raises
    ------
    UsageError
        A name that is not in :data:`MEMBERS`, nor in :data:`DEATHS_ONLY` where deaths are forecast.
    """
    given = {name_of(m): m for m in members}
    names = list(given)
    check_names((n for n, m in given.items() if isinstance(m, str)), problem.target)
    base, boosted = EndemicEpidemic(), BoostedEndemicEpidemic()
    if {"endemic_epidemic", "boosted", "leaf_calibrated"} & set(names):
        base.fit(problem, origin, horizon)
    if {"boosted", "leaf_calibrated"} & set(names):
        boosted = BoostedEndemicEpidemic(base=base).fit(problem, origin, horizon)
        if shared is not None:
            shared["boosted", problem.target, origin, horizon] = boosted
    events: Any = (shared or {}).get(("boosted", "events", origin, horizon))
    made: dict[str, Member] = {
        "zero": Zero(),
        "last_value": LastValue(),
        "conflictology_3": Conflictology(3),
        "conflictology_6": Conflictology(6),
        "conflictology_12": Conflictology(12),
        "conflictology_24": Conflictology(24),
        "neighbour_conflictology": NeighbourConflictology(),
        "smoothed_conflictology": SmoothedConflictology(),
        RIVAL: WindowNB(12),
        "exponential_nb": ExponentialNB(),
        "exponential_nb_long": ExponentialNB(*LONG, seasonal=False),
        "log_linear_nb": LogLinearNB(),
        "events_times_deaths": EventsTimesDeaths(events),
        "endemic_epidemic": base,
        "boosted": boosted,
        "leaf_calibrated": LeafCalibrated(boosted),
    }
    made |= {n: _guarded(n, m) for n, m in given.items() if n not in made}
    fitted = (base, boosted)
    return {
        n: made[n] if any(made[n] is f for f in fitted) else made[n].fit(problem, origin, horizon)
        for n in names
    }


def _guarded(name: str, member: MemberLike) -> Guarded:
    """A member that a user or another package brings, under its name."""
    return Guarded(registered_member(name) if isinstance(member, str) else member, name)
