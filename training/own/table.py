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
from ...data.frames import pandas_of
from ...data.geography import COUNTRY_ID
from ..margins import Margins, empirical
from ..models import Problem
from .quantiles import from_probabilities, from_quantiles

#: Output types that say how likely counts are; means and medians alone do not.
KINDS = ("quantile", "sample", "cdf")
#: Columns of the one layout that all are read into.
COLUMNS = ["model", "target", "origin", "horizon", "region_id", "kind", "at", "value"]
_STORED = {
    **dict.fromkeys(("model", "target", "region_id", "kind"), "str"),
    "at": "float64",
    "value": "float64",
}
#: How a tidy table names the ends of an interval: ``lo-80``, ``hi-80``, also behind a model's name.
_INTERVAL = re.compile(r"(?:(.+)-)?(lo|hi)-(\d{1,2}(?:\.\d+)?)")


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
        frame = _read(table)
        frame.index = pd.RangeIndex(2, len(frame) + 2, name="row")
        if frame.empty:
            raise SchemaError("there are no rows.", where, "Give the forecasts.")
        name = Path(where).stem if where != "table" else "table"
        if {"output_type", "value"} <= set(frame.columns):
            rows = _hubverse(frame, name, where)
        elif {"draw", "outcome"} <= set(frame.columns):
            rows = _views(frame, name, where, origin)
        elif {"unique_id", "ds"} <= set(frame.columns):
            rows = _tidy(frame, name, where, origin)
        else:
            what = f"this is none of the known layouts: it has {', '.join(map(str, frame.columns[:12]))}."
            raise SchemaError(
                what, where, "Write hubverse, VIEWS or tidy columns; see the page on own forecasts."
            )
        return cls(_checked(_of_target(rows, target, where), where), where)

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


def _read(table: Any) -> pd.DataFrame:
    if not isinstance(table, str | Path):
        return pandas_of(table).copy()
    from ...data.sources import read_table

    path = Path(table)
    if path.suffix == ".parquet" and path.is_file():
        return pd.read_parquet(path)
    return read_table(path).frame.copy()


def _hubverse(frame: pd.DataFrame, name: str, where: str) -> pd.DataFrame:
    """Rows of a hubverse table; means and medians are left aside."""
    _need(frame, ("origin_date", "location", "output_type_id"), where)
    model = next((c for c in ("model_id", "model", "team_model") if c in frame), None)
    kept = frame[frame["output_type"].isin(KINDS)]
    if kept.empty:
        what = f"there are no {', '.join(KINDS)} rows."
        raise SchemaError(what, where, "A mean or a median alone is no distribution.")
    origin = _months(kept["origin_date"], where)
    if "target_end_date" in kept:
        ahead = _months(kept["target_end_date"], where)
        horizon = ahead.asi8 - origin.asi8
        if "horizon" in kept and (horizon != pd.to_numeric(kept["horizon"], errors="coerce")).any():
            row = int(
                kept.index[np.flatnonzero(horizon != pd.to_numeric(kept["horizon"], errors="coerce"))[0]]
            )
            raise SchemaError(
                "horizon and target_end_date disagree.", f"{where}, row {row}", "Correct one of them."
            )
    else:
        _need(frame, ("horizon",), where)
        horizon = pd.to_numeric(kept["horizon"], errors="coerce").to_numpy()
    return pd.DataFrame(
        {
            "model": kept[model].astype(str) if model else name,
            "target": kept["target"].astype(str) if "target" in kept else "",
            "origin": origin,
            "horizon": horizon,
            "region_id": kept["location"].astype(str),
            "kind": kept["output_type"].astype(str),
            "at": _levels(kept["output_type_id"]),
            "value": pd.to_numeric(kept["value"], errors="coerce"),
        },
        index=kept.index,
    )


def _levels(ids: pd.Series) -> np.ndarray:
    """Levels, counts or draws as numbers; names of draws are numbered."""
    numbers = pd.to_numeric(ids, errors="coerce")
    return np.asarray(numbers if numbers.notna().all() else pd.factorize(ids)[0].astype(float))


def _views(frame: pd.DataFrame, name: str, where: str, origin: Any) -> pd.DataFrame:
    """Rows of the layout of the VIEWS challenge."""
    unit = next((c for c in ("region_id", "country_id", "priogrid_gid") if c in frame), None)
    if unit is None:
        raise SchemaError("there is no unit.", where, "Give region_id, country_id or priogrid_gid.")
    _need(frame, ("month_id",), where)
    if origin is None and "origin" not in frame:
        raise UsageError(
            "the layout of VIEWS does not say from when it is.", where, "Name it: origin='2022-10'."
        )
    places = frame[unit].astype(str)
    if unit == "country_id":
        codes = {str(number): iso3 for iso3, number in COUNTRY_ID.items()}
        places = places.map(lambda c: codes.get(c, c))
    known = frame["origin"] if origin is None else pd.Series(origin, index=frame.index)
    start = _months(known, where)
    # Month 1 of VIEWS is January 1980.
    ahead = pd.to_numeric(frame["month_id"], errors="coerce") + pd.Period("1979-12", "M").ordinal
    return pd.DataFrame(
        {
            "model": frame["model"].astype(str) if "model" in frame else name,
            "target": "",
            "origin": start,
            "horizon": ahead.to_numpy() - start.asi8,
            "region_id": places,
            "kind": "sample",
            "at": pd.to_numeric(frame["draw"], errors="coerce"),
            "value": pd.to_numeric(frame["outcome"], errors="coerce"),
        },
        index=frame.index,
    )


