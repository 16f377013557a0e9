"""Draws in the layout of the VIEWS prediction challenge: ``month_id``, a unit, ``draw``, ``outcome``; 1,000 draws.

Hegre, H. et al. (2025), *The 2023/24 VIEWS Prediction challenge*, Journal of Peace Research,
doi:10.1177/00223433241300862. Countries (``cm``) and PRIO-GRID cells (``pgm``) carry VIEWS' own numbers; the files
called ``harmattan_admin1`` have the same layout with this project's region ids, which VIEWS does not know.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...data.errors import RegionError
from ...data.geography import COUNTRY_ID, country_ids, month_id
from ...training import whole_numbers
from ...training.parts import part_of

if TYPE_CHECKING:
    import pyarrow as pa

    from ...training.distribution import Draws

#: Draws per unit and month that the challenge asks for.
DRAWS = 1000
#: The column that names the unit, by the beginning of a file's name.
UNITS = {"cm": "country_id", "pgm": "priogrid_gid", "harmattan_admin1": "region_id"}
#: Parts that have files, and what they are called there.
TYPES = {
    "events_state_based": "events_sb",
    "events_non_state": "events_ns",
    "events_one_sided": "events_os",
}
#: Cells of PRIO-GRID.
CELLS = 360 * 720
OUTCOMES = {
    "events": "reported deadly events of every type of violence in the month",
    "events_sb": "reported deadly events of state-based violence in the month",
    "events_ns": "reported deadly events of non-state violence in the month",
    "events_os": "reported deadly events of one-sided violence, against civilians, in the month",
    "deaths": "deaths, best estimate, of every type of violence (the challenge's ged_sb is state-based only)",
}


def chosen_draws(available: int) -> np.ndarray:
    """Which joint draws fill the 1,000 places: every one, evenly repeated, or evenly left out.

    >>> chosen_draws(500)[:5].tolist(), chosen_draws(2000)[:3].tolist()
    ([0, 0, 1, 1, 2], [0, 2, 4])
    """
    return np.arange(DRAWS, dtype=np.int64) * available // DRAWS


def challenge_table(draws: Draws, unit: str, ids: np.ndarray, cases: pa.Table | None = None) -> pa.Table:
    """One target in the challenge's layout, by month, unit and draw.

    Parameters
    ----------
    draws : Draws
        Joint draws (draws, horizons, units), counts >= 0; any number of them.
    unit : str
        Name of the unit's column.
    ids : numpy.ndarray
        Id of each unit, shape (units,).
    cases : pyarrow.Table, optional
        The table of another target with the same months and units: the columns that name them are shared.

    Returns
    -------
    pyarrow.Table
        ``month_id`` (1 is January 1980), the unit, ``draw`` (0..999), ``outcome``. Draw k of one unit belongs with
        draw k of every other.

    Examples
    --------
    >>> from harmattan.training.distribution import Draws
    >>> d = Draws(np.array([[[4]], [[6]]]), pd.Period("2023-12", "M"), (1,), ("MLI",), "deaths")
    >>> table = challenge_table(d, "country_id", np.array([50]))
    >>> table.num_rows, table.slice(499, 2).to_pylist()[1]
    (1000, {'month_id': 529, 'country_id': 50, 'draw': 500, 'outcome': 6})
    """
    import pyarrow as pa

    chosen = draws.values if len(draws.values) == DRAWS else draws.values[chosen_draws(len(draws.values))]
    values = chosen.transpose(1, 2, 0)
    outcome = pa.array(whole_numbers(np.ascontiguousarray(values)).ravel())
    if cases is not None:
        return cases.set_column(3, "outcome", outcome)
    months = np.array([month_id(draws.origin + h) for h in draws.horizons], dtype=np.int32)
    n_h, n_r, n = values.shape
    order = np.tile(np.repeat(np.arange(n_r, dtype=np.int32), n), n_h)
    unit_column = pa.DictionaryArray.from_arrays(order, pa.array(ids))
    return pa.table(
        {
            "month_id": np.repeat(months, n_r * n),
            unit: unit_column.cast(pa.string() if ids.dtype.kind in "OUT" else pa.int32()),
            "draw": np.tile(np.arange(n, dtype=np.int32), n_h * n_r),
            "outcome": outcome,
        }
    )


def grid_cells(region_ids: tuple[str, ...]) -> np.ndarray | None:
    """PRIO-GRID numbers of regions called ``pg-152000``; None where any region is no cell."""
    numbers = [r.removeprefix("pg-") for r in region_ids]
    cells = all(r.startswith("pg-") and n.isdigit() for r, n in zip(region_ids, numbers, strict=True))
    return np.array(numbers, dtype=np.int32) if cells and region_ids else None


def views_files(regions: Mapping[str, Draws], countries: Mapping[str, Draws]) -> dict[str, pa.Table | str]:
    """Every file of ``views/``, by path, with ``about.json``, which says what is there and what is left out.

    Parameters
    ----------
    regions, countries : mapping of str to Draws
        By target: joint draws of regions (or cells), and their sums by country (ISO3).
    """
    files: dict[str, pa.Table | str] = {}
    left_out: list[dict[str, str]] = []
    known: dict[Any, pa.Table] = {}
    regions, countries = (_outcomes(each) for each in (regions, countries))
    for target, draws in countries.items():
        try:
            files[f"views/cm_{target}.parquet"] = challenge_table(
                draws, "country_id", country_ids(draws.region_ids)
            )
        except RegionError as error:
            left_out.append({"file": f"cm_{target}.parquet", "reason": error.what})
    for target, draws in regions.items():
        cells = grid_cells(draws.region_ids)
        level = "harmattan_admin1" if cells is None else "pgm"
        ids = np.array(draws.region_ids, dtype=object) if cells is None else cells
        case = (draws.origin, draws.horizons, draws.region_ids)
        known[case] = challenge_table(draws, UNITS[level], ids, known.get(case))
        files[f"views/{level}_{target}.parquet"] = known[case]
    files["views/about.json"] = _about(regions, left_out)
    return files


def _outcomes(draws: Mapping[str, Draws]) -> dict[str, Draws]:
    """The targets that have files by VIEWS' name: totals and types of violence."""
    return {TYPES.get(t, t): d for t, d in draws.items() if t in TYPES or part_of(t) is None}


