"""Chances in words, and where a threat presses from."""

from __future__ import annotations

import numpy as np

#: Above this no class is told apart, unless a record of enough such rows supports it.
WIDEST = 0.10
#: Rows at or above :data:`WIDEST` that a record needs before higher chances are said.
ENOUGH = 50
_ODDS = (5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000)


def in_words(chance: float, supported: bool = False) -> str:
    """A chance as people say it.

    Parameters
    ----------
    chance : float
        0..1; NaN where there is none.
    supported : bool
        Whether a record supports chances above ten percent.

    Examples
    --------
    >>> [in_words(p) for p in (0.0002, 0.012, 0.052, 0.3, float("nan"))]
    ['below 1 in 1,000', 'about 1 in 75', 'about 1 in 20', '10 % or more', 'no number']
    >>> in_words(0.33, supported=True)
    'about 33 %'
    """
    if np.isnan(chance):
        return "no number"
    if chance >= WIDEST:
        return f"about {chance:.0%}".replace("%", " %") if supported else "10 % or more"
    if chance < 1 / _ODDS[-1]:
        return f"below 1 in {_ODDS[-1]:,}"
    nearest = min(_ODDS, key=lambda n: abs(np.log(n * chance)))
    return f"about 1 in {nearest:,}"


def pressing_from(source: str, km: float, events: float) -> str:
    """Where the pressure comes from.

    >>> pressing_from("Est", 61.3, 14.0)
    'from Est, 61 km away, 14 events in six months'
    >>> pressing_from("", float("nan"), 0.0)
    'from nowhere of late'
    """
    if not source:
        return "from nowhere of late"
    away = f", {km:.0f} km away" if km >= 0.5 else ""
    return f"from {source}{away}, {events:.0f} event{'' if round(events) == 1 else 's'} in six months"
