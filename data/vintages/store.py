"""What was known when: an append-only store of releases, and the revisions between them."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import OriginError, SourceError, UsageError
from ..geography import Regions
from ..panel import ANYWHERE, Incidents, Panel, Repair, combine, coverage_rows, coverage_table
from ..schemas import empty_incidents

_KEY = b"harmattan_vintage"


@dataclass(frozen=True)
class Vintage:
    """One release as it was on one day."""

    source: str
    release: str
    as_of: date
    sha256: str
    rows: int
    path: Path


@dataclass(frozen=True)
class AddedVintage:
    """What became of a release that was offered to the store.

    Attributes
    ----------
    status : {"new", "same", "changed"}
        ``same``: already there, nothing was written. ``changed``: the same version with other content was there; both
        are kept.
    """

    status: str
    vintage: Vintage
    message: str


class VintageStore:
    """A folder of releases; nothing in it is ever changed or deleted.

    Parameters
    ----------
    root : path
        The folder; made with the first release.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def vintages(self) -> list[Vintage]:
        """All vintages, the oldest first.

        Raises
        ------
        SourceError
            A file in the store is damaged.
        """
        found = [_read_note(path) for path in sorted(self.root.glob("*.parquet"))]
        return sorted(found, key=lambda v: (v.as_of, v.source, v.release, v.sha256))

    def add(self, incidents: Incidents, as_of: date) -> AddedVintage:
        """Keep a release as it was on a day.

        Parameters
        ----------
        incidents : Incidents
            One release.
        as_of : datetime.date
            The day it was obtained.

        Returns
        -------
        AddedVintage
        """
        if len(incidents.releases) > 1:
            raise UsageError("a vintage is one release, not several.", remedy="Add them one by one.")
        release = incidents.releases[0] if incidents.releases else "unnamed"
        digest = content_hash(incidents)
        every = [v for v in self.vintages() if (v.source, v.release) == (incidents.source, release)]
        earlier = [v for v in every if _overlap(self.load(v).coverage, incidents.coverage)]
        for vintage in every:
            if vintage.sha256 == digest:
                return AddedVintage(
                    "same", vintage, f"{release} is already in the store (of {vintage.as_of})."
                )
        path = self._write(incidents, release, as_of, digest)
        vintage = Vintage(incidents.source, release, as_of, digest, len(incidents), path)
        if earlier:
            changed = diff_incidents(self.load(earlier[-1]), incidents)
            counts = changed["change"].value_counts().to_dict()
            listed = ", ".join(f"{n} {k}" for k, n in sorted(counts.items())) or "order or excluded rows only"
            message = (
                f"{release} is not what it was on {earlier[-1].as_of}: {listed}. Both vintages are kept."
            )
            return AddedVintage("changed", vintage, message)
        if every:
            beside = "beside what it says of other places or months"
            message = f"{release} is kept as of {as_of} ({len(incidents)} rows), {beside}."
            return AddedVintage("new", vintage, message)
        return AddedVintage("new", vintage, f"{release} is kept as of {as_of} ({len(incidents)} rows).")

    def load(self, vintage: Vintage) -> Incidents:
        """The incidents of one vintage."""
        import pyarrow.parquet as pq

        table = pq.read_table(vintage.path)
        note = json.loads(table.schema.metadata[_KEY])
        return Incidents(
            frame=_with_every_column(table.to_pandas()),
            coverage=coverage_table(tuple(row) for row in note["coverage"]),
            source=note["source"],
            releases=(note["release"],) if note["release"] != "unnamed" else (),
            types=tuple(note["types"]),
            groups=tuple(note["groups"]),
            month_rule=note["month_rule"],
            repairs=tuple(Repair(**{**r, "rows": tuple(r["rows"])}) for r in note["repairs"]),
        )

    def as_of(self, day: date) -> Incidents:
        """What was known on a day: of every release the vintage of that day, combined.

        A vintage speaks for its own countries and months only; what an earlier one of the same release says of others
        holds on. Annual releases beat candidates by id; an event that a stronger release dropped is gone from then on,
        and still there in what was known before.

        Raises
        ------
        OriginError
            Nothing was known yet.
        """
        known: dict[tuple[str, str], list[Incidents]] = {}
        for vintage in self.vintages():
            if vintage.as_of <= day:
                known.setdefault((vintage.source, vintage.release), []).append(self.load(vintage))
        if not known:
            raise OriginError(
                f"the store knows nothing as of {day}.",
                where=str(self.root),
                remedy="Add a release, or ask for later.",
            )
        return combine([_newest(vintages) for vintages in known.values()])

    def _write(self, incidents: Incidents, release: str, as_of: date, digest: str) -> Path:
        import pyarrow as pa
        import pyarrow.parquet as pq

        note = {
            "source": incidents.source,
            "release": release,
            "as_of": as_of.isoformat(),
            "sha256": digest,
            "rows": len(incidents),
            "coverage": [(c, str(a), str(b)) for c, a, b in coverage_rows(incidents.coverage)],
            "types": incidents.types,
            "groups": incidents.groups,
            "month_rule": incidents.month_rule,
            "repairs": [asdict(r) for r in incidents.repairs],
        }
        table = pa.Table.from_pandas(incidents.frame, preserve_index=False)
        table = table.replace_schema_metadata(
            {**(table.schema.metadata or {}), _KEY: json.dumps(note).encode()}
        )
        self.root.mkdir(parents=True, exist_ok=True)
        kind = "".join(c if c.isalnum() else "-" for c in incidents.source.lower())
        label = "".join(c if c.isalnum() or c == "." else "-" for c in release)
        path = self.root / f"{kind}_{label}_{as_of:%Y%m%d}_{digest[:12]}.parquet"
        handle, aside = tempfile.mkstemp(dir=self.root, suffix=".part")
        os.close(handle)
        pq.write_table(table, aside)
        os.replace(aside, path)
        return path


