"""The record of a finished forecast for MLflow, in plain types."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...data.errors import ReleaseError
from ...training.registry.runs import RunRecord, environment_lock, git_state
from ..release import csv_text, public_settings, read_sums
from ..settings import checkout
from ..version import package_version
from .plots import draw_plots

if TYPE_CHECKING:
    from ...data.panel import Panel
    from ..result import ForecastResult
    from ..settings import Settings

#: Columns of the score table that become metrics, and what they are called there.
METRICS = {"crps": "crps", "skill_vs_conflictology": "skill"}
METRICS |= {name: name for name in ("coverage_50", "coverage_80", "coverage_90")}
#: The same of the parts.
PART_METRICS = {"crps": "crps", "skill_vs_conflictology": "skill"}
PART_METRICS |= {name: name for name in ("skill_vs_last_year", "coverage_80")}
#: Whose scores stand in the parent run; every member has a child run of its own.
POOL = "pool"
#: Months ahead whose skill stands in the table of runs.
SHOWN = (1, 3, 6)
#: Columns of the watch list that stand in its table.
LISTED = ("group", "region_id", "rank", "p_1", "p_3", "p_6", "main_source_region", "record")


def record_of(result: ForecastResult, release: Path, settings: Settings) -> RunRecord:
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
    record = _from_files(release)
    # A registered version keeps its own files; what was fitted for this run alone is kept with it.
    fitted = {} if result.model.get("version") else result.models
    return replace(
        record,
        params={**settings.published(), **public_settings(result.settings), **record.params},
        metrics={**record.metrics, **seconds(result.timings)},
        tags={**record.tags, "config_hash": settings.digest(), **state_of_code()},
        profile=profile(result.panel),
        texts={
            **record.texts,
            "environment.txt": environment_lock(),
            **{f"models/{name}": text for name, text in fitted.items()},
            "data_quality.csv": csv_text(result.quality),
        },
    )


def record_of_release(release: Path) -> RunRecord:
    """The record of a release that is there, from its own files alone.

    What only the day of the record knows, its code and its environment, is called ``tracked_with``: the release may
    have been made by others. ``environment.txt`` holds the versions that its manifest names.
    """
    record = _from_files(release)
    now = {f"tracked_with_{key}": value for key, value in state_of_code().items()}
    return replace(
        record,
        tags={**record.tags, "tracked_with_version": package_version(), **now},
        texts={**record.texts, "tracked_with_environment.txt": environment_lock()},
    )


def _from_files(release: Path) -> RunRecord:
    """What the files of a release say of it; raises what :func:`record_of_release` does."""
    try:
        manifest, status = (_json(release / name) for name in ("manifest.json", "status.json"))
        scores, contributions = (_table(release / name) for name in ("scores.csv", "contributions.csv"))
        judged = release / "part_scores.csv"
        parts = _table(judged) if judged.is_file() else pd.DataFrame()
        data, settings = manifest["data"], manifest["settings"]
        made_by = "".join(f"{name}=={number}\n" for name, number in sorted(manifest["versions"].items()))
        texts = {
            "configuration.json": json.dumps(settings, indent=2, sort_keys=True, default=str) + "\n",
            "environment.txt": made_by,
        }
        figures = headline_metrics(scores)
        headline = release / "headline.md"
        title = f"# Forecast {release.name}"
        if headline.is_file():
            title = headline.read_text(encoding="utf-8")[:3000]
        listed = release / "watchlist.csv"
        watch = _table(listed) if listed.is_file() else pd.DataFrame()
        shown = {"Report": "report.html", "map": "map.png", "scores": "scores.csv"}
        return RunRecord(
            name=f"forecast {release.name}",
            params={**settings, "seed": manifest["seed"], "versions": manifest["versions"]},
            metrics={
                **(metrics(scores[scores["member"] == POOL]) if len(scores) else {}),
                **part_metrics(parts),
                **figures,
            },
            tags=_tags(release, manifest, status),
            profile=pd.DataFrame(data["coverage"]),
            digest=data["sha256"],
            source=data["source"],
            texts={**texts, **draw_plots({"scores": scores, "contributions": contributions})},
            files=sorted(path for path in release.rglob("*") if path.is_file()),
            root=release,
            children=children(scores),
            tables=watch_table(watch),
            description=describe(
                title,
                "" if headline.is_file() else manifest["banner"],
                figures,
                {words: name for words, name in shown.items() if (release / name).is_file()},
            ),
        )
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as reason:
        raise ReleaseError(
            f"this is not a release that can be recorded ({reason}).",
            str(release),
            "Name the folder of a release, such as releases/2023-12.",
        ) from None


def _json(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} is no table of names and values")
    return found


def _table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, keep_default_na=False, na_values=["NA"])


def metrics(
    scores: pd.DataFrame, names: Mapping[str, str] = METRICS, member: bool = True
) -> dict[str, dict[int, float]]:
    """Scores as ``crps.events.pool`` -> horizon -> value; figures that do not exist are left out.

    Parameters
    ----------
    scores : pandas.DataFrame
        ``target, member, horizon`` and columns of figures.
    names : mapping of str to str
        Which columns, and what they become.
    member : bool
        Whether the member is part of the name; a run of one member leaves it out, so that runs can be compared.

    >>> scores = pd.DataFrame({"target": ["events"], "member": ["pool"], "horizon": [3], "crps": [0.4]})
    >>> metrics(scores), metrics(scores, member=False)
    ({'crps.events.pool': {3: 0.4}}, {'crps.events': {3: 0.4}})
    """
    found: dict[str, dict[int, float]] = {}
    for row in scores.to_dict("records"):
        for column, name in names.items():
            if column in row and pd.notna(row[column]):
                key = f"{name}.{row['target']}" + (f".{row['member']}" if member else "")
                found.setdefault(key, {})[int(row["horizon"])] = float(row[column])
    return found


def part_metrics(scores: pd.DataFrame) -> dict[str, dict[int, float]]:
    """Scores of the pool's parts as ``crps.events_one_sided.pool`` and so on; none where parts were not judged.

    >>> scores = pd.DataFrame({"target": ["events_jnim"], "member": "pool", "horizon": 1, "skill_vs_last_year": 0.02})
    >>> part_metrics(scores)
    {'skill_vs_last_year.events_jnim.pool': {1: 0.02}}
    """
    return metrics(scores[scores["member"] == POOL], PART_METRICS) if len(scores) else {}


def headline_metrics(scores: pd.DataFrame) -> dict[str, dict[int, float]]:
    """The pool's skill against conflictology as ``skill.events.h1, .h3, .h6`` and ``.mean``, a number each.

    A table of runs shows them side by side, where metrics by step show the last step alone.

    >>> scores = pd.DataFrame({"target": "events", "member": "pool", "horizon": [1, 2, 3]})
    >>> headline_metrics(scores.assign(skill_vs_conflictology=[0.25, 0.5, 0.75]))
    {'skill.events.h1': {0: 0.25}, 'skill.events.h3': {0: 0.75}, 'skill.events.mean': {0: 0.5}}
    """
    found: dict[str, dict[int, float]] = {}
    if scores.empty:
        return found
    pool = scores[scores["member"] == POOL].dropna(subset=["skill_vs_conflictology"])
    for target, rows in pool.groupby("target"):
        skill = rows.set_index("horizon")["skill_vs_conflictology"]
        found |= {f"skill.{target}.h{h}": {0: float(skill[h])} for h in SHOWN if h in skill.index}
        found[f"skill.{target}.mean"] = {0: float(skill.mean())}
    return found


def quiet_metrics(table: pd.DataFrame) -> dict[str, dict[int, float]]:
    """Observed over forecast chances where it was quiet for six months and a year; 1 is right."""
    kept = table[(table["year"] == "all") & (table["predicted"] > 0)]
    return {
        f"quiet_ratio.{row['target']}.{row['quiet_months']}": {0: float(row["ratio"])}
        for row in kept.to_dict("records")
    }


def year_metrics(record: pd.DataFrame) -> dict[str, dict[int, float]]:
    """Skill on fixed windows, so that trainings can be compared: the origins of each whole calendar year.

    The step is the year; every horizon has all twelve origins, or the year is left out.
    """
    named = record.assign(year=record["origin"].str[:4].astype(int))
    both = named[named["member"].isin(["pool", "conflictology_12"])]
    found: dict[str, dict[int, float]] = {}
    for (target, year), rows in both.groupby(["target", "year"]):
        if (rows.groupby(["member", "horizon"])["origin"].nunique() == 12).all():
            crps = rows.groupby("member")["crps"].sum()
            skill = 1 - crps.get("pool", np.nan) / crps.get("conflictology_12", np.nan)
            found.setdefault(f"skill_in_year.{target}", {})[int(str(year))] = float(skill)
    return found


def watch_table(watchlist: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The watch list as MLflow shows tables; nothing where nothing is listed."""
    kept = watchlist[[c for c in LISTED if c in watchlist]]
    return {"watch_list": kept} if len(kept) else {}


