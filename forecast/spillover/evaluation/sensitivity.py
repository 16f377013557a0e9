"""Would the verdicts stand if the borders could see further? The same fit with a country whose counts ended early."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

import pandas as pd

from ....data.panel import Panel

COLUMNS = (
    "source_country",
    "target_country",
    "coefficient_without",
    "coefficient_with",
    "p_holm_without",
    "p_holm_with",
    "verdict_without",
    "verdict_with",
)
_KEPT = ["source_country", "target_country", "coefficient", "p_holm", "verdict"]
_KEYS = ["source_country", "target_country"]


def neighbour_links() -> pd.DataFrame:
    """Links of Nigeria's regions with those of the snapshot, ``region_a, region_b, border_km, crosses_border``.

    Shared borders of Natural Earth's polygons (public domain), by the rule that made the snapshot's own links.
    """
    with (resources.files(__package__) / "spillover_neighbours.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file)


def joined(panel: Panel, more: Panel, links: pd.DataFrame) -> Panel:
    """One panel of both, up to the last month that both have seen, with ``links`` between them; events only.

    Raises
    ------
    RegionError
        A link names a region that neither has.
    """
    last = min(panel.last_month, more.last_month)
    parts = [p.until(last) for p in (panel, more)]
    frames = [p.to_frame()[["month", "region_id", "name", "country", "observed", "events"]] for p in parts]
    frame = pd.concat(frames, ignore_index=True)
    inside = [p.links for p in parts if p.links is not None]
    return Panel.from_frame(frame, pd.concat([*inside, links], ignore_index=True), "with its neighbours")


def sensitivity(panel: Panel, more: Panel, seed: int) -> pd.DataFrame:
    """Every border's estimate and verdict without and with the other country, at the last month both have seen.

    Returns
    -------
    pandas.DataFrame
        One row per border with a likelihood ratio above 2.7 in either fit: :data:`COLUMNS`. Nothing stands under
        ``without`` for the other country's own borders.
    """
    whole = joined(panel, more, neighbour_links())
    alone = panel.until(whole.months[-1])
    found = [_pairs(p, seed) for p in (alone, whole)]
    strong = pd.concat([t.loc[t["lr_statistic"] > 2.7, _KEYS] for t in found]).drop_duplicates()
    names = ("without", "with")
    for name, table in zip(names, found, strict=True):
        kept = table[_KEPT].rename(columns={c: f"{c}_{name}" for c in _KEPT[2:]})
        strong = strong.merge(kept, on=_KEYS, how="left")
    return strong.sort_values(_KEYS, ignore_index=True)[list(COLUMNS)]


def _pairs(panel: Panel, seed: int) -> pd.DataFrame:
    from ....training.diffusion.fit import fit_diffusion
    from ..job import border_rng, problem_of

    return fit_diffusion(problem_of(panel), panel.months[-1], rng=border_rng(seed), intervals=False).pairs


def changed(table: pd.DataFrame) -> Mapping[str, int]:
    """How many borders were compared, and how many verdicts the other country changes."""
    both = table.dropna(subset=["verdict_without", "verdict_with"])
    return {"borders": len(both), "changed": int((both["verdict_without"] != both["verdict_with"]).sum())}
