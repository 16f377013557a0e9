"""Checks of a panel: each one rule, with a status, a sentence and the offending rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..errors import listed
from ..panel import Panel

Status = Literal["green", "amber", "red"]


@dataclass(frozen=True)
class Limits:
    """Thresholds of the gate.

    Attributes
    ----------
    amber_days, red_days : int
        Age of the last month in days; a monthly source that comes three weeks after the month is at most 52
        days old.
    settled_months : int
        Months older than this should not change from one vintage to the next.
    settled_loss : float
        Share of a country's settled events that may go missing.
    recent_loss : float
        The same for the months since.
    month_loss : float
        The same for one month alone, where it had ten or more.
    low_month_chance : float
        A country's last month is doubted where its forecast gave so few events less than this chance.
    low_month : float
        Where no forecast is known: a last month below this share of its mean is doubted, of the 12 months before, or
        of the last three of them where that is lower.
    low_month_mean : float
        Only where that mean is at least this many events.
    snap_km : float
        Farther from its own country than this, an event is listed.
    outside_share : float
        Share of such events from which the file is refused.
    piled_share : float
        Share of a country's precise events that may lie on one point.
    jump : float
        A region's month above this many times its highest month before is listed.
    unknown_share : float
        Share of an own table's rows that may name unknown countries or regions.
    match_amber, match_red : float
        Share of recent events that could be placed, below which the gate doubts, and refuses.
    match_events : int
        Fewer events than this have no match rate.
    mix_distance : float
        Total variation distance of the mix of violence types, last 3 months against the 12 before.
    """

    amber_days: int = 62
    red_days: int = 124
    settled_months: int = 24
    settled_loss: float = 0.01
    recent_loss: float = 0.25
    month_loss: float = 0.6
    low_month_chance: float = 0.001
    low_month: float = 0.2
    low_month_mean: float = 8.0
    snap_km: float = 50.0
    outside_share: float = 0.01
    piled_share: float = 0.25
    jump: float = 10.0
    unknown_share: float = 0.05
    match_amber: float = 0.95
    match_red: float = 0.85
    match_events: int = 50
    mix_distance: float = 0.45


@dataclass(frozen=True)
class Check:
    """One rule, and what it found."""

    name: str
    status: Status
    message: str
    rows: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The check for JSON, with at most 100 rows."""
        rows = json.loads(self.rows.head(100).to_json(orient="records", date_format="iso"))
        return {
            "name": self.name,
            "status": self.status,
            "message": self.message,
            "rows": rows,
            "rows_in_all": len(self.rows),
        }


def verdict(name: str, found: pd.DataFrame, bad: Status, message: str, fine: str) -> Check:
    """Green where nothing was found, ``bad`` otherwise."""
    return Check(name, bad if len(found) else "green", message if len(found) else fine, found)


def _country_sums(panel: Panel, measure: str | None = None) -> pd.DataFrame:
    """Months x countries, NaN where a country was not observed at all."""
    values = pd.DataFrame(
        panel.measures[measure or panel.main], index=panel.months, columns=list(panel.countries)
    )
    return values.T.groupby(level=0).sum(min_count=1).T.astype(float)


def values(panel: Panel) -> Check:
    """Counts are counts, and deaths lie within their bounds; what else is unknown where events are known is said."""
    rows, unknown = [], {}
    counts = {n: v for n, v in panel.measures.items() if n not in panel.attrs.get("covariates", ())}
    for name, values in counts.items():
        absent = np.isnan(values)
        if name != panel.main and (missing := int((panel.observed & absent).sum())):
            unknown[name], absent = missing, np.zeros_like(absent)
        at = np.argwhere(panel.observed & (absent | (values < 0) | np.isinf(values)))
        rows += [(name, str(panel.months[m]), panel.region_ids[r], float(values[m, r])) for m, r in at]
    bounds = [panel.measures.get(f"deaths_{b}") for b in ("low", "best", "high")]
    if all(b is not None for b in bounds):
        low, best, high = (np.nan_to_num(b) for b in bounds if b is not None)
        at = np.argwhere((low > best + 1e-3) | (best > high + 1e-3))
        rows += [("deaths_best", str(panel.months[m]), panel.region_ids[r], float(best[m, r])) for m, r in at]
    found = pd.DataFrame(rows, columns=["measure", "month", "region_id", "value"])
    if len(found):
        return Check(
            "values", "red", f"Values that cannot be counts or lie outside their bounds: {len(found)}.", found
        )
    if unknown:
        each = ", ".join(f"{name} in {n:,}" for name, n in unknown.items())
        rows_of = pd.DataFrame(list(unknown.items()), columns=["measure", "region_months"])
        return Check("values", "amber", f"Not known, and not taken for none: {each} region-months.", rows_of)
    rule = panel.attrs.get("month_rule")
    if rule in ("spread", "even"):
        return Check(
            "values", "green", f"All values are counts, or shares of them by the month rule '{rule}'."
        )
    events = np.nan_to_num(panel.measures[panel.main])
    at = np.argwhere(events % 1 != 0)
    shares = pd.DataFrame(
        [(panel.main, str(panel.months[m]), panel.region_ids[r], float(events[m, r])) for m, r in at],
        columns=found.columns,
    )
    return verdict(
        "values", shares, "amber", f"{len(shares)} counts are not whole numbers.", "All values are counts."
    )


