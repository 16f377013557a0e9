"""Measures that are no counts and change from month to month, such as rain, each with the lag until it is published."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from ..convert import Problems, number, text
from ..errors import RegionError, SchemaError, UsageError, nearest
from ..frames import pandas_of
from ..months import months_of

#: A panel; this module knows it by its fields alone.
P = TypeVar("P", bound=Any)
#: Columns that say which row it is.
KEYS = ("month", "region_id", "country")


def join_covariates(
    panel: P,
    table: pd.DataFrame | Any,
    lag: int | Mapping[str, int],
    carry: Collection[str] | bool = (),
    where: str = "covariates",
) -> P:
    """See :meth:`harmattan.Panel.with_covariates`."""
    frame = _keyed(pandas_of(table), panel, where)
    names = [str(c) for c in frame.columns if c not in (*KEYS, "row", "region")]
    lags = _lags(lag, names, where)
    carried = set(names if carry is True else carry or ())
    for name in sorted(carried - set(names)):
        raise UsageError(f"there is no covariate '{name}' to carry on.", where, nearest(name, names))
    problems = Problems(where)
    values = {n: number(frame[n], problems, low=0, nullable=True).to_numpy(np.float64) for n in names}
    problems.raise_if_any()
    measures, filled = dict(panel.measures), dict(panel.attrs.get("carried", {}))
    for name in names:
        _check_name(name, panel, where)
        dense = np.full(panel.shape, np.nan, dtype=np.float32)
        dense[frame["row"], frame["region"]] = values[name]
        _check_gaps(dense, panel, name, where)
        if name in carried:
            months = _carry(dense, len(panel.months) - lags[name])
            filled |= {name: months} if months else {}
        measures[name] = dense
    delays = {**panel.attrs.get("delays", {}), **{n: k for n, k in lags.items() if k}}
    known = tuple(dict.fromkeys([*panel.attrs.get("covariates", ()), *names]))
    attrs = {**panel.attrs, "covariates": list(known), "delays": delays, "carried": filled}
    joined: P = replace(panel, measures=measures, attrs=attrs)
    return joined


def with_covariates_of(panel: P, frame: pd.DataFrame, attrs: Mapping[str, Any]) -> P:
    """A panel made of a table that another panel gave, with that one's notes, and its covariates everywhere.

    A table of counts says nothing where nothing was observed; rain is known there all the same.

    Raises
    ------
    SchemaError
        The table lacks a covariate.
    """
    names = list(attrs.get("covariates", ()))
    lost = [n for n in names if n not in frame]
    if lost:
        raise SchemaError(f"the column '{lost[0]}' is missing.", "covariates", "Give every covariate.")
    measures = dict(panel.measures)
    if names:
        months = pd.PeriodIndex(months_of(frame["month"], "covariates"), freq="M")
        row = months.asi8 - panel.months[0].ordinal
        column = pd.Index(panel.region_ids).get_indexer(text(frame["region_id"]))
    for name in names:
        dense = np.full(panel.shape, np.nan, dtype=np.float32)
        dense[row, column] = pd.to_numeric(frame[name], errors="coerce").to_numpy(float, na_value=np.nan)
        measures[name] = dense
    completed: P = replace(panel, measures=measures, attrs={**panel.attrs, **attrs})
    return completed


def require_covariates(panel: Any, origin: pd.Period) -> None:
    """An error where a covariate that was known before is not known at an origin, its lag allowed for.

    Raises
    ------
    SchemaError
        Names the covariate, the region and the month that is missing.
    """
    for name in panel.attrs.get("covariates", ()):
        lag = int(panel.attrs.get("delays", {}).get(name, 0))
        row = panel.position(origin) - lag
        known = np.isfinite(panel.measures[name])
        if row < 0 or known[row].all() or not known.any():
            continue
        lost = known[:row].any(axis=0) & ~known[row]
        if lost.any():
            at = int(lost.argmax())
            last = panel.months[int(np.flatnonzero(known[:, at])[-1])]
            more = f" and {int(lost.sum()) - 1} more regions" if lost.sum() > 1 else ""
            raise SchemaError(
                f"{name} of {panel.region_ids[at]}{more} ends in {last}: from {origin}, with its lag of {lag}, "
                f"{panel.months[row]} is needed.",
                "covariates",
                "Bring the newer months, forecast from an earlier one, or let the last value stand "
                f"(carry=['{name}'], or :last after the file).",
            )


def _keyed(table: pd.DataFrame, panel: Any, where: str) -> pd.DataFrame:
    """The rows that lie in the panel, with ``row`` and ``region`` as positions; each of them once."""
    frame = table.copy()
    frame.columns = [str(c) for c in frame.columns]
    frame.index = pd.RangeIndex(2, len(frame) + 2, name="row")
    place = "region_id" if "region_id" in frame else "country"
    for column in ("month", place):
        if column not in frame:
            remedy = "Give month, region_id (or country), and a column for each covariate."
            raise SchemaError(f"the column '{column}' is missing.", where, remedy)
    if frame.empty:
        raise SchemaError("there are no rows.", where, "Give one row per month and region.")
    months, places = months_of(frame["month"], where), text(frame[place])
    _check_places(places, panel, place, where)
    frame = frame.drop(columns=[c for c in ("country",) if c in frame and c != place])
    frame["month"], frame[place] = months, places
    twice = frame.duplicated(["month", place])
    if twice.any():
        row = int(frame.index[twice][0])
        what = f"{places[row]} has more than one row for {frame['month'][row]}."
        raise SchemaError(what, f"{where}, row {row}", "Keep one of them.")
    if place == "country":
        of = pd.DataFrame({"country": panel.countries, "region": range(len(panel.countries))})
        frame = frame.join(of.set_index("country"), on="country", how="inner")
    else:
        at = {r: i for i, r in enumerate(panel.region_ids)}
        frame = frame[frame[place].isin(at)].assign(region=lambda f: f[place].map(at))
    ordinals = pd.PeriodIndex(frame["month"], freq="M").asi8 - panel.months[0].ordinal
    inside = (ordinals >= 0) & (ordinals < len(panel.months))
    kept: pd.DataFrame = frame[inside].assign(row=ordinals[inside]).drop(columns=["month", place])
    return kept


def _check_places(places: pd.Series, panel: Any, column: str, where: str) -> None:
    """An error for a region that the panel does not have; countries that it does not have are left aside."""
    known = set(panel.region_ids if column == "region_id" else panel.countries)
    # Ids that do not begin with their country, as MLI-mopti does, cannot be those of a country that is not here.
    coded = all(r.startswith(f"{c}-") for r, c in zip(panel.region_ids, panel.countries, strict=True))
    for row, place in places.items():
        country = place.split("-")[0]
        ours = column == "region_id" and (country in panel.countries or not coded)
        if place not in known and (ours or not place):
            raise RegionError(
                f"'{place}' is not a region of the panel.", f"{where}, row {row}", nearest(place, known)
            )
    if not known & set(places):
        what = f"no {column} of the table is in the panel, which has {sorted(known)[0]} and others."
        raise RegionError(what, where, "Write the panel's own ids.")


def _lags(lag: int | Mapping[str, int], names: list[str], where: str) -> dict[str, int]:
    """The lag of every covariate."""
    lags = dict(lag) if isinstance(lag, Mapping) else dict.fromkeys(names, lag)
    if not names:
        raise SchemaError("there is no covariate in the table.", where, "Give a column for each.")
    for name in lags:
        if name not in names:
            raise UsageError(f"there is no covariate '{name}'.", where, nearest(name, names))
    for name in names:
        value = lags.get(name)
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not whole or not 0 <= int(value or 0) <= 60:
            raise UsageError(
                f"{value!r} is no publication lag of {name}."
                if name in lags
                else f"{name} has no publication lag.",
                where,
                f"Say after how many months it is published: lag={{'{name}': 1}}.",
            )
    return {name: int(value) for name, value in lags.items()}


def _check_name(name: str, panel: Any, where: str) -> None:
    taken = name in panel.measures or name.startswith(("events", "deaths", "late_events"))
    if taken or not re.fullmatch("[a-z][a-z0-9_]*", name):
        what = f"a covariate cannot be called '{name}'."
        raise SchemaError(what, where, "Use small letters, digits and underscores, and no name of a count.")


def _check_gaps(dense: np.ndarray, panel: Any, name: str, where: str) -> None:
    """An error for a month without a value between two that have one."""
    known = np.isfinite(dense)
    before, after = np.maximum.accumulate(known), np.maximum.accumulate(known[::-1])[::-1]
    gaps = before & after & ~known
    if gaps.any():
        month, region = np.argwhere(gaps)[0]
        raise SchemaError(
            f"{name} has no value for {panel.region_ids[region]} in {panel.months[month]} ({int(gaps.sum())} gaps).",
            where,
            "Give every month between the first and the last of a region.",
        )


def _carry(dense: np.ndarray, stop: int) -> int:
    """Let each region's last value stand up to a row, in place; over how many months at most."""
    most = 0
    for region in np.flatnonzero(np.isfinite(dense).any(axis=0)):
        last = int(np.flatnonzero(np.isfinite(dense[:, region]))[-1])
        dense[last + 1 : stop, region] = dense[last, region]
        most = max(most, stop - last - 1)
    return most
