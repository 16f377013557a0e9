"""What the page says first, derived again from panel and draws, and the same under other names in other months."""

from __future__ import annotations

import dataclasses
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from make_result import make_result

from harmattan.data.geography import country_name
from harmattan.data.panel import Panel
from harmattan.forecast.outlook import judge, with_outlook
from harmattan.forecast.report.first_page import class_record, first_page, surprises
from harmattan.forecast.report.number_format import count, interval
from harmattan.forecast.result import ForecastResult
from harmattan.training.distribution import Draws


@pytest.fixture(scope="module")
def result() -> ForecastResult:
    return make_result()


def said(result: ForecastResult) -> list[str]:
    """Every text of the first page, in order."""
    page = first_page(result)
    texts = [s.text for s in page["surprises"]] + [f"{s.topic}. {s.text}" for s in page["countries"]]
    for each in page["classes"]:
        texts += [each.name, each.record, *(f"{p['label']} {p['text']}" for p in each.places)]
    return texts + [f"{n} {what}" for n, what in page["numbers"]]


def with_counts(result: ForecastResult, counts: np.ndarray, **more: np.ndarray) -> ForecastResult:
    """The result with another past; groups by their measure."""
    panel = result.panel
    measures = {"events": counts.astype(np.float32), **{k: v.astype(np.float32) for k, v in more.items()}}
    return with_outlook(
        dataclasses.replace(result, panel=dataclasses.replace(panel, measures={**panel.measures, **measures}))
    )


def test_a_country_is_set_against_its_last_months_and_its_year(result: ForecastResult) -> None:
    counts, draws = result.panel.measure("events"), result.draws["events"]
    for sentence in first_page(result)["countries"]:
        code = sentence.facts.get("location")
        if code is None:
            continue
        mine = np.array([c == code for c in result.panel.countries])
        sums = np.sort(draws.values[:, :3][:, :, mine].sum(axis=(1, 2)))
        low, high = sums[int(np.ceil(0.1 * len(sums))) - 1], sums[int(np.ceil(0.9 * len(sums))) - 1]
        last, year = counts[-3:, mine].sum(), counts[-12:, mine].sum() / 4
        mean = draws.mean()[:3][:, mine].sum()
        assert f"About {count(mean)} events in the next 3 months ({interval(low, high)})" in sentence.text
        assert f"{last:,.0f} in the last 3 months, {count(year)} in a usual 3 of the year" in sentence.text
        rising = mean >= 1.1 * last and mean >= 1.1 * year
        assert ("rising" in sentence.text) == rising


def test_totals_are_judged_before_regions(result: ForecastResult) -> None:
    values = np.random.default_rng(3).poisson(2.0, size=(500, 14))
    observed = np.zeros(14)
    month = result.origin
    judged = judge(
        values, values.mean(0), result.panel.region_ids, result.panel.countries, observed, (month - 1, month)
    )
    assert judged["level"].tolist() == ["all", *["country"] * 4, *["region"] * 14]
    first = surprises(dataclasses.replace(result, judged=judged))[0]
    sums = np.sort(values.sum(axis=1))
    assert (
        f"had 0 events in December 2023, below the 90% interval of its forecast ({sums[24]}–{sums[474]})"
        in first.text
    )
    assert first.text.endswith("so few had a chance of less than 1 in 1,000.")
    checks = with_outlook(dataclasses.replace(result, judged=judged)).quality.set_index("name")
    assert checks.loc["totals", "status"] == "amber"
    assert str(checks.loc["totals", "message"]).startswith("The rule: each total")


def test_a_total_inside_its_interval_is_no_surprise(result: ForecastResult) -> None:
    values = np.random.default_rng(3).poisson(2.0, size=(500, 14))
    month = result.origin
    judged = judge(
        values,
        values.mean(0),
        result.panel.region_ids,
        result.panel.countries,
        np.full(14, 2.0),
        (month - 1, month),
    )
    assert surprises(dataclasses.replace(result, judged=judged)) == []
    assert with_outlook(dataclasses.replace(result, judged=judged)).quality["status"].tolist()[-1] == "green"


def test_a_record_and_a_group_that_is_back_break_out(result: ForecastResult) -> None:
    counts = result.panel.measure("events").copy()
    group = np.zeros_like(counts)
    i = result.panel.region_ids.index("NER-east")
    counts[:, i] = 1
    counts[-1, i], group[-1, i] = 90, 2
    group[10, i] = 10
    page = first_page(with_counts(result, counts, events_northern=group))
    out = {p["id"]: p["text"] for p in page["classes"][0].places}
    assert "90 events in December" in out["NER-east"]
    assert "the most on record, from January 2019" in out["NER-east"]
    assert f"Northern recorded there again after {(len(counts) - 1 - 10) // 12} years" in out["NER-east"]


def test_a_group_of_few_events_is_not_named(result: ForecastResult) -> None:
    group = np.zeros_like(result.panel.measure("events"))
    group[-1, 0] = 9
    told = " ".join(said(with_counts(result, result.panel.measure("events"), events_northern=group)))
    assert "Northern" not in told


