"""The numbers that models use, months x regions x features, and the design matrix of some origins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, NamedTuple, overload

import numpy as np
import pandas as pd

from ..data.errors import OriginError, RegionError, SchemaError, UsageError, nearest
from ..data.frames import read_only
from ..data.months import month_of
from ..data.panel import Panel
from .series import Array


class Design(NamedTuple):
    """What a scikit-learn estimator is fitted on: one row per origin and region.

    Attributes
    ----------
    X : pandas.DataFrame
        float32, one column per feature, index as below.
    y : pandas.Series
        The target ``horizon`` months after the origin; NaN where not observed.
    index : pandas.MultiIndex
        ``origin`` (Period[M]) and ``region_id``.
    """

    X: pd.DataFrame
    y: pd.Series
    index: pd.MultiIndex  # type: ignore[assignment]


@dataclass(frozen=True)
class TrainingOrigins:
    """Origins whose outcomes were published when a model is fitted; they carry the horizon that this holds for.

    Attributes
    ----------
    months : pandas.PeriodIndex
        The origins, oldest first.
    origin : pandas.Period
        The month at which the model is fitted.
    horizon, data_lag : int
        Months ahead, and months until a month is published.
    """

    months: pd.PeriodIndex
    origin: pd.Period
    horizon: int
    data_lag: int

    def __len__(self) -> int:
        """How many there are."""
        return len(self.months)

    def __iter__(self) -> Iterator[pd.Period]:
        """The origins, oldest first."""
        return iter(self.months)

    @overload
    def __getitem__(self, at: int) -> pd.Period: ...
    @overload
    def __getitem__(self, at: slice) -> TrainingOrigins: ...
    def __getitem__(self, at: int | slice) -> pd.Period | TrainingOrigins:
        """One of them, or some, which keep their horizon."""
        return replace(self, months=self.months[at]) if isinstance(at, slice) else self.months[at]


@dataclass(frozen=True)
class FeatureCube:
    """Features by month and region. Row t uses months up to t, and no later one.

    Attributes
    ----------
    values : numpy.ndarray
        float32, shape (months, regions, features), NaN where not known. In memory each feature is one block,
        so that ``values[:, :, k]`` is contiguous.
    names, families, units : tuple of str
        Per feature.
    latest : tuple of int or None
        Per feature, the last month read, counted back from the row; None where no month is read.
    months : pandas.PeriodIndex
    region_ids : tuple of str
    observed : numpy.ndarray
        bool, shape (months, regions): where the panel was observed.
    panel : Panel
        What the cube was computed from; the targets of :meth:`design` come from here.
    dropped : tuple of (str, str)
        Features of a default recipe that this panel cannot serve, each with the reason.
    digest : str
        Hash of the recipe.
    """

    values: Array
    names: tuple[str, ...]
    families: tuple[str, ...]
    units: tuple[str, ...]
    latest: tuple[int | None, ...]
    months: pd.PeriodIndex
    region_ids: tuple[str, ...]
    observed: Array
    panel: Panel = field(repr=False)
    dropped: tuple[tuple[str, str], ...] = ()
    digest: str = ""

    def __post_init__(self) -> None:
        """Hand out arrays that cannot be written to."""
        object.__setattr__(self, "values", read_only(self.values))
        object.__setattr__(self, "observed", read_only(self.observed))

    def __repr__(self) -> str:
        """What it holds, in one line."""
        months, regions, features = self.shape
        return f"FeatureCube({months} months to {self.months[-1]}, {regions} regions, {features} features)"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(months, regions, features)."""
        n, r, f = self.values.shape
        return n, r, f

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from ..data.show import card

        months, regions, features = self.shape
        table = pd.DataFrame({"feature": self.names, "family": self.families, "unit": self.units})
        facts = {
            "months": f"{self.months[0]} to {self.months[-1]}",
            "known": f"{np.isfinite(self.values[-1]).mean():.1%} of the last month's values",
            "left out": ", ".join(name for name, _ in self.dropped) or "nothing",
        }
        title = f"FeatureCube: {months} months, {regions} regions, {features} features"
        return card(title, facts, table)

    def position(self, month: pd.Period | str) -> int:
        """Row of a month; an :class:`OriginError` where the cube does not have it."""
        period = month_of(month)
        if not self.months[0] <= period <= self.months[-1]:
            raise OriginError(
                f"{period} is outside the cube, which runs from {self.months[0]} to {self.months[-1]}.",
                remedy="Choose a month inside, or build the cube of a longer panel.",
            )
        return int(period.ordinal - self.months[0].ordinal)

    def feature(self, name: str) -> Array:
        """One feature, float32 (months, regions)."""
        return self.values[:, :, self._at(name)]

    def select(
        self, names: Iterable[str] | None = None, families: Iterable[str] | None = None
    ) -> FeatureCube:
        """The cube of some features, by name, by family, or both."""
        wanted = None if names is None else [self._at(n) for n in names]
        kinds = None if families is None else set(families)
        for kind in sorted((kinds or set()) - set(self.families)):
            raise UsageError(f"no feature of family '{kind}'.", remedy=nearest(kind, set(self.families)))
        keep = range(len(self.names)) if wanted is None else wanted
        at = [i for i in keep if kinds is None or self.families[i] in kinds]
        store = self.values.transpose(2, 0, 1)
        return replace(
            self,
            values=store[at].transpose(1, 2, 0),
            names=tuple(self.names[i] for i in at),
            families=tuple(self.families[i] for i in at),
            units=tuple(self.units[i] for i in at),
            latest=tuple(self.latest[i] for i in at),
        )

    def until(self, month: pd.Period | str) -> FeatureCube:
        """The cube as it stood with ``month`` as its last; nothing is copied."""
        stop = self.position(month) + 1
        return replace(
            self,
            values=self.values[:stop],
            months=self.months[:stop],
            observed=self.observed[:stop],
            panel=self.panel.until(month),
        )

    def to_frame(self, months: slice | None = None) -> pd.DataFrame:
        """Long table: ``month``, ``region_id``, one column per feature; ``months`` takes a slice of rows."""
        rows = months or slice(None)
        index = self.months[rows]
        flat = self.values[rows].transpose(2, 0, 1).reshape(len(self.names), -1)
        frame = pd.DataFrame(flat.T, columns=list(self.names), copy=False)
        frame.insert(0, "region_id", np.tile(np.asarray(self.region_ids, dtype=object), len(index)))
        frame.insert(0, "month", np.repeat(index.astype(str), len(self.region_ids)))
        return frame

    def training_origins(
        self, origin: pd.Period | str, horizon: int, data_lag: int = 0, first: pd.Period | str | None = None
    ) -> TrainingOrigins:
        """Origins whose target was published at ``origin``: the last is ``origin - data_lag - horizon``.

        Parameters
        ----------
        origin : Period
            The month from which the model will forecast.
        horizon : int
            Months ahead, >= 1.
        data_lag : int
            Months until a month is published, >= 0.
        first : Period, optional
            The first origin wanted; by default the first that ``data_lag`` leaves a row for.
        """
        _check_ahead(horizon, data_lag)
        stop = self.position(origin) - data_lag - horizon + 1
        start = data_lag if first is None else max(self.position(first), data_lag)
        return TrainingOrigins(self.months[start : max(stop, start)], month_of(origin), horizon, data_lag)

    def design(
        self,
        origins: TrainingOrigins | Iterable[pd.Period | str] | pd.Period | str,
        horizon: int | None = None,
        target: str | Array | pd.DataFrame = "events",
        *,
        data_lag: int | None = None,
        regions: Iterable[str] | None = None,
        known: bool = False,
    ) -> Design:
        """``X, y, index``: the features of the last published month, the target ``horizon`` months ahead.

        Parameters
        ----------
        origins : TrainingOrigins, Period or iterable of Period
            Last months seen.
        horizon : int, optional
            Months ahead, >= 1; training origins carry their own, and no other may be asked for.
        target : str, numpy.ndarray or pandas.DataFrame
            ``events``, ``deaths``, a measure of the panel, an array (months, regions) in the order of the cube, or a
            table with months as index and regions as columns, which is aligned by label.
        data_lag : int, optional
            Months until a month is published, >= 0 (0 where None): the row of ``origin - data_lag`` is used.
        regions : iterable of str, optional
            Some of the regions; default all.
        known : bool
            Only the rows whose target is known, as for fitting.

        Raises
        ------
        OriginError
            If an origin or its row lies outside the cube, the horizon is below 1, or it is not that of the
            training origins, so that outcomes after the fit would be used.
        SchemaError, RegionError
            The target does not have the cube's months and regions.

        Examples
        --------
        >>> import pandas as pd
        >>> from harmattan.data.panel import Panel
        >>> from harmattan.features import Lag, Recipe
        >>> frame = pd.DataFrame({"month": ["2023-01", "2023-02"], "region_id": "MLI-gao", "events": [3, 5]})
        >>> cube = Recipe([Lag(0)]).build(Panel.from_frame(frame))
        >>> X, y, index = cube.design("2023-01", horizon=1)
        >>> X["events_lag0"].tolist(), y.tolist()
        ([3.0], [5.0])
        """
        horizon, data_lag = _ahead_of(origins, horizon, data_lag)
        one = isinstance(origins, str | pd.Period | date | np.datetime64)
        several: list[Any] = [origins] if one else list(origins)  # type: ignore[arg-type]
        periods = pd.PeriodIndex([month_of(o) for o in several], freq="M")
        at = np.array([self.position(p) for p in periods], dtype=np.int64)
        if (at < data_lag).any():
            raise OriginError(
                f"at {periods[int(at.argmin())]} nothing was published yet with a data lag of {data_lag}.",
                remedy=f"Start at {self.months[0] + data_lag}.",
            )
        columns = np.arange(len(self.region_ids)) if regions is None else self._columns(regions)
        store = self.values.transpose(2, 0, 1)
        x = np.empty((len(self.names), len(at), len(columns)), dtype=np.float32)
        for k, block in enumerate(store):
            rows = block[at - data_lag]
            x[k] = rows if regions is None else rows[:, columns]
        y = self._ahead(target, at + horizon)[:, columns].ravel()
        index = pd.MultiIndex.from_product(
            [periods, [self.region_ids[i] for i in columns]], names=["origin", "region_id"]
        )
        flat = x.reshape(len(self.names), -1)
        if known:
            keep = np.isfinite(y)
            flat, y, index = flat[:, keep], y[keep], index[keep]
        frame = pd.DataFrame(flat.T, columns=list(self.names), index=index, copy=False)
        name = target if isinstance(target, str) else "target"
        return Design(frame, pd.Series(y, index=index, name=name), index)

    def _ahead(self, target: str | Array | pd.DataFrame, at: Array) -> Array:
        """The target in some rows, NaN beyond the panel, float64 (rows, regions)."""
        given = self._target(target)
        ahead = np.full((len(at), given.shape[1]), np.nan)
        inside = at < len(given)
        ahead[inside] = given[at[inside]]
        return ahead

    def _target(self, target: str | Array | pd.DataFrame) -> Array:
        """The target in every month and region of the cube."""
        if isinstance(target, str):
            return self.panel.target(target)
        if isinstance(target, pd.DataFrame):
            return self._aligned(target)
        given, shape = np.asarray(target), self.shape[:2]
        if given.shape != shape:
            raise SchemaError(
                f"the target has the shape {given.shape}, the cube {shape}.",
                remedy="Give an array (months, regions) in the order of cube.months and cube.region_ids.",
            )
        return given

    def _aligned(self, table: pd.DataFrame) -> Array:
        """A table of months by regions in the order of the cube."""
        months = pd.PeriodIndex([month_of(m) for m in table.index], freq="M")
        if table.columns.has_duplicates:
            twice = table.columns[table.columns.duplicated()][0]
            raise RegionError(f"the target has '{twice}' twice.", remedy="Give one column for each region.")
        for region in self.region_ids:
            if region not in table.columns:
                raise RegionError(f"the target has no column '{region}'.", remedy="Give every region.")
        missing = self.months.difference(months)
        if len(missing) or months.has_duplicates:
            what = f"lacks {missing[0]}" if len(missing) else "has a month twice"
            raise SchemaError(f"the target {what}.", remedy="Give one row for each month of the cube.")
        return np.asarray(
            table.set_axis(months)[list(self.region_ids)].reindex(self.months), dtype=np.float64
        )

    def _at(self, name: str) -> int:
        if name not in self.names:
            raise UsageError(f"no feature '{name}'.", where="cube", remedy=nearest(name, self.names))
        return self.names.index(name)

    def _columns(self, regions: Iterable[str]) -> Array:
        at = {region: i for i, region in enumerate(self.region_ids)}
        wanted = list(regions)
        for region in wanted:
            if region not in at:
                raise RegionError(f"'{region}' is not in this cube.", remedy=nearest(region, at))
        return np.array([at[region] for region in wanted], dtype=np.int64)