def repaired(panel: Panel) -> Check:
    """What was put right, or left aside, while a table of counts was read."""
    return Check("repairs", "green", "Repaired while reading: " + " ".join(panel.attrs["repairs"]))


def freshness(panel: Panel, run_date: date, limits: Limits) -> Check:
    """The last month is as recent as the schedule of the source makes possible."""
    last = panel.last_month
    age = (run_date - last.end_time.date()).days
    row = pd.DataFrame({"last_month": [str(last)], "run_date": [str(run_date)], "age_days": [age]})
    if age < 0:
        return Check("freshness", "red", f"The data reach {last}, which had not ended on {run_date}.", row)
    status: Status = "red" if age > limits.red_days else "amber" if age > limits.amber_days else "green"
    due = last.end_time.date() + timedelta(days=limits.amber_days)
    # Nothing that grows from day to day, so that a run repeated tomorrow gives the same bytes.
    sentences = {
        "green": f"The last month is {last}: on schedule, which is at most {limits.amber_days} days old.",
        "amber": f"The last month is {last}: late, newer data were expected by {due}.",
        "red": f"The last month is {last}, {age} days before {run_date}: stale.",
    }
    return Check("freshness", status, sentences[status], row)


#: So many months without a single event anywhere mean that a year was mistyped.
_DECADES = 240


def holes(panel: Panel) -> Check:
    """No month between two observed ones is missing, nor are there decades without a single event before the others."""
    seen = panel.observed
    busy = np.flatnonzero(np.nansum(panel.measures[panel.main], axis=1) > 0)
    longest = int(np.argmax(np.diff(busy))) if len(busy) > 1 else 0
    if len(busy) > 1 and (length := int(busy[longest + 1] - busy[longest])) > _DECADES:
        first = str(panel.months[busy[longest]])
        found = pd.DataFrame({"month": [first], "months_without": [length - 1]})
        message = f"After {first} nothing was counted anywhere for {length // 12} years: "
        return Check("holes", "amber", f"{message}check the years of the first rows.", found)
    before = np.maximum.accumulate(seen, axis=0)
    after = np.maximum.accumulate(seen[::-1], axis=0)[::-1]
    at = np.argwhere(~seen & before & after)
    found = pd.DataFrame(
        [(str(panel.months[m]), panel.region_ids[r]) for m, r in at], columns=["month", "region_id"]
    )
    return verdict(
        "holes",
        found,
        "amber",
        f"Not observed inside the record: {panel.gaps} ({len(found)} region-months).",
        "No month inside the record is missing.",
    )


def coverage(panel: Panel) -> Check:
    """Every country, and every region of it, is observed to the last month."""
    of = np.asarray(panel.countries, dtype=object)
    rows = []
    for country in sorted(set(of)):
        seen = np.flatnonzero(panel.observed[:, of == country].any(axis=1))
        last = str(panel.months[seen[-1]]) if len(seen) else "never"
        if last != str(panel.last_month):
            rows.append((country, last))
    late = {c for c, _ in rows}
    for at, region in enumerate(panel.region_ids):
        seen = np.flatnonzero(panel.observed[:, at])
        last = str(panel.months[seen[-1]]) if len(seen) else "never"
        if last != str(panel.last_month) and panel.countries[at] not in late:
            rows.append((region, last))
    found = pd.DataFrame(rows, columns=["country", "last_month"])
    names = listed(f"{c} ({m})" for c, m in rows)
    return verdict(
        "coverage",
        found,
        "amber",
        f"Observed less long than the others: {names}.",
        f"Every country is observed to {panel.last_month}.",
    )


