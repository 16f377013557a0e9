"""How the features of a recipe are computed: all at once, or some regions or months at a time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ...data.errors import ConfigError, HarmattanError, UsageError
from ...data.panel import Panel
from ..series import Array, View
from ..terms import Term, static_columns

UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
#: Bytes per region-month that a thread needs beside the result, found by measuring and rounded up.
SCRATCH = 64


def view_of(
    panel: Panel,
    columns: slice = slice(None),
    static: pd.DataFrame | None = None,
    shared: dict[Any, Any] | None = None,
) -> View:
    """A view of some regions; ``shared`` keeps what blocks of one panel have in common."""
    start, stop, _ = columns.indices(len(panel.region_ids))
    table = static if static is not None else panel.attrs.get("static")
    shared = {} if shared is None else shared
    if isinstance(table, pd.DataFrame) and "static" not in shared:
        shared["static"] = static_columns(table, panel)
    return View(panel, slice(start, stop), static=shared.get("static", {}), shared=shared)


def refusal(term: Term, view: View) -> HarmattanError | None:
    """Why a panel cannot serve a term, or None."""
    try:
        term.check(view)
    except HarmattanError as error:
        return error
    for measure, lag in view.panel.attrs.get("delays", {}).items():
        nearest = nearest_read(term, measure)
        if nearest is not None and nearest < lag:
            inside = f"Lag({lag}, of='{measure}')"
            return UsageError(
                f"reads {measure} of {nearest} months before, which is published after {lag} months.",
                remedy=f"Write {inside}, or put that inside: Sum(3, of={inside}).",
            )
    n_months = view.shape[0]
    if term.earliest is not None and term.earliest >= n_months:
        return UsageError(
            f"looks back {term.earliest + 1} months, but the panel has {n_months}.",
            remedy="Shorten it, or bring a longer history.",
        )
    return None


def nearest_read(term: Term, measure: str) -> int | None:
    """How many months back a term reads a measure at the nearest; None where it does not, or where nobody can tell.

    >>> from ..terms import Lag, Sum
    >>> nearest_read(Sum(3, of=Lag(2, of="rain")), "rain"), nearest_read(Sum(3), "rain")
    (2, None)
    """
    read = term.months_read()
    back = 0 if read is None else read[0]
    inner = [
        0 if of == measure else None if isinstance(of, str) else nearest_read(of, measure)
        for of in term.reads()
    ]
    found = [back + months for months in inner if months is not None]
    return min(found, default=None)


def unit_in(panel: Panel, term: Term) -> str:
    """A term's unit where a panel says what is counted: parts of its events, such as armed groups, are events."""
    unit = term.unit
    for of in term.reads():
        name = of if isinstance(of, str) else None
        if name is None:
            inner = unit_in(panel, of)  # type: ignore[arg-type]
            unit = unit.replace(of.unit, inner) if inner != of.unit else unit  # type: ignore[union-attr]
        elif name not in panel.measures and f"events_{name}" in panel.measures:
            unit = re.sub(rf"\b{re.escape(name)}\b", "events", unit)
    return unit


def compute(terms: Iterable[Term], view: View, rows: slice, threads: int = 1) -> Array:
    """Every term in some rows, float32 (features, months, regions)."""
    wanted = list(terms)
    n_months, n_regions = view.shape
    first, last, _ = rows.indices(n_months)
    out = np.empty((len(wanted), last - first, n_regions), dtype=np.float32)

    def one(k: int) -> None:
        if last - first == n_months:
            wanted[k].compute(view, out[k])
            return
        whole = np.empty((n_months, n_regions), dtype=np.float32)
        wanted[k].compute(view, whole)
        out[k] = whole[first:last]

    if threads <= 1:
        for k in range(len(wanted)):
            one(k)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(one, range(len(wanted))))
    return out


def part_of(panel: Panel, columns: slice, rows: slice) -> Panel:
    """Some regions and months of a panel, without a copy; links and cells are left behind where regions are."""
    n_months, n_regions = panel.shape
    whole = columns.indices(n_regions)[:2] == (0, n_regions)
    if whole and rows.indices(n_months)[:2] == (0, n_months):
        return panel
    return replace(panel.take(rows, columns), links=panel.links if whole else None)


def parse_memory(memory: str | int) -> int:
    """Bytes of a budget.

    >>> parse_memory("4GB")
    4000000000

    Raises
    ------
    ConfigError
        If it is no amount of memory.
    """
    if isinstance(memory, int):
        return memory
    text = memory.strip().lower().replace(" ", "")
    number = text.rstrip("kmgib")
    unit = text[len(number) :] or "b"
    try:
        return int(float(number) * UNITS[unit])
    except (KeyError, ValueError):
        raise ConfigError(f"'{memory}' is no amount of memory.", remedy="Write 500MB, 4GB or 2GiB.") from None


def blocks(
    panel: Panel, n_features: int, memory: int, threads: int, by: str, copies: int = 1
) -> Iterator[tuple[slice, slice]]:
    """Regions and months of each block, so that a block and its making stay within a budget.

    ``copies`` counts how often a block is held at once, as while it is written.

    Raises
    ------
    ConfigError
        If the budget does not hold one region, or one month.
    """
    n_months, n_regions = panel.shape
    if by not in ("regions", "months"):
        raise ConfigError(f"blocks by '{by}'.", remedy="Give 'regions' or 'months'.")
    held = sum(v.nbytes for v in panel.measures.values()) + 4 * n_months * n_regions
    if by == "regions":
        free, each, n = memory - held, n_months * (4 * n_features * copies + SCRATCH * threads), n_regions
    else:
        scratch = n_months * n_regions * SCRATCH * threads
        free, each, n = memory - held - scratch, 4 * n_regions * n_features * copies, n_months
    size = free // each
    if size < 1:
        least = memory - free + each
        raise ConfigError(
            f"{memory / 1e6:g} MB do not hold one block by {by}.",
            remedy=f"Give {int(np.ceil(least / 1e6))}MB or more.",
        )
    for start in range(0, n, size):
        block = slice(start, min(start + size, n))
        yield (block, slice(0, n_months)) if by == "regions" else (slice(0, n_regions), block)
