"""The page of a finished release, made again from the release's own files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd

from ...data.errors import ReleaseError
from ...training.diffusion.border_signal import current_names
from ..release import HISTORY, SUMS, PastRelease, disk_errors, newest_before, replace_text, verify_release
from ..result import ForecastResult
from .brief import country_brief
from .page import render

if TYPE_CHECKING:
    from ...data.geography import Regions

T = TypeVar("T")
#: Tables of a release that the page shows, by the name of their field.
TABLES = {
    "spillover": "spillover.csv",
    "pairs": "pairs.csv",
    "scores": "scores.csv",
    "contributions": "contributions.csv",
    "reliability": "reliability.csv",
    "rehearsal": "rehearsal.csv",
    "quality": "checks.csv",
}
#: Lists of who comes next; releases of earlier versions have none.
WATCH = ("watchlist.csv", "onsets.csv", "watch_routes.csv", "watch_record.csv")
#: Tables that stand only in releases that know of them.
OPTIONAL = {
    "judged": "judged.csv",
    "outlook": "outlook.csv",
    "warnings": "warnings.csv",
    "changes": "changes.csv",
    "triggers": "triggers.csv",
}
OPTIONAL |= {"part_scores": "part_scores.csv", "actors": "actors.csv", "facts": "facts.csv"}
ROUTES = "spillover_routes.csv"
#: Columns that hold text even where every cell looks like a number.
TEXT = {"region_id", "source_country", "target_region", "target_country", "blind_towards", "statement"}
TEXT |= {"source_region", "grade", "group", "country", "main_source_region", "record", "first_month", "of"}
TEXT |= {"place", "text", "label"}
#: Columns in which NA is a code, never a missing value.
CODES = ("region_id", "source_country", "source_region", "target_region", "target_country", "name")
PLAIN = {"origin", "month", "fitted", "question", "predicted_mean", "name", "status", "message"}
PLAIN |= {
    "from_month",
    "to_month",
    "order",
    "location",
    "level",
    "release",
    "target",
    "country",
    "class",
    "group",
    "source_region",
}


def read_result(folder: Path) -> ForecastResult:
    """What a release knows, as far as its page shows it.

    Histories are those 36 months that a release keeps; fitted models are left out, and of spillover's breakdown all but
    the routes.
    """
    past = PastRelease.read(folder)
    if past.history is None:
        raise ReleaseError(
            "the counts that this release had seen are not kept in it.",
            str(folder / HISTORY),
            "It was made by an earlier version; its own report.html is all there is.",
        )
    manifest, day = past.manifest, _read(folder / "status.json", lambda p: json.loads(p.read_text("utf-8")))
    about = manifest["data"]
    if past.history.region_ids != next(iter(past.draws.values())).region_ids:
        raise ReleaseError(
            "the regions of the history are not those of the draws.", past.name, "Verify the release."
        )
    said = {"theatre": manifest["theatre"]} if manifest.get("theatre") else {}
    panel = replace(past.history, source=str(about["source"]), attrs={**past.history.attrs, **said})
    fields: dict[str, Any] = {field: _table(folder / name) for field, name in TABLES.items()}
    watch = fields["watch"] = {name: _table(folder / name) for name in WATCH if (folder / name).is_file()}
    if "of" not in watch.get(WATCH[-1], {"of"}):  # the records of earlier versions have only entries
        watch[WATCH[-1]] = watch[WATCH[-1]].assign(of="entry")
    optional = {field: folder / name for field, name in OPTIONAL.items()}
    fields |= {field: _table(path) for field, path in optional.items() if path.is_file()}
    fields["pairs"] = current_names(fields["pairs"])
    routes = _table(folder / ROUTES) if (folder / ROUTES).is_file() else pd.DataFrame()
    if "grade" in routes:
        fields["answers"] = {"routes": routes}
    return ForecastResult(
        origin=past.origin,
        horizons=tuple(manifest["horizons"]),
        panel=panel,
        regions=_regions(folder),
        draws=past.draws,
        countries={
            t: d.total(dict(zip(panel.region_ids, panel.countries, strict=True)))
            for t, d in past.draws.items()
        },
        coverage_note=pd.DataFrame(about["coverage"]),
        ledger=pd.DataFrame(about["ledger"]),
        unseen=pd.DataFrame(about.get("unseen_borders", []), columns=["country", "towards", "km"]),
        run_date=date.fromisoformat(day["run_date"]),
        seed=int(manifest["seed"]),
        banner=str(manifest["banner"]),
        level=manifest["level"],
        notes=tuple(manifest.get("notes", ())),
        watch_notes=tuple(manifest.get("watch_notes", ())),
        settings=manifest["settings"],
        package_version=str(manifest["versions"]["harmattan"]),
        data_hash=str(about["sha256"]),
        model=manifest.get("model") or {},
        **fields,
    )


def render_again(folder: Path) -> str:
    """The page of a release, held against the release before it where one stands beside it.

    Raises
    ------
    ReleaseError
        The release does not verify, was withdrawn, or lacks what the page needs.
    """

    verify_release(folder, tables=False).require()
    result = read_result(folder)
    return render(result, newest_before(folder.resolve().parent, result.origin, result.panel.region_ids))


def brief_again(folder: Path, country: str, language: str = "en") -> str:
    """A page on one country of a release; see :func:`harmattan.forecast.report.country_brief`.

    Raises
    ------
    ReleaseError
        The release does not verify, was withdrawn, or lacks what the page needs.
    UsageError
        A country that is not in it, or a language in which there are no texts.
    """
    verify_release(folder, tables=False).require()
    return country_brief(read_result(folder), country, language, f"{folder.name}/report.html")


def write_page(html: str, path: Path) -> None:
    """Write a page where it was asked for.

    Raises
    ------
    ReleaseError
        The place cannot be written, or lies inside a finished release.
    """

    if any((parent / SUMS).is_file() for parent in path.resolve().parents):
        raise ReleaseError("a finished release is never changed.", str(path), "Choose another --to.")
    with disk_errors("the page cannot be written", path, "Choose another --to."):
        replace_text(html, path)


def _regions(folder: Path) -> Regions | None:
    """The polygons of ``forecast.geojson``; None where the release has none."""
    import numpy as np
    import shapely

    from ...data.geography import Regions

    path = folder / "forecast.geojson"
    if not path.is_file():
        return None

    def parse(path: Path) -> Regions:
        features = json.loads(path.read_text(encoding="utf-8"))["features"]
        about = [feature["properties"] for feature in features]
        frame = pd.DataFrame(
            {key: [a[key] for a in about] for key in ("region_id", "name", "country", "layer")}
        )
        shapes = shapely.from_geojson([json.dumps(feature["geometry"]) for feature in features])
        return Regions(frame, np.asarray(shapes, dtype=object), pd.DataFrame())

    return _read(path, parse)


def _table(path: Path) -> pd.DataFrame:
    """One CSV of a release, texts as they were before spreadsheets had to be guarded against."""

    def parse(path: Path) -> pd.DataFrame:
        kept: dict[str, type[str]] = dict.fromkeys(TEXT | PLAIN, str)
        table: pd.DataFrame = pd.read_csv(path, dtype=kept, keep_default_na=False, na_values=["NA"])
        codes = [c for c in CODES if c in table]
        table[codes] = pd.read_csv(path, usecols=codes, dtype=str, keep_default_na=False)[codes]
        for column in table.columns.intersection(list(TEXT | PLAIN)):
            table[column] = table[column].fillna("").str.replace(r"^'(?=[=+\-@\t\r])", "", regex=True)
        return table

    return _read(path, parse)


def _read(path: Path, parse: Callable[[Path], T]) -> T:
    try:
        return parse(path)
    except (OSError, ValueError, KeyError, TypeError) as reason:
        raise ReleaseError(
            f"a file of the release cannot be read ({str(reason).splitlines()[0][:120]}).",
            str(path),
            "Verify the release: harmattan verify.",
        ) from reason