def low_month(panel: Panel, limits: Limits, so_few: Mapping[str, float] | None = None) -> Check:
    """The last month of a country is not implausibly low.

    Red where a country has no event left. Few events alone are a surprise, and so amber: in East Africa eight genuine
    months of 2000 to 2016 had a country below a fifth of its mean, none of them without an event. Deaths are too uneven
    to tell a loss from a quiet month.

    Parameters
    ----------
    so_few : mapping of str to float, optional
        The chance that the forecast of the month gave so few events, by country; a country without one is held
        against its mean.
    """
    chances = so_few or {}
    rows: list[tuple[str, str, float, str]] = []
    gone = False
    for country, series in _country_sums(panel).items():
        values, code = series.dropna(), str(country)
        if not len(values):
            continue
        last, month = float(values.iloc[-1]), str(values.index[-1])
        if code in chances and month == str(panel.last_month):
            if chances[code] < limits.low_month_chance:
                rows.append((code, month, last, f"its forecast gave so few a chance of {chances[code]:.2g}"))
                gone |= last == 0
        elif len(values) >= 13:
            # A wave that has ebbed for months is no fault of the newest one.
            mean = min(float(values.iloc[-13:-1].mean()), float(values.iloc[-4:-1].mean()))
            if mean >= limits.low_month_mean and last < limits.low_month * mean:
                rows.append((code, month, last, f"mean of the months before {mean:.1f}"))
                gone |= last == 0
    counted = panel.main.split("_")[0]
    found = pd.DataFrame(rows, columns=["country", "month", counted, "because"])
    rule = (
        f"The rule: the month’s own forecast gave each country’s count, or fewer, at least 1 chance in "
        f"{1 / limits.low_month_chance:,.0f}"
        if chances
        else f"The rule: no country with {limits.low_month_mean:g} {counted} a month has less than "
        f"{limits.low_month:.0%} of its mean"
    )
    message = f"The last month has implausibly few {counted}: " + listed(
        f"{c} {int(n)} ({why})" for c, _, n, why in rows
    )
    bad: Status = "red" if gone and panel.main == "events" else "amber"
    return verdict("low_month", found, bad, f"{message}. {rule}.", f"{rule}. It holds.")


def sums(panel: Panel) -> Check:
    """No region is the sum of the others, which would count everything twice."""
    values = np.nan_to_num(panel.measures[panel.main].astype(float))
    of, rows = np.asarray(panel.countries, dtype=object), []
    for place in ("all", *sorted(set(panel.countries))):
        at = np.flatnonzero(np.ones(len(of), bool) if place == "all" else of == place)
        whole = values[:, at].sum(axis=1)
        if len(at) < 3 or (whole > 0).sum() < 12:
            continue
        same = np.flatnonzero((2 * values[:, at] == whole[:, None]).all(axis=0))
        rows += [(panel.region_ids[at[i]], place) for i in same]
    found = pd.DataFrame(rows, columns=["region_id", "sum_of"]).drop_duplicates(
        "region_id", ignore_index=True
    )
    which = listed(found["region_id"])
    message = f"In every month {which} has the sum of the other regions: leave totals out of the table."
    return verdict("sums", found, "red", message, "No region is the sum of the others.")


#: Numbers that stand for "unknown" in many tables.
_UNKNOWN = (999.0, 9999.0, 99999.0, 999999.0)


def jumps(panel: Panel, limits: Limits) -> Check:
    """No region rises beyond anything before; vague places, and numbers that stand for "unknown", pile up like that."""
    rows = []
    for name in ("events", "deaths_best"):
        if name not in panel.measures:
            continue
        values = np.nan_to_num(panel.measures[name])
        floor = 20.0 if name == "events" else 200.0
        distinct = np.unique(values)
        if panel.shape[0] < 25 or distinct[-1] in _UNKNOWN:
            # A value far beyond all others, such as 9999 for "unknown": also in a short record, or an early month.
            high = max(float(distinct[-2]) if len(distinct) > 1 else 0.0, floor)
            for m, r in np.argwhere(values > limits.jump * high):
                rows.append((name, str(panel.months[m]), panel.region_ids[r], float(values[m, r]), high))
            continue
        recent = values[-12:]
        high = np.maximum(values[:-12].max(axis=0), floor / limits.jump)
        for m, r in np.argwhere(recent > limits.jump * high):
            month = str(panel.months[-12 + m])
            rows.append((name, month, panel.region_ids[r], float(recent[m, r]), float(high[r])))
    found = pd.DataFrame(rows, columns=["measure", "month", "region_id", "value", "highest_before"])
    return verdict(
        "jumps",
        found,
        "amber",
        f"Region-months more than {limits.jump:g} times anything before: {len(found)}.",
        f"No region’s month of the last year is more than {limits.jump:g} times anything before.",
    )