def test_no_place_is_named_twice_and_never_more_than_eight(result: ForecastResult) -> None:
    for seed in range(5):
        table = make_result(seed).warnings
        assert len(table) <= 8
        assert table["region_id"].is_unique
        assert table["rank"].tolist() == list(range(1, len(table) + 1))


def test_groups_and_quiet_places_have_records_of_their_own() -> None:
    rows = [
        SimpleNamespace(group=g, cases=n, came=k, months=3) for g, n, k in (("", 45, 21), ("jnim", 148, 18))
    ]
    for order in (rows, rows[::-1]):
        text = class_record("could begin", order)
        assert "Of 45 quiet places listed first, 21 had an event" in text
        assert "Of 148 places on earlier lists of armed groups, 18 were entered" in text
    assert "quiet" not in class_record("could begin", rows[1:])


def test_likely_to_worsen_is_above_both_pasts(result: ForecastResult) -> None:
    rows = pd.concat([make_result(seed).warnings for seed in range(5)])
    worse = rows[rows["class"] == "likely to worsen"]
    assert len(worse)
    assert (worse["next"] > worse[["last", "year"]].max(axis=1)).all()
    easing = rows[rows["class"] == "easing"]
    assert (easing["next"] < 0.75 * easing[["last", "year"]].min(axis=1) + 1e-9).all()


def renamed(result: ForecastResult, months: int) -> tuple[ForecastResult, dict[str, str]]:
    """The same world with every region's name another's, countries in turn, and later by some months."""
    panel = result.panel
    codes = sorted(set(panel.countries))
    country = dict(zip(codes, [*codes[1:], codes[0]], strict=True))
    names = dict(zip(panel.names, reversed(panel.names), strict=True))
    region = {old: f"{country[old[:3]]}-{old[4:]}" for old in panel.region_ids}
    ids = tuple(region[r] for r in panel.region_ids)
    links = panel.links.assign(
        region_a=panel.links["region_a"].map(region), region_b=panel.links["region_b"].map(region)
    )
    moved = dataclasses.replace(
        panel,
        months=panel.months + months,
        region_ids=ids,
        names=tuple(names[n] for n in panel.names),
        countries=tuple(country[c] for c in panel.countries),
        links=links,
    )
    draws = {
        t: Draws(d.values, d.origin + months, d.horizons, ids, t, d.analytic_mean)
        for t, d in result.draws.items()
    }
    places = {**country, **region}
    judged = result.judged.assign(location=result.judged["location"].replace(places))
    for column in ("origin", "month"):
        judged[column] = [str(pd.Period(m, "M") + months) for m in judged[column]]
    other = dataclasses.replace(
        result,
        origin=result.origin + months,
        panel=moved,
        draws=draws,
        judged=judged,
        countries={t: d.total(moved.countries) for t, d in draws.items()},
    )
    words = {
        f"{o} ({country_name(c)})": f"{names[o]} ({country_name(country[c])})"
        for o, c in zip(panel.names, panel.countries, strict=True)
    }
    return with_outlook(other), words | {country_name(a): country_name(b) for a, b in country.items()}


@pytest.mark.parametrize("seed", [7, 8])
def test_renamed_and_shifted_the_page_says_the_same(seed: int) -> None:
    here = make_result(seed)
    there, words = renamed(here, 24)
    pattern = re.compile("|".join(re.escape(w) for w in sorted(words, key=len, reverse=True)))
    wanted = [pattern.sub(lambda found: words[found.group()], text) for text in said(here)]
    wanted = [re.sub(r"\b20(\d\d)\b", lambda y: str(int(y.group()) + 2), text) for text in wanted]
    assert sorted(map(_sorted_names, said(there))) == sorted(map(_sorted_names, wanted))


def _sorted_names(text: str) -> str:
    """A text with its words in order: lists of countries are sorted by name."""
    return " ".join(sorted(re.findall(r"[^\s,]+", text)))


def test_a_panel_of_zeros_and_one_region_has_a_page(result: ForecastResult) -> None:
    quiet = with_counts(result, np.zeros_like(result.panel.measure("events")))
    assert [each.places for each in first_page(quiet)["classes"]] == [[], [], [], []]
    one = Panel.from_frame(
        pd.DataFrame(
            {
                "month": pd.period_range(end="2023-12", periods=40, freq="M").astype(str),
                "region_id": "MLI-gao",
                "events": 0,
            }
        )
    )
    draws = Draws(np.zeros((10, 1, 1), np.int32), one.last_month, (1,), one.region_ids, "events")
    alone = dataclasses.replace(
        result,
        panel=one,
        draws={"events": draws},
        countries={"events": draws.total(one.countries)},
        horizons=(1,),
        judged=pd.DataFrame(),
    )
    assert first_page(with_outlook(alone))["countries"][0].text.startswith(
        "Less than one event is expected in the next month"
    )