def _tidy(frame: pd.DataFrame, name: str, where: str, origin: Any) -> pd.DataFrame:
    """Rows of the tidy layout of forecasting libraries: intervals become quantiles."""
    if "cutoff" not in frame and origin is None:
        raise UsageError(
            "the table does not say from when it is.", where, "Give a column cutoff, or origin=."
        )
    start = _months(frame["cutoff"] if origin is None else pd.Series(origin, index=frame.index), where)
    horizon = _months(frame["ds"], where).asi8 - start.asi8
    parts = []
    for column in frame.columns:
        found = _INTERVAL.fullmatch(str(column))
        if found:
            model, side, width = found.groups()
            half = (1 - float(width) / 100) / 2
            level = half if side == "lo" else 1 - half
        elif f"{column}-lo-80" in frame or f"{column}-lo-90" in frame or str(column) in ("median", "q-0.5"):
            model, level = (None if str(column) in ("median", "q-0.5") else str(column)), 0.5
        else:
            continue
        label = frame["model"].astype(str) if model is None and "model" in frame else model or name
        parts.append(
            pd.DataFrame(
                {
                    "model": label,
                    "target": frame["target"].astype(str) if "target" in frame else "",
                    "origin": start,
                    "horizon": horizon,
                    "region_id": frame["unique_id"].astype(str),
                    "kind": "quantile",
                    "at": round(level, 6),
                    "value": pd.to_numeric(frame[column], errors="coerce"),
                },
                index=frame.index,
            )
        )
    if not parts:
        raise SchemaError("there are no intervals.", where, "Give lo-80 and hi-80, and the like.")
    return pd.concat(parts)


def _of_target(rows: pd.DataFrame, target: str | None, where: str) -> pd.DataFrame:
    known = sorted(set(rows["target"]) - {""})
    if target is None and len(known) != 1:
        what = (
            f"the table holds {', '.join(known)}." if known else "the table does not say what it forecasts."
        )
        raise UsageError(what, where, f"Name it: target='{known[0] if known else 'events'}'.")
    wanted = target or known[0]
    if known and wanted not in known:
        raise UsageError(f"'{wanted}' is not in the table.", where, nearest(wanted, known))
    return rows[rows["target"].isin([wanted, ""])].assign(target=wanted)


def _checked(rows: pd.DataFrame, where: str) -> pd.DataFrame:
    """The rows in order; a :class:`SchemaError` for the first that breaks a rule."""
    value, at = rows["value"], rows["at"]
    quantile, cdf = rows["kind"] == "quantile", rows["kind"] == "cdf"
    rules: dict[str, Any] = {
        "the value is no finite number": ~np.isfinite(value.astype(float)),
        "the value is below zero": value < 0,
        "the horizon is no whole number": rows["horizon"].isna() | (rows["horizon"] % 1 != 0),
        "the month that is forecast is not after the origin: forecast and data overlap": rows["horizon"] < 1,
        "the level of a quantile is not between 0 and 1": quantile & ~((at > 0) & (at < 1)),
        "a cumulative probability is above 1": cdf & (value > 1 + 1e-9),
        "the count of a cumulative probability is below zero": cdf & ~(at >= 0),
    }
    for what, wrong in rules.items():
        if wrong.any():
            row = int(rows.index[np.flatnonzero(wrong)[0]])
            remedy = "Correct the row, or leave it out."
            raise SchemaError(f"{what}.", f"{where}, row {row}", remedy)
    keys = ["model", "origin", "horizon", "region_id"]
    twice = rows.duplicated([*keys, "kind", "at"])
    if twice.any():
        row = int(rows.index[np.flatnonzero(twice)[0]])
        raise SchemaError("the same number stands twice.", f"{where}, row {row}", "Keep one of them.")
    # Whoever gives several kinds says the same twice; quantiles say it best.
    kinds = {m: next(k for k in KINDS if k in set(part["kind"])) for m, part in rows.groupby("model")}
    rows = rows[rows["kind"] == rows["model"].map(kinds)]
    ordered = rows.sort_values([*keys, "at"], kind="stable")
    same = (ordered[keys] == ordered[keys].shift()).all(axis=1)
    falls = same & (ordered["kind"] != "sample") & (ordered["value"].diff() < -1e-9)
    if falls.any():
        row = int(ordered.index[np.flatnonzero(falls)[0]])
        place = ordered.loc[[row]].iloc[0]
        what = (
            f"the {place['kind']}s of {place['region_id']} from {place['origin']} cross at {place['at']:g}."
        )
        raise SchemaError(
            what, f"{where}, row {row}", "Sort them, or ask the model for values that do not fall."
        )
    kinds_of = {"horizon": "int64", "at": "float64", "value": "float64"}
    return ordered.astype(kinds_of)[COLUMNS].reset_index(drop=True)


def _need(frame: pd.DataFrame, columns: Sequence[str], where: str) -> None:
    for column in columns:
        if column not in frame:
            raise SchemaError(
                f"the column '{column}' is missing.", where, nearest(column, map(str, frame.columns))
            )


def _months(values: pd.Series, where: str) -> pd.PeriodIndex:
    """A month for every row, whatever the day; an error names the row."""
    codes, distinct = pd.factorize(values, use_na_sentinel=False)
    months = []
    for i, value in enumerate(distinct):
        try:
            months.append(month_of(value))
        except Exception as error:
            row = int(values.index[int(np.flatnonzero(codes == i)[0])])
            raise SchemaError(getattr(error, "what", str(error)), f"{where}, row {row}") from None
    return pd.PeriodIndex(months, freq="M")[codes]
