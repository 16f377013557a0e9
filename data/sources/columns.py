"""What the readers of several sources do alike: countries by number or name, bounds of deaths."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..convert import Problems, text
from ..geography import iso3
from .tables import RawTable


def country_of(raw: pd.DataFrame, column: str, numbers: Mapping[int, str]) -> pd.Series:
    """ISO3 by the number in a column, by ``country``'s name where the number says nothing."""
    code = pd.Series("", index=raw.index, dtype="str")
    if column in raw:
        code = pd.to_numeric(raw[column], errors="coerce").map(numbers).fillna("").astype("str")
    if "country" in raw:
        names = text(raw["country"])
        code = code.mask(code == "", names.map({name: iso3(name) for name in names.unique()}))
    return code.astype("str")


def ids_of(values: pd.Series, problems: Problems, table: RawTable) -> tuple[pd.Series, RawTable]:
    """Ids as text, the same from every kind of file: ``508.0`` is 508; what a spreadsheet has rounded is an offence."""
    ids = text(values)
    problems.add(ids == "", values, "empty")
    odd = ids.str.contains(".", regex=False) | ids.str.contains("+", regex=False)
    if not odd.any():
        return ids, table
    problems.add(ids.str.fullmatch(r"\d(\.\d+)?[eE]\+?\d+"), values, "rounded_id")
    decimal = ids.str.fullmatch(r"\d+\.0+")
    told = "Ids with a decimal point were read as whole numbers."
    return ids.mask(decimal, ids.str.split(".").str[0]), table.repaired_where(
        "ids_as_decimals", decimal, told
    )


def death_bounds(
    out: pd.DataFrame, best: pd.Series, low: pd.Series, high: pd.Series, table: RawTable
) -> RawTable:
    """Write ``deaths_best, deaths_low, deaths_high``; missing bounds become ``best``, narrow ones are widened."""
    low, high = low.fillna(best), high.fillna(best)
    outside = (best < low) | (best > high)
    out["deaths_best"] = best
    out["deaths_low"], out["deaths_high"] = np.minimum(low, best), np.maximum(high, best)
    return table.repaired_where(
        "deaths_bounds_widened", outside, "Bounds that did not hold best were widened to it."
    )
