"""Text columns to numbers and dates, collecting every offence before raising one error."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa

from .errors import SchemaError

_REMEDIES = {
    "not_a_number": "Write plain digits with a point for decimals.",
    "not_whole": "Counts are whole numbers.",
    "negative": "Counts are zero or more; correct the row at its source.",
    "out_of_range": "Check whether columns were swapped.",
    "empty": "Fill the cell.",
    "not_a_date": "Write dates as YYYY-MM-DD.",
    "day_or_month": "Write dates as YYYY-MM-DD: no day above 12 tells which number is the month.",
    "before_1800": "Check the year.",
    "in_the_future": "Check the year and the order of day and month.",
    "ends_before_it_starts": "Swap or correct the two dates.",
    "not_a_month": "Give months by their English name, or periods of one month.",
    "not_a_year": "Give a year of four digits.",
    "rounded_id": "A spreadsheet has rounded it: export the ids as text.",
    "moved_by_time_zone": "All have this time of day: a time zone may have moved them to the day before.",
    "not_yes_or_no": "Write true or false.",
    "too_large": "No count is exact from 2^53 on: check the row at its source.",
    "two_ways": "It can be read in two ways: write plain digits without separators of thousands.",
    "unknown_value": "Use one of the values that the source documents.",
}


#: Times of day that a date may carry: its beginning, its end, its middle, or none.
_DAY_TIMES = ("00:00", "23:59", "12:00")
_YES, _NO = ("true", "yes", "1", "t", "y"), ("false", "no", "0", "f", "n")
#: Largest count that a double holds exactly.
LARGEST = 2.0**53
#: Digits in groups of three: a thousand to one reader, a fraction to another.
_GROUPED = r"[1-9]\d{0,2}(?:[.,]\d{3})+"
_EMPTY = ("", "NA", "NaN", "nan", "None", "NULL", "null")


class Problems:
    """Offences found in one file, raised together."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._found: list[pd.DataFrame] = []

    def add(self, wrong: pd.Series, values: pd.Series, rule: str) -> None:
        """Note the rows where ``wrong`` is true (indexed by row of the file)."""
        if wrong.any():
            bad = values[wrong]
            self._found.append(
                pd.DataFrame(
                    {
                        "row": bad.index,
                        "column": str(values.name),
                        "value": bad.astype(str).to_numpy(),
                        "rule": rule,
                    }
                )
            )

    def raise_if_any(self) -> None:
        """One :class:`SchemaError` for all of them, naming the first."""
        if not self._found:
            return
        failures = pd.concat(self._found, ignore_index=True).sort_values(
            "row", kind="stable", ignore_index=True
        )
        first = failures.iloc[0]
        more = f" ({len(failures)} such values in all)" if len(failures) > 1 else ""
        raise SchemaError(
            f"'{str(first['value'])[:60]}' in column '{first['column']}' breaks the rule {first['rule']}{more}.",
            where=f"{self.path}, row {first['row']}",
            remedy=_REMEDIES.get(str(first["rule"]), "Correct the row."),
            failures=failures,
        )


def text(values: pd.Series) -> pd.Series:
    """Trimmed text; missing becomes empty, and a whole number loses its decimal point: 7.0 is ``7`` in any format."""
    if pd.api.types.is_float_dtype(values.dtype) and (values.dropna() % 1 == 0).all():
        values = values.astype("Int64")
    return values.astype("str").str.strip().mask(values.isna(), "").fillna("")


def flag(values: pd.Series, problems: Problems) -> pd.Series:
    """bool from ``true``, ``yes``, ``1`` and ``false``, ``no``, ``0``; any other cell is noted in ``problems``."""
    words = text(values).str.lower()
    yes, no = words.isin(_YES), words.isin(_NO)
    problems.add(~(yes | no), values, "not_yes_or_no")
    return yes


