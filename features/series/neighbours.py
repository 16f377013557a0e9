"""Who lies next to whom, as sparse matrices: by order, at home or across the border."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ...data.errors import RegionError, UsageError, nearest
from ...data.panel import Panel
from .view import Array, Series, View

Sparse = Any


def border_km(panel: Panel) -> Sparse:
    """Shared border, km: symmetric CSR matrix (regions, regions).

    Raises
    ------
    UsageError
        If the panel has no links.
    RegionError
        If a link names a region that the panel does not have.
    """
    from scipy import sparse

    if panel.links is None:
        raise UsageError(
            "this panel has no links, so nothing is known about neighbours.",
            remedy="Give links (region_a, region_b, border_km), or leave neighbour features out.",
        )
    known = pd.Index(panel.region_ids)
    ends = [known.get_indexer(pd.Index(panel.links[c].astype(str))) for c in ("region_a", "region_b")]
    for column, end in zip(("region_a", "region_b"), ends, strict=True):
        if (end < 0).any():
            name = str(panel.links[column].iloc[int(np.argmax(end < 0))])
            raise RegionError(
                f"a link names region '{name}', which is not in the panel.",
                where=f"links, column {column}",
                remedy=nearest(name, panel.region_ids),
            )
    a, b = ends
    km = panel.links["border_km"].to_numpy(np.float64)
    n = len(panel.region_ids)
    both = sparse.coo_array((np.r_[km, km], (np.r_[a, b], np.r_[b, a])), shape=(n, n))
    return sorted_csr(both)


def sorted_csr(matrix: Sparse) -> Sparse:
    """CSR without duplicates or zeros, columns in order, so that sums always run the same way."""
    csr = matrix.tocsr()
    csr.sum_duplicates()
    csr.eliminate_zeros()
    csr.sort_indices()
    return csr


def weights(view: View, order: int = 1) -> Sparse:
    """Weight of every neighbour: its share of the region's whole border, CSR (regions, regions).

    The second order are the neighbours' neighbours that are neither neighbours nor the region itself, each
    weighted by the product of the shares along the way, summed over ways and scaled to 1.
    """

    def make() -> Sparse:
        from scipy import sparse

        first = _rows_to_one(border_km(view.panel))
        if order == 1:
            return first
        reach = (first @ first).tocoo()
        if not reach.nnz:
            return reach.tocsr()
        near = sparse.csr_array((np.ones_like(first.data), first.indices, first.indptr), shape=first.shape)
        near = (near + sparse.eye_array(first.shape[0])).tocsr()
        inside = np.asarray(near[reach.row, reach.col]).ravel() > 0
        kept = (np.where(inside, 0.0, reach.data), (reach.row, reach.col))
        return _rows_to_one(sorted_csr(sparse.coo_array(kept, shape=first.shape)))

    return view.once(("weights", order), make, shared=True)


def _rows_to_one(matrix: Sparse) -> Sparse:
    """Each row divided by its sum."""
    total = np.asarray(matrix.sum(axis=1)).ravel()
    scaled = matrix.copy()
    scaled.data = matrix.data / np.repeat(total, np.diff(matrix.indptr))
    return scaled


def country_codes(panel: Panel) -> Array:
    """One number per country, by region."""
    return np.unique(np.asarray(panel.countries), return_inverse=True)[1]


def side(matrix: Sparse, panel: Panel, across_border: bool | None) -> Sparse:
    """The entries between regions of one country, of two countries, or (None) all."""
    if across_border is None:
        return matrix
    code = country_codes(panel)
    coo = matrix.tocoo()
    abroad = code[coo.row] != code[coo.col]
    coo.data = np.where(abroad == across_border, coo.data, 0.0)
    return sorted_csr(coo)


def surroundings(view: View, measure: str, order: int, across_border: bool | None) -> Series:
    """Weighted sum of a measure over neighbours, scaled by the weight that was observed.

    Missing where a region has no such neighbour, or none of them was observed.
    """
    rows = view.once(
        ("rows", order, across_border),
        lambda: side(weights(view, order), view.panel, across_border)[view.columns].astype(np.float32),
    )
    return weighted(rows, view, measure)


def weighted(rows: Sparse, view: View, measure: str) -> Series:
    """``rows @ measure`` month by month, with the rule for gaps."""
    series = view.everywhere(measure)
    values = product(rows, series.values)
    total = rows @ np.ones(rows.shape[1], dtype=np.float32)
    if series.observed is None:
        if (total > 0).all():
            return Series(values)
        with_neighbours = np.broadcast_to(total > 0, values.shape)
        return Series(values, with_neighbours, np.ones(values.shape, dtype=bool))
    seen = product(rows, series.observed)
    some = seen > 0
    full = seen == total
    np.divide(total, seen, out=seen, where=some & ~full)
    np.copyto(seen, np.float32(1), where=full)
    values *= seen
    np.copyto(values, np.float32(0), where=~some)
    return Series(values, some, full)


def product(rows: Sparse, values: Array) -> Array:
    """(months, regions) from (regions, all regions) and (months, all regions), float32, a month at a time."""
    out = np.empty((len(values), rows.shape[0]), dtype=np.float32)
    for t, row in enumerate(values):
        out[t] = rows @ np.asarray(row, dtype=np.float32)
    return out


def others(view: View, measure: str, same_country: bool) -> Series:
    """Total of a measure over the other regions of the country or panel, scaled for the unobserved."""
    from scipy import sparse

    panel = view.panel
    n = len(panel.region_ids)
    code = country_codes(panel) if same_country else np.zeros(n, dtype=np.int64)
    groups = sparse.csr_array((np.ones(n), (code, np.arange(n))), shape=(code.max() + 1, n))
    series = view.everywhere(measure)
    here = code[view.columns]
    size = np.bincount(code)[here] - 1.0
    total = (groups @ np.asarray(series.values, dtype=np.float64).T).T[:, here]
    total -= series.values[:, view.columns]
    if series.observed is None:
        seen = np.broadcast_to(size, total.shape)
    else:
        seen = (groups @ series.observed.astype(np.float64).T).T[:, here]
        seen = seen - series.observed[:, view.columns]
    some = seen > 0
    scale = np.divide(size, seen, out=np.ones_like(total), where=some)
    values = np.where(some, total * scale, 0.0).astype(np.float32)
    return Series(values, some, seen == size)
