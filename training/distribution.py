"""Joint integer draws of a forecast, made from its margins and a dependence template."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..data.errors import ModelError, RegionError, SchemaError, UsageError, nearest
from ..data.frames import pandas_of, read_only
from ..data.months import month_of

if TYPE_CHECKING:
    import os

    from matplotlib.figure import Figure

    from .margins import Margins


@dataclass(frozen=True)
class Draws:
    """Joint integer draws of a forecast; everything downstream asks only this object.

    Attributes
    ----------
    values : numpy.ndarray
        int32 (int64 where counts need it), shape (draws, horizons, regions), counts >= 0.
    origin : pandas.Period
        The last month seen.
    horizons : tuple of int
        Months ahead, from 1.
    region_ids : tuple of str
        Regions, or groups of regions after :meth:`total`.
    target : str
        ``events`` or ``deaths``.
    analytic_mean : numpy.ndarray, optional
        Shape (horizons, regions); draws that are quantile-spaced cut the far tail, this mean does not.

    Examples
    --------
    >>> d = Draws(np.array([[[0, 2]], [[1, 4]]]), pd.Period("2023-12", "M"), (1,), ("a", "b"), "events")
    >>> d.mean().tolist(), d.prob_at_least(1).tolist()
    ([[0.5, 3.0]], [[0.5, 1.0]])
    >>> d.total(["X", "X"]).values.ravel().tolist()
    [2, 5]
    """

    values: np.ndarray
    origin: pd.Period
    horizons: tuple[int, ...]
    region_ids: tuple[str, ...]
    target: str
    analytic_mean: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Check shape and support once; every answer below trusts them."""
        v = self.values
        if v.ndim != 3 or v.shape[1:] != (len(self.horizons), len(self.region_ids)):
            raise ModelError(
                f"draws have shape {v.shape}, expected (draws, {len(self.horizons)}, {len(self.region_ids)}).",
                remedy="Pass draws x horizons x regions.",
            )
        if not np.issubdtype(v.dtype, np.integer) or v.min(initial=0) < 0:
            raise ModelError("draws must be whole numbers >= 0.", remedy="Round or clip them at the source.")
        if len(set(self.region_ids)) < len(self.region_ids):
            twice = next(r for r in self.region_ids if self.region_ids.count(r) > 1)
            raise RegionError(f"'{twice}' is there twice.", "draws", "Give every region once.")
        ahead = tuple(map(_whole, self.horizons))
        if len(set(ahead)) < len(ahead) or min(ahead, default=1) < 1:
            what = f"{list(ahead)} are no horizons."
            raise ModelError(what, remedy="Give different whole numbers of months, from 1.")
        object.__setattr__(self, "horizons", ahead)
        object.__setattr__(self, "origin", month_of(self.origin))
        object.__setattr__(self, "values", read_only(v))
        if self.analytic_mean is not None:
            mean = np.asarray(self.analytic_mean)
            if mean.shape != v.shape[1:]:
                what = f"the analytic mean has shape {mean.shape}, the draws {v.shape[1:]} of horizons and regions."
                raise ModelError(what, remedy="Pass horizons x regions.")
            object.__setattr__(self, "analytic_mean", read_only(mean))

    def __repr__(self) -> str:
        """What they are of, in one line."""
        n, _, r = self.values.shape
        return (
            f"Draws({self.target} from {self.origin}: {n} draws, horizons {list(self.horizons)}, {r} regions)"
        )

    def _repr_html_(self) -> str:
        """What a notebook shows: the first horizon, the largest expectations first."""
        from ..data.show import card

        n, h, r = self.values.shape
        low, high = self.quantile([0.1, 0.9])[:, 0]
        table = pd.DataFrame(
            {
                "region_id": self.region_ids,
                "mean": self.mean()[0],
                "p10": low,
                "p90": high,
                "P(>= 1)": self.prob_at_least(1)[0],
            }
        ).sort_values("mean", ascending=False, kind="stable")
        facts = {
            "target": self.target,
            "origin": self.origin,
            "horizons": ", ".join(map(str, self.horizons)),
            "month shown": self.origin + self.horizons[0],
        }
        return card(f"Draws: {n} draws, {h} horizons, {r} regions", facts, table)

    def quantile(self, levels: Sequence[float] | np.ndarray) -> np.ndarray:
        """Quantiles, shape (levels, horizons, regions), counts; never crossing."""
        if (
            not (np.asarray(levels, dtype=float) >= 0).all()
            or not (np.asarray(levels, dtype=float) <= 1).all()
        ):
            raise UsageError(
                f"{levels!r} are no levels.", "levels", "Give numbers in 0..1, such as [0.1, 0.9]."
            )
        return np.asarray(np.quantile(self.values, np.asarray(levels), axis=0, method="inverted_cdf"))

    def mean(self) -> np.ndarray:
        """Expected counts, shape (horizons, regions); analytic where known."""
        return self.values.mean(axis=0) if self.analytic_mean is None else self.analytic_mean

    def prob_at_least(self, k: int) -> np.ndarray:
        """Probability of at least ``k``, shape (horizons, regions)."""
        return np.asarray((self.values >= k).mean(axis=0))

    def select(
        self, regions: Sequence[str] | None = None, horizons: int | Sequence[int] | None = None
    ) -> Draws:
        """The draws of some regions and horizons, in the order asked for, each once.

        Raises
        ------
        RegionError, UsageError
            A region or a horizon was not forecast.
        """
        if isinstance(regions, str):
            raise RegionError(f"'{regions}' is text, not a list.", "regions", f'Write ["{regions}"].')
        ids = self.region_ids if regions is None else tuple(regions)
        ahead = self.horizons if horizons is None else _horizons(horizons)
        for name in ids:
            if name not in self.region_ids:
                raise RegionError(f"'{name}' was not forecast.", remedy=nearest(name, self.region_ids))
        for h in ahead:
            if h not in self.horizons:
                known = ", ".join(map(str, self.horizons))
                raise UsageError(f"the horizon {h} was not forecast.", remedy=f"Choose among {known}.")
        at = np.ix_([self.horizons.index(h) for h in ahead], [self.region_ids.index(r) for r in ids])
        mean = None if self.analytic_mean is None else self.analytic_mean[at]
        values = self.values[:, at[0], at[1]]
        return replace(self, values=values, horizons=ahead, region_ids=ids, analytic_mean=mean)

    def total(self, groups: Sequence[str] | Mapping[str, str] | pd.Series) -> Draws:
        """Sums over groups of regions, draw by draw; groups in sorted order.

        Parameters
        ----------
        groups : sequence, mapping or pandas.Series of str
            The group of every region: in the order of ``region_ids``, or by region id.

        Raises
        ------
        RegionError
            A region has no group, or there are more or fewer groups than regions.
        """
        of_region = self._groups(groups)
        names = sorted(set(of_region))
        member = np.array([[g == n for n in names] for g in of_region], dtype=np.int64)
        mean = None if self.analytic_mean is None else self.analytic_mean @ member
        values = whole_numbers(self.values.astype(np.int64) @ member)
        return Draws(values, self.origin, self.horizons, tuple(names), self.target, mean)

    def _groups(self, groups: Sequence[str] | Mapping[str, str] | pd.Series) -> list[str]:
        """The group of every region, in the order of the draws."""
        if isinstance(groups, Mapping | pd.Series):
            missing = [r for r in self.region_ids if r not in groups]
            if missing:
                raise RegionError(
                    f"no group is given for '{missing[0]}'.", remedy="Index groups by region_id."
                )
            found = [groups[r] for r in self.region_ids]
        else:
            found = [] if isinstance(groups, str | Set) else list(groups)
        if len(found) != len(self.region_ids):
            raise RegionError(
                f"{len(found)} groups are given for {len(self.region_ids)} regions.",
                remedy="Give one group for each region.",
            )
        if any(not isinstance(g, str) for g in found):
            raise RegionError("a group is no text.", remedy="Name every group.")
        return found

    def to_frame(self) -> pd.DataFrame:
        """Long table: ``target, origin, horizon, region_id, draw, value``."""
        n, h, r = self.values.shape
        return pd.DataFrame(
            {
                "target": self.target,
                "origin": str(self.origin),
                "horizon": np.tile(np.repeat(np.array(self.horizons, dtype=np.int8), r), n),
                "region_id": np.tile(np.array(self.region_ids, dtype=object), n * h),
                "draw": np.repeat(np.arange(n, dtype=np.int16 if n < 2**15 else np.int32), h * r),
                "value": self.values.ravel(),
            }
        )

    def to_long(self, levels: Sequence[float] = (80, 95), model: str = "harmattan") -> pd.DataFrame:
        """The tidy table of forecasting libraries: one row per region and month, with mean and central intervals.

        Parameters
        ----------
        levels : sequence of float
            Widths of the intervals in per cent, such as 80 for ``lo-80`` and ``hi-80``.
        model : str
            What the column ``model`` says.

        Returns
        -------
        pandas.DataFrame
            ``unique_id, ds, cutoff`` (the first day of the forecast month, and of the last one seen), ``model, target,
            mean, median`` and the ends of each interval, counts.

        Raises
        ------
        UsageError
            A level that is no width in per cent.
        """
        for level in levels:
            if not 1 <= level < 100:
                raise UsageError(
                    f"{level} is no width of an interval.", "levels", "Give per cent, such as 80."
                )
        r = len(self.region_ids)
        table = pd.DataFrame(
            {
                "unique_id": np.tile(np.array(self.region_ids, dtype=object), len(self.horizons)),
                "ds": np.repeat([(self.origin + h).to_timestamp() for h in self.horizons], r),
                "cutoff": self.origin.to_timestamp(),
                "model": model,
                "target": self.target,
                "mean": self.mean().ravel(),
                "median": self.quantile([0.5])[0].ravel(),
            }
        )
        for level in levels:
            tail = (1 - level / 100) / 2
            low, high = self.quantile([tail, 1 - tail])
            table[f"lo-{level:g}"], table[f"hi-{level:g}"] = low.ravel(), high.ravel()
        return table

    def to_xarray(self) -> Any:
        """The draws as an ``xarray.DataArray`` (draw, month, region_id), where xarray is installed.

        Raises
        ------
        UsageError
            xarray is not installed.
        """
        try:
            import xarray
        except ModuleNotFoundError:
            raise UsageError(
                "xarray is not installed.", remedy="Install it with: pip install xarray."
            ) from None
        months = [(self.origin + h).to_timestamp() for h in self.horizons]
        return xarray.DataArray(
            self.values,
            dims=("draw", "month", "region_id"),
            coords={
                "month": months,
                "region_id": list(self.region_ids),
                "horizon": ("month", list(self.horizons)),
            },
            name=self.target,
            attrs={"origin": str(self.origin), "units": "counts per month"},
        )

    def plot_map(self, regions: Any, horizon: int | None = None, at_least: int | None = None) -> Figure:
        """The regions of one month ahead, coloured by the mean, or by the chance of so many or more.

        Parameters
        ----------
        regions : Regions
            Polygons, ``frame`` and ``geometry`` in one order; regions that were not forecast are left out.
        horizon : int, optional
            Months ahead; the first where None.
        at_least : int, optional
            The chance of this count or more instead of the mean.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from .figures import map_of

        h = self.horizons[0] if horizon is None else horizon
        here = self.select(horizons=[h])
        values = (here.mean() if at_least is None else 100 * here.prob_at_least(at_least))[0]
        at = {r: i for i, r in enumerate(regions.frame["region_id"])}
        missing = [r for r in self.region_ids if r not in at]
        if missing:
            raise RegionError(f"'{missing[0]}' has no polygon.", remedy="Give polygons of every region.")
        shapes = [regions.geometry[at[r]] for r in self.region_ids]
        unit = "mean" if at_least is None else f"chance of {at_least} or more, %"
        return map_of(values, shapes, f"{self.target.capitalize()}, {self.origin + h}", unit)

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, target: str | None = None) -> Draws:
        """Draws from the long table that :meth:`to_frame` gives, such as a release's ``draws.parquet``.

        Parameters
        ----------
        frame : pandas.DataFrame
            ``target, origin, horizon, region_id, draw, value``; every draw of every horizon and region once.
        target : str, optional
            Which, where the table holds several.

        Raises
        ------
        UsageError
            The table holds several targets and none is named, or not the one named.
        SchemaError
            It is not one whole forecast of whole numbers.
        """
        frame = pandas_of(frame)
        keys = ["draw", "horizon", "region_id"]
        missing = [c for c in ("target", "origin", *keys, "value") if c not in frame]
        if missing:
            raise SchemaError(f"the column '{missing[0]}' is missing.", "draws", "See Draws.to_frame.")
        if frame.empty:
            raise SchemaError("there are no rows.", "draws", "Give the draws of one forecast.")
        frame = _of_one_target(frame, target)
        origins = frame["origin"].unique()
        if len(origins) > 1:
            raise SchemaError(f"there are {len(origins)} origins.", "draws", "Give one forecast at a time.")
        empty = [c for c in keys if frame[c].isna().any()]
        if empty:
            raise SchemaError(f"'{empty[0]}' is empty in some row.", "draws", "Fill the cell.")
        horizons = _horizons(sorted(frame["horizon"].unique()))
        order = frame.sort_values(keys)
        if order.duplicated(keys).any():
            raise SchemaError("a draw is given more than once.", "draws", "Give one forecast at a time.")
        regions = tuple(sorted(frame["region_id"].unique()))
        if len(order) != frame["draw"].nunique() * len(horizons) * len(regions):
            raise SchemaError(
                "draws of some horizon or region are missing.", "draws", "Read the whole table."
            )
        values = order["value"].to_numpy()
        if not np.issubdtype(values.dtype, np.number) or not ((values >= 0) & (values % 1 == 0)).all():
            raise SchemaError("values are not whole numbers >= 0.", "draws", "Round them at the source.")
        shaped = whole_numbers(values.astype(np.int64)).reshape(-1, len(horizons), len(regions))
        return cls(shaped, month_of(origins[0]), horizons, regions, str(frame["target"].iloc[0]))

    def to_parquet(self, path: str | os.PathLike[str], **options: Any) -> None:
        """Write the long table."""
        self.to_frame().to_parquet(path, index=False, **options)


def _whole(value: Any) -> int:
    """A number of months; an error for what is no whole number, such as True or 1.5."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        what = f"{value!r} is no whole number of months."
        raise UsageError(what, "horizons", "Give whole numbers, such as [1, 3, 6].")
    return int(value)


