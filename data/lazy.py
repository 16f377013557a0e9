"""In a room's ``__init__.py``: ``if TYPE_CHECKING: <imports>`` ``else: __getattr__, __dir__ = lazy_names(__name__)``.

A room's public face costs nothing to import: a name is loaded from its module when it is first used.

    if TYPE_CHECKING:
        from .panel import Panel
    else:
        __getattr__, __dir__ = lazy_names(__name__)

    __all__ = ["Panel"]

The imports that the type checker reads are the only list of where a name lives.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any


def lazy_names(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """A package's ``__getattr__`` and ``__dir__``, from the imports that its file lists for the type checker."""

    @cache
    def homes() -> dict[str, tuple[str, str]]:
        """Public name to its module, relative to the package, and its name there."""
        tree = ast.parse(Path(str(sys.modules[package].__file__)).read_text(encoding="utf-8"))
        return {
            alias.asname or alias.name: ("." * node.level + (node.module or ""), alias.name)
            for block in tree.body
            if isinstance(block, ast.If)
            for node in block.body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }

    def load(name: str) -> Any:
        if name.startswith("__") or name not in homes():
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        module, there = homes()[name]
        value = getattr(import_module(module, package), there)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes()})

    return load, names
