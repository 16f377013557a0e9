"""The joint draws of a release, read back from `draws.parquet`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...training.distribution import Draws

if TYPE_CHECKING:
    import pyarrow as pa


def read_draws(path: Path) -> dict[str, Draws]:
    """Joint draws by target from ``draws.parquet``; rows in the order in which releases write them are not sorted."""
    import pyarrow.parquet as pq

    table = pq.read_table(path, read_dictionary=["target", "origin", "region_id"])
    target = table["target"].combine_chunks()
    found: dict[str, Draws] = {}
    for code, name in enumerate(target.dictionary.to_pylist()):
        rows = np.flatnonzero(target.indices.to_numpy() == code)
        together = rows[-1] - rows[0] + 1 == len(rows)
        part = table.slice(rows[0], len(rows)) if together else table.take(rows)
        found[str(name)] = _draws(part, str(name))
    return found


def _draws(table: pa.Table, target: str) -> Draws:
    """The draws of one target."""
    region = table["region_id"].combine_chunks()
    names = np.array(region.dictionary.to_pylist(), dtype=object)
    codes = region.indices.to_numpy()
    horizon, draw = (table[name].to_numpy() for name in ("horizon", "draw"))
    horizons, ids = np.unique(horizon), np.unique(codes)
    n_h, n_r = len(horizons), len(ids)
    n = len(codes) // max(n_h * n_r, 1)
    value, origins = table["value"].to_numpy(), table["origin"].combine_chunks().dictionary
    whole = (
        len(codes) == n * n_h * n_r
        and np.issubdtype(value.dtype, np.integer)
        and len(origins) == 1
        and np.array_equal(codes, np.tile(codes[:n_r], n * n_h))
        and np.array_equal(horizon, np.tile(np.repeat(horizons, n_r), n))
        and np.array_equal(draw, np.repeat(draw[:: n_h * n_r], n_h * n_r))
    )
    if not whole:
        # As plain text: a dictionary sorts its regions as they happen to come.
        return Draws.from_frame(
            table.to_pandas().astype(dict.fromkeys(["target", "origin", "region_id"], str))
        )
    origin = pd.Period(str(origins[0]), freq="M")
    # Four bytes a count, eight where one needs them: as they were written.
    values = value.reshape(n, n_h, n_r)
    regions = tuple(str(r) for r in names[codes[:n_r]])
    return Draws(values, origin, tuple(int(h) for h in horizons), regions, target)