def _horizons(value: Any) -> tuple[int, ...]:
    """Months ahead from one number or several."""
    several = value if isinstance(value, Iterable) and not isinstance(value, str) else [value]
    return tuple(map(_whole, several))


def whole_numbers(values: np.ndarray) -> np.ndarray:
    """The same counts as int32, or int64 where one of them needs it."""
    return values.astype(np.int32, copy=False) if values.max(initial=0) <= np.iinfo(np.int32).max else values


def independent_ranks(draws: int, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A dependence template without dependence: a random order per case; (draws, horizons, regions)."""
    return rng.permuted(np.tile(np.arange(draws)[:, None, None], (1, *shape)), axis=0)


def ranks_of(paths: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Ranks of simulated paths along the first axis, ties broken at random; same shape, 0..draws-1.

    The template of ensemble copula coupling (Schefzik, Thorarinsdottir & Gneiting 2013, doi:10.1214/13-STS443).
    """
    order = np.argsort(paths + rng.random(paths.shape), axis=0)
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(len(paths))[:, None, None], axis=0)
    return ranks


def joint_draws(margins: Margins, ranks: np.ndarray) -> np.ndarray:
    """Stratified draws of each margin (horizons, regions), put in the order of a dependence template."""
    ordered = margins.stratified(len(ranks))
    return np.take_along_axis(ordered, ranks, axis=0)


def _of_one_target(frame: pd.DataFrame, target: str | None) -> pd.DataFrame:
    """The rows of a target, which has to be named where there are several."""
    known = sorted(map(str, frame["target"].unique()))
    if target is None and len(known) > 1:
        raise UsageError(f"the table holds {', '.join(known)}.", remedy=f"Name one: target='{known[0]}'.")
    if target is not None and target not in known:
        raise UsageError(f"'{target}' is not in the table.", remedy=nearest(target, known))
    return frame if target is None else frame[frame["target"].astype(str) == target]
