"""What a run needs, looked at before it is needed: libraries, data, store, disk, permissions."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import sqlite3
import sys
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ...data.errors import HarmattanError, InputError, ModelError, ReleaseError, TrackingError
from ..settings import Settings

Status = Literal["ok", "warning", "failed"]

#: Below this, free space is worth a word; a run on the shipped counts writes about 20 MB.
LOW_SPACE_MB = 500
#: Below this, no run is begun.
LEAST_SPACE_MB = 100
#: Seconds that a tracking server is waited for.
PATIENCE = 5.0
#: The package that brings OpenMP's run-time library, by family of systems.
OPENMP_PACKAGES = {
    **dict.fromkeys(("debian", "ubuntu"), "apt-get install libgomp1"),
    "alpine": "apk add libgomp",
    **dict.fromkeys(("fedora", "rhel", "centos"), "dnf install libgomp"),
    **dict.fromkeys(("suse", "opensuse"), "zypper install libgomp1"),
    "arch": "pacman -S gcc-libs",
}
#: What a failed check of each kind leaves the command with.
_ERRORS: dict[str, type[HarmattanError]] = {
    **dict.fromkeys(("python", "packages", "openmp"), ModelError),
    "data": InputError,
    **dict.fromkeys(("write", "disk"), ReleaseError),
    "store": TrackingError,
}


@dataclass(frozen=True)
class Finding:
    """The outcome of one check: whether a run would go through, what was found, and what to do about it."""

    name: str
    status: Status
    message: str
    remedy: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Every check of the settings' data, folders and store; nothing is written but a file that is removed at once."""
    return [check(settings) for check in (_python, _packages, _openmp, _data, _write, _disk, _store)]


def first_error(findings: list[Finding]) -> HarmattanError | None:
    """The error of the first check that failed, whose exit code the command leaves with.

    >>> first_error([Finding("python", "ok", "3.11"), Finding("data", "failed", "no file.")])
    InputError('no file.')
    >>> first_error([Finding("disk", "warning", "little space.")])
    """
    for found in findings:
        if found.status == "failed":
            return _ERRORS[found.name](found.message, remedy=found.remedy)
    return None


def summary(findings: list[Finding]) -> dict[str, Any]:
    """The outcome for JSON: the worst status and every finding."""
    order = ("ok", "warning", "failed")
    worst = max((f.status for f in findings), key=order.index)
    return {"status": worst, "platform": platform.platform(), "checks": [asdict(f) for f in findings]}


def _python(settings: Settings) -> Finding:
    """The interpreter."""
    about = f"Python {platform.python_version()} in {sys.prefix}, {os.cpu_count()} cores."
    return Finding("python", "ok", about)


def _packages(settings: Settings) -> Finding:
    """Installed versions against those that the package asks for."""
    from importlib.metadata import PackageNotFoundError, requires
    from importlib.metadata import version as installed

    from packaging.requirements import Requirement

    wrong, seen = [], []
    for line in requires("harmattan") or ():
        need = Requirement(line)
        if need.marker is not None and not need.marker.evaluate({"extra": ""}):
            continue
        try:
            have = installed(need.name)
        except PackageNotFoundError:
            wrong.append(f"{need.name} is absent")
            continue
        seen.append(f"{need.name} {have}")
        if not need.specifier.contains(have, prereleases=True):
            wrong.append(f"{need.name} is {have}, needed is {need.specifier}")
    if wrong:
        return Finding(
            "packages", "failed", f"{'; '.join(wrong)}.", "Install the versions of requirements.lock."
        )
    return Finding("packages", "ok", f"harmattan {installed('harmattan')}; {', '.join(seen)}.")


def _openmp(settings: Settings) -> Finding:
    """The OpenMP run-time library that LightGBM loads; slim images come without it."""
    name = {"darwin": "libomp.dylib", "win32": "vcomp140.dll"}.get(sys.platform, "libgomp.so.1")
    if _loads(name):
        return Finding("openmp", "ok", f"{name} is there.")
    return Finding("openmp", "failed", f"LightGBM needs {name}, which this system lacks.", openmp_remedy())


