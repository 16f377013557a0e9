"""Write the chosen numbers into docs/models.md, from the code that holds them. `make docs` runs this."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("models.md")
ROW = re.compile(r"^(\| .+? \| )(.+?)( \| `([\w.]+:[\w.]+)` \|)$", flags=re.MULTILINE)


def value(where: str) -> Any:
    """A constant, a default of a class, or one entry of a table of them; ``module:Name.part``."""
    module, _, path = where.partition(":")
    name, _, rest = path.partition(".")
    found: Any = getattr(import_module(f"harmattan.{module}"), name)
    if not rest:
        return found
    if isinstance(found, dict):
        return tuple(vars(found[rest]).values())
    return inspect.signature(found).parameters[rest].default


def text(found: Any) -> str:
    """A value as the page shows it."""
    parts = found if isinstance(found, tuple) else (found,)
    return ", ".join(f"`{part}`" if isinstance(part, str) else f"{part:g}" for part in parts)


def renewed(page: str) -> str:
    """The page with every value as the code has it."""
    return ROW.sub(lambda row: f"{row[1]}{text(value(row[4]))}{row[3]}", page)


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
