"""Pictures for the record of a run, as PNG; drawn from its tables."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...training.figures import DRAWN

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def draw_plots(tables: Mapping[str, pd.DataFrame]) -> dict[str, bytes]:
    """Every picture that the tables allow, by artifact name.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        Any of ``scores``, ``reliability``, ``pit``, ``weights``, ``contributions``, as a release and
        an evaluation hold them.
    """
    made = {}
    for name, (table, draw) in DRAWN.items():
        found = tables.get(table)
        picture = draw(found) if found is not None and len(found) else None
        if picture is not None:
            made[f"plots/{name}.png"] = _png(picture)
    return made


def _png(figure: Figure) -> bytes:
    """A picture whose bytes do not name the program that drew it."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=90, metadata={"Software": None})
    return out.getvalue()
