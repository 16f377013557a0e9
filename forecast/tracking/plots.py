"""Pictures for the record of a run, as PNG; drawn from its tables."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...training.figures import DRAWN

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


#: What stands above each picture.
TITLES = {
    "skill_by_horizon": "Skill: above 0 is better than conflictology",
    "coverage_by_horizon": "Calibration of intervals: the dotted line is right",
    "reliability": "Calibration of chances: the diagonal is right",
    "pit": "Calibration, one month ahead: flat is right",
    "pool_weights": "What the pool is made of, one month ahead",
    "feature_contributions": "What expected counts are made of",
}


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
            picture.suptitle(TITLES[name], x=0.01, ha="left", weight="bold")
            made[f"plots/{name}.png"] = _png(picture)
    return made


def _png(figure: Figure) -> bytes:
    """A picture whose bytes do not name the program that drew it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    out = io.BytesIO()
    figure.set_dpi(90)
    # Drawn once: savefig draws everything a first time to find where it goes.
    FigureCanvasAgg(figure).print_png(out, metadata={"Software": None})
    return out.getvalue()
