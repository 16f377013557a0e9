"""Reporting delay: how much of the final figures stands in the first release.

The shipped table is made from monthly sums of deaths per country, as first released and as finally revised. Shares are
of deaths; a share above one means that the first release was too high.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import SourceError
from ..geography import iso3
from ..sources import read_table

DELAY_FILE = "reporting_delay.csv"


def reporting_delay(
    table: pd.DataFrame,
    rng: np.random.Generator,
    *,
    max_age_days: int = 60,
    level: float = 0.9,
    draws: int = 2000,
) -> pd.DataFrame:
    """The share of the final deaths that stood in the first release, by country.

    Only months with an annual release count as final; months first seen late say nothing about first releases.

    Parameters
    ----------
    table : pandas.DataFrame
        ``country, month, first_value, first_vintage`` and one or more columns ``final_*``; the last of them that is
        filled is taken.
    rng : numpy.random.Generator
        For the bootstrap over months.
    max_age_days : int
        First vintages later than this after the month's end are left out.
    level : float
        Level of the interval.
    draws : int
        Bootstrap samples.

    Returns
    -------
    pandas.DataFrame
        ``country, months, first, final, share, low, high``, with a row ``all``; share is missing without any death.

    Examples
    --------
    >>> table = pd.DataFrame({"country": "Mali", "month": ["2024-01", "2024-02"], "first_value": [8, 4],
    ...     "first_vintage": ["2024-02-20", "2024-03-20"], "final_25_1": [10.0, 5.0]})
    >>> reporting_delay(table, np.random.default_rng(0))["share"].tolist()
    [0.8, 0.8]
    """
    finals = sorted(c for c in table.columns if str(c).startswith("final_"))
    final = table[finals].ffill(axis=1).iloc[:, -1]
    month_end = pd.PeriodIndex(table["month"].astype(str), freq="M").end_time.normalize()
    age = (pd.to_datetime(table["first_vintage"]) - month_end).dt.days
    rows = table.assign(final=final)[(age < max_age_days) & (age >= 0) & final.notna()]
    out = [_share("all", rows.groupby("month")[["first_value", "final"]].sum(), rng, level, draws)]
    for country, part in rows.groupby("country"):
        out.append(_share(str(country), part.set_index("month")[["first_value", "final"]], rng, level, draws))
    return pd.DataFrame(out, columns=["country", "months", "first", "final", "share", "low", "high"])


def _share(
    name: str, sums: pd.DataFrame, rng: np.random.Generator, level: float, draws: int
) -> tuple[Any, ...]:
    first, final = sums["first_value"].to_numpy(float), sums["final"].to_numpy(float)
    if final.sum() <= 0:
        return (name, len(sums), first.sum(), final.sum(), np.nan, np.nan, np.nan)
    pick = rng.integers(0, len(sums), (draws, len(sums)))
    below = final[pick].sum(axis=1)
    shares = (first[pick].sum(axis=1)[below > 0]) / below[below > 0]
    low, high = np.quantile(shares, [(1 - level) / 2, (1 + level) / 2])
    return (name, len(sums), first.sum(), final.sum(), first.sum() / final.sum(), low, high)


def make_delay(table: str | Path, out: str | Path) -> pd.DataFrame:
    """Write ``reporting_delay.csv`` from a file of first and final values; the same bytes every time.

    Parameters
    ----------
    table : path
        CSV with the columns that :func:`reporting_delay` needs.
    out : path
        Folder.

    Returns
    -------
    pandas.DataFrame
        What was written; ``country`` is ISO3, or ``all``.

    Raises
    ------
    SourceError, SchemaError
        The file cannot be read, or a column is missing.
    """
    raw = read_table(table)
    raw.require(["country", "month", "first_value", "first_vintage"])
    frame = raw.frame
    numbers = [c for c in frame.columns if c == "first_value" or str(c).startswith("final_")]
    if len(numbers) < 2:
        raw.require(["final_25_1"])
    frame = frame.assign(**{c: pd.to_numeric(frame[c], errors="coerce") for c in numbers})
    found = reporting_delay(frame, np.random.default_rng(0))
    found["country"] = [c if c == "all" else iso3(c) or c for c in found["country"]]
    found = found.round({"share": 4, "low": 4, "high": 4}).astype({"first": int, "final": int})
    Path(out).mkdir(parents=True, exist_ok=True)
    found.to_csv(Path(out) / DELAY_FILE, index=False, lineterminator="\n")
    return found


def load_delay(folder: str | Path | None = None) -> pd.DataFrame:
    """The table of reporting delay: ``country, months, first, final, share, low, high``.

    Parameters
    ----------
    folder : path, optional
        Where ``reporting_delay.csv`` is; the package's own where None.

    Examples
    --------
    >>> table = load_delay().set_index("country")
    >>> bool(table.loc["MLI", "low"] < table.loc["MLI", "share"] < table.loc["MLI", "high"])
    True
    """
    path = (Path(str(files(__package__))) if folder is None else Path(folder)) / DELAY_FILE
    if not path.is_file():
        raise SourceError(
            "the table of reporting delay is not there.", where=str(path), remedy="Install again."
        )
    return pd.read_csv(path)


def share_of(delay: pd.DataFrame, country: str, *, least_deaths: float = 100.0) -> float:
    """Share of the final figures in the first release; that of all countries where one had too few deaths.

    Parameters
    ----------
    delay : pandas.DataFrame
        From :func:`load_delay`.
    country : str
        ISO3.
    least_deaths : float
        Final deaths that a country's own share must rest on.
    """
    rows = delay[(delay["country"] == country) & (delay["final"] >= least_deaths)]
    used = rows if len(rows) else delay[delay["country"] == "all"]
    return float(used["share"].iloc[0])
