"""Where nothing happened for months: how often anything was predicted there, and how often it was observed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from ..record import Record

#: Months without a count after which a region is looked at.
QUIET_MONTHS = (6, 12)
#: Whose chances are shown.
SHOWN = ("pool", "pool_uncalibrated", "endemic_epidemic", "conflictology_12")
#: A chance of exactly nothing or everything would make one surprise infinite.
_LEAST = 1e-4
#: Every year, in the column of years.
ALL = "all"


def quiet_table(records: Sequence[Record]) -> pd.DataFrame:
    """Chances of at least one where it was quiet, against what was observed.

    Parameters
    ----------
    records : sequence of Record
        One per horizon, of one target.

    Returns
    -------
    pandas.DataFrame
        ``target, quiet_months, member, horizon, year, cases, predicted, observed, ratio, log_score, log_skill, brier,
        brier_skill``:
        sums of the chances and of the outcomes, the second as a multiple of the first; mean log and Brier score, and
        the share of each that is saved against stating the observed frequency everywhere. ``year`` is that of the
        target month, or ``all``.
    """
    rows = []
    for record in records:
        years = np.array([(origin + record.horizon).year for origin in record.origins])
        for months in QUIET_MONTHS:
            quiet = quiet_cases(record.history, record.observed, months)
            for member in (m for m in SHOWN if m in record.members):
                chance = record.of(member, "p1")
                for year in (ALL, *np.unique(years)):
                    some = quiet if year == ALL else quiet & (years == int(year))[:, None]
                    if some.any():
                        named = {"target": record.target, "quiet_months": months, "member": member}
                        scores = _scores(chance[some], record.observed[some] >= 1)
                        rows.append({**named, "horizon": record.horizon, "year": str(year), **scores})
    return pd.DataFrame(rows, columns=COLUMNS)


#: Columns of the table by year.
YEAR_COLUMNS = ["target", "quiet_months", "year", "cases", "predicted", "observed", "ratio"]


def quiet_by_year(tables: Sequence[pd.DataFrame], member: str = "pool") -> pd.DataFrame:
    """Chances of one member where it was quiet against what was observed, by year and over all, horizons together.

    Parameters
    ----------
    tables : sequence of pandas.DataFrame
        Of :func:`quiet_table`, such as those of two windows.

    Returns
    -------
    pandas.DataFrame
        ``target, quiet_months, year, cases, predicted, observed, ratio``.
    """
    whole = pd.concat(tables, ignore_index=True)
    mine = whole[(whole["member"] == member) & (whole["year"] != ALL)]
    keys, counts = ["target", "quiet_months"], ["cases", "predicted", "observed"]
    years = mine.groupby([*keys, "year"], as_index=False)[counts].sum()
    every = mine.groupby(keys, as_index=False)[counts].sum().assign(year=ALL)
    table = pd.concat([years, every], ignore_index=True).sort_values([*keys, "year"], ignore_index=True)
    return table.assign(ratio=table["observed"] / table["predicted"])[YEAR_COLUMNS]


def quiet_cases(history: np.ndarray, observed: np.ndarray, months: int) -> np.ndarray:
    """Where there was no count for so many months and the outcome is known.

    Parameters
    ----------
    history : numpy.ndarray
        Counts up to each origin, (origins, months, regions); NaN where not observed.
    observed : numpy.ndarray
        Outcomes, (origins, regions); NaN where not observed.
    months : int

    Returns
    -------
    numpy.ndarray
        bool, (origins, regions).

    Examples
    --------
    >>> quiet_cases(np.array([[[1.0, 0.0], [0.0, 0.0]]]), np.array([[2.0, 3.0]]), 2).tolist()
    [[False, True]]
    """
    past = np.asarray(history, float)[:, -months:]
    none = np.isfinite(past).all(axis=1) & (np.nan_to_num(past).sum(axis=1) == 0)
    return np.asarray(np.isfinite(observed) & none)


COLUMNS = [
    *("target", "quiet_months", "member", "horizon", "year", "cases", "predicted", "observed", "ratio"),
    *("log_score", "log_skill", "brier", "brier_skill"),
]


def _scores(chance: np.ndarray, happened: np.ndarray) -> dict[str, float]:
    """Of some cases, (cases,) each."""
    p, rate = np.clip(chance, _LEAST, 1 - _LEAST), np.clip(happened.mean(), _LEAST, 1 - _LEAST)
    score = float(-np.where(happened, np.log(p), np.log1p(-p)).mean())
    usual = float(-np.where(happened, np.log(rate), np.log1p(-rate)).mean())
    predicted, observed = float(chance.sum()), float(happened.sum())
    brier, spread = float(((chance - happened) ** 2).mean()), float(happened.var())
    return {
        "cases": len(chance),
        "predicted": predicted,
        "observed": observed,
        "ratio": observed / predicted if predicted > 0 else np.nan,
        "log_score": score,
        "log_skill": 1 - score / usual,
        "brier": brier,
        "brier_skill": 1 - brier / spread if spread > 0 else np.nan,
    }
