"""What a month is, wherever one is given: in a table, in Python, in a setting."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from .errors import OriginError, SchemaError

_REMEDY = "Write months as YYYY-MM."
_MONTH = re.compile(r"(\d{4})[-/](0?[1-9]|1[0-2])(?:[-/](0?[1-9]|[12]\d|3[01])(?:[T ].*)?)?")


_FIRST_HALF = ("January", "February", "March", "April", "May", "June")
MONTHS = (*_FIRST_HALF, "July", "August", "September", "October", "November", "December")


def month_of(value: Any) -> pd.Period:
    """One month from a period, a day, or a text such as ``2023-01`` or ``2023-01-31``.

    Raises
    ------
    OriginError
        It is a year, a quarter, a number, or nothing that names a month.

    Examples
    --------
    >>> str(month_of("2023-01")), str(month_of("2023-01-31"))
    ('2023-01', '2023-01')
    >>> month_of("2023")
    Traceback (most recent call last):
    harmattan.data.errors.OriginError: '2023' is a year, not a month. Write months as YYYY-MM.
    """
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        raise OriginError("the month is empty.", remedy=_REMEDY)
    if isinstance(value, pd.Period) and value.freqstr in ("M", "D"):
        return value.asfreq("M")
    if isinstance(value, date | np.datetime64):
        value = pd.Timestamp(value).strftime("%Y-%m-%d")
    text = str(value).strip()
    found = _MONTH.fullmatch(text)
    if not found:
        raise OriginError(*_not_a_month(text))
    if not 1800 <= int(found[1]) <= 2200:
        raise OriginError(f"the month {text} cannot be.", remedy="Check the year.")
    return pd.Period(year=int(found[1]), month=int(found[2]), freq="M")


def _not_a_month(text: str) -> tuple[str, str, str]:
    """What a text is instead."""
    shown = f"'{text[:40]}'"
    if not text:
        return "the month is empty.", "", _REMEDY
    if re.fullmatch(r"\d{4}(\.0)?", text):
        return f"{shown} is a year, not a month.", "", _REMEDY
    if re.fullmatch(r"\d{4}-?[Qq][1-4]", text):
        return f"{shown} is a quarter, not a month.", "", _REMEDY
    if re.fullmatch(r"\d+\.\d+", text):
        why = f"{shown} is a number, not a month: of 2023.1 and 2023.10 nobody can tell which it was."
        return why, "", "Keep the column as text, written YYYY-MM."
    return f"{shown} is not a month.", "", _REMEDY


def month_name(month: pd.Period) -> str:
    """A month in words.

    >>> month_name(pd.Period("2024-01", "M"))
    'January 2024'
    """
    return f"{MONTHS[month.month - 1]} {month.year}"


def months_of(values: pd.Series, where: str, *, coarse: bool = False) -> pd.PeriodIndex:
    """The months of a column, one per row.

    Parameters
    ----------
    values : pandas.Series
        Periods, days or texts; its index holds the rows of the file, or 0, 1, 2 ... for a table in memory.
    where : str
        The file or table to name in errors.
    coarse : bool
        Whether they may be quarters or years apart, as the origins of forecasts may.

    Raises
    ------
    SchemaError
        A value is no month, or all months are quarters or years apart.
    """
    codes, distinct = pd.factorize(values, use_na_sentinel=False)
    parsed = []
    for at, value in enumerate(distinct):
        try:
            parsed.append(month_of(value))
        except OriginError as error:
            row = row_of(values, int(np.flatnonzero(codes == at)[0]))
            raise SchemaError(error.what, f"{where}, row {row}", error.remedy) from None
    index = pd.PeriodIndex(parsed, freq="M")
    if not coarse:
        _refuse_coarse(index, where)
    return index[codes]


def row_of(values: pd.Series, position: int) -> int:
    """The row that a value stands in: of its file, where the index is called so, else counted from row 2."""
    return int(values.index[position]) if values.index.name == "row" else position + 2


def _refuse_coarse(months: Iterable[pd.Period], where: str) -> None:
    ordinals = sorted({m.ordinal for m in months})
    gaps = np.diff(ordinals)
    spacing = int(np.gcd.reduce(gaps)) if len(gaps) else 1
    if spacing % 3 == 0 and spacing > 0:
        kind = {3: " (quarters?)", 12: " (years?)"}.get(spacing, "")
        raise SchemaError(
            f"the months are {spacing} months apart{kind}: a panel holds every month.",
            where=where,
            remedy="Give a row for each month, with 0 where nothing happened.",
        )
