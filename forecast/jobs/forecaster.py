"""Fit, predict, update, save: the pool of one target in the manner of scikit-learn and sktime."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from ...data.errors import ModelError, SchemaError, UsageError
from ..settings import Settings
from ..values import horizons_of

if TYPE_CHECKING:
    from ...data.panel import Panel
    from ...features.recipe import Recipe
    from ...training.distribution import Draws
    from ...training.models import MemberLike
    from ...training.trained_model import TrainedModel

#: Files beside the model's own.
HISTORY, ABOUT, MODEL = "history.csv", "forecaster.json", "model"


class Forecaster:
    """The pool of one target, fitted once and asked as often as wanted; without spillover, watch list and report.

    Parameters
    ----------
    target : str
        ``events``, ``deaths``, or any count of the panel.
    horizons : int or sequence of int
        Months ahead that it is fitted for, 1..36.
    members : sequence, optional
        What the pool is made of: names, objects of your own, ``...`` for the usual ones.
    recipe : Recipe, optional
        The features; the usual ones of the panel where None.
    draws, seed, workers : int
        Draws per forecast; root of the random streams; processes, 0: one per core.
    backtest_origins : int
        Past months that weights and calibration are learned from, 0 for equal weights.

    Raises
    ------
    ConfigError
        A value out of range.

    Examples
    --------
    >>> months = pd.period_range("2018-01", periods=48, freq="M").astype(str)
    >>> frame = pd.DataFrame({"month": months, "region_id": "MLI-gao", "events": np.arange(48) % 5})
    >>> model = Forecaster(horizons=[1, 2], members=["conflictology_12"], draws=50, backtest_origins=0, workers=1)
    >>> model.fit(frame).predict().values.shape
    (50, 2, 1)
    >>> model.predict_proba(at_least=3, horizons=[1])["probability"].tolist()
    [0.34]
    """

    def __init__(
        self,
        target: str = "events",
        horizons: int | Sequence[int] = (1, 2, 3, 4, 5, 6),
        members: Sequence[MemberLike] | None = None,
        recipe: Recipe | None = None,
        draws: int = 1000,
        seed: int = 20231,
        workers: int = 0,
        backtest_origins: int = 12,
    ) -> None:
        self.members, self.recipe = members, recipe
        self.settings = Settings(
            targets=(target,),
            horizons=horizons_of(horizons),
            draws=draws,
            seed=seed,
            workers=workers,
            backtest_origins=backtest_origins,
            spillover_regions=0,
            parts=False,
        )
        self._fitted: tuple[Panel, TrainedModel] | None = None

    def __repr__(self) -> str:
        """What it is, and what it knows."""
        known = "not fitted" if self._fitted is None else f"{self.panel.shape[1]} regions to {self.origin}"
        return f"Forecaster({self.settings.targets[0]}, horizons {list(self.settings.horizons)}; {known})"

    @property
    def panel(self) -> Panel:
        """The history that it knows; a :class:`ModelError` before it was fitted."""
        return self._known[0]

    @property
    def origin(self) -> pd.Period:
        """The last month that it knows."""
        return self.panel.last_month

    @property
    def weights(self) -> pd.DataFrame:
        """Weights of the members: ``horizon, member, weight``."""
        pools = self._known[1].pools
        rows = [(h, name, weight) for (_, h), pool in pools.items() for name, weight in pool.shares.items()]
        return pd.DataFrame(rows, columns=["horizon", "member", "weight"])

    @property
    def scores(self) -> pd.DataFrame:
        """How the members did on the past months that weights were learned from."""
        return self._known[1].scores

    @property
    def _known(self) -> tuple[Panel, TrainedModel]:
        if self._fitted is None:
            raise ModelError("this forecaster is not fitted.", remedy="Call fit(panel) first.")
        return self._fitted

    def fit(self, data: Panel | pd.DataFrame | Any, links: pd.DataFrame | None = None) -> Self:
        """Learn from a panel up to its last month.

        Parameters
        ----------
        data : Panel or table
            ``month, region_id`` and the target, a row per month and region; pandas, polars or Arrow.
        links : pandas.DataFrame, optional
            ``region_a, region_b, border_km`` for a table.

        Raises
        ------
        HarmattanError
            A table that is no panel, too short a history, a member that fails.
        """
        from ...data.panel import require_covariates
        from ...training.problems import build_problems
        from ..fitting import fit_models
        from ..loading import with_targets

        panel = _panel_of(data, links)
        panel = panel.until(panel.last_month)
        with_targets(self.settings, panel)
        require_covariates(panel, panel.last_month)
        recipe = self._recipe(panel)
        problems = build_problems(panel, self.settings.targets, recipe=recipe)
        trained = fit_models(self.settings, problems, panel.last_month, recipe, self.members)
        self._fitted = panel, trained
        return self

    def _recipe(self, panel: Panel) -> Recipe:
        from ...features.recipe import Recipe

        return Recipe.usual(panel) if self.recipe is None else self.recipe.served(panel)[0]

    def predict(self, horizons: int | Sequence[int] | None = None) -> Draws:
        """Joint draws of the months ahead of the last one that is known.

        Parameters
        ----------
        horizons : int or sequence of int, optional
            Some of those that it was fitted for; all where None.

        Returns
        -------
        Draws
            (draws, horizons, regions), counts.
        """
        from ...training.distribution import Draws, independent_ranks, joint_draws
        from ...training.margins import stack
        from ...training.problems import build_problems

        panel, trained = self._known
        target = self.settings.targets[0]
        every = self.settings.horizons
        problem = build_problems(panel, [target], recipe=trained.recipe)[target]
        margins = stack([trained.pools[target, h].margins(problem, panel.last_month)["pool"] for h in every])
        rng = np.random.default_rng(np.random.SeedSequence([self.settings.seed, 1]))
        if trained.template is None:
            ranks = independent_ranks(self.settings.draws, (len(every), panel.shape[1]), rng)
        else:
            ranks = trained.template.ranks(self.settings.draws, panel.countries, rng)
        values = joint_draws(margins, ranks)
        made = Draws(values, panel.last_month, every, panel.region_ids, target, margins.mean)
        if horizons is None:
            return made
        return made.select(horizons=horizons)

    def predict_quantiles(
        self, levels: Sequence[float] = (0.1, 0.5, 0.9), horizons: int | Sequence[int] | None = None
    ) -> pd.DataFrame:
        """Quantiles: ``region_id, month, horizon``, and a column for each level, such as ``q0.1``."""
        given: Any = levels
        several = not isinstance(given, str) and isinstance(given, Iterable)
        if not several or not len(levels) or not all(_is_share(p) for p in levels):
            raise UsageError(f"{levels!r} are no levels.", "levels", "Give numbers in 0..1.")
        draws = self.predict(horizons)
        found = draws.quantile(levels)
        return _by_case(draws).assign(**{f"q{p:g}": q.ravel() for p, q in zip(levels, found, strict=True)})

    def predict_proba(self, at_least: int = 1, horizons: int | Sequence[int] | None = None) -> pd.DataFrame:
        """The probability of so many or more: ``region_id, month, horizon, probability``."""
        if isinstance(at_least, bool) or not isinstance(at_least, int | np.integer) or at_least < 1:
            raise UsageError(f"{at_least!r} is no count.", "at_least", "Give a whole number of 1 or more.")
        draws = self.predict(horizons)
        return _by_case(draws).assign(probability=draws.prob_at_least(int(at_least)).ravel())

    def update(self, data: Panel | pd.DataFrame | Any) -> Self:
        """Add months to what is known; what was learned stays.

        Parameters
        ----------
        data : Panel or table
            The months after the last one, or a whole history that begins with the same months.

        Raises
        ------
        SchemaError
            Regions are missing or new, a month is left out, the months are known already, or counts that are known
            were revised.
        """
        from ...data.panel import Panel, with_covariates_of

        known = self.panel
        new = _panel_of(data, None)
        if set(new.region_ids) != set(known.region_ids):
            odd = sorted(set(new.region_ids) ^ set(known.region_ids))[0]
            raise SchemaError(
                f"'{odd}' is not in both.", "update", "Give every region that it was fitted on."
            )
        fresh = new.last_month
        if fresh <= known.last_month or new.months[0] > known.months[-1] + 1:
            what = f"it knows months to {known.last_month}, and {new.months[0]} to {fresh} are given."
            raise SchemaError(what, "update", f"Begin with {known.months[-1] + 1}, and leave none out.")
        _check_history(known, new)
        later = new.to_frame()
        later = later[pd.PeriodIndex(later["month"], freq="M") > known.last_month]
        before = known.to_frame()
        shared = [c for c in before.columns if c in later]
        lost = [m for m in known.measures if m not in later]
        if lost:
            raise SchemaError(f"the column '{lost[0]}' is missing.", "update", "Give every measure.")
        whole = pd.concat([before, later[shared]], ignore_index=True)
        joined = Panel.from_frame(whole, source=known.source, fractions=True)
        at = [joined.region_ids.index(r) for r in known.region_ids]
        joined = with_covariates_of(joined, whole, known.attrs)
        panel = replace(joined.take(regions=np.array(at)), links=known.links, attrs=known.attrs)
        self._fitted = replace(panel, names=known.names, countries=known.countries), self._known[1]
        return self

    def save(self, folder: str | Path) -> Path:
        """Write everything below a folder: the model and its history as text, nothing pickled."""
        panel, trained = self._known
        place = Path(folder)
        trained.write(place / MODEL)
        panel.to_frame().to_csv(place / HISTORY, index=False, lineterminator="\n", float_format="%.9g")
        asked = self.settings
        about = {
            "target": asked.targets[0],
            "horizons": list(asked.horizons),
            "draws": asked.draws,
            "seed": asked.seed,
            "backtest_origins": asked.backtest_origins,
            "attrs": {k: v for k, v in panel.attrs.items() if k in ("covariates", "delays", "carried")},
        }
        (place / ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        return place

    @classmethod
    def load(
        cls,
        folder: str | Path,
        trusted: Sequence[str] = (),
        workers: int = 0,
        functions: Mapping[str, Callable[..., Any]] | None = None,
    ) -> Self:
        """What :meth:`save` wrote.

        Parameters
        ----------
        folder : path
        trusted : sequence of str
            Classes of your own, or of scikit-learn, that members may import.
        workers : int
            Processes of later fits.
        functions : mapping of str to callable, optional
            Features of your own, by name.

        Raises
        ------
        ModelError
            A file that is missing or has changed, a class that is not declared.
        """
        from ...data.frames import csv_frame
        from ...data.panel import Panel, with_covariates_of
        from ...training.trained_model import TrainedModel

        place = Path(folder)
        if not (place / ABOUT).is_file():
            raise ModelError("this is no stored forecaster.", str(place), "Name the folder of save().")
        about = json.loads((place / ABOUT).read_text(encoding="utf-8"))
        attrs = about.pop("attrs")
        made = cls(**about, workers=workers)
        trained = TrainedModel.read(place / MODEL).trusting(trusted, functions)
        frame = csv_frame(place / HISTORY, ("region_id", "month", "name", "country"))
        panel = Panel.from_frame(frame, source="a stored forecaster", fractions=True)
        at = [panel.region_ids.index(r) for r in trained.places["region_ids"]]
        panel = with_covariates_of(panel, frame, attrs)
        panel = replace(panel.take(regions=np.array(at)), links=trained.links)
        made._fitted = panel, trained
        return made


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and bool(0 <= value <= 1)


def _check_history(known: Panel, new: Panel) -> None:
    """An error where a whole history does not say what is known already: what was learned would not fit it."""
    first = max(known.months[0], new.months[0])
    if first > known.last_month:
        return
    rows = [slice(p.position(first), p.position(known.last_month) + 1) for p in (known, new)]
    at = [new.region_ids.index(r) for r in known.region_ids]
    for name in set(known.measures) & set(new.measures):
        before, after = known.measures[name][rows[0]], new.measures[name][rows[1]][:, at]
        differs = ~np.isclose(before, after, rtol=1e-6, equal_nan=True)
        if differs.any():
            month, region = np.argwhere(differs)[0]
            what = (
                f"{name} of {known.region_ids[region]} in {first + int(month)} was {before[month, region]:g}, and is "
                f"{after[month, region]:g} now."
            )
            raise SchemaError(
                what, "update", "Fit again on counts that were revised, or give new months alone."
            )


def _panel_of(data: Any, links: pd.DataFrame | None) -> Panel:
    from ...data.panel import Panel

    if isinstance(data, Panel):
        if links is not None:
            raise UsageError("a panel has its links.", "links", "Leave them out.")
        return data
    return Panel.from_frame(data, links)


def _by_case(draws: Draws) -> pd.DataFrame:
    """One row per horizon and region."""
    months = [str(draws.origin + h) for h in draws.horizons]
    regions = len(draws.region_ids)
    return pd.DataFrame(
        {
            "region_id": list(draws.region_ids) * len(months),
            "month": np.repeat(months, regions),
            "horizon": np.repeat(draws.horizons, regions),
        }
    )
