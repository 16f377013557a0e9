"""How numbers and months are written."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from ...data import MONTHS as MONTHS
from ...data import month_name as month_name


def span_name(first: pd.Period, last: pd.Period) -> str:
    """Some months in words.

    >>> span_name(pd.Period("2024-01", "M"), pd.Period("2024-06", "M"))
    'January to June 2024'
    """
    if first == last:
        return month_name(first)
    start = MONTHS[first.month - 1] if first.year == last.year else month_name(first)
    return f"{start} to {month_name(last)}"


def count(value: float) -> str:
    """An expected count: one decimal below ten, whole above; a dash where there is none.

    >>> count(0.04), count(3.14159), count(17.6), count(1234.5), count(float("nan"))
    ('<0.1', '3.1', '18', '1,234', '–')
    """
    if math.isnan(value):
        return "–"
    if 0 < value < 0.05:
        return "<0.1"
    return f"{value:.1f}" if value < 9.95 else f"{value:,.0f}"


def score(value: float) -> str:
    """A mean score: three decimals below a thousand, none above.

    >>> score(0.81249), score(5476745.538)
    ('0.812', '5,476,746')
    """
    return f"{value:.3f}" if abs(value) < 1000 else f"{value:,.0f}"


def percent(value: float) -> str:
    """A probability or share; never a false 0 or 100 %.

    >>> percent(0.5), percent(0.001), percent(0.9999), percent(0.0), percent(1.0)
    ('50%', '<1%', '>99%', '0%', '100%')
    """
    if math.isnan(value):
        return "–"
    if 0 < value < 0.01:
        return "<1%"
    if 0.99 < value < 1:
        return ">99%"
    return f"{100 * value:.0f}%"


def chance(value: float) -> str:
    """A probability from a limited number of draws, so never 0 or 100 %.

    >>> chance(0.0), chance(0.42), chance(1.0)
    ('<1%', '42%', '>99%')
    """
    return percent(min(max(value, 1e-9), 1 - 1e-9)) if not math.isnan(value) else "–"


def signed(value: float) -> str:
    """A change with its sign, a true minus, and no negative zero.

    >>> signed(2.34), signed(-0.5), signed(0.01), signed(-31.2)
    ('+2.3', '−0.5', '0.0', '−31')
    """
    if math.isnan(value):
        return "–"
    if abs(value) < 0.05:
        return "0.0"
    size = f"{abs(value):.1f}" if abs(value) < 9.95 else f"{abs(value):,.0f}"
    return f"{'+' if value > 0 else '−'}{size}"


def interval(low: float, high: float) -> str:
    """Both ends of an interval.

    >>> interval(3.0, 12.0)
    '3–12'
    """
    return f"{low:,.0f}–{high:,.0f}"


def listing(items: Sequence[str]) -> str:
    """Items as English lists them.

    >>> listing(["a", "b", "c"])
    'a, b and c'
    """
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def plural(number: int, one: str, many: str = "") -> str:
    """A count with its noun.

    >>> plural(1, "month"), plural(3, "month"), plural(2, "country", "countries")
    ('1 month', '3 months', '2 countries')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def count_whole(value: float) -> str:
    """A recorded count.

    >>> count_whole(1200.0)
    '1,200'
    """
    return f"{value:,.0f}"


def signed_whole(value: float) -> str:
    """A change of a recorded count.

    >>> signed_whole(-4.0), signed_whole(0.0)
    ('−4', '0')
    """
    return "0" if value == 0 else f"{'+' if value > 0 else '−'}{abs(value):,.0f}"


def signed_percent(value: float) -> str:
    """A gain or loss in per cent.

    >>> signed_percent(0.0512), signed_percent(float("nan"))
    ('+5.1%', '–')
    """
    return "–" if math.isnan(value) else f"{100 * value:+.1f}%".replace("-", "−")


def signed_span(low: float, high: float) -> str:
    """Both ends of the interval of a gain or loss.

    >>> signed_span(-0.021, 0.04)
    '−2.1 to +4.0%'
    """
    return "–" if math.isnan(low) else f"{100 * low:+.1f} to {100 * high:+.1f}%".replace("-", "−")


def band(low: float, high: float) -> str:
    """A range of chances.

    >>> band(0.1, 0.2), band(0.002, 0.005)
    ('10–20%', '0.2–0.5%')
    """
    return f"{100 * low:g}–{100 * high:g}%"


def points(value: float) -> str:
    """A difference of chances in percentage points.

    >>> points(0.124), points(0.001)
    ('12', '<1')
    """
    return f"{100 * value:.0f}" if 100 * value >= 0.5 else "<1"


def p_value(value: float, least: float = 0.001) -> str:
    """A p-value; below ``least`` only that it is.

    >>> p_value(0.0412), p_value(0.0), p_value(float("nan"))
    ('0.041', '<0.001', '–')
    """
    if math.isnan(value):
        return "–"
    return f"{value:.3f}" if value >= least else f"<{least:.3f}"


#: Odds that people can picture.
_ODDS = (
    2,
    3,
    4,
    5,
    6,
    8,
    10,
    12,
    15,
    20,
    25,
    30,
    40,
    50,
    60,
    80,
    100,
    150,
    200,
    250,
    300,
    400,
    500,
    600,
    800,
    1000,
)


def one_in(value: float) -> str:
    """A small chance as odds, from a limited number of draws.

    >>> one_in(0.0017), one_in(0.05), one_in(0.0), one_in(0.5)
    ('1 in 600', '1 in 20', 'below 1 in 1,000', '1 in 2')
    """
    if value < 0.8 / _ODDS[-1]:
        return f"below 1 in {_ODDS[-1]:,}"
    return f"1 in {min(_ODDS, key=lambda n: abs(math.log(n * value))):,}"


def in_ten(value: float) -> str:
    """A chance in tenths; a small one as odds.

    >>> in_ten(0.57), in_ten(0.03), in_ten(0.99)
    ('about 6 in 10', 'about 1 in 30', 'more than 9 in 10')
    """
    if value < 0.15:
        return f"about {one_in(value)}".replace("about below", "below")
    return f"about {10 * value:.0f} in 10" if value < 0.95 else "more than 9 in 10"