def describe(
    title: str, banner: str, figures: Mapping[str, Mapping[int, float]], files: Mapping[str, str]
) -> str:
    """A run's description as Markdown: its headline, what to know first, its record, and links to its files.

    Parameters
    ----------
    title : str
        The first lines.
    banner : str
        What a reader has to know first; empty where there is nothing.
    figures : mapping
        What :func:`headline_metrics` gave.
    files : mapping of str to str
        Artifacts by what a reader calls them.
    """
    lines = [title.strip(), ""] + ([f"> {banner}", ""] if banner else [])
    targets = dict.fromkeys(name.split(".")[1] for name in figures)
    if targets:
        names = [f"h{h}" for h in SHOWN] + ["mean"]
        lines += [
            "| skill against conflictology | 1 month | 3 months | 6 months | all |",
            "|---|---|---|---|---|",
        ]
        for target in targets:
            values = [figures.get(f"skill.{target}.{name}", {}).get(0) for name in names]
            lines.append(
                f"| {target} | " + " | ".join("-" if v is None else f"{v:+.1%}" for v in values) + " |"
            )
        lines.append("")
    address = "{run}/artifacts/%s?workflowType=machine_learning"
    lines.append(" · ".join(f"[{words}]({address % name})" for words, name in files.items()))
    return "\n".join(lines)