def mix(panel: Panel, limits: Limits) -> Check:
    """The mix of types of violence does not change from one month to the next."""
    kinds = [n for n in ("events_state_based", "events_non_state", "events_one_sided") if n in panel.measures]
    rows = []
    if len(kinds) == 3 and panel.shape[0] >= 15:
        sums = {n: _country_sums(panel, n).fillna(0.0) for n in kinds}
        for country in sums[kinds[0]]:
            last = np.array([sums[n][country].iloc[-3:].sum() for n in kinds])
            past = np.array([sums[n][country].iloc[-15:-3].sum() for n in kinds])
            if last.sum() >= 20 and past.sum() >= 20:
                distance = float(np.abs(last / last.sum() - past / past.sum()).sum() / 2)
                if distance > limits.mix_distance:
                    rows.append((country, round(distance, 2), int(last.sum())))
    found = pd.DataFrame(rows, columns=["country", "distance", "events"])
    return verdict(
        "mix",
        found,
        "amber",
        "The mix of types of violence has changed suddenly in " + listed(r[0] for r in rows) + ".",
        f"In no country have more than {limits.mix_distance:.0%} of the events of the last three months changed "
        "their type.",
    )


def links(panel: Panel) -> Check:
    """Every region has a neighbour."""
    if panel.links is None:
        return Check("links", "amber", "Neighbours are unknown: nothing can be said about spillover.")
    linked = {*panel.links["region_a"], *panel.links["region_b"]}
    found = pd.DataFrame({"region_id": [r for r in panel.region_ids if r not in linked]})
    names = listed(found["region_id"])
    return verdict("links", found, "amber", f"Without neighbours: {names}.", "Every region has neighbours.")


def missing_countries(panel: Panel, previous: Panel) -> Check:
    """No country of the previous vintage has disappeared."""
    now = set(_country_sums(panel).dropna(axis=1, how="all"))
    gone = sorted(map(str, set(_country_sums(previous).dropna(axis=1, how="all")) - now))
    found = pd.DataFrame({"country": gone})
    return verdict(
        "countries",
        found,
        "red",
        f"Countries have disappeared: {listed(gone)}.",
        "Every country that was there last time still is.",
    )


def losses(panel: Panel, previous: Panel, limits: Limits) -> Check:
    """Events that the previous vintage had and this one has not, by country."""
    rows: list[tuple[Any, ...]] = []
    for measure in ("events", "deaths_best"):
        if measure not in panel.measures or measure not in previous.measures:
            continue
        now, then = _country_sums(panel, measure), _country_sums(previous, measure)
        common = now.index.intersection(then.index)
        settled = common[common <= then.index[-1] - limits.settled_months]
        spans = (
            ("settled", settled, limits.settled_loss),
            ("recent", common.difference(settled), limits.recent_loss),
        )
        for country in now.columns.intersection(then.columns):
            for span, months, limit in spans:
                a, b = float(then.loc[months, country].sum()), float(now.loc[months, country].sum())
                if a >= 20 and b < a * (1 - limit):
                    rows.append((country, measure, span, a, b, round(1 - b / a, 4)))
        for country in now.columns.intersection(then.columns):
            a_month, b_month = then.loc[common, country], now.loc[common, country].fillna(0.0)
            for month in common[(a_month >= 10) & (b_month < a_month * (1 - limits.month_loss))]:
                a, b = float(a_month[month]), float(b_month[month])
                rows.append((country, measure, str(month), a, b, round(1 - b / a, 4)))
    found = pd.DataFrame(rows, columns=["country", "measure", "months", "before", "now", "lost_share"])
    message = listed((f"{c} {lost:.0%} of {span} {m}" for c, m, span, _, _, lost in rows), 4)
    return verdict(
        "losses",
        found,
        "red",
        f"Lost since the last vintage: {message}.",
        f"No country has lost more than {limits.settled_loss:.0%} of its settled events, nor "
        f"{limits.recent_loss:.0%} of its recent ones.",
    )
