"""What is published is what lies in the folders: an unlisted package works here, but not from the wheel."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("data", "features", "training", "forecast")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names in a wheel built from a copy, so that no stale build/ gets in."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", source, source], check=True, capture_output=True)
    with zipfile.ZipFile(next(source.glob("harmattan-*.whl"))) as archive:
        return set(archive.namelist())


def test_every_module_is_in_the_wheel(wheel: set[str]) -> None:
    expected = {"harmattan/__init__.py"}
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            parts = path.relative_to(ROOT).parts
            if parts[:2] != ("forecast", "harmattan"):
                expected.add("/".join(("harmattan", *parts)))
    assert {name for name in wheel if name.endswith(".py")} == expected


def test_every_data_file_is_in_the_wheel(wheel: set[str]) -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    home = settings["package-dir"]
    for package, patterns in settings["package-data"].items():
        folder = home.get(package) or package.removeprefix("harmattan.").replace(".", "/")
        found = {p for pattern in patterns for p in (ROOT / folder).glob(pattern)}
        assert found, f"{package} promises {patterns}"
        inside = {"/".join((*package.split("."), p.relative_to(ROOT / folder).as_posix())) for p in found}
        assert inside - wheel == set()


def test_nothing_else_is_in_the_wheel(wheel: set[str]) -> None:
    assert {name.split("/")[0].split("-")[0] for name in wheel} == {"harmattan"}
    assert [name for name in wheel if "tests" in name or "mlruns" in name] == []
