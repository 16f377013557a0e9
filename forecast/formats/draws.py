"""``draws.parquet``: every joint draw as a row, written and read back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...training import whole_numbers
from ...training.distribution import Draws

if TYPE_CHECKING:
    import pyarrow as pa


def draws_table(draws: Mapping[str, Draws]) -> pa.Table:
    """Every joint draw: ``target, origin, horizon, region_id, draw, value``; one row per number.

    Draw k of one region and month belongs with draw k of every other: sums over regions are sums per draw.
    """
    import pyarrow as pa

    parts, numbered = [], dict[Any, dict[str, pa.Array]]()
    first = np.zeros(max((d.values.size for d in draws.values()), default=0), dtype=np.int32)
    for target, d in draws.items():
        case = (len(d.values), d.horizons, d.region_ids)
        # Targets of the same regions share every column but their own.
        if case not in numbered:
            numbered[case] = _numbered(*case)
        zeros = first[: d.values.size]
        columns = {
            "target": pa.DictionaryArray.from_arrays(zeros, [target]),
            "origin": pa.DictionaryArray.from_arrays(zeros, [str(d.origin)]),
            **numbered[case],
            "value": pa.array(whole_numbers(d.values.ravel())),
        }
        parts.append(pa.table(columns))
    return pa.concat_tables(parts)


def _numbered(draws: int, horizons: Sequence[int], region_ids: Sequence[str]) -> dict[str, pa.Array]:
    """Which horizon, region and draw each number is of, draw by draw."""
    import pyarrow as pa

    n_h, n_r = len(horizons), len(region_ids)
    region = np.tile(np.arange(n_r, dtype=np.int32), draws * n_h)
    return {
        "horizon": pa.array(np.tile(np.repeat(np.array(horizons, dtype=np.int16), n_r), draws)),
        "region_id": pa.DictionaryArray.from_arrays(region, list(region_ids)),
        "draw": pa.array(np.repeat(np.arange(draws, dtype=np.int16), n_h * n_r)),
    }


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
    codes, value = region.indices.to_numpy(), table["value"].to_numpy()
    horizon, draw = (table[name].to_numpy() for name in ("horizon", "draw"))
    n_r = _period(codes)
    horizons = horizon[::n_r]
    n_h = _period(horizons)
    n = len(codes) // (n_r * n_h)
    origins = table["origin"].combine_chunks().dictionary
    whole = (
        len(codes) == n * n_h * n_r
        and np.issubdtype(value.dtype, np.integer)
        and len(origins) == 1
        and len(set(codes[:n_r].tolist())) == n_r
        and (np.diff(horizons[:n_h]) > 0).all()
        and (codes.reshape(-1, n_r) == codes[:n_r]).all()
        and (horizon.reshape(n, n_h, n_r) == horizons[:n_h, None]).all()
        and (draw.reshape(n, -1) == draw[:: n_h * n_r, None]).all()
    )
    if not whole:
        # As plain text: a dictionary sorts its regions as they happen to come.
        return Draws.from_frame(
            table.to_pandas().astype(dict.fromkeys(["target", "origin", "region_id"], str))
        )
    names = region.dictionary.to_pylist()
    regions = tuple(str(names[code]) for code in codes[:n_r])
    # Counts as they were written: four bytes each, or eight where one needs them.
    values, origin = value.reshape(n, n_h, n_r), pd.Period(str(origins[0]), freq="M")
    return Draws(values, origin, tuple(int(h) for h in horizons[:n_h]), regions, target)


def _period(values: np.ndarray) -> int:
    """After how many values the first one comes again; their number where it does not."""
    again = np.flatnonzero(values[1:] == values[0])
    return int(again[0]) + 1 if len(again) else len(values)
