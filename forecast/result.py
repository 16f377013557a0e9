"""What one monthly run knows when it is done: all that a release and a report are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ..data.panel import TARGETS, Panel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..data.geography import Regions
    from ..training.distribution import Draws

#: How far a run can be trusted: fit to publish, with reservations, not to be published.
Level = Literal["green", "amber", "red"]


@dataclass(frozen=True)
class ForecastResult:
    """One forecast from one origin, with everything that explains it.

    Attributes
    ----------
    origin : pandas.Period
        The last month seen, frequency ``M``.
    horizons : tuple of int
        Months ahead, from 1.
    panel : Panel
        The history up to ``origin`` (months x regions).
    regions : Regions or None
        Polygons and names; ``frame`` and ``geometry`` in one order, not necessarily the panel's. None for a panel
        that came without any: there is no map then.
    draws : dict of str to Draws
        By target (``events``, ``deaths``, and parts of them): int32 (draws, horizons, regions), >= 0. A group has no
        regions of countries where it has too few events.
    countries : dict of str to Draws
        By target: the same draws summed by country, so (draws, horizons, countries).
    spillover : pandas.DataFrame
        ``source_country, target_region, target_country, horizon`` (months cumulated), ``threshold,
        share_direct, share_total, risk_factual, risk_cut, risk_difference, pool_risk, declared, statement,
        observed_border_share, partly_blind, blind_towards``; shares and risks in 0..1.
    pairs : pandas.DataFrame
        ``source_country, target_country, permeability, coefficient, lr_statistic, p_value, p_holm,
        declared``.
    scores : pandas.DataFrame
        ``target, member, horizon, cases, crps, skill_vs_conflictology, skill_low, skill_high,
        coverage_50, coverage_80, coverage_90``; skill and coverage as fractions; members include
        ``conflictology`` and ``pool``.
    contributions : pandas.DataFrame
        ``region_id, horizon, family, value`` in counts of the first target per month; adds up to the pool's mean,
        and what lowers it is negative.
    coverage_note : pandas.DataFrame
        What is observed, per country.
    unseen : pandas.DataFrame
        ``country, towards, km``: how long each country's land border with one without data is.
    ledger : pandas.DataFrame
        Incidents read, placed and excluded, by reason.
    run_date : datetime.date
        The day against which the age of the data is measured.
    seed : int
        Root of every random stream.
    banner : str
        What a reader has to know first; empty where there is nothing.
    level : {"green", "amber", "red"}
        How far the run can be trusted.
    settings : dict
        Options of the run.
    package_version, data_hash : str
        What made the numbers, and from what (:meth:`Panel.digest`).
    timings : dict of str to float
        Seconds per stage; never written where bytes have to repeat.
    answers : dict of str to pandas.DataFrame
        Spillover taken apart: ``regions, routes, chains``, and ``groups`` where armed groups are known.
    quality : pandas.DataFrame
        ``name, status, message, rows``: every check of the data gate.
    reliability : pandas.DataFrame
        ``target, question, predicted_mean, low, high, cases, forecast, frequency``: how often what the recent
        back-test said came true; see :func:`harmattan.training.evaluation.reliability.reliability_table`.
    rehearsal : pandas.DataFrame
        The origin month as it would have been forecast a month before, per region; see
        :func:`harmattan.training.evaluation.reliability.rehearsal`.
    part_scores : pandas.DataFrame
        As ``scores``, of the parts; members are ``pool``, ``conflictology`` of the part itself and
        ``last_year_share``, the pool by the shares of the last 12 months.
    actors, facts, withheld : pandas.DataFrame
        Armed groups by region, what the record says of each place in words, and rows on groups of too few events,
        counted; see :mod:`harmattan.forecast.parts`.
    notes : tuple of str
        What has to be said of parts that could not be forecast.
    watch : dict of str to pandas.DataFrame
        By file: ``watchlist.csv`` (entries of armed groups), ``onsets.csv`` (violence of any kind),
        ``watch_routes.csv`` (where the pressure comes from) and ``watch_record.csv`` (earlier lists and what came);
        see :mod:`harmattan.forecast.watch`. Empty where nothing is known of them.
    watch_notes : tuple of str
        How often silent groups came back, and what is missing in the lists.
    judged : pandas.DataFrame
        The origin month against its forecast: all places together, each country, each region; see
        :func:`harmattan.forecast.outlook.judge`. Empty where no forecast of it is known.
    outlook : pandas.DataFrame
        The next three months beside the last three and the last twelve, by target and place.
    warnings : pandas.DataFrame
        At most eight places to look at first, in four classes.
    changes : pandas.DataFrame
        What moved since the release before, taken apart; see :func:`harmattan.forecast.outlook.changes_table`.
    triggers : pandas.DataFrame
        What acting on a threshold of a month would have meant in the recent back-test; see
        :func:`harmattan.training.evaluation.monthly_triggers`.
    again : callable or None
        The same model again, for comparing: ``again(panel, horizons, model)`` gives the means of events, (horizons,
        regions), from the panel's last month; ``model`` names an older one (as ``model`` does), None where that is
        not at hand.
    models : dict of str to str
        The trained model's text files, by relative path (``events/h01/boosted.trees.txt``); for the run's record.
    model : dict
        What made the numbers: ``name, digest, trained_to``, ``version`` where it is registered, and ``reason`` where it
        stands in for another.
    """

    origin: pd.Period
    horizons: tuple[int, ...]
    panel: Panel
    regions: Regions | None
    draws: Mapping[str, Draws]
    countries: Mapping[str, Draws]
    spillover: pd.DataFrame
    pairs: pd.DataFrame
    scores: pd.DataFrame
    contributions: pd.DataFrame
    coverage_note: pd.DataFrame
    ledger: pd.DataFrame
    run_date: date
    seed: int
    banner: str = ""
    level: Level = "green"
    settings: Mapping[str, Any] = field(default_factory=dict)
    package_version: str = ""
    data_hash: str = ""
    timings: Mapping[str, float] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    quality: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["name", "status", "message", "rows"])
    )
    model: Mapping[str, Any] = field(default_factory=dict)
    reliability: pd.DataFrame = field(default_factory=pd.DataFrame)
    rehearsal: pd.DataFrame = field(default_factory=pd.DataFrame)
    actors: pd.DataFrame = field(default_factory=pd.DataFrame)
    facts: pd.DataFrame = field(default_factory=pd.DataFrame)
    withheld: pd.DataFrame = field(default_factory=pd.DataFrame)
    part_scores: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: tuple[str, ...] = ()
    watch: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    watch_notes: tuple[str, ...] = ()
    judged: pd.DataFrame = field(default_factory=pd.DataFrame)
    outlook: pd.DataFrame = field(default_factory=pd.DataFrame)
    warnings: pd.DataFrame = field(default_factory=pd.DataFrame)
    changes: pd.DataFrame = field(default_factory=pd.DataFrame)
    triggers: pd.DataFrame = field(default_factory=pd.DataFrame)
    unseen: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["country", "towards", "km"]))
    again: Callable[[Panel, Sequence[int], Mapping[str, Any] | None], np.ndarray | None] | None = field(
        default=None, compare=False, repr=False
    )

    def __repr__(self) -> str:
        """What it is, in one line."""
        targets, regions = ", ".join(self.draws), len(self.panel.region_ids)
        about = f"horizons {list(self.horizons)}, {regions} regions, {self.level}"
        return f"ForecastResult({targets} from {self.origin}, {about})"

    def plot(self, kind: str = "fan", *, region: str | None = None, target: str | None = None) -> Figure:
        """A picture: ``fan`` of one region or country, ``map`` of the next month, or ``contributions``.

        Parameters
        ----------
        kind : str
        region : str, optional
            A region or a country; all countries together where None.
        target : str, optional
            Which; the first where None.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        UsageError, RegionError
            There is no such picture, target or region, or no map.
        """
        from ..data.errors import UsageError, nearest
        from ..training.figures import draw_table

        of = next(iter(self.draws)) if target is None else target
        if of not in self.draws:
            raise UsageError(f"'{of}' was not forecast.", "target", nearest(of, self.draws))
        if kind == "fan":
            return self._fan(of, region)
        if kind == "map":
            if self.regions is None:
                raise UsageError("the panel came without polygons.", "plot", "Give regions=.")
            return self.draws[of].plot_map(self.regions)
        if kind == "contributions":
            return draw_table("feature_contributions", self.contributions)
        raise UsageError(
            f"there is no picture '{kind}'.", "plot", nearest(kind, ["fan", "map", "contributions"])
        )

    def _fan(self, target: str, region: str | None) -> Figure:
        """Two years of counts and the months ahead."""
        import numpy as np

        from ..training.figures import draw_fan

        panel, draws = self.panel, self.draws[target]
        measure = target if target in panel.measures else TARGETS.get(target, target)
        counts = panel.measure(measure, fill=0)[-24:]
        if region in self.countries[target].region_ids:
            counts = counts[:, np.array(panel.countries) == region].sum(axis=1)
            draws = self.countries[target].select([str(region)])
        elif region is None:
            counts, draws = counts.sum(axis=1), draws.total(["all"] * len(draws.region_ids))
        else:
            draws = draws.select([region])
            counts = counts[:, panel.region_ids.index(region)]
        past = pd.Series(counts, index=panel.months[-24:])
        return draw_fan(draws, past, f"{target.capitalize()} in {region or 'all regions'}")

    @property
    def months(self) -> tuple[pd.Period, ...]:
        """The month that each horizon stands for."""
        return tuple(self.origin + h for h in self.horizons)

    @property
    def main_targets(self) -> tuple[str, ...]:
        """The targets that models forecast; all others are parts of them."""
        return tuple(t for t in self.draws if t in self.settings.get("targets", self.draws))

    def of_countries(self, countries: Sequence[str] = ()) -> ForecastResult:
        """Only the countries that are to be published (none named: all), with their totals.

        Models and draws have seen all of them.
        """
        panel = self.panel.select(countries=countries) if countries else self.panel
        own = set(panel.region_ids)
        draws = {t: d.select([r for r in d.region_ids if r in own]) for t, d in self.draws.items()}
        few = [target for target, each in draws.items() if not each.region_ids]
        draws = {t: d for t, d in draws.items() if d.region_ids}
        country = dict(zip(panel.region_ids, panel.countries, strict=True))

        def kept(table: pd.DataFrame, column: str, of: Sequence[str] = panel.region_ids) -> pd.DataFrame:
            return (
                table
                if table.empty or not countries
                else table[table[column].isin(of)].reset_index(drop=True)
            )

        note = f"There are too few events in {', '.join(countries)} for forecasts of {', '.join(few)}."
        return replace(
            self,
            panel=panel,
            draws=draws,
            notes=(*self.notes, note) if few else self.notes,
            countries={t: d.total(country) for t, d in draws.items()},
            spillover=kept(self.spillover, "target_region"),
            answers={k: t[t["target_region"].isin(panel.region_ids)] for k, t in self.answers.items()},
            contributions=kept(self.contributions, "region_id"),
            watch={k: _ranked(k, kept(t, "country", countries)) for k, t in self.watch.items()},
            rehearsal=kept(self.rehearsal, "region_id"),
            changes=kept(self.changes, "country", ["", *countries]),
            judged=kept(self.judged, "location", [*countries, *panel.region_ids]),
            actors=kept(self.actors, "region_id"),
            facts=kept(self.facts, "country", countries),
            withheld=kept(self.withheld, "source_country", countries),
        )

    def _repr_html_(self) -> str:
        """What a notebook shows: what the run is, and each country's first month."""
        from ..data.show import card

        facts = {
            "origin": self.origin,
            "horizons": ", ".join(map(str, self.horizons)),
            "level": f"{self.level}. {self.banner}".strip(),
            "targets": ", ".join(self.draws),
            "regions": len(self.panel.region_ids),
        }
        return card(f"Forecast for {self.months[0]} to {self.months[-1]}", facts, self._overview())

    def _overview(self) -> pd.DataFrame:
        """Mean and central 80 % of each country in the first month, by target."""
        rows = []
        for target, draws in self.countries.items():
            low, high = draws.quantile([0.1, 0.9])[:, 0]
            for i, country in enumerate(draws.region_ids):
                rows.append((target, country, draws.mean()[0, i], low[i], high[i]))
        return pd.DataFrame(rows, columns=["target", "country", f"mean, {self.months[0]}", "p10", "p90"])


def _ranked(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """A list of which rows were left out, its ranks from 1 on; by group where it has groups."""
    if name not in ("watchlist.csv", "onsets.csv") or table.empty:
        return table
    groups = table["group"] if "group" in table else np.zeros(len(table))
    return table.assign(rank=table.groupby(groups).cumcount() + 1)
