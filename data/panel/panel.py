"""The panel: months x regions x measures, dense, with a mask of what was observed."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import OriginError, RegionError, SchemaError, SourceError, listed, nearest
from ..frames import read_only
from ..geography import checked_links
from ..months import month_of
from .cells import CELLS, CellCounts
from .covariates import join_covariates, with_covariates_of
from .table import arrays_of, left_aside

#: What each forecast target is called in a panel.
TARGETS = {"events": "events", "deaths": "deaths_best"}


@dataclass(frozen=True)
class Panel:
    """Monthly measures by region.

    Attributes
    ----------
    months : pandas.PeriodIndex
        Consecutive months, frequency ``M``.
    region_ids, names, countries : tuple of str
        Per region: id (``MLI-mopti``), name (``Mopti``), country (ISO3).
    measures : mapping of str to numpy.ndarray
        float32, shape (months, regions), >= 0; NaN where not observed. float64 where a count
        exceeds 2^24.
    observed : numpy.ndarray
        bool, shape (months, regions). A month before coverage begins or after it ends is missing, never zero.
    links : pandas.DataFrame or None
        ``region_a, region_b, border_km, crosses_border``, each pair once; None where neighbours are unknown.
    source : str
        What the numbers were computed from, for people.
    cells : CellCounts or None
        Where inside the regions the counts lie; None where that is not known.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"month": ["2023-01", "2023-02"], "region_id": "MLI-gao", "events": [3, 0]})
    >>> panel = Panel.from_frame(frame)
    >>> panel.measure("events").ravel().tolist()
    [3.0, 0.0]
    """

    months: pd.PeriodIndex
    region_ids: tuple[str, ...]
    names: tuple[str, ...]
    countries: tuple[str, ...]
    measures: Mapping[str, np.ndarray]
    observed: np.ndarray
    links: pd.DataFrame | None = None
    source: str = ""
    attrs: Mapping[str, Any] = field(default_factory=dict)
    cells: CellCounts | None = None

    def __post_init__(self) -> None:
        """Hand out arrays that cannot be written to."""
        object.__setattr__(self, "measures", {k: read_only(v) for k, v in self.measures.items()})
        object.__setattr__(self, "observed", read_only(self.observed))

    def __repr__(self) -> str:
        """What it holds, in one line."""
        months, regions = self.shape
        span, names = f"{self.months[0]} to {self.months[-1]}", list(self.measures)
        return f"Panel({months} months, {span}, {regions} regions: {listed(names, 6)})"

    @property
    def shape(self) -> tuple[int, int]:
        """(months, regions)."""
        return len(self.months), len(self.region_ids)

    @property
    def last_month(self) -> pd.Period:
        """The last month in which any region was observed."""
        last: pd.Period = self.months[int(np.flatnonzero(self.observed.any(axis=1))[-1])]
        return last

    @property
    def gaps(self) -> str:
        """Months not observed between observed ones, as ``2025-01 to 2025-04, 2026-03 in MLI``; empty for none."""
        before = np.maximum.accumulate(self.observed, axis=0)
        after = np.maximum.accumulate(self.observed[::-1], axis=0)[::-1]
        missing = ~self.observed & before & after
        countries = np.asarray(self.countries, dtype=object)
        spans: list[tuple[int, int, str]] = []
        for at in np.flatnonzero(missing.any(axis=1)).tolist():
            whole = missing[at].all() or not self.observed[at].any()
            where = "" if whole else f" in {listed(sorted(set(countries[missing[at]])))}"
            first = spans.pop()[0] if spans and spans[-1][1:] == (at - 1, where) else at
            spans.append((first, at, where))
        found = [
            f"{self.months[a]}{f' to {self.months[b]}' if b > a else ''}{where}" for a, b, where in spans
        ]
        return listed(found, 12)

    @property
    def main(self) -> str:
        """The measure that a panel is about: its events, or the first of its counts where it has none."""
        return "events" if "events" in self.measures else next(iter(self.measures))

    def measure(self, name: str, fill: float | None = None) -> np.ndarray:
        """One measure, float32 or float64 (months, regions); NaN where not observed, or ``fill``."""
        if name not in self.measures:
            what = f"no measure '{name}' in this panel.{self.aside(name)}"
            raise SchemaError(what, remedy=nearest(name, self.measures))
        values = self.measures[name]
        return values if fill is None else np.where(self.observed, values, values.dtype.type(fill))

    def aside(self, name: str) -> str:
        """A sentence, after a space, that says why a column of the table is no measure; empty where it was none."""
        return f" {left_aside(name)}" if name in self.attrs.get("unused_columns", ()) else ""

    def target(self, target: str) -> np.ndarray:
        """The measure behind a forecast target (``events`` or ``deaths``)."""
        return self.measure(TARGETS.get(target, target))

    def position(self, month: pd.Period | str) -> int:
        """Row of a month; an :class:`OriginError` where the panel does not have it."""
        period = month_of(month)
        if not self.months[0] <= period <= self.months[-1]:
            raise OriginError(
                f"{period} is outside the data, which run from {self.months[0]} to {self.months[-1]}.",
                remedy="Choose a month inside, or bring newer data.",
            )
        return int(period.ordinal - self.months[0].ordinal)

    def until(self, month: pd.Period | str) -> Panel:
        """The panel as it stood with ``month`` as its last."""
        stop = self.position(month) + 1
        return replace(
            self.take(months=slice(stop)), cells=None if self.cells is None else self.cells.until(stop)
        )

    def take(self, months: slice = slice(None), regions: slice | np.ndarray = slice(None)) -> Panel:
        """Some rows and columns, links as they are, without cells; nothing is copied where regions are a slice."""
        at = np.arange(len(self.region_ids))[regions]
        return replace(
            self,
            months=self.months[months],
            region_ids=tuple(self.region_ids[i] for i in at),
            names=tuple(self.names[i] for i in at),
            countries=tuple(self.countries[i] for i in at),
            measures={k: v[months, regions] for k, v in self.measures.items()},
            observed=self.observed[months, regions],
            cells=None,
        )

    def select(self, countries: Sequence[str] | None = None, regions: Sequence[str] | None = None) -> Panel:
        """The panel of some countries or regions, links between them kept."""
        for name, given in (("countries", countries), ("regions", regions)):
            if isinstance(given, str):
                raise RegionError(f"'{given}' is text, not a list.", name, f'Write ["{given}"].')
        countries = None if countries is None else list(countries)
        regions = None if regions is None else list(regions)
        unknown = set(countries or ()) - set(self.countries) | set(regions or ()) - set(self.region_ids)
        if unknown:
            name = sorted(unknown)[0]
            raise RegionError(
                f"'{name}' is not in this panel.", remedy=nearest(name, {*self.countries, *self.region_ids})
            )
        at = np.flatnonzero(
            [
                (countries is None or c in countries) and (regions is None or r in regions)
                for r, c in zip(self.region_ids, self.countries, strict=True)
            ]
        )
        if not len(at):
            raise RegionError(
                "no region is selected.", "select", "Name countries, or regions that lie in them."
            )
        part = self.take(regions=at)
        links = self.links
        if links is not None:
            inside = links.region_a.isin(part.region_ids) & links.region_b.isin(part.region_ids)
            links = links[inside].reset_index(drop=True)
        return replace(part, links=links, cells=None if self.cells is None else self.cells.select(at))

    def with_covariates(
        self,
        table: pd.DataFrame | Any,
        lag: int | Mapping[str, int],
        carry: Collection[str] | bool = (),
        where: str = "covariates",
    ) -> Panel:
        """The panel with measures that are no counts, such as rain, which recipes use like any other.

        Unknown months are missing, never zero. What is published late is never read early: a recipe that looks at a
        month nearer than the lag is refused.

        Parameters
        ----------
        table : pandas.DataFrame, or a table of polars or Arrow
            ``month``, ``region_id`` (or ``country``), and a column for each covariate, numbers >= 0.
        lag : int or mapping of str to int
            After how many months a value is published, of all columns or by column.
        carry : collection of str or bool
            Covariates whose last value stands for newer months; True for all.
        where : str
            The file to name in errors.

        Raises
        ------
        SchemaError, RegionError, UsageError
            A value that is no number >= 0, a gap, a row given twice, an unknown region, a column without a lag.

        Examples
        --------
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"month": ["2023-01", "2023-02"], "region_id": "MLI-gao", "events": [3, 0]})
        >>> rain = pd.DataFrame({"month": ["2023-01"], "country": ["MLI"], "rain": [12.5]})
        >>> panel = Panel.from_frame(frame).with_covariates(rain, lag={"rain": 1})
        >>> panel.measure("rain").ravel().tolist()
        [12.5, nan]
        """
        return join_covariates(self, table, lag, carry, where)

    def digest(self) -> str:
        """SHA-256 of everything a number can depend on: months, regions, links, mask, measures, cells."""
        h = hashlib.sha256()
        ids, countries = (json.dumps([str(x) for x in part]) for part in (self.region_ids, self.countries))
        h.update(f"{self.months[0]}|{self.months[-1]}|{ids}|{countries}".encode())
        if self.links is not None:
            h.update(self.links.to_csv(index=False, float_format="%.3f", lineterminator="\n").encode())
        h.update(np.packbits(self.observed).tobytes())
        for name in sorted(self.measures):
            h.update(name.encode())
            values = self.measure(name, fill=0)
            h.update(np.ascontiguousarray(values, dtype=f"<f{values.dtype.itemsize}").tobytes())
        if self.cells is not None and len(self.cells.cell):
            for part in (self.cells.month, self.cells.region, self.cells.cell):
                h.update(np.ascontiguousarray(part, dtype="<i8").tobytes())
            for name in sorted(self.cells.measures):
                h.update(np.ascontiguousarray(self.cells.measures[name], dtype="<f4").tobytes())
        return h.hexdigest()

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from ..show import card

        months, regions = self.shape
        facts = {
            "source": self.source,
            "measures": ", ".join(self.measures),
            "observed": f"{self.observed.mean():.1%} of all months and regions",
            "links": "none" if self.links is None else len(self.links),
        }
        title = f"Panel: {months} months ({self.months[0]} to {self.months[-1]}), {regions} regions"
        return card(title, facts, self._overview())

    def _overview(self) -> pd.DataFrame:
        """The main measure by country: of all months and of the last twelve, the largest first."""
        main = self.main
        events, countries = self.measure(main, fill=0), np.array(self.countries)
        rows = [
            (c, int(here.sum()), events[:, here].sum(), events[-12:, here].sum())
            for c, here in ((c, countries == c) for c in sorted(set(self.countries)))
        ]
        table = pd.DataFrame(rows, columns=["country", "regions", main, f"{main}, last 12 months"])
        return table.sort_values(main, ascending=False, kind="stable", ignore_index=True)

    def to_frame(self, cells: bool = False) -> pd.DataFrame:
        """Long table: ``month, region_id, name, country, observed`` and every measure.

        With ``cells`` a column more says in JSON where inside the region the events lie, where that is known: a model
        that is served reads it.
        """
        n_months, n_regions = self.shape
        frame = pd.DataFrame(
            {
                "month": np.repeat(self.months.astype(str), n_regions),
                "region_id": np.tile(self.region_ids, n_months),
                "name": np.tile(self.names, n_months),
                "country": np.tile(self.countries, n_months),
                "observed": self.observed.ravel(),
            }
        )
        for name, values in self.measures.items():
            frame[name] = values.ravel()
        if cells and self.cells is not None and len(self.cells.cell):
            frame[CELLS] = self.cells.to_texts(self.shape)
        return frame

    def write_parquet(self, path: str | Path) -> None:
        """Write the panel to one parquet file; links, cells, source and notes go into the file's own metadata."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.Table.from_pandas(self.to_frame(), preserve_index=False)
        notes = {
            "source": self.source,
            "attrs": dict(self.attrs),
            "links": None if self.links is None else self.links.to_csv(index=False, lineterminator="\n"),
            "cells": None if self.cells is None else self.cells.to_notes(),
        }
        pq.write_table(table.replace_schema_metadata({"harmattan": json.dumps(notes)}), path)

    @classmethod
    def read_parquet(cls, path: str | Path) -> Panel:
        """The panel that :meth:`write_parquet` wrote; a plain long table in parquet is read as well.

        Raises
        ------
        SourceError
            The file is missing or damaged.
        SchemaError
            Its columns or values are not those of a panel.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not Path(path).is_file():
            raise SourceError("the file does not exist.", where=str(path), remedy="Check the path.")
        try:
            table = pq.read_table(path)
        except (pa.ArrowInvalid, OSError):
            raise SourceError(
                "this is not a readable parquet file.", where=str(path), remedy="Build the panel again."
            ) from None
        metadata = (table.schema.metadata or {}).get(b"harmattan")
        notes = json.loads(metadata) if metadata else {}
        links = (
            pd.read_csv(io.StringIO(notes["links"]), dtype=str, keep_default_na=False)
            if notes.get("links")
            else None
        )
        source = notes.get("source", f"own table {Path(path).name}")
        panel = cls.from_frame(table, links, source, str(path), fractions=bool(metadata))
        if notes.get("attrs"):
            panel = with_covariates_of(panel, table.to_pandas(), notes["attrs"])
        cells = notes.get("cells")
        return panel if cells is None else replace(panel, cells=CellCounts.from_notes(cells))

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame | Any,
        links: pd.DataFrame | None = None,
        source: str = "a frame",
        where: str = "panel",
        *,
        fractions: bool = False,
        decimal_comma: bool = False,
    ) -> Panel:
        """A panel from a long table: ``month, region_id, events[, deaths ...][, name, country, observed]``.

        Any count is a measure; columns of text, places or negative numbers are left aside and named in
        ``attrs["unused_columns"]``.

        Parameters
        ----------
        frame : pandas.DataFrame, or a table of polars or Arrow
            One row per month and region; a row that is not there was not observed. Where ``country`` is
            absent, the part of ``region_id`` before the first hyphen is taken; where ``region_id`` is absent,
            it is made of ``country`` and ``name``.
        links : pandas.DataFrame, optional
            ``region_a, region_b, border_km, crosses_border``.
        source, where : str
            What the numbers come from, and the file to name in errors.
        fractions : bool
            Counts of events and deaths may be fractions, as where months are spread by days; else they are whole.
        decimal_comma : bool
            Texts write 1,5 for one and a half.

        Raises
        ------
        SchemaError
            A column is missing, a month or value cannot be read, a count is negative, or a row is given
            twice.
        RegionError
            A link names a region that is not in the table.
        """
        fields = arrays_of(frame, where, fractions=fractions, decimal_comma=decimal_comma)
        if links is not None:
            known = pd.DataFrame({"region_id": fields["region_ids"], "country": fields["countries"]})
            links = checked_links(links, known, f"{where}, links")
        return cls(**fields, links=links, source=source)


def is_written_panel(path: str | Path) -> bool:
    """Whether a file is one that :meth:`Panel.write_parquet` wrote, or what is left of one, whatever it is called."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with Path(path).open("rb") as stream:
            return stream.read(4) == b"PAR1" and b"harmattan" in (pq.read_schema(path).metadata or {})
    except pa.ArrowInvalid:
        return True
    except OSError:
        return False
