"""What a run publishes of the record: who was where, and what there is to say of each place."""

from __future__ import annotations

import pandas as pd

from ...data.panel import Panel
from .actors import actors_table
from .facts import facts_table


def record_of(panel: Panel) -> dict[str, pd.DataFrame]:
    """``actors``, ``facts`` and ``withheld`` of a panel that ends with the origin."""
    actors, withheld = actors_table(panel)
    return {"actors": actors, "facts": facts_table(panel), "withheld": withheld}
