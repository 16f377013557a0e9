"""What a region's path would do downstream: baseline and scenario worlds under the same random numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ...data.errors import OriginError, RegionError, SourceError, UsageError, nearest
from ...data.frames import csv_frame
from ...data.panel import Panel
from ...training.diffusion.border_signal import GRADES
from ...training.diffusion.design import lag_states
from ...training.diffusion.model import Diffusion
from ...training.diffusion.simulation import means_along, simulate, size_at_origin
from ...training.diffusion.uncertainty import Ensemble, spread
from ...training.models.base import Problem
from .attribution import grades_of, stratified_uniforms
from .words import NO_BORDER, shock_words

COLUMNS = (
    "level",
    "place",
    "country",
    "month",
    "baseline",
    "scenario",
    "difference",
    "difference_low",
    "difference_high",
    "path_05",
    "path_95",
    "set",
    "statement",
)
#: Nothing beyond these is simulated: a region's events in a month, and a factor.
MOST = {"level": 10_000.0, "plus": 10_000.0, "times": 100.0}
_FORM = "Write REGION=2x, REGION=+20, REGION=12 or REGION=@2012."


@dataclass(frozen=True)
class Change:
    """One region's expected counts, changed.

    Attributes
    ----------
    region_id : str
    kind : {"times", "plus", "level", "year"}
        The baseline's multiplied, or added to, month by month; set, or set to the monthly mean of a year.
    value : float
        The factor, the events per month, or the year.
    """

    region_id: str
    kind: str
    value: float


@dataclass(frozen=True)
class Scenario:
    """Changes by month and region, (months, regions): ``baseline * factor + plus``, or ``given`` where not NaN."""

    factor: np.ndarray
    plus: np.ndarray
    given: np.ndarray

    def over(self, baseline: np.ndarray) -> np.ndarray:
        """What is set, given the means of the baseline; NaN where the model's own stand.

        Parameters
        ----------
        baseline : numpy.ndarray
            (months, worlds, regions), as the result.
        """
        changed = (self.factor != 1) | (self.plus != 0)
        level = np.where(changed[:, None], baseline * self.factor[:, None] + self.plus[:, None], np.nan)
        return np.where(np.isnan(self.given[:, None]), level, self.given[:, None])

    @property
    def touched(self) -> np.ndarray:
        """bool (regions,): set by the scenario, not by the model."""
        return np.asarray(((self.factor != 1) | (self.plus != 0) | ~np.isnan(self.given)).any(axis=0))


def parse_change(text: str) -> list[Change]:
    """Changes from ``REGION[,REGION...]=CHANGE``.

    Examples
    --------
    >>> parse_change("MLI-gao=2x")
    [Change(region_id='MLI-gao', kind='times', value=2.0)]
    >>> [c.kind for c in parse_change("MLI-gao,MLI-kidal=@2012")]
    ['year', 'year']

    Raises
    ------
    UsageError
        The text has another form, or names a level that is negative or beyond :data:`MOST`.
    """
    names, sign, change = (part.strip() for part in text.partition("="))
    found = re.fullmatch(r"(?P<head>[@+]?)(?P<number>-?\d+(\.\d+)?)(?P<tail>x?)", change)
    if not (names and sign and found) or (found["head"] and found["tail"]):
        raise UsageError(f"'{text}' is not a change of a region.", "--set", _FORM)
    value = float(found["number"])
    if value < 0:
        raise UsageError(
            f"'{text}' would make a region's events negative.",
            "--set",
            "Levels, factors and additions are >= 0.",
        )
    kind = {"@": "year", "+": "plus"}.get(found["head"], "times" if found["tail"] else "level")
    if kind == "year" and not value.is_integer():
        raise UsageError(f"'{change}' is not a year.", "--set", _FORM)
    if value > MOST.get(kind, np.inf):
        raise UsageError(
            f"'{text}' is beyond anything that the model has seen.",
            "--set",
            f"At most {MOST['level']:.0f} events a month can be set or added, and factors at most {MOST['times']:.0f}.",
        )
    regions = [name.strip() for name in names.split(",")]
    if not all(regions):
        raise UsageError(f"'{text}' names a region that is empty.", "--set", _FORM)
    return [Change(region, kind, value) for region in regions]


def plan_of(changes: Sequence[Change], panel: Panel, months: int, lasting: int) -> Scenario:
    """What the changes mean for the ``months`` after the panel's last one, the first ``lasting`` of them changed.

    Raises
    ------
    UsageError
        A region is changed twice.
    RegionError
        A region that the panel does not have.
    OriginError
        A year that the panel does not have, or a region whose coverage has ended before the origin.
    """
    shape = (months, panel.shape[1])
    plan = Scenario(np.ones(shape), np.zeros(shape), np.full(shape, np.nan))
    seen: set[str] = set()
    for change in changes:
        at = _region(change.region_id, panel)
        if change.region_id in seen:
            raise UsageError(f"'{change.region_id}' is changed twice.", "--set", "Name each region once.")
        seen.add(change.region_id)
        if change.kind == "times":
            plan.factor[:lasting, at] = change.value
        elif change.kind == "plus":
            plan.plus[:lasting, at] = change.value
        else:
            level = change.value if change.kind == "level" else _year(int(change.value), at, panel)
            plan.given[:lasting, at] = level
    return plan


def plan_from_table(table: pd.DataFrame, panel: Panel, months: int, where: str = "") -> Scenario:
    """A plan from a table of paths: ``month, region_id, events``, one row per region and month that is set.

    Raises
    ------
    UsageError
        Columns that are missing, no row, a month outside the horizon, a level that is negative, no number or beyond
        :data:`MOST`, or a region-month that is given twice.
    RegionError, OriginError
        As for :func:`plan_of`.
    """
    missing = [c for c in ("month", "region_id", "events") if c not in table]
    if missing:
        raise UsageError(
            f"the column '{missing[0]}' is missing.", where, "Bring month, region_id and events."
        )
    if table.empty:
        raise UsageError("the table has no row, so nothing is set.", where, "Add a row per region and month.")
    shape, first = (months, panel.shape[1]), panel.months[-1] + 1
    plan = Scenario(np.ones(shape), np.zeros(shape), np.full(shape, np.nan))
    levels = pd.to_numeric(table["events"], errors="coerce").to_numpy(float)
    for row, (month, region, level) in enumerate(
        zip(table["month"].astype(str), table["region_id"].astype(str), levels, strict=True), start=2
    ):
        spot = f"{where}, row {row}".strip(", ")
        if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month):
            raise UsageError(f"'{month}' is not a month.", spot, "Write it as 2024-01.")
        t = (pd.Period(month, freq="M") - first).n
        if not 0 <= t < months:
            raise UsageError(
                f"{month} is not among the months that are forecast.",
                spot,
                f"They are {first} to {first + months - 1}.",
            )
        if not level >= 0:
            raise UsageError("the number of events is missing or negative.", spot, "Levels are >= 0.")
        if level > MOST["level"]:
            raise UsageError(
                "so many events are beyond anything that the model has seen.",
                spot,
                f"Levels are at most {MOST['level']:.0f} events a month.",
            )
        at = _region(region, panel, spot)
        if not np.isnan(plan.given[t, at]):
            raise UsageError(f"{region} in {month} is given twice.", spot, "Keep one row.")
        plan.given[t, at] = level
    return plan


def read_paths(path: Path) -> pd.DataFrame:
    """A table of paths from CSV."""
    if not path.is_file():
        raise SourceError("there is no such file.", str(path), "Correct the path.")
    try:
        return csv_frame(path, ("month", "region_id"))
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as reason:
        raise SourceError(f"this is not a readable CSV ({reason}).", str(path), "Save it as UTF-8.") from None


def _region(name: str, panel: Panel, where: str = "") -> int:
    if name not in panel.region_ids:
        raise RegionError(f"'{name}' is not in this panel.", where, nearest(name, panel.region_ids))
    at = panel.region_ids.index(name)
    if not panel.observed[-1, at]:
        raise OriginError(
            f"the coverage of {name} has ended before the origin {panel.months[-1]}.",
            where,
            "Choose an earlier origin, or another region.",
        )
    return at


def _year(year: int, at: int, panel: Panel) -> float:
    """Mean events per month of a region in a year."""
    inside = np.asarray(panel.months.year == year)
    values = panel.measure("events")[inside, at]
    if not len(values) or np.isnan(values).all():
        raise OriginError(
            f"{panel.region_ids[at]} was not observed in {year}.",
            remedy=f"Choose a year from {panel.months[0].year} to {panel.months[-1].year}.",
        )
    return float(np.nanmean(values))


def run_scenario(
    model: Diffusion,
    problem: Problem,
    origin: pd.Period,
    plan: Scenario,
    paths: int,
    rng: np.random.Generator,
    published: np.ndarray | None = None,
) -> pd.DataFrame:
    """Simulate the baseline and the scenario under the same random numbers.

    With a published forecast the baseline is that one, what is set is set against it, and differences elsewhere are the
    model's, in proportion where less is published than it simulates, and never more.

    Parameters
    ----------
    model : Diffusion
        Fitted at ``origin``.
    plan : Scenario
        Its months are the months that are simulated.
    paths : int
        Paths per world.
    published : numpy.ndarray, optional
        Expected events of the published forecast, (months, regions); the path model's own where None.

    Returns
    -------
    pandas.DataFrame
        One row per region or country and month (and for the sum over all months): ``level`` (region, country),
        ``place, country, month``, expected events ``baseline, scenario, difference``; ``difference_low,
        difference_high``: 90 % interval of the expected difference, every coefficient uncertain; ``path_05,
        path_95``: where nine of ten paths' differences lie; ``set``: whether the scenario sets it; ``statement``: what
        may be said of the difference.
    """
    panel = problem.panel
    states = lag_states(problem)[problem.row(origin)]
    months, regions = plan.factor.shape
    uniforms = stratified_uniforms(paths, months, regions, rng)
    # One size for both worlds: no path may fall because the other world is more certain.
    size, ensemble = size_at_origin(model, states), Ensemble.of(model)
    if published is None:
        base = simulate(model, states, size, uniforms)
        changed = simulate(model, states, size, uniforms, plan.over(means_along(model, states, base)))
        expected = ensemble.expect(states, months).mean
        exact_difference = ensemble.expect(states, months, given=plan.over(expected)).mean - expected
        level, kept, known = base.mean(axis=0), np.ones((months, regions)), np.full((months, regions), np.nan)
    else:
        level = published
        given = plan.over(published[:, None])
        before = np.where(np.isnan(given), np.nan, published[:, None])
        base, changed = (simulate(model, states, size, uniforms, world) for world in (before, given))
        exact = [ensemble.expect(states, months, given=world).mean for world in (before, given)]
        exact_difference, own = exact[1] - exact[0], base.mean(axis=0)
        less = np.minimum(published / np.where(own > 0, own, np.inf), 1.0)
        # What is set is known exactly.
        known = given[:, 0] - published
        kept = np.where(np.isnan(known), less, 1.0)
    base, changed, exact_difference = base * kept, changed * kept, exact_difference * kept[:, None]
    found = (changed - base).mean(axis=0)
    found = np.where(np.isnan(known), found, known)
    of = np.array(model.countries)
    labels = [str(origin + t + 1) for t in range(months)]
    tables = []
    for i, (place, country) in enumerate(zip(panel.region_ids, model.countries, strict=True)):
        label = ("region", place, country, bool(plan.touched[i]))
        worlds = base[:, :, i], changed[:, :, i], exact_difference[:, :, i]
        tables.append(_compare(label, labels, level[:, i], found[:, i], *worlds))
    for country in sorted(set(model.countries)):
        at = of == country
        label = ("country", country, country, bool(plan.touched[at].any()))
        sums = [w[:, :, at].sum(axis=2) for w in (base, changed, exact_difference)]
        tables.append(_compare(label, labels, level[:, at].sum(axis=1), found[:, at].sum(axis=1), *sums))
    table = pd.concat(tables, ignore_index=True)
    touched = {str(c) for c in of[plan.touched]}
    grades = grades_of(model.pairs)
    statements = {c: _attribution_statement(c, touched, grades) for c in set(model.countries)}
    return table.assign(statement=table["country"].map(statements))[list(COLUMNS)]


def _compare(
    label: tuple[str, str, str, bool],
    months: Sequence[str],
    level: np.ndarray,
    difference: np.ndarray,
    base: np.ndarray,
    changed: np.ndarray,
    exact_difference: np.ndarray,
) -> pd.DataFrame:
    """Rows of one place: every month, and all of them together.

    ``level`` is what is expected in the baseline, ``difference`` how much more in the scenario (months,); ``base`` and
    ``changed`` are paths (paths, months), ``exact_difference`` exact differences (months, versions).
    """
    base, changed = (np.column_stack([w.astype(float), w.sum(axis=1)]) for w in (base, changed))
    paths = changed - base
    exact = np.vstack([exact_difference, exact_difference.sum(axis=0)]).T
    # The exact differences say how far the simulated one could move with other coefficients.
    expected, found = (np.append(mean, mean.sum()) for mean in (level, difference))
    _, low, high = spread(found + (exact - exact[0]))
    kind, place, country, touched = label
    return pd.DataFrame(
        {
            "level": kind,
            "place": place,
            "country": country,
            "month": [*months, "all"],
            "baseline": expected,
            "scenario": np.maximum(expected + found, 0.0),
            "difference": found,
            "difference_low": low,
            "difference_high": high,
            "path_05": np.quantile(paths, 0.05, axis=0),
            "path_95": np.quantile(paths, 0.95, axis=0),
            "set": touched,
        }
    )


def effects(table: pd.DataFrame, most: int = 12) -> pd.DataFrame:
    """The largest differences over all months in regions that the scenario does not set, with what may be said."""
    rows = table[(table["level"] == "region") & (table["month"] == "all") & ~table["set"]]
    rows = rows.sort_values("difference", key=lambda d: -d.abs(), kind="stable").head(most)
    return rows.reset_index(drop=True)


def _attribution_statement(
    country: str, touched: AbstractSet[str], grades: Mapping[tuple[str, str], str]
) -> str:
    """What can be claimed about a difference in a country, given where the scenario sets something."""
    if country in touched:
        return "inside the country"
    into = [grades[source, country] for source in sorted(touched) if (source, country) in grades]
    if not into:
        return NO_BORDER
    best = min(into, key=GRADES.index)
    return f"model-attributed; evidence: {best}{shock_words(best)}"