def _with_every_column(frame: pd.DataFrame) -> pd.DataFrame:
    """The incidents of an older store with the columns that have come since, empty."""
    empty = empty_incidents(len(frame))
    return frame.assign(**{str(name): empty[name].to_numpy() for name in empty if name not in frame})


def _overlap(a: pd.DataFrame, b: pd.DataFrame) -> bool:
    """Whether two coverages speak of one country in one month."""
    return any(
        (c == d or ANYWHERE in (c, d)) and first <= stop and start <= last
        for c, first, last in coverage_rows(a)
        for d, start, stop in coverage_rows(b)
    )


def _newest(vintages: Sequence[Incidents]) -> Incidents:
    """One release from its vintages, the oldest first: of each country and month the newest that covers it."""
    newest = vintages[-1]
    frames, coverage = [newest.frame], newest.coverage
    for older in reversed(vintages[:-1]):
        frame = older.frame
        month = frame["date_end"].dt.year * 12 + frame["date_end"].dt.month - 1
        spoken = frame["incident_id"].isin(pd.concat(frames)["incident_id"])
        for code, first, last in coverage_rows(coverage):
            inside = month.between(first.year * 12 + first.month - 1, last.year * 12 + last.month - 1)
            spoken |= inside if code == ANYWHERE else inside & (frame["country"] == code)
        if not _within(older.coverage, coverage):
            frames.append(frame[~spoken])
            coverage = pd.concat([coverage, older.coverage], ignore_index=True).drop_duplicates()
    if len(frames) == 1:
        return newest
    coverage = coverage.sort_values(["country", "first", "last"], ignore_index=True)
    return replace(newest, frame=pd.concat(frames[::-1], ignore_index=True), coverage=coverage)


def _within(a: pd.DataFrame, b: pd.DataFrame) -> bool:
    """Whether each row of one coverage lies inside a row of another."""
    return all(
        any(d in (c, ANYWHERE) and start <= first and last <= stop for d, start, stop in coverage_rows(b))
        for c, first, last in coverage_rows(a)
    )


