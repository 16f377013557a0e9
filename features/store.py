"""A cube of any size into one parquet file, block by block."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..data.errors import SourceError
from ..data.panel import Panel
from .cube import FeatureCube
from .recipe import Recipe

#: A block is held as a cube, as a row group, and as what its compression buffers.
COPIES = 3


@dataclass(frozen=True)
class WrittenCube:
    """What :func:`write_parquet` wrote.

    Attributes
    ----------
    path : Path
    rows, blocks : int
        Region-months, and row groups.
    features : tuple of str
    dropped : tuple of (str, str)
        Features that the panel cannot serve, with the reason.
    """

    path: Path
    rows: int
    features: tuple[str, ...]
    blocks: int
    dropped: tuple[tuple[str, str], ...]


def write_parquet(
    recipe: Recipe,
    panel: Panel,
    path: str | Path,
    *,
    memory: str | int = "4GB",
    by: str = "regions",
    static: pd.DataFrame | None = None,
    missing: str | None = None,
    threads: int = 1,
) -> WrittenCube:
    """Write the long table ``month, region_id`` and one float32 column per feature.

    Parameters
    ----------
    recipe, panel, static, missing, threads
        As for ``Recipe.build``.
    path : path
        The file; it appears whole or not at all. Its metadata carry the recipe and its digest.
    memory : str or int
        Budget, such as ``"4GB"``.
    by : {"regions", "months"}
        How the work is cut; one row group per block.

    Returns
    -------
    WrittenCube

    Raises
    ------
    ConfigError
        If the budget is too small.
    SourceError
        If the file cannot be written.
    """
    import pyarrow.parquet as pq

    path = Path(path)
    if not path.parent.is_dir():
        raise SourceError("there is no such folder.", str(path.parent), "Create it, or name another.")
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    writer, rows, count = None, 0, 0
    names: tuple[str, ...] = ()
    dropped: tuple[tuple[str, str], ...] = ()
    try:
        parts = recipe.blocks(
            panel, memory, by=by, static=static, missing=missing, threads=threads, copies=COPIES
        )
        for cube in parts:
            names, dropped = cube.names, cube.dropped
            table = _table(cube, recipe)
            if writer is None:
                writer = pq.ParquetWriter(aside, table.schema, compression="zstd")
            writer.write_table(table, row_group_size=table.num_rows)
            rows, count = rows + table.num_rows, count + 1
            del cube, table
        if writer is not None:
            writer.close()
            writer = None
        os.replace(aside, path)
    except OSError as error:
        raise SourceError(f"the cube cannot be written ({error}).", str(path), "Check the disk.") from None
    finally:
        if writer is not None:
            writer.close()
        Path(aside).unlink(missing_ok=True)
    return WrittenCube(path, rows, names, count, dropped)


def _table(cube: FeatureCube, recipe: Recipe) -> Any:
    """The block as an Arrow table; its columns are views of the cube."""
    import pyarrow as pa

    n_months, n_regions, _ = cube.shape
    month = pa.DictionaryArray.from_arrays(
        np.repeat(np.arange(n_months, dtype=np.int32), n_regions), pa.array(cube.months.astype(str).to_list())
    )
    region = pa.DictionaryArray.from_arrays(
        np.tile(np.arange(n_regions, dtype=np.int32), n_months), pa.array(list(cube.region_ids))
    )
    store = cube.values.transpose(2, 0, 1).reshape(len(cube.names), -1)
    columns = {"month": month, "region_id": region}
    columns |= {name: pa.array(values) for name, values in zip(cube.names, store, strict=True)}
    digest = {b"harmattan.recipe": recipe.to_json().encode(), b"harmattan.digest": cube.digest.encode()}
    return pa.table(columns).replace_schema_metadata(digest)
