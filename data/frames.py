"""Tables of other libraries, read as pandas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from .errors import UsageError


def pandas_of(table: Any) -> pd.DataFrame:
    """A table of pandas, polars or Arrow as one of pandas.

    Parameters
    ----------
    table : pandas.DataFrame or anything with an Arrow stream
        polars, pyarrow, duckdb and others offer one.

    Raises
    ------
    UsageError
        It is none of these.

    Examples
    --------
    >>> import pyarrow as pa
    >>> pandas_of(pa.table({"events": [1, 2]}))["events"].tolist()
    [1, 2]
    """
    if isinstance(table, pd.DataFrame):
        return table
    if not hasattr(table, "__arrow_c_stream__"):
        raise UsageError(
            f"a {type(table).__name__} is no table.", remedy="Give a long pandas, polars or Arrow table."
        )
    import pyarrow as pa

    read: pd.DataFrame = pa.table(table).to_pandas()
    return read


def rows_of(table: pd.DataFrame) -> list[Any]:
    """The rows as named tuples, of whatever type the columns hold."""
    return list(table.itertuples(index=False))


def read_only(values: np.ndarray) -> np.ndarray:
    """The same numbers behind a view that refuses to be written to: what a frozen object hands out stays as it is."""
    view = values.view()
    view.flags.writeable = False
    return view