def _read_note(path: Path) -> Vintage:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        note = json.loads((pq.read_schema(path).metadata or {})[_KEY])
    except (pa.ArrowInvalid, OSError, KeyError, ValueError):
        raise SourceError(
            "this is not a readable vintage.",
            where=str(path),
            remedy="Move the file out of the store, add it again.",
        ) from None
    return Vintage(
        note["source"], note["release"], date.fromisoformat(note["as_of"]), note["sha256"], note["rows"], path
    )


def content_hash(incidents: Incidents) -> str:
    """SHA-256 of what a release says, whatever the order of its rows."""
    frame = incidents.frame.drop(columns=["row", "office"], errors="ignore").sort_values(
        ["incident_id", "date_end"], kind="stable"
    )
    h = hashlib.sha256()
    for name in frame:
        hashes = pd.util.hash_array(frame[name].to_numpy(dtype=object), categorize=True)
        h.update(str(name).encode())
        h.update(np.ascontiguousarray(hashes).tobytes())
    h.update(str(coverage_rows(incidents.coverage)).encode())
    return h.hexdigest()


def panel_as_of(store: VintageStore, day: date, regions: Regions, **rules: Any) -> Panel:
    """The panel that could have been built on a day; ``rules`` as in :func:`harmattan.data.panel.build.build_panel`."""
    from ..panel import build_panel

    return build_panel(store.as_of(day), regions, **rules).panel


def diff_panels(
    before: Panel, now: Panel, measures: Sequence[str] = ("events", "deaths_best")
) -> pd.DataFrame:
    """What a revision changed, by region and month.

    Parameters
    ----------
    before, now : Panel
        Two builds; months and regions that only one has are left out.
    measures : sequence of str
        What to compare.

    Returns
    -------
    pandas.DataFrame
        ``month, region_id, measure, before, now, change``, only where something changed; a month that was observed in
        one build only has a missing value in the other.
    """
    months = before.months.intersection(now.months)
    regions = [r for r in before.region_ids if r in set(now.region_ids)]
    tables = []
    for measure in (m for m in measures if m in before.measures and m in now.measures):
        values = []
        for panel in (before, now):
            rows = panel.months.get_indexer(months)
            at = np.array([panel.region_ids.index(r) for r in regions], dtype=np.int64)
            values.append(panel.measure(measure)[np.ix_(rows, at)].astype(float))
        a, b = values
        differs = np.argwhere((a != b) & ~(np.isnan(a) & np.isnan(b)))
        tables.append(
            pd.DataFrame(
                {
                    "month": months.astype(str).to_numpy()[differs[:, 0]],
                    "region_id": np.asarray(regions, dtype=object)[differs[:, 1]],
                    "measure": measure,
                    "before": a[differs[:, 0], differs[:, 1]],
                    "now": b[differs[:, 0], differs[:, 1]],
                }
            )
        )
    table = pd.concat(tables, ignore_index=True)
    return table.assign(change=table["now"] - table["before"])


def diff_incidents(before: Incidents, now: Incidents) -> pd.DataFrame:
    """Incidents that were added, removed or changed, by id.

    Returns
    -------
    pandas.DataFrame
        ``incident_id, country, month, change`` with ``change`` one of ``added, removed, changed``.
    """
    content = ["date_start", "date_end", "latitude", "longitude", "violence_type", "deaths_best", "excluded"]
    a = before.frame.drop_duplicates("incident_id").set_index("incident_id")
    b = now.frame.drop_duplicates("incident_id").set_index("incident_id")
    both = a.index.intersection(b.index)
    left, right = a.loc[both, content], b.loc[both, content]
    same = ((left == right) | (left.isna() & right.isna())).all(axis=1)
    parts = [
        b.loc[b.index.difference(a.index)].assign(change="added"),
        a.loc[a.index.difference(b.index)].assign(change="removed"),
        b.loc[both[~same.to_numpy()]].assign(change="changed"),
    ]
    table = pd.concat(parts).reset_index()
    table["month"] = table["date_end"].dt.strftime("%Y-%m")
    return table[["incident_id", "country", "month", "change"]].sort_values(
        ["country", "month", "incident_id"], ignore_index=True
    )
