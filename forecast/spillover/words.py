"""What a border's grade of evidence lets the tables say: the end of an interval that is robust, in plain words."""

from __future__ import annotations

import math

from ...data.geography import country_name
from ...training.diffusion.border_signal import SOME, STRONG, TOO_FEW

#: Shares of simulated worlds in which a strong, lasting shock shared by both sides of a border, with nothing crossing,
#: was graded "some" or better (least and most, over all shocks that fail), and the largest share, over all shocks
#: tried, that was graded "strong" (docs/spillover.md).
SHOCK_RATES = (0.29, 0.65)
SHOCK_RATE_DISTINGUISHABLE = 0.015
_RATES = f"{100 * SHOCK_RATES[0]:.0f} to {SHOCK_RATES[1]:.0%}"
SHOCK_NOTE = f"a shock on both sides passes for this in {_RATES} of simulated worlds"
#: From this share on an upper end says nothing, and no number is given.
MOST_OF_IT = 0.9
NEARLY_ALL = "up to nearly all"
NO_BORDER = "no common border"
DISAGREE = "The path model and the forecast disagree here."


def robust_share(grade: str, low: float, high: float) -> str:
    """How much crosses, from the end of the interval that holds: "at most" always, "at least" only where strong.

    An upper end survives a shock on both sides, a lower end does not. Percentages are rounded outwards.

    Examples
    --------
    >>> robust_share("strong", 0.052, 0.183), robust_share("some", 0.052, 0.183), robust_share("none shown", 0.0, 0.004)
    ('at least 5% and at most 19%', 'at most 19%', 'less than 1%')
    >>> robust_share("too few data", 0.0, 0.5), robust_share("some", math.nan, math.nan)
    ('', '')
    """
    if grade == TOO_FEW or math.isnan(high):
        return ""
    if high >= MOST_OF_IT:
        return NEARLY_ALL
    most = "less than 1%" if high < 0.01 else f"at most {math.ceil(100 * high - 1e-9)}%"
    least = math.floor(100 * low + 1e-9)
    return f"at least {least}% and {most}" if grade == STRONG and least > 0 else most


def crosses(share: str, what: str, source: str) -> str:
    """That a share of some events crosses; where it may be nearly all, that nobody knows how many.

    Examples
    --------
    >>> crosses("at most 19%", "the events expected in Nord", "Mali")
    'At most 19% of the events expected in Nord cross anew from Mali'
    >>> crosses("up to nearly all", "the events expected in Atakora", "Burkina Faso")
    'How many of the events expected in Atakora cross anew from Burkina Faso is unknown'
    """
    if share == NEARLY_ALL:
        return (
            f"How many {'of ' if what.startswith('the ') else ''}{what} cross anew from {source} is unknown"
        )
    return f"{share[:1].upper()}{share[1:]} of {what} cross anew from {source}"


def share_statement(grade: str, source: str, low: float, high: float, disagree: bool = False) -> str:
    """One row of a table of shares as sentences of at most 30 words.

    ``source`` is a country, or names the part of it that the row speaks of: a region, a group, a route.

    Examples
    --------
    >>> print(share_statement("none shown", "MLI", 0.0, 0.183))
    At most 19% of expected events cross anew from Mali (model-attributed); evidence: none shown.
    >>> print(share_statement("strong", "Mopti in Mali", 0.052, 0.183))
    At least 5% and at most 19% of expected events cross anew from Mopti in Mali (model-attributed); evidence: strong.
    """
    if grade == TOO_FEW:
        return "Too few data to say what crosses this border."
    span = robust_share(grade, low, high)
    words = crosses(span or NEARLY_ALL, "expected events", country_name(source))
    return f"{words} (model-attributed); evidence: {grade}{shock_words(grade)}.{f' {DISAGREE}' if disagree else ''}"


def shock_words(grade: str) -> str:
    """How often the grade would be a false alarm under a shared shock, where it needs saying: a sentence of its own."""
    return f". But {SHOCK_NOTE}" if grade == SOME else ""


def stress_statement(grade: str, points: float) -> str:
    """What a stress test changes, in a sentence of at most 30 words.

    Examples
    --------
    >>> stress_statement("none shown", 0.034)
    '3.4 points of risk more when border regions run high (model-attributed); evidence: none shown.'
    """
    if grade == TOO_FEW:
        return "Too few data to say what crosses this border."
    what = "points of risk more when border regions run high (model-attributed)"
    return f"{100 * points:.1f} {what}; evidence: {grade}{shock_words(grade)}."
