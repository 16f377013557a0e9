"""What the calendar alone says about a month."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from ...data.errors import ConfigError, nearest
from ..series import Array, View
from .term import CALENDAR, Term, whole

UNITS = {
    "month": "month of the year, 1-12",
    "month_sin": "sine of the month",
    "month_cos": "cosine of the month",
    "rainy_season": "1 from June to September",
    "ramadan": "share of the month's days",
}


@dataclass(frozen=True)
class Calendar(Term):
    """The calendar of the row's month, or of the one ``ahead`` months later (it is known beforehand)."""

    group: ClassVar[str] = CALENDAR

    what: str = "month"
    ahead: int = whole(0, "ahead", least=0)

    def __post_init__(self) -> None:
        if self.what not in UNITS:
            raise ConfigError(f"no calendar feature '{self.what}'.", remedy=nearest(self.what, UNITS))
        super().__post_init__()

    @property
    def name(self) -> str:
        """Name in a cube."""
        what = "month_of_year" if self.what == "month" else self.what
        return what + (f"_ahead{self.ahead}" if self.ahead else "")

    @property
    def unit(self) -> str:
        """Unit of the values."""
        return UNITS[self.what]

    def months_read(self) -> None:
        """No month's data are read."""

    def compute(self, view: View, out: Array) -> None:
        """Write the values."""
        months = view.panel.months + self.ahead
        out[:] = month_values(self.what, months)[:, None]


def month_values(what: str, months: pd.PeriodIndex) -> Array:
    """One number per month.

    >>> import pandas as pd
    >>> month_values("rainy_season", pd.period_range("2023-05", "2023-07", freq="M")).tolist()
    [0.0, 1.0, 1.0]
    """
    number = months.month.to_numpy()
    if what == "month":
        return np.asarray(number, dtype=float)
    if what == "month_sin":
        return np.sin(2 * np.pi * number / 12)
    if what == "month_cos":
        return np.cos(2 * np.pi * number / 12)
    if what == "rainy_season":
        return ((number >= 6) & (number <= 9)).astype(float)
    return ramadan_share(months)


def ramadan_share(months: pd.PeriodIndex) -> Array:
    """Share of each month's days that fall in Ramadan, by the tabular Islamic calendar.

    That calendar is at most two days away from the sighted moon.

    Reingold & Dershowitz (2018), Calendrical Calculations, doi:10.1017/9781107415058, chapter 7.

    >>> import pandas as pd
    >>> ramadan_share(pd.period_range("2023-03", "2023-04", freq="M")).round(2).tolist()
    [0.29, 0.7]
    """
    first = months.to_timestamp().to_julian_date().to_numpy() + 0.5
    days = months.days_in_month.to_numpy()
    year = np.floor((30 * (first - 1948440) + 10646) / 10631)
    share = np.zeros(len(months))
    for y in (year, year + 1):
        # Ramadan is the ninth month and has 30 days
        start = 29 * 8 + np.floor(9 / 2) + (y - 1) * 354 + np.floor((3 + 11 * y) / 30) + 1948440
        share += np.clip(np.minimum(start + 30, first + days) - np.maximum(start, first), 0, None)
    return np.asarray(share / days)
