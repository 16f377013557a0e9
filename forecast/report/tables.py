"""The numbers behind the page: one table per section, from a finished forecast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...data.frames import rows_of
from ...data.geography import by_name, country_name
from ...training.diffusion import GRADES, NONE_SHOWN
from ...training.distribution import Draws
from ..result import ForecastResult
from ..spillover.attribution import grades_of
from .number_format import plural, signed

#: Quantile levels that charts draw: the 50, 80 and 90 % intervals and the median.
LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
#: Decimals of the published means, so that the page says what the tables say.
PUBLISHED = 6
#: Exceedance thresholds of the tables, events a month.
THRESHOLDS = (1, 5, 10)
RECENT = 12
#: A spilled share is named from this many events on.
LEAST_EVENTS = 0.1
#: A reason sets a region apart from this share beyond the usual on; a move since the last release, from so many events.
APART, MOVED = 0.03, 0.5
#: Regions with so many expected events a month are no quiet ones.
BUSY = 0.5
#: Months that count as lately, and the ratio to the year from which a past is called rising or easing.
LATELY, RISING = 3, 1.25


@dataclass(frozen=True)
class Outlook:
    """What one target's draws say per place, beside what was observed."""

    #: Places in the order of the draws; a country stands as its own country.
    ids: tuple[str, ...]
    names: tuple[str, ...]
    countries: tuple[str, ...]
    mean: np.ndarray  # Shape (horizons, places), counts a month.
    quantiles: np.ndarray  # Shape (levels, horizons, places), at :data:`LEVELS`.
    #: Probability of at least k, shape (horizons, places), at :data:`THRESHOLDS`.
    chance: Mapping[int, np.ndarray]
    history: np.ndarray  # Shape (months, places), NaN where not observed.
    #: Mean of the last twelve and of the last three months, shape (places,), NaN where none was observed.
    recent: np.ndarray
    lately: np.ndarray

    @property
    def low(self) -> np.ndarray:
        """Lower end of the 80 % interval, shape (horizons, places)."""
        return np.asarray(self.quantiles[LEVELS.index(0.1)])

    @property
    def high(self) -> np.ndarray:
        """Upper end of the 80 % interval, shape (horizons, places)."""
        return np.asarray(self.quantiles[LEVELS.index(0.9)])

    @property
    def change(self) -> np.ndarray:
        """Expected count less the mean of the last twelve months, shape (horizons, places)."""
        return np.asarray(self.mean - self.recent)

    @property
    def change_lately(self) -> np.ndarray:
        """Expected count less the mean of the last three months, shape (horizons, places)."""
        return np.asarray(self.mean - self.lately)

    def label(self, place: int) -> str:
        """Name with country, as sentences use it."""
        country = country_name(self.countries[place])
        return self.names[place] if self.names[place] == country else f"{self.names[place]} ({country})"


