"""Rules of the project itself, which no single part can keep alone."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

import harmattan

ROOT = Path(__file__).resolve().parent.parent
ORDER = ("data", "features", "training", "forecast")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MODULES = sorted(p for top in ORDER for p in (ROOT / top).rglob("*.py"))
IDS = [p.relative_to(ROOT).as_posix() for p in MODULES]


def package_of(folder: Path) -> str:
    """The import name of a folder of the checkout."""
    parts = folder.relative_to(ROOT).parts
    return "harmattan" if parts == ("forecast", "harmattan") else ".".join(("harmattan", *parts))


@cache
def nodes(path: Path) -> list[ast.AST]:
    """Imports and attributes of a module, wherever they stand."""
    kinds = (ast.Import, ast.ImportFrom, ast.Attribute)
    return [n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, kinds)]


def imports(path: Path) -> Iterator[str]:
    """Full name of everything that a module imports, relative imports resolved."""
    package = package_of(path.parent).split(".")
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{stem}.{alias.name}" for alias in node.names)


def test_every_package_folder_is_listed() -> None:
    folders = {package_of(init.parent) for top in ORDER for init in (ROOT / top).rglob("__init__.py")}
    assert folders == set(PROJECT["tool"]["setuptools"]["packages"])


def test_every_module_lies_in_a_package() -> None:
    assert [p for p in MODULES if not (p.parent / "__init__.py").exists()] == []


def test_imports_inside_are_relative() -> None:
    for name, path in zip(IDS, MODULES, strict=True):
        named = [a.name for n in nodes(path) if isinstance(n, ast.Import) for a in n.names]
        named += [n.module or "" for n in nodes(path) if isinstance(n, ast.ImportFrom) and not n.level]
        assert [m for m in named if m.split(".")[0] in {"harmattan", *ORDER}] == [], name


def test_nothing_is_pickled() -> None:
    banned = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "shelve", "skops", "marshal"}
    for name, path in zip(IDS, MODULES, strict=True):
        # skops stores a user's own estimator, where that user asks for it and declares every type.
        here = banned - {"skops"} if name == "training/own/estimators.py" else banned
        assert [m for m in imports(path) if m.split(".")[0] in here] == [], name
        assert [m for m in imports(path) if m in {"joblib.load", "joblib.dump"}] == [], name
        used = {n.attr for n in nodes(path) if isinstance(n, ast.Attribute)}
        assert used & {"read_pickle", "to_pickle"} == set(), name
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"allow_pickle\s*=\s*True|joblib\.(load|dump)\(", text), name


def test_few_modules_know_mlflow() -> None:
    users = {
        i for i, p in zip(IDS, MODULES, strict=True) if any(n.split(".")[0] == "mlflow" for n in imports(p))
    }
    assert {i.rpartition("/")[0] for i in users} == {"training/registry", "forecast/serving"}


@pytest.mark.parametrize("name", harmattan.__all__)
def test_public_name_is_there(name: str) -> None:
    assert getattr(harmattan, name).__doc__


def test_public_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Pannel'"):
        harmattan.Pannel  # noqa: B018


def test_public_names_and_their_homes_agree() -> None:
    assert set(dir(harmattan)) >= set(harmattan.__all__)
    assert all(hasattr(import_module("harmattan"), name) for name in ("__version__", "__doc__"))


def test_the_command_line_starts_without_heavy_libraries() -> None:
    heavy = (
        "numpy",
        "pandas",
        "scipy",
        "sklearn",
        "statsmodels",
        "lightgbm",
        "mlflow",
        "pandera",
        "shapely",
        "jinja2",
    )
    code = f"import sys, harmattan.forecast.cli.entry; print(*[m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_lock_covers_every_dependency() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = set(re.findall(r"^([A-Za-z0-9._-]+)==", lock, flags=re.MULTILINE))
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = [*PROJECT["project"]["dependencies"], *extras["dev"], *extras["build"]]
    missing = {re.split(r"[^A-Za-z0-9._-]", line)[0].lower() for line in wanted} - locked
    assert missing == set(), "run `make lock`"


def test_the_lock_has_hashes_and_names_no_index() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=[A-Za-z0-9])", lock.strip())
    assert [b.splitlines()[0] for b in blocks if "--hash=sha256:" not in b] == []
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links|file:", lock)


def test_every_dependency_says_why() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lines = re.findall(r'^ {4}"[a-z][^"]*[<>=][^"]*",.*$', text, flags=re.MULTILINE)
    assert len(lines) > 15
    assert [line for line in lines if " # " not in line] == []


def test_the_changelog_and_citation_know_the_version() -> None:
    version = PROJECT["project"]["version"]
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
