"""Any table file as text columns: csv, gz, zip and parquet, with what had to be repaired on the way.

Everything that can be wrong with a file before its columns mean anything is found here: it is missing,
empty, a web page, not UTF-8, cut off, packed dangerously, or separated by something else than commas.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from ..errors import SchemaError, SourceError, listed
from ..frames import plain_types
from ..panel import Repair
from .spreadsheets import is_spreadsheet, sheet_rows
from .unpack import bytes_of, unpacked

_SPACES = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2007": " ", "\ufeff": ""})


@dataclass(frozen=True)
class RawTable:
    """Columns as the file has them, names in lower case; the index is the row of the file (header = row
    1)."""

    frame: pd.DataFrame
    path: str
    repairs: tuple[Repair, ...] = ()
    delimiter: str = ","

    def repaired(self, name: str, count: int, message: str, rows: Collection[int] = ()) -> RawTable:
        """The same table with one more counted repair (none where the count is zero)."""
        if not count:
            return self
        repair = Repair(name, int(count), message, self.path, tuple(int(r) for r in list(rows)[:20]))
        return replace(self, repairs=(*self.repairs, repair))

    def repaired_where(self, name: str, rows: pd.Series, message: str) -> RawTable:
        """The same, counted and placed by a mask of the rows that were repaired."""
        return self.repaired(name, int(rows.sum()), message, rows.index[rows])

    def require(self, columns: Collection[str]) -> None:
        """A :class:`SchemaError` naming the columns that are not there."""
        missing = [c for c in columns if c not in self.frame.columns]
        if missing:
            raise SchemaError(
                f"the column '{missing[0]}' is missing"
                + (f" (and {len(missing) - 1} more: {', '.join(missing[1:])})." if len(missing) > 1 else "."),
                where=f"{self.path}, row 1",
                remedy=_meant(missing[0], [str(c) for c in self.frame.columns]),
                failures=pd.DataFrame({"row": 1, "column": missing, "value": "", "rule": "column_missing"}),
            )


def _meant(name: str, known: list[str]) -> str:
    """A column that is nearly called so; ``latitude`` and ``longitude`` are not nearly the same."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    return f"Did you mean '{close[0]}'?" if close else f"The file has: {listed(known, near=name)}."


def read_table(
    path: str | Path,
    columns: Collection[str] | None = None,
    *,
    aliases: Mapping[str, str] | None = None,
    layouts: Mapping[int, tuple[str, ...]] | None = None,
) -> RawTable:
    """A csv, csv.gz, zip, parquet or spreadsheet file as text columns.

    Parameters
    ----------
    path : path
        The file; what it is, is read from its first bytes, not from its name.
    columns : collection of str, optional
        Columns to keep, all where None.
    aliases : mapping, optional
        Older name of a column to its present name.
    layouts : mapping of int to tuple of str, optional
        Column names by number of columns, for files that come without a header.

    Returns
    -------
    RawTable

    Raises
    ------
    SourceError
        The file is missing, empty, a web page, badly packed or not UTF-8.
    SchemaError
        A row has another number of fields than the header.
    """
    path = Path(path)
    raw = bytes_of(path)
    if raw[:4] == b"PAR1":
        return _select(RawTable(_parquet(raw, path), str(path)), columns, aliases or {})
    table = RawTable(pd.DataFrame(), str(path))
    if is_spreadsheet(raw):
        frame = sheet_rows(raw, path)
        names = [_name(str(c)) for c in frame.columns]
        _refuse_twice(names, str(path))
        return _select(replace(table, frame=frame.set_axis(names, axis=1)), columns, aliases or {})
    if raw[:2] == b"\x1f\x8b" and path.suffix != ".gz":
        table = table.repaired(
            "compressed_under_another_name", 1, "The file is gzip although its name says otherwise."
        )
    raw = unpacked(raw, path)
    if raw[:4] == b"PAR1":
        return _select(replace(table, frame=_parquet(raw, path)), columns, aliases or {})
    return _select(_csv(raw, table, layouts or {}, aliases or {}, columns), columns, aliases or {})


def _parquet(raw: bytes, path: Path) -> pd.DataFrame:
    try:
        table = pq.read_table(io.BytesIO(raw))
    except (pa.ArrowInvalid, OSError):
        raise SourceError(
            "the parquet file is damaged or cut off.", where=str(path), remedy="Download it again."
        ) from None
    frame: pd.DataFrame = plain_types(table).to_pandas(ignore_metadata=True)
    names = [_name(str(c)) for c in frame.columns]
    _refuse_twice(names, str(path))
    return frame.set_axis(names, axis=1).set_axis(pd.RangeIndex(2, len(frame) + 2), axis=0)


