"""The embedded snapshot: counts per month and region that come with the package, and how they are read."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from ..errors import SourceError
from ..geography import Regions, centre_of, checked_links
from ..panel import Incidents, Ledger, Panel, build_panel, coverage_table
from ..schemas import empty_incidents
from ..sources import GROUPS, SHIPPED_THEATRE
from ..violence_types import UCDP_TYPES

#: The figures come from this release.
RELEASE = "24.1"
FILES = (
    "monthly_counts.csv",
    "coverage.csv",
    "regions.geojson",
    "links.csv",
    "borders.csv",
    "ledger.csv",
    "README.md",
)
#: Polygons around; not there where the polygons that a snapshot was made from hold no other country.
NEIGHBOURS = "neighbours.geojson"
#: Figures of countries that are only learned from; a snapshot has all of these files or none.
TRAINING_FILES = (
    "training_counts.csv",
    "training_coverage.csv",
    "training_regions.csv",
    "training_links.csv",
    "training_ledger.csv",
)


@dataclass(frozen=True)
class Snapshot:
    """What the package ships.

    Attributes
    ----------
    panel : Panel
        Monthly counts, built from the shipped figures by the same code as any other source.
    regions : Regions
        Simplified polygons; links carry the kilometres of the full ones.
    coverage : pandas.DataFrame
        ``country, name, first_month, last_month``.
    neighbours : Regions or None
        Regions of other countries close by, without figures and without links.
    borders : pandas.DataFrame
        ``region_id, international_km, observed_km, blind_towards``.
    ledger : Ledger
        Of the build from single events that the figures come from.
    training : Panel or None
        Countries whose data end too early to be forecast, to learn from: the same months and measures as
        ``panel``, other regions, ``observed`` false outside their coverage, links among themselves only.
    training_coverage : pandas.DataFrame or None
        ``country, name, first_month, last_month, release``.
    training_ledger : Ledger or None
        Of the build that the training figures come from.
    """

    panel: Panel
    regions: Regions
    neighbours: Regions | None
    coverage: pd.DataFrame
    borders: pd.DataFrame
    ledger: Ledger
    training: Panel | None = None
    training_coverage: pd.DataFrame | None = field(default=None, repr=False)
    training_ledger: Ledger | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        """What it holds, in one line."""
        return f"Snapshot({self.panel!r})"


def load_snapshot(folder: str | Path | None = None) -> Snapshot:
    """The embedded snapshot, or one made by :func:`harmattan.data.snapshot.make.make_snapshot`.

    Parameters
    ----------
    folder : path, optional
        Where the files are; the package's own where None.

    Returns
    -------
    Snapshot

    Raises
    ------
    SourceError
        A file is missing, be it one of the training files where others are there.

    Examples
    --------
    >>> snapshot = load_snapshot()
    >>> str(snapshot.panel.months[0]), str(snapshot.panel.last_month), len(snapshot.regions.links)
    ('1989-01', '2023-12', 192)
    >>> snapshot.training.shape, str(snapshot.training.last_month)
    ((420, 37), '2021-12')
    """
    root = Path(str(files(__package__))) if folder is None else Path(folder)
    learned_from = any((root / name).is_file() for name in TRAINING_FILES)
    for name in (*FILES, *(TRAINING_FILES if learned_from or folder is None else ())):
        if not (root / name).is_file():
            raise SourceError(
                f"the snapshot's file '{name}' is not there.",
                where=str(root),
                remedy="Install the package again.",
            )
    regions = Regions.read(root / "regions.geojson", links=_table(root / "links.csv"), clean=False)
    coverage = _table(root / "coverage.csv")
    incidents = aggregates(_table(root / "monthly_counts.csv"), coverage)
    panel = build_panel(incidents, regions).panel
    if folder is None:
        panel = replace(panel, attrs={**panel.attrs, "theatre": _words()})
    around = root / NEIGHBOURS
    training_coverage = _table(root / "training_coverage.csv") if learned_from else None
    return Snapshot(
        panel=panel,
        regions=regions,
        neighbours=Regions.read(around, links=regions.links.iloc[:0], clean=False)
        if around.is_file()
        else None,
        coverage=coverage,
        borders=_table(root / "borders.csv"),
        ledger=Ledger(_table(root / "ledger.csv")),
        training=None if training_coverage is None else _training(root, training_coverage, panel.months),
        training_coverage=training_coverage,
        training_ledger=Ledger(_table(root / "training_ledger.csv")) if learned_from else None,
    )


def _words() -> dict[str, object]:
    """What the theatre of the snapshot says of itself: name, time zone, licences, whom to cite."""
    said = tomllib.loads(SHIPPED_THEATRE.read_text(encoding="utf-8"))
    return {key: said[key] for key in ("name", "timezone", "attribution", "licences")}


def _training(root: Path, coverage: pd.DataFrame, months: pd.PeriodIndex) -> Panel:
    """The panel to learn from, on the months of the panel to forecast."""
    frame = _table(root / "training_regions.csv")
    links = checked_links(_table(root / "training_links.csv"), frame, "training_links.csv")
    # figures come with their region, so no polygon is needed
    regions = Regions(frame, np.full(len(frame), None, dtype=object), links)
    counts = _table(root / "training_counts.csv")
    incidents = aggregates(counts, coverage, release=str(coverage["release"].iloc[0]))
    return build_panel(incidents, regions, window=(months[0], months[-1])).panel


def shipped_counts() -> pd.DataFrame:
    """The shipped figures, a row per month, region, cell, type and group."""
    return _table(Path(str(files(__package__))) / "monthly_counts.csv")


def aggregates(
    counts: pd.DataFrame, coverage: pd.DataFrame, month_rule: str = "end", release: str = RELEASE
) -> Incidents:
    """Monthly figures as incidents with ``record = aggregate``.

    Parameters
    ----------
    counts : pandas.DataFrame
        ``month, region_id, violence_type, actor_group, events, late_events, deaths_*``, and ``cell`` where known.
    coverage : pandas.DataFrame
        ``country, name, first_month, last_month``.
    month_rule : str
        The rule that the months were given by.
    release : str
        The release that the figures come from; empty where it is not known.
    """
    frame = empty_incidents(len(counts))
    codes, months = pd.factorize(counts["month"])
    days = pd.PeriodIndex(months, freq="M")
    frame["date_start"] = days.start_time.to_numpy().astype("datetime64[us]")[codes]
    frame["date_end"] = days.end_time.to_numpy().astype("datetime64[D]").astype("datetime64[us]")[codes]
    frame["incident_id"] = np.char.add("aggregate-", np.arange(len(counts)).astype(str))
    frame["country"] = counts["region_id"].str.slice(0, 3)
    for name in ("region_id", "violence_type", "actor_group"):
        frame[name] = counts[name].to_numpy()
    for name in ("events", "late_events", "deaths_best", "deaths_low", "deaths_high", "deaths_civilians"):
        frame[name] = counts[name].to_numpy()
    if "cell" in counts:
        frame["longitude"], frame["latitude"] = centre_of(counts["cell"].to_numpy(np.int64))
    frame["record"], frame["source"], frame["release"] = "aggregate", "ucdp", release
    return Incidents(
        frame=frame,
        coverage=coverage_table(
            zip(coverage["country"], coverage["first_month"], coverage["last_month"], strict=True)
        ),
        source="UCDP GED",
        releases=(release,) if release else (),
        types=tuple(UCDP_TYPES.values()),
        groups=GROUPS,
        month_rule=month_rule,
    )


def _table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, keep_default_na=False, dtype={"release": str})
