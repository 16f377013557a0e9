"""How VIEWS numbers months and countries: months from January 1980, countries by a list of its own."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..errors import RegionError
from .countries import COUNTRY_ID

#: The month before VIEWS' first.
_MONTH_ZERO = pd.Period("1979-12", freq="M")


def month_id(month: pd.Period | str) -> int:
    """VIEWS' number of a month; January 1980 is 1.

    >>> month_id("1980-01"), month_id("2024-01")
    (1, 529)
    """
    return int(pd.Period(month, freq="M").ordinal - _MONTH_ZERO.ordinal)


def month_of(number: int) -> pd.Period:
    """The month of one of VIEWS' numbers.

    >>> str(month_of(529))
    '2024-01'
    """
    month: pd.Period = _MONTH_ZERO + int(number)
    return month


def country_ids(codes: list[str] | tuple[str, ...]) -> np.ndarray:
    """VIEWS' ``country_id`` of each ISO3 code, int32.

    Raises
    ------
    RegionError
        VIEWS has no number for a code, or it is no ISO3 code.

    Examples
    --------
    >>> country_ids(["MLI", "BFA", "NER"]).tolist()
    [50, 47, 78]
    """
    unknown = sorted(set(codes) - set(COUNTRY_ID))
    if unknown:
        raise RegionError(
            f"VIEWS has no country_id for '{unknown[0]}'.",
            remedy="Give ISO3 codes of countries of today, such as MLI.",
        )
    return np.array([COUNTRY_ID[c] for c in codes], dtype=np.int32)
