"""A file's bytes, unpacked within limits."""

from __future__ import annotations

import gzip
import io
import lzma
import re
import zipfile
import zlib
from pathlib import Path
from typing import IO

from ..errors import SourceError

#: Unpacked size that no incident file reaches, in bytes.
MAX_UNPACKED = 2_000_000_000
#: Ratio of unpacked to packed size that no real table reaches.
MAX_RATIO = 200
MAX_MEMBERS = 100


def bytes_of(path: Path) -> bytes:
    """What a file holds; a :class:`SourceError` where it is missing, a folder, locked or empty."""
    if not path.exists():
        raise SourceError("the file does not exist.", where=str(path), remedy="Check the path.")
    if path.is_dir():
        raise SourceError("this is a folder, not a file.", where=str(path), remedy="Name the file inside it.")
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SourceError(
            f"the file cannot be read ({error.strerror}).", where=str(path), remedy="Check its permissions."
        ) from None
    if not raw.strip():
        raise SourceError("the file is empty.", where=str(path), remedy="Export or download it again.")
    return raw


def names_inside(path: Path) -> tuple[str, ...]:
    """Names of the tables in a zip; none for any other file, or where it cannot be read."""
    if not zipfile.is_zipfile(path):
        return ()
    with zipfile.ZipFile(path) as archive:
        return tuple(Path(m.filename).name for m in archive.infolist() if _is_table(m.filename))


def unpacked(raw: bytes, path: Path) -> bytes:
    """The table inside a zip or gz, within limits; anything else as it is."""
    try:
        if raw[:2] == b"\x1f\x8b":
            return _bounded(gzip.GzipFile(fileobj=io.BytesIO(raw)), len(raw), path)
        if raw[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
            return _from_zip(raw, path)
    except (zipfile.BadZipFile, EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError):
        raise SourceError(
            "the archive is damaged or cut off.", where=str(path), remedy="Download it again."
        ) from None
    except RuntimeError:
        # zipfile's word for a password, and for a compression that it does not know
        raise SourceError(
            "the archive is locked by a password, or packed in an unknown way.",
            where=str(path),
            remedy="Unpack it by hand and name the table.",
        ) from None
    return raw


def _bounded(stream: IO[bytes] | gzip.GzipFile, packed: int, path: Path) -> bytes:
    limit = min(MAX_UNPACKED, max(packed * MAX_RATIO, 50_000_000))
    data = stream.read(limit + 1)
    if len(data) > limit:
        raise SourceError(
            f"the archive unpacks to more than {limit // 1_000_000} MB.",
            where=str(path),
            remedy="Check where it comes from; unpack it by hand if you trust it.",
        )
    return data


def _from_zip(raw: bytes, path: Path) -> bytes:
    if raw[:4] == b"PK\x05\x06":
        raise SourceError("the archive holds no file.", where=str(path), remedy="Download it again.")
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        members = [m for m in archive.infolist() if not m.is_dir()]
        if len(members) > MAX_MEMBERS:
            raise SourceError(
                f"the archive holds {len(members)} files; {MAX_MEMBERS} is the limit.",
                where=str(path),
                remedy="Check where it comes from; unpack the one table by hand.",
            )
        for member in members:
            name = member.filename.replace("\\", "/")
            if name.startswith("/") or ".." in name.split("/") or re.match(r"^[A-Za-z]:", name):
                raise SourceError(
                    f"the archive's member '{member.filename[:80]}' points outside the archive.",
                    where=str(path),
                    remedy="Do not use this file; check where it comes from.",
                )
        tables = [m for m in members if _is_table(m.filename)]
        if len(tables) != 1:
            raise SourceError(
                f"the archive holds {len(tables)} tables (csv or parquet); one is expected.",
                where=str(path),
                remedy="Unpack it and name the table.",
            )
        with archive.open(tables[0]) as stream:
            return _bounded(stream, tables[0].compress_size or len(raw), path)


def _is_table(name: str) -> bool:
    """Whether a member is a table of the user's; what a Mac or a file manager adds is not."""
    parts = name.split("/")
    return name.lower().endswith((".csv", ".parquet")) and not any(
        p.startswith((".", "__MACOSX")) for p in parts
    )
