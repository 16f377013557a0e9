"""What every member of the pool has in common."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np
import pandas as pd

from ...data.errors import ModelError, OriginError
from ...data.frames import read_only
from ...data.panel import TARGETS, Panel
from ..margins import Margins

if TYPE_CHECKING:
    from ...features.cube import FeatureCube
    from ...features.recipe import Recipe


#: Where a region was quiet for so many months and stayed so, only every fifth row is learned from, and counts five
#: times: three rows in four are like that, and tell the models nothing that the fifth does not.
QUIET, THINNING = 24, 5


@dataclass(frozen=True)
class Problem:
    """One forecasting problem: what is to be forecast, and what may be used for it.

    Attributes
    ----------
    panel : Panel
        Counts by month and region.
    cube : FeatureCube
        Features of the same months and regions; row t uses months up to t only.
    target : str
        ``events`` or ``deaths``.
    also : tuple of Problem
        Other regions to learn from and never to forecast, such as a country whose coverage has ended. Each has a
        panel and a cube of its own, so that no feature of the forecast regions changes when their coverage does.
    """

    panel: Panel
    cube: FeatureCube
    target: str = "events"
    also: tuple[Problem, ...] = ()

    @cached_property
    def counts(self) -> np.ndarray:
        """Target counts, float64 (months, regions); zero where not observed, so mind :attr:`observed`."""
        counts: np.ndarray = np.nan_to_num(self.panel.target(self.target).astype(float))
        return read_only(counts)

    @cached_property
    def observed(self) -> np.ndarray:
        """bool, (months, regions): where the month was observed and the target is known."""
        if TARGETS.get(self.target, self.target) not in self.panel.measures:
            return self.panel.observed
        return read_only(self.panel.observed & np.isfinite(self.panel.target(self.target)))

    @cached_property
    def months(self) -> np.ndarray:
        """Ordinals of the months, (months,)."""
        return np.asarray(self.panel.months.asi8)

    def row(self, month: pd.Period) -> int:
        """Row of a month."""
        return self.panel.position(month)

    def until(self, month: pd.Period) -> Problem:
        """The problem as it stood with ``month`` as its last: nothing later is in it. No number is copied.

        Months of regions that are only learned from end there too.
        """
        views: dict[pd.Period, Problem] = self.__dict__.setdefault("_views", {})
        if month not in views:
            also = tuple(o.until(month) if o.panel.months[-1] > month else o for o in self.also)
            views.clear()
            views[month] = Problem(self.panel.until(month), self.cube.until(month), self.target, also)
            views[month].__dict__["_whole"] = self.whole
        return views[month]

    @property
    def whole(self) -> Problem:
        """The problem that this one was cut from by :meth:`until`; itself where it was not."""
        found: Problem = self.__dict__.get("_whole", self)
        return found

    def features(self, recipe: Recipe | None = None) -> FeatureCube:
        """The cube of another recipe on the same panel, up to the same month; computed once for all targets."""
        if recipe is None:
            return self.cube
        whole = self.whole
        known: dict[str, FeatureCube] = whole.cube.__dict__.setdefault("_of_recipes", {})
        key = recipe.digest()
        if key not in known:
            known[key] = recipe.build(whole.panel)
        return known[key] if whole is self else known[key].until(self.panel.months[-1])

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs: no views, and not what they were cut from."""
        return {k: v for k, v in self.__dict__.items() if k not in ("_views", "_whole", "_last_sample")}

    def sample(self, origin: pd.Period, horizon: int, burn_in: int, thinned: bool = True) -> Sample:
        """Every pair of features and outcome known at ``origin``, here and in :attr:`also`.

        ``thinned`` leaves out most rows of regions that were quiet and stayed so; the others stand for them.

        Raises
        ------
        OriginError
            Too few months up to the origin for the horizon.
        ModelError
            No region observed both at a month and ``horizon`` months later.
        """
        key = (origin, horizon, burn_in, thinned)
        cache: dict[Any, Sample] = self.__dict__.setdefault("_last_sample", {})
        if key not in cache:
            cache.clear()
            cache[key] = self._sample(*key)
        return cache[key]

    def _sample(self, origin: pd.Period, horizon: int, burn_in: int, thinned: bool) -> Sample:
        pieces = [self._piece(origin, horizon, burn_in, thinned)]
        for other in self.also:
            last = min(origin, other.panel.last_month)
            if other.row(last) >= 2 * horizon:
                pieces.append(other._piece(last, horizon, burn_in, thinned))
        return Sample(tuple(pieces), horizon, self.panel.months[self.row(origin)])

    def _piece(self, origin: pd.Period, horizon: int, burn_in: int, thinned: bool) -> Piece:
        """Month rows and regions; an outcome ``horizon`` months after row t is used only where it is known."""
        last = self.row(origin)
        first = min(burn_in, max((last - horizon) // 2, 0))
        if last - horizon < first:
            raise OriginError(
                f"{last + 1} months of history are too few for a horizon of {horizon}.",
                remedy="Choose a shorter horizon, a later origin, or bring a longer history.",
            )
        known = self.observed[first : last - horizon + 1] & self.observed[first + horizon : last + 1]
        quiet = (
            thinned & self._quiet[first : last - horizon + 1] & (self.counts[first + horizon : last + 1] == 0)
        )
        month, region = np.ogrid[first : last - horizon + 1, : known.shape[1]]
        left_out = quiet & ((month + region) % THINNING != 0)
        rows, regions = np.nonzero(known & ~left_out)
        if not known.any():
            raise ModelError(
                f"no region is observed both at a month and {horizon} months later.",
                remedy="Check the coverage of the panel.",
            )
        weight = np.where(quiet[rows, regions], float(THINNING), 1.0)
        return Piece(self, rows + first, regions, weight)

    @cached_property
    def _quiet(self) -> np.ndarray:
        """Whether a region had no event in the last QUIET months, bool, (months, regions)."""
        total = np.cumsum(self.counts, axis=0)
        total[QUIET:] -= total[:-QUIET].copy()
        return np.asarray(total == 0)


class Piece(NamedTuple):
    """Training rows of one problem, and how many like it each one stands for."""

    problem: Problem
    rows: np.ndarray
    regions: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class Sample:
    """Training rows of a problem and of those it also learns from, one after the other.

    Attributes
    ----------
    pieces : tuple of Piece
        The problem's own rows first.
    horizon : int
    origin : pandas.Period
    """

    pieces: tuple[Piece, ...]
    horizon: int
    origin: pd.Period

    def take(self, values: Callable[[Problem], np.ndarray]) -> np.ndarray:
        """Rows of an array (months, regions, ...) that each problem provides."""
        return np.concatenate([values(p.problem)[p.rows, p.regions] for p in self.pieces])

    def by_region(self, values: Callable[[Problem], np.ndarray]) -> np.ndarray:
        """Rows of an array (regions, ...) that each problem provides."""
        return np.concatenate([values(p.problem)[p.regions] for p in self.pieces])

    @cached_property
    def counts(self) -> np.ndarray:
        """Outcomes, (rows,)."""
        return np.concatenate([p.problem.counts[p.rows + self.horizon, p.regions] for p in self.pieces])

    @property
    def target(self) -> str:
        """``events`` or ``deaths``."""
        return self.pieces[0].problem.target

    @cached_property
    def months(self) -> np.ndarray:
        """Month of each outcome, ordinals of :class:`pandas.Period`, (rows,)."""
        return np.concatenate([p.problem.months[p.rows] for p in self.pieces]) + self.horizon

    def weights(self, half_life: float | None) -> np.ndarray:
        """How much each row counts: as many as it stands for, halved every ``half_life`` months before the newest."""
        newest = self.origin.ordinal - self.horizon
        first = [p.problem.panel.months[0].ordinal for p in self.pieces]
        age = np.concatenate([newest - (f + p.rows) for f, p in zip(first, self.pieces, strict=True)])
        stands_for = np.concatenate([p.weight for p in self.pieces])
        return stands_for if half_life is None else np.asarray(stands_for * 0.5 ** (age / half_life))


class Member(ABC):
    """One model of the pool: fitted for one horizon, directly on the value that many months ahead."""

    name: ClassVar[str] = "member"

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name, as scikit-learn's ``clone`` asks for them; a member is none of its estimators."""
        made = type(self).__init__
        names = [] if made is object.__init__ else list(inspect.signature(made).parameters)[1:]
        own = {name: getattr(self, name) for name in names}
        inner = {n: v.get_params() for n, v in own.items() if deep and hasattr(v, "get_params")}
        return own | {f"{n}__{key}": value for n, each in inner.items() for key, value in each.items()}

    def __repr__(self) -> str:
        """The class and its parameters."""
        params = ", ".join(f"{n}={v!r}" for n, v in self.get_params(deep=False).items())
        return f"{type(self).__name__}({params})"

    def fit(self, problem: Problem, origin: pd.Period, horizon: int) -> Self:
        """Learn from everything known at ``origin``."""
        self.horizon_ = horizon
        return self

    @abstractmethod
    def margins(self, problem: Problem, origin: pd.Period) -> Margins:
        """Distributions of the counts ``horizon`` months after ``origin``, shape (regions,)."""

    def to_json(self) -> dict[str, Any]:
        """Everything needed to predict again, as plain numbers; members with more than parameters add it."""
        return {"name": self.name, "horizon": self.horizon_, "settings": self.get_params(deep=False)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """A fitted member from what :meth:`to_json` wrote."""
        member = cls(**stored.get("settings", {}))
        member.horizon_ = int(stored["horizon"])
        return member
