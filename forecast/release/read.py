"""A finished release read back: its draws, the counts that it had seen, and what made it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...data.errors import ReleaseError, SchemaError
from ...data.panel import TARGETS, Panel
from ...training.distribution import Draws
from ..formats import read_draws
from .catalogue import ReleaseInfo, all_releases
from .verify import verify_release

#: The counts that a forecast has seen last, kept beside it: a later revision cannot change them.
HISTORY, HISTORY_MONTHS = "history.parquet", 36
#: Months of a region's own record that a forecast is held against.
RECENT = 12


@dataclass(frozen=True)
class PastRelease:
    """What is needed of an earlier release."""

    name: str  # Its folder's name, such as ``2023-11``.
    #: By target: int32 (draws, horizons, regions), >= 0, with the means as published.
    draws: Mapping[str, Draws]
    #: The last 36 months that it had seen, as they were known then; None where the release keeps none.
    history: Panel | None = None
    manifest: Mapping[str, Any] = field(default_factory=dict)  # What it was made from and by.

    @property
    def origin(self) -> pd.Period:
        """The last month it had seen."""
        return next(iter(self.draws.values())).origin

    @property
    def model(self) -> str:
        """What made its numbers, in a few words."""
        model = self.manifest.get("model") or {}
        version = f" {model['version']}" if model.get("version") else ""
        return f"{model.get('name', 'fitted at the origin')}{version}"

    @classmethod
    def read(cls, folder: Path) -> PastRelease:
        """A release from its folder."""
        try:
            draws = read_draws(folder / "draws.parquet")
            if not draws:
                raise ValueError("no rows")
            draws = _with_means(draws, folder / "forecast.parquet")
            path = folder / "manifest.json"
            manifest = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
            return cls(folder.name, draws, read_history(folder), dict(manifest))
        except (OSError, ValueError, KeyError, SchemaError) as error:
            raise ReleaseError(
                "the draws of the previous release cannot be read.",
                where=str(folder / "draws.parquet"),
                remedy="Verify that release, or render the report without it.",
            ) from error


@dataclass(frozen=True)
class Outcome:
    """What was observed of a month that a release had forecast, in the regions that can be judged."""

    positions: list[int]  # Of these regions in the draws.
    observed: np.ndarray  # Counts of the month, int64, (regions,).
    before: np.ndarray  # Counts of the twelve months up to the origin, (12, regions).
    as_known_then: bool  # Whether those are as known at the origin, or as known now.


def outcome_of(past: PastRelease, target: str, horizon: int, panel: Panel) -> Outcome | None:
    """What a panel holds of the month ``horizon`` months after a release's origin; None where no region was observed.

    A region counts where that month was observed, and the twelve months up to the origin.
    """
    draws, kept = past.draws[target], past.history
    if draws.origin < panel.months[0]:
        return None
    month = panel.target(target)[panel.position(draws.origin + horizon)]
    then = (
        kept is not None
        and TARGETS.get(target, target) in kept.measures
        and kept.months[-1] == draws.origin
        and len(kept.months) >= RECENT
    )
    record = kept if kept is not None and then else panel.until(draws.origin)
    before = record.target(target)[-RECENT:].astype(float)
    now, known = ({region: i for i, region in enumerate(p.region_ids)} for p in (panel, record))
    both = [(i, now[r], known[r]) for i, r in enumerate(draws.region_ids) if r in now and r in known]
    judged = [(i, a, b) for i, a, b in both if np.isfinite(month[a]) and np.isfinite(before[:, b]).all()]
    if not judged:
        return None
    positions, here, there = (list(side) for side in zip(*judged, strict=True))
    return Outcome(positions, month[here].astype(np.int64), before[:, there], then)


def _with_means(draws: Mapping[str, Draws], path: Path) -> dict[str, Draws]:
    """The draws with the published means, which know the far tail that draws cut."""
    if not path.is_file():
        return dict(draws)
    table = pd.read_parquet(path, filters=[("output_type", "==", "mean")])
    found = {}
    for target, d in draws.items():
        mine = table[table["target"] == target].set_index(["horizon", "location"])["value"]
        index = pd.MultiIndex.from_product([d.horizons, d.region_ids])
        mean = mine.reindex(index).to_numpy(float).reshape(len(d.horizons), len(d.region_ids))
        found[target] = d if np.isnan(mean).any() else replace(d, analytic_mean=mean)
    return found


def history_table(
    panel: Panel, months: int = HISTORY_MONTHS, draws: Mapping[str, Draws] | None = None
) -> pd.DataFrame:
    """The last months of a panel as a release keeps them.

    ``month, region_id, name, country, observed, events[, deaths_best ...]``: counts a month of events, of deaths
    and of other targets of ``draws``, missing where not observed, and of parts where they were not forecast.

    >>> frame = pd.DataFrame({"month": ["2023-01", "2023-02"], "region_id": "MLI-gao", "events": [3, 0]})
    >>> history_table(Panel.from_frame(frame), months=1).to_dict("records")[0]["events"]
    0.0
    """
    from ...training.parts import with_parts

    where = {target: each.region_ids for target, each in (draws or {}).items()}
    panel = with_parts(panel, where)
    asked = dict.fromkeys([*TARGETS.values(), *(TARGETS.get(t, t) for t in where)])
    measures = [name for name in asked if name in panel.measures]
    table = panel.to_frame().tail(min(months, panel.shape[0]) * panel.shape[1]).reset_index(drop=True)
    for target, regions in where.items():
        if target in measures and len(regions) < panel.shape[1]:
            table[target] = table[target].where(table["region_id"].isin(regions))
    return table[["month", "region_id", "name", "country", "observed", *measures]]


def read_history(folder: Path) -> Panel | None:
    """The counts that a release keeps; None where it keeps none."""
    path = folder / HISTORY
    return Panel.from_frame(pd.read_parquet(path), where=str(path)) if path.is_file() else None


def usable(
    out: Path, before: pd.Period | None = None, since: pd.Period | None = None
) -> Iterator[ReleaseInfo]:
    """Releases that may be looked back on, newest first: one per origin, whole and not withdrawn.

    Parameters
    ----------
    out : Path
        Folder of releases; nothing is yielded where it does not exist.
    before, since : pandas.Period, optional
        Only origins before the one month, and not before the other; the bytes of no others are read.
    """
    if not out.is_dir():
        return
    seen: set[str] = set()
    for info in reversed(all_releases(out)):
        if info.level not in ("green", "amber") or info.origin in seen:
            continue
        origin = pd.Period(info.origin, freq="M")
        if (before is not None and origin >= before) or (since is not None and origin < since):
            continue
        if verify_release(info.path, tables=False).whole:
            seen.add(info.origin)
            yield info


def readable(releases: Iterable[ReleaseInfo]) -> Iterator[PastRelease]:
    """The releases, read; one whose tables are of another make than these is passed over.

    Looking back must never cost a forecast; ``harmattan score`` says what is wrong with such a release.
    """
    for info in releases:
        try:
            yield PastRelease.read(info.path)
        except ReleaseError:
            continue


def newest_before(out: Path, origin: pd.Period, regions: Sequence[str]) -> PastRelease | None:
    """The newest usable release of an earlier origin that forecasts any of some regions; None where there is none."""
    for past in readable(usable(out, origin)):
        if set(regions) & set(past.draws.get("events", next(iter(past.draws.values()))).region_ids):
            return past
    return None