def _refuse_twice(names: list[str], path: str) -> None:
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise SchemaError(
            f"the column '{twice[0]}' stands there twice.",
            where=f"{path}, row 1",
            remedy="Rename or drop one of them.",
        )


def _name(text: str) -> str:
    return re.sub(r"\s+", "_", text.translate(_SPACES).strip().strip('"').strip().lower())


def _text(raw: bytes, table: RawTable) -> tuple[bytes, RawTable]:
    """The bytes as clean UTF-8, or an error that names the row where they are not."""
    if raw[:3] == b"\xef\xbb\xbf":
        raw = raw[3:]
        table = table.repaired("byte_order_mark", 1, "A byte order mark at the start was dropped.", [1])
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        row = raw[: error.start].count(b"\n") + 1
        raise SourceError(
            f"byte {error.start} is not UTF-8 text.",
            where=f"{table.path}, line {row}",
            remedy="Save the file as UTF-8 (in a spreadsheet: 'CSV UTF-8').",
        ) from None
    if b"\x00" in raw[:4096]:
        raise SourceError(
            "the file is not a text table.", where=table.path, remedy="Give a csv, zip or parquet file."
        )
    head = raw[:2000].lstrip().lower()
    if head.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        raise SourceError(
            "this is a web page, not a table.",
            where=f"{table.path}, line 1",
            remedy="Download the file again; the server answered with a page.",
        )
    if head.startswith((b"{", b"[")):
        raise SourceError(
            "this is JSON, not a table.", where=f"{table.path}, line 1", remedy="Export it as csv or parquet."
        )
    return raw, table


def _csv(
    raw: bytes,
    table: RawTable,
    layouts: Mapping[int, tuple[str, ...]],
    aliases: Mapping[str, str],
    columns: Collection[str] | None,
) -> RawTable:
    raw, table = _text(raw, table)
    raw, table, skipped, delimiter = _first_lines(raw, table)
    names, body = _header(raw, delimiter, table.path)
    if delimiter != ",":
        table = table.repaired(
            "other_delimiter", 1, f"Columns are separated by '{delimiter}', not by commas.", [1]
        )
    header = _header_of(names, layouts, aliases)
    offset = skipped + 2
    if header is None:
        clean = [_name(n) for n in names]
        if clean != names:
            table = table.repaired(
                "header_cleaned",
                sum(a != b for a, b in zip(clean, names, strict=True)),
                "Column names were brought to lower case without spaces.",
                [1],
            )
        names, raw = clean, body
    else:
        names, offset = list(header), skipped + 1
        table = table.repaired("header_missing", 1, "The file has no header; the known layout was used.", [1])
    _refuse_twice(names, table.path)
    wanted = names if columns is None else [n for n in names if aliases.get(n, n) in columns or n in columns]
    if not raw.strip():
        raise SourceError(
            "the file has a header and no rows.",
            where=f"{table.path}, row 1",
            remedy="Export or download it again.",
        )
    frame, blank = _rows(raw.rstrip() + b"\n", names, wanted or names, delimiter, offset, table.path)
    table = table.repaired("blank_lines", len(blank), "Blank lines were skipped.", blank)
    if frame.empty:
        raise SourceError(
            "the file has a header and no rows.",
            where=f"{table.path}, row 1",
            remedy="Export or download it again.",
        )
    return replace(table, frame=frame, delimiter=delimiter)


def _first_lines(raw: bytes, table: RawTable) -> tuple[bytes, RawTable, int, str]:
    """Line ends as lines, without a spreadsheet's ``sep=`` line; how many lines went, and the separator."""
    if b"\n" not in raw and b"\r" in raw.strip():
        raw = raw.replace(b"\r", b"\n")
        table = table.repaired("line_ends", 1, "Lines end as on an old Mac; they were read as lines.", [1])
    line, _, rest = raw.partition(b"\n")
    separator = re.fullmatch(r"\"?sep=(.|\\t)\"?", line.decode().strip(" \r"))
    if separator:
        return rest, table, 1, "\t" if separator[1] == "\\t" else separator[1]
    text = line.decode()
    return raw, table, 0, max(",;\t|", key=lambda d: (text.count(d), d == ","))