def _about(regions: Mapping[str, Draws], left_out: list[dict[str, str]]) -> str:
    about = {
        "layout": "VIEWS prediction challenge 2023/24: month_id, unit, draw, outcome",
        "month_id": "1 is January 1980",
        "draws": DRAWS,
        "drawn_from": max(d.values.shape[0] for d in regions.values()),
        "outcome": {target: OUTCOMES.get(target, target) for target in regions},
        "harmattan_admin1": "the same layout with region ids of this project, which are no ids of VIEWS",
        "left_out": left_out,
    }
    return json.dumps(about, indent=2, sort_keys=True) + "\n"


def unit_of(name: str) -> str:
    """The unit's column of a file such as ``views/cm_deaths.parquet``.

    >>> unit_of("views/pgm_events.parquet")
    'priogrid_gid'
    """
    base = name.rsplit("/", 1)[-1]
    return next(column for level, column in UNITS.items() if base.startswith(f"{level}_"))


def check_columns(table: pd.DataFrame, unit: str) -> pd.DataFrame:
    """Columns that are missing or too many: ``column, problem``."""
    wanted = ["month_id", unit, "draw", "outcome"]
    rows = [(c, "missing") for c in wanted if c not in table]
    rows += [(str(c), "unknown") for c in table if c not in wanted]
    return pd.DataFrame(rows, columns=["column", "problem"])


def check_outcome(table: pd.DataFrame) -> pd.DataFrame:
    """Rows whose outcome is missing, negative or no whole number."""
    value = table["outcome"].to_numpy(float)
    wrong: pd.DataFrame = table[~np.isfinite(value) | (value < 0) | (value != np.floor(value))]
    return wrong


def check_draws(table: pd.DataFrame, unit: str) -> pd.DataFrame:
    """Months and units that have not exactly the draws 0..999: ``month_id``, the unit, ``draws``.

    A month that one unit has and another lacks counts as having none.
    """
    months, month = np.unique(table["month_id"].to_numpy(), return_inverse=True)
    unit_code, units = pd.factorize(table[unit], sort=True)
    draw = table["draw"].to_numpy(np.int64)
    inside = (draw >= 0) & (draw < DRAWS)
    cells = len(months) * len(units)
    case = month.astype(np.int64) * len(units) + unit_code
    rows = np.bincount(case, minlength=cells)
    distinct = np.bincount(np.unique(case[inside] * DRAWS + draw[inside]) // DRAWS, minlength=cells)
    wrong = np.flatnonzero((rows != DRAWS) | (distinct != DRAWS))
    return pd.DataFrame(
        {
            "month_id": months[wrong // max(len(units), 1)],
            unit: np.asarray(units)[wrong % max(len(units), 1)],
            "draws": rows[wrong],
        }
    )


def check_units(table: pd.DataFrame, unit: str) -> pd.DataFrame:
    """Rows (one per unit) that VIEWS does not know: no ``country_id`` of its list, no cell of the grid."""
    first = table.drop_duplicates(unit)
    if unit == "country_id":
        return first[~first[unit].isin(COUNTRY_ID.values())]
    if unit == "priogrid_gid":
        return first[~first[unit].between(1, CELLS)]
    return first[first[unit].isna() | (first[unit] == "")]


def check_views(table: pd.DataFrame, unit: str) -> dict[str, pd.DataFrame]:
    """Every check's offending rows by name; later checks are left out where columns are wrong."""
    columns = check_columns(table, unit)
    if len(columns):
        return {"views columns": columns}
    return {
        "views columns": columns,
        "views outcome": check_outcome(table),
        "views draws": check_draws(table, unit),
        "views units": check_units(table, unit),
    }
