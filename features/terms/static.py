"""What does not change from month to month, from a table with one row per region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from ...data.errors import RegionError, SchemaError, UsageError, listed, nearest
from ...data.panel import Panel
from ..series import Array, View
from .term import STATIC, Term


@dataclass(frozen=True)
class Static(Term):
    """A column of the static table, the same in every month."""

    group: ClassVar[str] = STATIC
    NAME: ClassVar[str] = "{column}"

    column: str = "population"
    measured_in: str = ""

    @property
    def unit(self) -> str:
        """Unit of the values."""
        return self.measured_in or "as given"

    def months_read(self) -> None:
        """No month is read."""

    def check(self, view: View) -> None:
        """Refuse a panel without this column."""
        static_column(view, self.column)

    def compute(self, view: View, out: Array) -> None:
        """Write the values."""
        out[:] = static_column(view, self.column)[view.columns]


def static_column(view: View, column: str) -> Array:
    """One value per region of the panel.

    Raises
    ------
    UsageError
        If there is no static table.
    SchemaError
        If it has no such column.
    """
    if not view.static:
        raise UsageError(
            f"'{column}' comes from a static table, and none was given.",
            remedy="Give static=, a table with region_id and this column.",
        )
    if column not in view.static:
        raise SchemaError(f"no static column '{column}'.", remedy=nearest(column, view.static))
    return view.static[column]


def static_columns(table: pd.DataFrame, panel: Panel) -> dict[str, Array]:
    """The numeric columns of a static table in the order of the panel's regions.

    Raises
    ------
    SchemaError
        If the table has no ``region_id``, or one twice.
    RegionError
        If it misses a region of the panel.
    """
    if "region_id" not in table.columns:
        raise SchemaError(
            "a static table needs a column 'region_id'.", remedy=nearest("region_id", map(str, table.columns))
        )
    ids = table["region_id"].astype(str)
    if ids.duplicated().any():
        name = ids[ids.duplicated()].iloc[0]
        raise SchemaError(f"the static table has '{name}' twice.", remedy="Keep one row per region.")
    absent = sorted(set(panel.region_ids) - set(ids))
    if absent:
        spare = sorted(set(ids) - set(panel.region_ids))
        hint = f" {nearest(absent[0], spare)}" if spare else ""
        raise RegionError(
            f"the static table misses {len(absent)} regions of {len(panel.region_ids)}: {listed(absent)}.",
            remedy=f"Add a row for each, empty where nothing is known.{hint}",
        )
    rows = table.set_index(ids).loc[list(panel.region_ids)].drop(columns="region_id")
    numeric = rows.select_dtypes("number")
    return {str(c): numeric[c].to_numpy(np.float64, na_value=np.nan) for c in numeric.columns}
