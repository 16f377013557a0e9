"""The forecast before this one: how it did, in numbers and sentences, and what has changed since."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...data.frames import rows_of
from ...data.geography import country_name
from ...data.panel import Panel
from ...training.margins import empirical
from ..release import HISTORY_MONTHS, PastRelease, outcome_of
from ..result import ForecastResult
from .map_measures import since_release
from .number_format import count, count_whole, interval, listing, month_name, plural, signed, span_name
from .sentences import Sentence
from .tables import MOVED, Outlook

#: Regions that the chart of hits and misses shows.
LEADING = 12
#: A change between releases is named from this many events a month on.
LEAST_CHANGE = 0.5
#: Regions that the table of what moved shows.
MOVERS = 10


@dataclass(frozen=True)
class Hindsight:
    """An earlier forecast of the month that has since been observed."""

    #: The release that made it; empty for a forecast that was never released, and is made again now.
    name: str
    month: pd.Period  # The month that was forecast, and is the last observed now.
    horizon: int  # How many months ahead it was made.
    #: Per region observed: ``region_id, name, country, expected, low, high, observed, inside``, most observed first.
    table: pd.DataFrame
    #: 80 % interval of the sum of these regions; NaN without joint draws.
    low: float
    high: float
    #: Mean score over regions of the forecast and of each region's own twelve months before it.
    crps: float
    crps_conflictology: float
    fitted: pd.Period | None = None  # The last month that the parameters of a forecast made again have seen.

    @property
    def expected(self) -> float:
        """The mean of the sum of these regions."""
        return float(self.table["expected"].sum())

    @property
    def observed(self) -> float:
        """What was counted in these regions."""
        return float(self.table["observed"].sum())

    @property
    def origin(self) -> pd.Period:
        """The last month that it had seen."""
        return self.month - self.horizon

    @property
    def missed(self) -> pd.DataFrame:
        """Regions outside their 80 % interval, the farthest outside first."""
        out = self.table[~self.table["inside"].astype(bool)]
        beyond = np.maximum(out["observed"] - out["high"], out["low"] - out["observed"])
        return out.assign(beyond=beyond).sort_values(["beyond", "region_id"], ascending=[False, True])

    @property
    def leading(self) -> pd.DataFrame:
        """The regions with most events recorded or expected, most first."""
        table = self.table.assign(most=self.table[["expected", "observed"]].max(axis=1))
        return table.sort_values(["most", "region_id"], ascending=[False, True]).head(LEADING)


def hindsight(
    result: ForecastResult, previous: PastRelease | None, target: str = "events"
) -> Hindsight | None:
    """Set the earlier forecast of the origin month beside what was observed in it.

    None where there is no earlier release, it did not reach this month, or nothing was observed.
    """
    draws = previous.draws.get(target) if previous else None
    if previous is None or draws is None:
        return None
    ahead = int(result.origin.ordinal - draws.origin.ordinal)
    if ahead not in draws.horizons:
        return None
    seen = outcome_of(previous, target, ahead, result.panel.until(result.origin))
    if seen is None:
        return None
    row = draws.horizons.index(ahead)
    values = draws.values[:, row, seen.positions]
    low, high = np.quantile(values, [0.1, 0.9], axis=0, method="inverted_cdf")
    total = np.quantile(values.sum(axis=1), [0.1, 0.9], method="inverted_cdf")
    columns = {
        "region_id": [draws.region_ids[i] for i in seen.positions],
        "expected": draws.mean()[row, seen.positions],
        "low": low,
        "high": high,
        "observed": seen.observed.astype(float),
    }
    return Hindsight(
        name=previous.name,
        month=result.origin,
        horizon=ahead,
        table=_judged(result, pd.DataFrame(columns)),
        low=float(total[0]),
        high=float(total[1]),
        crps=float(empirical(values).crps(seen.observed).mean()),
        crps_conflictology=float(empirical(seen.before).crps(seen.observed).mean()),
    )


def rehearsed(result: ForecastResult) -> Hindsight | None:
    """The origin month as it would have been forecast a month before; None where the run did not judge itself."""
    table = result.rehearsal
    if table.empty or str(table["month"].iloc[0]) != str(result.origin):
        return None
    first = table.iloc[0]
    return Hindsight(
        name="",
        month=pd.Period(str(first["month"]), freq="M"),
        horizon=int(first["horizon"]),
        table=_judged(result, table),
        low=math.nan,
        high=math.nan,
        crps=float(table["crps"].mean()),
        crps_conflictology=float(table["crps_conflictology"].mean()),
        fitted=pd.Period(str(first["fitted"]), freq="M"),
    )


def _judged(result: ForecastResult, table: pd.DataFrame) -> pd.DataFrame:
    """The regions with their names, and whether the count lay inside the interval."""
    panel = result.panel
    names = dict(zip(panel.region_ids, panel.names, strict=True))
    countries = dict(zip(panel.region_ids, panel.countries, strict=True))
    return table.assign(
        name=table["region_id"].map(names),
        country=table["region_id"].map(countries),
        inside=table["observed"].between(table["low"], table["high"]),
    ).sort_values(["observed", "expected", "region_id"], ascending=[False, False, True], ignore_index=True)


def revisions(result: ForecastResult, previous: PastRelease | None) -> pd.DataFrame | None:
    """What has become of the counts that the earlier release had seen; None where it kept none.

    One row per country in which anything changed: ``country, then, now, change`` (events of the months that both
    keep) and ``region_months`` (how many counts differ). Empty where nothing was revised.
    """
    kept = previous.history if previous else None
    if kept is None:
        return None
    panel = result.panel.until(result.origin)
    months = kept.months.intersection(panel.months[-HISTORY_MONTHS:])
    regions = [r for r in kept.region_ids if r in set(panel.region_ids)]
    if not len(months) or not regions:
        return None
    then, now = (_counts(p, months, regions) for p in (kept, panel))
    country = dict(zip(kept.region_ids, kept.countries, strict=True))
    differ = (np.nan_to_num(then, nan=-1) != np.nan_to_num(now, nan=-1)).sum(axis=0)
    sums = {"then": np.nansum(then, axis=0), "now": np.nansum(now, axis=0), "region_months": differ}
    table = pd.DataFrame({"country": [country[r] for r in regions], **sums})
    table = table.groupby("country", as_index=False).sum()
    table.insert(3, "change", table["now"] - table["then"])
    return table[table["region_months"] > 0].reset_index(drop=True)


def _counts(panel: Panel, months: pd.PeriodIndex, regions: list[str]) -> np.ndarray:
    rows, ids = panel.months.get_indexer(months), panel.region_ids
    return np.asarray(panel.target("events")[rows][:, [ids.index(r) for r in regions]], dtype=float)


def hindsight_title(seen: Hindsight | None) -> str:
    """What the first section is called."""
    return "First, how past forecasts did" if seen is None else "First, how last month’s forecast did"


def hindsight_sentences(seen: Hindsight) -> list[Sentence]:
    """How the earlier forecast of the month that has since been observed did: its total, hits, misses and score."""
    return [_total(seen), _hits(seen), _score(seen)]


def _total(seen: Hindsight) -> Sentence:
    recorded = f"{count_whole(seen.observed)} {'was' if seen.observed == 1 else 'were'} recorded"
    month = month_name(seen.month)
    if seen.name:
        side = "above" if seen.observed > seen.high else "below" if seen.observed < seen.low else "inside"
        ahead = f", {plural(seen.horizon, 'month')} ahead," if seen.horizon > 1 else ""
        words = (
            f"For {month}, the release of {seen.name}{ahead} expected {count(seen.expected)} events "
            f"(80% interval {interval(seen.low, seen.high)}); {recorded}, {side} that interval."
        )
    else:
        words = (
            f"No earlier release stands beside this one, so last month was forecast again from the months to "
            f"{month_name(seen.origin)}: {count(seen.expected)} events were to be expected in {month}; {recorded}."
        )
    return Sentence(words, {"expected": seen.expected, "observed": seen.observed}, "Last month")


def _hits(seen: Hindsight, top: int = 3) -> Sentence:
    inside, missed = int(seen.table["inside"].sum()), seen.missed
    busy = seen.table[seen.table["expected"] >= 1]
    held = int(busy["inside"].sum())
    words = f"In {inside} of {plural(len(seen.table), 'region')} the count lay inside the 80% interval"
    # Quiet regions are easily right: those where something was expected say more.
    some = 0 < len(busy) < len(seen.table)
    words += f", and in {held} of the {len(busy)} where an event or more was expected." if some else "."
    if len(missed):
        misses = [
            f"{row.name} ({country_name(row.country)}), {count_whole(row.observed)} against "
            f"{interval(row.low, row.high)}"
            for row in rows_of(missed.head(top))
        ]
        words += f" {'It missed' if len(missed) <= top else 'It missed most in'} {listing(misses)}."
    facts = {
        "inside": inside,
        "regions": len(seen.table),
        "busy": (held, len(busy)),
        "missed": missed["region_id"].head(top).tolist(),
    }
    return Sentence(words, facts, "Hits and misses")


def _score(seen: Hindsight) -> Sentence:
    skill = 1 - seen.crps / seen.crps_conflictology if seen.crps_conflictology > 0 else math.nan
    words = (
        "The plain record of the twelve months before was exactly right."
        if math.isnan(skill)
        else f"Its score was {100 * abs(skill):.0f}% {'better' if skill >= 0 else 'worse'} than that of each region’s "
        f"plain record of the twelve months before ({seen.crps:.2f} against {seen.crps_conflictology:.2f}; lower is "
        "better). One month proves little either way."
    )
    return Sentence(words, {"skill": skill}, "Score")


def hindsight_note(seen: Hindsight) -> str:
    """How a forecast that is made again differs from one that was released; empty for a released one."""
    if seen.name:
        return ""
    fitted = None if seen.fitted == seen.origin else seen.fitted
    trained = "" if fitted is None else f" The models had learned from months to {month_name(fitted)}."
    return f"A forecast made again has seen counts as they are known today, not as they were known then.{trained}"


def change_sentence(
    result: ForecastResult, outlook: Outlook, previous: PastRelease | None, top: int = 2
) -> Sentence | None:
    """Where the expectation for next month has moved most since the last release; None without one to compare."""
    moved = since_release(result, outlook, previous)
    if moved is None or previous is None or np.isnan(moved[0]).all():
        return None
    change = np.nan_to_num(moved[0])
    up = sorted((i for i in range(len(change)) if change[i] >= LEAST_CHANGE), key=lambda i: -change[i])[:top]
    down = sorted((i for i in range(len(change)) if change[i] <= -LEAST_CHANGE), key=lambda i: change[i])[
        :top
    ]
    month, topic = month_name(result.months[0]), "What changed"
    facts = {
        "region_ids": [outlook.ids[i] for i in (*up, *down)],
        "changes": [float(change[i]) for i in (*up, *down)],
    }
    if not up and not down:
        words = (
            f"No region’s expectation for {month} has moved by half an event or more since the release of "
            f"{previous.name}."
        )
        return Sentence(words, facts, topic)

    def named(places: list[int]) -> str:
        return listing(
            [f"{outlook.label(i)} ({signed(change[i])}, to {count(outlook.mean[0, i])})" for i in places]
        )

    clauses = [f"{verb} in {named(places)}" for verb, places in (("rose", up), ("fell", down)) if places]
    words = f"Since the release of {previous.name}, the expectation for {month} {' and '.join(clauses)}."
    return Sentence(words, facts, topic)


def moved_section(result: ForecastResult) -> dict[str, Any] | None:
    """What moved since the last release: sentences and rows; None where nothing was compared."""
    table = result.changes
    if table.empty:
        return None
    regions = table[table["level"] == "region"]
    regions = regions.reindex(regions["change"].abs().sort_values(ascending=False, kind="stable").index)
    rows = pd.concat(
        [table[table["level"] != "region"], regions[regions["change"].abs() >= MOVED].head(MOVERS)]
    )
    first = rows_of(table)[0]
    return {
        "release": first.release,
        "months": span_name(pd.Period(first.from_month, "M"), pd.Period(first.to_month, "M")),
        "sentence": moved_sentence(table),
        "order": first.order,
        "rows": rows_of(rows),
    }


def moved_sentence(table: pd.DataFrame) -> Sentence:
    """The change of the whole, and what did it."""
    row = rows_of(table[table["level"] == "all"])[0]
    month = {
        "new_month": "the new month did {}",
        "revisions": "revised past months {}",
        "model": "another model or other settings {}",
    }
    parts = [told.format(signed(getattr(row, name))) for name, told in month.items()]
    span = span_name(pd.Period(row.from_month, "M"), pd.Period(row.to_month, "M"))
    text = (
        f"The release of {row.release} expected {count(row.before)} events for {span}, this one "
        f"{count(row.after)} ({signed(row.change)}): {listing(parts)}."
    )
    facts = {name: getattr(row, name) for name in ("before", "after", "change", *month)}
    return Sentence(text, facts, "What moved")
