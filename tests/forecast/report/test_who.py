"""Who, and against whom: bars that add up, sentences that read them out, and no group where it has hardly been."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from make_result import make_divided

from harmattan.forecast.parts import part_label
from harmattan.forecast.publishing.checks import problems_of
from harmattan.forecast.release.tables import release_tables
from harmattan.forecast.report import render
from harmattan.forecast.report.sections import actors_of
from harmattan.forecast.report.tables import region_outlook
from harmattan.forecast.report.who import against_words, skill_rows, who_section
from harmattan.forecast.result import ForecastResult


@pytest.fixture(scope="module")
def divided() -> ForecastResult:
    return make_divided()


def test_bars_of_a_region_add_up_to_all_of_it(divided: ForecastResult) -> None:
    events = region_outlook(divided, "events")
    found = who_section(divided, events, np.argsort(-events.mean[0]).tolist())
    assert found is not None
    for place in found["places"]:
        for bars in place["bars"].values():
            assert 90 <= sum(b["percent"] for b in bars) <= 102
        assert " involve " in place["sentence"]
        assert place["sentence"].startswith("Of ")
    assert "battles with the state" in str(found["places"])


def test_a_group_is_not_named_in_a_country_where_it_has_hardly_been(divided: ForecastResult) -> None:
    events = region_outlook(divided, "events")
    south = [i for i, c in enumerate(events.countries) if c == "BEN"]
    found = who_section(divided, events, south)
    assert found is not None
    assert "m23" not in str(found["places"])
    assert "m23" in str(who_section(divided, events, [i for i in range(14) if i not in south]))
    assert not {"BEN"} & set(divided.countries["events_m23"].region_ids)
    assert (divided.withheld["group"] == "m23").any()


def test_the_ranking_names_the_first_group_and_type_of_each_region(divided: ForecastResult) -> None:
    events = region_outlook(divided, "events")
    found = dict(zip(events.ids, actors_of(divided, events), strict=True))
    for region, (group, kind) in found.items():
        at = events.ids.index(region)
        if group != "–":
            mean = {
                n: d.mean()[0, d.region_ids.index(region)]
                for n, d in divided.draws.items()
                if n in ("events_adf", "events_m23", "events_other_groups") and region in d.region_ids
            }
            assert (
                group
                == f"{part_label(max(mean, key=mean.get))} {100 * max(mean.values()) / events.mean[0, at]:.0f}%"
            )
            assert kind.startswith(("battles", "violence against civilians"))


def test_bars_are_not_cut_off_by_their_cells(divided: ForecastResult) -> None:
    """A bar that is longer than its cell loses its left end, where small shares are."""
    (rule,) = re.findall(r"\.parts \.p\{([^}]*)\}", render(divided))
    cell, bar = (int(re.search(name + r":(\d+)px", rule)[1]) for name in ("min-width", "background-size"))  # type: ignore[index]
    assert cell >= bar + 20


def test_a_group_involves_its_fights_with_another(divided: ForecastResult) -> None:
    """M23 renamed to events of the ADF against it: they involve the ADF too, in forecasts and on record."""
    draws = {t.replace("events_m23", "events_adf_vs_m23"): d for t, d in divided.draws.items()}
    table = divided.actors.replace({"group": {"m23": "adf_vs_m23"}}).fillna({"one_sided_share": 0.0})
    table = table.assign(events_12=table["group"].eq("adf") + 1)
    clash = replace(divided, draws=draws, actors=table)
    events = region_outlook(divided, "events")
    i = next(i for i, region in enumerate(events.ids) if region in draws["events_adf_vs_m23"].region_ids)
    found, plain = (who_section(r, events, [i])["places"][0] for r in (clash, divided))  # type: ignore[index]
    assert plain["bars"]["By armed group"][0]["label"] == "adf"
    shares = [bar["percent"] for bar in found["bars"]["By armed group"] if bar["label"] in ("adf", "m23")]
    assert len(shares) == 2
    told = int(re.search(r"(\d+)% involve adf", found["sentence"])[1])  # type: ignore[index]
    assert abs(told - sum(shares)) <= 1
    (words,) = against_words(clash, events.ids[i])
    assert f"{table.loc[table['region_id'] == events.ids[i], 'events_all'].sum():,} events on record" in words


def test_a_group_without_a_region_is_left_out_with_a_sentence(divided: ForecastResult) -> None:
    south = divided.of_countries(["BEN"])
    assert "events_m23" not in south.draws
    assert south.notes == ("There are too few events in BEN for forecasts of events_adf, events_m23.",)


def test_the_record_of_the_leading_group_says_against_whom(divided: ForecastResult) -> None:
    row = divided.actors[divided.actors["group"] == "adf"].iloc[0]
    (words,) = against_words(divided, row["region_id"])
    assert f"{row['events_all']:,}" in words
    assert f"{100 * row['one_sided_share']:.0f}% were against civilians" in words


def test_the_state_is_no_group_that_has_turned_against_civilians(divided: ForecastResult) -> None:
    table = divided.actors.replace({"group": {"adf": "state_only"}})
    region = table.loc[table["group"] == "state_only", "region_id"].iloc[0]
    assert against_words(replace(divided, actors=table), region) == []


def test_skill_stands_beside_both_rivals(divided: ForecastResult) -> None:
    (row,) = skill_rows(divided)
    assert (row.label, row.own, row.own_span) == ("adf", "+8.0%", "+1.0 to +10.0%")
    assert (row.share, row.share_span) == ("+2.0%", "−1.0 to +5.0%")


def test_what_cannot_be_divided_is_said_on_the_page(divided: ForecastResult) -> None:
    words = "The data do not give types of violence: there are no forecasts by type."
    whole = replace(divided, draws={"events": divided.draws["events"]}, notes=(words,)).of_countries()
    assert words in render(whole)
    assert who_section(replace(whole, notes=()), region_outlook(whole, "events"), [0]) is None


def test_tables_and_checks_take_a_group_by_its_own_regions(divided: ForecastResult) -> None:
    wide = release_tables(divided)["wide.csv"]
    assert isinstance(wide, pd.DataFrame)
    mine = wide[(wide["target"] == "events_m23") & (wide["horizon"] == 1)].set_index("region_id")
    assert "BEN" not in set(mine["country"])
    panel = divided.panel
    for region, level in mine["escalation_from"].items():
        last = panel.measure("events_m23")[-12:, panel.region_ids.index(str(region))]
        assert np.isnan(level) == (last.sum() == 0)
        assert np.isnan(level) or level == np.ceil(2 * last.mean())
    assert not any("every region" in words for words in problems_of(divided))
