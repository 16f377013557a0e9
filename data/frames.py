"""Tables of other libraries, read as pandas."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa


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

    read: pd.DataFrame = plain_types(pa.table(table)).to_pandas(ignore_metadata=True)
    return read


def plain_types(table: pa.Table) -> pa.Table:
    """An Arrow table in types that every check knows: days as timestamps, decimals as numbers, codes as their values.

    A column whose cells are lists or structures is left out; an index that pandas made up is no column.
    """
    import pyarrow as pa

    kept = [
        (name, _plain_column(column))
        for name, column in zip(table.column_names, table.columns, strict=True)
        if not pa.types.is_nested(column.type) and not name.startswith("__index_level_")
    ]
    return pa.table([column for _, column in kept], names=[name for name, _ in kept])


def _plain_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        kind = column.type.value_type
        kind = pa.string() if pa.types.is_string_view(kind) else kind
        coded = [pa.DictionaryArray.from_arrays(c.indices, c.dictionary.cast(kind)) for c in column.chunks]
        column = pa.chunked_array([c.dictionary_decode() for c in coded], type=kind)
    kind = column.type
    try:
        if pa.types.is_date(kind):
            return column.cast(pa.timestamp("ms")).cast(pa.timestamp("us"))
        if pa.types.is_decimal(kind):
            return column.cast(pa.int64() if kind.scale == 0 else pa.float64())
        if pa.types.is_null(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            return column.cast(pa.string())
    except pa.ArrowInvalid:
        return column.cast(pa.string()) if pa.types.is_decimal(kind) else column
    return column


def csv_frame(path: str | Path, texts: Sequence[str]) -> pd.DataFrame:
    """A CSV whose named columns are texts to the letter: NA is a code there, and 01 is not 1."""
    frame = pd.read_csv(path)
    for name in frame.columns.intersection(list(texts)):
        frame[name] = pd.read_csv(path, usecols=[name], dtype=str, keep_default_na=False)[name]
    return frame


def rows_of(table: pd.DataFrame) -> list[Any]:
    """The rows as named tuples, of whatever type the columns hold."""
    return list(table.itertuples(index=False))


def read_only(values: np.ndarray) -> np.ndarray:
    """The same numbers behind a view that refuses to be written to: what a frozen object hands out stays as it is."""
    view = values.view()
    view.flags.writeable = False
    return view
