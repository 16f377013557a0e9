"""CSV files of a release, read back: their size, their cells, and whether a spreadsheet could run one of them."""

from __future__ import annotations

import csv
import io
import re
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pandas as pd

#: A cell that begins with one of these can be a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
#: By byte: whether it makes a formula of a cell that begins with it, and whether a cell may begin behind it.
_STARTS, _BEFORE = (np.isin(np.arange(256), list(those)) for those in (b"=+-@\t\r", b',"\r\n'))
#: A plain negative number that is a whole cell.
_NUMBER = re.compile(rb"(?<=[,\r\n])-\d+(\.\d+)?(e[+-]?\d+)?(?=[,\r\n])")


def csv_shape(path: Path) -> tuple[list[str], int]:
    """Columns and number of rows of a CSV."""
    text = path.read_bytes().decode("utf-8")
    if '"' in text or "\r" in text:
        cells = csv.reader(io.StringIO(text, newline=""))
        return next(cells, []), sum(1 for _ in cells)
    lines = text.count("\n") + bool(text and not text.endswith("\n"))
    return next(csv.reader([text.partition("\n")[0]]), []), max(lines - 1, 0)


def csv_table(path: Path) -> pd.DataFrame:
    """A CSV of a release; texts that read like a missing value stay as they are."""
    ids = dict.fromkeys(("output_type_id", "name", "region_id", "country", "location", "month"), str)
    numbers = pd.read_csv(path, nrows=0).columns.difference(list(ids))
    # Sums over three months are missing where fewer are forecast.
    missing = {name: ["NA"] for name in ("output_type_id", *numbers)}
    table: pd.DataFrame = pd.read_csv(path, dtype=ids, keep_default_na=False, na_values=missing)
    return table


def check_formulas(path: Path) -> pd.DataFrame:
    """Cells of a CSV that a spreadsheet could run: ``row, column, value``.

    A cell is safe where it begins as no formula does, or is a plain number.
    """
    found: list[tuple[int, str, str]] = []
    content = b"\n" + path.read_bytes()
    text, each = content[1:].decode("utf-8"), np.frombuffer(content, np.uint8)
    # A large table is read cell by cell only where one of them is suspect.
    suspects = 1 + np.flatnonzero(_STARTS[each[1:]] & _BEFORE[each[:-1]])
    if not all(_NUMBER.match(content, at) for at in suspects.tolist()):
        rows = csv.reader(io.StringIO(text, newline=""))
        header = next(rows, [])
        found = [(1, name, name) for name in header if _runs(name)]
        for number, cells in enumerate(rows, start=2):
            found += [(number, c, v) for c, v in zip_longest(header, cells, fillvalue="") if _runs(v)]
    return pd.DataFrame(found, columns=["row", "column", "value"])


def _runs(cell: str) -> bool:
    """Whether a cell begins like a formula and is no number."""
    if not cell.startswith(FORMULA):
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return False
