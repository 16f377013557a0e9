"""Spreadsheets (xlsx, xls, ods) as text columns, where ``harmattan[files]`` is installed."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime
from pathlib import Path

import pandas as pd

from ..errors import SourceError
from .unpack import MAX_UNPACKED

_OLE = b"\xd0\xcf\x11\xe0"


def is_spreadsheet(raw: bytes) -> bool:
    """Whether bytes are a spreadsheet, by their content."""
    if raw[:4] == _OLE:
        return True
    if raw[:4] != b"PK\x03\x04":
        return False
    try:
        names = zipfile.ZipFile(io.BytesIO(raw)).namelist()
    except zipfile.BadZipFile:
        return False
    return "[Content_Types].xml" in names or "META-INF/manifest.xml" in names


def sheet_rows(raw: bytes, path: Path) -> pd.DataFrame:
    """The one sheet that holds a table, its first filled row as names; the index is the row of the sheet.

    Raises
    ------
    SourceError
        The library is not installed, the file cannot be read, or several sheets hold a table.
    """
    try:
        from python_calamine import CalamineError, load_workbook
    except ImportError:
        what = "this is a spreadsheet, and the library that reads them is not installed."
        raise SourceError(
            what, str(path), "Install harmattan[files], or save the sheet as CSV (UTF-8)."
        ) from None
    _refuse_bomb(raw, path)
    try:
        book = load_workbook(io.BytesIO(raw))
        sheets = {name: book.get_sheet_by_name(name) for name in book.sheet_names}
        cells = {name: (s.start or (0, 0), s.to_python(skip_empty_area=True)) for name, s in sheets.items()}
    except (CalamineError, OSError, ValueError) as error:
        what = f"the spreadsheet cannot be read ({str(error).splitlines()[0][:80] if str(error) else 'damaged'})."
        raise SourceError(what, str(path), "Save the sheet as CSV (UTF-8) and name that.") from None
    tables = {n: (at, rows) for n, (at, rows) in cells.items() if len(rows) > 1 and len(rows[0]) > 1}
    if len(tables) != 1:
        listed = f" ({', '.join(list(tables)[:6])})" if tables else ""
        what = f"{len(tables)} sheets hold a table{listed}; one is expected."
        raise SourceError(what, str(path), "Save the sheet that is meant as CSV (UTF-8) and name that.")
    (top, _), rows = next(iter(tables.values()))
    texts = [[_text(cell) for cell in row] for row in rows]
    frame = pd.DataFrame(texts[1:], columns=texts[0], dtype="str")
    frame.index = pd.RangeIndex(top + 2, top + 2 + len(frame))
    filled = [bool((frame.iloc[:, i] != "").any()) for i in range(frame.shape[1])]
    named = [bool(n) or filled[i] for i, n in enumerate(texts[0])]
    if sum(filled[i] and not n for i, n in enumerate(texts[0])) > 1:
        few = f"{sum(map(bool, texts[0]))} of {sum(named)}"
        what = f"row {top + 1} is taken for the names of the columns, but names {few}."
        raise SourceError(what, str(path), "Save the table without the title above it.")
    frame = frame.loc[:, named]
    return frame[(frame != "").any(axis=1)]


def _text(cell: object) -> str:
    """A cell as a CSV would have it: days in ISO order, whole numbers without a point."""
    if isinstance(cell, datetime | date):
        return cell.isoformat(" ") if isinstance(cell, datetime) else cell.isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def _refuse_bomb(raw: bytes, path: Path) -> None:
    """A :class:`SourceError` where the sheets would unpack to more than any table."""
    if raw[:4] != b"PK\x03\x04":
        return
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        size = sum(m.file_size for m in archive.infolist())
    if size > MAX_UNPACKED or size > max(len(raw) * 200, 50_000_000):
        raise SourceError(
            f"the spreadsheet unpacks to {size // 1_000_000} MB.", str(path), "Check where it comes from."
        )