def children(scores: pd.DataFrame, names: Mapping[str, str] = METRICS) -> list[RunRecord]:
    """One record per member, so that analysts can sort and compare them."""
    if scores.empty:
        return []
    return [
        RunRecord(
            name=str(member),
            metrics=metrics(rows, names, member=False),
            tags={"run_kind": "member", "member": str(member)},
        )
        for member, rows in scores.groupby("member", sort=True)
    ]


def seconds(timings: Mapping[str, float]) -> dict[str, dict[int, float]]:
    """How long each stage took, as ``seconds.fit``."""
    return {f"seconds.{stage}": {0: float(value)} for stage, value in timings.items()}


def _tags(release: Path, manifest: Mapping[str, Any], status: Mapping[str, Any]) -> dict[str, str]:
    """What runs are searched by."""
    model = manifest.get("model", {})
    asked = json.dumps(manifest["settings"], sort_keys=True).encode()
    return {
        "run_kind": "forecast",
        "origin": manifest["origin"],
        "level": manifest["level"],
        "banner": manifest["banner"],
        "release": release.name,
        "run_date": status["run_date"],
        "data_hash": manifest["data"]["sha256"],
        "forecast_hash": read_sums(release).get("forecast.parquet", ""),
        "config_hash": hashlib.sha256(asked).hexdigest(),
        "coverage": json.dumps(manifest["data"]["coverage"])[:5000],
        "package_version": manifest["versions"]["harmattan"],
        **{f"model_{key}": str(model[key]) for key in ("name", "version", "digest") if key in model},
    }


def state_of_code() -> dict[str, str]:
    """Tags ``git_sha`` and ``git_dirty`` of the checkout that runs; empty for an installed package."""
    here = checkout(Path(__file__).resolve().parent)
    return git_state(here) if here else {}


def profile(panel: Panel) -> pd.DataFrame:
    """The panel in a dozen rows: what each country holds."""
    table = pd.DataFrame({"country": list(panel.countries), "months": panel.observed.sum(axis=0)})
    for name in dict.fromkeys(("events", "deaths_best", panel.main)):
        if name in panel.measures:
            table[name] = panel.measure(name, fill=0).sum(axis=0)
    return table.groupby("country").sum().reset_index()
