"""Releases: a dated folder that is complete or absent, and the same bytes for the same numbers.

Everything is written into a hidden folder beside the target, flushed to disk, and moved into place by one
rename.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ...data.errors import ReleaseError
from .catalogue import NAME, refuse_withdrawn
from .files import (
    clear_leftovers,
    disk_errors,
    flush,
    flush_owned,
    read_sums,
    sums_of,
    write_sums,
    write_text,
    writing,
)
from .manifest import json_text, manifest, status
from .tables import release_tables

if TYPE_CHECKING:
    import pyarrow as pa

    from ..result import ForecastResult

#: The one file that may differ between two releases of the same numbers: the day, and what is revised.
STATUS = "status.json"
#: Rows of a CSV that are put into text at once.
ROWS_AT_ONCE = 20_000


@dataclass(frozen=True)
class Release:
    """Where a release is, and how it came about."""

    path: Path  # The folder.
    #: New; already there with the same bytes; beside an earlier one of the same month.
    status: Literal["written", "identical", "revised"]
    reason: tuple[str, ...] = ()  # What differs from the earlier release, where ``status`` is ``revised``.


def write_release(
    result: ForecastResult, html: str, out: Path, beside: Mapping[str, str | bytes] | None = None
) -> Path:
    """Write a release below ``out`` and return its folder; see :func:`publish_release`."""
    return publish_release(result, html, out, beside=beside).path


def publish_release(
    result: ForecastResult,
    html: str,
    out: Path,
    on_file: Callable[[str], None] | None = None,
    check: Callable[[Path], object] | None = None,
    beside: Mapping[str, str | bytes] | None = None,
    on_name: Callable[[Path], object] | None = None,
) -> Release:
    """Write one forecast as ``out/YYYY-MM`` (or ``YYYY-MM_r2`` beside an earlier one that differs).

    Parameters
    ----------
    html : str
        The report.
    out : Path
        Folder of all releases; made where absent.
    on_file, check : callable, optional
        Called with each file's name before it is written; and with the finished folder before it gets its name: what
        that raises keeps the release away.
    beside : mapping of str to str or bytes, optional
        Other files by name: ``headline.md``, ``map.png``.
    on_name : callable, optional
        Called with the folder that a new release is about to become: what it leaves outlives a kill.

    Raises
    ------
    WithdrawnError
        The same numbers were withdrawn before.
    ReleaseError
        Tables that break a check, a region id that is no name, a folder that cannot be written.
    LockError
        Another job is writing here.
    """
    for region in result.panel.region_ids:
        if not region or region.startswith(".") or re.search(r"[/\\\x00-\x1f\x7f]", region):
            raise ReleaseError(
                f"the region id {region!r} cannot be a file's name.",
                remedy="Rename it: the country's ISO3, a hyphen, the name in plain letters.",
            )
    tables = release_tables(result)
    remedy = "Nothing was published; free space or permissions there, or choose another --out."
    with disk_errors("the release cannot be written", out, remedy, name_file=True):
        out.mkdir(parents=True, exist_ok=True)
        with writing(out):
            clear_leftovers(out)
            fresh = out / f".tmp-{result.origin}"
            try:
                _fill(fresh, tables, result, {"report.html": html, **(beside or {})}, on_file)
                return _place(
                    fresh, out, result, check or (lambda folder: None), on_name or (lambda folder: None)
                )
            finally:
                shutil.rmtree(fresh, ignore_errors=True)


def csv_text(frame: pd.DataFrame) -> str:
    """A table as CSV in which no text cell starts a spreadsheet formula.

    >>> print(csv_text(pd.DataFrame({"name": ["=1+1", "Gao"], "change": [-1.0, 2.5]})), end="")
    name,change
    '=1+1,-1
    Gao,2.5
    """
    text = io.StringIO()
    _write_csv(frame, text)
    return text.getvalue()


def _write_csv(frame: pd.DataFrame, stream: IO[str]) -> None:
    """Write a table as CSV, some rows at a time: as one text a large one takes many times its size."""
    cells = [_cells(column) for _, column in frame.items()]
    names = [str(name) for name in frame.columns]
    # Python's csv leaves a lone carriage return unquoted, which spreadsheets take for a new row.
    torn = any("\r" in cell for cell in {*names, *(cell for known, _ in cells for cell in known)})
    writer = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL if torn else csv.QUOTE_MINIMAL)
    writer.writerow(names)
    columns = [(np.array([*known, "NA"], dtype=object), codes) for known, codes in cells]
    for start in range(0, len(frame), ROWS_AT_ONCE):
        some = slice(start, start + ROWS_AT_ONCE)
        writer.writerows(zip(*(known[codes[some]].tolist() for known, codes in columns), strict=True))


def _cells(column: pd.Series) -> tuple[list[str], np.ndarray]:
    """Every different cell as text, and which of them stands in each row, -1 where none does.

    Text that would start a formula has an apostrophe before it.
    """
    # What is equal and not the same, such as 1 and True, is kept apart.
    mixed = column.dtype == object and pd.api.types.infer_dtype(column) not in ("string", "date")
    known: Any = column.to_numpy()
    codes = np.where(column.isna(), -1, np.arange(len(column)))
    if not mixed:
        codes, known = pd.factorize(column)
    if pd.api.types.is_float_dtype(column):
        return [f"{value:.10g}" for value in known], codes
    starts = ("=", "+", "-", "@", "\t", "\r")
    safe = [f"'{c}" if isinstance(c, str) and c.startswith(starts) else str(c) for c in known]
    return safe, codes


def _fill(
    folder: Path,
    tables: Mapping[str, pd.DataFrame | pa.Table | str],
    result: ForecastResult,
    pages: Mapping[str, str | bytes],
    on_file: Callable[[str], None] | None,
) -> None:
    """Write every file of a release into a new folder."""
    folder.mkdir(mode=0o755)
    texts = {
        **pages,
        "manifest.json": json_text(manifest(result, tables)),
        STATUS: json_text(status(result)),
    }
    # Two threads: one compresses, or waits for the disk, while the other puts a table into text.
    with ThreadPoolExecutor(2) as writers:
        pending = []
        for name, content in {**tables, **texts}.items():
            if on_file:
                on_file(name)
            path = folder / name
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            pending.append(writers.submit(_write_file, content, path))
        for each in pending:
            each.result()
    for inner in sorted((p for p in folder.rglob("*") if p.is_dir()), reverse=True):
        flush_owned(inner)
    write_sums(folder)


def _write_file(content: pd.DataFrame | pa.Table | str | bytes, path: Path) -> None:
    """Write one file of a release, and flush it to disk."""
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_text(content, encoding="utf-8", newline="\n")
    elif path.suffix == ".csv":
        assert isinstance(content, pd.DataFrame)
        with path.open("w", encoding="utf-8", newline="") as stream:
            _write_csv(content, stream)
    else:
        _write_parquet(content, path)
    flush_owned(path)


def _write_parquet(table: pd.DataFrame | pa.Table, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    tidy = isinstance(table, pd.DataFrame)
    if isinstance(table, pd.DataFrame):
        table = pa.Table.from_pandas(table, preserve_index=False)
    # pandas' own metadata names its version, which is no part of the forecast; and repeated text is read as text.
    plain = table.replace_schema_metadata(None)
    with pa.output_stream(str(path), buffer_size=1 << 20) as stream:
        pq.write_table(plain, stream, compression="zstd", store_schema=tidy)


def _place(
    fresh: Path,
    out: Path,
    result: ForecastResult,
    check: Callable[[Path], object],
    on_name: Callable[[Path], object],
) -> Release:
    """Move a finished folder to its name, unless the same forecast stands there already."""
    mine = _numbers(read_sums(fresh))
    earlier = revisions(out, str(result.origin))
    for folder in earlier:
        if _numbers(read_sums(folder)) == mine and read_sums(folder) == sums_of(folder):
            refuse_withdrawn(folder)
            return Release(folder, "identical")
    if not earlier:
        check(fresh)
        on_name(out / str(result.origin))
        return Release(_move(fresh, out / str(result.origin)), "written")
    reason = differences(earlier[-1], fresh)
    write_text(json_text(status(result, reason)), fresh / STATUS)
    write_sums(fresh)
    check(fresh)
    target = out / f"{result.origin}_r{_revision(earlier[-1]) + 1}"
    on_name(target)
    return Release(_move(fresh, target), "revised", reason)


def _numbers(sums: Mapping[str, str]) -> dict[str, str]:
    return {name: digest for name, digest in sums.items() if name != STATUS}


def _move(fresh: Path, target: Path) -> Path:
    os.rename(fresh, target)
    flush(target.parent)
    return target


def revisions(out: Path, origin: str) -> list[Path]:
    """Releases of one month, oldest first: ``2023-12``, ``2023-12_r2``, ..."""
    named = [path for path in out.iterdir() if path.is_dir() and NAME.fullmatch(path.name)]
    return sorted((p for p in named if p.name.partition("_r")[0] == origin), key=_revision)


def _revision(folder: Path) -> int:
    return int(folder.name.partition("_r")[2] or 1)


def differences(old: Path, new: Path) -> tuple[str, ...]:
    """What two releases of a month differ in: damage first, then inputs (single counts last), else the files.

    Each entry reads ``settings.seed: 1 -> 2``, or ``forecast.csv differs``.
    """
    promised, found = read_sums(old), sums_of(old)
    damaged = sorted(n for n in promised.keys() | found.keys() if promised.get(n) != found.get(n))
    if damaged:
        return tuple(f"{old.name}/{name} is damaged" for name in damaged)
    before, after = _inputs(old), _inputs(new)
    changed = [
        f"{key}: {before.get(key, 'absent')} -> {after.get(key, 'absent')}"
        for key in sorted(before.keys() | after.keys(), key=lambda key: (key.startswith("data.recent."), key))
        if before.get(key) != after.get(key) and not key.startswith(("tables.", "data.month_digests."))
    ]
    theirs, mine = _numbers(promised), _numbers(read_sums(new))
    files = sorted(n for n in theirs.keys() | mine.keys() if theirs.get(n) != mine.get(n))
    return tuple(changed or [f"{name} differs" for name in files])


def _inputs(folder: Path) -> dict[str, str]:
    """A release's manifest as ``data.sha256`` -> text."""

    def walk(node: Any, path: str) -> Iterator[tuple[str, str]]:
        if isinstance(node, dict):
            for key, value in node.items():
                yield from walk(value, f"{path}.{key}" if path else key)
        else:
            yield path, json.dumps(node, ensure_ascii=False)

    return dict(walk(json.loads((folder / "manifest.json").read_text(encoding="utf-8")), ""))
