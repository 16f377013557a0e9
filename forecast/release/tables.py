"""Every table of a release by file name: for people, for spreadsheets, for hubs, for VIEWS and for maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...training.evaluation.reliability import REHEARSAL_COLUMNS, RELIABILITY_COLUMNS
from ..formats import checked_hub_table, draws_table, geo_files, hub_files, views_files, wide_table, with_sums
from ..theatre import licences_of, timezone_of
from .disclosure import WITHHELD, check_level, enough_events
from .read import HISTORY, history_table

if TYPE_CHECKING:
    import pyarrow as pa

    from ..result import ForecastResult


def release_tables(result: ForecastResult) -> dict[str, pd.DataFrame | pa.Table | str]:
    """Every table of a release by path, checked; texts are files as they are."""
    panel = result.panel
    check_level(
        panel, result.regions, bool(result.settings.get("allow_grid", False)), result.settings.get("level")
    )
    forecast, countries = checked_hub_table(result.draws), checked_hub_table(result.countries)
    names = pd.DataFrame({"region_id": panel.region_ids, "name": panel.names, "country": panel.countries})
    wide = wide_table(result.draws, names, _escalation_levels(result))
    return {
        "forecast.parquet": forecast,
        "forecast.csv": forecast,
        "draws.parquet": draws_table(result.draws),
        "wide.csv": wide,
        "countries.csv": with_sums(countries, result.countries),
        "spillover.csv": result.spillover,
        "pairs.csv": _in_order(result.pairs),
        "scores.csv": result.scores,
        "contributions.csv": result.contributions,
        "reliability.csv": result.reliability.reindex(columns=RELIABILITY_COLUMNS),
        "rehearsal.csv": result.rehearsal.reindex(columns=REHEARSAL_COLUMNS),
        "checks.csv": result.quality,
        **result.watch,
        **{f"{name}.csv": table for name, table in _where_made(result).items()},
        HISTORY: history_table(panel, draws=result.draws),
        **_breakdown(result),
        **geo_files(result, wide),
        **hub_files(
            forecast,
            countries,
            panel.source,
            result.package_version,
            result.model,
            result.settings.get("contact"),
            licences_of(panel, result.regions)["forecasts"],
            timezone_of(panel),
        ),
        **views_files(result.draws, result.countries),
    }


def _escalation_levels(result: ForecastResult) -> dict[str, np.ndarray]:
    """By target, the count that is twice the mean of the last 12 months, by region; NaN where these had none."""
    from ...data.panel import TARGETS
    from ...training.evaluation import escalation_level
    from ...training.parts import with_parts

    panel, levels = with_parts(result.panel, {t: d.region_ids for t, d in result.draws.items()}), {}
    for target, draws in result.draws.items():
        measure = TARGETS.get(target, target)
        if measure in panel.measures:
            last = np.where(panel.observed[-12:], panel.measure(measure)[-12:], np.nan)
            levels[target] = escalation_level(last)[np.isin(panel.region_ids, draws.region_ids)]
    return levels


def _where_made(result: ForecastResult) -> dict[str, pd.DataFrame]:
    """What the page says first, and who and against whom: none of a table that was not made."""
    names = ("judged", "outlook", "warnings", "changes", "triggers", "part_scores", "actors", "facts")
    tables = {name: getattr(result, name) for name in names}
    return {name: table for name, table in tables.items() if len(table.columns)}


def _in_order(pairs: pd.DataFrame) -> pd.DataFrame:
    """Pairs of countries with their columns in the order in which they are read."""
    from ...training.diffusion.border_signal import PAIR_COLUMNS

    known = [name for name in PAIR_COLUMNS if name in pairs]
    return pairs[[*known, *(name for name in pairs if name not in known)]]


def _breakdown(result: ForecastResult) -> dict[str, pd.DataFrame]:
    """The breakdown of spillover, without rows about armed groups of too few events, which ``withheld.csv`` counts."""
    tables = {f"spillover_{name}.csv": table for name, table in result.answers.items()}
    withheld = pd.DataFrame(columns=list(WITHHELD))
    groups = tables.get("spillover_groups.csv")
    if groups is not None and "past_events" in groups:
        tables["spillover_groups.csv"], withheld = enough_events(groups)
    withheld = pd.concat([t for t in (withheld, result.withheld) if len(t)] or [withheld], ignore_index=True)
    return {**tables, "withheld.csv": withheld}