def _check_ahead(horizon: int, data_lag: int) -> None:
    whole = all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in (horizon, data_lag))
    if not whole or horizon < 1 or data_lag < 0:
        raise OriginError(
            f"horizon {horizon} with a data lag of {data_lag} asks for no forecast.",
            remedy="Give a horizon of 1 or more and a lag of 0 or more, whole months.",
        )


def _ahead_of(origins: object, horizon: int | None, data_lag: int | None) -> tuple[int, int]:
    """Horizon and data lag of a design; those of training origins, which nobody can contradict."""
    if isinstance(origins, TrainingOrigins):
        asked = (
            origins.horizon if horizon is None else horizon,
            origins.data_lag if data_lag is None else data_lag,
        )
        if asked != (origins.horizon, origins.data_lag):
            raise OriginError(
                f"these origins are for horizon {origins.horizon} at a data lag of {origins.data_lag}; at horizon "
                f"{asked[0]} and lag {asked[1]} outcomes after {origins.origin} would be used.",
                remedy=f"Ask for training_origins('{origins.origin}', {asked[0]}, {asked[1]}).",
            )
    else:
        if horizon is None:
            raise OriginError("no horizon is given.", remedy="Say how many months ahead: horizon=1.")
        asked = (horizon, data_lag or 0)
    _check_ahead(*asked)
    return asked
