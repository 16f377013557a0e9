"""Verify a finished release: every byte, every table, and that all of it says the same.

A check is named, and names the file it found wanting; :func:`verify` runs them all. Checksums come first: tables are
only read where the bytes are those that were released.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...data.errors import ReleaseError
from .catalogue import ReleaseInfo, WithdrawalNote, all_releases, refuse_withdrawn, withdrawal_of
from .files import SIGNATURE, SUMS, sum_of
from .verify_tables import Finding, check_tables

#: One line of ``SHA256SUMS``, as ``sha256sum`` writes it.
LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")
#: What every release holds.
ALWAYS = ("forecast.parquet", "forecast.csv", "draws.parquet", "manifest.json", "status.json", "report.html")
LEVELS = ("green", "amber", "red")


@dataclass(frozen=True)
class Verification:
    """What came of verifying one release."""

    folder: Path  # The release.
    findings: tuple[Finding, ...]  # Everything that is wrong; empty where nothing is.
    #: Files that were read, and their bytes.
    files: int
    size: int
    withdrawn: WithdrawalNote | None = None  # Why it must not be used, whole or not.

    @property
    def whole(self) -> bool:
        """Nothing is wrong with it."""
        return not self.findings

    def require(self) -> Verification:
        """The same object, or the error for the first finding."""
        if self.findings:
            first, more = self.findings[0], len(self.findings) - 1
            raise ReleaseError(
                f"the release does not verify: {first.message}{f' (and {more} more)' if more else ''}.",
                str(self.folder / first.file),
                "Do not use it: restore it from a copy, or publish again.",
            )
        refuse_withdrawn(self.folder)
        return self

    def to_dict(self) -> dict[str, Any]:
        """The outcome for JSON."""
        return {
            "release": str(self.folder),
            "whole": self.whole,
            "withdrawn": self.withdrawn.reason if self.withdrawn else None,
            "files": self.files,
            "bytes": self.size,
            "findings": [finding.to_dict() for finding in self.findings],
        }


@dataclass(frozen=True)
class _Tree:
    """The files of a folder by path, links and other oddities apart."""

    files: Mapping[str, Path] = field(default_factory=dict)
    odd: tuple[Finding, ...] = ()


def verify_release(folder: Path, *, tables: bool = True) -> Verification:
    """Check a release's files, checksums, manifest and tables.

    Parameters
    ----------
    folder : Path
        A release.
    tables : bool
        Whether tables are read as well; False checks bytes, names and the manifest only.

    Raises
    ------
    ReleaseError
        There is no such folder.

    >>> verify_release(Path("nowhere"))
    Traceback (most recent call last):
    harmattan.data.errors.ReleaseError: nowhere: there is no such release. Correct the path.
    """
    if not folder.is_dir():
        raise ReleaseError("there is no such release.", str(folder), "Correct the path.")
    folder = folder.resolve()
    tree = _walk(folder)
    findings = [*tree.odd, *_check_bytes(folder, tree.files)]
    changed = {finding.file for finding in findings}
    findings += _check_descriptions(folder, changed)
    if tables and not findings:
        findings += check_tables(folder)
    size = sum(path.stat().st_size for path in tree.files.values())
    return Verification(folder, tuple(findings), len(tree.files), size, withdrawal_of(folder))


def _walk(folder: Path) -> _Tree:
    """Everything below a folder, following no link."""
    files: dict[str, Path] = {}
    odd = []
    for parent, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            path = Path(parent) / name
            kind, label = path.lstat().st_mode, path.relative_to(folder).as_posix()
            if stat.S_ISREG(kind):
                files[label] = path
            elif not stat.S_ISDIR(kind):
                odd.append(Finding("extra file", label, f"{label} is no plain file"))
        if not folders and not names:
            label = Path(parent).relative_to(folder).as_posix()
            odd.append(Finding("extra file", label, f"the folder {label} is empty"))
    return _Tree({name: files[name] for name in sorted(files)}, tuple(odd))


def _check_bytes(folder: Path, files: Mapping[str, Path]) -> Iterator[Finding]:
    """The files are those that ``SHA256SUMS`` names, and their bytes are the same."""
    if SUMS not in files:
        yield Finding("checksums", SUMS, f"{SUMS} is missing")
        return
    promised, problem = _promised(folder / SUMS)
    if problem:
        yield Finding("checksums", SUMS, problem)
    for name in sorted(promised.keys() | files.keys() - {SUMS, SIGNATURE}):
        if name not in files:
            yield Finding("missing file", name, f"{name} is missing")
        elif name not in promised:
            if not problem:
                yield Finding("extra file", name, f"{name} is no part of the release")
        elif sum_of(files[name]) != promised[name]:
            yield Finding("checksum", name, f"{name} has other bytes than were released")


def _promised(path: Path) -> tuple[dict[str, str], str]:
    """What ``SHA256SUMS`` promises, and what is wrong with the file itself."""
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return {}, f"{SUMS} is not UTF-8 text"
    lines = text.split("\n")
    found = [LINE.fullmatch(line) for line in lines[:-1]]
    promised = {match[2]: match[1] for match in found if match}
    broken = [number for number, match in enumerate(found, 1) if not match]
    if broken:
        return promised, f"line {broken[0]} of {SUMS} is no checksum and name"
    if lines[-1] or not promised:
        return promised, f"{SUMS} does not end as it was written"
    if list(promised) != sorted(promised) or len(promised) != len(found):
        return promised, f"{SUMS} is not in order"
    return promised, ""


def _check_descriptions(folder: Path, changed: set[str]) -> Iterator[Finding]:
    """Manifest, status and the folder's name agree, and every file of a release is there."""
    for name in ALWAYS:
        if name not in changed and not (folder / name).is_file():
            yield Finding("missing file", name, f"{name}, which every release holds, is missing")
    stated: dict[str, Any] = {}
    for name in ("manifest.json", "status.json"):
        if name in changed or not (folder / name).is_file():
            return
        try:
            stated[name] = json.loads((folder / name).read_text(encoding="utf-8"))
            stated[name]["origin"], stated[name]["level"], stated[name]["banner"]
        except (ValueError, KeyError, TypeError):
            yield Finding("manifest", name, f"{name} is no description of a release")
            return
    manifest, status = stated["manifest.json"], stated["status.json"]
    if manifest["level"] not in LEVELS:
        yield Finding("manifest", "manifest.json", f"the level {manifest['level']!r} is unknown")
    for key in ("origin", "level", "banner"):
        if manifest[key] != status[key]:
            yield Finding("manifest", "status.json", f"its {key} is not that of manifest.json")
    # A folder that is being written has another name until its last rename.
    if not folder.name.startswith(".tmp-") and folder.name.partition("_r")[0] != manifest["origin"]:
        yield Finding(
            "manifest", "manifest.json", f"its origin {manifest['origin']} is not the folder's name"
        )


def with_bytes(info: ReleaseInfo) -> ReleaseInfo:
    """The same, with damage to any of its files as its ``problem``."""
    found = () if info.problem else verify_release(info.path, tables=False).findings
    return replace(info, problem=f"it is damaged: {found[0].message}") if found else info


def newest_fit_for_latest(out: Path, besides: str = "") -> ReleaseInfo | None:
    """The newest release that ``latest`` may point to: fit to be shown, and whole; not the one named ``besides``."""
    releases = reversed(all_releases(out)) if out.is_dir() else iter(())
    able = (r for r in releases if r.name != besides and not r.why_not_latest)
    return next((r for r in able if verify_release(r.path, tables=False).whole), None)
