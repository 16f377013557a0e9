"""Any scikit-learn regressor as a member: its mean with a learned spread, or its quantiles as a distribution."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import pandas as pd

from ...data.errors import ModelError, UsageError
from ..margins import Margins, negative_binomial
from ..models.base import Problem, Sample
from ..models.dispersion import SizeLaw, fit_size
from ..models.support import supported
from .estimators import from_skops, from_spec, paths_in, seeded, skops_text, spec_of
from .quantiles import from_quantiles

if TYPE_CHECKING:
    from ...features.recipe import Recipe

#: Least mean: a count that never happens has no logarithm.
LEAST = 1e-6
#: The spread is learned from the errors on the newest share of all rows of a fit on one earlier row in so many, and on
#: so many rows at least: a fit knows its own rows too well, and a second whole one would cost as much as the first.
THIN, FEWEST, NEWEST = 32, 200, 0.25
#: How an estimator says which quantile it gives.
LEVEL_NAMES = ("quantile", "alpha")


class Regressor:
    """A scikit-learn regressor as a member of the pool, fitted for each horizon on the design matrix.

    A fresh copy is fitted on every pair of features and outcome known at the origin. Where it takes ``sample_weight``,
    rows of regions that were quiet and stayed so are thinned, and old rows count less; otherwise all rows count alike.
    A mean beyond what the record supports is tapered, as for every member.

    Parameters
    ----------
    estimator : sklearn estimator
        A regressor of means (``PoissonRegressor()``, ``HistGradientBoostingRegressor(loss="poisson")``, a pipeline), or
        of quantiles (``HistGradientBoostingRegressor(loss="quantile")``, ``QuantileRegressor()``).
    features : Recipe, optional
        What it learns from; the features of the run where None.
    size : "by level" or float
        Spread of a mean: the size of a negative binomial, learned as a power of the level, or one number, > 0.
    quantiles : sequence of float, optional
        The estimator gives these quantiles, in 0..1, one fit for each level; ``size`` is not used then.
    name : str, optional
        What tables call it; its class where None.
    recency_half_life : float or None
        Months after which a row counts half; None: all count alike.
    store : "recipe" or "skops"
        How it is kept: as a description from which it is fitted again at the origin of the training, or as it was
        fitted, in skops' format. Both are read only where the classes are declared in the settings (``trusted``).

    Raises
    ------
    UsageError
        It is no regressor, or an option is none of these.

    Examples
    --------
    >>> from sklearn.linear_model import PoissonRegressor
    >>> from harmattan.features import Lag, Recipe, Sum
    >>> member = Regressor(PoissonRegressor(), features=Recipe([Lag(0), Sum(12)]))
    >>> member.name
    'poisson_regressor'
    """

    def __init__(
        self,
        estimator: Any,
        features: Recipe | None = None,
        size: str | float = "by level",
        quantiles: Sequence[float] | None = None,
        name: str | None = None,
        recency_half_life: float | None = 60.0,
        store: str = "recipe",
    ) -> None:
        _check(estimator, size, quantiles, store)
        _check_rest(features, name, recency_half_life)
        self.estimator, self.features, self.size = estimator, features, size
        self.quantiles = None if quantiles is None else tuple(map(float, quantiles))
        self.recency_half_life, self.store = recency_half_life, store
        self.name = name or _name_of(estimator)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name; with ``deep`` those of the estimator too, as ``estimator__alpha``."""
        names = ("estimator", "features", "size", "quantiles", "name", "recency_half_life", "store")
        own = {name: getattr(self, name) for name in names}
        inner = {f"estimator__{k}": v for k, v in self.estimator.get_params().items()} if deep else {}
        return {**own, **inner}

    def set_params(self, **params: Any) -> Self:
        """The same with other parameters (``estimator__alpha``), and without anything learned."""
        inner = {n.removeprefix("estimator__"): v for n, v in params.items() if n.startswith("estimator__")}
        own = {n: v for n, v in params.items() if not n.startswith("estimator__")}
        whole = {**self.get_params(deep=False), **own}
        estimator = seeded(whole.pop("estimator")).set_params(**inner)
        self.__dict__.clear()
        self.__init__(estimator, **whole)  # type: ignore[misc]
        return self

    def fresh(self) -> Regressor:
        """The same, without anything learned."""
        return Regressor(**{**self.get_params(deep=False), "estimator": seeded(self.estimator)})

    def needs(self) -> tuple[str, ...]:
        """Classes and functions that it is made of, by their paths."""
        return tuple(dict.fromkeys(paths_in(spec_of(self.estimator))))

    def fit(self, problem: Problem, origin: pd.Period, horizon: int) -> Self:
        """Learn the spread from everything known at the origin; the estimator is fitted when it first forecasts."""
        self.horizon_, self.origin_ = horizon, origin
        self.rows_: _Rows | None = _Rows.of(problem, origin, horizon, self)
        self.law_ = None
        if self.quantiles is None and self.size == "by level":
            self.law_ = self._law(self.rows_)
        return self

    def _fitted(self, rows: _Rows | None) -> list[_Fit]:
        """One estimator, or one for each quantile."""
        assert rows is not None
        if self.quantiles is None:
            return [rows.fit(self.estimator)]
        name = _level_name(self.estimator)
        return [rows.fit(seeded(self.estimator).set_params(**{name: q})) for q in self.quantiles]

    def _law(self, rows: _Rows) -> SizeLaw:
        """The size law of the errors on the newest rows, of a fit on some of those before."""
        months, sample = rows.months, rows.sample
        cut = np.quantile(months, 1 - NEWEST)
        early = np.flatnonzero(months <= cut - self.horizon_)
        early = early[:: max(min(THIN, len(early) // FEWEST), 1)]
        late = np.flatnonzero(months > cut)
        if not len(early) or not rows.counts[early].any():
            early = late = np.arange(len(months))
        mean = rows.fit(self.estimator, early).predict(rows.x.iloc[late])
        mean = np.minimum(np.nan_to_num(mean, posinf=np.inf), max(float(rows.counts.max()), 1.0))
        weights = sample.weights(self.recency_half_life)[late]
        return fit_size(rows.counts[late], np.maximum(mean, LEAST), weights, sample.target)

    def margins(self, problem: Problem, origin: pd.Period) -> Margins:
        """Negative binomial margins, or those of the quantiles, (regions,)."""
        if not hasattr(self, "estimators_"):
            rows = getattr(self, "rows_", None) or _Rows.of(problem, self.origin_, self.horizon_, self)
            self.estimators_, self.rows_ = self._fitted(rows), None
        row = problem.row(origin)
        cube = problem.features(self.features)
        x = pd.DataFrame(cube.values[row].astype(float), columns=list(cube.names))
        given = np.array([fit.predict(x) for fit in self.estimators_])
        self._check_given(given, problem.panel.region_ids)
        if self.quantiles is not None:
            rising = np.sort(np.maximum(given, 0), axis=0).T
            return from_quantiles(np.array(self.quantiles), rising, whole=False)
        # No record supports more than the largest count in it, whatever an estimator makes of a logarithm.
        most = max(float(problem.counts[: row + 1].max(initial=0)), 1.0)
        mean = supported(problem.whole, np.array([row]), np.clip(given, LEAST, most))[0]
        size = self.law_.at(mean) if self.law_ is not None else np.full(len(mean), float(self.size))
        return negative_binomial(mean, size)

    def _check_given(self, given: np.ndarray, regions: tuple[str, ...]) -> None:
        kind = type(self.estimator).__name__
        if given.shape[1:] != (len(regions),):
            raise ModelError(f"{kind} predicts shape {given.shape[1:]} for {len(regions)} regions.")
        # Quantiles may go a little below zero where it is quiet; means may not.
        negative = (given < 0) & (self.quantiles is None)
        for what, wrong in (("what is not a number", np.isnan(given)), ("a negative count", negative)):
            if wrong.any():
                where = regions[int(wrong.any(axis=0).argmax())]
                raise ModelError(
                    f"{kind} predicts {what} for {where}.",
                    remedy="Choose a loss for counts, such as Poisson, or take the logarithm of the outcome.",
                )

    def to_files(self) -> dict[str, str]:
        """The description of the estimator, its features and its spread as JSON; with skops the fit as well."""
        about = {
            "estimator": spec_of(self.estimator),
            "features": None if self.features is None else self.features.to_dict(),
            "size": self.size,
            "law": None if self.law_ is None else [self.law_.intercept, self.law_.slope],
            "quantiles": self.quantiles,
            "name": self.name,
            "recency_half_life": self.recency_half_life,
            "store": self.store,
            "origin": str(self.origin_),
            "horizon": self.horizon_,
        }
        files = {"regressor.json": json.dumps(about, sort_keys=True, allow_nan=False) + "\n"}
        if self.store == "skops":
            fits = getattr(self, "estimators_", None) or self._fitted(self.rows_)
            files["fitted.skops.txt"] = skops_text([fit.estimator for fit in fits])
            files["unknown.json"] = json.dumps([list(fit.unknown) for fit in fits]) + "\n"
        return files

    @classmethod
    def from_files(
        cls,
        files: Mapping[str, str],
        trusted: Collection[str] = (),
        functions: Mapping[str, Callable[..., Any]] | None = None,
    ) -> Self:
        """What :meth:`to_files` gave: fitted with skops, else fitted again at its origin when it first forecasts."""
        from ...features.recipe import Recipe

        about = json.loads(files["regressor.json"])
        made = cls(
            from_spec(about["estimator"], trusted),
            None if about["features"] is None else Recipe.from_json(json.dumps(about["features"]), functions),
            about["size"],
            about["quantiles"],
            about["name"],
            about["recency_half_life"],
            about["store"],
        )
        made.law_ = None if about["law"] is None else SizeLaw(*about["law"])
        made.origin_, made.horizon_ = pd.Period(about["origin"], freq="M"), int(about["horizon"])
        if made.store == "skops":
            fitted = from_skops(files["fitted.skops.txt"], trusted)
            unknown = json.loads(files["unknown.json"])
            made.estimators_ = [_Fit(e, tuple(u)) for e, u in zip(fitted, unknown, strict=True)]
        return made


class _Fit(NamedTuple):
    """A fitted estimator, and the features that it has never seen a value of: nothing could be learned from them."""

    estimator: Any
    unknown: tuple[str, ...]

    def predict(self, x: pd.DataFrame) -> np.ndarray:
        """What it says of some rows, (rows,)."""
        with np.errstate(all="ignore"):
            return np.asarray(self.estimator.predict(_without(x, self.unknown)), dtype=float)


def _without(x: pd.DataFrame, unknown: Sequence[str]) -> pd.DataFrame:
    """The same rows with a constant in the place of some features; many estimators take no column of nothing."""
    return x.assign(**dict.fromkeys(unknown, 0.0)) if unknown else x


class _Rows:
    """What an estimator is fitted on."""

    def __init__(
        self, sample: Sample, x: pd.DataFrame, counts: np.ndarray, weights: np.ndarray | None
    ) -> None:
        self.sample, self.x, self.counts, self.weights = sample, x, counts, weights
        self.months = sample.months

    @classmethod
    def of(cls, problem: Problem, origin: pd.Period, horizon: int, asked: Regressor) -> _Rows:
        """Every pair of features and outcome known at an origin, of the regions that are forecast."""
        weighted = _takes_weights(asked.estimator)
        whole = problem.whole
        alone = whole if not whole.also else _without_others(whole)
        sample = alone.sample(origin, horizon, 24, thinned=weighted)
        cube = problem.features(asked.features)
        (piece,) = sample.pieces
        values = cube.values[piece.rows, piece.regions].astype(float)
        x = pd.DataFrame(values, columns=list(cube.names))
        weights = sample.weights(asked.recency_half_life) if weighted else None
        return cls(sample, x, sample.counts, weights)

    def fit(self, estimator: Any, at: np.ndarray | None = None) -> _Fit:
        """A fresh copy of an estimator fitted on some of the rows, on one thread."""
        from threadpoolctl import threadpool_limits

        x, y = (self.x, self.counts) if at is None else (self.x.iloc[at], self.counts[at])
        weights = self.weights if at is None or self.weights is None else self.weights[at]
        unknown = tuple(x.columns[x.isna().all()])
        made, x = seeded(estimator), _without(x, unknown)
        # A search for coefficients may pass through numbers that overflow; what comes out of it is checked.
        with threadpool_limits(1), np.errstate(all="ignore"):
            try:
                made = made.fit(x, y) if weights is None else made.fit(x, y, sample_weight=weights)
            except ValueError as reason:
                if "NaN" not in str(reason):
                    raise
                gaps = x.columns[x.isna().any()]
                what = (
                    f"{type(estimator).__name__} takes no missing values, and {len(gaps)} features have some"
                )
                raise ModelError(
                    f"{what}, such as '{gaps[0]}'.",
                    remedy="Put it in a pipeline: make_pipeline(SimpleImputer(), StandardScaler(), ...).",
                ) from reason
        return _Fit(made, unknown)


def _without_others(problem: Problem) -> Problem:
    """The problem of the regions that are forecast alone: they are all that a stored model has at hand."""
    made: Problem = problem.__dict__.setdefault(
        "_alone", Problem(problem.panel, problem.cube, problem.target)
    )
    return made


def _takes_weights(estimator: Any) -> bool:
    from sklearn.utils.validation import has_fit_parameter

    return bool(has_fit_parameter(estimator, "sample_weight"))


def _check(estimator: Any, size: Any, quantiles: Sequence[float] | None, store: str) -> None:
    if isinstance(estimator, type) or not all(
        hasattr(estimator, n) for n in ("fit", "predict", "get_params")
    ):
        what = "a class" if isinstance(estimator, type) else f"a {type(estimator).__name__}"
        raise UsageError(f"{what} is no regressor.", "estimator", "Give one such as PoissonRegressor().")
    number = isinstance(size, int | float) and not isinstance(size, bool)
    if not (isinstance(size, str) and size == "by level") and not (number and 0 < size < np.inf):
        raise UsageError(f"{size!r} is no size.", "size", 'Write "by level", or a number above 0.')
    if quantiles is not None:
        levels = list(quantiles) if isinstance(quantiles, Iterable) else []
        rising = all(isinstance(q, float | np.floating) for q in levels) and all(
            0 < a < b < 1 for a, b in pairwise(levels)
        )
        if len(levels) < 3 or not rising:
            raise UsageError("these are no quantiles.", "quantiles", "Give three or more, rising, in 0..1.")
        _level_name(estimator)
    if store not in ("recipe", "skops"):
        raise UsageError(f"'{store}' is no way to store it.", "store", 'Write "recipe" or "skops".')


def _check_rest(features: Any, name: Any, recency_half_life: Any) -> None:
    from ...features.recipe import Recipe

    if features is not None and not isinstance(features, Recipe):
        what = f"a {type(features).__name__} is no recipe."
        raise UsageError(what, "features", "Write Recipe([...]), or Recipe.read(path).")
    if name is not None and not isinstance(name, str):
        raise UsageError(f"{name!r} is no name.", "name", "Write text.")
    number = isinstance(recency_half_life, int | float) and not isinstance(recency_half_life, bool)
    if recency_half_life is not None and not (number and 0 < recency_half_life < np.inf):
        what = f"{recency_half_life!r} is no number of months."
        raise UsageError(what, "recency_half_life", "Give months above 0, or None: all rows count alike.")


def _level_name(estimator: Any) -> str:
    """The parameter that says which quantile an estimator gives."""
    names = list(estimator.get_params())
    found = [n for kind in LEVEL_NAMES for n in names if n.split("__")[-1] == kind]
    if not found:
        what = f"{type(estimator).__name__} has no parameter 'quantile' or 'alpha'."
        raise UsageError(what, "quantiles", "Choose a quantile regressor, or leave quantiles out.")
    return str(found[0])


def _name_of(estimator: Any) -> str:
    import re

    last = estimator
    while hasattr(last, "steps") and last.steps:
        last = last.steps[-1][1]
    return str(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(last).__name__).lower()[:40])