def nanmean(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis of what was observed; NaN where nothing was."""
    return np.asarray(pd.DataFrame(values).mean().to_numpy(float))


def _outlook(
    draws: Draws, names: tuple[str, ...], countries: tuple[str, ...], history: np.ndarray
) -> Outlook:
    mean, chance = np.round(draws.mean(), PUBLISHED), {k: draws.prob_at_least(k) for k in THRESHOLDS}
    pasts = nanmean(history[-RECENT:]), nanmean(history[-LATELY:])
    return Outlook(draws.region_ids, names, countries, mean, draws.quantile(LEVELS), chance, history, *pasts)


def region_outlook(result: ForecastResult, target: str) -> Outlook:
    """Every forecast region of one target."""
    panel, draws = result.panel.until(result.origin), result.draws[target]
    at = {region: i for i, region in enumerate(panel.region_ids)}
    columns = [at[region] for region in draws.region_ids]
    names, countries = (tuple(column[i] for i in columns) for column in (panel.names, panel.countries))
    return _outlook(draws, names, countries, panel.target(target)[:, columns].astype(float))


def country_outlook(result: ForecastResult, target: str) -> Outlook:
    """Every country of one target, from the joint draws; its history sums the forecast regions observed."""
    regions, draws = region_outlook(result, target), result.countries[target]
    table = pd.DataFrame(regions.history.T).groupby(list(regions.countries)).sum(min_count=1)
    history = table.reindex(list(draws.region_ids)).to_numpy(float).T
    return _outlook(draws, tuple(country_name(c) for c in draws.region_ids), draws.region_ids, history)


REASON_WORDS = {
    "own history": "own recent violence",
    "domestic neighbours": "neighbouring regions",
    "across the border": "regions abroad",
    "country": "country-wide level",
    "calendar": "time of year",
    "baseline": "long-run level",
}
PART_WORDS = {"new_month": "the new month", "revisions": "revised past months", "model": "another model"}


def main_reasons(result: ForecastResult, outlook: Outlook) -> np.ndarray:
    """What sets a region's expectation apart, in words; shape (horizons, places), str.

    First what moved it since the last release, where that is half an event or more over the months compared; then the
    family of reasons that weighs most beyond its usual weight in other regions; then whether its own past is moving.
    """
    words = np.full(outlook.mean.shape, "", dtype=object)
    table = result.contributions
    if table.empty:
        return words
    rows = pd.Index(result.horizons).get_indexer(pd.Index(table["horizon"]))
    columns = pd.Index(outlook.ids).get_indexer(pd.Index(table["region_id"]))
    family, families = pd.factorize(table["family"])
    known = (rows >= 0) & (columns >= 0)
    values = np.zeros((*words.shape, len(families)))
    np.add.at(values, (rows[known], columns[known], family[known]), table["value"].to_numpy(float)[known])
    added = np.clip(values, 0, None)
    shares = added / np.maximum(added.sum(axis=2, keepdims=True), 1e-12)
    # Quiet regions are compared with quiet ones, the others with the others.
    busy = outlook.mean >= BUSY
    usual = {
        (row, kind): np.median(shares[row][at], axis=0)
        if (at := busy[row] == kind).any()
        else shares[row].mean(axis=0)
        for row in range(len(shares))
        for kind in (True, False)
    }
    moved = _moved(result, outlook)
    for row, column in np.argwhere(added.any(axis=2)):
        like = usual[row, bool(busy[row, column])]
        told = reason(
            dict(zip(families, shares[row, column].tolist(), strict=True)),
            dict(zip(families, like.tolist(), strict=True)),
            _moving(outlook.history[-RECENT:, column]),
        )
        words[row, column] = "; ".join(filter(None, [moved.get(outlook.ids[column], ""), told]))
    return words


def _moved(result: ForecastResult, outlook: Outlook) -> dict[str, str]:
    """What moved each region most since the last release, where it moved by half an event or more."""
    table = result.changes
    if table.empty:
        return {}
    found = {}
    for row in rows_of(table[(table["level"] == "region") & (table["change"].abs() >= MOVED)]):
        part = max(PART_WORDS, key=lambda name: abs(getattr(row, name)))
        found[str(row.location)] = f"{PART_WORDS[part]} {signed(getattr(row, part))}"
    return found


def _moving(year: np.ndarray) -> str:
    """What the last months of a region's year say: a high, a stretch without events, or how they stand to the year."""
    if len(year) < RECENT or np.isnan(year).any() or not year.sum():
        return ""
    month, earlier = year[-1], year[:-1].max()
    if month >= RECENT / 4 and month > earlier:
        return f"last month its year’s high ({month:,.0f})"
    if not year[-LATELY:].any():
        return f"quiet for {plural(int(np.flatnonzero(year[::-1])[0]), 'month')}"
    if year.sum() < RECENT / 4:
        return ""
    ratio = year[-LATELY:].mean() / year.mean()
    if max(ratio, 1 / ratio) < RISING:
        ago = int(np.argmax(year[::-1]))
        return (
            f"steady; its year’s high of {year.max():,.0f} was {plural(ago, 'month')} ago"
            if ago
            else "steady"
        )
    return (
        f"last 3 months {max(ratio, 0.1):.1f} times its year"
        if ratio >= 0.05
        else "last 3 months far below its year"
    )


def reason(shares: Mapping[str, float], usual: Mapping[str, float], moving: str = "") -> str:
    """The family that weighs most beyond its usual weight, and how the region's own past moves.

    >>> reason({"own history": 0.6, "across the border": 0.3}, {"own history": 0.7, "across the border": 0.1}, "steady")
    'regions abroad 30%, usually 10%; steady'
    """
    beyond = {f: shares[f] - usual.get(f, 0.0) for f in shares}
    first = max(sorted(beyond), key=lambda f: beyond[f])
    words = []
    if beyond[first] >= APART:
        name = REASON_WORDS.get(first, first)
        words.append(f"{name} {100 * shares[first]:.0f}%, usually {100 * usual.get(first, 0.0):.0f}%")
    if moving:
        words.append(moving)
    if not words:
        leading = max(sorted(shares), key=lambda f: shares[f])
        words.append(f"{REASON_WORDS.get(leading, leading)} {100 * shares[leading]:.0f}%, as elsewhere")
    return "; ".join(words)


@dataclass(frozen=True)
class SpilloverSummary:
    """Spillover at the horizon and threshold that the page speaks of."""

    #: Months cumulated; events.
    horizon: int
    threshold: int
    #: One row per source country and target region, with ``expected`` (events over the horizon), ``attributed``
    #: (``share_total`` of them), ``target_name`` and ``grade``.
    rows: pd.DataFrame
    #: One row per directed border: ``source_country, target_country, grade, share, share_low, share_high, attributed``;
    #: shares of all events expected in the target country, interval ends added up over its regions.
    borders: pd.DataFrame

    @property
    def shown(self) -> pd.DataFrame:
        """Rows with some evidence or more and a tenth of an event or more, most attributed events first."""
        rows = self.rows[self.rows["grade"].isin(GRADES[:2]) & (self.rows["attributed"] >= LEAST_EVENTS)]
        return rows.sort_values(
            ["attributed", "target_region", "source_country"], ascending=[False, True, True]
        )


def _nearest(options: list[int], wanted: int) -> int:
    return min(options, key=lambda option: (abs(option - wanted), option))


def spillover(result: ForecastResult, outlook: Outlook) -> SpilloverSummary | None:
    """Spillover over about three months, of about five events or more; None where none was run."""
    table = result.spillover
    if table.empty:
        return None
    horizon = _nearest([int(h) for h in table["horizon"].unique()], 3)
    threshold = _nearest([int(k) for k in table["threshold"].unique()], 5)
    # Months without a forecast of their own count as the mean of those that have one.
    within = [i for i, h in enumerate(result.horizons) if h <= horizon] or [0]
    expected = pd.Series(outlook.mean[within].mean(axis=0) * horizon, index=list(outlook.ids), dtype=float)
    names = dict(zip(outlook.ids, outlook.names, strict=True))
    grades = grades_of(result.pairs)
    rows = table[(table["horizon"] == horizon) & (table["threshold"] == threshold)]
    rows = rows[rows["target_region"].isin(outlook.ids)].reset_index(drop=True)
    keys = zip(rows["source_country"], rows["target_country"], strict=True)
    ends = {end: rows.get(end, np.nan) for end in ("share_low", "share_high")}
    rows = rows.assign(
        target_name=rows["target_region"].map(names),
        expected=rows["target_region"].map(expected).astype(float),
        attributed=lambda r: r["expected"] * r["share_total"].astype(float),
        grade=[grades.get(key, NONE_SHOWN) for key in keys],
        **ends,
    )
    whole = expected.groupby(list(outlook.countries)).sum()
    borders = [
        _border(key, part, float(whole[key[1]]), grades.get(key, NONE_SHOWN))
        for key, part in _by_border(rows)
    ]
    columns = ["source_country", "target_country", "grade", "share", "share_low", "share_high", "attributed"]
    return SpilloverSummary(horizon, threshold, rows, pd.DataFrame(borders, columns=columns))


def _by_border(rows: pd.DataFrame) -> list[tuple[tuple[str, str], pd.DataFrame]]:
    """Rows by source and target country, by the target's name and then the source's."""
    grouped = {(str(s), str(t)): part for (s, t), part in rows.groupby(["source_country", "target_country"])}
    place = {code: i for i, code in enumerate(by_name(c for pair in grouped for c in pair))}
    return sorted(grouped.items(), key=lambda item: (place[item[0][1]], place[item[0][0]]))


def _border(key: tuple[str, str], part: pd.DataFrame, whole: float, grade: str) -> tuple[object, ...]:
    """One directed border: its share of what is expected in the target country, with both ends."""
    attributed = float(part["attributed"].sum())
    ends = [float((part["expected"] * part[end]).sum(skipna=False)) for end in ("share_low", "share_high")]
    shares = [value / whole if whole > 0 else np.nan for value in (attributed, *ends)]
    return (*key, grade, *shares, attributed)


def is_blind(table: pd.DataFrame) -> pd.Series:
    """Whether a region is known to be partly blind; where that is not known, it is not said."""
    return table["partly_blind"].astype("boolean").fillna(False).astype(bool)


def blind_unknown(result: ForecastResult) -> int:
    """Regions of which it is not known how much of the foreign border is observed."""
    table = result.spillover
    return 0 if table.empty else int(table.loc[table["partly_blind"].isna(), "target_region"].nunique())


def unseen_countries(result: ForecastResult) -> list[str]:
    """Names of countries without data on the land borders of the forecast regions, by name."""
    own = result.unseen["country"].isin(result.panel.countries)
    return [country_name(code) for code in by_name(set(result.unseen.loc[own, "towards"]))]


def blind_spots(result: ForecastResult, outlook: Outlook) -> pd.DataFrame:
    """Regions whose international border is largely unobserved: ``name, country, observed, towards``."""
    table = result.spillover
    if table.empty:
        return table
    blind = table[is_blind(table)].drop_duplicates("target_region")
    names = dict(zip(outlook.ids, outlook.names, strict=True))
    blind = blind[blind["target_region"].isin(outlook.ids)].assign(
        name=lambda b: b["target_region"].map(names),
        observed=lambda b: b["observed_border_share"].astype(float),
        blind_towards=lambda b: b["blind_towards"].str.replace(";", ", "),
    )
    renamed = blind.rename(columns={"target_country": "country", "blind_towards": "towards"})
    return renamed.sort_values(["observed", "target_region"], ignore_index=True)
