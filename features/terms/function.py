"""A feature of one's own: a function of the panel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ...data.errors import HarmattanError, SchemaError, UsageError
from ...data.panel import Panel
from ..series import Array, View
from .term import USER, Term


@dataclass(frozen=True)
class Function(Term):
    """What ``Recipe.add`` makes of a function; a file holds its name only, and the function is given again.

    ``function(panel)`` returns an array (months, regions) whose row t uses months up to ``t - last``.
    """

    NAME: ClassVar[str] = "{label}"

    function: Callable[[Panel], Any] = field(compare=False, default=lambda panel: panel.measure("events"))
    label: str = "user"
    last: int | None = 0
    measured_in: str = ""
    kind: str = USER

    @property
    def family(self) -> str:
        """Family in the table of a recipe."""
        return self.kind

    @property
    def unit(self) -> str:
        """Unit of the values."""
        return self.measured_in or "as given"

    @property
    def latest(self) -> int | None:
        """Last month read."""
        return self.last

    @property
    def earliest(self) -> None:
        """No bound."""

    def marks(self, view: View) -> Array:
        """Where the panel itself has gaps: what the function makes of them is its own affair."""
        seen = view.panel.observed[:, view.columns]
        return ~np.logical_and.accumulate(seen, axis=0)

    def compute(self, view: View, out: Array) -> None:
        """Write the values."""
        values = view.once(("function", self.label), lambda: self._call(view.panel), shared=True)
        out[:] = values[:, view.columns]

    def _call(self, panel: Panel) -> Array:
        where = f"feature '{self.label}'"
        try:
            values = np.asarray(self.function(panel), dtype=np.float32)
        except HarmattanError:
            raise
        except Exception as error:
            raise UsageError(
                f"the function raised {type(error).__name__}: {error}.", where, "Correct the function."
            ) from error
        if values.shape != panel.shape:
            raise SchemaError(
                f"returned an array of shape {values.shape}, the panel has {panel.shape}.",
                where=where,
                remedy="Return (months, regions).",
            )
        return values
