"""A folder of releases as pages: ``index.html`` with every release and how it did, and ``feed.xml``."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ..release import ReleaseInfo, all_releases, disk_errors, latest_name, replace_text
from .number_format import count, count_whole, interval, month_name, percent, signed_percent

INDEX, FEED = "index.html", "feed.xml"


@dataclass(frozen=True)
class ArchiveRow:
    """One release in the archive."""

    name: str
    level: str
    latest: bool
    month: str  # The last month seen, in words.
    day: str  # The day it was made on, ISO.
    headline: str  # What it expects in all; why it must not be used, where it was withdrawn.
    record: str  # How its next month turned out; empty until a later release has judged it.
    inside: bool | None  # Whether that total lay inside the 90 % interval.
    report: str  # Where its page is; empty where it must not be used.


def write_archive(out: Path) -> None:
    """Make ``index.html`` and ``feed.xml`` of a folder anew; unchanged files stay as they are.

    Raises
    ------
    ReleaseError
        There is no such folder, or it cannot be written.
    """
    for name, text in archive_pages(out).items():
        path = out / name
        with disk_errors(
            "the archive's page cannot be written", path, "The releases are untouched; publish again."
        ):
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                replace_text(text, path)


def archive_pages(out: Path) -> dict[str, str]:
    """Both pages as text, newest release first; the same for the same folder."""
    releases = all_releases(out)
    judged = {key: row for info in releases if not info.withdrawn for key, row in _judged(info)}
    rows = [_row(info, judged, latest_name(out)) for info in reversed(releases)]
    known = [row.inside for row in rows if row.inside is not None]
    track = [row for info in reversed(releases) if (row := _track(info)) is not None]
    pages = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    pages.loader = PackageLoader(str(__package__), "templates")
    style = Markup((Path(__file__).parent / "templates" / "style.css").read_text(encoding="utf-8"))
    newest = next((row for row in rows if row.report and row.latest), None)
    newest = newest or next((row for row in rows if row.report), None)
    about: dict[str, Any] = {
        "rows": rows,
        "newest": newest,
        "held": sum(known),
        "judged": len(known),
        "track": track,
        "style": style,
    }
    return {
        INDEX: pages.get_template("archive.html.j2").render(about),
        FEED: pages.get_template("feed.xml.j2").render(about),
    }


def _rows(path: Path) -> list[dict[str, str]]:
    """The rows of a release's table; none where it has none, or none that can be read."""
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError, csv.Error):
        return []


def _judged(info: ReleaseInfo) -> Iterator[tuple[str, dict[str, str]]]:
    """What a release says of the one before it, by that one's name."""
    yield from ((row["release"], row) for row in _rows(info.path / "judged.csv") if row.get("level") == "all")


def _row(info: ReleaseInfo, judged: dict[str, dict[str, str]], latest: str | None) -> ArchiveRow:
    usable = info.level in ("green", "amber")
    record, inside = "", None
    if info.name in judged:
        row = judged[info.name]
        low, high, came = (float(row[name]) for name in ("low_90", "high_90", "observed"))
        inside = low <= came <= high
        month = month_name(pd.Period(row["month"], "M"))
        expected = f"{count(float(row['expected']))} expected (90%: {interval(low, high)})"
        record = f"{month}: {count_whole(came)} events, {expected}"
    headline = info.withdrawn.sentence if info.withdrawn else info.problem
    return ArchiveRow(
        name=info.name,
        level=info.level,
        latest=info.name == latest,
        month=month_name(pd.Period(info.origin, "M")),
        day=str(info.status.get("run_date", "")),
        headline=headline or _headline(info),
        record=record,
        inside=inside,
        report=f"{info.name}/report.html" if usable else "",
    )


def _track(info: ReleaseInfo) -> dict[str, str] | None:
    """What a release knew of the skill, the coverage and the watch lists before it; None where it may not be used."""
    if info.level not in ("green", "amber") or info.withdrawn:
        return None
    scores = [
        row
        for row in _rows(info.path / "scores.csv")
        if row.get("target") == "events" and row.get("member") == "pool"
    ]
    lists = [row for row in _rows(info.path / "watch_record.csv") if row.get("listed") == "True"]
    lists = [row for row in lists if row.get("entered") in ("True", "False")]
    if not scores and not lists:
        return None
    first = min(scores, key=lambda row: int(row["horizon"]), default={})

    def came(of: str) -> str:
        listed = [row["entered"] for row in lists if row.get("of") == of]
        return f"{listed.count('True')} of {len(listed)}" if listed else "–"

    return {
        "name": info.name,
        "month": month_name(pd.Period(info.origin, "M")),
        "skill": signed_percent(_number(first, "skill_vs_conflictology")),
        "coverage": percent(_number(first, "coverage_80")),
        "entries": came("entry"),
        "onsets": came("onset"),
    }


def _number(row: dict[str, str], name: str) -> float:
    try:
        return float(row.get(name, "nan"))
    except ValueError:
        return math.nan


def _headline(info: ReleaseInfo) -> str:
    """What a release expects in all; its month alone where it keeps no outlook."""
    for row in _rows(info.path / "outlook.csv"):
        if row.get("level") == "all" and row.get("target") == "events":
            ahead = "month" if row["months"] == "1" else f"{row['months']} months"
            span = interval(float(row["next_low"]), float(row["next_high"]))
            return (
                f"About {count(float(row['next']))} events in the next {ahead} ({span}); "
                f"{count_whole(float(row['last']))} in the last."
            )
    return f"Forecast from {info.origin}."