def _loads(library: str) -> bool:
    """Whether the system finds a shared library."""
    if sys.platform == "darwin":
        homes = ("/opt/homebrew/opt/libomp/lib", "/usr/local/opt/libomp/lib")
        if any((Path(home) / library).exists() for home in homes):
            return True
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def openmp_remedy(release: Path = Path("/etc/os-release")) -> str:
    """How to install the OpenMP library on this system, read from its description of itself."""
    if sys.platform == "darwin":
        return "Run: brew install libomp."
    try:
        lines = release.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    about = dict(line.split("=", 1) for line in lines if "=" in line)
    families = f"{about.get('ID', '')} {about.get('ID_LIKE', '')}".replace('"', "").split()
    for family in families:
        command = OPENMP_PACKAGES.get(family.split("-")[0])
        if command:
            return f"Run: {command}."
    return "Install the package libgomp1 (Debian, Ubuntu) or libgomp (Fedora, Alpine)."


def _data(settings: Settings) -> Finding:
    """The data that a run would read, in full."""
    from ..loading import load_inputs

    try:
        panel = load_inputs(settings).panel
    except HarmattanError as error:
        return Finding("data", "failed", error.message)
    except ImportError as reason:
        return Finding("data", "failed", f"the data were not read ({reason}).", "Mend the packages first.")
    months, regions = panel.shape
    return Finding("data", "ok", f"{panel.source}: {regions} regions, {months} months to {panel.last_month}.")


def _write(settings: Settings) -> Finding:
    """Whether releases and runs can be written where the settings say."""
    folders = [settings.out, *([settings.mlruns] if _own_store(settings) else [])]
    for folder in folders:
        there = existing(folder)
        problem = _cannot_write(there)
        if problem:
            return Finding("write", "failed", f"{there}: {problem}.", "Choose another --out or --mlruns.")
    return Finding("write", "ok", f"{' and '.join(str(f) for f in folders)} can be written.")


def existing(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that exists."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _cannot_write(folder: Path) -> str:
    """Why a file cannot be made in a folder; empty where it can. Permission bits alone do not say."""
    probe = folder / f".harmattan-doctor-{os.getpid()}"
    if not folder.is_dir():
        return "this is no folder"
    try:
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as reason:
        return (reason.strerror or "it cannot be written").lower()
    return ""


def _disk(settings: Settings) -> Finding:
    """Free space where releases go."""
    there = existing(settings.out)
    free = shutil.disk_usage(there).free // 2**20
    space = f"{free:,} MB are free in {there}."
    if free < LEAST_SPACE_MB:
        return Finding("disk", "failed", space, "Make room, or choose another --out.")
    if free < LOW_SPACE_MB:
        return Finding("disk", "warning", space, f"Make room: {LOW_SPACE_MB} MB is comfortable.")
    return Finding("disk", "ok", space)


def _own_store(settings: Settings) -> bool:
    """Whether runs go into a database of the folder ``mlruns``."""
    from ...training.registry.runs import store_uri

    return settings.tracks and store_uri(settings.mlruns, settings.tracking_uri).startswith("sqlite:")


def _store(settings: Settings) -> Finding:
    """Whether MLflow's store answers."""
    from ...training.registry.runs import store_uri, without_secrets

    if not settings.tracks:
        return Finding("store", "ok", "Runs are not recorded (track = false).")
    uri = store_uri(settings.mlruns, settings.tracking_uri)
    shown = without_secrets(uri)
    problem = ""
    if uri.startswith("sqlite:///"):
        problem = _database_problem(Path(uri.removeprefix("sqlite:///")))
    elif uri.startswith(("http://", "https://")):
        problem = _server_problem(uri)
    if problem:
        remedy = "Mend the store, name another --tracking-uri, or use --no-track."
        return Finding("store", "failed", f"{shown}: {problem}.", remedy)
    return Finding("store", "ok", f"{shown} answers.")


def _database_problem(path: Path) -> str:
    """Why a database of runs cannot be read; a database that is not there yet is made by the first run."""
    if not path.exists():
        return ""
    try:
        with closing(
            sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=PATIENCE)
        ) as store:
            store.execute("select 1 from sqlite_master limit 1").fetchall()
    except sqlite3.Error as reason:
        return f"this is no readable database ({reason})"
    return ""


def _server_problem(uri: str) -> str:
    """Why a tracking server cannot be used."""
    import httpx

    try:
        answer = httpx.get(f"{uri.rstrip('/')}/health", timeout=PATIENCE)
    except (httpx.HTTPError, httpx.InvalidURL) as reason:
        return f"it does not answer ({type(reason).__name__})"
    return "" if answer.status_code == 200 else f"it answers with status {answer.status_code}"
