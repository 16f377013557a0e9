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
        ``target, quiet_months, member, horizon, year, cases, predicted, observed, ratio, log_score, log_skill, brier``:
        sums of the chances and of the outcomes, the second as a multiple of the first; mean log and Brier score, and
        the share of the log score saved against stating the observed frequency everywhere. ``year`` is that of the
        target month, or ``all``.
    """
    rows = []
    for record in records:
        years = np.array([(origin + record.horizon).year for origin in record.origins])
        seen = np.isfinite(record.observed)
        for months in QUIET_MONTHS:
            past = np.asarray(record.history, float)[:, -months:]
            quiet = seen & np.isfinite(past).all(axis=1) & (np.nan_to_num(past).sum(axis=1) == 0)
            for member in (m for m in SHOWN if m in record.members):
                chance = record.of(member, "p1")
                for year in (ALL, *np.unique(years)):
                    some = quiet if year == ALL else quiet & (years == int(year))[:, None]
                    if some.any():
                        named = {"target": record.target, "quiet_months": months, "member": member}
                        scores = _scores(chance[some], record.observed[some] >= 1)
                        rows.append({**named, "horizon": record.horizon, "year": str(year), **scores})
    return pd.DataFrame(rows, columns=COLUMNS)


COLUMNS = [
    *("target", "quiet_months", "member", "horizon", "year", "cases", "predicted", "observed", "ratio"),
    *("log_score", "log_skill", "brier"),
]


def _scores(chance: np.ndarray, happened: np.ndarray) -> dict[str, float]:
    """Of some cases, (cases,) each."""
    p, rate = np.clip(chance, _LEAST, 1 - _LEAST), np.clip(happened.mean(), _LEAST, 1 - _LEAST)
    score = float(-np.where(happened, np.log(p), np.log1p(-p)).mean())
    usual = float(-np.where(happened, np.log(rate), np.log1p(-rate)).mean())
    predicted, observed = float(chance.sum()), float(happened.sum())
    return {
        "cases": len(chance),
        "predicted": predicted,
        "observed": observed,
        "ratio": observed / predicted if predicted > 0 else np.nan,
        "log_score": score,
        "log_skill": 1 - score / usual,
        "brier": float(((chance - happened) ** 2).mean()),
    }
