"""How past watch lists have done: the chances of a release's lists against what has been observed since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...data.panel import Panel
from ...training.onset import ANY, watched_groups

#: One row per release, kind of list, group and months that the list was good for, once these are over.
COLUMNS = ["release", "origin", "of", "group", "months", "month", "regions", "expected", "observed"]
COLUMNS += ["log_score", "log_score_constant"]
#: Files of lists, and what they are about.
FILES = {"onsets.csv": "onset", "watchlist.csv": "entry"}
SPANS = (1, 3, 6)


def score_lists(folders: Iterable[Path], panel: Panel) -> pd.DataFrame:
    """Score the lists of some releases in every span of months that is over.

    Parameters
    ----------
    folders : iterable of pathlib.Path
        Of releases; those without lists give no row.
    panel : Panel
        What is known now. A region counts where each month of the span was observed, and it has a number on the list.

    Returns
    -------
    pandas.DataFrame
        :data:`COLUMNS`: ``expected`` the sum of the chances, ``observed`` in how many regions it came, ``log_score``
        the mean negative logarithm of the chance of what came, ``log_score_constant`` that of the share that came,
        which nobody knew before. ``month`` is the last of the span.
    """
    rows = [row for folder in folders for row in _rows(folder, panel)]
    return pd.DataFrame(rows, columns=COLUMNS).sort_values(
        ["of", "group", "months", "origin", "release"], ignore_index=True
    )


def _rows(folder: Path, panel: Panel) -> Iterator[tuple[Any, ...]]:
    for name, of in FILES.items():
        path = folder / name
        table = (
            pd.read_csv(path, keep_default_na=False, na_values=["NA"]) if path.is_file() else pd.DataFrame()
        )
        if table.empty:
            continue
        origin = pd.Period(str(table["origin_date"].iloc[0]), freq="M")
        groups = table["group"] if "group" in table else pd.Series("", index=table.index)
        for group in dict.fromkeys(groups):
            counts = _counts(panel, str(group))
            if counts is None:
                continue
            for span in SPANS:
                scored = _scores(table[groups == group], counts, panel, origin, span)
                if scored is not None:
                    yield (folder.name, str(origin), of, group, span, str(origin + span), *scored)


def _counts(panel: Panel, group: str) -> np.ndarray | None:
    """Events that end the quiet, (months, regions); None where the group is not distinguished now."""
    groups = watched_groups(panel)
    if not group:
        return panel.measure("events", fill=0)
    parts = [p for each in groups.values() for p in each] if group == ANY else groups.get(group, ())
    unique = list(dict.fromkeys(parts))
    return np.sum([panel.measure(p, fill=0) for p in unique], axis=0) if unique else None


def _scores(
    table: pd.DataFrame, counts: np.ndarray, panel: Panel, origin: pd.Period, span: int
) -> tuple[float, ...] | None:
    """Regions, expected, observed and both log scores of one list; None where it cannot be judged."""
    if origin + 1 < panel.months[0] or origin + span > panel.last_month:
        return None
    first = panel.position(origin + 1)
    at = {region: i for i, region in enumerate(panel.region_ids)}
    known = table[table["region_id"].isin(at) & table[f"p_{span}"].notna()]
    positions = np.array([at[r] for r in known["region_id"]], dtype=np.int64)
    seen = panel.observed[first : first + span][:, positions].all(axis=0)
    if not seen.any():
        return None
    chance = np.clip(known[f"p_{span}"].to_numpy(float)[seen], 1e-6, 1 - 1e-6)
    came = np.asarray((counts[first : first + span][:, positions[seen]] > 0).any(axis=0))
    share = np.full(len(came), np.clip(came.mean(), 1e-6, 1 - 1e-6))
    losses = (float(-np.mean(np.where(came, np.log(p), np.log1p(-p)))) for p in (chance, share))
    return (len(came), float(chance.sum()), int(came.sum()), *losses)
