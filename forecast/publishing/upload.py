"""A release copied to an object store: ``s3://``, ``gs://``, ``az://``, ``file://``, or whatever else fsspec knows.

Every file is there, and its bytes are counted, before ``latest.json`` names the release; that pointer is written last.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...data.errors import UploadError
from ..release import SIGNATURE, SUMS, files_of, latest_name, sum_of

#: What names the newest release in the store.
POINTER = "latest.json"
REMEDY = "The release here is complete; mend the store, and publish again: what is there is not sent twice."


def upload_releases(out: Path, release: Path | None, where: str) -> list[str]:
    """Copy a release, then the folder's notes, and let ``latest.json`` name what ``latest`` points to.

    The release that ``latest`` points to is copied, too, where it is not there yet; where nothing leads any more, the
    pointer goes.

    Parameters
    ----------
    out : Path
        Folder of releases.
    release : Path or None
        The one to be copied; None where only notes and pointer have changed.
    where : str
        Address of a folder, such as ``s3://bucket/forecasts``.

    Returns
    -------
    list of str
        What was written, by path below the address; empty where all of it was there.

    Raises
    ------
    UploadError
        The store cannot be reached or written, a driver is missing, or a file arrived with another size.
    """
    try:
        import fsspec

        fs, root = fsspec.core.url_to_fs(where)
    except ImportError as reason:
        raise UploadError(f"a driver is missing ({reason}).", _plain(where), "Install it.") from None
    except ValueError as reason:
        raise UploadError(f"this is no address of a store ({reason}).", _plain(where), REMEDY) from None
    try:
        return [*_send_all(fs, root.rstrip("/"), out, release)]
    except UploadError:
        raise
    except Exception as reason:
        # Every driver has errors of its own.
        about = " ".join(str(reason).split())[:200] or type(reason).__name__
        raise UploadError(f"the release could not be copied ({about}).", _plain(where), REMEDY) from reason


def _send_all(fs: Any, root: str, out: Path, release: Path | None) -> Iterator[str]:
    """Files first, checksums and signature after them, the pointer last."""
    leading = latest_name(out)
    for folder in dict.fromkeys(f for f in (release, leading and out / leading) if f):
        yield from _send_release(fs, f"{root}/{folder.name}", folder)
    for note in sorted(out.glob("*.withdrawn.json")):
        if not _same(fs, f"{root}/{note.name}", note.read_bytes()):
            _put(fs, f"{root}/{note.name}", note.read_bytes())
            yield note.name
    pointer = f"{root}/{POINTER}"
    if leading is None:
        if fs.exists(pointer):
            fs.rm_file(pointer)
        return
    names = {"release": leading, "sha256sums": sum_of(out / leading / SUMS)}
    text = (json.dumps(names, indent=2, sort_keys=True) + "\n").encode()
    if not _same(fs, pointer, text):
        _put(fs, pointer, text)
        yield POINTER


def _send_release(fs: Any, target: str, release: Path) -> Iterator[str]:
    """The files of a release that are not there yet."""
    last = [name for name in (SUMS, SIGNATURE) if (release / name).is_file()]
    if _same(fs, f"{target}/{last[-1]}", (release / last[-1]).read_bytes()):
        return
    for name in [*files_of(release), *last]:
        content = (release / name).read_bytes()
        if not _same(fs, f"{target}/{name}", content):
            _put(fs, f"{target}/{name}", content)
            yield f"{release.name}/{name}"


def _same(fs: Any, path: str, content: bytes) -> bool:
    """Whether a file of the store has these bytes."""
    try:
        return bool(fs.cat_file(path) == content)
    except FileNotFoundError:
        return False


def _put(fs: Any, path: str, content: bytes) -> None:
    """Write one file, whole or not at all, and see that it arrived."""
    fs.makedirs(path.rpartition("/")[0], exist_ok=True)
    # An object appears when it is complete; a file is written aside and renamed.
    plain = "file" in ((fs.protocol,) if isinstance(fs.protocol, str) else fs.protocol)
    fs.pipe_file(f"{path}.part" if plain else path, content)
    if plain:
        fs.mv(f"{path}.part", path)
    fs.invalidate_cache()
    if fs.info(path)["size"] != len(content):
        raise UploadError("a file arrived with another size.", path, REMEDY)


def _plain(where: str) -> str:
    """An address without the password that it may hold."""
    from ...training.registry.store import without_secrets

    return without_secrets(where)
