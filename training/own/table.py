"""Forecasts that somebody else made, as a table: read from three layouts, checked, and a member of the pool."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from ...data import month_of
from ...data.errors import ModelError, SchemaError, UsageError, nearest
from ..margins import Margins, empirical
from ..models import Problem
from .layouts import read_layout
from .quantiles import from_probabilities, from_quantiles

_STORED = {
    **dict.fromkeys(("model", "target", "region_id", "kind"), "str"),
    "at": "float64",
    "value": "float64",
}


@dataclass(frozen=True)
class ForecastTable:
    """Forecasts of one or more models, one row per number.

    Attributes
    ----------
    rows : pandas.DataFrame
        ``model, target, origin`` (Period[M]), ``horizon, region_id, kind`` (quantile, sample or cdf), ``at`` (level,
        draw or count) and ``value``.
    where : str
        The file, for errors.
    """

    rows: pd.DataFrame
    where: str = "table"

    @classmethod
    def read(
        cls,
        table: str | Path | pd.DataFrame | Any,
        target: str | None = None,
        origin: str | pd.Period | None = None,
    ) -> ForecastTable:
        """A table of forecasts in one of three layouts.

        Parameters
        ----------
        table : path or table
            Parquet or CSV. *hubverse*: ``origin_date, target, horizon`` (or ``target_end_date``), ``location,
            output_type, output_type_id, value``; *VIEWS*: ``month_id``, a unit, ``draw, outcome``; *tidy*: ``unique_id,
            ds, cutoff``, a model's column with ``lo-80, hi-80`` and so on. ``model_id`` or ``model`` names the model.
        target : str, optional
            What is forecast, where the table does not say; which of its targets, where it has several.
        origin : str or Period, optional
            The last month seen, where the table does not say.

        Raises
        ------
        SchemaError
            A column is missing, a value is no number >= 0, quantiles cross, a row stands twice, a month that is
            forecast is not after its origin: names the row.
        UsageError
            The target or the origin has to be named.
        """
        where = str(table) if isinstance(table, str | Path) else "table"
        return cls(read_layout(table, target, where, origin), where)

    @property
    def target(self) -> str:
        """What is forecast."""
        return str(self.rows["target"].iloc[0])

    @property
    def models(self) -> tuple[str, ...]:
        """The models, in order."""
        return tuple(dict.fromkeys(self.rows["model"]))

    @property
    def origins(self) -> tuple[pd.Period, ...]:
        """The origins, in order."""
        return tuple(sorted(self.rows["origin"].unique()))

    @property
    def horizons(self) -> tuple[int, ...]:
        """Months ahead, in order."""
        return tuple(sorted(int(h) for h in self.rows["horizon"].unique()))

    @property
    def region_ids(self) -> tuple[str, ...]:
        """The regions, in order."""
        return tuple(sorted(self.rows["region_id"].unique()))

    @property
    def keys(self) -> frozenset[tuple[pd.Period, int]]:
        """Every origin and horizon that there is."""
        return frozenset(self._by)

    def of_model(self, name: str) -> ForecastTable:
        """The forecasts of one model."""
        if name not in self.models:
            raise UsageError(f"there is no model '{name}'.", self.where, nearest(name, self.models))
        return replace(self, rows=self.rows[self.rows["model"] == name])

    @cached_property
    def _by(self) -> dict[tuple[pd.Period, int], pd.DataFrame]:
        keys = ["origin", "horizon"]
        grouped: Any = self.rows.groupby(keys, observed=True)
        return {(o, int(h)): part for (o, h), part in grouped}

    def margins(
        self, origin: pd.Period, horizon: int, regions: Sequence[str], needed: Sequence[str] | None = None
    ) -> Margins | None:
        """The distributions from one origin, (regions,); None where there are none.

        Parameters
        ----------
        origin : pandas.Period
        horizon : int
            Months ahead.
        regions : sequence of str
            In the order of the panel.
        needed : sequence of str, optional
            Regions that have to be there, all where None; of any other that is not, no count is taken to be certain.

        Raises
        ------
        SchemaError
            A needed region has no forecast.
        """
        part = self._by.get((origin, horizon))
        if part is None:
            return None
        there = set(part["region_id"])
        missing = [r for r in (regions if needed is None else needed) if r not in there]
        if missing:
            more = f" and {len(missing) - 1} more regions" if len(missing) > 1 else ""
            what = f"there is no forecast for {missing[0]}{more} from {origin}, {horizon} months ahead."
            raise SchemaError(what, self.where, "Give every region, or leave that origin out.")
        kind = str(part["kind"].iloc[0])
        wide = part.pivot_table(index="region_id", columns="at", values="value").reindex(list(regions))
        at, values = wide.columns.to_numpy(float), wide.to_numpy(float)
        values = np.where(np.isnan(values).all(axis=1)[:, None], 1.0 if kind == "cdf" else 0.0, values)
        if np.isnan(values).any():
            row = int(np.isnan(values).any(axis=1).argmax())
            what = f"{regions[row]} has not the same {kind}s as the others from {origin}, {horizon} months ahead."
            raise SchemaError(what, self.where, "Give the same for every region.")
        if kind == "sample":
            return empirical(np.round(values.T).astype(np.int64))
        return from_quantiles(at, values) if kind == "quantile" else from_probabilities(at, values)

    def to_text(self) -> str:
        """CSV, as :meth:`from_text` reads it."""
        return self.rows.to_csv(index=False, lineterminator="\n", float_format="%.17g")

    @classmethod
    def from_text(cls, text: str) -> ForecastTable:
        """What :meth:`to_text` gave."""
        import io

        rows = pd.read_csv(io.StringIO(text), dtype=_STORED, keep_default_na=False)
        return cls(rows.assign(origin=pd.PeriodIndex(rows["origin"], freq="M")), "the stored table")


class TableMember:
    """Forecasts of somebody else's as a member of the pool: its weight is learned on the origins that it has.

    From an origin that it does not have it is absent, and the other members share its weight.

    Parameters
    ----------
    table : path, table or ForecastTable
        See :meth:`ForecastTable.read`.
    name : str, optional
        What tables call it; the model's name, or that of the file, where None.
    model : str, optional
        Which model of the table, where it holds several.
    target, origin : optional
        What the table does not say; see :meth:`ForecastTable.read`.
    trained_to : str or Period, optional
        The last month that the foreign model has learned from; forecasts from origins before it are refused, because
        it may know what came.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [("MLI-gao", "2023-02-01", "2023-01-01", 2.0, 0.0, 5.0)]
    >>> columns = ["unique_id", "ds", "cutoff", "chronos", "chronos-lo-80", "chronos-hi-80"]
    >>> member = TableMember(pd.DataFrame(rows, columns=columns), target="events")
    >>> member.name, member.table.origins
    ('chronos', (Period('2023-01', 'M'),))
    """

    def __init__(
        self,
        table: Any,
        name: str | None = None,
        model: str | None = None,
        target: str | None = None,
        origin: str | pd.Period | None = None,
        trained_to: str | pd.Period | None = None,
    ) -> None:
        read = table if isinstance(table, ForecastTable) else ForecastTable.read(table, target, origin)
        if model is not None or len(read.models) > 1:
            if model is None:
                what = f"the table holds {', '.join(read.models)}."
                raise UsageError(what, read.where, f"Name one: model='{read.models[0]}'.")
            read = read.of_model(model)
        if trained_to is not None and read.origins[0] < month_of(trained_to):
            what = (
                f"it was trained on months to {month_of(trained_to)}, and forecasts from {read.origins[0]}."
            )
            raise UsageError(
                what, read.where, "Score only origins from that month on: before, it may know what came."
            )
        self.table = read
        plain = re.sub(r"[^a-z0-9]+", "_", (name or read.models[0]).lower()).strip("_")[:40]
        self.name = plain if plain[:1].isalpha() else f"table_{plain}"
        self.needed: tuple[str, ...] | None = None

    def only(self, regions: Sequence[str]) -> TableMember:
        """The same for scoring on some regions alone: others need no forecast."""
        made = TableMember(self.table, self.name)
        made.needed = tuple(regions)
        return made

    def fit(self, problem: Problem, origin: pd.Period, horizon: int) -> Self:
        """Nothing is learned: only the horizon is kept, and the target compared."""
        if problem.target != self.table.target:
            what = f"the table forecasts {self.table.target}, not {problem.target}."
            raise ModelError(what, remedy="Leave it out for this target.")
        self.horizon_ = horizon
        return self

    def margins(self, problem: Problem, origin: pd.Period) -> Margins | None:
        """The table's distributions from this origin, (regions,); None where it has none."""
        return self.table.margins(origin, self.horizon_, problem.panel.region_ids, self.needed)

    def to_files(self) -> dict[str, str]:
        """The table as CSV, and what is kept beside it."""
        return {
            "table.csv": self.table.to_text(),
            "about.json": json.dumps({"name": self.name, "horizon": self.horizon_}) + "\n",
        }

    @classmethod
    def from_files(cls, files: Mapping[str, str]) -> TableMember:
        """What :meth:`to_files` gave."""
        about = json.loads(files["about.json"])
        made = cls(ForecastTable.from_text(files["table.csv"]), about["name"])
        made.horizon_ = int(about["horizon"])
        return made
