"""Incidents: one row per event, or per monthly aggregate, whatever source they came from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from ..errors import SchemaError, UsageError
from ..show import Brief

#: Any country: the row of a coverage table that speaks for all that have none of their own.
ANYWHERE = "*"
#: How the source of anybody's own table begins.
OWN = "own table "


@dataclass(frozen=True)
class Repair:
    """A documented, counted change that a reader made to what it read.

    Attributes
    ----------
    name : str
        Short name, such as ``deaths_bounds_widened``.
    count : int
        Rows (or cells) that were changed.
    message : str
        What was changed, in a sentence.
    where : str
        File.
    rows : tuple of int
        The first rows concerned; the header is row 1.
    """

    name: str
    count: int
    message: str
    where: str = ""
    rows: tuple[int, ...] = ()


def repairs_frame(repairs: Iterable[Repair]) -> pd.DataFrame:
    """Repairs as a table: ``name, count, message, where, rows``."""
    return pd.DataFrame(
        [(r.name, r.count, r.message, r.where, " ".join(map(str, r.rows))) for r in repairs],
        columns=["name", "count", "message", "where", "rows"],
    )


@dataclass(frozen=True, repr=False)
class Incidents(Brief):
    """What a source said, in one set of columns, with nothing left out.

    Attributes
    ----------
    frame : pandas.DataFrame
        The columns of :data:`harmattan.data.schemas.INCIDENT_COLUMNS`; ``excluded`` holds the reason why a
        row is not to be counted, or an empty text.
    coverage : pandas.DataFrame
        ``country, first, last`` (months, Period[M]): what the source claims to have seen in full. ``*``
        stands for every country without rows of its own; a country may have several rows.
    types, groups : tuple of str
        Violence types and armed groups the source distinguishes; ``groups`` is empty where it names no
        actors.
    month_rule : str or None
        The month rule that aggregates were made by; None for single events.
    repairs : tuple of Repair
        Counted changes made while reading.
    """

    frame: pd.DataFrame
    coverage: pd.DataFrame
    source: str
    releases: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    month_rule: str | None = None
    repairs: tuple[Repair, ...] = field(default=())

    def __len__(self) -> int:
        """Rows, counted or excluded."""
        return len(self.frame)

    @property
    def last_month(self) -> pd.Period | None:
        """The last month that any country's coverage reaches."""
        return None if self.coverage.empty else max(self.coverage["last"])

    def covers(self, countries: Iterable[str]) -> tuple[str, ...]:
        """Which of some countries (ISO3) the source speaks for; a release of the world speaks for all."""
        named = set(self.coverage["country"])
        return tuple(sorted({c for c in countries if c in named or ANYWHERE in named}))


def coverage_table(rows: Iterable[tuple[str, object, object]]) -> pd.DataFrame:
    """A coverage table from ``(country, first, last)`` with months in any form that pandas reads.

    >>> coverage_table([("*", "2023-10", "2023-10")]).iloc[0].tolist()
    ['*', Period('2023-10', 'M'), Period('2023-10', 'M')]
    """
    table = pd.DataFrame(list(rows), columns=["country", "first", "last"])
    for column in ("first", "last"):
        table[column] = pd.PeriodIndex([pd.Period(m, freq="M") for m in table[column]], freq="M")
    return table


def coverage_rows(table: pd.DataFrame) -> list[tuple[str, pd.Period, pd.Period]]:
    """``(country, first, last)`` of each row of a coverage table."""
    return list(zip(table["country"].tolist(), table["first"].tolist(), table["last"].tolist(), strict=True))


def release_rank(release: str) -> tuple[int, ...]:
    """What beats what when two releases hold the same event: annual over candidate, then the later one.

    Annual releases are called ``24.1``, monthly candidates ``24.0.9``, consolidated candidates
    ``24.01.24.09``.

    >>> release_rank("24.1") > release_rank("24.01.24.09") > release_rank("24.0.9") > release_rank("23.0.12")
    True
    >>> release_rank("23.1") > release_rank("25.0.1") > release_rank("")
    True
    """
    parts = [int(p) for p in release.split(".") if p.isdigit()]
    if len(parts) == 2:
        return (1, parts[0], parts[1], 0)
    if len(parts) == 3:
        return (0, parts[0], parts[2], 0)
    return (0, parts[2], parts[3], 1) if len(parts) == 4 else (0,)


