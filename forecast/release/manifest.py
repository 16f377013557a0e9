"""What a release says about itself: what it was made from and by, and how far it can be trusted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..settings import LOCAL
from ..theatre import licences_of, theatre_words

if TYPE_CHECKING:
    from ...data.panel import Panel
    from ..result import ForecastResult

#: Libraries whose version can change a number.
LIBRARIES = ("numpy", "pandas", "scipy", "statsmodels", "lightgbm", "scikit-learn", "pyarrow", "shapely")


def manifest(result: ForecastResult, tables: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What a release was made from and by: nothing of when, where or with how many processes."""
    panel, labels = result.panel, result.panel.attrs.get("labels")
    return {
        "format": 1,
        "origin": str(result.origin),
        "horizons": list(result.horizons),
        "targets": list(result.draws),
        "draws": max(d.values.shape[0] for d in result.draws.values()),
        "level": result.level,
        "banner": result.banner,
        "notes": list(result.notes),
        "watch_notes": list(result.watch_notes),
        "seed": result.seed,
        "model": dict(result.model),
        "data": {
            "sha256": result.data_hash,
            "source": panel.source,
            "first_month": str(panel.months[0]),
            "last_month": str(panel.last_month),
            "regions": len(panel.region_ids),
            "countries": sorted(set(panel.countries)),
            "coverage": json.loads(result.coverage_note.to_json(orient="records")),
            "unseen_borders": json.loads(result.unseen.to_json(orient="records")),
            "ledger": json.loads(result.ledger.to_json(orient="records")),
            "recent": recent_counts(panel),
            "month_digests": month_digests(panel),
        },
        "settings": public_settings(result.settings),
        "versions": {"harmattan": result.package_version} | {name: version(name) for name in LIBRARIES},
        "theatre": theatre_words(panel) | ({"labels": dict(labels)} if labels else {}),
        "licences": {"software": "MIT", **licences_of(panel, result.regions)},
        "tables": _shapes(tables or {}),
    }


def _shapes(tables: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Columns and number of rows of each table."""
    columns = {n: getattr(t, "column_names", None) or getattr(t, "columns", None) for n, t in tables.items()}
    return {n: {"columns": list(c), "rows": len(tables[n])} for n, c in columns.items() if c is not None}


def recent_counts(panel: Panel) -> dict[str, dict[str, float]]:
    """Events (the first count of a panel without) by country, in each of the last twelve observed months."""
    events = pd.DataFrame(
        panel.measure(panel.main), index=panel.months.astype(str), columns=list(panel.countries)
    )
    sums = events.T.groupby(level=0).sum(min_count=1).T.tail(12)
    return {str(c): {str(m): float(v) for m, v in sums[c].dropna().items()} for c in sums}


def month_digests(panel: Panel) -> dict[str, str]:
    """Short digests of each month of the last three years and of each year before: what a revision changed.

    >>> from harmattan.data.snapshot import load_snapshot
    >>> found = month_digests(load_snapshot().panel)
    >>> "2020" in found, "2021-01" in found, "2023-12" in found
    (True, True, True)
    """
    held = [np.ascontiguousarray(panel.measure(name, fill=0), dtype="<f4") for name in sorted(panel.measures)]
    first = panel.months[-1].year - 2
    parts: dict[str, Any] = {}
    for row, month in enumerate(panel.months):
        name = str(month) if month.year >= first else str(month.year)
        digest = parts.setdefault(name, sha256())
        for values in (panel.observed, *held):
            digest.update(values[row].tobytes())
    return {name: digest.hexdigest()[:12] for name, digest in parts.items()}


def public_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without those that only say where a run happens; files by name."""
    kept = {k: v for k, v in settings.items() if k not in LOCAL}
    return {k: v.name if isinstance(v, Path) else v for k, v in sorted(kept.items())}


def status(result: ForecastResult, reason: tuple[str, ...] = ()) -> dict[str, Any]:
    """The day of a run, how far it can be trusted, and what it revises."""
    return {
        "origin": str(result.origin),
        "run_date": str(result.run_date),
        "level": result.level,
        "banner": result.banner,
        "checks": json.loads(result.quality.to_json(orient="records")),
        "revision_reason": list(reason),
    }


def json_text(content: Mapping[str, Any]) -> str:
    """One layout of JSON for every file: sorted keys, so that the same content is the same text."""
    return json.dumps(content, indent=2, ensure_ascii=False, sort_keys=True, default=_plain) + "\n"


def _plain(value: Any) -> Any:
    """NumPy scalars as numbers; anything else as text."""
    return value.item() if isinstance(value, np.generic) else str(value)
