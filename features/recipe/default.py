"""The features of the default recipe, in the order in which they stand in a cube."""

from __future__ import annotations

from collections.abc import Iterable

from ..terms import (
    Active,
    ActiveBorder,
    Border,
    Calendar,
    Country,
    Everywhere,
    Ewm,
    Lag,
    Max,
    MonthsSince,
    MonthsSinceSpell,
    Neighbours,
    Ratio,
    Share,
    Spells,
    Sum,
    Term,
    Trend,
)

#: Armed groups of the shipped theatre whose shares and levels are features. Those of East Africa, tried the same way,
#: moved the pool's CRPS by .02 % at most (docs/theatre.md): the default recipe takes no others.
GROUPS = ("jnim", "islamic_state")


def default_terms(of: str = "events", groups: Iterable[str] = GROUPS) -> list[Term]:
    """The terms, family by family, on events or on another measure of a panel that counts no events."""
    groups = tuple(groups)
    own: list[Term] = [
        *(Lag(k, of=of) for k in range(6)),
        Lag(11, of=of),
        *(Sum(w, of=of) for w in (3, 6, 12, 24)),
        *(Ewm(h, of=of) for h in (1.0, 3.0, 6.0, 12.0, 36.0)),
        Max(12, of=of),
        Active(12, of=of),
        Trend(3, 12, of=of),
        MonthsSince(of=of),
    ]
    beside: list[Term] = [
        Ewm(3.0, of="deaths_best"),
        Ewm(12.0, of="deaths_best"),
        Sum(3, of="deaths_civilians"),
    ]
    late: list[Term] = [Lag(0, of="late_events"), Share("late_events", 1)]
    onsets: list[Term] = [MonthsSinceSpell(of=of), Spells(of=of)]
    parts: list[Term] = [
        Share("one_sided", 12),
        Share("state_based", 12),
        *(Share(group, 12) for group in groups),
        *(Ewm(6.0, of=f"events_{group}") for group in groups),
        Ratio("deaths_best", "events", 12),
    ]
    home: list[Term] = [
        Neighbours(of=Lag(0, of=of), across_border=False),
        Neighbours(of=Ewm(3.0, of=of), across_border=False),
        Neighbours(of=Ewm(12.0, of=of), across_border=False),
        Neighbours(of=Ewm(3.0, of=of), order=2, across_border=False),
    ]
    abroad: list[Term] = [
        Neighbours(of=Lag(0, of=of), across_border=True),
        Neighbours(of=Ewm(3.0, of=of), across_border=True),
        Neighbours(of=Ewm(12.0, of=of), across_border=True),
        Neighbours(of=MonthsSince(of=of), across_border=True),
        Neighbours(of=Ewm(3.0, of=of), order=2, across_border=True),
        ActiveBorder(3, of=of),
        ActiveBorder(12, of=of),
        Border(),
    ]
    wide: list[Term] = [
        Country(of=Ewm(3.0, of=of)),
        Country(of=Ewm(12.0, of=of)),
        Everywhere(of=Ewm(3.0, of=of)),
        Everywhere(of=Ewm(12.0, of=of)),
    ]
    if of != "events":
        beside, late, parts = [], [], []
    return own + beside + late + onsets + parts + home + abroad + wide + [Calendar("month")]
