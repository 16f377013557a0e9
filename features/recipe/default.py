"""The features of the default recipe, in the order in which they stand in a cube."""

from __future__ import annotations

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


def default_terms() -> list[Term]:
    """The terms, family by family."""
    own: list[Term] = [
        *(Lag(k) for k in range(6)),
        Lag(11),
        *(Sum(w) for w in (3, 6, 12, 24)),
        *(Ewm(h) for h in (1.0, 3.0, 6.0, 12.0, 36.0)),
        Max(12),
        Active(12),
        Trend(3, 12),
        MonthsSince(),
        Ewm(3.0, of="deaths_best"),
        Ewm(12.0, of="deaths_best"),
        Sum(3, of="deaths_civilians"),
    ]
    late: list[Term] = [Lag(0, of="late_events"), Share("late_events", 1)]
    onsets: list[Term] = [MonthsSinceSpell(), Spells()]
    parts: list[Term] = [
        Share("one_sided", 12),
        Share("state_based", 12),
        Share("jnim", 12),
        Share("islamic_state", 12),
        Ewm(6.0, of="events_jnim"),
        Ewm(6.0, of="events_islamic_state"),
        Ratio("deaths_best", "events", 12),
    ]
    home: list[Term] = [
        Neighbours(of=Lag(0), across_border=False),
        Neighbours(of=Ewm(3.0), across_border=False),
        Neighbours(of=Ewm(12.0), across_border=False),
        Neighbours(of=Ewm(3.0), order=2, across_border=False),
    ]
    abroad: list[Term] = [
        Neighbours(of=Lag(0), across_border=True),
        Neighbours(of=Ewm(3.0), across_border=True),
        Neighbours(of=Ewm(12.0), across_border=True),
        Neighbours(of=MonthsSince(), across_border=True),
        Neighbours(of=Ewm(3.0), order=2, across_border=True),
        ActiveBorder(3),
        ActiveBorder(12),
        Border(),
    ]
    wide: list[Term] = [
        Country(of=Ewm(3.0)),
        Country(of=Ewm(12.0)),
        Everywhere(of=Ewm(3.0)),
        Everywhere(of=Ewm(12.0)),
    ]
    return own + late + onsets + parts + home + abroad + wide + [Calendar("month")]
