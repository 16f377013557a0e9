"""What MLflow is told about a finished forecast, in plain types."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ..training.tracking import Record, git_state
from .config import checkout
from .publish import manifest, public_settings, read_sums

if TYPE_CHECKING:
    from .config import Settings
    from .result import ForecastResult

#: Columns of the score table that become metrics, and what they are called there.
METRICS = {
    "crps": "crps",
    "skill_vs_conflictology": "skill",
    "coverage_50": "coverage_50",
    "coverage_80": "coverage_80",
    "coverage_90": "coverage_90",
}


def record_of(result: ForecastResult, release: Path, settings: Settings) -> Record:
    """The record of one forecast and its release.

    Parameters
    ----------
    result : ForecastResult
        What the run knows.
    release : Path
        The finished release, whose files become artifacts.
    settings : Settings
        What was asked for.
    """
    return Record(
        name=f"forecast {release.name}",
        params=params(result, settings),
        metrics=metrics(result.scores) | seconds(result),
        tags=tags(result, release, settings),
        profile=profile(result),
        digest=result.data_hash,
        source=result.panel.source,
        texts={f"models/{name}": text for name, text in result.models.items()},
        files=sorted(path for path in release.iterdir() if path.is_file()),
    )


def params(result: ForecastResult, settings: Settings) -> dict[str, object]:
    """The whole configuration, and the versions of the libraries."""
    asked = settings.published() | public_settings(result.settings)
    return {**asked, "seed": result.seed, "versions": manifest(result)["versions"]}


def metrics(scores: pd.DataFrame) -> dict[str, dict[int, float]]:
    """Scores as ``crps.events.pool`` -> horizon -> value; figures that do not exist are left out."""
    found: dict[str, dict[int, float]] = {}
    for row in scores.to_dict("records"):
        for column, name in METRICS.items():
            if pd.notna(row[column]):
                key = f"{name}.{row['target']}.{row['member']}"
                found.setdefault(key, {})[int(row["horizon"])] = float(row[column])
    return found


def seconds(result: ForecastResult) -> dict[str, dict[int, float]]:
    """How long each stage took, as ``seconds.fit``."""
    return {f"seconds.{stage}": {0: float(value)} for stage, value in result.timings.items()}


def tags(result: ForecastResult, release: Path, settings: Settings) -> dict[str, str]:
    """What runs are searched by."""
    covered = result.coverage_note.to_json(orient="records")
    return {
        "run_kind": "forecast",
        "origin": str(result.origin),
        "level": result.level,
        "banner": result.banner,
        "release": release.name,
        "run_date": str(result.run_date),
        "data_hash": result.data_hash,
        "forecast_hash": read_sums(release).get("forecast.parquet", ""),
        "config_hash": settings.digest(),
        "coverage": covered[:5000],
        "package_version": result.package_version,
        **(git_state(here) if (here := checkout(Path(__file__).resolve().parent)) else {}),
    }


def profile(result: ForecastResult) -> pd.DataFrame:
    """The panel in a dozen rows: what each country holds."""
    panel = result.panel
    columns = {"country": list(panel.countries), "months": panel.observed.sum(axis=0)}
    columns |= {
        name: panel.measure(name, fill=0).sum(axis=0)
        for name in ("events", "deaths_best")
        if name in panel.measures
    }
    return pd.DataFrame(columns).groupby("country").sum().reset_index()
