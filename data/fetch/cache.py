"""Fetched files: cached, checked, never half; what two sources' servers have in common.

Nothing is taken on trust: a file that was fetched before is compared with its own checksum, and another content under
the same name is kept beside the old one and reported.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import SourceError, UsageError
from .transport import Transport

#: No release has more pages.
MAX_PAGES = 2000


@dataclass(frozen=True)
class Fetched:
    """A file that is here now.

    Attributes
    ----------
    status : {"downloaded", "cached", "changed"}
        ``changed``: fetched again, and not what it was; the older file is kept under ``older``.
    """

    path: Path
    status: str
    sha256: str
    older: Path | None = None


def secret_of(name: str) -> str:
    """A secret from the environment; a :class:`UsageError` where it is not set."""
    value = os.environ.get(name, "")
    if not value:
        raise UsageError(f"{name} is not set.", remedy=f"export {name}=... (never on the command line).")
    return value


def incomplete(what: str, where: str) -> SourceError:
    """The error for an answer of which nothing was kept."""
    return SourceError(what, where=where, remedy="Fetch it again; nothing was kept.")


def refuse_repeats(ids: Sequence[str], url: str) -> None:
    """A :class:`SourceError` where an id came twice."""
    again = len(ids) - len(set(ids))
    if again:
        raise incomplete(f"{again} of {len(ids)} events came twice: the pages overlap.", url)


def fetch_to_cache(
    name: str, cache: Path, url: str, transport: Transport, refresh: bool, check: Callable[[Path], None]
) -> Fetched:
    """A file from the cache, or downloaded into it once it has passed a check."""
    path, note = cache / name, cache / f"{name}.json"
    if path.exists() and note.exists() and not refresh:
        digest, known = _sha256(path), json.loads(note.read_text())
        if digest == known["sha256"] and known.get("url", url) == url:
            return Fetched(path, "cached", digest)
    fresh = cache / f"{name}.new"
    transport.download(url, fresh)
    try:
        check(fresh)
    except Exception:
        fresh.unlink(missing_ok=True)
        raise
    return _put_in_place(fresh, path, note, url)


def write_to_cache(name: str, cache: Path, url: str, body: bytes) -> Fetched:
    """Bytes that were put together from pages as a file of the cache."""
    cache.mkdir(parents=True, exist_ok=True)
    fresh = cache / f"{name}.new"
    fresh.write_bytes(body)
    return _put_in_place(fresh, cache / name, cache / f"{name}.json", url)


def _put_in_place(fresh: Path, path: Path, note: Path, url: str) -> Fetched:
    """Put a checked file in its place; another content under the same name is kept beside it."""
    digest, older = _sha256(fresh), None
    status = "downloaded"
    if path.exists():
        old = _sha256(path)
        if old == digest:
            status = "cached"
        else:
            older = path.with_name(f"{path.stem}.{old[:8]}{path.suffix}")
            path.replace(older)
            status = "changed"
    fresh.replace(path)
    note.write_text(json.dumps({"url": url, "sha256": digest, "bytes": path.stat().st_size}, indent=2) + "\n")
    return Fetched(path, status, digest, older)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