def _header(raw: bytes, delimiter: str, path: str) -> tuple[list[str], bytes]:
    """The first row, whose names may hold line breaks between quotation marks, and what comes after it."""
    lines = io.StringIO(raw[:200_000].decode(errors="ignore"), newline="")
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        names = next(reader, [])
    except csv.Error as error:
        raise SchemaError(
            f"the header cannot be read ({error}).", f"{path}, row 1", "Save the file as plain CSV."
        ) from None
    return names, raw.split(b"\n", reader.line_num)[-1]


def _header_of(
    names: list[str], layouts: Mapping[int, tuple[str, ...]], aliases: Mapping[str, str]
) -> tuple[str, ...] | None:
    """The layout to use where the first line is data; None where it is a header."""
    layout = layouts.get(len(names))
    if layout is None:
        return None
    known = {*layout, *aliases}
    return None if sum(_name(n) in known for n in names) > len(names) / 3 else layout


def _rows(
    raw: bytes, names: list[str], wanted: list[str], delimiter: str, offset: int, path: str
) -> tuple[pd.DataFrame, list[int]]:
    """The rows, indexed by their number in the file, and the numbers of blank ones."""
    bad: list[tuple[int, int]] = []

    def refuse(row: pacsv.InvalidRow) -> str:
        bad.append((int(row.number or 0) + offset - 1, int(row.actual_columns)))
        return "skip"

    try:
        table = pacsv.read_csv(
            io.BytesIO(raw),
            read_options=pacsv.ReadOptions(column_names=names, use_threads=False, block_size=16_000_000),
            parse_options=pacsv.ParseOptions(
                delimiter=delimiter,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=refuse,
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=False,
                include_columns=wanted,
            ),
        )
    except pa.ArrowInvalid as error:
        raise SchemaError(
            f"the rows cannot be told apart ({str(error).splitlines()[0][:120]}).",
            where=path,
            remedy="Look for a quotation mark that is never closed, or download the file again.",
        ) from None
    if bad:
        row, fields = bad[0]
        raise SchemaError(
            f"{len(bad)} row(s) have {fields} fields, not {len(names)} as the header has.",
            where=f"{path}, row {row}",
            remedy="The file may be cut off: download it again; or quote texts that hold the separator.",
            failures=pd.DataFrame(
                [(r, "", str(n), "field_count") for r, n in bad], columns=["row", "column", "value", "rule"]
            ),
        )
    frame: pd.DataFrame = table.to_pandas()
    frame.index = pd.RangeIndex(offset, len(frame) + offset)
    nothing = frame.iloc[:, 0].isin(["", None])
    if nothing.any():
        nothing &= (frame.fillna("") == "").all(axis=1)
    return (frame[~nothing] if nothing.any() else frame), frame.index[nothing].tolist()


def _is_hxl(cells: list[str]) -> bool:
    """Whether a row holds hashtags that say what the columns are, as HDX writes them below the header."""
    return any(cells) and all(
        re.fullmatch(r"#[a-z0-9_]+( ?\+ ?[a-z0-9_]+)*|", c.strip().lower()) for c in cells
    )


def _select(table: RawTable, columns: Collection[str] | None, aliases: Mapping[str, str]) -> RawTable:
    """Old names made new, the wanted columns kept, spaces that are none counted and dropped."""
    frame = table.frame
    old = {c: aliases[c] for c in frame.columns if c in aliases and aliases[c] not in frame.columns}
    if old:
        frame = frame.rename(columns=old)
        table = table.repaired(
            "old_column_names",
            len(old),
            "Older column names were read as today's: " + ", ".join(sorted(old)) + ".",
            [1],
        )
    if len(frame) and _is_hxl([str(c) for c in frame.iloc[0]]):
        table = table.repaired("hxl_tags", 1, "The row of HXL tags was left out.", [int(frame.index[0])])
        frame = frame.iloc[1:]
    if columns is not None:
        frame = frame[[c for c in frame.columns if c in columns]]
    cleaned: dict[str, pd.Series] = {}
    touched: set[int] = set()
    for name in frame.columns:
        if not pd.api.types.is_string_dtype(frame[name].dtype):
            continue
        odd = frame[name].str.contains("[\u00a0\u202f\u2007\ufeff]", regex=True, na=False)
        if odd.any():
            touched |= set(frame.index[odd])
            cleaned[str(name)] = frame[name].str.translate(_SPACES)
    if cleaned:
        frame = frame.assign(**cleaned)
        table = table.repaired(
            "odd_spaces", len(touched), "Non-breaking spaces were replaced.", sorted(touched)
        )
    return replace(table, frame=frame)