def combine(sources: Sequence[Incidents]) -> Incidents:
    """Several releases of one source as one, the same whatever their order.

    An ``incident_id`` that stands in several keeps its row of the strongest release (annual over candidate,
    then the later one); the other rows stay, marked ``superseded``. An event in a month that a stronger
    release covers, but which the stronger release does not hold, is marked ``deleted``.

    Parameters
    ----------
    sources : sequence of Incidents
        At least one, all of the same kind (events, or aggregates made by the same month rule).

    Returns
    -------
    Incidents

    Raises
    ------
    UsageError
        No source, or sources of different kinds.
    """
    if not sources:
        raise UsageError("no source was given.", remedy="Name at least one, such as ucdp:FILE.")
    if len(sources) == 1:
        return sources[0]
    kinds = {_kind(s) for s in sources}
    if len(kinds) > 1:
        raise UsageError(
            "sources of different kinds cannot be added up: "
            + ", ".join(sorted({s.source for s in sources}))
            + ".",
            remedy="Build a panel from each; they do not count the same things.",
        )
    unnamed = [s for s in sources if not s.releases and not _is_own(s)]
    if unnamed and len(unnamed) < len(sources):
        raise UsageError(
            f"the release of one of the files of {unnamed[0].source} is not known from its name, and so not which one "
            "replaces the events of which.",
            where="sources",
            remedy="Call the files as their source does, such as ged241.csv and GEDEvent_v24_0_1.csv.",
        )
    ordered = sorted(sources, key=lambda s: (_rank(s), s.releases))
    frame = pd.concat([s.frame for s in ordered], ignore_index=True)
    strength = np.repeat(np.arange(len(ordered)), [len(s) for s in ordered])
    _refuse_contradictions(frame, np.repeat([str(_rank(s)) for s in ordered], [len(s) for s in ordered]))
    gone = _left_out(frame, strength, ordered)
    first = (frame["excluded"] != "duplicate").astype(int)
    frame = frame.assign(_strength=strength, _first=first)
    frame = frame.sort_values(["incident_id", "_strength", "_first"], kind="stable")
    again = frame.duplicated("incident_id", keep="last")
    frame["excluded"] = frame["excluded"].mask(again & (frame["excluded"] == ""), "superseded")
    frame["excluded"] = frame["excluded"].mask(gone.loc[frame.index] & (frame["excluded"] == ""), "deleted")
    frame = frame.sort_values(["incident_id", "_strength", "row"], kind="stable").drop(
        columns=["_strength", "_first"]
    )
    coverage = pd.concat([s.coverage for s in ordered], ignore_index=True).drop_duplicates()
    return replace(
        ordered[-1],
        source=_source_of(ordered),
        types=tuple(sorted({t for s in ordered for t in s.types}))
        if _is_own(ordered[0])
        else ordered[0].types,
        frame=frame.reset_index(drop=True),
        coverage=coverage.sort_values(["country", "first", "last"]).reset_index(drop=True),
        releases=tuple(sorted({r for s in ordered for r in s.releases})),
        repairs=tuple(r for s in ordered for r in s.repairs),
    )


def _is_own(source: Incidents) -> bool:
    return source.source.startswith(OWN)


def _kind(source: Incidents) -> tuple[object, ...]:
    """What has to be alike in sources that are added up; own tables are, whatever they are called."""
    if _is_own(source):
        return OWN, bool(source.types), source.groups, source.month_rule
    return source.source, source.types, source.groups, source.month_rule


def _source_of(sources: Sequence[Incidents]) -> str:
    names = list(dict.fromkeys(s.source for s in sources))
    return names[0] if len(names) == 1 else OWN + ", ".join(sorted(n.removeprefix(OWN) for n in names))


def _rank(source: Incidents) -> tuple[int, ...]:
    """How strong a source is; those of the same strength neither replace nor delete each other's events."""
    return max(map(release_rank, source.releases), default=())


def _refuse_contradictions(frame: pd.DataFrame, rank: np.ndarray) -> None:
    """An id that two files of the same strength fill with different things: nobody can tell which one holds."""
    content = ["date_start", "date_end", "latitude", "longitude", "region_id", "violence_type", "deaths_best"]
    keyed = frame[["incident_id", *content]].assign(rank=rank)
    distinct = keyed.drop_duplicates()
    twice = distinct.duplicated(["incident_id", "rank"])
    if twice.any():
        name = distinct.loc[twice, "incident_id"].iloc[0]
        raise SchemaError(
            f"the id '{name}' stands for different content in two files ({int(twice.sum())} such ids).",
            where="sources",
            remedy="Give ids that no other file has, leave the column out, or give the newer file only.",
        )


def _left_out(frame: pd.DataFrame, strength: np.ndarray, sources: Sequence[Incidents]) -> pd.Series:
    """Rows of weaker releases, in months a stronger one covers, whose id the stronger one lacks."""
    gone = np.zeros(len(frame), dtype=bool)
    month = frame["date_end"].dt.year.to_numpy() * 12 + frame["date_end"].dt.month.to_numpy() - 1
    country = frame["country"].to_numpy()
    for at, stronger in enumerate(sources):
        weaker = strength < sum(_rank(s) < _rank(stronger) for s in sources[:at])
        if not weaker.any():
            continue
        absent = weaker & ~frame["incident_id"].isin(stronger.frame["incident_id"]).to_numpy()
        for code, first, last in coverage_rows(stronger.coverage):
            here = (month >= first.year * 12 + first.month - 1) & (month <= last.year * 12 + last.month - 1)
            gone |= absent & here & ((code == ANYWHERE) | (country == code))
    return pd.Series(gone, index=frame.index)


def repeated_rows(frame: pd.DataFrame, where: str, content: Sequence[str]) -> pd.Series:
    """Rows that repeat an earlier row; a :class:`SchemaError` where an id has other content there."""
    again = frame.duplicated("incident_id", keep="first")
    if not again.any():
        return again
    same = frame.duplicated(["incident_id", *content], keep="first")
    differ = frame[again & ~same]
    if len(differ):
        first = differ.iloc[0]
        failures = pd.DataFrame(
            {
                "row": differ["row"].to_numpy(),
                "column": "incident_id",
                "value": differ["incident_id"].astype(str).to_numpy(),
                "rule": "duplicate_id_other_content",
            }
        )
        raise SchemaError(
            f"the id '{first['incident_id']}' stands for different content in more than one row "
            f"({len(differ)} in all).",
            where=f"{where}, row {first['row']}",
            remedy="Keep one row per id; two releases go into two files.",
            failures=failures,
        )
    return again