def number(
    values: pd.Series,
    problems: Problems,
    *,
    low: float = -np.inf,
    high: float = np.inf,
    whole: bool = False,
    nullable: bool = False,
    decimal_comma: bool = False,
) -> pd.Series:
    """float64; every cell that is not such a number is noted in ``problems``."""
    if pd.api.types.is_bool_dtype(values.dtype):
        problems.add(values.notna(), values, "not_a_number")
    if pd.api.types.is_numeric_dtype(values.dtype):
        found = values.astype("float64")
        empty = found.isna()
    else:
        cells = text(values)
        empty = cells.isin(_EMPTY)
        separated, grouped = cells.str.contains(r"[.,]"), cells.str.fullmatch(_GROUPED)
        if low == 0 and grouped.any() and (separated == grouped).all():
            problems.add(grouped, values, "two_ways")
        if decimal_comma:
            cells = cells.str.replace(",", ".", regex=False)
        found = _parse(cells.mask(empty) if empty.any() else cells)
        problems.add(found.isna() & ~empty, values, "not_a_number")
    problems.add(pd.Series(np.isinf(found.to_numpy()), index=values.index), values, "not_a_number")
    if not nullable:
        problems.add(empty, values, "empty")
    if low == 0:
        problems.add(found < 0, values, "negative")
    else:
        problems.add(found < low, values, "out_of_range")
    problems.add((found > high) & ~np.isinf(found), values, "out_of_range")
    # What is one more would be read as this.
    problems.add(found.abs() >= LARGEST, values, "too_large")
    if whole:
        problems.add((found % 1 != 0) & found.notna() & ~np.isinf(found), values, "not_whole")
    return found


def _parse(cells: pd.Series) -> pd.Series:
    """float64, NaN where a cell is no number; arrow's cast is several times faster, but refuses all for one."""
    try:
        parsed = pa.array(cells, type=pa.string(), from_pandas=True).cast(pa.float64())
    except pa.ArrowInvalid:
        return pd.to_numeric(cells, errors="coerce").astype("float64")
    return pd.Series(
        parsed.to_numpy(zero_copy_only=False), index=cells.index, dtype="float64", name=cells.name
    )


def days_of(values: pd.Series) -> pd.Series:
    """Days without a time zone: as the clock of their zone shows them, or of UTC where all are midnight there only."""
    if values.dt.tz is None:
        return values
    local, utc = values.dt.tz_localize(None), values.dt.tz_convert("UTC").dt.tz_localize(None)
    moved = (utc == utc.dt.normalize()) & values.notna()
    days: pd.Series = utc if moved.sum() == values.notna().sum() else local
    return days


def dates(values: pd.Series, problems: Problems, today: date | None = None) -> tuple[pd.Series, int]:
    """Days (datetime64), and how many cells were in US order (month/day/year).

    ISO dates may carry a time of day, which is dropped. A date before 1800 or after ``today`` is an offence.
    """
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        days = days_of(values)
        found, times = (
            days.dt.normalize().astype("datetime64[us]"),
            days.drop_duplicates().dt.strftime("%H:%M"),
        )
        us = 0
    else:
        codes, distinct = pd.factorize(text(values))
        cells = pd.Series(distinct, dtype="str")
        iso = pd.to_datetime(cells.str.slice(0, 10), format="%Y-%m-%d", errors="coerce")
        slashed = cells.str.contains("/", regex=False) & iso.isna()
        day = cells.str.split(" ").str[0]
        iso = iso.mask(slashed, pd.to_datetime(day.where(slashed), format="%m/%d/%Y", errors="coerce"))
        found = pd.Series(iso.to_numpy()[codes], index=values.index).astype("datetime64[us]")
        us = int((slashed & iso.notna()).to_numpy()[codes].sum())
        times = cells.str.extract(r"^\d{4}-\d\d-\d\d[T ](\d\d:\d\d)", expand=False)
    clock = times.unique()
    if len(values) > 1 and len(clock) == 1 and isinstance(clock[0], str) and clock[0] not in _DAY_TIMES:
        problems.add(found.notna(), values, "moved_by_time_zone")
    problems.add(found.isna(), values, "not_a_date")
    problems.add(found < pd.Timestamp("1800-01-01"), values, "before_1800")
    if today is not None:
        problems.add(found > pd.Timestamp(today), values, "in_the_future")
    return found.rename(values.name), us
