"""What every member forecast at past origins, and the outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .distribution import Margins


@dataclass(frozen=True)
class Record:
    """What every member forecast at one horizon, and the outcome.

    Attributes
    ----------
    target : str
    horizon : int
    origins : tuple of pandas.Period
    region_ids, countries : tuple of str
        The scored regions.
    observed : numpy.ndarray
        Outcomes, (origins, regions), counts; NaN where not observed.
    history : numpy.ndarray
        Counts of the 12 months up to the last one published at each origin, as they stood then, (origins, 12,
        regions); NaN where not observed.
    margins : mapping of str to sequence of Margins
        By member and ``pool``, one per origin, (regions,).
    weights : pandas.DataFrame
        ``origin, horizon, member, weight`` of the pool.
    """

    target: str
    horizon: int
    origins: tuple[pd.Period, ...]
    region_ids: tuple[str, ...]
    countries: tuple[str, ...]
    observed: np.ndarray
    history: np.ndarray
    margins: Mapping[str, Sequence[Margins]]
    weights: pd.DataFrame
